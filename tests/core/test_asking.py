"""When the venue is asked and what, how the questions back off, and that no answer is waited for without end."""

from __future__ import annotations

from itertools import pairwise

import pytest

from daemon.core.policy import ANSWER_WAIT_US, ASK_FIRST_US, ASK_MAX_US, ASK_SLOW_US
from daemon.core.records import AskFailed
from protocols.dialect import RateRule, Scope
from protocols.evidence import DropCopyState, Proof, Source, Step
from protocols.fix import Outcome, Road
from tests.core.story import Story
from tests.core.words import TIMINGS, report

HORIZON_MS = TIMINGS.horizon_s * 1000


def gaps_us(story: Story, step: Step = Step.ORDER) -> list[int]:
    """The times between the questions of one step."""
    times = [put.at_us for put in story.put if put.question.step is step and put.question.order_id is not None]
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize("proof", [Proof.GONE, Proof.UNKNOWN, Proof.UNCHANGED_RETRY, Proof.UNCHANGED_FINAL])
def test_a_refusal_is_asked_about_at_once(proof: Proof) -> None:
    story = Story()
    story.submit()
    story.refuse(proof)
    assert story.asked == [Step.ORDER]


def test_a_missing_answer_is_asked_about_when_it_is_overdue() -> None:
    story = Story()
    story.submit()
    story.advance(TIMINGS.ack_wait_ms - 1)
    assert story.asked == []
    story.advance(1)
    assert story.asked == [Step.ORDER]


def test_a_lost_link_is_asked_about_at_once() -> None:
    story = Story()
    story.submit()
    story.cut_link(Road.WS)
    assert story.asked == [Step.ORDER]


@pytest.mark.parametrize("requests", [1, 2])
def test_an_order_of_which_nothing_was_heard_for_long_is_canceled_without_a_question(requests: int) -> None:
    story = Story()
    story.push("new")
    story.advance(2 * TIMINGS.replica_lag_ms)
    for _ in range(requests):
        story.submit()
    story.advance(TIMINGS.ack_wait_ms - 1)
    assert story.asked == []
    story.ack()
    story.advance(TIMINGS.push_wait_ms - 1)
    assert story.asked == []
    story.advance(1)
    assert story.asked == [Step.ORDER]


@pytest.mark.parametrize("proof", [Proof.ACCEPTED, Proof.IN_PROGRESS])
def test_an_accepted_cancel_is_asked_about_when_no_push_came(proof: Proof) -> None:
    story = Story()
    story.submit()
    story.refuse(proof)
    story.advance(TIMINGS.push_wait_ms - 1)
    assert story.asked == []
    story.advance(1)
    assert story.asked == [Step.ORDER]


@pytest.mark.parametrize("state", [DropCopyState.BLIND, DropCopyState.DOWN])
def test_without_a_drop_copy_an_accepted_cancel_is_asked_about_at_once(state: DropCopyState) -> None:
    story = Story(drop_copy=state)
    story.submit()
    assert story.asked == []
    story.ack()
    assert story.asked == [Step.ORDER]


@pytest.mark.parametrize("state", [DropCopyState.BLIND, DropCopyState.DOWN])
def test_losing_the_drop_copy_while_waiting_for_a_push_asks_at_once(state: DropCopyState) -> None:
    story = Story()
    story.submit()
    story.ack()
    story.drop_copy_is(state)
    assert story.asked == [Step.ORDER]
    assert ("drop_copy_blind" in story.alarms) is (state is DropCopyState.BLIND)


def test_questions_back_off_to_the_horizon_and_are_slow_after_it() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.advance(HORIZON_MS, story.fail_question)
    before = gaps_us(story)
    assert before[0] == ASK_FIRST_US * 2
    assert max(before) <= ASK_MAX_US
    assert sorted(before[:5]) == before[:5]
    count = len(before)
    story.advance(600_000, story.fail_question)
    assert set(gaps_us(story)[count + 1 :]) == {ASK_SLOW_US}


def in_doubt() -> Story:
    """Tell the story of a request too old to be sent again, with the next slow question just put and failed."""
    story = Story.with_timings(resend_max_age_s=HORIZON_MS / 1000)
    story.submit()
    story.refuse(Proof.GONE)
    story.advance(HORIZON_MS + 2 * ASK_SLOW_US / 1000, story.fail_question)
    assert story.outcomes() == [Outcome.IN_DOUBT]
    return story


def test_even_when_asking_is_slow_a_push_is_followed_by_a_question_that_can_conclude() -> None:
    story = in_doubt()
    story.push("new", cum="0")
    count = len(story.asked)
    story.advance(TIMINGS.replica_lag_ms - 1)
    assert len(story.asked) == count
    story.advance(1)
    assert len(story.asked) == count + 1


def test_even_when_asking_is_slow_a_denial_is_followed_by_one_that_can_conclude() -> None:
    story = in_doubt()
    story.advance(ASK_SLOW_US / 1000)
    story.deny_a_round()
    assert story.outcomes() == [Outcome.IN_DOUBT]
    story.advance(TIMINGS.replica_lag_ms, story.answer_not_found)
    assert story.outcomes() == [Outcome.IN_DOUBT, Outcome.UNKNOWN_ORDER]


def test_asking_stops_when_the_order_is_given_up_and_evidence_still_moves_it() -> None:
    story = Story.with_timings(abandon_after_h=0.5)
    story.submit()
    story.ack()
    story.advance(1_800_000, story.fail_question)
    count = len(story.asked)
    assert story.core.next_tick_us() is None
    story.advance(1_000_000, story.fail_question)
    assert len(story.asked) == count
    story.push("canceled", cum="0")
    assert story.outcomes() == [Outcome.IN_DOUBT, Outcome.CANCELED]


def test_one_question_about_an_order_is_under_way_at_a_time() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.submit()
    story.refuse(Proof.UNKNOWN)
    story.cut_link(Road.WS)
    story.advance(10_000)
    assert len(story.asked) == 1


def test_trouble_during_a_question_is_asked_about_after_its_answer() -> None:
    story = Story(roads=(Road.WS,))
    story.submit()
    story.refuse(Proof.GONE)
    story.submit()
    story.advance(1)
    story.refuse(Proof.UNKNOWN)
    story.answer_live()
    assert len(story.asked) == 2


def test_a_round_walks_down_the_ladder_at_once_and_ends_with_a_listing() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.deny_a_round()
    assert story.asked == [Step.ORDER, Step.OPEN_ORDERS, Step.HISTORY, Step.FILLS, Step.OPEN_ORDERS]


def test_a_question_that_failed_starts_the_round_again_after_the_back_off() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.answer_not_found()
    story.fail_question()
    assert story.asked == [Step.ORDER, Step.OPEN_ORDERS]
    story.advance(1_000)
    assert story.asked == [Step.ORDER, Step.OPEN_ORDERS, Step.ORDER]


def test_fills_alone_show_that_the_order_existed_and_how_much_of_it_traded() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.answer_ended("partially_filled", cum="4", is_state=False)
    story.advance(HORIZON_MS, story.answer_not_found)
    assert story.outcomes() == [Outcome.IN_DOUBT]
    assert story.report().ord_status is None
    assert str(story.report().cum_qty) == "4"
    assert story.report().reason == "retention_passed"


def test_fills_alone_are_no_sign_of_life() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.UNKNOWN)
    story.advance(HORIZON_MS - 1, lambda: story.answer_ended("partially_filled", cum="4", is_state=False))
    assert len(story.sends) == 1
    assert story.outcomes() == []


# ---------------------------------------------------------------- answers that never come


def test_an_answer_that_never_comes_is_waited_for_no_longer_than_its_time() -> None:
    story = Story.with_timings(horizon_s=300)
    story.submit()
    story.refuse(Proof.GONE)
    story.advance(ANSWER_WAIT_US / 1000 - 1)
    assert len(story.asked) == 1
    story.advance(10_000)
    assert len(story.asked) == 2
    assert any(isinstance(record, AskFailed) for record in story.shelf.records)


def test_an_answer_that_comes_too_late_is_heard_all_the_same() -> None:
    story = Story.with_timings(horizon_s=300)
    story.submit()
    story.refuse(Proof.GONE)
    lost = story.put[0]
    story.advance(ANSWER_WAIT_US / 1000 + 10_000)
    story.answer_ended("canceled", lost, cum="0")
    assert story.outcomes() == [Outcome.CANCELED]


def test_a_listing_that_never_comes_is_asked_for_again() -> None:
    story = Story(drop_copy=DropCopyState.DOWN)
    story.submit()
    story.drop_copy_is(DropCopyState.LIVE)
    listings = [put for put in story.put if put.question.step is Step.OPEN_ORDERS]
    assert len(listings) == 1
    story.advance(ANSWER_WAIT_US / 1000 + 1)
    assert len([put for put in story.put if put.question.step is Step.OPEN_ORDERS]) == 2


def test_a_question_of_an_old_round_is_not_gone_on_with_for_a_new_request() -> None:
    story = Story(roads=())
    story.submit(deadline_ms=2_000)
    story.advance(TIMINGS.push_wait_ms)
    story.answer_not_found()
    assert story.asked == [Step.ORDER, Step.OPEN_ORDERS]
    story.advance(1_500)
    assert story.outcomes() == [Outcome.NOT_SENT]
    story.answer_not_found()
    story.restore_link()
    story.submit()
    story.refuse(Proof.GONE)
    assert story.asked == [Step.ORDER, Step.OPEN_ORDERS, Step.ORDER]


# ---------------------------------------------------------------- resync


def listing(story: Story) -> list[bool]:
    """Whether each listing of the account so far is still open."""
    return [put.is_open for put in story.put if put.question.order_id is None]


def test_after_a_reconnect_the_listing_comes_first_and_then_a_question_for_each_order_that_it_lacks() -> None:
    story = Story()
    story.submit("o1")
    story.submit("o2")
    for sent in list(story.open_sends()):
        story.ack(sent)
    story.drop_copy_is(DropCopyState.DOWN)
    for put in list(story.open_questions()):
        story.answer_live(put, order=put.question.order_id or "")
    asked = len(story.asked)
    story.advance(1)
    story.drop_copy_is(DropCopyState.LIVE)
    assert (len(story.asked), listing(story)[-1]) == (asked, True)
    story.answer(None, [report("new", order="o1", cum="0")])
    assert [put.question.order_id for put in story.put[-1:]] == ["o2"]
    assert len(story.asked) == asked + 1


def test_a_listing_asked_before_the_stream_came_back_does_not_stand_for_the_one_after() -> None:
    story = Story(drop_copy=DropCopyState.DOWN)
    story.submit("o1")
    story.drop_copy_is(DropCopyState.LIVE)
    story.advance(1)
    story.drop_copy_is(DropCopyState.DOWN)
    story.drop_copy_is(DropCopyState.LIVE)
    asked = len(story.asked)
    story.answer(None, [report("new", order="o1", cum="0")])
    assert listing(story)[-1]
    story.answer(story.put[-1], [])
    assert len(story.asked) > asked


def test_a_listing_that_failed_asks_about_every_order_and_is_tried_again() -> None:
    story = Story(drop_copy=DropCopyState.DOWN)
    story.submit("o1")
    story.ack()
    story.answer_live()
    story.advance(1)
    story.drop_copy_is(DropCopyState.LIVE)
    asked = len(story.asked)
    story.fail_question()
    assert len(story.asked) == asked + 1
    count = len(listing(story))
    story.advance(1_000)
    assert len(listing(story)) == count + 1


def test_a_row_of_a_listing_is_evidence_about_its_order() -> None:
    story = Story(drop_copy=DropCopyState.DOWN)
    story.submit("o1")
    story.refuse(Proof.UNCHANGED_FINAL)
    story.answer_not_found()
    story.advance(TIMINGS.replica_lag_ms)
    story.drop_copy_is(DropCopyState.LIVE)
    listing_put = next(put for put in story.open_questions() if put.question.order_id is None)
    story.answer(listing_put, [report("new", order="o1", cum="0", source=Source.QUERY)])
    assert story.outcomes() == [Outcome.REJECTED]


def test_a_new_cancel_waits_for_no_resync() -> None:
    story = Story(drop_copy=DropCopyState.DOWN)
    story.submit("o1")
    story.drop_copy_is(DropCopyState.LIVE)
    story.submit("o2")
    assert [wire.order_id for wire in story.sends] == ["o1", "o2"]


def test_a_listing_goes_before_any_number_of_questions_that_share_its_limit() -> None:
    """After a restart each order of the last hours is asked about once: a bulk cancel must not wait for all of that."""
    reading = frozenset({f"ask_{step.value}" for step in Step})
    story = Story.with_rules(RateRule("read", reading, 5, 3_000, Scope.USER, "a page"))
    for number in range(60):
        story.submit(f"o{number}")
        story.refuse(Proof.GONE)
    assert story.asked == [Step.ORDER] * 4  # the first listing took the fifth
    count = len(listing(story))
    story.drop_copy_is(DropCopyState.DOWN)
    story.drop_copy_is(DropCopyState.LIVE)
    assert len(listing(story)) == count
    story.advance(3_400)
    assert len(listing(story)) == count + 1
