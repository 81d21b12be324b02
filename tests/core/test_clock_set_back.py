"""The host's clock may be set back between two lives: what a journal has from the future is no reason to wait."""

from __future__ import annotations

from daemon.core.records import RequestOpened
from protocols.evidence import Proof
from protocols.fix import Outcome
from tests.core.story import Story

HOUR_US = 3_600_000_000


def set_back(story: Story) -> None:
    """End a life, set the clock back by an hour, and begin the next one."""
    story.now_us -= HOUR_US
    story.restart()


def test_a_refused_cancel_of_the_future_is_repeated_as_soon_as_the_order_is_seen_to_live() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.UNCHANGED_RETRY)
    set_back(story)
    story.answer_live()
    story.advance(150)
    assert len(story.sends) == 2


def test_an_accepted_cancel_of_the_future_is_repeated_after_the_replica_lag() -> None:
    story = Story()
    story.submit()
    story.ack()
    set_back(story)
    story.advance(60_000, story.answer_live)
    assert len(story.sends) > 1


def test_a_deadline_of_the_future_counts_as_passed() -> None:
    story = Story(roads=())
    story.submit(deadline_ms=5_000)
    set_back(story)
    story.advance(10_000, story.answer_live)
    assert story.sends == []


def test_records_keep_their_order_over_lives_whose_times_overlap() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.UNCHANGED_RETRY)
    set_back(story)
    story.answer_live()
    story.advance(150)
    story.refuse(Proof.UNCHANGED_FINAL)
    story.restart()
    assert [send.proof for send in story.case().sends] == [Proof.UNCHANGED_RETRY, Proof.UNCHANGED_FINAL]


def test_the_client_is_told_when_its_request_was_received_by_the_clock_of_that_life() -> None:
    story = Story()
    story.submit()
    opened = next(record for record in story.shelf.records if isinstance(record, RequestOpened))
    set_back(story)
    story.answer_ended("canceled", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]
    assert story.report().times.received == opened.request.received_us
