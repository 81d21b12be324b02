"""Which order a client id means: bound per request, by what cannot be about another order, and by nothing else."""

from __future__ import annotations

import pytest

from daemon.core.records import Bound, Moved
from protocols.dialect import RateRule, Scope
from protocols.evidence import Proof, Source, Step
from protocols.fix import OrdStatus, Outcome
from tests.core.story import Story
from tests.core.words import T0_MS, TIMINGS, TRAITS, Said, report

LAG_MS = TIMINGS.replica_lag_ms
ACK_MS = TIMINGS.ack_wait_ms

OURS = Said(order="o1", alias="y", cum="0", created_ms=T0_MS - 60_000, updated_ms=T0_MS + 50)
OLDER = Said(order="o0", alias="y", cum="0", created_ms=T0_MS - 3_600_000, updated_ms=T0_MS - 1_800_000)
OURS_ELSEWHERE = Said(**{**OURS, "instrument": "OTHER"})
OLDER_FILLED = Said(**{**OLDER, "cum": "10"})
NEWER = Said(order="o2", alias="y", cum="0", created_ms=T0_MS + 10_000)


def by_alias() -> Story:
    """Tell the story of a request by client id alone."""
    story = Story()
    story.submit(None, alias="y")
    return story


# ---------------------------------------------------------------- what binds


def test_the_answer_to_our_own_frame_binds() -> None:
    story = by_alias()
    story.ack(order="o1")
    story.push("canceled", cum="0", order="o1")
    assert story.outcomes() == [Outcome.CANCELED]
    assert (story.report().order_id, story.report().client_order_id) == ("o1", "y")


def test_a_refusal_of_our_own_frame_that_names_the_order_binds_too() -> None:
    story = by_alias()
    story.refuse(Proof.GONE, order="o1")
    assert story.case().order_id == "o1"
    assert story.put[-1].question.order_id == "o1"


@pytest.mark.parametrize("status", ["new", "canceled"])
def test_a_push_of_both_ids_binds_an_order_that_was_there_before_the_request(status: str) -> None:
    story = by_alias()
    story.push(status, **OURS)
    assert story.case().order_id == "o1"
    assert story.case().verdict.ord_status == status


def test_a_push_of_an_order_newer_than_the_request_binds_nothing() -> None:
    story = by_alias()
    story.push("canceled", **NEWER)
    assert story.case().order_id is None
    assert story.outcomes() == []


def test_a_report_without_a_creation_time_binds_nothing() -> None:
    story = by_alias()
    story.push("new", order="o1", alias="y", created_ms=None)
    assert story.case().order_id is None


def test_a_report_of_another_instrument_binds_nothing() -> None:
    story = by_alias()
    story.push("canceled", **OURS_ELSEWHERE)
    assert story.case().order_id is None


def test_the_clocks_uncertainty_is_granted_to_the_creation_time() -> None:
    story = by_alias()
    story.measure_clock(offset_ms=-200, uncertainty_ms=50)
    story.push("new", order="o1", alias="y", created_ms=T0_MS - 100)
    assert story.case().order_id is None
    story.push("new", order="o1", alias="y", created_ms=T0_MS - 150)
    assert story.case().order_id == "o1"


def test_what_was_heard_before_the_request_is_no_answer_when_found_by_client_id() -> None:
    story = Story()
    story.push("canceled", **OLDER)
    story.submit(None, alias="y")
    assert story.outcomes() == []
    assert [wire.client_order_id for wire in story.sends] == ["y"]


def test_what_was_heard_since_the_request_counts_once_the_order_is_bound() -> None:
    story = by_alias()
    story.push("canceled", order="o1", cum="0")
    assert story.outcomes() == []
    story.ack(order="o1")
    assert story.outcomes() == [Outcome.CANCELED]


def test_binding_is_written_down() -> None:
    story = by_alias()
    story.ack(order="o1")
    assert [record.order_id for record in story.shelf.records if isinstance(record, Bound)] == ["o1"]


# ---------------------------------------------------------------- provisional


def test_an_end_before_our_first_send_counts_only_after_a_complete_listing_without_it() -> None:
    story = by_alias()
    story.refuse(Proof.GONE)
    story.answer_ended("filled", **OLDER_FILLED)
    assert story.outcomes() == []
    assert story.asked[-1] is Step.OPEN_ORDERS
    story.answer_not_found(complete=False)
    assert story.outcomes() == []
    story.advance(1_000)
    assert story.asked[-1] is Step.OPEN_ORDERS
    story.answer_not_found()
    assert story.outcomes() == [Outcome.FILLED]
    assert story.report().order_id == "o0"


def test_a_listing_that_shows_a_live_order_of_the_id_binds_that_one() -> None:
    story = by_alias()
    story.refuse(Proof.GONE)
    story.answer_ended("filled", **OLDER_FILLED)
    story.answer_live(order="o1", alias="y")
    assert story.case().order_id == "o1"
    assert story.outcomes() == []
    assert story.case().verdict.ord_status is OrdStatus.NEW


def test_a_live_order_of_unknown_age_on_the_listing_leaves_the_matter_open() -> None:
    story = by_alias()
    story.refuse(Proof.GONE)
    story.answer_ended("filled", **OLDER_FILLED)
    story.answer_live(order="o3", alias="y", created_ms=None)
    assert story.case().order_id is None
    assert story.outcomes() == []


def test_a_listing_that_fails_is_asked_again_after_the_back_off_only() -> None:
    story = by_alias()
    story.refuse(Proof.GONE)
    story.answer_ended("filled", **OLDER_FILLED)
    for _ in range(3):
        count = len(story.asked)
        story.fail_question()
        assert len(story.asked) == count
        story.advance(5_000)
        assert len(story.asked) == count + 1


def test_a_listing_asked_before_the_report_came_confirms_nothing() -> None:
    story = by_alias()
    story.refuse(Proof.GONE)
    story.answer_not_found()
    assert story.asked[-1] is Step.OPEN_ORDERS
    story.advance(1)
    story.push("filled", **OLDER_FILLED)
    story.answer_not_found()
    assert story.outcomes() == []
    assert story.asked[-1] is Step.OPEN_ORDERS
    story.answer_not_found()
    assert story.outcomes() == [Outcome.FILLED]


def test_a_late_push_of_an_older_end_waits_for_the_answer_to_our_own_frame() -> None:
    story = by_alias()
    story.push("canceled", **OLDER)
    assert (story.outcomes(), story.asked) == ([], [])
    story.ack(order="o1")
    story.push("filled", order="o1", cum="10")
    assert story.outcomes() == [Outcome.FILLED]
    assert story.report().order_id == "o1"


def test_a_late_live_push_of_an_order_known_to_have_ended_binds_nothing() -> None:
    story = Story()
    story.push("canceled", **OLDER)
    story.submit(None, alias="y")
    story.push("new", **OLDER)
    assert story.case().order_id is None
    story.ack(order="o1")
    assert story.case().order_id == "o1"


def test_one_listing_speaks_to_every_request_that_waited_for_one_when_it_was_asked() -> None:
    once_in_ten_seconds = RateRule(
        "open", frozenset({TRAITS.question_operations[Step.OPEN_ORDERS]}), 1, 10_000, Scope.USER, ""
    )
    story = Story.with_rules(once_in_ten_seconds)
    names = ("first", "second", "third", "late")
    for name in names:
        story.submit(None, name=name, alias=f"y-{name}")
        story.ack()
    for name in names[:3]:
        story.push("canceled", order=f"o-{name}", alias=f"y-{name}", cum="0", updated_ms=T0_MS - 1_000)
    while Step.OPEN_ORDERS not in story.asked:
        story.run_to_next_timer()
    (listing,) = (put for put in story.open_questions() if put.question.step is Step.OPEN_ORDERS)
    story.push("canceled", order="o-late", alias="y-late", cum="0", updated_ms=T0_MS - 1_000)
    assert [story.outcomes(name) for name in names] == [[], [], [], []]
    story.answer_not_found(listing)
    assert [story.outcomes(name) for name in names] == [[Outcome.CANCELED]] * 3 + [[]]


def test_without_an_answer_of_our_own_the_listing_is_asked_when_it_is_overdue() -> None:
    story = by_alias()
    story.push("canceled", **OLDER)
    story.advance(ACK_MS)
    assert story.asked == [Step.OPEN_ORDERS]


def test_nothing_is_sent_again_while_it_is_open_which_order_is_meant() -> None:
    story = by_alias()
    story.push("canceled", **OLDER)
    story.lose_reply()
    story.advance(10_000, story.fail_question)
    assert len(story.sends) == 1


# ---------------------------------------------------------------- one id, several orders and requests


def test_what_our_own_frame_hit_wins_over_what_a_push_had_bound() -> None:
    story = by_alias()
    story.push("new", **OURS)
    assert story.case().order_id == "o1"
    story.ack(order="o2")
    assert story.case().order_id == "o2"
    story.push("canceled", order="o2", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]
    assert story.report().order_id == "o2"


def test_an_outcome_about_the_wrong_order_is_taken_back_when_our_own_frame_names_another() -> None:
    story = by_alias()
    story.push("canceled", **OURS)
    assert story.outcomes() == [Outcome.CANCELED]
    story.ack(order="o2")
    assert story.outcomes() == [Outcome.CANCELED, Outcome.IN_DOUBT]
    assert story.report().reason == "evidence_withdrawn"
    story.push("filled", order="o2", cum="10")
    assert story.outcomes()[-1] is Outcome.FILLED


def test_requests_by_one_reused_client_id_are_each_bound_to_their_own_order() -> None:
    story = by_alias()
    story.ack(order="o1")
    story.push("canceled", **OURS)
    story.advance(1_000)
    story.submit(None, alias="y")
    assert len(story.sends) == 2
    story.push("canceled", **OURS)
    assert story.outcomes("r2") == []
    story.ack(order="o2")
    story.push("filled", order="o2", alias="y", cum="10", created_ms=T0_MS + 500)
    assert story.outcomes() == [Outcome.CANCELED]
    assert story.outcomes("r2") == [Outcome.FILLED]


def test_every_request_that_waits_by_a_client_id_hears_of_its_order() -> None:
    story = by_alias()
    story.refuse(Proof.GONE)
    story.submit(None, alias="y")
    assert story.case("r1") is not story.case("r2")
    story.push("canceled", **OURS)
    assert story.outcomes("r1") == [Outcome.CANCELED]
    assert story.outcomes("r2") == [Outcome.CANCELED]
    assert story.case("r1") is story.case("r2")


def test_the_answer_to_ones_own_question_reaches_the_older_of_two_requests_too() -> None:
    story = by_alias()
    story.refuse(Proof.GONE)
    story.submit(None, alias="y")
    story.ack(order="o2", sent=story.sent[1])
    story.answer(story.put[0], [report("canceled", source=Source.QUERY, **OURS)])
    assert story.outcomes("r1") == [Outcome.CANCELED]
    assert story.report("r1").order_id == "o1"
    assert story.outcomes("r2") == []


def test_cases_of_one_order_merge_without_a_new_send() -> None:
    story = Story()
    story.submit("o1")
    story.submit(None, alias="y")
    assert len(story.sends) == 2
    story.ack(order="o1", sent=story.sent[1])
    assert story.case("r1") is story.case("r2")
    assert any(isinstance(record, Moved) for record in story.shelf.records)
    story.push("canceled", order="o1", cum="0")
    assert story.outcomes("r1") == story.outcomes("r2") == [Outcome.CANCELED]
    assert len(story.sends) == 2


def test_a_request_that_waits_for_its_turn_shares_the_send_of_the_case_that_it_merges_into() -> None:
    story = Story(roads=())
    story.submit(None, alias="y")
    story.submit("o1")
    story.push("new", **OURS)
    story.restore_link()
    assert len(story.sends) == 1


def test_merging_leaves_no_question_without_its_answer() -> None:
    story = Story()
    story.submit("o1")
    story.submit(None, alias="y")
    for sent in list(story.open_sends()):
        story.refuse(Proof.GONE, sent)
    by_order, by_client = story.open_questions()
    story.push("new", **OURS)
    assert story.case("r1") is story.case("r2")
    story.answer(by_client, [report("canceled", source=Source.QUERY, **OURS)])
    assert story.outcomes("r1") == story.outcomes("r2") == [Outcome.CANCELED]
    assert by_order.is_open


def test_of_two_requests_only_the_one_made_after_the_order_is_bound_to_it() -> None:
    story = by_alias()
    story.advance(20_000, story.fail_question)
    story.submit(None, alias="y")
    story.push("new", **NEWER)
    assert story.case("r1").order_id is None
    assert story.case("r2").order_id == "o2"
    story.push("canceled", order="o2", cum="0", updated_ms=T0_MS + 20_001)
    assert story.outcomes("r1") == []
    assert story.outcomes("r2") == [Outcome.CANCELED]


def test_a_request_that_joined_by_client_id_after_the_end_of_the_order_may_mean_a_newer_one() -> None:
    story = by_alias()
    story.ack(order="o1")
    story.advance(100)
    story.submit(None, alias="y")
    assert len(story.sends) == 1
    story.push("canceled", **OURS)
    assert story.outcomes("r1") == [Outcome.CANCELED]
    assert story.outcomes("r2") == []
    assert story.asked == [Step.OPEN_ORDERS]
    story.answer_live(order="o2", alias="y", created_ms=T0_MS + 80)
    assert [wire.order_id for wire in story.sends] == [None, "o2"]
    story.ack()
    story.push("canceled", order="o2", alias="y", cum="0", created_ms=T0_MS + 80, updated_ms=T0_MS + 200)
    assert story.outcomes("r2") == [Outcome.CANCELED]
    assert story.report("r2").order_id == "o2"


def test_a_request_that_joined_by_client_id_ends_with_the_order_if_no_newer_one_lives() -> None:
    story = by_alias()
    story.ack(order="o1")
    story.advance(100)
    story.submit(None, alias="y")
    story.push("canceled", **OURS)
    story.answer_not_found()
    assert story.outcomes("r2") == [Outcome.CANCELED]
    assert story.report("r2").order_id == "o1"
    assert len(story.sends) == 1


def test_a_request_moves_on_to_a_newer_order_of_its_id_that_was_there_before_it() -> None:
    story = by_alias()
    story.push("new", order="o0", alias="y", cum="0", created_ms=T0_MS - 60_000)
    assert story.case().order_id == "o0"
    story.push("new", order="o1", alias="y", cum="0", created_ms=T0_MS - 1_000)
    assert story.case().order_id == "o1"
    story.lose_reply()
    assert [wire.order_id for wire in story.sends] == [None, "o1"]
    story.push("canceled", order="o1", alias="y", cum="0", created_ms=T0_MS - 1_000, updated_ms=T0_MS + 9)
    assert (story.outcomes(), story.report().order_id) == ([Outcome.CANCELED], "o1")


def test_a_request_does_not_move_on_to_an_order_newer_than_itself() -> None:
    story = by_alias()
    story.push("new", order="o0", alias="y", cum="0", created_ms=T0_MS - 60_000)
    story.push("new", **NEWER)
    assert story.case().order_id == "o0"


def test_where_a_client_id_is_known_to_be_used_again_an_older_end_is_believed_only_a_lag_later() -> None:
    story = Story()
    story.push("filled", order="o0", alias="y", cum="10", created_ms=T0_MS - 7_200_000)
    story.push("filled", **OLDER_FILLED)
    story.submit(None, alias="y")
    story.refuse(Proof.GONE)
    for wait_ms in (LAG_MS - 1, 5_001):
        assert story.outcomes() == []
        story.advance(wait_ms, lambda: answer_as_the_venue_would(story))
    assert story.outcomes() == [Outcome.FILLED]


def answer_as_the_venue_would(story: Story) -> None:
    """Name the older order as the latest of its id, and no live one."""
    if story.open_questions()[0].question.step is Step.ORDER:
        story.answer_ended("filled", **OLDER_FILLED)
    else:
        story.answer_not_found()


def test_a_client_id_names_no_older_order_while_a_newer_one_is_known_to_have_been_there() -> None:
    story = Story()
    story.push("new", order="o1", alias="y", cum="0", created_ms=T0_MS - 1_000)
    story.advance(2_000)
    story.submit(None, alias="y")
    story.push("new", order="o0", alias="y", cum="0", created_ms=T0_MS - 60_000)
    assert story.case().order_id is None
    story.push("new", order="o1", alias="y", cum="0", created_ms=T0_MS - 1_000)
    assert story.case().order_id == "o1"


def test_a_request_that_was_taken_for_anothers_order_sends_nothing_by_client_id_any_more() -> None:
    story = Story()
    story.push("filled", **OLDER_FILLED)
    story.submit(None, alias="y")
    story.ack(order="o1")
    story.advance(100)
    story.submit(None, alias="y")
    story.push("canceled", **OURS)
    assert story.outcomes("r1") == [Outcome.CANCELED]
    story.advance(LAG_MS, story.fail_question)
    assert (story.outcomes("r2"), len(story.sends)) == ([], 1)
    story.advance(5_000, lambda: story.answer_live(order="o2", alias="y", created_ms=T0_MS + 80))
    assert {wire.order_id for wire in story.sends[1:]} == {"o2"}


# ---------------------------------------------------------------- tracked


def test_a_tracked_client_id_goes_out_by_order_id() -> None:
    story = Story()
    story.track("y", "o1")
    story.advance(1)
    story.submit(None, alias="y")
    assert [wire.order_id for wire in story.sends] == ["o1"]
    story.push("canceled", order="o1", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]


def test_a_tracked_time_stands_for_a_creation_time_that_the_venue_does_not_say() -> None:
    story = Story()
    story.track("y")
    story.advance(1)
    story.submit(None, alias="y")
    story.push("new", order="o1", alias="y", created_ms=None)
    assert story.case().order_id == "o1"


def test_a_tracked_time_does_not_bind_an_order_newer_than_the_request() -> None:
    story = Story()
    story.track("y")
    story.advance(1)
    story.submit(None, alias="y")
    story.push("canceled", **NEWER)
    assert story.case().order_id is None


def test_a_cancel_that_overtakes_its_tracked_order_is_sent_again_once_the_order_appears() -> None:
    story = Story()
    story.track("y")
    story.submit(None, alias="y")
    story.refuse(Proof.GONE)
    story.advance(300)
    story.push("new", order="o1", alias="y", cum="0", created_ms=T0_MS + 250)
    assert story.case().order_id == "o1"
    story.advance(200)
    assert [wire.order_id for wire in story.sends] == [None, "o1"]


def test_an_order_may_be_tracked_after_its_cancel_was_asked_for() -> None:
    story = by_alias()
    story.advance(200)
    story.track("y", placed_us=T0_MS * 1000)
    story.push("new", order="o1", alias="y", cum="0", created_ms=T0_MS + 150)
    assert story.case().order_id == "o1"


def test_what_was_tracked_as_placed_later_says_nothing_about_a_request() -> None:
    story = Story()
    story.track("y", "o1", placed_us=story.now_us + 1)
    story.submit(None, alias="y")
    assert [wire.client_order_id for wire in story.sends] == ["y"]


def test_a_tracked_order_that_has_ended_answers_no_request_by_client_id() -> None:
    story = Story()
    story.track("y", "o1")
    story.push("filled", order="o1", alias="y", cum="10")
    story.advance(1)
    story.submit(None, alias="y")
    assert story.outcomes() == []
    assert [wire.client_order_id for wire in story.sends] == ["y"]


def test_tracking_the_same_id_again_counts_as_the_newest() -> None:
    story = Story()
    story.track("y", "o1")
    story.track("y", "o2")
    story.submit(None, alias="y")
    assert [wire.order_id for wire in story.sends] == ["o2"]
