"""Second looks after bulk cancels, in virtual time: what is canceled and said, and what a new life goes on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.core.records import BulkCorrected, BulkLooked
from daemon.core.second_look import NOT_ASKED, PATIENCE_US, YOUNG_US
from daemon.edge import second_looks
from daemon.edge.bulk_running import Terms
from protocols.evidence import ClockMeasured, OrderReported, Source
from protocols.fix import RequestId
from tests.core.words import TRAITS, report
from tests.edge.test_bulks import ACCOUNT, CALLER, SECOND_US, Bench, Ear, everything

if TYPE_CHECKING:
    from daemon.edge.desk import SessionRow

FLAT = RequestId("flat")
LAG_US = TRAITS.timings.replica_lag_ms * 1000
AHEAD_MS = 2_000
"""By so much the venue's clock is ahead of ours."""


def a_bench(start_us: int | None = None, *, is_measured: bool = True) -> Bench:
    """Let an account be up for long, and pushes heard."""
    bench = Bench() if start_us is None else Bench(start_us=start_us)
    if is_measured:
        bench.driver.observe([ClockMeasured(AHEAD_MS * 1000, 1_000)])
    bench.hear_pushes()
    return bench


def listed(order_id: str, created_us: int) -> OrderReported:
    """A row of an order that was placed then, by our clock."""
    created_ms = created_us // 1000 + AHEAD_MS
    return report("new", order=order_id, source=Source.QUERY, channel="open_orders", created_ms=created_ms)


def overlooked(bench: Bench, terms: Terms | None = None) -> Ear:
    """Have everything canceled and called complete; then an order turns up that was there, and one that was not."""
    bench.pass_us(LAG_US + SECOND_US)
    ear = Ear()
    bench.bulks.start(everything(), CALLER, FLAT, "cancel_all", terms=terms, sink=ear)
    bench.pass_us(SECOND_US)
    assert [told.complete for told in ear.told] == [True]
    now_us = bench.kernel.now_us
    bench.rests = (listed("old", now_us - 5 * SECOND_US), listed("new", now_us))
    return ear


def looks(bench: Bench) -> list[tuple[list[str | None], bool, str]]:
    """What the disk has of second looks: the orders found, whether they are canceled, and why not."""
    records = (record for record in bench.disk.records if isinstance(record, BulkLooked))
    return [([order.order_id for order in seen.found], seen.follow_up is not None, seen.why) for seen in records]


def wanted(bench: Bench) -> set[str | None]:
    """The orders of which a cancel is wanted, or was."""
    return {case.order_id for case in bench.driver.correlator.cases}


def alarms(bench: Bench) -> list[str]:
    return [alarm.name for alarm in bench.driver.alarms.standing()]


def test_an_order_that_was_overlooked_is_canceled_and_who_asked_is_told() -> None:
    bench = a_bench()
    rows: list[SessionRow] = []
    bench.bulks.looks.on_session = rows.append
    ear = overlooked(bench)
    bench.pass_us(LAG_US - 2 * SECOND_US)
    assert (ear.corrected, wanted(bench)) == ([], set())
    bench.pass_us(3 * SECOND_US)
    (correction,) = ear.corrected
    assert (correction.complete, [left.order.order_id for left in correction.survivors]) == (False, ["old"])
    assert wanted(bench) == {"old"}
    assert looks(bench) == [(["old"], True, "")]
    assert alarms(bench) == ["bulk_incomplete"]
    assert [(row.account, row.channel, row.state) for row in rows] == [(ACCOUNT, "bulk", "incomplete")]


def test_who_asks_again_is_told_what_stands_now() -> None:
    bench = a_bench()
    overlooked(bench)
    bench.pass_us(LAG_US + SECOND_US)
    again = Ear()
    bench.bulks.start(everything(), CALLER, FLAT, "cancel_all", sink=again)
    assert [(told.complete, told.revision) for told in again.told] == [(False, 1)]


def test_when_it_is_gone_that_is_told_too_and_the_alarm_ends() -> None:
    bench = a_bench()
    rows: list[SessionRow] = []
    bench.bulks.looks.on_session = rows.append
    ear = overlooked(bench)
    bench.pass_us(LAG_US + SECOND_US)
    bench.rests = bench.rests[1:]
    bench.driver.observe([report("canceled", order="old", cum="0")])
    bench.pass_us(SECOND_US)
    assert [(told.complete, told.revision, told.survivors_total) for told in ear.corrected] == [
        (False, 1, 1), (True, 2, 0)
    ]  # fmt: skip
    assert alarms(bench) == []
    assert [row.state for row in rows] == ["incomplete", "complete"]
    assert [stored.report.revision for stored in bench.disk.bulks(FLAT) if stored.report is not None] == [2]


@pytest.mark.parametrize("is_unattended", [False, True])
def test_a_wish_that_is_too_old_cancels_nothing_more_but_one_that_nobody_would_repeat(*, is_unattended: bool) -> None:
    bench = a_bench()
    deadline_us = None if is_unattended else bench.kernel.now_us + LAG_US + 5 * SECOND_US
    ear = overlooked(bench, Terms(deadline_us=deadline_us, is_unattended=is_unattended))
    bench.pass_us(LAG_US + SECOND_US)
    assert wanted(bench) == ({"old"} if is_unattended else set())
    assert [found for found, _, _ in looks(bench)] == [["old"]]
    assert [told.complete for told in ear.corrected] == [False]
    assert alarms(bench) == ["bulk_incomplete"]


def test_a_venue_whose_clock_is_set_ahead_meanwhile_makes_no_new_order_an_old_one() -> None:
    bench = a_bench()
    overlooked(bench)
    bench.driver.observe([ClockMeasured((AHEAD_MS + 30_000) * 1000, 1_000)])
    bench.pass_us(LAG_US + SECOND_US)
    assert looks(bench) == [(["old"], True, "")]
    assert wanted(bench) == {"old"}


def test_where_the_clocks_cannot_be_compared_nothing_is_canceled() -> None:
    bench = a_bench(is_measured=False)
    ear = overlooked(bench)
    bench.pass_us(LAG_US + SECOND_US)
    assert (wanted(bench), ear.corrected) == (set(), [])
    (seen,) = (record for record in bench.disk.records if isinstance(record, BulkLooked))
    assert {order.order_id for order in seen.unsure} == {"old", "new"}


def test_nothing_that_rests_is_written_down_too_and_looked_at_once() -> None:
    bench = a_bench()
    overlooked(bench)
    bench.rests = ()
    asked = bench.asked
    bench.pass_us(600 * SECOND_US)
    assert looks(bench) == [([], False, "")]
    assert bench.asked == asked + 1
    assert not bench.bulks.looks.are_under_way


def test_an_account_that_cannot_be_asked_is_given_up_after_a_while() -> None:
    bench = a_bench()
    overlooked(bench)
    bench.is_known = False
    bench.pass_us(LAG_US + PATIENCE_US)
    assert looks(bench) == [([], False, NOT_ASKED)]
    assert not bench.bulks.looks.are_under_way


def test_of_too_many_at_a_time_the_last_ones_are_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_looks, "WATCHED_MAX", 1)
    bench = a_bench()
    bench.pass_us(LAG_US)
    for number in range(2):
        bench.bulks.start(everything(), CALLER, RequestId(f"flat{number}"), "cancel_all")
    bench.pass_us(LAG_US + 5 * SECOND_US)
    assert looks(bench) == [([], False, "")]


def next_life(before: Bench, away_us: int = 0) -> Bench:
    """Begin the next life; what rests, rests."""
    bench = a_bench(before.kernel.now_us + away_us)
    bench.rests = before.rests
    ends = before.disk.bulks_unlooked(bench.kernel.now_us - YOUNG_US)
    bench.bulks.restore((), before.disk.bulks_over(), 3600 * SECOND_US, ends)
    return bench


@pytest.mark.parametrize("away_us", [0, 300 * SECOND_US - 60 * SECOND_US, -3600 * SECOND_US])
def test_a_new_life_looks_again_for_the_one_that_died_before(away_us: int) -> None:
    before = a_bench()
    overlooked(before)
    bench = next_life(before, away_us)
    bench.pass_us(LAG_US + SECOND_US)
    assert [found for found, _, _ in looks(bench)] == [["old"]]
    assert wanted(bench) == ({"old"} if away_us >= 0 else set())
    assert [record.report.complete for record in bench.disk.records if isinstance(record, BulkCorrected)] == [False]


def test_a_new_life_does_not_look_at_what_ended_long_ago_or_was_looked_at() -> None:
    before = a_bench()
    overlooked(before)
    assert not next_life(before, 3600 * SECOND_US).bulks.looks.are_under_way
    before.rests = ()
    before.pass_us(LAG_US + SECOND_US)
    assert not next_life(before).bulks.looks.are_under_way


def test_a_follow_up_of_another_life_is_another_one() -> None:
    """The one between may have begun it and died before it had written down for which orders."""
    before = a_bench()
    overlooked(before)
    (first,) = before.disk.bulks(FLAT)
    bench = next_life(before)
    bench.journal.boot += 1
    bench.pass_us(LAG_US + SECOND_US)
    assert [stored.intent.name for stored in bench.disk.bulks()] == [f"look.{first.intent.bulk}.{bench.journal.boot}"]
