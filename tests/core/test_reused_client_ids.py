"""One client id, several orders and requests: each request is bound to the order that it can have meant."""

from __future__ import annotations

from daemon.core.records import Moved
from protocols.evidence import Proof, Source, Step
from protocols.fix import Outcome
from tests.core.aliases import NEWER, OLDER, OLDER_FILLED, OURS, by_alias
from tests.core.story import Story
from tests.core.words import T0_MS, TIMINGS, Said, report

LAG_MS = TIMINGS.replica_lag_ms


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


def test_an_answer_that_says_an_order_id_of_ours_back_does_not_say_which_order_a_client_id_meant() -> None:
    story = Story(roads=())
    story.submit(None, alias="y")
    story.push("new", order="o1", alias="y", cum="0", created_ms=T0_MS - 60_000)
    story.restore_link()
    assert [wire.order_id for wire in story.sends] == ["o1"]
    story.refuse(Proof.GONE, order="o1")
    story.push("canceled", order="o1", alias="y", cum="0", created_ms=T0_MS - 60_000, updated_ms=T0_MS - 11)
    assert story.outcomes() == []
    listing = story.open_questions()[-1]
    assert listing.question.step is Step.OPEN_ORDERS
    story.answer_live(listing, order="o2", alias="y", created_ms=T0_MS - 1)
    assert [wire.order_id for wire in story.sends] == ["o1", "o2"]
    story.push("canceled", order="o2", alias="y", cum="0", created_ms=T0_MS - 1, updated_ms=T0_MS + 200)
    assert (story.outcomes(), story.report().order_id) == ([Outcome.CANCELED], "o2")


def test_a_request_that_joined_by_client_id_ends_with_the_order_if_no_newer_one_lives() -> None:
    story = by_alias()
    story.ack(order="o1")
    story.advance(100)
    story.submit(None, alias="y")
    story.push("canceled", **OURS)
    story.answer_not_found()
    assert story.outcomes("r2") == []
    story.advance(TIMINGS.replica_lag_ms + 10_000, story.answer_not_found)
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


def test_an_end_that_waits_for_a_listing_gives_way_to_a_newer_order_that_is_known_to_have_been_there() -> None:
    """After a restart no listing confirms it then: what decides is whom the venue names as the latest of the id."""
    story = by_alias()
    story.refuse(Proof.GONE)
    story.restart()
    story.answer_ended("canceled", **OLDER)
    newer = Said(order="o1", alias="y", cum="10", created_ms=T0_MS - 1_000, updated_ms=T0_MS - 500)
    story.push("filled", **newer)

    def name_the_latest() -> None:
        if story.open_questions()[0].question.step is Step.ORDER:
            story.answer_ended("filled", **newer)
        else:
            story.answer_not_found()

    story.advance(2 * LAG_MS, name_the_latest)
    assert (story.outcomes()[-1], story.report().order_id) == (Outcome.FILLED, "o1")


def taken_up_again() -> Story:
    """A request by client id is bound by what showed an order of it live; then its life ends, and the clock is set."""
    story = by_alias()
    story.lose_reply()
    story.push("new", **OURS)
    assert story.case().order_id == "o1"
    story.advance(1_000)
    story.restart()
    return story


OF_THIS_ID_SINCE = Said(order="o2", alias="y", cum="0", created_ms=T0_MS + 80)
"""After the end of ours, before the second life."""


def test_an_end_before_this_life_may_be_an_older_orders_where_a_newer_one_is_known() -> None:
    story = taken_up_again()
    story.push("new", **OF_THIS_ID_SINCE)
    story.answer_ended("canceled", **OURS)
    assert story.outcomes() == []
    story.advance(3 * LAG_MS, lambda: story.answer_live(**OF_THIS_ID_SINCE))
    assert Outcome.CANCELED not in story.outcomes()


def test_an_end_before_this_life_counts_where_no_newer_order_is_known() -> None:
    story = taken_up_again()
    story.answer_ended("canceled", **OURS)
    assert story.outcomes() == [Outcome.CANCELED]
    assert story.report().order_id == "o1"


def test_an_end_in_this_life_is_of_the_order_that_an_earlier_one_bound() -> None:
    story = taken_up_again()
    story.push("new", **OF_THIS_ID_SINCE)
    story.advance(50)
    story.push("canceled", **Said(**{**OURS, "updated_ms": T0_MS + 1_040}))
    assert story.outcomes() == [Outcome.CANCELED]


def test_who_is_taken_out_of_a_case_after_a_frame_by_order_id_left_is_never_told_that_none_did() -> None:
    """The first one, by client id, never left, and by a wrong clock the order had ended before it was asked for."""
    story = Story()
    story.submit(None, alias="y", deadline_ms=2_000)
    story.push("new", **OURS)
    story.advance(TIMINGS.ack_wait_ms, story.fail_question)
    by_client, by_order = story.sent
    assert (by_client.wire.order_id, by_order.wire.order_id) == (None, "o1")
    story.ack(by_order, order="o1")
    story.push("canceled", **(OURS | Said(updated_ms=T0_MS - 10_000)))
    assert story.case().order_id is None
    story.never_left(by_client)
    story.advance(2_000, story.fail_question)
    assert Outcome.NOT_SENT not in story.outcomes()
