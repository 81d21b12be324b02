"""A keeper in virtual time, whose sockets die at moments that a real network seldom hits."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

from daemon.core.departures import Departed, Departures
from daemon.edge.call_pace import AddressLimits, CallPace
from daemon.edge.carrier import Carrier
from daemon.edge.clock import Clock
from daemon.edge.pacing import Pacer
from daemon.edge.settings import Waits
from daemon.edge.sockets import Keeper, Surroundings
from daemon.edge.venue_rest import VenueRest
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.life import SILENT
from daemon.simulate.ways import VirtualTime
from protocols.venues.okx import rates
from tests.fakes import CREDENTIALS, PLAN, FakeDialect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from daemon.core.departures import Mark
    from daemon.edge.outside import CallFailed, Flight, Link
    from protocols.dialect import LoggedIn, LoginRefused, SocketPlan, SubscribeRefused
    from protocols.evidence import CancelAnswered, CancelLost, Frame, OrderReported
    from protocols.rest import RestResponse, SignedCall
    from protocols.session import Event, Session


class BriefLink(Carrier):
    """A connection that is up at once, and with ``dies`` gone again before anybody can act on it."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        report: Callable[[Link, Sequence[Event]], None],
        scope: Scope,
        *,
        dies: bool,
    ) -> None:
        super().__init__(session, clock, partial(report, self), scope.after_s)
        self.has_opened = False
        self._dies = dies

    async def open(self, url: str) -> None:
        self.has_opened = True
        now_us = self._clock.now()
        self.session.opened(now_us, now_us)
        for frame in ("login ok", "sub ok orders"):
            self.session.received(frame, now_us)
        self._flush()
        if self._dies:
            self.abort("cut")

    def close(self, why: str) -> None:
        self.abort(why)

    def abort(self, why: str) -> None:
        self.session.closed(self._clock.now(), why)
        self._flush()

    @property
    def _can_write(self) -> bool:
        return True

    def _write(self, frames: Sequence[str]) -> None:
        pass


class NoPool:
    """A venue without REST."""

    async def __aenter__(self) -> object:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        pass

    async def call(self, signed: SignedCall, total_s: float, flight: Flight | None = None) -> RestResponse | CallFailed:
        raise AssertionError(signed)


class BriefOutside(VirtualTime):
    """Its first links die young."""

    def __init__(self, scope: Scope, clock: Clock, dying: int) -> None:
        super().__init__(scope, Random(1))
        self.dying = dying
        self._clock = clock

    def pool(self) -> NoPool:
        return NoPool()

    def link(
        self, session: Session, venue_now: Callable[[], int], report: Callable[[Link, Sequence[Event]], None]
    ) -> BriefLink:
        self.dying -= 1
        return BriefLink(session, self._clock, report, self.scope, dies=self.dying >= 0)


class NoOwner:
    """Who does not mind what a keeper tells."""

    def took(self, evidence: Sequence[OrderReported | CancelAnswered | CancelLost]) -> None:
        pass

    def changed(self, why: str) -> None:
        pass

    def login_answered(self, answer: LoggedIn | LoginRefused) -> None:
        pass

    def subscription_refused(self, plan: SocketPlan, refusal: SubscribeRefused) -> None:
        pass

    def set_aside(self, what: str, frame: Frame) -> None:
        pass

    async def before_dial(self) -> None:
        pass


class Notes:
    """What left, over lives."""

    def __init__(self) -> None:
        self.noted: list[Departed] = []

    def note(self, mark: Mark, units: int, left_us: int) -> None:
        self.noted.append(Departed(mark, units, left_us))

    def take_former(self, since_us: int) -> list[Departed]:
        return [departed for departed in self.noted if departed.left_us > since_us]


def dialed(accounts: int, kernel: Kernel, notes: Notes, ms: int) -> int:
    """How many sockets the accounts of one address have opened in the first milliseconds of a life."""
    scope = Scope(kernel)
    clock = Clock(lambda: kernel.now_us * 1000, lambda: kernel.now_us * 1000)
    address = AddressLimits("okx", Departures(notes, clock.now()))
    keepers = []
    for _ in range(accounts):
        outside = BriefOutside(scope, clock, dying=0)
        rest = VenueRest(FakeDialect(), outside.pool(), CREDENTIALS, clock)
        pace = CallPace(rates.CONNECTION_RULES, clock, outside, address.calls)
        around = Surroundings(rest, outside, clock, Waits(), Pacer(clock, Waits().reconnect_gap_s), pace, SILENT)
        keepers.append(Keeper(PLAN, "ws://venue", NoOwner(), around))
        scope.spawn(keepers[-1].run())
    kernel.run(kernel.now_us + ms * 1000)
    return sum(keeper.dials for keeper in keepers)


def test_the_accounts_of_an_address_open_no_more_sockets_than_the_venue_lets_it_open() -> None:
    assert dialed(7, Kernel(1_763_600_000_000_000), Notes(), 1_000) == 3
    assert dialed(7, Kernel(1_763_600_000_000_000), Notes(), 2_000) == 6


def test_what_an_earlier_life_opened_counts_too() -> None:
    kernel, notes = Kernel(1_763_600_000_000_000), Notes()
    assert dialed(2, kernel, notes, 100) == 2
    assert dialed(2, kernel, notes, 800) == 1


def test_a_socket_that_dies_in_the_very_moment_in_which_it_went_live_is_dialed_again() -> None:
    kernel = Kernel(1_763_600_000_000_000)
    scope = Scope(kernel)
    clock = Clock(lambda: kernel.now_us * 1000, lambda: kernel.now_us * 1000)
    outside = BriefOutside(scope, clock, dying=2)
    rest = VenueRest(FakeDialect(), outside.pool(), CREDENTIALS, clock)
    waits = Waits()
    pacer, pace = Pacer(clock, waits.reconnect_gap_s), CallPace((), clock, outside)
    around = Surroundings(rest, outside, clock, waits, pacer, pace, SILENT)
    keeper = Keeper(PLAN, "ws://venue", NoOwner(), around)
    scope.spawn(keeper.run())
    kernel.run(kernel.now_us + 10_000_000)
    assert keeper.dials == 3
    assert keeper.order_entry() is not None
