"""Deadlines bound the sending and not the asking: what is ``not_sent``, and what is only late."""

from __future__ import annotations

import pytest

from daemon.core import policy
from protocols.evidence import Proof
from protocols.fix import Outcome, Road
from tests.core.story import Story
from tests.core.words import TIMINGS

HORIZON_MS = TIMINGS.horizon_s * 1000


def test_a_cancel_that_never_left_by_its_deadline_is_not_sent() -> None:
    story = Story(roads=())
    story.submit(deadline_ms=500)
    story.advance(499)
    assert story.outcomes() == []
    story.advance(1)
    assert story.outcomes() == [Outcome.NOT_SENT]
    assert story.report().times.forwarded is None


def test_nothing_leaves_after_not_sent() -> None:
    story = Story(roads=())
    story.submit(deadline_ms=500)
    story.advance(500)
    story.restore_link()
    story.advance(HORIZON_MS, story.answer_live)
    assert story.sends == []
    assert story.outcomes() == [Outcome.NOT_SENT]


def test_no_send_is_planned_past_a_deadline_whatever_was_concluded_before() -> None:
    story = Story(roads=())
    story.submit(deadline_ms=500)
    story.core.world.open_roads.add(Road.WS)
    before, _ = policy.wants_send(story.case(), story.core.world, story.now_us + 499_999)
    after, _ = policy.wants_send(story.case(), story.core.world, story.now_us + 500_000)
    assert (before is not None, after) == (True, None)


def test_what_certainly_never_left_is_not_sent_at_the_deadline() -> None:
    story = Story(roads=(Road.WS,))
    story.submit(deadline_ms=90)
    story.never_left()
    story.advance(90)
    assert story.outcomes() == [Outcome.NOT_SENT]


def test_what_is_found_never_to_have_left_after_the_deadline_is_not_sent_then() -> None:
    story = Story(roads=(Road.WS,))
    story.submit(deadline_ms=90)
    story.advance(200)
    assert story.outcomes() == []
    story.never_left()
    assert story.outcomes() == [Outcome.NOT_SENT]


@pytest.mark.parametrize("proof", [None, Proof.GONE, Proof.UNKNOWN, Proof.UNCHANGED_RETRY])
def test_what_may_have_left_is_never_not_sent(proof: Proof | None) -> None:
    story = Story()
    story.submit(deadline_ms=100)
    if proof is not None:
        story.refuse(proof)
    story.advance(HORIZON_MS, story.fail_question)
    assert story.outcomes() == [Outcome.IN_DOUBT]


def test_past_its_deadline_a_request_is_asked_about_and_not_sent_again() -> None:
    story = Story()
    story.submit(deadline_ms=400)
    story.advance(10_000, story.answer_live)
    assert len(story.sends) == 1
    assert len(story.asked) > 3
    story.push("canceled", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]


def test_evidence_after_the_deadline_gives_the_late_outcome() -> None:
    story = Story()
    story.submit(deadline_ms=1)
    story.advance(30_000, story.fail_question)
    story.push("filled", cum="10")
    assert story.outcomes() == [Outcome.FILLED]


def test_an_order_that_ended_answers_though_nothing_left() -> None:
    story = Story(roads=())
    story.submit(deadline_ms=500)
    story.push("canceled", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]
    story.advance(1_000)
    assert story.outcomes() == [Outcome.CANCELED]


def test_past_its_deadline_a_refused_request_is_rejected_since_no_retry_is_left() -> None:
    story = Story()
    story.submit(deadline_ms=50)
    story.refuse(Proof.UNCHANGED_RETRY)
    story.advance(TIMINGS.replica_lag_ms + 5_000, story.answer_live)
    assert story.outcomes() == [Outcome.REJECTED]
    assert len(story.sends) == 1


def test_a_deadline_past_the_horizon_corrects_the_doubt_on_time() -> None:
    story = Story.with_timings(horizon_s=30)
    for road in (Road.WS, Road.REST):
        story.cut_link(road)
    story.submit(deadline_ms=45_000)
    story.advance(44_999, story.fail_question)
    assert story.outcomes() == [Outcome.IN_DOUBT]
    story.advance(1)
    assert story.outcomes() == [Outcome.IN_DOUBT, Outcome.NOT_SENT]
