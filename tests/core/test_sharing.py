"""Several requests for one order: what they share, and what each keeps for itself."""

from __future__ import annotations

import pytest

from daemon.core.records import RequestOpened
from protocols.errors import BadRequest
from protocols.evidence import Proof
from protocols.fix import Outcome
from tests.core.story import Story
from tests.core.words import T0_MS, TIMINGS

LAG_MS = TIMINGS.replica_lag_ms


@pytest.mark.parametrize("proof", [None, Proof.ACCEPTED, Proof.IN_PROGRESS])
def test_two_requests_share_a_cancel_that_is_unanswered_or_accepted(proof: Proof | None) -> None:
    story = Story()
    story.submit()
    if proof is not None:
        story.refuse(proof)
    story.submit()
    assert len(story.sends) == 1
    story.push("canceled", cum="0")
    assert story.outcomes("r1") == story.outcomes("r2") == [Outcome.CANCELED]


@pytest.mark.parametrize("proof", [Proof.GONE, Proof.UNKNOWN, Proof.UNCHANGED_RETRY, Proof.UNCHANGED_FINAL])
def test_after_any_other_answer_a_second_request_has_a_cancel_of_its_own(proof: Proof) -> None:
    story = Story()
    story.submit()
    story.refuse(proof)
    story.submit()
    assert len(story.sends) == 2


def test_what_is_in_progress_is_shared_until_the_venue_shows_the_order_live_a_lag_later() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.IN_PROGRESS)
    story.advance(LAG_MS - 1, story.answer_live)
    story.submit()
    assert len(story.sends) == 1
    story.advance(5_001, story.answer_live)
    story.submit()
    assert len(story.sends) == 2
    story.submit()
    story.refuse(Proof.IN_PROGRESS, story.sent[1])
    story.submit()
    story.advance(2 * LAG_MS, story.answer_live)
    assert len(story.sends) == 2  # a request has one cancel at the most that the venue calls in progress
    story.push("canceled", cum="0")
    assert {story.outcomes(f"r{number}")[-1] for number in range(1, 6)} == {Outcome.CANCELED}


def test_a_new_cancel_for_an_order_that_outlived_its_cancel_is_retried_like_any_other() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.IN_PROGRESS)
    story.advance(LAG_MS + 5_000, story.answer_live)
    story.submit()
    story.refuse(Proof.UNCHANGED_RETRY, story.sent[1])
    story.advance(1_000)
    assert len(story.sends) > 2


@pytest.mark.parametrize("is_late", [True, False])
def test_nothing_is_repeated_for_anyone_while_a_cancel_of_another_request_is_in_progress(*, is_late: bool) -> None:
    story = Story()
    story.submit(params={"x": "1"})
    story.refuse(Proof.UNKNOWN if is_late else Proof.IN_PROGRESS)
    story.submit(params={"x": "2"})
    if is_late:  # the venue has the last word on the first one only now
        story.refuse(Proof.IN_PROGRESS, story.sent[0])
    story.refuse(Proof.UNCHANGED_RETRY, story.sent[1])
    story.advance(LAG_MS - 1, story.answer_live)
    assert len(story.sends) == 2
    story.advance(5_001, story.answer_live)
    assert len(story.sends) > 2


def test_other_parameters_are_another_cancel() -> None:
    story = Story()
    story.submit(params={"x": "1"})
    story.submit(params={"x": "2"})
    story.submit(params={"x": "1"})
    assert [wire.venue_params for wire in story.sends] == [{"x": "1"}, {"x": "2"}]


def test_many_requests_for_one_order_are_one_cancel_and_an_outcome_each() -> None:
    story = Story()
    names = [story.submit() for _ in range(50)]
    story.ack()
    story.push("filled", cum="10")
    assert len(story.sends) == 1
    assert {tuple(story.outcomes(name)) for name in names} == {(Outcome.FILLED,)}


def test_each_request_keeps_its_own_horizon() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.advance(30_000, story.fail_question)
    story.submit()
    story.advance(30_000, story.fail_question)
    assert (story.outcomes("r1"), story.outcomes("r2")) == ([Outcome.IN_DOUBT], [])
    story.advance(30_000, story.fail_question)
    assert story.outcomes("r2") == [Outcome.IN_DOUBT]


def test_each_request_keeps_its_own_deadline() -> None:
    story = Story(roads=())
    story.submit(deadline_ms=100)
    story.submit(deadline_ms=300)
    story.advance(100)
    assert (story.outcomes("r1"), story.outcomes("r2")) == ([Outcome.NOT_SENT], [])
    story.restore_link()
    assert len(story.sends) == 1
    story.push("canceled", cum="0")
    assert (story.outcomes("r1"), story.outcomes("r2")) == ([Outcome.NOT_SENT], [Outcome.CANCELED])


def test_a_shared_cancel_that_left_is_a_send_for_every_request_that_shares_it() -> None:
    story = Story()
    story.submit()
    story.submit(deadline_ms=100)
    story.advance(1_000, story.fail_question)
    assert story.outcomes("r2") == []


def test_a_request_that_is_taken_from_an_order_is_not_called_unsent_if_its_frame_had_left() -> None:
    story = Story()
    story.submit("o1", alias="y")
    story.advance(10)
    story.submit(None, alias="y", deadline_ms=500)
    story.push("filled", order="o1", alias="y", cum="4", created_ms=T0_MS - 1_000, updated_ms=T0_MS + 5)
    assert story.case("r1") is not story.case("r2")
    story.advance(1_000, story.fail_question)
    assert story.outcomes("r2") == []


def test_cases_that_merge_keep_the_gap_of_both() -> None:
    story = Story.with_timings(per_order_gap_ms=1100)
    story.submit("o1")
    story.ack()
    story.advance(500)
    story.submit(None, alias="y")
    story.refuse(Proof.UNCHANGED_RETRY, order="o1")
    assert story.case("r1") is story.case("r2")
    story.advance(1_099, story.fail_question)
    assert len(story.sends) == 2


def test_a_terminal_state_known_by_order_id_answers_at_once_with_nothing_forwarded() -> None:
    story = Story()
    story.push("canceled", cum="4")
    story.submit()
    assert story.outcomes() == [Outcome.CANCELED]
    assert story.sends == []
    assert story.report().times.forwarded is None


def test_an_outcome_of_another_request_answers_at_once_with_nothing_forwarded() -> None:
    story = Story()
    story.submit()
    story.forward()
    story.ack()
    story.push("canceled", cum="0")
    story.advance(60_000)
    story.submit()
    assert story.outcomes("r2") == [Outcome.CANCELED]
    assert story.report("r1").times.forwarded is not None
    assert story.report("r2").times.forwarded is None
    assert len(story.sends) == 1


def test_a_live_state_known_before_counts_as_seen_and_is_canceled_all_the_same() -> None:
    story = Story()
    story.push("partially_filled", cum="2")
    story.submit()
    assert len(story.sends) == 1
    assert story.case().was_seen


def test_a_request_with_the_wrong_instrument_does_not_spoil_the_right_one() -> None:
    story = Story()
    story.submit("o1", instrument="WRONG")
    story.refuse(Proof.UNCHANGED_FINAL)
    story.submit("o1")
    story.ack()
    story.push("canceled", cum="0")
    assert story.outcomes("r2") == [Outcome.CANCELED]
    assert story.outcomes("r1") == []


def test_the_same_order_id_of_another_product_is_another_order() -> None:
    story = Story()
    story.submit("o1", product="A")
    story.submit("o1", product="B")
    story.push("canceled", cum="0", product="A")
    assert (story.outcomes("r1"), story.outcomes("r2")) == ([Outcome.CANCELED], [])


def test_a_new_attempt_for_an_order_in_doubt_is_sent_once_the_order_is_shown_live() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.advance(600_000, story.fail_question)
    assert story.outcomes() == [Outcome.IN_DOUBT]
    story.submit()
    story.advance(60_000, story.answer_live)
    assert len(story.sends) >= 2
    story.push("canceled", cum="0")
    assert story.outcomes("r1")[-1] is Outcome.CANCELED
    assert story.outcomes("r2")[-1] is Outcome.CANCELED


# ---------------------------------------------------------------- names


def test_asking_again_under_a_name_attaches_and_does_nothing_else() -> None:
    story = Story()
    story.submit(name="a")
    effects = len(story.effects)
    story.submit(name="a", deadline_ms=5, urgent=True)
    assert story.held is not None
    assert story.held.request.key.request_id == "a"
    assert len(story.effects) == effects


def test_asking_again_after_the_outcome_gives_the_ticket_with_it() -> None:
    story = Story()
    story.submit(name="a")
    story.push("canceled", cum="0")
    story.submit(name="a")
    assert story.held is not None
    assert story.held.told is not None
    assert story.held.told.outcome is Outcome.CANCELED


@pytest.mark.parametrize(
    ("order", "alias", "instrument", "product"),
    [("o2", None, "ABC-XYZ", ""), ("o1", None, "OTHER", ""), ("o1", None, "ABC-XYZ", "P"), (None, "z", "ABC-XYZ", "")],
)
def test_another_wish_under_a_name_is_a_conflict_that_names_the_held_one(
    order: str | None, alias: str | None, instrument: str, product: str
) -> None:
    story = Story()
    story.submit("o1", name="a")
    story.advance(1_500)
    with pytest.raises(BadRequest) as caught:
        story.submit(order, alias=alias, name="a", instrument=instrument, product=product)
    assert caught.value.reason == "request_id_conflict"
    assert (caught.value.data["order_id"], caught.value.data["age_ms"]) == ("o1", 1500)
    assert sum(isinstance(record, RequestOpened) for record in story.shelf.records) == 1


def test_the_same_order_by_its_other_id_is_the_same_request_once_the_client_id_is_bound() -> None:
    story = Story()
    story.submit(None, alias="y", name="a")
    with pytest.raises(BadRequest):
        story.submit("o1", name="a")
    story.ack(order="o1")
    story.submit("o1", name="a")
    assert story.held is not None


def test_the_client_id_that_the_evidence_names_is_the_same_order_too() -> None:
    story = Story()
    story.submit("o1", name="a")
    with pytest.raises(BadRequest):
        story.submit(None, alias="y", name="a")
    story.push("new", order="o1", alias="y")
    story.submit(None, alias="y", name="a")
    assert story.held is not None


def test_past_the_bound_of_open_cases_a_request_is_refused_at_the_door() -> None:
    story = Story(open_max=2)
    story.submit("o1")
    story.submit("o2")
    with pytest.raises(BadRequest) as caught:
        story.submit("o3")
    assert caught.value.reason == "too_many_in_flight"
    story.submit("o1", name="r1")
    assert story.held is not None
    story.push("canceled", order="o1", cum="0")
    story.submit("o3")
    assert len(story.sends) == 3
