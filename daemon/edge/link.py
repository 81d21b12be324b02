"""Carries one `protocols.session.Session` over one WebSocket connection: bytes and time, no venue and no order.

The WebSocket protocol itself is the Sans-I/O half of the websockets library, driven straight from the transport's
callbacks: a cancel is handed to the kernel in the call that wants it, and a frame is read in the loop turn in which it
arrives, without a task or a queue between. No compression, no pings of the library's own: a venue has its own
heartbeat, which the session keeps. Of what comes at once so much is read in a turn of the loop that nobody else waits
long; meanwhile no more is taken from the transport.

A link ends in one of three ways, and always tells its session: the venue closes or the connection breaks; `close`
(politely, bounded in time); `abort` (at once, dropping what the socket's buffer still holds).
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State as WireState
from websockets.uri import parse_uri

from daemon.edge import net
from daemon.edge.carrier import Carrier
from daemon.edge.outside import DialFailed
from daemon.edge.why import why_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.edge.clock import Clock
    from daemon.edge.settings import Waits
    from protocols.session import Event, Session

WRITE_BUFFER_BYTES_MAX: Final = 65_536
"""Hundreds of cancels that the kernel does not take: the peer has stopped reading, so the socket is suspect."""
READ_BYTES_PER_TURN: Final = 16_384
"""A dozen pushes, or as many answers to cancels as a batch may have: half a millisecond."""
FRAGMENTS_MAX: Final = 1024
"""Of one message. No venue fragments; empty fragments would cost nothing but never end."""
USER_AGENT: Final = "canceld"


class Link(Carrier, asyncio.Protocol):
    """One connection. ``report`` gets the session's events in order, in the loop turn in which they happen."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        venue_now: Callable[[], int],
        report: Callable[[Link, Sequence[Event]], None],
        waits: Waits,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        super().__init__(session, clock, partial(report, self), self._loop.call_later)
        self._venue_now = venue_now
        self._waits = waits
        self._transport: asyncio.Transport | None = None
        self._ws: ClientProtocol | None = None
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._message = bytearray()
        self._message_is_text = True
        self._fragments = 0
        self._unread = bytearray()
        self._end: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ what an owner does

    async def dial(self, url: str, egress: net.Egress) -> None:
        """Connect and shake hands; the session is `opened` then. Raises `DialFailed`, and then the link is spent."""
        try:
            uri = parse_uri(url)
            self._ws = ClientProtocol(uri, max_size=self.session.plan.frame_bytes_max)
            async with asyncio.timeout(self._waits.open_s):
                await net.connect(self, uri.host, uri.port, is_tls=uri.secure, egress=egress)
                await self._opened
        except BaseException as error:
            self._opened.cancel()
            self.abort("the connection could not be opened")
            if isinstance(error, OSError | WebSocketException):
                raise DialFailed(why_of(error)) from None
            raise

    def close(self, why: str) -> None:
        """Close politely, within `Waits.close_s`. What is in flight may still be answered meanwhile."""
        if self._ws is None or not self._can_write or self._ws.state is not WireState.OPEN:
            self.abort(why)
            return
        self._ws.send_close(1000)
        self._write_out()
        self._end = self._loop.call_later(self._waits.close_s, self.abort, why)

    def abort(self, why: str) -> None:
        """Cut the connection at once: what the buffer holds does not leave, and what left is not known."""
        if self._transport is not None:
            self._transport.abort()
        self._closed(why)

    @property
    def is_behind(self) -> bool:
        """Whether it holds something that came and is not read yet."""
        return bool(self._unread)

    def _has_unheard(self) -> bool:
        return self.is_behind or (self._transport is not None and net.has_unread(self._transport))

    @property
    def has_opened(self) -> bool:
        """Whether there ever was a WebSocket."""
        return self._opened.done() and not self._opened.cancelled() and self._opened.exception() is None

    # ------------------------------------------------------------ what the transport does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert self._ws is not None  # noqa: S101 - dial made it
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by class
        if self._opened.done():  # too late: dial gave up
            self._transport.abort()
            return
        net.set_no_delay(transport)
        request = self._ws.connect()
        request.headers["User-Agent"] = USER_AGENT
        self._ws.send_request(request)
        self._write_out()

    def data_received(self, data: bytes) -> None:
        """Read what came, in turns if it is much."""
        if self._unread:  # a transport may hand over what it held when it was told to pause
            self._unread += data
        elif len(data) <= READ_BYTES_PER_TURN:
            self._read(data)
        else:
            self._unread += data
            self._read_on()

    def _read_on(self) -> None:
        """Read the first of what came, and let others have their turn before the rest."""
        if not self._unread:  # it was read, or is not to be read any more
            return
        data = bytes(self._unread[:READ_BYTES_PER_TURN])
        del self._unread[:READ_BYTES_PER_TURN]
        try:
            self._read(data)
        except BaseException:  # a transport that called would do the same, and frames may be lost behind the fault
            self.abort("reading failed inside the daemon")
            raise
        if self._transport is None or self._transport.is_closing():
            return
        if self._unread:
            self._transport.pause_reading()
            self._loop.call_soon(self._read_on)
        else:
            self._transport.resume_reading()

    def _read_out(self) -> None:
        """Read the rest of what came: it is the last."""
        data, self._unread = bytes(self._unread), bytearray()
        if data:
            self._read(data)

    def _read(self, data: bytes) -> None:
        """Read frame by frame, then send what that calls for."""
        if self._ws is None or self._ws.state is WireState.CLOSED:
            return
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Frame):
                self._frame_received(event)
            elif isinstance(event, Response):
                self._shaken_hands()
        self._write_out()
        self._give_up_if_broken()
        self._flush()

    def eof_received(self) -> None:
        """Take the peer's end of the stream; the transport closes itself."""
        self._read_out()
        if self._ws is not None and self._ws.state is not WireState.CLOSED:
            self._ws.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the session, if nobody did yet, and before that what the venue had said."""
        self._read_out()
        if not self._opened.done():
            handshake = self._ws.handshake_exc if self._ws is not None else None
            self._opened.set_exception(handshake or exc or ConnectionResetError("closed during the handshake"))
        self._closed(why_of(exc) if exc is not None else "the venue closed the connection")

    # ------------------------------------------------------------ reading

    def _shaken_hands(self) -> None:
        assert self._ws is not None  # noqa: S101 - it told us
        if self._opened.done():
            return
        if self._ws.handshake_exc is not None:
            self._opened.set_exception(self._ws.handshake_exc)
            return
        self._opened.set_result(None)
        self.session.opened(self._clock.now(), self._venue_now())

    def _frame_received(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY if frame.fin:
                self._hand_over(bytes(frame.data), is_text=frame.opcode is Opcode.TEXT)
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                self._fragment(frame)
            case Opcode.CLOSE:
                self._closed(self._venue_word())
            case _:
                pass  # pings are answered by the library, and prove no more than a live TCP connection

    def _fragment(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._message_is_text = frame.opcode is Opcode.TEXT
        self._fragments += 1
        if self._fragments > FRAGMENTS_MAX:
            self.abort("a message of too many fragments")
            return
        self._message += frame.data
        if frame.fin:
            whole = bytes(self._message)
            self._message.clear()
            self._fragments = 0
            self._hand_over(whole, is_text=self._message_is_text)

    def _hand_over(self, data: bytes, *, is_text: bool) -> None:
        raw: bytes | str = data
        if is_text:
            try:
                raw = data.decode()
            except UnicodeDecodeError:
                raw = data  # the dialect will find it strange, as it should
        self.session.received(raw, self._clock.now())

    def _venue_word(self) -> str:
        close = self._ws.close_rcvd if self._ws is not None else None
        return f"the venue closed: {close.code} {close.reason}".rstrip() if close else "the venue closed"

    def _give_up_if_broken(self) -> None:
        """A peer that breaks the WebSocket protocol, or sends too long a frame, has no more to say that we can read."""
        if self._ws is not None and self._ws.parser_exc is not None:
            self.abort(f"the WebSocket protocol was broken: {type(self._ws.parser_exc).__name__}")

    # ------------------------------------------------------------ writing

    @property
    def _can_write(self) -> bool:
        return (
            self._transport is not None
            and self._ws is not None
            and self._ws.state is WireState.OPEN
            and not self._transport.is_closing()
        )

    def _write(self, frames: Sequence[str]) -> None:
        if self._ws is None or self._transport is None:
            return
        for frame in frames:
            self._ws.send_text(frame.encode())
        self._write_out()
        if self._transport.get_write_buffer_size() > WRITE_BUFFER_BYTES_MAX:
            self.probe()

    def _write_out(self) -> None:
        """Hand to the transport what the WebSocket protocol wants to send."""
        if self._ws is None or self._transport is None:
            return
        data = b"".join(self._ws.data_to_send())  # the empty mark of a half-close says nothing: TLS has none
        if data and not self._transport.is_closing():
            self._transport.write(data)

    # ------------------------------------------------------------ the end

    def _closed(self, why: str) -> None:
        """The session's end, whoever brought it about. Happens once; the transport is let go of in any case."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self._transport is not None and not self._transport.is_closing():
            self._end = self._loop.call_later(self._waits.close_s, self._transport.abort)
        self.session.closed(self._clock.now(), why)
        self._flush()
