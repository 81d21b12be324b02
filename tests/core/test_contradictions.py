"""Evidence that cannot all be true: it is alarmed, the venue is asked, and no wrong frame is believed for ever."""

from __future__ import annotations

from decimal import Decimal

import pytest

from daemon.core.book import Book
from daemon.core.effects import Alarm
from daemon.core.policy import FINAL_QTY_ASKS_MAX
from protocols.evidence import Proof, Step
from protocols.fix import OrderId, OrdStatus, Outcome, Side
from tests.core.story import Story
from tests.core.words import TIMINGS, Said

LAG_MS = TIMINGS.replica_lag_ms


def canceled() -> Story:
    """Tell the story of a request that was told ``canceled``."""
    story = Story()
    story.submit()
    story.ack()
    story.push("canceled", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]
    return story


@pytest.mark.parametrize(
    "impossible",
    [
        Said(cum="11", qty="10"),
        Said(cum="0", instrument="OTHER"),
    ],
)
def test_an_impossible_end_ends_nothing_and_is_asked_about(impossible: Said) -> None:
    story = Story()
    story.submit()
    story.ack()
    story.push("filled", **impossible)
    assert story.outcomes() == []
    assert story.alarms == ["contradictory_evidence"]
    assert story.asked == [Step.ORDER]
    story.answer_ended("canceled", cum="1")
    assert story.outcomes() == [Outcome.CANCELED]
    assert story.report().cum_qty == Decimal(1)


def test_an_order_that_is_on_another_instrument_than_was_asked_is_alarmed_with_both_names() -> None:
    story = Story()
    story.submit()
    story.push("new", cum="0", instrument="OTHER")
    (alarm,) = (each for each in story.effects if isinstance(each, Alarm) and each.name == "contradictory_evidence")
    assert alarm.detail == f"order {story.case().order_id} of OTHER, asked for as one of {story.case().instrument}"


@pytest.mark.parametrize("status", ["new", "canceled"])
def test_a_request_that_names_the_wrong_instrument_stays_in_doubt_for_that_reason(status: str) -> None:
    story = Story()
    story.submit()
    story.push(status, cum="0", instrument="OTHER")
    for _ in range(3):
        story.deny_a_round()
        story.advance(LAG_MS)
    story.advance(TIMINGS.horizon_s * 1000)
    assert story.report().outcome is Outcome.IN_DOUBT
    assert story.report().reason == "other_instrument"


def test_where_the_order_is_known_on_its_own_instrument_a_frame_about_another_is_not_the_reason() -> None:
    story = Story()
    story.submit()
    story.push("new", cum="0", instrument="OTHER")
    story.push("new", cum="0")
    story.advance(TIMINGS.horizon_s * 1000)
    assert story.report().reason == "horizon_passed"


def test_where_sides_clash_the_venues_answer_decides() -> None:
    story = Story()
    story.submit()
    story.push("new", cum="0", side=Side.BUY)
    story.push("canceled", cum="0", side=Side.SELL)
    assert story.outcomes() == []
    assert story.alarms == ["contradictory_evidence"]
    story.answer_live(cum="0", side=Side.BUY)
    assert story.case().verdict.ord_status is OrdStatus.NEW
    story.push("canceled", cum="0", side=Side.BUY, note="its own")
    assert story.outcomes() == [Outcome.CANCELED]


def test_impossible_life_proves_no_life() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.UNCHANGED_FINAL)
    for _ in range(10):
        story.advance(LAG_MS / 4, lambda: story.answer_live(cum="11"))
    assert Outcome.REJECTED not in story.outcomes()


def test_two_contradictory_ends_are_alarmed_and_filled_stands_until_the_venue_was_asked() -> None:
    story = canceled()
    story.push("filled", cum="10")
    assert story.outcomes() == [Outcome.CANCELED, Outcome.FILLED]
    assert story.alarms == ["contradictory_evidence"]
    assert story.asked == [Step.ORDER]


def test_a_late_enough_answer_strikes_the_wrong_word() -> None:
    story = canceled()
    story.push("filled", cum="10")
    story.advance(LAG_MS - 1, lambda: story.answer_ended("canceled", cum="0"))
    assert story.outcomes()[-1] is Outcome.FILLED
    story.advance(1_000, lambda: story.answer_ended("canceled", cum="0"))
    assert story.outcomes() == [Outcome.CANCELED, Outcome.FILLED, Outcome.CANCELED]
    assert story.report().cum_qty == Decimal(0)
    assert story.alarms == ["contradictory_evidence", "evidence_struck"]


def test_the_answer_that_can_strike_is_asked_for_however_long_the_lag() -> None:
    story = Story.with_timings(replica_lag_ms=600_000)
    story.submit()
    story.push("filled", cum="10")
    story.push("canceled", cum="0")
    story.advance(599_999, lambda: story.answer_ended("canceled", cum="0"))
    assert story.outcomes()[-1] is Outcome.FILLED
    story.advance(120_000, lambda: story.answer_ended("canceled", cum="0"))
    assert story.outcomes()[-1] is Outcome.CANCELED


def test_an_early_answer_strikes_nothing() -> None:
    story = canceled()
    story.push("filled", cum="10")
    story.answer_ended("canceled", cum="0")
    assert "evidence_struck" not in story.alarms


def test_a_repeated_push_puts_the_striking_off() -> None:
    story = canceled()
    story.push("filled", cum="10")
    story.advance(LAG_MS - 1_000, lambda: story.answer_ended("canceled", cum="0"))
    story.push("filled", cum="10")
    story.advance(2_000, lambda: story.answer_ended("canceled", cum="0"))
    assert story.outcomes()[-1] is Outcome.FILLED


def shown_live(story: Story) -> None:
    """Make one more question about an ended order due, by a number that is not final."""
    story.push("canceled", cum="1", final=False)
    for _ in range(FINAL_QTY_ASKS_MAX * 4):
        story.advance(LAG_MS / 4, lambda: story.answer_live(cum="1"))


def test_an_ended_order_shown_live_twice_a_lag_apart_is_taken_back_and_canceled_again() -> None:
    story = canceled()
    shown_live(story)
    assert story.outcomes()[-1] is Outcome.IN_DOUBT
    assert story.report().reason == "evidence_withdrawn"
    assert "evidence_struck" in story.alarms
    sends = len(story.sends)
    story.advance(LAG_MS, lambda: story.answer_live(cum="1"))
    assert len(story.sends) > sends or story.report().ord_status is OrdStatus.PARTIALLY_FILLED
    story.push("canceled", cum="2", note="at last")
    assert story.outcomes()[-1] is Outcome.CANCELED


def test_one_live_answer_after_the_end_takes_nothing_back() -> None:
    story = canceled()
    story.push("canceled", cum="1", final=False)
    story.advance(LAG_MS, story.fail_question)
    story.advance(60_000, lambda: answer_live_once(story))
    assert Outcome.IN_DOUBT not in story.outcomes()
    assert "evidence_struck" not in story.alarms
    assert story.case().live_refutations == []


def answer_live_once(story: Story) -> None:
    """Show a live order the first time, and its end from then on."""
    if not story.case().live_refutations:
        story.answer_live(cum="1")
    else:
        story.answer_ended("canceled", cum="1")


def test_a_struck_end_is_forgotten_by_the_book_too() -> None:
    book = Book()
    story = Story(book=book)
    story.submit()
    story.push("filled", cum="10")
    story.push("canceled", cum="0")
    story.advance(LAG_MS + 10_000, lambda: story.answer_ended("canceled", cum="0"))
    known = book.find("", OrderId("o1"))
    assert known is not None
    assert known.report.status is OrdStatus.CANCELED


def test_what_was_struck_does_not_come_back_with_a_repeated_frame() -> None:
    story = canceled()
    story.push("filled", cum="10")
    story.advance(LAG_MS + 10_000, lambda: story.answer_ended("canceled", cum="0"))
    assert story.outcomes()[-1] is Outcome.CANCELED
    story.push("filled", cum="10")
    assert story.outcomes()[-1] is Outcome.CANCELED


def test_numbers_that_are_not_final_are_asked_for_and_then_stand() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.push("filled", cum="9", final=False)
    assert story.report().cum_qty_final is False
    story.advance(600_000, lambda: story.answer_ended("filled", cum="9", final=False))
    asked = story.asked.count(Step.ORDER)
    assert asked == FINAL_QTY_ASKS_MAX
    assert story.outcomes() == [Outcome.FILLED]
    assert story.core.next_tick_us() is None


def test_questions_that_fail_use_up_none_of_those_for_final_numbers() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.push("filled", cum="9", final=False)
    story.advance(120_000, story.fail_question)
    story.advance(120_000, lambda: story.answer_ended("filled", cum="10"))
    assert story.outcomes() == [Outcome.FILLED, Outcome.FILLED]
    assert story.report().cum_qty_final is True
