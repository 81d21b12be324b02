"""Which order a client id means: bound per request, by what cannot be about another order, and by nothing else."""

from __future__ import annotations

import msgspec
import pytest

from daemon.core.book import Book
from daemon.core.records import Bound
from protocols.dialect import RateRule, Scope
from protocols.evidence import Proof, Step
from protocols.fix import OrderId, OrdStatus, Outcome
from tests.core.aliases import NEWER, OLDER, OLDER_FILLED, OURS, OURS_ELSEWHERE, by_alias
from tests.core.story import Story
from tests.core.words import T0_MS, TIMINGS, TRAITS, Said

ACK_MS = TIMINGS.ack_wait_ms


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


def test_an_end_that_a_listing_had_to_confirm_is_told_after_its_commit_as_a_later_life_may_find_another() -> None:
    story = by_alias()
    story.refuse(Proof.GONE)
    story.answer_ended("filled", **OLDER_FILLED)
    story.answer_not_found()
    assert [(tell.report.order_id, tell.after_commit) for tell in story.told["r1"]] == [("o0", True)]


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


def test_an_older_end_does_not_take_the_place_of_a_younger_one_that_waits_for_a_listing() -> None:
    story = Story(book=Book(orders_max=1))
    story.submit(None, alias="y")
    story.push("filled", order="o1", alias="y", cum="10", created_ms=T0_MS - 60_000, updated_ms=T0_MS - 30_000)
    story.push("new", order="o9", alias="z", cum="0", created_ms=T0_MS - 60_000)  # and no room for o1 any more
    story.push("canceled", **OLDER)
    story.advance(TIMINGS.replica_lag_ms + 10_000, story.answer_not_found)
    assert (story.outcomes(), story.report().order_id) == ([Outcome.FILLED], "o1")


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
    story = Story.with_rules(once_in_ten_seconds, replica_lag_ms=0)
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


def test_where_there_are_several_product_lines_a_listing_of_one_speaks_of_that_line_alone() -> None:
    operations = {**TRAITS.question_operations, Step.PRODUCT_ORDERS: "ask_line"}
    once_in_ten_seconds = RateRule("open", frozenset({"ask_line"}), 1, 10_000, Scope.USER, "")
    lines = msgspec.structs.replace(
        TRAITS, products=("A", "B"), question_operations=operations, rate_rules=(once_in_ten_seconds,)
    )
    story = Story(traits=lines)
    story.push("new", order="o9", alias="z", product="A")
    requests = {"r1": "A", "r2": "A", "r3": "B"}
    for name, product in requests.items():
        story.submit(None, name=name, alias=f"y-{name}", product=product)
        story.refuse(Proof.GONE)
    for (name, product), put in zip(requests.items(), story.open_questions(), strict=True):
        ended = Said(**{**OLDER_FILLED, "order": f"o-{name}", "alias": f"y-{name}", "product": product})
        story.answer_ended("filled", put, **ended)
    (listing,) = story.open_questions()
    assert (listing.question.step, listing.question.product) == (Step.PRODUCT_ORDERS, "A")
    story.answer_not_found()
    assert [story.outcomes(name) for name in requests] == [[Outcome.FILLED], [Outcome.FILLED], []]
    story.advance(11_001, story.answer_not_found)
    assert [story.outcomes(name) for name in requests] == [[Outcome.FILLED]] * 3
    assert story.core.book.find("A", OrderId("o9")) is not None


def test_a_listing_that_may_be_older_than_the_request_does_not_show_that_nothing_is_live() -> None:
    story = by_alias()
    story.lose_reply()
    story.push("canceled", **OLDER)
    story.advance(TIMINGS.replica_lag_ms - 1, story.answer_not_found)
    assert story.outcomes() == []
    story.advance(10_000, story.answer_not_found)
    assert story.outcomes() == [Outcome.CANCELED]


def test_a_live_order_that_a_young_listing_shows_is_bound_at_once_all_the_same() -> None:
    story = by_alias()
    story.lose_reply()
    story.push("canceled", **OLDER)
    story.run_to_next_timer()
    story.answer_live(order="o1", alias="y")
    assert story.case().order_id == "o1"


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
