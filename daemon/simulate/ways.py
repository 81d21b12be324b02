"""A gateway's outside in virtual time: waiting, tasks, the pool of REST calls, and links over cables.

It stands in for `daemon.edge.loop_outside`, wait for wait, and like that decides nothing.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from daemon.edge.carrier import Carrier
from daemon.edge.clock import NS_PER_US, Clock
from daemon.edge.outside import CallFailed, DialFailed, Flight, Link
from daemon.simulate.kernel import Bell, Group, Park
from protocols.rest import RestResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from random import Random
    from types import TracebackType

    from daemon.edge.settings import Waits
    from daemon.simulate.kernel import Call, Kernel, Scope, Task
    from daemon.simulate.network import Answer, Cable, Host
    from protocols.rest import SignedCall
    from protocols.session import Event, Session

T = TypeVar("T")
CONNECTIONS_MAX: Final = 32
"""As `daemon.edge.rest` has it."""


class VirtualClock(Clock):
    """The clock of one life, whose host's is ``offset_us`` ahead of the true time."""

    def __init__(self, kernel: Kernel, offset_us: int) -> None:
        super().__init__(lambda: (kernel.now_us + offset_us) * NS_PER_US, lambda: kernel.now_us * NS_PER_US)
        self._kernel = kernel
        self._offset_us = offset_us

    def now(self) -> int:
        """Microseconds since the epoch: what `Clock` comes to, in one step."""
        return self._kernel.now_us + self._offset_us


class VirtualTime:
    """What `daemon.edge.outside.Time` says, for one life."""

    def __init__(self, scope: Scope, rng: Random) -> None:
        self.scope = scope
        self._rng = rng

    def bell(self) -> Bell:
        """Make a bell."""
        return Bell(self.scope)

    def group(self) -> Group:
        """Make a group of tasks."""
        return Group(self.scope)

    def spawn(self, coroutine: Coroutine[object, object, T]) -> Task[T]:
        """Set a coroutine running."""
        return self.scope.spawn(coroutine)

    def soon(self, call: Callable[[], object]) -> None:
        """Have something called after what is running now."""
        self.scope.soon(call)

    def later(self, seconds: float, call: Callable[[], object]) -> Call:
        """Have something called in a while."""
        return self.scope.after_s(seconds, call)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        park = Park()
        alarm = self.scope.after_s(seconds, park.wake)
        try:
            await park
        finally:
            alarm.cancel()

    def draw(self) -> float:
        """Draw a number from 0 up to 1, for jitter."""
        return self._rng.random()


class VirtualOutside(VirtualTime):
    """What `daemon.edge.outside.Outside` says, for one account of one life."""

    def __init__(self, scope: Scope, rng: Random, host: Host, clock: Clock, waits: Waits) -> None:
        super().__init__(scope, rng)
        self._host = host
        self._clock = clock
        self._waits = waits

    def pool(self) -> VirtualPool:
        """Make the way by REST."""
        return VirtualPool(self.scope, self._host, self._waits)

    def link(
        self, session: Session, venue_now: Callable[[], int], report: Callable[[Link, Sequence[Event]], None]
    ) -> VirtualLink:
        """Make a link that is not open yet."""
        return VirtualLink(session, self._clock, venue_now, report, self.scope, self._host, self._waits)


class VirtualPool:
    """Calls to one host, a bounded number at a time."""

    def __init__(self, scope: Scope, host: Host, waits: Waits) -> None:
        self._scope = scope
        self._host = host
        self._waits = waits
        self._busy = 0
        self._waiting: deque[Park] = deque()

    async def __aenter__(self) -> VirtualPool:
        """Open it."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close it."""

    async def call(self, signed: SignedCall, total_s: float, flight: Flight | None = None) -> RestResponse | CallFailed:
        """Make one call, within ``total_s``."""
        flight = flight or Flight()
        if self._busy >= CONNECTIONS_MAX:
            free = Park()
            self._waiting.append(free)
            alarm = self._scope.after_s(self._waits.rest_connect_s, partial(self._give_up, free))
            why = await free
            alarm.cancel()
            if why is not None:
                return CallFailed(str(why), handed_over=False)
        self._busy += 1
        try:
            return await self._exchange(signed, total_s, flight)
        finally:
            self._busy -= 1
            if self._waiting:
                self._waiting.popleft().wake()

    def _give_up(self, free: Park) -> None:
        """Wait for no connection any more, unless one came free in this moment."""
        if not free.is_over:
            self._waiting.remove(free)
            free.wake("no connection came free")

    async def _exchange(self, signed: SignedCall, total_s: float, flight: Flight) -> RestResponse | CallFailed:
        park = Park()
        limit_s = total_s if not self._host.is_dark else min(total_s, self._waits.rest_connect_s)
        alarm = self._scope.after_s(limit_s, partial(park.wake, "no answer in time"))
        self._host.call(signed, flight.sent, partial(self._answered, park, signed))
        try:
            answer = await park
        finally:
            alarm.cancel()
        if isinstance(answer, RestResponse):
            return answer
        return CallFailed(str(answer), handed_over=flight.is_sent)

    def _answered(self, park: Park, signed: SignedCall, answer: Answer) -> None:
        if self._scope.is_dead or park.is_over:
            return
        if isinstance(answer, RestResponse):
            body = answer.body.decode("utf-8", "replace")
            is_question = signed.method == "GET"
            self._host.witness.reached(
                self._host.account, self._host.now_us, body, is_evidence=is_question, asked=signed.target
            )
        park.wake(answer)


class VirtualLink(Carrier):
    """One connection; see `daemon.edge.link.Link`, whose ways it has."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        venue_now: Callable[[], int],
        report: Callable[[Link, Sequence[Event]], None],
        scope: Scope,
        host: Host,
        waits: Waits,
    ) -> None:
        super().__init__(session, clock, partial(report, self), scope.after_s)
        self.has_opened = False
        self._venue_now = venue_now
        self._scope = scope
        self._host = host
        self._waits = waits
        self._dialing = Park()
        self._cable: Cable | None = None
        self._is_closing = False
        self._end: Call | None = None

    # ------------------------------------------------------------ what an owner does

    async def open(self, url: str) -> None:
        """Connect and shake hands; raises `DialFailed`, and then the link is spent."""
        target = "/" + url.partition("://")[2].partition("/")[2]
        alarm = self._scope.after_s(self._waits.open_s, partial(self._dialing.wake, "no answer in time"))
        self._cable = self._host.dial(target, self)
        if self._cable is None:
            self._dialing.wake("connection refused")
        try:
            why = await self._dialing
        finally:
            alarm.cancel()
        if why is not None:
            self.abort("the connection could not be opened")
            raise DialFailed(str(why))

    def close(self, why: str) -> None:
        """Close politely, within `Waits.close_s`."""
        if not self._can_write or self._cable is None:
            self.abort(why)
            return
        self._is_closing = True
        self._cable.close()
        self._end = self._scope.after_s(self._waits.close_s, partial(self.abort, why))

    def abort(self, why: str) -> None:
        """Cut the connection at once."""
        if self._cable is not None and self._cable.is_whole:
            self._cable.abort()
        self._closed(why)

    # ------------------------------------------------------------ what the cable does

    def opened(self) -> None:
        """Begin the session."""
        if self._scope.is_dead or self._dialing.is_over:
            return
        self.has_opened = True
        self._dialing.wake()
        self.session.opened(self._clock.now(), self._venue_now())
        self._flush()

    def received(self, raw: bytes | str) -> None:
        """Read a message."""
        if not self._scope.is_dead:
            self.session.received(raw, self._clock.now())
            self._flush()

    def lost(self, why: str) -> None:
        """Tell the session, if nobody did yet."""
        if not self._scope.is_dead:
            self._dialing.wake(why)
            self._closed(why)

    # ------------------------------------------------------------ inside

    @property
    def _can_write(self) -> bool:
        is_open = self.has_opened and not self._is_closing and not self._scope.is_dead
        return is_open and self._cable is not None and self._cable.is_whole

    def _write(self, frames: Sequence[str]) -> None:
        if self._cable is not None:
            for frame in frames:
                self._cable.send(frame)

    def _closed(self, why: str) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
        self.session.closed(self._clock.now(), why)
        self._flush()
