"""An order whose first cancel waits its turn is not asked about while nothing but its own end could be learnt, which
would be pushed; in every other wait it is, as soon as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.core.policy import ASK_FIRST_US
from protocols.dialect import RateRule, Scope
from protocols.evidence import DropCopyState, Proof
from protocols.fix import Outcome
from tests.core.story import Story
from tests.core.words import TIMINGS

if TYPE_CHECKING:
    from collections.abc import Callable

HORIZON_MS = TIMINGS.horizon_s * 1000


def stands_in_line(*, is_heard: bool = True, deadline_ms: int | None = None) -> Story:
    """Let the cancel of order "o2" stand in line for as long as the story lasts; a push showed it live if heard."""
    rule = RateRule("cancels", frozenset({"cancel"}), 1, 600_000, Scope.USER, "somewhere")
    story = Story.with_rules(rule)
    if is_heard:
        story.push("new", order="o2")
    story.submit("o1")
    story.ack()
    story.push("canceled", order="o1", cum="0")
    story.submit("o2", name="waits", deadline_ms=deadline_ms)
    assert (len(story.sends), story.core.cancels_waiting) == (1, 1)
    return story


def test_an_order_that_was_heard_to_live_is_not_asked_about_while_its_cancel_waits_its_turn() -> None:
    story = stands_in_line()
    story.advance(HORIZON_MS / 2 - 1)
    assert story.asked == []


def test_it_is_asked_about_in_the_middle_of_its_time_since_a_push_may_be_lost() -> None:
    story = stands_in_line()
    story.advance(HORIZON_MS / 2)
    story.answer_ended("filled")
    assert story.outcome("waits") is Outcome.FILLED


def test_from_then_on_it_is_asked_about_with_back_off() -> None:
    story = stands_in_line()
    story.advance(HORIZON_MS / 2)
    story.answer_live()
    asked = len(story.asked)
    story.advance(2 * ASK_FIRST_US / 1000)
    assert len(story.asked) == asked + 1


def test_a_deadline_brings_the_middle_nearer() -> None:
    story = stands_in_line(deadline_ms=6_000)
    story.advance(2_999)
    assert story.asked == []
    story.advance(1)
    assert len(story.asked) == 1


def test_an_order_that_nobody_heard_of_is_asked_about_as_soon_as_ever() -> None:
    story = stands_in_line(is_heard=False)
    story.advance(TIMINGS.push_wait_ms)
    assert len(story.asked) == 1


def test_an_answer_that_shows_it_live_is_enough_while_pushes_are_heard() -> None:
    story = stands_in_line(is_heard=False)
    story.advance(TIMINGS.push_wait_ms)
    story.answer_live()
    story.advance(HORIZON_MS / 2 - TIMINGS.push_wait_ms - 1)
    assert len(story.asked) == 1


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda story: story.drop_copy_is(DropCopyState.BLIND), id="pushes-are-heard-no-more"),
        pytest.param(lambda story: story.push("pending_cancel", order="o2"), id="a-cancel-is-under-way"),
        pytest.param(lambda story: story.push("new", order="o2", cum="11"), id="something-impossible-is-said"),
    ],
)
def test_what_makes_it_less_sure_that_the_order_rests_makes_it_asked_about(happens: Callable[[Story], None]) -> None:
    story = stands_in_line()
    story.advance(TIMINGS.push_wait_ms)
    assert story.asked == []
    happens(story)
    story.advance(1)
    assert len(story.asked) == 1


def test_what_was_heard_before_the_pushes_broke_off_does_not_count() -> None:
    story = Story.with_rules(RateRule("cancels", frozenset({"cancel"}), 1, 600_000, Scope.USER, "somewhere"))
    story.push("new", order="o2")
    story.drop_copy_is(DropCopyState.DOWN)
    story.advance(1)
    story.drop_copy_is(DropCopyState.LIVE)
    story.submit("o1")
    story.ack()
    story.push("canceled", order="o1", cum="0")
    story.submit("o2")
    story.advance(TIMINGS.push_wait_ms)
    assert len(story.asked) == 1


def test_without_a_road_it_is_asked_about_as_soon_as_ever() -> None:
    story = Story(roads=())
    story.push("new")
    story.submit()
    story.advance(TIMINGS.push_wait_ms)
    assert len(story.asked) == 1


def test_once_its_cancel_left_it_is_asked_about_as_any_other() -> None:
    story = Story.with_rules(RateRule("cancels", frozenset({"cancel"}), 1, 5_000, Scope.USER, "somewhere"))
    story.push("new", order="o2")
    story.submit("o1")
    story.ack()
    story.push("canceled", order="o1", cum="0")
    story.submit("o2")
    story.advance(5_500)
    assert (len(story.sends), story.asked) == (2, [])
    story.refuse(Proof.GONE, story.open_sends()[-1])
    assert len(story.asked) == 1


def test_after_a_restart_it_is_asked_about_first_as_ever() -> None:
    story = stands_in_line()
    story.restart()
    story.push("new", order="o2", note="again")
    story.advance(TIMINGS.push_wait_ms)
    assert len(story.asked) >= 1


def test_an_order_that_the_venue_denied_is_asked_about_with_back_off_though_a_push_shows_it() -> None:
    story = stands_in_line(is_heard=False)
    story.advance(TIMINGS.push_wait_ms)
    story.deny_a_round()
    story.push("new", order="o2")
    asked = len(story.asked)
    story.advance(2 * ASK_FIRST_US / 1000)
    assert len(story.asked) == asked + 1
