"""A new life takes up what the last one left, at whatever point it ended: nothing is forgotten, nothing told twice."""

from __future__ import annotations

import pytest

from daemon.core.policy import CONFIRM_ASKS_MAX
from daemon.core.records import AskFailed, Bound, Concluded, Observed, RequestOpened
from protocols.evidence import DropCopyState, Proof, Step
from protocols.fix import Outcome, Road
from tests.core.story import Story
from tests.core.words import T0_MS, TIMINGS

LAG_MS = TIMINGS.replica_lag_ms
HORIZON_MS = TIMINGS.horizon_s * 1000


# ---------------------------------------------------------------- it asks before it sends


@pytest.mark.parametrize("proof", [None, *Proof])
def test_a_recovered_request_is_asked_about_first_and_sent_only_after_an_answer(proof: Proof | None) -> None:
    story = Story()
    story.submit()
    if proof is not None:
        story.refuse(proof)
    sends = len(story.sends)
    asked = len(story.asked)
    story.restart()
    assert len(story.sends) == sends
    assert story.asked[asked:] == [Step.ORDER]
    story.answer_ended("canceled", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]


def test_an_unanswered_cancel_of_an_earlier_life_is_repeated_when_the_order_is_live() -> None:
    story = Story()
    story.submit()
    story.restart()
    story.answer_live()
    assert len(story.sends) == 2


def test_a_request_whose_cancel_was_not_written_down_is_sent_after_the_answer() -> None:
    story = Story()
    story.submit()
    opened = 1 + next(i for i, record in enumerate(story.shelf.records) if isinstance(record, RequestOpened))
    story.restart(upto=opened)
    assert len(story.sends) == 1
    story.answer_live()
    assert len(story.sends) == 2


def test_by_order_id_it_is_sent_too_when_the_venue_does_not_know_the_order_yet() -> None:
    story = Story(roads=())
    story.submit()
    story.restart()
    assert story.sends == []
    story.deny_a_round()
    assert [wire.order_id for wire in story.sends] == ["o1"]


def test_by_client_id_it_is_sent_only_when_a_query_shows_the_order() -> None:
    story = Story(roads=())
    story.submit(None, alias="y")
    story.restart()
    story.advance(10_000, story.answer_not_found)
    assert story.sends == []
    story.advance(5_000)
    story.answer_live(order="o1", alias="y")
    assert [wire.order_id for wire in story.sends] == ["o1"]


def test_as_long_as_the_question_fails_nothing_is_sent() -> None:
    story = Story()
    story.submit()
    story.restart()
    story.advance(HORIZON_MS, story.fail_question)
    assert len(story.sends) == 1
    assert story.outcomes() == [Outcome.IN_DOUBT]


def test_a_new_request_for_a_recovered_order_waits_for_no_question() -> None:
    story = Story(roads=())
    story.submit()
    story.restart()
    story.submit()
    assert len(story.sends) == 1


def test_an_old_recovered_request_is_not_sent_at_all() -> None:
    story = Story(roads=())
    story.submit()
    story.advance(TIMINGS.resend_max_age_s * 1000, story.fail_question)
    story.restart()
    story.advance(10_000, story.answer_live)
    assert story.sends == []


# ---------------------------------------------------------------- it never says not_sent


def test_a_recovered_request_is_never_not_sent() -> None:
    story = Story(roads=())
    story.submit(deadline_ms=500)
    story.restart(roads=())
    story.advance(HORIZON_MS, story.fail_question)
    assert story.outcomes() == [Outcome.IN_DOUBT]
    assert story.report().reason == "horizon_passed"


def test_not_sent_of_an_earlier_life_stands() -> None:
    story = Story(roads=())
    story.submit(deadline_ms=500)
    story.advance(500)
    story.restart()
    story.advance(HORIZON_MS, story.answer_live)
    assert story.outcomes() == [Outcome.NOT_SENT]
    assert story.sends == []


# ---------------------------------------------------------------- what was known is known


def test_evidence_of_an_earlier_life_concludes_at_once() -> None:
    story = Story()
    story.submit()
    story.push("canceled", cum="2")
    last = max(i for i, record in enumerate(story.shelf.records) if isinstance(record, Observed))
    story.told.clear()
    story.restart(upto=last + 1)
    assert story.outcomes() == [Outcome.CANCELED]
    assert story.report().revision == 0


def test_an_order_seen_in_an_earlier_life_is_never_unknown() -> None:
    story = Story()
    story.push("new", cum="0")
    story.submit()
    story.restart()
    story.advance(HORIZON_MS, story.answer_not_found)
    assert story.outcomes() == [Outcome.IN_DOUBT]
    assert story.report().reason == "retention_passed"


def test_a_refusal_of_an_earlier_life_still_counts_towards_rejected() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.UNCHANGED_FINAL)
    story.restart()
    story.advance(LAG_MS - 1, story.answer_live)
    assert story.outcomes() == []
    story.advance(5_000, story.answer_live)
    assert story.outcomes() == [Outcome.REJECTED]


def test_a_bound_client_id_stays_bound() -> None:
    story = Story()
    story.submit(None, alias="y")
    story.ack(order="o1")
    story.restart()
    assert story.case().order_id == "o1"
    assert story.open_questions()[0].question.order_id == "o1"


def test_a_tracked_client_id_stays_bound() -> None:
    story = Story()
    story.track("y", "o1")
    story.submit(None, alias="y")
    story.push("canceled", order="o1", cum="0")
    assert any(isinstance(record, Bound) for record in story.shelf.records)
    story.restart()
    story.advance(2 * HORIZON_MS, story.fail_question)
    assert story.outcomes() == [Outcome.CANCELED]


def test_struck_evidence_stays_struck() -> None:
    story = Story()
    story.submit()
    story.push("filled", cum="10")
    story.push("canceled", cum="0")
    story.advance(LAG_MS + 10_000, lambda: story.answer_ended("canceled", cum="0"))
    assert story.outcomes()[-1] is Outcome.CANCELED
    story.restart()
    story.push("filled", cum="10")
    assert story.outcomes()[-1] is Outcome.CANCELED


def test_pushes_may_have_been_missed_while_there_was_no_daemon() -> None:
    story = Story()
    story.submit()
    story.push("filled", cum="10")
    story.push("canceled", cum="0")
    story.advance(LAG_MS - 1_000, story.fail_question)
    story.restart()
    story.advance(2_000, lambda: story.answer_ended("canceled", cum="0"))
    assert "evidence_struck" not in story.alarms
    story.advance(LAG_MS, lambda: story.answer_ended("canceled", cum="0"))
    assert "evidence_struck" in story.alarms


# ---------------------------------------------------------------- corrections across lives


def test_an_in_doubt_request_is_taken_up_again_and_corrected() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.advance(HORIZON_MS, story.fail_question)
    story.restart()
    story.answer_ended("filled", cum="10")
    assert story.outcomes() == [Outcome.IN_DOUBT, Outcome.FILLED]
    assert story.report().revision == 1


def test_a_terminal_request_is_asked_about_once_and_corrected_if_more_had_filled() -> None:
    story = Story()
    story.submit()
    story.push("canceled", cum="0")
    story.restart()
    assert story.asked == [Step.ORDER]
    story.answer_ended("canceled", cum="3")
    assert story.outcomes() == [Outcome.CANCELED, Outcome.CANCELED]
    story.advance(HORIZON_MS)
    assert story.asked == [Step.ORDER]


def test_a_terminal_request_that_is_confirmed_is_not_told_again() -> None:
    story = Story()
    story.submit()
    story.push("canceled", cum="0")
    story.restart()
    story.answer_ended("canceled", cum="0")
    story.advance(HORIZON_MS)
    assert story.outcomes() == [Outcome.CANCELED]
    assert story.core.next_tick_us() is None


def test_the_one_question_is_tried_again_when_it_fails_but_not_for_ever() -> None:
    story = Story()
    story.submit()
    story.push("canceled", cum="0")
    story.restart()
    story.advance(24 * 3_600_000, story.fail_question)
    failed = sum(isinstance(record, AskFailed) for record in story.shelf.records)
    assert failed == CONFIRM_ASKS_MAX
    assert story.outcomes() == [Outcome.CANCELED]


def test_an_end_that_the_one_question_finds_refuted_is_asked_about_again_and_taken_back() -> None:
    story = Story()
    story.submit()
    story.push("canceled", cum="0")
    story.restart()
    story.advance(LAG_MS, story.fail_question)
    story.advance(LAG_MS * 3, story.answer_live)
    assert story.outcomes()[:2] == [Outcome.CANCELED, Outcome.IN_DOUBT]
    assert "evidence_struck" in story.alarms


def test_an_outcome_is_not_taken_back_because_its_evidence_cannot_be_read_any_more() -> None:
    story = Story()
    story.submit()
    story.push("canceled", cum="0")
    story.shelf.records = [record for record in story.shelf.records if not isinstance(record, Observed)]
    story.restart()
    story.advance(2 * HORIZON_MS, story.fail_question)
    assert story.outcomes() == [Outcome.CANCELED]


# ---------------------------------------------------------------- at every point


def eventful() -> Story:
    """Tell a story with most of what can happen in it, and an order that the venue canceled in the end."""
    story = Story()
    story.submit("o1")
    story.submit(None, alias="y")
    story.forward()
    story.ack(order="o1", sent=story.sent[1])
    story.refuse(Proof.UNKNOWN, story.sent[0])
    story.answer_live(cum="1")
    story.advance(600)
    story.push("partially_filled", cum="2", alias="y")
    for sent in list(story.open_sends()):
        story.ack(sent)
    story.push("canceled", cum="2", alias="y", updated_ms=T0_MS + 700)
    return story


@pytest.mark.parametrize("point", range(1, len(eventful().shelf.records) + 1))
def test_a_life_that_ends_at_any_point_is_followed_by_the_right_outcome_once(point: int) -> None:
    story = eventful()
    before = {record.key.request_id for record in story.shelf.records[:point] if isinstance(record, Concluded)}
    accepted = [r.request.key.request_id for r in story.shelf.records[:point] if isinstance(r, RequestOpened)]
    story.told.clear()
    story.restart(upto=point)
    story.advance(
        2 * HORIZON_MS,
        lambda: (
            story.answer_ended("canceled", cum="2", order="o1", alias="y", updated_ms=T0_MS + 700)
            if story.open_questions()[0].question.step is Step.ORDER
            else story.answer_not_found()
        ),
    )
    assert accepted
    for name in accepted:
        told = [] if name in before else [Outcome.CANCELED]
        assert story.outcomes(name) == told


# ---------------------------------------------------------------- whose key it is


def test_a_recovered_case_waits_until_it_is_known_whose_key_it_is() -> None:
    story = Story()
    story.submit()
    story.restart(waits_for_identity=True)
    story.advance(1_000)
    assert story.asked == []
    assert len(story.sends) == 1
    story.see_identified()
    assert story.asked == [Step.ORDER]


def test_a_new_request_for_a_waiting_case_goes_at_once() -> None:
    story = Story(roads=())
    story.submit()
    story.restart(waits_for_identity=True)
    story.submit()
    assert len(story.sends) == 1
    story.refuse(Proof.GONE)
    assert story.asked == [Step.ORDER]


def test_if_the_key_is_another_users_the_old_requests_are_in_doubt_and_nothing_is_asked_or_sent() -> None:
    story = Story()
    story.submit("o1")
    story.submit("o2")
    story.push("canceled", order="o2", cum="0")
    story.restart(waits_for_identity=True)
    story.change_account()
    assert story.outcomes("r1") == [Outcome.IN_DOUBT]
    assert story.report("r1").reason == "account_changed"
    assert story.outcomes("r2") == [Outcome.CANCELED]
    sends = len(story.sends)
    story.cut_link(Road.WS)
    story.restore_link(Road.WS)
    story.advance(2 * HORIZON_MS)
    assert (len(story.sends), story.asked) == (sends, [])


def test_a_case_restored_after_the_key_was_found_changed_is_in_doubt_too() -> None:
    story = Story(drop_copy=DropCopyState.DOWN)
    story.submit()
    story.change_account()
    assert story.report().reason == "account_changed"
    story.submit("o2")
    assert story.report("r2").reason == "account_changed"
    assert [wire.order_id for wire in story.sends] == ["o1"]
