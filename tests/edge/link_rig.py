"""A link on a transport in memory, with the websockets library's server half at the other end."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from daemon.edge import net
from daemon.edge.clock import Clock
from daemon.edge.link import Link
from daemon.edge.net import Egress, tls_context
from daemon.edge.settings import Waits
from protocols.dialect import SocketPlan
from protocols.session import Event, Session, State
from tests.edge.watch import Watch
from tests.fakes import CREDENTIALS, PLAN, FakeDialect

EGRESS = Egress(tls_context())
E = TypeVar("E")


class Pipe(asyncio.Transport):
    """A transport whose other end is a WebSocket server in memory. Nothing moves by itself but what `answers` says."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.server = ServerProtocol()
        self.frames: list[str] = []
        self.pongs = 0
        self.close_frames = 0
        self.is_aborted = False
        self.is_paused = False
        self.unsent_bytes = 0
        self.refuses = False
        self._watch = watch
        self._link: Link | None = None

    def connect(self, link: Link) -> None:
        self._link = link
        link.connection_made(self)
        self.reply()

    def reply(self) -> None:
        """Let the server's bytes arrive."""
        assert self._link is not None
        data = b"".join(self.server.data_to_send())
        if data and not self.is_aborted:
            self._link.data_received(data)

    def say(self, *frames: str) -> None:
        """Send frames, all in one piece of data."""
        for frame in frames:
            self.server.send_text(frame.encode())
        self.reply()

    def lose(self) -> None:
        assert self._link is not None
        self.is_aborted = True
        self._link.connection_lost(ConnectionResetError(104, "x"))

    # -- the transport's side

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.server.receive_data(data)
        for event in self.server.events_received():
            if isinstance(event, Request):
                response = self.server.reject(403, "no") if self.refuses else self.server.accept(event)
                self.server.send_response(response)
            elif isinstance(event, Frame):
                self._take(event)
        self._watch.changed()

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT:
                self.frames.append(bytes(frame.data).decode())
            case Opcode.PONG:
                self.pongs += 1
            case Opcode.CLOSE:
                self.close_frames += 1

    def abort(self) -> None:
        self.is_aborted = True
        self._watch.changed()

    def is_closing(self) -> bool:
        return self.is_aborted

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes


class Bench:
    """A link on a pipe, and what its session told."""

    def __init__(self, plan: SocketPlan = PLAN, waits: Waits | None = None) -> None:
        self.watch = Watch()
        self.pipe = Pipe(self.watch)
        self.events: list[Event] = []
        self.on_event: Callable[[Event], None] = lambda _: None
        session = Session(plan, FakeDialect(plans=(plan,)), CREDENTIALS)
        self.link = Link(session, Clock(), lambda: 42, self._told, waits or Waits())

    def _told(self, link: Link, events: Sequence[Event]) -> None:
        assert link is self.link
        for event in events:
            self.events.append(event)
            self.on_event(event)
        self.watch.changed()

    async def dial(self, monkeypatch: pytest.MonkeyPatch) -> "Bench":
        async def connect(protocol: Link, *_: object, **__: object) -> None:
            self.pipe.connect(protocol)

        monkeypatch.setattr(net, "connect", connect)
        await self.link.dial("ws://venue/ws", EGRESS)
        return self

    async def go_live(self, monkeypatch: pytest.MonkeyPatch) -> "Bench":
        await self.dial(monkeypatch)
        self.pipe.say("login ok", "sub ok orders")
        assert self.link.session.state is State.LIVE
        self.pipe.frames.clear()
        return self

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]
