"""A record in one sentence, for whoever asks what happened to a request. It judges nothing and hides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from daemon.core.records import (
    Asked,
    AskFailed,
    Bound,
    BulkCorrected,
    BulkEnded,
    BulkListed,
    BulkLooked,
    BulkMeant,
    BulkOpened,
    Concluded,
    Moved,
    Noticed,
    Observed,
    Record,
    RequestOpened,
    SendAnswered,
    SendForwarded,
    SendLost,
    SendMade,
    Struck,
    Told,
)

if TYPE_CHECKING:
    from daemon.core.records import BulkIntent, BulkReport, Caller, CancelRequest
    from protocols.asks import Question, WireCancel
    from protocols.evidence import OrderReported, QuestionAnswered


def tell(record: Record) -> str:
    """Tell a record in a sentence."""
    match record:
        case RequestOpened(request=request):
            return _asked_for(request)
        case SendMade() | SendForwarded() | SendAnswered() | SendLost():
            return _send(record)
        case Asked() | Told() | AskFailed():
            return _question(record)
        case Observed(report=report):
            return _reported(report)
        case Bound() | Moved() | Struck() | Noticed():
            return _case(record)
        case Concluded():
            return _concluded(record)
        case BulkOpened() | BulkListed() | BulkMeant() | BulkEnded():
            return _bulk(record)
        case BulkLooked() | BulkCorrected():
            return _second_look(record)
        case _:
            assert_never(record)


def _asked_for(request: CancelRequest) -> str:
    bulk = request.key.request_id.rpartition("/")[0]
    part = f", for bulk cancel {bulk}" if bulk else ""
    return f"{_who(request.caller)} asked to cancel {_order(request)}, {_terms(request)}{part}"


def _who(caller: Caller) -> str:
    return f"uid {caller.uid}, gid {caller.gid}, pid {caller.pid}" + (f" ({caller.client})" if caller.client else "")


def _terms(asked: CancelRequest | BulkIntent) -> str:
    return f"{asked.priority}" + ("" if asked.deadline_us is None else f", deadline {asked.deadline_us}")


def _bulk(record: BulkOpened | BulkListed | BulkMeant | BulkEnded) -> str:
    match record:
        case BulkOpened(intent=intent):
            what = "; ".join(scope.described() for scope in intent.scopes)
            return f"{_who(intent.caller)}: {intent.cause} is to cancel {what}, {_terms(intent)}"
        case BulkListed():
            cut = "" if record.complete else ", cut short or failed"
            seen = f"{record.matching} match, {record.taken} of them new"
            return f"{record.account} was asked for its open orders: {seen}{cut}"
        case BulkMeant():
            return f"{len(record.orders)} orders of {record.account} were found that match and had no request yet"
        case BulkEnded(report=report):
            counts = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items()) or "no orders"
            why = "".join(f"; {account}: {why}" for account, why in report.reasons.items())
            return f"over: {counts}; {_rest(report)}{why}"


def _second_look(record: BulkLooked | BulkCorrected) -> str:
    match record:
        case BulkLooked():
            found = f"{len(record.found)} orders rest that had been overlooked" if record.found else "none overlooked"
            seen = found if record.asked else "nothing was seen"
            unsure = f", {len(record.unsure)} rest that may be younger" if record.unsure else ""
            follow_up = f"; {record.follow_up} cancels them" if record.follow_up else ""
            why = f"; {record.why}" if record.why else ""
            return f"{record.account} was looked at again: {seen}{unsure}{follow_up}{why}"
        case BulkCorrected(report=report):
            return f"corrected: {_rest(report)}"


def _rest(report: BulkReport) -> str:
    return "nothing rests" if report.complete else f"{report.survivors_total} orders may rest"


def _send(record: SendMade | SendForwarded | SendAnswered | SendLost) -> str:
    match record:
        case SendMade(wire=wire):
            return f"cancel {wire.send_id} of {_order(wire)} goes by {wire.road}"
        case SendForwarded(what=what):
            return f"{what.send_id} was handed to {what.road}"
        case SendAnswered(what=what):
            return _joined(f"{what.send_id} was answered by {what.road}: {what.proof}", what.code, what.message)
        case SendLost(what=what):
            fate = "nobody knows whether it arrived" if what.handed_over else "no byte of it left"
            return f"{what.send_id} was lost on {what.road}: {what.why}; {fate}"


def _case(record: Bound | Moved | Struck | Noticed) -> str:
    match record:
        case Bound(order_id=order_id, why=why):
            return f"the order is {order_id}: {why}"
        case Moved(into=into):
            return f"the request moved to case {into}"
        case Struck(digest=digest, why=why):
            return f"evidence {digest} was set aside: {why}"
        case Noticed(what=what):
            return what


def _order(named: CancelRequest | WireCancel | Question) -> str:
    ids = [f"order {named.order_id}"] if named.order_id is not None else []
    ids += [f"client order {named.client_order_id}"] if named.client_order_id is not None else []
    return f"{_joined(named.product, named.instrument)} {', '.join(ids)}".strip() or "all orders"


def _reported(report: OrderReported) -> str:
    filled = "quantity unknown" if report.cum_qty is None else f"{report.cum_qty} filled"
    whole = "" if report.order_qty is None else f" of {report.order_qty}"
    word = "" if report.word == report.status else f" ({report.word})"
    return f"{report.source} {report.channel}: order {report.order_id} is {report.status}{word}, {filled}{whole}"


def _question(record: Asked | Told | AskFailed) -> str:
    match record:
        case Asked(question=question):
            return f"question {question.query_id} ({question.step}) was put, about {_order(question)}"
        case Told(what=what):
            return _answer(what)
        case AskFailed(what=what):
            limited = ", rate limited" if what.rate_limited else ""
            return f"question {what.query_id} ({what.step}) has no answer: {what.why}{limited}"


def _answer(what: QuestionAnswered) -> str:
    found = "answered" if what.absence is None else f"the order is not in it ({what.absence})"
    cut = "" if what.complete else ", cut short"
    return _joined(f"question {what.query_id} ({what.step}): {found}{cut}", what.code, what.message)


def _concluded(record: Concluded) -> str:
    report = record.report
    filled = "quantity unknown" if report.cum_qty is None else f"{report.cum_qty} filled"
    said = _joined(f"{report.outcome}, {filled}", report.reason or "")
    if record.previous is None:
        return f"outcome {report.seq}: {said}"
    return f"correction {report.revision} ({report.seq}): {said}; before: {record.previous.outcome}"


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
