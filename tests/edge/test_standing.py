"""Whether the venue takes a key, in virtual time: asked no faster than it allows, however often it is doubted."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, cast

from daemon.edge.alarms import Alarms
from daemon.edge.call_pace import CallPace
from daemon.edge.clock import Clock
from daemon.edge.settings import Waits
from daemon.edge.standing import Standing
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.life import SILENT
from daemon.simulate.ways import VirtualTime
from protocols.dialect import RateRule
from protocols.dialect import Scope as Venue
from protocols.fix import Road
from protocols.rest import RestCall, RestResponse
from tests.fakes import FakeDialect

if TYPE_CHECKING:
    from daemon.edge.venue_rest import VenueRest


def ignore(*_: object) -> None: ...


def test_whose_key_it_is_is_asked_no_faster_than_the_venue_allows() -> None:
    kernel = Kernel(1_763_600_000_000_000)
    scope = Scope(kernel)
    clock = Clock(lambda: kernel.now_us * 1000, lambda: kernel.now_us * 1000)
    time = VirtualTime(scope, Random(1))
    dialect = FakeDialect()
    call = dialect.identity_call()
    assert call is not None
    rule = RateRule("whose", frozenset({call.operation}), 1, 1000, Venue.USER, "a page")
    asked_us: list[int] = []

    class Rest:
        def __init__(self) -> None:
            self.dialect = dialect

        async def fetch(self, _call: RestCall, _total_s: float) -> RestResponse:
            asked_us.append(kernel.now_us)
            return RestResponse(200, b"user u1", ())

    pace = CallPace((rule,), clock, time)
    rest = cast("VenueRest", Rest())
    standing = Standing(rest, pace, Waits(), Alarms(clock, SILENT), ignore, ignore, ignore, time)
    scope.spawn(standing.run())
    kernel.run(kernel.now_us + 10_000)
    standing.refused(Road.REST, "badkey", "no")
    kernel.run(kernel.now_us + 10_000_000)
    assert len(asked_us) == 2
    assert asked_us[1] >= asked_us[0] + 1_000_000
