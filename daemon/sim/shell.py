"""The server under every simulated venue: sockets and a clock around a Sans-I/O venue, on one port.

It carries bytes in and actions out, and knows neither venues nor orders. WebSockets are opened at the venue's own
paths, `/_sim/...` is the control door (loopback only), everything else is REST. It listens on loopback only: a
simulated venue has published credentials.

One coroutine a connection reads; whoever has told the venue something pumps: it carries out the venue's actions,
directly, in order. A writer never waits: a connection whose peer reads so slowly that SEND_BUFFER_BYTES_MAX pile up is
cut.
"""

import asyncio
import ipaddress
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from daemon.sim.control import PREFIX, control
from daemon.sim.venue import Abort, Action, Close, Drop, HttpRequest, HttpResponse, Respond, Send, Silence, SimVenue

SEND_BUFFER_BYTES_MAX = 8 * 1024 * 1024
"""Unsent bytes of one connection: some ten thousand pushes."""
FRAME_BYTES_MAX = 1024 * 1024
BODY_BYTES_MAX = 4 * 1024 * 1024
SILENCE_MAX_S = 600.0
"""How long a half-open connection is kept before its descriptor is given back."""
CLOSE_WAIT_S = 2.0
STOP_WAIT_S = 1.0

Clock = Callable[[], int]
"""Microseconds since the epoch, never going back."""


class NotLoopbackError(ValueError):
    """The address to listen on is reachable from elsewhere."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(f"a simulated venue listens on loopback only, and {host} is not loopback: use 127.0.0.1")


@dataclass(frozen=True, slots=True)
class Server:
    """A running simulated venue: where it listens, and the venue itself."""

    venue: SimVenue
    host: str
    port: int
    has_tls: bool

    @property
    def url(self) -> str:
        """The base of its REST paths and of its control door."""
        return f"http{'s' if self.has_tls else ''}://{self._address}"

    @property
    def ws_url(self) -> str:
        """The base of its WebSocket paths."""
        return f"ws{'s' if self.has_tls else ''}://{self._address}"

    @property
    def _address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def system_clock() -> Clock:
    """The machine's time now, advanced by its monotonic clock."""
    offset_us = (time.time_ns() - time.monotonic_ns()) // 1_000
    return lambda: time.monotonic_ns() // 1_000 + offset_us


@asynccontextmanager
async def serve(
    venue: SimVenue,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tls: ssl.SSLContext | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Server]:
    """Serve a venue until the block is left; port 0 is any free one. Raises NotLoopbackError, or OSError where it
    cannot listen.
    """
    if not _is_loopback(host):
        raise NotLoopbackError(host)
    shell = _Shell(venue, clock or system_clock())
    runner = web.ServerRunner(
        web.Server(shell.handle, handler_cancellation=True, access_log=None), shutdown_timeout=STOP_WAIT_S
    )
    await runner.setup()
    running = asyncio.create_task(shell.run())
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        yield Server(venue, host, runner.addresses[0][1], tls is not None)
    finally:
        shell.stop()
        await runner.cleanup()
        await running


@dataclass(slots=True)
class _Socket:
    ws: web.WebSocketResponse
    transport: asyncio.Transport
    is_silent: bool = False


@dataclass(slots=True)
class _Call:
    answer: asyncio.Future[HttpResponse | None]
    transport: asyncio.Transport
    is_last: bool = False  # the connection is closed behind the answer


class _Shell:
    """One served venue: its open sockets and unanswered calls."""

    def __init__(self, venue: SimVenue, clock: Clock) -> None:
        self._venue = venue
        self._clock = clock
        self._ids = itertools.count(1)
        self._sockets: dict[int, _Socket] = {}
        self._calls: dict[int, _Call] = {}
        self._is_pumping = False
        self._is_stopping = False
        self._tasks = asyncio.TaskGroup()
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_us: int | None = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take one request: a WebSocket, the control door, or REST."""
        if request.raw_path.startswith(PREFIX):
            return await self._control(request)
        is_upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if is_upgrade and self._venue.is_socket_path(request.raw_path):
            return await self._socket(request)
        return await self._call(request)

    async def run(self) -> None:
        """Tick the venue when it is due, until `stop`."""
        async with asyncio.TaskGroup() as self._tasks:
            while not self._is_stopping:
                await self._wake.wait()
                self._wake.clear()
                self._alarm_us = None
                self._venue.tick(self._clock())
                await self._pump()

    def stop(self) -> None:
        """Cut everything that is open, and end `run`."""
        self._is_stopping = True
        self._wake.set()
        for socket in self._sockets.values():
            socket.transport.abort()
        for call in self._calls.values():
            _settle(call.answer, None)
        if self._alarm is not None:
            self._alarm.cancel()

    async def _socket(self, request: web.BaseRequest) -> web.StreamResponse:
        ws = web.WebSocketResponse(timeout=CLOSE_WAIT_S, autoping=False, compress=False, max_msg_size=FRAME_BYTES_MAX)
        await ws.prepare(request)
        transport = _transport(request)
        transport.set_write_buffer_limits(high=2 * SEND_BUFFER_BYTES_MAX)
        conn_id = next(self._ids)
        socket = self._sockets[conn_id] = _Socket(ws, transport)
        try:
            self._venue.open(conn_id, request.raw_path, _headers(request), self._clock())
            await self._pump()
            async for message in ws:
                if socket.is_silent:
                    continue
                if message.type is WSMsgType.PING and self._venue.answers_protocol_pings:
                    await ws.pong(message.data)
                elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._venue.frame(conn_id, message.data, self._clock())
                    await self._pump()
        except ConnectionError:
            pass  # the peer is gone while we answered: the venue is told below
        finally:
            del self._sockets[conn_id]
            self._venue.closed(conn_id, self._clock())
        await self._pump()
        return ws

    async def _call(self, request: web.BaseRequest) -> web.StreamResponse:
        read = await _read(request)
        request_id = next(self._ids)
        answer: asyncio.Future[HttpResponse | None] = asyncio.get_running_loop().create_future()
        call = self._calls[request_id] = _Call(answer, _transport(request))
        try:
            self._venue.http(request_id, read, self._clock())
            await self._pump()
            response = _response(await answer)
            if call.is_last:
                response.force_close()
            return response
        finally:
            del self._calls[request_id]

    async def _control(self, request: web.BaseRequest) -> web.StreamResponse:
        if not _is_loopback(request.remote or ""):
            return _response(HttpResponse(403, b'{"error":"the control door opens to the loopback only"}'))
        answer = control(self._venue, await _read(request), self._clock())
        await self._pump()
        return _response(answer)

    async def _pump(self) -> None:
        """Carry out the venue's actions, in order, and set the alarm. A pump that runs does the work of later ones."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while actions := self._venue.drain():
                for action in actions:
                    await self._carry_out(action)
        finally:
            self._is_pumping = False
        self._set_alarm()

    async def _carry_out(self, action: Action) -> None:
        match action:
            case Send(conn_id, payload, is_binary):
                await self._send(conn_id, payload, is_binary=is_binary)
            case Respond(request_id, response):
                self._answer(request_id, response)
            case Close(conn_id, code, reason):
                socket = self._sockets.get(conn_id)
                if socket is not None:
                    self._tasks.create_task(_close(socket.ws, code, reason))
            case Abort(conn_id):
                self._abort(conn_id)
            case Silence(conn_id):
                self._silence(conn_id)
            case Drop(request_id):
                self._drop(request_id)

    async def _send(self, conn_id: int, payload: bytes, *, is_binary: bool) -> None:
        socket = self._sockets.get(conn_id)
        if socket is None or socket.is_silent:
            return
        if socket.transport.get_write_buffer_size() > SEND_BUFFER_BYTES_MAX:
            socket.transport.abort()
            return
        try:
            await socket.ws.send_frame(payload, WSMsgType.BINARY if is_binary else WSMsgType.TEXT)
        except ConnectionError:
            socket.transport.abort()  # the peer is gone; the reader notices and tells the venue

    def _answer(self, request_id: int, response: HttpResponse) -> None:
        call = self._calls.get(request_id)
        if call is not None:
            _settle(call.answer, response)

    def _drop(self, request_id: int) -> None:
        call = self._calls.get(request_id)
        if call is None:
            return
        call.is_last = True
        if not call.answer.done():
            call.transport.abort()
            _settle(call.answer, None)

    def _abort(self, conn_id: int) -> None:
        """Cut, but let out what was written before: uvloop keeps that until its next turn."""
        socket = self._sockets.get(conn_id)
        if socket is not None and socket.transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(0, socket.transport.abort)
        elif socket is not None:
            socket.transport.abort()

    def _silence(self, conn_id: int) -> None:
        socket = self._sockets.get(conn_id)
        if socket is not None:
            socket.is_silent = True
            socket.transport.pause_reading()
            asyncio.get_running_loop().call_later(SILENCE_MAX_S, socket.transport.abort)

    def _set_alarm(self) -> None:
        due_us = self._venue.deadline()
        if due_us == self._alarm_us or due_us is None:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_us = due_us
        delay_s = max(0.0, (due_us - self._clock()) / 1e6)
        self._alarm = asyncio.get_running_loop().call_later(delay_s, self._wake.set)


async def _close(ws: web.WebSocketResponse, code: int, reason: str) -> None:
    with suppress(ConnectionError):  # it was gone already
        await ws.close(code=code, message=reason.encode())


def _settle(answer: asyncio.Future[HttpResponse | None], response: HttpResponse | None) -> None:
    if not answer.done():
        answer.set_result(response)


def _transport(request: web.BaseRequest) -> asyncio.Transport:
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the peer is gone before it was served")
    return transport


def _headers(request: web.BaseRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


async def _read(request: web.BaseRequest) -> HttpRequest:
    return HttpRequest(request.method, request.raw_path, _headers(request), await request.read())


def _response(response: HttpResponse | None) -> web.Response:
    """The answer on the wire; None where the connection is cut anyway."""
    if response is None:
        return web.Response(status=503)
    headers = {"Content-Type": "application/json"} | dict(response.headers)
    return web.Response(status=response.status, body=response.body, headers=headers)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
