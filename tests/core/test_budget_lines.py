"""Cancels that wait for budget are counted: once each, and for as long as they stand in line."""

from __future__ import annotations

from protocols.dialect import RateRule, Scope
from tests.core.story import Story

RULE = RateRule("cancels", frozenset({"cancel"}), 1, 1000, Scope.USER, "somewhere")


def test_a_cancel_that_waits_for_budget_is_counted_once_and_stands_in_line_until_it_leaves() -> None:
    story = Story.with_rules(RULE)
    for order in ("o1", "o2", "o3"):
        story.submit(order)
    story.ack()
    assert (story.core.cancels_waiting, story.core.cancels_delayed) == (2, 2)
    story.tick()
    assert (story.core.cancels_waiting, story.core.cancels_delayed) == (2, 2)
    story.advance(1100)
    assert (story.core.cancels_waiting, story.core.cancels_delayed) == (1, 2)


def test_a_question_that_waits_for_budget_is_no_cancel() -> None:
    story = Story.with_rules(RateRule("reads", frozenset({"ask_order"}), 1, 60_000, Scope.USER, "somewhere"))
    for order in ("o1", "o2"):
        story.submit(order)
        story.lose_reply(story.open_sends()[-1])
    assert len(story.asked) == 1
    assert (story.core.cancels_waiting, story.core.cancels_delayed) == (0, 0)
