"""The clock question in virtual time: asked no faster than venues allow, however many doubt the way."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from daemon.edge.alarms import Alarms
from daemon.edge.call_pace import CallPace
from daemon.edge.clock import Clock
from daemon.edge.clockwork import Clockwork
from daemon.edge.outside import CallFailed, Flight
from daemon.edge.settings import Waits
from daemon.edge.venue_rest import VenueRest
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.life import SILENT
from daemon.simulate.ways import VirtualTime
from tests.fakes import CREDENTIALS, FakeDialect

if TYPE_CHECKING:
    from types import TracebackType

    from protocols.rest import RestResponse, SignedCall


class CountingPool:
    """A venue that answers nothing, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    async def __aenter__(self) -> object:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        pass

    async def call(self, signed: SignedCall, total_s: float, flight: Flight | None = None) -> RestResponse | CallFailed:
        self.calls += 1
        return CallFailed("nobody there", handed_over=True)


def test_many_doubts_make_few_clock_questions() -> None:
    kernel = Kernel(1_763_600_000_000_000)
    scope = Scope(kernel)
    clock = Clock(lambda: kernel.now_us * 1000, lambda: kernel.now_us * 1000)
    pool = CountingPool()
    rest = VenueRest(FakeDialect(), pool, CREDENTIALS, clock)
    outside = VirtualTime(scope, Random(1))
    pace = CallPace((), clock, outside)
    clockwork = Clockwork(rest, pace, clock, Waits(), Alarms(clock, SILENT), lambda _: None, outside)
    scope.spawn(clockwork.run())
    for tenth in range(100):
        kernel.at(kernel.now_us + tenth * 100_000, clockwork.probe)
    kernel.run(kernel.now_us + 10_000_000)
    assert pool.calls == 11  # one a second, both ends included
