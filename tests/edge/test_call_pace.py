"""The calls of questions keep the venue's rules, however many pages an answer has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest  # noqa: TC002 - beside its use as a fixture

from daemon.edge import call_pace
from daemon.edge.call_pace import CallPace
from protocols.dialect import RateRule, Scope
from protocols.rest import RestCall

if TYPE_CHECKING:
    from daemon.edge.clock import Clock
    from daemon.edge.outside import Time

SECOND = 1_000_000


@dataclass
class Hours:
    """A clock and a way to wait that move only by waiting."""

    now_us: int = 10**15
    slept: list[float] = field(default_factory=list)

    def now(self) -> int:
        return self.now_us

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_us += round(seconds * SECOND)


def pace_of(hours: Hours, *rules: RateRule) -> CallPace:
    return CallPace(rules, cast("Clock", hours), cast("Time", hours))


def rule(operation: str, limit: int, scope: Scope = Scope.USER) -> RateRule:
    return RateRule(operation, frozenset({operation}), limit, 1000, scope, "a page")


def call(operation: str, instrument: str = "BTC") -> RestCall:
    return RestCall(operation, "GET", "/x", instrument=instrument)


async def test_calls_of_many_pages_never_stand_closer_than_the_rule_says() -> None:
    hours = Hours()
    pace = pace_of(hours, rule("list", 10))
    times = []
    for _ in range(55):
        await pace.turn(call("list"))
        times.append(hours.now_us)
    assert all(later - earlier > SECOND for earlier, later in zip(times, times[10:], strict=False))
    assert times[9] == times[0]  # what fits does not wait


async def test_each_operation_and_instrument_has_its_own_turns() -> None:
    hours = Hours()
    pace = pace_of(hours, rule("list", 1), rule("order", 1, Scope.INSTRUMENT))
    await pace.turn(call("list"))
    await pace.turn(call("order"))
    await pace.turn(call("order", "ETH"))
    await pace.turn(call("nothing said of it"))
    assert hours.slept == []
    await pace.turn(call("order", "ETH"))
    assert len(hours.slept) == 1


async def test_buckets_that_no_longer_count_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_pace, "BUCKETS_MAX", 3)
    hours = Hours()
    pace = pace_of(hours, rule("order", 1, Scope.INSTRUMENT))
    for number in range(20):
        await pace.turn(call("order", f"I{number}"))
        hours.now_us += 2 * SECOND
    assert len(pace._budget) <= 4
