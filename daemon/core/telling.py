"""Turns a conclusion and the facts of a case into the report that a client reads. It decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.case import SendState
from daemon.core.records import EvidenceRef, Previous, Report, Times
from daemon.core.world import SWEPT_MAX
from protocols.evidence import Proof
from protocols.fix import CxlRejReason, EndedBy, Outcome

if TYPE_CHECKING:
    from daemon.core.case import Case, Ticket, WireSend
    from daemon.core.casefile import CaseFile
    from daemon.core.order_view import Verdict
    from daemon.core.policy import Conclusion
    from daemon.core.world import World
    from protocols.evidence import CancelAnswered
    from protocols.fix import OrderId

_MAY_BE_OURS = frozenset({Proof.ACCEPTED, Proof.IN_PROGRESS})
_UNANSWERED = frozenset({None, Proof.UNKNOWN})


def report_of(ticket: Ticket, case: Case, world: World, cases: CaseFile, found: Conclusion) -> Report:
    """Write the report of a request. ``seq``, ``durable`` and two of its times are the driver's to fill in."""
    verdict = case.verdict
    sends = case.sends_for(ticket)
    answer = _last_answer(sends)
    return Report(
        request_id=ticket.request.key.request_id,
        account=world.account,
        venue=world.traits.venue,
        product=case.product or None,
        instrument=ticket.request.instrument,
        order_id=_order_id(ticket, case, answer),
        client_order_id=ticket.request.client_order_id or case.alias,
        outcome=found.outcome,
        ord_status=verdict.ord_status,
        cxl_rej_reason=_reject_reason(found.outcome, answer.code if answer else None),
        order_qty=verdict.order_qty,
        cum_qty=verdict.cum_qty,
        cum_qty_final=verdict.is_terminal and verdict.cum_qty_final,
        leaves_qty=verdict.leaves_qty,
        avg_px=verdict.avg_px,
        ended_by=_ended_by(case, world, cases),
        cancel_reason=verdict.cancel_reason,
        successor_order_id=verdict.successor_order_id,
        venue_response=dict(answer.fields) if answer else {},
        venue_code=answer.code if answer else None,
        venue_message=answer.message if answer else None,
        evidence=_evidence_ref(verdict),
        times=_times(ticket, case, sends),
        reason=found.reason,
        revision=ticket.revision + 1,
    )


def previous_of(report: Report) -> Previous:
    """Say what was told before a correction."""
    return Previous(report.outcome, report.cum_qty)


def adds_to(told: Report, ticket: Ticket, case: Case, found: Conclusion) -> bool:
    """Whether a report of the same outcome would now tell a client something that the last one did not."""
    verdict = case.verdict
    says_the_same = (
        told.ord_status is verdict.ord_status
        and told.cum_qty == verdict.cum_qty
        and told.successor_order_id == verdict.successor_order_id
        and (told.cum_qty_final or not (verdict.is_terminal and verdict.cum_qty_final))
        and told.order_id == _order_id(ticket, case, _last_answer(case.sends_for(ticket)))
    )
    return told.outcome is found.outcome and not says_the_same


def _last_answer(sends: list[WireSend]) -> CancelAnswered | None:
    answer = None
    for send in sends:  # one, nearly always: no generator is worth its making here
        answer = send.answer or answer
    return answer


def _order_id(ticket: Ticket, case: Case, answer: CancelAnswered | None) -> OrderId | None:
    """Name the order: as the case knows it, as it was asked for, or as our own frame's answer names it."""
    return case.order_id or ticket.request.order_id or (answer.order_id if answer else None)


def _reject_reason(outcome: Outcome, code: str | None) -> str | None:
    match outcome:
        case Outcome.FILLED:
            return CxlRejReason.TOO_LATE
        case Outcome.UNKNOWN_ORDER:
            return CxlRejReason.UNKNOWN_ORDER
        case Outcome.REJECTED:
            return code
        case _:
            return None


def _ended_by(case: Case, world: World, cases: CaseFile) -> EndedBy:
    """Say who ended the order: the venue's word for "the user" is us only if a cancel of ours can have done it.

    It is somebody else only if ours was refused, and no other one of ours can have: of an earlier life, since not all
    that left then was written down, by the order's other id, on another instrument, or by a call that cancels all of a
    scope.
    """
    verdict = case.verdict
    if not verdict.is_terminal or verdict.ended_by is not EndedBy.US:
        return verdict.ended_by if verdict.is_terminal else EndedBy.UNKNOWN
    proofs = {send.proof for send in case.sends if send.may_have_left}
    if not proofs.isdisjoint(_MAY_BE_OURS):
        return EndedBy.US
    is_open = not proofs or not proofs.isdisjoint(_UNANSWERED)
    is_open = is_open or _may_be_of_an_earlier_life(verdict, world) or _may_be_swept(verdict, world)
    return EndedBy.UNKNOWN if is_open or _is_canceled_by_another_name(case, cases) else EndedBy.OTHER


def _may_be_of_an_earlier_life(verdict: Verdict, world: World) -> bool:
    """Whether an order may have ended before this life began, or so soon after that what had left before did it."""
    end = verdict.decided_by
    if not world.began_us or end is None:
        return False
    return end.updated_ms is None or world.ours_us(end.updated_ms) < world.began_us + world.timings.settle_ms * 1000


def _may_be_swept(verdict: Verdict, world: World) -> bool:
    """Whether an order ended about when a call left that cancels whatever rests, asked for by a case or not."""
    end, swept_us = verdict.decided_by, world.swept_us
    if not swept_us or end is None or end.updated_ms is None:
        return bool(swept_us)
    ended_us, apart_us = world.ours_us(end.updated_ms), world.timings.settle_ms * 1000
    is_before_all = len(swept_us) == SWEPT_MAX and ended_us < swept_us[0]
    return is_before_all or any(abs(ended_us - left_us) < apart_us for left_us in swept_us)


def _is_canceled_by_another_name(case: Case, cases: CaseFile) -> bool:
    """Whether a cancel left for another case that may be of this order: some venues do not look at the instrument."""
    alike = [] if case.alias is None else cases.of_alias(case.product, case.alias)
    if case.order_id is not None:
        alike += cases.of_order(case.product, case.order_id)
    return any(send.may_have_left for other in alike if other is not case for send in other.sends)


def _evidence_ref(verdict: Verdict) -> EvidenceRef:
    piece = verdict.decided_by
    if piece is None:
        return EvidenceRef()
    return EvidenceRef(piece.source.value, piece.channel, piece.venue_time, piece.frame.digest if piece.frame else None)


def _times(ticket: Ticket, case: Case, sends: list[WireSend]) -> Times:
    forwarded_us = acked_us = None
    for send in sends:
        if forwarded_us is None:
            forwarded_us = send.forwarded_us
        if acked_us is None and send.state is SendState.ANSWERED:
            acked_us = send.ended_us
    piece = case.verdict.decided_by
    return Times(
        received=ticket.request.received_us if ticket.received_us is None else ticket.received_us,
        forwarded=forwarded_us,
        acked=acked_us,
        evidence=case.view.seen_us(piece) if piece is not None else None,
    )
