"""An end by client id of which the clocks do not tell whether it was before our cancel left: asked about, and told."""

from __future__ import annotations

import pytest

from daemon.core.binding import WELL_KNOWN_US
from protocols.evidence import DropCopyState, Step
from protocols.fix import Outcome
from tests.core.story import Story
from tests.core.words import T0_MS, TIMINGS, Said

LAG_MS = TIMINGS.replica_lag_ms
APART_MS = 3
"""How far the clocks can be apart."""
ASKED_MS = T0_MS + LAG_MS
"""When the cancel is asked for: pushes have been heard for a replica lag."""
ENDED = Said(order="o1", alias="y", cum="0", created_ms=T0_MS - 60_000, updated_ms=ASKED_MS + 1)
SINCE = Said(order="o2", alias="y", cum="0", created_ms=ASKED_MS + 2)
"""An order that was given the client id between the end of the other one and the request, perhaps."""


def asked_by_alias(heard_ms: int = LAG_MS, apart_ms: int = APART_MS) -> Story:
    """Tell the story of a cancel by client id that the venue accepts without saying of which order."""
    story = Story()
    story.measure_clock(0, apart_ms)
    story.advance(LAG_MS - heard_ms)
    story.drop_copy_is(DropCopyState.DOWN)
    story.drop_copy_is(DropCopyState.LIVE)
    story.answer_not_found()
    story.advance(heard_ms)
    story.submit(None, alias="y")
    story.ack()
    return story


def test_an_end_that_the_clocks_leave_open_is_told_as_soon_as_a_listing_shows_no_live_order_of_the_id() -> None:
    story = asked_by_alias()
    story.push("canceled", **ENDED)
    assert story.outcomes() == []
    assert story.asked == [Step.OPEN_ORDERS]
    story.answer_not_found()
    assert (story.outcomes(), story.report().order_id) == ([Outcome.CANCELED], "o1")


def test_a_live_order_of_the_id_on_that_listing_is_the_one_that_was_meant() -> None:
    story = asked_by_alias()
    story.push("canceled", **ENDED)
    story.answer_live(**SINCE)
    assert story.outcomes() == []
    assert story.case().order_id == "o2"


def test_an_end_that_was_certainly_before_our_cancel_waits_for_a_listing_that_shows_all_of_then() -> None:
    story = asked_by_alias()
    story.push("canceled", **Said(**{**ENDED, "updated_ms": ASKED_MS - APART_MS - 1}))
    story.advance(LAG_MS - 1, story.answer_not_found)
    assert story.outcomes() == []
    story.advance(1, story.answer_not_found)
    assert story.outcomes() == [Outcome.CANCELED]


def test_an_end_that_was_certainly_before_one_of_the_requests_waits_for_such_a_listing_too() -> None:
    story = asked_by_alias()
    story.advance(APART_MS + 2)
    story.submit(None, alias="y")
    assert len(story.sends) == 1
    story.push("canceled", **ENDED)
    story.advance(LAG_MS - 1, story.answer_not_found)
    assert story.outcomes("r2") == []
    story.advance(1, story.answer_not_found)
    assert story.outcomes("r2") == [Outcome.CANCELED]


def test_clocks_that_are_not_known_well_leave_too_much_open() -> None:
    story = asked_by_alias(apart_ms=WELL_KNOWN_US // 1000 + 1)
    story.push("canceled", **ENDED)
    story.advance(LAG_MS - 1, story.answer_not_found)
    assert story.outcomes() == []
    story.advance(1, story.answer_not_found)
    assert story.outcomes() == [Outcome.CANCELED]


def test_a_listing_does_not_count_before_pushes_tell_of_what_it_may_be_too_old_to_show() -> None:
    heard_ms = LAG_MS // 2
    story = asked_by_alias(heard_ms)
    story.push("canceled", **ENDED)
    story.advance(LAG_MS - heard_ms - 1, story.answer_not_found)
    assert story.outcomes() == []
    story.advance(1, story.answer_not_found)
    assert story.outcomes() == [Outcome.CANCELED]


def test_without_pushes_it_counts_a_replica_lag_after_the_request() -> None:
    story = asked_by_alias()
    story.push("canceled", **ENDED)
    story.drop_copy_is(DropCopyState.DOWN)
    story.advance(LAG_MS - 1, story.answer_not_found)
    assert story.outcomes() == []
    story.advance(1, story.answer_not_found)
    assert story.outcomes() == [Outcome.CANCELED]


@pytest.mark.parametrize(("later_ms", "is_meant"), [(APART_MS, True), (APART_MS + 1, False)])
def test_an_order_of_the_id_that_is_heard_of_later_and_was_perhaps_there_corrects_it(
    later_ms: int, is_meant: bool
) -> None:
    story = asked_by_alias()
    story.push("canceled", **ENDED)
    story.answer_not_found()
    story.advance(100)
    story.push("filled", **Said(**{**SINCE, "created_ms": ASKED_MS + later_ms, "cum": "10"}))
    corrected = [Outcome.FILLED] if is_meant else []
    assert story.outcomes() == [Outcome.CANCELED, *corrected]


def test_a_later_life_corrects_it_too() -> None:
    story = asked_by_alias()
    story.push("canceled", **ENDED)
    story.answer_not_found()
    story.restart()
    story.measure_clock(0, APART_MS)
    story.push("filled", **Said(**{**SINCE, "created_ms": ASKED_MS + APART_MS, "cum": "10"}))
    assert story.outcomes() == [Outcome.CANCELED, Outcome.FILLED]


def test_a_later_life_whose_clock_is_not_measured_takes_no_order_for_the_one_that_was_meant() -> None:
    story = asked_by_alias()
    story.push("canceled", **ENDED)
    story.answer_not_found()
    story.restart()
    world = story.core.world
    world.clock_uncertainty_us, world.is_clock_measured = 1_000_000, False
    story.push("new", **Said(**{**SINCE, "created_ms": ASKED_MS + APART_MS}))
    assert (story.outcomes(), len(story.sends)) == ([Outcome.CANCELED], 1)


def test_where_it_rests_on_a_listing_that_shows_all_of_then_a_later_word_about_another_order_changes_nothing() -> None:
    story = asked_by_alias()
    story.push("canceled", **ENDED)
    story.advance(LAG_MS, story.fail_question)
    story.advance(10_000, story.answer_not_found)
    assert story.outcomes() == [Outcome.CANCELED]
    story.push("filled", **Said(**{**SINCE, "cum": "10"}))
    assert story.outcomes() == [Outcome.CANCELED]
