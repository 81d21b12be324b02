"""The host's clock may be set ahead between two lives: what was asked before seems to be older than it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from protocols.evidence import Step
from protocols.fix import Outcome
from tests.core.aliases import OLDER, OURS, by_alias
from tests.core.words import T0_MS, TIMINGS, Said, report

if TYPE_CHECKING:
    from tests.core.story import Story

MINUTE_US = 60_000_000
MEANT = Said(order="o2", alias="y", cum="4", created_ms=T0_MS - 1_000)
"""The order that a request at `T0_MS` means."""
BEFORE = Said(order="o0", alias="y", cum="0", created_ms=T0_MS - 3_600_000, updated_ms=T0_MS - 90_000)
"""The one that had its client id before."""


def set_ahead() -> Story:
    """End a life while nothing is known of a request's order, and set the clock ahead by two minutes more."""
    story = by_alias()
    story.lose_reply()
    story.now_us += MINUTE_US
    story.restart()
    story.measure_clock(offset_ms=-120_000, uncertainty_ms=0)
    return story


def test_an_older_order_that_seems_to_have_ended_after_the_request_is_not_taken_for_the_one_meant() -> None:
    story = set_ahead()
    story.answer_ended("filled", **MEANT)
    story.push("canceled", **BEFORE)
    story.advance(60_000, lambda: story.answer(None, ()))
    assert Outcome.CANCELED not in story.outcomes()


def test_a_live_order_that_only_the_clock_makes_seem_newer_keeps_an_older_one_from_being_taken_for_the_one_meant() -> (
    None
):
    story = set_ahead()

    def answer() -> None:
        is_past = story.open_questions()[0].question.step is Step.HISTORY
        story.answer(None, [report("canceled", **BEFORE) if is_past else report("new", **MEANT)])

    story.advance(60_000, answer)
    assert Outcome.CANCELED not in story.outcomes()


def test_while_it_is_not_known_which_of_two_orders_was_meant_questions_keep_their_pace() -> None:
    story = set_ahead()

    def answer() -> None:
        is_own = story.open_questions()[0].question.step is Step.ORDER
        story.answer(None, [report("filled", **MEANT) if is_own else report("canceled", **BEFORE)])

    story.advance(60_000, answer)
    assert len(story.put) < 100


@pytest.mark.parametrize("is_live", [True, False])
def test_after_a_restart_an_order_that_a_client_id_names_counts_as_ended_when_a_listing_shows_none_of_it(
    *, is_live: bool
) -> None:
    story = by_alias()
    story.lose_reply()
    story.restart()
    story.answer_ended("canceled", **OURS)
    assert story.outcomes() == []
    assert story.open_questions()[0].question.step is Step.OPEN_ORDERS
    live = [report("new", order="o2", alias="y", created_ms=T0_MS)] if is_live else []
    story.answer(None, live)
    assert story.outcomes() == []
    story.advance(TIMINGS.replica_lag_ms + 10_000, lambda: story.answer(None, live))
    assert (Outcome.CANCELED in story.outcomes()) != is_live


def test_after_a_restart_no_older_order_of_a_client_id_is_taken_for_the_one_meant_before_its_own_question() -> None:
    story = by_alias()
    story.lose_reply()
    story.restart()
    story.push("canceled", **OLDER)

    def list_nothing() -> None:
        put = story.open_questions()[0]
        if put.question.step is Step.OPEN_ORDERS:
            story.answer(put, ())
        else:
            story.fail_question(put)

    story.advance(5_000, list_nothing)
    assert story.outcomes() == []


def test_before_the_venues_clock_is_known_no_end_counts_as_later_than_our_cancel() -> None:
    story = by_alias()
    story.core.world.is_clock_measured = False
    story.lose_reply()
    story.answer(None, [report("canceled", **OLDER | {"updated_ms": T0_MS + 2_900})])
    assert story.outcomes() == []
    story.push("new", **MEANT)
    assert story.core.world.clock_offset_us == 0
    story.advance(20_000, lambda: story.answer(None, [report("new", **MEANT)]))
    assert Outcome.CANCELED not in story.outcomes()
