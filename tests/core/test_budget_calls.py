"""A question that takes several calls counts as often by the venue's rules, and waits until all of them fit."""

from __future__ import annotations

from daemon.core.buckets import SLACK
from daemon.core.budget import Budget
from protocols.dialect import RateRule, Scope

RULE = RateRule("read", frozenset({"order", "opens"}), 5, 1000, Scope.USER, "somewhere")
WINDOW_US = int(RULE.window_ms * 1000 * SLACK)


def budget() -> Budget:
    return Budget((RULE,), frozenset({"cancel"}), {"opens": 2})


def test_a_question_of_two_calls_takes_two_slots() -> None:
    one = budget()
    one.take("opens", [("", "")], 0)
    one.take("opens", [("", "")], 0)
    assert one.free_us("order", "", "", 0) == 0
    assert one.free_us("opens", "", "", 0) == WINDOW_US


def test_it_waits_until_as_many_slots_are_free_as_it_has_calls() -> None:
    one = budget()
    for at_us in (0, 10, 20, 30, 40):
        one.take("order", [("", "")], at_us)
    assert one.free_us("order", "", "", 50) == WINDOW_US
    assert one.free_us("opens", "", "", 50) == 10 + WINDOW_US


def test_what_needs_more_calls_than_a_window_has_goes_when_nothing_else_stands_in_it() -> None:
    one = Budget((RULE,), frozenset({"cancel"}), {"opens": 9})
    assert one.free_us("opens", "", "", 0) == 0
    one.take("order", [("", "")], 7)
    assert one.free_us("opens", "", "", 10) == 7 + WINDOW_US
