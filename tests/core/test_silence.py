"""A venue that answers nobody for a while: the other road at once, then patience, so that sends are left for later."""

from __future__ import annotations

from daemon.core.policy import SENDS_MAX
from protocols.fix import Road
from tests.core.story import Story
from tests.core.words import TIMINGS


def test_a_venue_that_was_silent_for_ten_seconds_gets_the_cancel_when_it_is_back() -> None:
    story = Story()
    story.submit()
    story.advance(10_000)
    meanwhile = len(story.sends)
    assert meanwhile < SENDS_MAX
    story.advance(10_000)
    assert meanwhile < len(story.sends) <= SENDS_MAX


def test_the_second_cancel_takes_the_other_road_without_waiting_any_longer() -> None:
    story = Story()
    story.submit()
    story.advance(TIMINGS.ack_wait_ms)
    assert [wire.road for wire in story.sends] == [Road.WS, Road.REST]
