"""A venue for the tests of the edge: aiohttp on loopback, speaking the words of `tests.fakes`.

What it does by itself is to let everybody in and accept everything. A test changes ``answer_frame`` and ``rest``.
"""

from __future__ import annotations

import inspect
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from protocols.dialect import Endpoints

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from tests.edge.watch import Watch

Body = str | web.Response


@dataclass
class Call:
    """One REST call as it arrived. ``target`` is its path and query, undecoded."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: str
    peer: object


def friendly(frame: str) -> list[str]:
    """Answer as a venue does that has no wish of its own."""
    match frame.split(" "):
        case ["login", *_]:
            return ["login ok"]
        case ["sub", key]:
            return [f"sub ok {key}"]
        case ["cancel", send_id, _]:
            return [f"ack {send_id} accepted"]
        case ["ping"]:
            return ["pong"]
    return []


@dataclass(eq=False)
class FakeVenue:
    """``frames`` and ``calls`` are what arrived; ``sockets`` are those open now, oldest first, ``targets`` where all of
    them were opened.
    """

    watch: Watch
    url: str = ""
    frames: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    opened: int = 0
    refuse_sockets: bool = False
    skew_us: int = 0
    rest: dict[str, Callable[[Call], Body | Awaitable[Body]]] = field(default_factory=dict)
    answer_frame: Callable[[str], list[str]] = friendly

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(rest=self.url, ws=self.url.replace("http", "ws", 1))

    def sent(self, word: str) -> list[str]:
        """The frames that begin with a word."""
        return [frame for frame in self.frames if frame.split(" ")[0] == word]

    def called(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.target.partition("?")[0] == path]

    async def push(self, *frames: str, socket: int = -1) -> None:
        """Send frames on one of the open sockets, the newest by default."""
        for frame in frames:
            await self.sockets[socket].send_str(frame)

    def cut(self, socket: int = -1) -> None:
        """Break a connection without a word."""
        connection = self.sockets[socket]
        assert connection._req is not None
        assert connection._req.transport is not None
        connection._req.transport.abort()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        call = Call(
            request.method,
            request.raw_path,
            request.headers,
            await request.text(),
            request.transport and request.transport.get_extra_info("peername"),
        )
        self.calls.append(call)
        self.watch.changed()
        answer = self.rest.get(request.path, self._default)(call)
        body = await answer if inspect.isawaitable(answer) else answer
        return body if isinstance(body, web.Response) else web.Response(text=body)

    def _default(self, call: Call) -> Body:
        match call.target.partition("?")[0]:
            case "/time":
                return str(time.time_ns() // 1000 + self.skew_us)
            case "/whoami":
                return "user-1"
            case "/codes":
                return "BTC=1 ETH=2"
            case "/cancel":
                return "accepted"
            case "/orders":
                return "order o1 new"
        return web.Response(status=404)

    async def _socket(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.refuse_sockets:
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=True, timeout=0.1)
        await socket.prepare(request)
        self.sockets.append(socket)
        self.targets.append(request.raw_path)
        self.opened += 1
        self.watch.changed()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self.frames.append(message.data)
                    for answer in self.answer_frame(message.data):
                        await socket.send_str(answer)
                    self.watch.changed()
        except ConnectionResetError:
            pass
        finally:
            self.sockets.remove(socket)
            self.watch.changed()
        return socket


@asynccontextmanager
async def serving(watch: Watch, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeVenue]:
    """Serve a fake venue on a free port until the block is left."""
    venue = FakeVenue(watch)
    runner = web.ServerRunner(web.Server(venue.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        venue.url = f"{scheme}://{host}:{runner.addresses[0][1]}"
        yield venue
    finally:
        await runner.cleanup()
