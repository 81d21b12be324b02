"""A venue that answers nobody for a while, or nothing of use: patience, so that sends are left for when it is back."""

from __future__ import annotations

import pytest

from daemon.core.bench import UNHEARD_LOOK_US
from daemon.core.policy import RETRY_MAX_US, SENDS_MAX
from protocols.evidence import Proof
from protocols.fix import Outcome, Road
from tests.core.story import Story
from tests.core.words import TIMINGS

WHILE_MS = 50_000
"""Nearly the horizon."""


def test_a_venue_that_was_silent_gets_the_cancel_when_it_is_back() -> None:
    story = Story()
    story.submit()
    story.advance(WHILE_MS)
    meanwhile = len(story.sends)
    assert meanwhile < SENDS_MAX
    story.advance(RETRY_MAX_US / 1000 + TIMINGS.ack_wait_ms)
    assert meanwhile < len(story.sends) <= SENDS_MAX


@pytest.mark.parametrize("proof", [Proof.UNCHANGED_RETRY, Proof.UNKNOWN])
def test_a_venue_that_refuses_everything_gets_the_cancel_when_it_is_itself_again(proof: Proof) -> None:
    story = Story()
    story.submit()
    for _ in range(WHILE_MS // 100):
        for sent in story.open_sends():
            story.refuse(proof, sent)
        story.advance(100, story.answer_live)
    meanwhile = len(story.sends)
    assert meanwhile < SENDS_MAX / 2
    story.advance(RETRY_MAX_US / 1000, story.answer_live)
    assert len(story.sends) > meanwhile


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_venue_that_says_now_this_and_now_that_gets_the_cancel_when_it_is_itself_again(*, is_lost: bool) -> None:
    story = Story()
    story.submit()
    for _ in range(WHILE_MS // 100):
        for sent in [sent for sent in story.open_sends() if sent.is_in_flight]:
            if len(story.sends) % 2:
                story.refuse(Proof.UNCHANGED_RETRY, sent)
            elif is_lost:
                story.lose_reply(sent)
            else:
                story.refuse(Proof.UNKNOWN, sent)
        story.advance(100, story.answer_live)
    meanwhile = len(story.sends)
    assert meanwhile < SENDS_MAX
    story.advance(RETRY_MAX_US / 1000, story.answer_live)
    assert len(story.sends) > meanwhile


def test_the_second_cancel_takes_the_other_road_without_waiting_any_longer() -> None:
    story = Story()
    story.submit()
    story.advance(TIMINGS.ack_wait_ms)
    assert [wire.road for wire in story.sends] == [Road.WS, Road.REST]


def test_nobody_is_called_silent_while_what_he_said_is_not_taken_in_yet() -> None:
    story = Story()
    story.submit()
    case = story.case()
    case.unheard += 1
    story.advance(2 * TIMINGS.ack_wait_ms)
    assert (story.suspected, story.asked, len(story.sends)) == ([], [], 1)
    case.unheard = 0
    story.advance(UNHEARD_LOOK_US / 1000)
    assert story.suspected == [Road.WS]


def test_an_acceptance_is_followed_up_in_time_though_something_stood_back_when_it_came() -> None:
    story = Story()
    story.submit()
    story.advance(2 * WHILE_MS, story.answer_not_found)
    while not (due_us := story.core.next_tick_us()) or due_us < story.now_us + 2 * TIMINGS.ack_wait_ms * 1000:
        assert story.run_to_next_timer()
        for put in story.open_questions():
            story.answer_not_found(put)
    case = story.case()
    case.unheard += 1
    story.ack(story.open_sends()[0])
    case.unheard = 0
    due_us = story.core.next_tick_us()
    assert due_us is not None
    assert due_us <= story.now_us + TIMINGS.ack_wait_ms * 1000


@pytest.mark.parametrize("lives", [True, False])
def test_nothing_but_an_end_is_concluded_of_a_case_of_which_something_stands_back(*, lives: bool) -> None:
    story = Story()
    story.submit()
    answer = story.answer_live if lives else story.answer_not_found
    story.refuse(Proof.UNCHANGED_FINAL if lives else Proof.GONE)
    story.advance(TIMINGS.replica_lag_ms - 100, answer)
    while not story.open_questions():
        story.run_to_next_timer()
    case = story.case()
    case.unheard += 1
    for _ in range(30):
        story.advance(10, answer)
    assert story.outcomes() == []
    case.unheard = 0
    story.push("canceled", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]


def test_nothing_is_sent_again_on_life_that_was_shown_before_what_stands_back_is_taken_in() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.UNKNOWN)
    case = story.case()
    case.unheard += 1
    story.answer_live()
    story.advance(100)
    assert len(story.sends) == 1
    story.submit(params={"x": "1"})
    assert len(story.sends) == 2  # a first cancel waits for nothing
    case.unheard = 0
    story.advance(UNHEARD_LOOK_US / 1000)
    assert len(story.sends) == 3


def test_what_stood_back_and_said_nothing_keeps_no_conclusion_back() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.UNCHANGED_FINAL)
    case = story.case()
    case.unheard += 1
    story.advance(TIMINGS.horizon_s * 1000, story.answer_live)
    assert story.outcomes() == []
    case.unheard = 0
    story.advance(TIMINGS.ack_wait_ms, story.answer_live)
    assert story.outcomes() != []
