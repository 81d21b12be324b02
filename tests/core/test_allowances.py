"""What a venue says to be left of a limit: it makes room smaller, never larger, and never for long."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.buckets import SLACK
from daemon.core.budget import Budget
from daemon.core.limits import Limits
from daemon.core.world import World
from protocols.dialect import RateRule, Scope
from protocols.evidence import Allowance, CancelAnswered, Proof
from protocols.fix import AccountName, Road, SendId
from tests.core.words import INSTRUMENT, TRAITS

WINDOW_MS = 1_000
WINDOW_US = int(WINDOW_MS * 1000 * SLACK)
NOW_US = 1_700_000_000_000_000
LIMIT = 10


def budget(*, is_told: bool = True) -> Budget:
    cancel = frozenset({"cancel"})
    return Budget((RateRule("cancels", cancel, LIMIT, WINDOW_MS, Scope.USER, "the page", is_told=is_told),), cancel)


def room(of: Budget, now_us: int) -> int:
    return of.calls_free("cancel", INSTRUMENT, now_us)


def leave(of: Budget, count: int, now_us: int) -> None:
    for _ in range(count):
        of.take("cancel", [(INSTRUMENT, "1")], now_us)


def test_what_others_have_taken_is_not_there_for_us_until_the_window_is_over() -> None:
    mine = budget()
    leave(mine, 1, NOW_US)
    mine.told("cancel", Allowance(3), NOW_US + 400_000, NOW_US)
    assert room(mine, NOW_US) == 3
    leave(mine, 3, NOW_US)
    assert room(mine, NOW_US + 399_999) == 0
    assert mine.free_us("cancel", INSTRUMENT, "", NOW_US) > NOW_US
    assert room(mine, NOW_US + WINDOW_US) == LIMIT


@pytest.mark.parametrize("until_us", [None, NOW_US - 10**12, NOW_US + 10**12, 1_700_000_000])
def test_without_a_time_that_can_be_meant_it_holds_for_a_window(until_us: int | None) -> None:
    mine = budget()
    mine.told("cancel", Allowance(0), until_us, NOW_US)
    assert room(mine, NOW_US) == room(mine, NOW_US + WINDOW_US - 1) == 0
    assert mine.free_us("cancel", INSTRUMENT, "", NOW_US) == NOW_US + WINDOW_US
    assert room(mine, NOW_US + WINDOW_US) == LIMIT


def test_a_word_of_a_window_that_is_over_says_nothing() -> None:
    mine = budget()
    mine.told("cancel", Allowance(0), NOW_US - 1, NOW_US)
    assert room(mine, NOW_US) == LIMIT


def test_a_smaller_limit_stands_and_a_larger_one_is_not_used() -> None:
    mine = budget()
    mine.told("cancel", Allowance(99, limit=100), None, NOW_US)
    assert room(mine, NOW_US) == LIMIT
    mine.told("cancel", Allowance(4, limit=4), None, NOW_US)
    later_us = NOW_US + 10 * WINDOW_US
    mine.forget_idle(later_us)
    assert room(mine, later_us) == 4
    leave(mine, 4, later_us)
    assert mine.free_us("cancel", INSTRUMENT, "", later_us) == later_us + WINDOW_US
    mine.told("cancel", Allowance(LIMIT, limit=LIMIT), None, later_us + WINDOW_US)
    assert room(mine, later_us + WINDOW_US) == LIMIT


def test_only_the_rule_that_a_venue_speaks_of_is_corrected() -> None:
    mine = budget(is_told=False)
    mine.told("cancel", Allowance(0), None, NOW_US)
    assert room(mine, NOW_US) == LIMIT


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30), st.integers(0, 900)), max_size=30))
def test_while_nobody_else_takes_anything_no_word_takes_anything_from_us(steps: list[tuple[int, int, int]]) -> None:
    """The venue counts what has arrived of ours, at most all of it, and is right: our room is as if it were silent."""
    told, silent = budget(), budget()
    now_us = NOW_US
    for wanted, late, wait_ms in steps:
        now_us += wait_ms * 1000
        count = min(wanted, room(told, now_us))
        leave(told, count, now_us)
        leave(silent, count, now_us)
        used = LIMIT - room(silent, now_us)
        told.told("cancel", Allowance(min(LIMIT, LIMIT - used + late)), None, now_us)
        assert room(told, now_us) == room(silent, now_us)


def test_the_answer_to_a_cancel_corrects_the_limit_of_the_call_it_left_by_in_the_venues_time() -> None:
    operation = TRAITS.cancel_operation
    rule = RateRule("cancels", frozenset({operation}), LIMIT, WINDOW_MS, Scope.USER, "the page", is_told=True)
    world = World(AccountName("a"), msgspec.structs.replace(TRAITS, rate_rules=(rule,)), TRAITS.timings)
    world.clock_offset_us = 5_000_000
    limits = Limits(world)
    limits.left(operation, [(INSTRUMENT, "1")], [SendId("s1")], NOW_US)
    reset_ms = (NOW_US + 300_000 + world.clock_offset_us) // 1000
    answer = CancelAnswered(SendId("s1"), Road.WS, Proof.ACCEPTED, "0", "", allowance=Allowance(0, reset_ms=reset_ms))
    assert limits.budget.calls_free(operation, INSTRUMENT, NOW_US) > 0
    limits.ended(SendId("s1"), answer, NOW_US)
    assert limits.budget.calls_free(operation, INSTRUMENT, NOW_US + 299_999) == 0
    limits.ended(SendId("s1"), answer, NOW_US + WINDOW_US)  # said twice, of nothing that is under way
    assert limits.budget.calls_free(operation, INSTRUMENT, NOW_US + 10 * WINDOW_US) > 0
