"""What left in earlier lives counts in this one, bucket by bucket, and no longer than it would have in one life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.core.buckets import SLACK, Buckets
from daemon.core.budget import Budget
from daemon.core.departures import ARRIVAL_US, COUNTED_MAX_US, Departed, Departures, mark_of
from protocols.dialect import Counts, Profile, RateRule, Scope
from protocols.venues.registry import VENUES, dialect_for
from tests.core.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW_MS = 4_000
WINDOW_US = WINDOW_MS * 1000
STRETCHED_US = int(WINDOW_US * SLACK)
T0 = 10**15


def rule(limit: int, scope: Scope, counts: Counts = Counts.CALLS) -> RateRule:
    return RateRule("a rule", frozenset({"cancel"}), limit, WINDOW_MS, scope, "the venue's page", counts)


def life(notes: Notes, now_us: int, *rules: RateRule, owner: str = "a", address: Buckets | None = None) -> Budget:
    return Budget(rules, frozenset({"cancel"}), address=address, own=Buckets(owner, Departures(notes, now_us)))


def wait_us(budget: Budget, now_us: int, instrument: str = "BTC", order: str = "") -> int:
    return budget.free_us("cancel", instrument, order, now_us) - now_us


@pytest.mark.parametrize(
    ("scope", "same", "other"),
    [
        (Scope.USER, ("BTC", "1"), None),
        (Scope.INSTRUMENT, ("BTC", "2"), ("ETH", "1")),
        (Scope.ORDER, ("BTC", "1"), ("BTC", "2")),
    ],
)
def test_what_left_counts_in_its_own_scope_and_in_no_other(
    scope: Scope, same: tuple[str, str], other: tuple[str, str] | None
) -> None:
    notes = Notes()
    life(notes, T0, rule(1, scope)).take("cancel", [("BTC", "1")], T0)
    now_us = T0 + 2 * ARRIVAL_US
    after = life(notes, now_us, rule(1, scope))
    assert wait_us(after, now_us, *same) == T0 + ARRIVAL_US + WINDOW_US - now_us
    if other is not None:
        assert wait_us(after, now_us, *other) == 0


def test_a_batch_is_noted_once_a_bucket_with_all_its_orders() -> None:
    notes = Notes()
    before = life(notes, T0, rule(10, Scope.INSTRUMENT, Counts.ORDERS))
    before.take("cancel", [("BTC", str(n)) for n in range(6)] + [("ETH", "7")], T0)
    assert sorted(note.units for note in notes.kept) == [1, 6]
    after = life(notes, T0 + 1, rule(10, Scope.INSTRUMENT, Counts.ORDERS))
    assert [after.calls_free("cancel", instrument, T0 + 1) for instrument in ("BTC", "ETH")] == [4, 9]


def test_a_limit_of_connections_begins_anew() -> None:
    """The venue counts it by sockets, and a new life opens its own."""
    notes = Notes()
    life(notes, T0, rule(1, Scope.CONNECTION)).take("cancel", [("BTC", "1")], T0)
    assert notes.kept == []
    assert wait_us(life(notes, T0 + 1, rule(1, Scope.CONNECTION)), T0 + 1) == 0


def test_accounts_that_share_an_address_share_what_it_let_leave_before_and_nothing_else() -> None:
    notes = Notes()
    of_address, of_user = rule(1, Scope.ADDRESS), RateRule("own", frozenset({"cancel"}), 1, WINDOW_MS, Scope.USER, "")

    def accounts(now_us: int, *rules: RateRule) -> Sequence[Budget]:
        departures = Departures(notes, now_us)
        address = Buckets("address", departures)
        return [
            Budget(rules, frozenset({"cancel"}), address=address, own=Buckets(name, departures)) for name in ("a", "b")
        ]

    accounts(T0, of_address, of_user)[0].take("cancel", [("BTC", "1")], T0)
    now_us = T0 + 1
    assert [wait_us(one, now_us) > 0 for one in accounts(now_us, of_address)] == [True, True]
    assert [wait_us(one, now_us) > 0 for one in accounts(now_us, of_user)] == [True, False]


def test_what_left_counts_through_as_many_lives_as_fit_into_its_window() -> None:
    notes = Notes()
    life(notes, T0, rule(1, Scope.USER)).take("cancel", [("BTC", "1")], T0)
    lives = [life(notes, T0 + n * 10, rule(1, Scope.USER)) for n in range(1, 4)]
    assert [wait_us(one, T0 + 100) > 0 for one in lives] == [True, True, True]
    assert len(notes.kept) == 1  # what is counted again is not noted again


@pytest.mark.parametrize("down_us", [0, ARRIVAL_US // 2, ARRIVAL_US, 3 * ARRIVAL_US, STRETCHED_US])
def test_it_counts_from_when_it_had_arrived_for_certain(down_us: int) -> None:
    notes = Notes()
    life(notes, T0, rule(1, Scope.USER)).take("cancel", [("BTC", "1")], T0)
    after = life(notes, T0 + down_us, rule(1, Scope.USER))
    free_us = T0 + max(STRETCHED_US, min(down_us, ARRIVAL_US) + WINDOW_US)
    assert after.free_us("cancel", "BTC", "", T0 + down_us) == max(free_us, T0 + down_us)


def test_a_note_from_the_future_counts_from_now() -> None:
    notes = Notes([Departed(mark_of("a", "a rule", ""), 1, T0 + 3_600_000_000)])
    after = life(notes, T0, rule(1, Scope.USER))
    assert after.free_us("cancel", "BTC", "", T0) == T0 + STRETCHED_US


def test_what_is_too_old_to_count_is_not_taken_up_and_what_nobody_takes_over_is_dropped() -> None:
    old, young = Departed(mark_of("a", "x", ""), 1, T0), Departed(mark_of("a", "y", ""), 1, T0 + 1)
    departures = Departures(Notes([old, young]), T0 + COUNTED_MAX_US)
    departures.forget_old(T0 + 2 * COUNTED_MAX_US - 1)
    assert [len(departures.take_former(note.mark)) for note in (old, young)] == [0, 1]
    departures = Departures(Notes([young]), T0 + COUNTED_MAX_US)
    Buckets("b", departures).forget_idle(T0 + 2 * COUNTED_MAX_US)
    assert not departures.has_former


def test_a_bucket_that_was_dropped_and_made_again_does_not_count_the_past_twice() -> None:
    notes = Notes()
    life(notes, T0, rule(2, Scope.USER)).take("cancel", [("BTC", "1")], T0)
    after = life(notes, T0 + 1, rule(2, Scope.USER))
    assert after.calls_free("cancel", "BTC", T0 + 1) == 1
    after.forget_idle(T0 + 2 * WINDOW_US)
    assert len(after) == 0
    assert after.calls_free("cancel", "BTC", T0 + 2) == 2


def test_names_that_run_into_each_other_are_told_apart() -> None:
    assert len({mark_of("a", "bc", ""), mark_of("ab", "c", ""), mark_of("a", "b", "c"), mark_of("", "abc", "")}) == 4


@pytest.mark.parametrize("venue", VENUES)
def test_no_window_of_any_venue_is_longer_than_departures_are_counted(venue: str) -> None:
    windows = [rule.window_ms * 1000 * SLACK for rule in dialect_for(venue, Profile()).traits.rate_rules]
    assert max(windows) + ARRIVAL_US < COUNTED_MAX_US
