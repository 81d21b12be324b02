"""The venue counts on over the daemon's lives: what the last one sent and asked just now leaves less for the next."""

from __future__ import annotations

import pytest

from protocols.dialect import RateRule, Scope
from protocols.evidence import Proof, Step
from tests.core.story import Story

WINDOW_MS = 2_000
CANCELS = RateRule("cancels", frozenset({"cancel"}), 3, WINDOW_MS, Scope.INSTRUMENT, "somewhere")
QUESTIONS = RateRule("questions", frozenset({"ask_order"}), 2, WINDOW_MS, Scope.USER, "somewhere")


@pytest.mark.parametrize(("before", "left"), [(0, 3), (1, 2), (3, 0)])
def test_cancels_of_the_last_life_leave_less_for_the_next_one(before: int, left: int) -> None:
    story = Story.with_rules(CANCELS)
    for n in range(before):
        story.submit(f"old{n}")
        story.push("canceled", order=f"old{n}")
    story.advance(WINDOW_MS // 2)
    story.restart()
    sent = len(story.sends)
    for n in range(4):
        story.submit(f"new{n}")
    assert len(story.sends) - sent == left


def test_they_count_no_longer_than_in_one_life() -> None:
    story = Story.with_rules(CANCELS)
    for n in range(3):
        story.submit(f"old{n}")
        story.push("canceled", order=f"old{n}")
    story.advance(2 * WINDOW_MS)
    story.restart()
    sent = len(story.sends)
    for n in range(3):
        story.submit(f"new{n}")
    assert len(story.sends) - sent == 3


def test_questions_of_the_last_life_count_too() -> None:
    story = Story.with_rules(QUESTIONS)
    for order in ("o1", "o2"):
        story.submit(order)
        story.refuse(Proof.UNKNOWN)
    assert questions(story) == 2
    story.restart()
    assert questions(story) == 2
    story.advance(1.1 * WINDOW_MS)
    assert questions(story) == 4


def questions(story: Story) -> int:
    return story.asked.count(Step.ORDER)
