"""What a gateway reaches the outside by: waiting, tasks, REST calls and links, as things that are handed to it.

In the daemon they are the event loop's (`daemon.edge.loop`) and the sockets' (`daemon.edge.loop_outside`). In a
simulation they are virtual, so that the very same gateway runs there, wait for wait. Nothing here does anything: these
are the words in which one asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from protocols.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from types import TracebackType

    from protocols.asks import WireCancel
    from protocols.fix import SendId
    from protocols.rest import RestResponse, SignedCall
    from protocols.session import Event, Session

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Let it not come."""
        ...


class Bell(Protocol):
    """Once rung it stays rung, for whoever waits, until it is cleared."""

    def ring(self) -> None:
        """Wake those who wait."""
        ...

    def clear(self) -> None:
        """Forget that it was rung."""
        ...

    async def wait(self, limit_s: float | None = None) -> bool:
        """Wait until it is rung, at most so long; say whether it was."""
        ...


class Running(Protocol[T_co]):
    """A coroutine under way, or ended."""

    def cancel(self) -> bool:
        """Have it end by cancellation."""
        ...

    def cancelled(self) -> bool:
        """Whether it did."""
        ...

    def result(self) -> T_co:
        """Give what it returned, once it ended otherwise."""
        ...

    def add_done_callback(self, call: Callable[[Running[T_co]], object], /) -> None:
        """Have ``call`` called with this, soon after the end."""
        ...


class Group(Protocol):
    """Whoever leaves it waits for its tasks; when one fails, or its own body does, the others are cancelled."""

    async def __aenter__(self) -> Group:
        """Begin to own tasks."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        """Wait for them."""
        ...

    def create_task(self, coroutine: Coroutine[object, object, T], /) -> Running[T]:
        """Set a coroutine running."""
        ...


class CallFailed(msgspec.Struct, frozen=True):
    """A call without an answer. ``handed_over`` is False only when it is certain that no byte of it left."""

    why: str
    handed_over: bool


class Flight:
    """One call on its way: whether its bytes may have left, and whom to tell when they do."""

    __slots__ = ("_on_sent", "is_sent")

    def __init__(self, on_sent: Callable[[], None] | None = None) -> None:
        self.is_sent = False
        self._on_sent = on_sent

    def sent(self) -> None:
        """Note that the request is being written."""
        if not self.is_sent:
            self.is_sent = True
            if self._on_sent is not None:
                self._on_sent()


class Pool(Protocol):
    """Warm connections to one venue's REST. Use as an asynchronous context manager."""

    async def __aenter__(self) -> object:
        """Open it; nothing is dialed yet."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close every connection."""
        ...

    async def call(self, signed: SignedCall, total_s: float, flight: Flight | None = None) -> RestResponse | CallFailed:
        """Make one call, within ``total_s``. Only cancellation is raised; then ``flight`` says whether bytes left."""
        ...


class DialFailed(RemoteError):
    """No WebSocket came about. ``why`` is fit for a log: it holds no address and no secret."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Link(Protocol):
    """One WebSocket connection and the session that it carries; see `daemon.edge.link`."""

    session: Session

    @property
    def has_opened(self) -> bool:
        """Whether there ever was a WebSocket."""
        ...

    @property
    def is_behind(self) -> bool:
        """Whether it holds something that came and is not read yet."""
        ...

    async def open(self, url: str) -> None:
        """Connect and shake hands; the session is `opened` then. Raises `DialFailed`, and then the link is spent."""
        ...

    def cancel(self, frame: str, send_id: SendId) -> bool:
        """Hand a cancel to the transport, now. False when it was certainly not handed over."""
        ...

    def cancel_batch(self, frame: str, wires: Sequence[WireCancel]) -> bool:
        """Hand a batch of cancels to the transport, now. False when it was certainly not handed over."""
        ...

    def probe(self) -> None:
        """Doubt this connection: it proves alive very soon, or is aborted."""
        ...

    def drain(self, why: str) -> None:
        """Let a successor take over: read on for a while, then close."""
        ...

    def close(self, why: str) -> None:
        """Close politely, in bounded time."""
        ...

    def abort(self, why: str) -> None:
        """Cut the connection at once."""
        ...


class Time(Protocol):
    """Waiting and tasks. Times are seconds from now."""

    def bell(self) -> Bell:
        """Make a bell."""
        ...

    def group(self) -> Group:
        """Make a group of tasks."""
        ...

    def spawn(self, coroutine: Coroutine[object, object, T]) -> Running[T]:
        """Set a coroutine running that the caller keeps hold of."""
        ...

    def soon(self, call: Callable[[], object]) -> None:
        """Have something called after what is running now."""
        ...

    def later(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Have something called in a while."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def draw(self) -> float:
        """Draw a number from 0 up to 1, for jitter."""
        ...


class Outside(Time, Protocol):
    """All of it, for one gateway."""

    def pool(self) -> Pool:
        """Make the way by REST. Once."""
        ...

    def link(
        self, session: Session, venue_now: Callable[[], int], report: Callable[[Link, Sequence[Event]], None]
    ) -> Link:
        """Make a link that is not open yet; ``report`` gets its session's events in order, as they happen."""
        ...
