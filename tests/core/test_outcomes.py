"""The outcomes, each exactly when its row says: what proves it, what does not, and what corrects it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from daemon.core.effects import Write
from daemon.core.order_view import digest_of
from daemon.core.policy import RETRY_MAX_US, SENDS_MAX
from daemon.core.records import Observed
from protocols.evidence import Absence, DropCopyState, Frame, Proof, Source, Step
from protocols.fix import CxlRejReason, EndedBy, OrdStatus, Outcome, Road
from tests.core.story import Story
from tests.core.words import TIMINGS, report

LAG_MS = TIMINGS.replica_lag_ms
HORIZON_MS = TIMINGS.horizon_s * 1000
RETRIES_US = TIMINGS.resend_max_age_s * 1_000_000


# ---------------------------------------------------------------- canceled and filled


@pytest.mark.parametrize("status", ["canceled", "expired", "rejected", "replaced"])
def test_a_terminal_word_other_than_filled_is_canceled_and_says_which(status: str) -> None:
    story = Story()
    story.submit()
    story.ack()
    story.push(status, cum="3")
    assert story.outcome() is Outcome.CANCELED
    assert story.report().ord_status == status
    assert story.report().cum_qty == Decimal(3)
    assert story.report().leaves_qty == Decimal(0)
    assert story.report().cxl_rej_reason is None


def test_the_client_id_that_only_the_evidence_names_is_told() -> None:
    story = Story()
    story.submit("o1")
    story.push("new", order="o1", alias="mine")
    story.push("canceled", order="o1", alias=None)
    assert story.report().client_order_id == "mine"
    story.submit("o2")
    story.push("canceled", order="o2", alias=None)
    assert story.report("r2").client_order_id is None


def test_a_fill_is_filled_and_too_late() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.push("filled", cum="10")
    assert story.outcome() is Outcome.FILLED
    assert story.report().cxl_rej_reason == CxlRejReason.TOO_LATE


def test_an_acknowledgement_alone_says_nothing() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.advance(HORIZON_MS - 1, story.fail_question)
    assert story.outcomes() == []
    story.advance(1)
    assert story.outcomes() == [Outcome.IN_DOUBT]


def test_gone_then_filled_is_filled() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    assert story.outcome() is None
    assert story.asked == [Step.ORDER]
    story.answer_ended("filled", cum="10")
    assert story.outcomes() == [Outcome.FILLED]


def test_the_outcome_waits_for_no_ack() -> None:
    story = Story()
    story.submit()
    story.push("canceled", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]
    story.ack()
    assert story.outcomes() == [Outcome.CANCELED]
    assert story.progress() == []


def test_terminal_evidence_concludes_however_late_it_comes() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.advance(HORIZON_MS, story.answer_live)
    assert story.outcomes() == [Outcome.IN_DOUBT]
    story.push("canceled", cum="0")
    assert story.outcomes() == [Outcome.IN_DOUBT, Outcome.CANCELED]


def test_a_quantity_that_was_not_said_is_null_and_is_asked_for() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.push("canceled", qty=None)
    assert story.report().cum_qty is None
    assert story.report().cum_qty_final is False
    story.advance(1000)
    story.answer_ended("canceled", cum="2", qty=None)
    assert story.outcomes() == [Outcome.CANCELED, Outcome.CANCELED]
    assert (story.report().cum_qty, story.report().cum_qty_final) == (Decimal(2), True)


@pytest.mark.parametrize("proof", list(Proof))
def test_a_late_answer_to_the_cancel_changes_no_outcome(proof: Proof) -> None:
    story = Story()
    story.submit()
    story.push("filled", cum="10")
    story.refuse(proof)
    story.advance(HORIZON_MS)
    assert story.outcomes() == [Outcome.FILLED]


def test_every_push_of_a_burst_counts() -> None:
    story = Story()
    story.submit()
    story.push("partially_filled", cum="4")
    story.push("canceled", cum="4")
    story.push("partially_filled", cum="2")
    assert story.outcomes() == [Outcome.CANCELED]
    assert story.report().cum_qty == Decimal(4)


def test_a_live_answer_never_takes_the_place_of_a_terminal_push() -> None:
    story = Story(drop_copy=DropCopyState.DOWN)
    story.submit()
    story.ack()
    story.push("canceled", cum="0")
    story.answer_live()
    story.advance(HORIZON_MS, story.answer_live)
    assert story.outcomes() == [Outcome.CANCELED]


# ---------------------------------------------------------------- corrections


def test_a_late_fill_raises_cum_qty_after_canceled_as_a_correction() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.push("canceled", cum="0")
    story.push("canceled", cum="4")
    first, second = story.told["r1"]
    assert (first.report.revision, first.previous) == (0, None)
    assert second.report.revision == 1
    assert second.report.outcome is Outcome.CANCELED
    assert second.report.cum_qty == Decimal(4)
    assert second.previous is not None
    assert (second.previous.outcome, second.previous.cum_qty) == (Outcome.CANCELED, Decimal(0))


def test_a_repeated_word_corrects_nothing() -> None:
    story = Story()
    story.submit()
    story.push("canceled", cum="0")
    story.push("canceled", cum="0")
    story.push("canceled", cum="0", note="another frame")
    story.push("new", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]


def test_doubt_is_told_once_and_every_news_about_the_order_corrects_it() -> None:
    story = Story()
    story.submit()
    story.ack()
    story.advance(HORIZON_MS + 300_000, story.fail_question)
    assert story.outcomes() == [Outcome.IN_DOUBT]
    story.push("partially_filled", cum="5")
    assert story.outcomes() == [Outcome.IN_DOUBT, Outcome.IN_DOUBT]
    assert story.report().ord_status is OrdStatus.PARTIALLY_FILLED
    story.push("filled", cum="10")
    assert [tell.report.revision for tell in story.told["r1"]] == [0, 1, 2]


def test_the_words_that_cannot_be_derived_again_are_told_after_their_commit() -> None:
    story = Story(roads=(Road.WS,))
    story.submit("o1", deadline_ms=100)
    story.never_left()
    story.submit("o2")
    story.ack()
    story.push("canceled", order="o2", cum="0")
    story.advance(100)
    after_commit = {name: tells[0].after_commit for name, tells in story.told.items()}
    assert after_commit == {"r1": True, "r2": False}


# ---------------------------------------------------------------- in doubt


def test_the_horizon_leaves_a_doubt_that_says_what_is_known() -> None:
    story = Story()
    story.submit()
    story.push("partially_filled", cum="3")
    story.advance(HORIZON_MS, story.fail_question)
    report = story.report()
    assert report.outcome is Outcome.IN_DOUBT
    assert (report.ord_status, report.cum_qty, report.leaves_qty) == ("partially_filled", Decimal(3), Decimal(7))
    assert report.cum_qty_final is False
    assert report.reason == "horizon_passed"


def test_a_cancel_that_could_not_leave_by_the_horizon_is_in_doubt_and_still_goes_out() -> None:
    story = Story(roads=())
    story.submit()
    story.advance(HORIZON_MS, story.fail_question)
    report = story.report()
    assert (report.outcome, report.reason, report.times.forwarded) == (Outcome.IN_DOUBT, "no_road", None)
    story.restore_link()
    assert len(story.sends) == 1
    story.ack()
    story.push("canceled", cum="0")
    assert story.outcomes() == [Outcome.IN_DOUBT, Outcome.CANCELED]


# ---------------------------------------------------------------- rejected


def refused_for_good(proof: Proof = Proof.UNCHANGED_FINAL) -> Story:
    story = Story()
    story.submit()
    story.refuse(proof, code="51403")
    return story


def test_rejected_needs_a_live_answer_asked_a_lag_after_the_refusal() -> None:
    story = refused_for_good()
    story.advance(LAG_MS - 1, story.answer_live)
    assert story.outcomes() == []
    story.advance(1, story.answer_live)
    assert story.outcomes() == [Outcome.REJECTED]
    assert story.report().cxl_rej_reason == "51403"
    assert story.report().ord_status is OrdStatus.NEW


def test_rejected_needs_a_live_answer_asked_a_lag_after_the_last_push() -> None:
    story = refused_for_good()
    story.advance(10_000, story.answer_live)
    story.push("partially_filled", cum="1")
    story.advance(LAG_MS - 1, story.answer_live)
    assert story.outcomes() == []
    story.advance(1, story.answer_live)
    assert story.outcomes() == [Outcome.REJECTED]


@pytest.mark.parametrize("proof", [Proof.GONE, Proof.UNKNOWN, Proof.ACCEPTED, Proof.IN_PROGRESS])
def test_no_other_refusal_ends_as_rejected(proof: Proof) -> None:
    story = refused_for_good(proof)
    for _ in range(SENDS_MAX):
        story.advance(LAG_MS, story.answer_live)
        for sent in story.open_sends():
            story.refuse(Proof.UNCHANGED_FINAL, sent)
    assert Outcome.REJECTED not in story.outcomes()
    assert story.outcomes() == [Outcome.IN_DOUBT]


def test_an_unanswered_send_never_ends_as_rejected() -> None:
    story = Story()
    story.submit()
    story.advance(600)
    assert len(story.sends) == 2
    story.refuse(Proof.UNCHANGED_FINAL, story.sent[1])
    story.advance(HORIZON_MS, story.answer_live)
    assert Outcome.REJECTED not in story.outcomes()


def test_a_refusal_that_may_be_retried_is_rejected_only_when_retries_are_used_up() -> None:
    story = refused_for_good(Proof.UNCHANGED_RETRY)
    for _ in range(1_000):
        story.advance(500, story.answer_live)
        for sent in story.open_sends():
            story.refuse(Proof.UNCHANGED_RETRY, sent)
        if story.outcome() is Outcome.REJECTED:
            break
    assert story.outcomes()[-1] is Outcome.REJECTED
    last_us = story.sent[-1].at_us - story.sent[0].at_us
    assert RETRIES_US - RETRY_MAX_US < last_us < RETRIES_US
    assert len(story.sends) <= SENDS_MAX


def test_a_refusal_that_may_be_retried_is_not_rejected_while_no_road_is_open_for_the_retry() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.UNCHANGED_RETRY)
    story.cut_link(Road.WS)
    story.cut_link(Road.REST)
    story.advance(HORIZON_MS - 1, story.answer_live)
    assert story.outcomes() == []
    story.restore_link()
    assert len(story.sends) == 2


def test_rejected_is_corrected_when_the_order_ends() -> None:
    story = refused_for_good()
    story.advance(LAG_MS + 5_000, story.answer_live)
    story.push("canceled", cum="0", ended_by=EndedBy.OTHER)
    assert story.outcomes() == [Outcome.REJECTED, Outcome.CANCELED]
    assert story.report().ended_by is EndedBy.OTHER


# ---------------------------------------------------------------- unknown_order


def test_unknown_order_needs_two_denied_rounds_a_lag_apart() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.deny_a_round()
    assert story.outcomes() == []
    story.advance(LAG_MS - 1, story.answer_not_found)
    assert story.outcomes() == []
    story.advance(10_000, story.answer_not_found)
    assert story.outcomes() == [Outcome.UNKNOWN_ORDER]
    assert story.report().cxl_rej_reason == CxlRejReason.UNKNOWN_ORDER
    assert story.asked[-1] is Step.OPEN_ORDERS


def test_unknown_order_needs_a_round_asked_a_lag_after_the_last_answer_to_a_cancel() -> None:
    story = Story()
    story.submit()
    story.lose_reply()
    story.advance(LAG_MS - 1_000, story.answer_not_found)
    story.refuse(Proof.GONE, story.sent[0])
    while story.open_sends():
        story.refuse(Proof.GONE, story.open_sends()[-1])
    story.advance(LAG_MS - 1, story.answer_not_found)
    assert story.outcomes() == []
    story.advance(5_001, story.answer_not_found)
    assert story.outcomes() == [Outcome.UNKNOWN_ORDER]


def test_the_first_denial_counts_only_after_the_first_send() -> None:
    story = Story(roads=())
    story.submit()
    story.advance(LAG_MS + 10_000, story.answer_not_found)
    story.restore_link()
    story.refuse(Proof.GONE)
    story.advance(LAG_MS - 1, story.answer_not_found)
    assert story.outcomes() == []
    story.advance(5_001, story.answer_not_found)
    assert story.outcomes() == [Outcome.UNKNOWN_ORDER]


def test_blind_never_counts() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.advance(HORIZON_MS, lambda: story.answer_not_found(absence=Absence.BLIND))
    assert story.outcomes() == [Outcome.IN_DOUBT]


def test_a_listing_cut_short_never_counts() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.advance(HORIZON_MS, lambda: story.answer_not_found(complete=False))
    assert story.outcomes() == [Outcome.IN_DOUBT]


def test_an_order_that_was_ever_seen_is_never_unknown() -> None:
    story = Story()
    story.push("new", cum="0")
    story.submit()
    story.refuse(Proof.GONE)
    story.advance(HORIZON_MS, story.answer_not_found)
    assert story.outcomes() == [Outcome.IN_DOUBT]
    assert story.report().reason == "retention_passed"


def test_a_denial_past_the_venues_memory_proves_nothing() -> None:
    story = Story.with_timings(horizon_s=3 * 3600, abandon_after_h=4)
    story.submit()
    story.refuse(Proof.GONE)
    story.advance(2 * 3_600_000 + 1, story.fail_question)
    story.advance(60_000, story.answer_not_found)
    assert story.outcomes() == []
    story.advance(3_600_000, story.answer_not_found)
    assert story.outcomes() == [Outcome.IN_DOUBT]
    assert story.report().reason == "retention_passed"


def test_a_new_request_for_an_unknown_order_has_rounds_of_its_own() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.advance(LAG_MS + 10_000, story.answer_not_found)
    assert story.outcomes() == [Outcome.UNKNOWN_ORDER]
    story.submit()
    assert story.outcomes("r2") == []
    assert len(story.sends) == 2
    story.refuse(Proof.GONE)
    story.advance(LAG_MS - 1, story.answer_not_found)
    assert story.outcomes("r2") == []
    story.advance(10_000, story.answer_not_found)
    assert story.outcomes("r2") == [Outcome.UNKNOWN_ORDER]
    assert story.outcomes() == [Outcome.UNKNOWN_ORDER]


def test_unknown_order_is_taken_back_and_worked_on_when_the_order_appears() -> None:
    story = Story()
    story.submit()
    story.refuse(Proof.GONE)
    story.advance(LAG_MS + 10_000, story.answer_not_found)
    story.push("new", cum="0")
    assert story.outcomes() == [Outcome.UNKNOWN_ORDER, Outcome.IN_DOUBT]
    assert story.report().reason == "evidence_withdrawn"
    assert story.report().ord_status is OrdStatus.NEW
    story.advance(LAG_MS + 5_000, story.answer_live)
    assert len(story.sends) > 1
    story.push("canceled", cum="0")
    assert story.outcomes() == [Outcome.UNKNOWN_ORDER, Outcome.IN_DOUBT, Outcome.CANCELED]


# ---------------------------------------------------------------- the rest of a report


def test_a_report_names_its_evidence_and_its_times() -> None:
    story = Story()
    received_us = story.now_us
    story.submit()
    story.advance(1)
    story.forward()
    story.advance(1)
    story.ack()
    story.advance(1)
    end = story.push("canceled", cum="0", alias="y")
    report = story.report()
    assert end.frame is not None
    assert (report.evidence.source, report.evidence.channel) == ("push", "orders")
    assert report.evidence.digest == end.frame.digest
    times = report.times
    assert (times.received, times.forwarded, times.acked, times.evidence) == tuple(
        received_us + ms * 1000 for ms in range(4)
    )
    assert report.venue_response == {"c": "0"}
    assert story.progress() == ["forwarded", "venue_accepted"]


# ---------------------------------------------------------------- what is written down of it


def hear(story: Story, status: str, source: Source = Source.QUERY, cum: str | None = None) -> None:
    """Report the order in a frame that has bytes."""
    piece = report(status, source=source, cum=cum)
    story.see(replace(piece, frame=Frame(digest_of(piece), b"bytes")))


def bytes_written(story: Story) -> list[bool]:
    """Say of each piece of evidence whether its frame's bytes are written with its digest."""
    written = [effect.record for effect in story.effects if isinstance(effect, Write)]
    frames = [record.report.frame for record in written if isinstance(record, Observed)]
    assert all(frame is not None and frame.digest for frame in frames)
    return [frame is not None and frame.raw == b"bytes" for frame in frames]


def test_of_an_end_that_was_known_the_digest_alone_is_written() -> None:
    story = Story()
    story.submit()
    hear(story, "new", Source.PUSH)
    hear(story, "canceled", Source.PUSH, "3")
    hear(story, "canceled", cum="3")
    assert bytes_written(story) == [True, True, False]


def test_what_speaks_against_an_end_or_says_more_of_it_is_written_with_its_bytes() -> None:
    story = Story()
    story.submit()
    hear(story, "canceled", Source.PUSH, "3")
    hear(story, "new", cum="3")
    hear(story, "canceled", cum="4")
    assert story.report().cum_qty == Decimal(4)
    assert bytes_written(story) == [True, True, True]


def test_of_two_ends_that_contradict_each_other_every_frame_is_written_with_its_bytes() -> None:
    story = Story()
    story.submit()
    hear(story, "canceled", Source.PUSH, "3")
    hear(story, "filled", Source.PUSH, "10")
    hear(story, "canceled", cum="3")
    assert bytes_written(story) == [True, True, True]
