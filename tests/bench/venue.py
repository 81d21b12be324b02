"""The simulated OKX of the benchmark: the shipped venue under a lean shell, a process of its own.

What the venue says is the product's own simulation (`daemon.sim.venues.okx`), which checks signatures and counts every
breach of a published limit; with the shell that users get it takes about four times as long for a cancel as alone, and
a benchmark should measure who cancels, not who answers. So here bytes go straight from the transport's callbacks to the
venue and back: RFC 6455 and HTTP/1.1 as far as the benchmark's clients use them.

Beside the venue's own paths there is a door for the benchmark, which lets orders rest without a push, sends pushes of
orders that nobody asked about, swallows cancels, and cuts the sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import selectors
import ssl
import struct
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast
from urllib.parse import parse_qs, urlsplit

import orjson
import uvloop
from websockets.speedups import apply_mask
from websockets.utils import accept_key

from daemon.sim.book import NewOrder, Side
from daemon.sim.control import PREFIX, control
from daemon.sim.venue import Abort, Close, HttpRequest, HttpResponse, Respond, Send
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.bench.pinning import pin

DOOR = "/_bench/"
INSTRUMENTS = 500
"""Each takes 60 cancels in 2 s, so that 15,000 a second may go."""
TICK_S = 0.005
"""Foreign pushes leave in groups, as many as this time is worth."""
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
START_US = time.time_ns() // 1000 - time.monotonic_ns() // 1000


def now_us() -> int:
    return START_US + time.monotonic_ns() // 1000


@dataclass
class Stranger:
    """Pushes of orders that nobody asked about: so many a second, from a template with other ids."""

    template: bytes
    order_id: bytes
    number: int = 0

    def push(self) -> bytes:
        """Make the next one: twice an order, first live, then canceled."""
        self.number += 1
        payload = self.template.replace(self.order_id, b"71%017d" % (self.number // 2))
        return payload if self.number % 2 else payload.replace(b'"state":"live"', b'"state":"canceled"')


class Shell:
    """The venue, its connections, and the door."""

    def __init__(self, options: OkxOptions) -> None:
        self.venue = OkxVenue(options)
        self.connections: dict[int, Connection] = {}
        self.numbers = itertools.count(1)
        self.is_mute = False
        self._listed = [each.inst_id for each in self.venue.instruments if each.inst_id.startswith("SIM")]
        self._next = 0
        self._strangers: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_us = 0

    def pump(self) -> None:
        """Carry out what the venue wants done, and come back when it is due."""
        while actions := self.venue.drain():
            for action in actions:
                match action:
                    case Send(conn_id, payload, _) if conn_id in self.connections:
                        self.connections[conn_id].send(payload)
                    case Respond(request_id, response):
                        self.connections[request_id].respond(response)
                    case Close(conn_id) | Abort(conn_id) if conn_id in self.connections:
                        self.connections[conn_id].transport.abort()
                    case _:
                        pass
        due_us = self.venue.deadline()
        if due_us is not None and (self._timer is None or due_us < self._due_us):
            self._wake_at(due_us)

    def _wake_at(self, due_us: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due_us = due_us
        self._timer = asyncio.get_running_loop().call_later(max(0, due_us - now_us()) / 1e6, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.venue.tick(now_us())
        self.pump()

    # ------------------------------------------------------------ the door

    def door(self, target: str) -> object:
        """Do one of the benchmark's wishes; gives what is answered as JSON."""
        parts = urlsplit(target)
        asked = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        match parts.path.removeprefix(DOOR):
            case "rest":
                return [self._rest() for _ in range(asked["count"])]
            case "live":
                return self._show_live(asked["count"])
            case "strangers":
                self._let_strangers_in(asked["per_s"])
            case "mute":
                self.is_mute = bool(asked["on"])
            case "cut":
                for connection in list(self.connections.values()):
                    if connection.is_socket:
                        connection.transport.abort()
            case "stats":
                return {"breaches": self.venue.floor.rates.breaches, "frames_in": self.venue.floor.stats.frames_in}
            case unknown:
                raise ValueError(unknown)
        return {}

    def _rest(self) -> tuple[str, str]:
        """Let one more order rest, without a push; gives its id and its instrument."""
        instrument = self._listed[self._next % len(self._listed)]
        self._next += 1
        new = NewOrder(instrument=instrument, side=Side.BUY, price=Decimal(10), qty=Decimal(2))
        return self.venue.book.place(new, now_us()).order_id, instrument

    def _stranger(self) -> Stranger:
        new = NewOrder(instrument=self._listed[0], side=Side.BUY, price=Decimal(10), qty=Decimal(2))
        order = self.venue.book.place(new, now_us())
        self.venue.announce(order, None, now_us())
        template = next(action.payload for action in self.venue.drain() if isinstance(action, Send))
        return Stranger(template, order.order_id.encode())

    def _show_live(self, count: int) -> object:
        """Push so many orders as live, each with a client id of its own."""
        stranger = self._stranger()
        for number in range(count):
            payload = stranger.template.replace(stranger.order_id, b"72%017d" % number)
            self._to_all(payload.replace(b'"clOrdId":""', b'"clOrdId":"own%d"' % number))
        return {}

    def _let_strangers_in(self, per_s: int) -> None:
        if self._strangers is not None:
            self._strangers.cancel()
            self._strangers = None
        if per_s:
            self._strangers = asyncio.get_running_loop().create_task(self._push_strangers(self._stranger(), per_s))

    async def _push_strangers(self, stranger: Stranger, per_s: int) -> None:
        began = time.monotonic()
        while True:
            while stranger.number < (time.monotonic() - began) * per_s:
                self._to_all(stranger.push())
            await asyncio.sleep(TICK_S)

    def _to_all(self, payload: bytes) -> None:
        for connection in self.connections.values():
            if connection.is_socket:
                connection.send(payload)


@dataclass
class Connection(asyncio.Protocol):
    """One connection: HTTP until it is upgraded, then a WebSocket."""

    shell: Shell
    conn_id: int = 0
    is_socket: bool = False
    buffer: bytearray = field(default_factory=bytearray)
    transport: asyncio.Transport = field(init=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=1 << 30)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.shell.connections.pop(self.conn_id, None) is not None and self.is_socket:
            self.shell.venue.closed(self.conn_id, now_us())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self._read_frame() if self.is_socket else self._read_request():
            pass
        self.shell.pump()

    # ------------------------------------------------------------ HTTP

    def _read_request(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = bytes(self.buffer[:end]).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        whole = end + 4 + int(headers.get("content-length", "0"))
        if len(self.buffer) < whole:
            return False
        body = bytes(self.buffer[end + 4 : whole])
        del self.buffer[:whole]
        method, target, _ = first.split(" ")
        if "upgrade" in headers:
            self._upgrade(target, headers)
        elif target.startswith(DOOR):
            self.respond(HttpResponse(200, orjson.dumps(self.shell.door(target))))
        elif target.startswith(PREFIX):
            self.respond(control(self.shell.venue, HttpRequest(method, target, headers, body), now_us()))
        else:
            self.shell.connections[self._number()] = self
            self.shell.venue.http(self.conn_id, HttpRequest(method, target, headers, body), now_us())
        return True

    def respond(self, response: HttpResponse) -> None:
        head = f"HTTP/1.1 {response.status} -\r\nContent-Type: application/json\r\nContent-Length: {len(response.body)}"
        self.transport.write(head.encode() + b"\r\n\r\n" + response.body)

    def _upgrade(self, target: str, headers: dict[str, str]) -> None:
        self.is_socket = True
        accept = accept_key(headers["sec-websocket-key"])
        head = f"HTTP/1.1 101 -\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}"
        self.transport.write(head.encode() + b"\r\n\r\n")
        self.shell.connections[self._number()] = self
        self.shell.venue.open(self.conn_id, target, headers, now_us())

    def _number(self) -> int:
        """Take a new number: the venue knows a connection or a request by it."""
        self.shell.connections.pop(self.conn_id, None)
        self.conn_id = next(self.shell.numbers)
        return self.conn_id

    # ------------------------------------------------------------ WebSocket

    def send(self, payload: bytes, opcode: int = TEXT) -> None:
        size = len(payload)
        head = bytes((0x80 | opcode, size)) if size < 126 else struct.pack("!BBH", 0x80 | opcode, 126, size)
        self.transport.write(head + payload)

    def _read_frame(self) -> bool:
        buffer = self.buffer
        if len(buffer) < 6:
            return False
        size, at = buffer[1] & 0x7F, 2
        if size == 126:
            size, at = struct.unpack_from("!H", buffer, 2)[0], 4
        if len(buffer) < at + 4 + size:
            return False
        payload = apply_mask(buffer[at + 4 : at + 4 + size], bytes(buffer[at : at + 4]))
        opcode = buffer[0] & 0x0F
        del buffer[: at + 4 + size]
        if opcode == TEXT:
            text = payload.decode()
            if not (self.shell.is_mute and "cancel-order" in text):
                self.shell.venue.frame(self.conn_id, text, now_us())
        elif opcode == PING:
            self.send(payload, PONG)
        elif opcode == CLOSE:
            self.send(payload, CLOSE)
            self.transport.close()
        return True


async def serve(arguments: argparse.Namespace) -> None:
    options = OkxOptions(
        extra_instruments=INSTRUMENTS,
        pending_max=1 << 30,
        pending_per_instrument_max=1 << 30,
        ack_delay_us=arguments.delay_us,
        push_delay_us=arguments.delay_us,
        idle_close_us=1 << 50,  # who waits for its round is not to be cut
    )
    tls = None
    if arguments.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*arguments.tls)
    shell = Shell(options)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(shell), "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    print(orjson.dumps({"listening": f"http{'s' if tls else ''}://127.0.0.1:{port}"}).decode(), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpu", type=int)
    parser.add_argument("--delay-us", type=int, default=0)
    parser.add_argument("--tls", nargs=2)
    arguments = parser.parse_args()
    pin(arguments.cpu)
    if not arguments.delay_us:
        uvloop.run(serve(arguments))
    else:  # uvloop's timers know whole milliseconds only; select(2) knows microseconds
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
            runner.run(serve(arguments))


if __name__ == "__main__":
    main()
