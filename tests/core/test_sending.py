"""What is sent, when, on which road, how often; and what is not."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from daemon.core.policy import RETRY_FIRST_US, SENDS_MAX
from protocols.evidence import Proof, Remedy
from protocols.fix import Outcome, Road
from tests.core.story import BOTH, Story
from tests.core.words import TIMINGS, TRAITS

LAG_MS = TIMINGS.replica_lag_ms
ACK_MS = TIMINGS.ack_wait_ms
WS_ONLY = (Road.WS,)


# ---------------------------------------------------------------- the first send


def test_a_cancel_goes_at_once_by_the_first_road_and_by_order_id() -> None:
    story = Story()
    story.submit("o1", alias="y")
    assert [(wire.road, wire.order_id, wire.client_order_id) for wire in story.sends] == [(Road.WS, "o1", None)]


def test_a_cancel_takes_the_road_that_is_open() -> None:
    story = Story(roads=(Road.REST,))
    story.submit()
    assert [wire.road for wire in story.sends] == [Road.REST]


def test_without_a_road_a_cancel_waits_for_one_and_the_venue_is_asked_meanwhile() -> None:
    story = Story(roads=())
    story.submit()
    story.advance(TIMINGS.push_wait_ms)
    assert story.sends == []
    assert len(story.asked) == 1
    story.restore_link(Road.REST)
    assert [wire.road for wire in story.sends] == [Road.REST]


def test_a_venue_with_one_road_gets_no_other() -> None:
    story = Story(msgspec.structs.replace(TRAITS, roads=(Road.REST,)))
    story.submit()
    story.lose_reply()
    story.answer_live()
    assert {wire.road for wire in story.sends} == {Road.REST}


# ---------------------------------------------------------------- no answer


def test_no_ack_in_time_makes_the_road_suspect_and_takes_the_other_one() -> None:
    story = Story()
    story.submit()
    story.advance(ACK_MS - 1)
    assert (story.suspected, len(story.sends)) == ([], 1)
    story.advance(1)
    assert story.suspected == [Road.WS]
    assert [wire.road for wire in story.sends] == [Road.WS, Road.REST]
    assert len(story.asked) == 1


def test_an_acknowledged_send_is_not_suspect_and_not_repeated() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.advance(10_000, story.fail_question)
    assert (story.suspected, len(story.sends)) == ([], 1)


def test_over_one_road_an_unanswered_cancel_is_repeated_on_a_sign_of_life_only() -> None:
    story = Story(roads=WS_ONLY)
    story.submit()
    story.advance(ACK_MS)
    assert (story.suspected, len(story.sends)) == ([Road.WS], 1)
    story.answer_live()
    assert len(story.sends) == 2


def test_a_deadline_that_is_not_past_keeps_nothing_from_being_repeated() -> None:
    story = Story()
    story.submit(deadline_ms=60_000)
    story.advance(ACK_MS)
    assert len(story.sends) == 2


def test_another_cancel_takes_the_same_road_while_the_answer_to_the_first_is_not_overdue() -> None:
    story = Story()
    story.submit(params={"x": "1"})
    story.submit(params={"x": "2"})
    assert [wire.road for wire in story.sends] == [Road.WS, Road.WS]


def test_a_road_that_answered_is_taken_again() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.advance(LAG_MS, story.answer_live)
    assert [wire.road for wire in story.sends] == [Road.WS, Road.WS]


def test_a_lost_reply_takes_the_other_road_at_once() -> None:
    story = Story()
    story.submit()
    story.cut_link(Road.WS)
    assert [wire.road for wire in story.sends] == [Road.WS, Road.REST]


def test_by_client_id_a_lost_reply_is_followed_by_nothing_but_a_question() -> None:
    story = Story()
    story.submit(None, alias="y")
    story.cut_link(Road.WS)
    assert len(story.sends) == 1
    assert len(story.asked) == 1
    story.answer_not_found()
    story.advance(5_000, story.answer_not_found)
    assert len(story.sends) == 1


def test_by_client_id_a_refusal_to_be_retried_is_not_retried_without_a_sign_of_life() -> None:
    story = Story()
    story.submit(None, alias="y")
    story.refuse(Proof.UNCHANGED_RETRY)
    story.advance(10_000, story.fail_question)
    assert len(story.sends) == 1


def test_by_client_id_a_live_answer_leads_to_a_send_by_order_id() -> None:
    story = Story()
    story.submit(None, alias="y")
    story.lose_reply()
    story.answer_live(order="o1", alias="y")
    assert [wire.order_id for wire in story.sends] == [None, "o1"]


def test_by_client_id_a_live_order_newer_than_the_request_leads_to_nothing() -> None:
    story = Story()
    story.submit(None, alias="y")
    story.lose_reply()
    story.answer_live(order="o2", alias="y", created_ms=story.now_us // 1000 + 1)
    story.advance(5_000, story.fail_question)
    assert len(story.sends) == 1


# ---------------------------------------------------------------- never left


def test_what_never_left_goes_by_the_other_road_at_once() -> None:
    story = Story()
    story.submit()
    story.never_left()
    assert [wire.road for wire in story.sends] == [Road.WS, Road.REST]


def test_when_neither_road_lets_it_leave_the_tries_back_off() -> None:
    story = Story()
    story.submit()
    story.never_left()
    story.never_left()
    assert story.open_sends() == []
    story.advance(2 * RETRY_FIRST_US / 1000 - 1)
    assert len(story.sends) == 2
    story.advance(1)
    assert len(story.sends) == 3
    for _ in range(60):
        for sent in story.open_sends():
            story.never_left(sent)
        story.advance(1_000, story.fail_question)
    assert len(story.sends) < 30
    assert story.outcomes() == [Outcome.IN_DOUBT]


def test_a_handed_over_frame_counts_as_left_whatever_is_said_of_it_later() -> None:
    story = Story(roads=WS_ONLY)
    story.submit("o1", deadline_ms=200)
    story.forward()
    story.never_left()
    story.advance(200)
    assert story.outcomes() == []


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("proof", "sends"),
    [
        (Proof.ACCEPTED, 1),
        (Proof.IN_PROGRESS, 1),
        (Proof.GONE, 1),
        (Proof.UNCHANGED_FINAL, 1),
        (Proof.UNKNOWN, 2),
    ],
)
def test_a_live_answer_at_once_repeats_only_what_the_venue_cannot_say(proof: Proof, sends: int) -> None:
    story = Story()
    story.submit()
    story.refuse(proof)
    story.advance(2_000)
    story.answer_live()
    assert len(story.sends) == sends


@pytest.mark.parametrize(
    ("proof", "is_repeated"),
    [
        (Proof.ACCEPTED, True),
        (Proof.GONE, True),
        (Proof.IN_PROGRESS, False),
        (Proof.UNCHANGED_FINAL, False),
    ],
)
def test_a_live_answer_asked_a_lag_later_repeats_what_had_no_effect(proof: Proof, is_repeated: bool) -> None:
    story = Story()
    story.submit()
    story.refuse(proof)
    story.advance(LAG_MS - 1, story.answer_live)
    assert len(story.sends) == 1
    story.advance(1, story.answer_live)
    assert (len(story.sends) == 2) is is_repeated


def test_nothing_is_sent_while_any_earlier_cancel_is_in_progress() -> None:
    story = Story()
    story.submit()
    story.advance(ACK_MS)
    story.refuse(Proof.IN_PROGRESS, story.sent[0])
    story.lose_reply(story.sent[1])
    story.advance(10_000, story.answer_live)
    assert len(story.sends) == 2


def test_a_refusal_to_be_retried_backs_off_and_doubles() -> None:
    story = Story()
    story.submit()
    for number in range(3):
        story.refuse(Proof.UNCHANGED_RETRY)
        story.advance((RETRY_FIRST_US << number) / 1000)
    times = [sent.at_us for sent in story.sent]
    gaps = [second - first for first, second in pairwise(times)]
    assert gaps == [RETRY_FIRST_US, 2 * RETRY_FIRST_US, 4 * RETRY_FIRST_US]


def test_only_refusals_in_a_row_lengthen_the_back_off() -> None:
    story = Story()
    story.submit()
    for _ in range(3):
        story.refuse(Proof.UNKNOWN)
        story.advance(5_000)
        story.answer_live()
    story.refuse(Proof.UNCHANGED_RETRY)
    count = len(story.sends)
    story.advance(RETRY_FIRST_US / 1000)
    assert len(story.sends) == count + 1


def test_a_road_that_refuses_leads_to_the_other_one_at_once_but_not_back_and_forth() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.UNCHANGED_RETRY, remedy=Remedy.OTHER_ROAD)
    assert [wire.road for wire in story.sends] == [Road.WS, Road.REST]
    story.refuse(Proof.UNCHANGED_RETRY, remedy=Remedy.OTHER_ROAD)
    assert len(story.sends) == 2
    story.advance(2 * RETRY_FIRST_US / 1000)
    assert len(story.sends) == 3


def test_what_the_road_left_unknown_is_repeated_at_once_on_the_other_when_the_order_is_seen_to_live() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.UNKNOWN, remedy=Remedy.OTHER_ROAD)
    story.answer_live()
    assert [wire.road for wire in story.sends] == [Road.WS, Road.REST]


def test_gone_is_repeated_after_a_push_of_life() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.advance(100)
    story.push("partially_filled", cum="1")
    story.advance(RETRY_FIRST_US / 1000)
    assert len(story.sends) == 2


# ---------------------------------------------------------------- bounds


def test_no_more_than_the_bound_is_sent_for_a_request() -> None:
    story = Story.with_timings(resend_max_age_s=3600)
    story.submit()
    for _ in range(250):
        for sent in story.open_sends():
            story.refuse(Proof.UNCHANGED_RETRY, sent)
        story.advance(2_000, story.answer_live)
    assert len(story.sends) == SENDS_MAX


def test_a_new_request_has_a_send_of_its_own_past_the_bound() -> None:
    story = Story()
    story.submit()
    for _ in range(250):
        for sent in story.open_sends():
            story.refuse(Proof.UNCHANGED_RETRY, sent)
        story.advance(2_000, story.answer_live)
    assert story.outcomes()[-1] is Outcome.REJECTED
    count = len(story.sends)
    story.submit()
    assert len(story.sends) == count + 1


def test_nothing_is_sent_again_for_a_request_past_its_age() -> None:
    story = Story.with_timings(resend_max_age_s=30, horizon_s=300)
    story.submit()
    story.refuse(Proof.UNKNOWN)
    story.advance(30_000, story.fail_question)
    story.advance(60_000, story.answer_live)
    assert len(story.sends) == 1


def test_nothing_is_sent_inside_the_gap_of_an_order_whatever_the_road_or_the_request() -> None:
    story = Story.with_timings(per_order_gap_ms=1100)
    story.submit()
    story.cut_link(Road.WS)
    story.submit(params={"x": "1"})
    assert len(story.sends) == 1
    story.advance(1_099)
    assert len(story.sends) == 1
    story.advance(1)
    assert len(story.sends) == 2
    story.advance(1_099)
    assert len(story.sends) == 2


def test_the_gap_counts_for_requests_by_the_same_client_id_too() -> None:
    story = Story.with_timings(per_order_gap_ms=1100)
    story.submit(None, alias="y")
    story.refuse(Proof.UNCHANGED_FINAL)
    story.submit(None, alias="y")
    assert len(story.sends) == 1
    story.advance(1_100)
    assert len(story.sends) == 2


def test_what_never_left_starts_no_gap() -> None:
    story = Story.with_timings(per_order_gap_ms=1100)
    story.submit()
    story.never_left()
    assert [wire.road for wire in story.sends] == list(BOTH)


def test_each_request_is_repeated_with_its_own_parameters() -> None:
    story = Story(roads=WS_ONLY)
    story.submit(params={"x": "1"})
    story.ack()
    story.submit(params={"x": "2"})
    story.refuse(Proof.UNCHANGED_RETRY)
    story.advance(1_000)
    assert [wire.venue_params for wire in story.sends] == [{"x": "1"}, {"x": "2"}, {"x": "2"}]
