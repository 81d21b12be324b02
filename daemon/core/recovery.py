"""Rebuilds cases from their records after a restart.

Theory of operation. A case's records are its inputs, in order; reading them back gives the facts again, and policy does
the rest, as it would have without the restart. Three things differ. A wire cancel without an answer has lost it: the
answer, if any, went to a socket that is no more. Nothing is sent before the venue was asked, since the order may have
ended long ago. And a recovered request is never called ``not_sent``: a frame may have left in the instant before the
journal could say so.

The host's clock may have been set back meanwhile, so that records seem to come from the future. What was written before
cannot have happened after: each record is taken to be no younger than the one behind it, and the last no younger than
now. Else a cancel would wait until the clock has made good what it lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from daemon.core.case import Case, SendState, Ticket, WireSend, is_settled
from daemon.core.ids import life_of
from daemon.core.order_view import OrderView
from daemon.core.records import (
    PRESUMED,
    TRACKED,
    Asked,
    AskFailed,
    Bound,
    Dealing,
    Observed,
    Record,
    RecoveredCase,
    RecoveredRequest,
    RequestKey,
    RequestOpened,
    SendAnswered,
    SendForwarded,
    SendLost,
    SendMade,
    Struck,
    Told,
)
from protocols.evidence import Proof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.core.records import CancelRequest
    from daemon.core.world import World

SomeRecord = TypeVar("SomeRecord", bound=Record)

_SHARED: Final = frozenset({Proof.ACCEPTED, Proof.IN_PROGRESS, Proof.UNKNOWN})
"""What the last send of a case has come to where a later request may have rested on it."""


def rebuild(found: RecoveredCase, world: World, now_us: int) -> Case:
    """Build a case out of its requests (at least one) and its records, those of the cases it grew out of included."""
    requests = [entry.request for entry in found.requests]
    case = Case(
        found.case, requests[0].product, requests[0].instrument,
        next((request.order_id for request in requests if request.order_id is not None), None),
        next((request.client_order_id for request in requests if request.client_order_id is not None), None),
        OrderView(requests[0].instrument),
    )  # fmt: skip
    records = [*_of_the_past(found.former, now_us), *_of_the_past(found.records, now_us)]
    records.sort(key=lambda record: record.t)
    opened: dict[RequestKey, int] = {}
    for record in records:
        if isinstance(record, RequestOpened):
            opened[record.request.key] = record.t
        if record.case == found.case:
            _replay_evidence(case, record)
        _replay_send(case, record, requests)
    for send in case.sends:
        if send.state is SendState.IN_FLIGHT:
            send.state, send.ended_us = SendState.LOST, now_us
    for entry in found.requests:
        case.tickets[entry.request.key] = _ticket(entry, case, world, now_us, opened.get(entry.request.key, now_us))
    bounds = [record for record in records if isinstance(record, Bound) and record.order_id == case.order_id]
    tracked_us = {bound.t for bound in bounds if bound.why == TRACKED}
    for key, ticket in case.tickets.items():  # who tracked the order had its request opened at that moment
        ticket.is_sure = opened.get(key) in tracked_us or _is_named(ticket.request, case)
        ticket.is_presumed = not ticket.is_sure and any(bound.why == PRESUMED for bound in bounds)
    case.view.last_push_us = now_us  # Nobody listened while there was no daemon: a push may have come and gone.
    is_waiting = any(not is_settled(ticket) for ticket in case.tickets.values())
    case.must_ask_first = is_waiting
    case.confirm_once = not is_waiting
    case.trouble_us = now_us if is_waiting else 0
    return case


def _of_the_past(records: Sequence[SomeRecord], now_us: int) -> list[SomeRecord]:
    """Give records, in their order, times that lie in our past; evidence may be older than what was written before."""
    kept: list[SomeRecord] = []
    latest_us = now_us
    for record in reversed(records):
        at_us = min(record.t, latest_us)
        kept.append(record if at_us == record.t else msgspec.structs.replace(record, t=at_us))
        if not isinstance(record, Observed):
            latest_us = at_us
    kept.reverse()
    return kept


def _request_of_the_past(request: CancelRequest, opened_us: int) -> CancelRequest:
    """Give a request a time of our past. Nobody knows how long ago it was made, so its deadline counts as passed."""
    if request.received_us <= opened_us:
        return request
    deadline_us = None if request.deadline_us is None else min(request.deadline_us, opened_us)
    return msgspec.structs.replace(request, received_us=opened_us, deadline_us=deadline_us)


def dealings(found: Sequence[RecoveredCase]) -> list[Dealing]:
    """Gather what the cases of earlier lives sent and asked, and what was answered, by rising time.

    What was dealt for a case that its requests have left counts too, once for all that grew out of it. Times are those
    of the last of these lives, as if each had begun when the one before it did its last: the host's clock may have been
    set in between, and only within a life do times say what was how long ago.
    """
    every = (record for case in found for record in (*case.former, *case.records))
    made = {_dealt(record): record for record in every if isinstance(record, Dealing)}
    lives: dict[int, list[Dealing]] = {}
    for (_, name), record in made.items():
        lives.setdefault(life_of(name), []).append(record)
    behind: list[Dealing] = []
    for life in sorted(lives, reverse=True):
        own = sorted(lives[life], key=lambda record: record.t)
        shift_us = behind[0].t - own[-1].t if behind else 0
        behind[:0] = [msgspec.structs.replace(record, t=record.t + shift_us) for record in own] if shift_us else own
    return behind


def _dealt(record: Dealing) -> tuple[type, str]:
    """Name a dealing: each send and question is made once and ends once."""
    match record:
        case SendMade(wire=wire):
            return SendMade, wire.send_id
        case Asked(question=question):
            return Asked, question.query_id
        case SendAnswered(what=answer):
            return SendAnswered, answer.send_id
        case Told(what=end) | AskFailed(what=end):
            return Told, end.query_id


def _ticket(entry: RecoveredRequest, case: Case, world: World, now_us: int, opened_us: int) -> Ticket:
    request = _request_of_the_past(entry.request, opened_us)
    ticket = Ticket(
        request,
        horizon_us=now_us + world.horizon_us,
        recovered_us=now_us,
        first_send=next((s.wire.send_id for s in case.sends if s.made_us >= request.received_us), None),
        told=entry.report,
        received_us=entry.request.received_us,
    )
    if ticket.first_send is None and case.sends and case.sends[-1].proof in _SHARED:
        ticket.first_send = case.sends[-1].wire.send_id
    return ticket


def _is_named(request: CancelRequest, case: Case) -> bool:
    """Whether a request, or the answer to a frame that was its own, said which order it means."""
    if request.order_id is not None:
        return True
    own = [send for send in case.sends if request.key in send.made_for and send.wire.order_id is None]
    named = [send.answer.order_id for send in own if send.answer is not None and send.answer.order_id is not None]
    return case.order_id in named


def _replay_send(case: Case, record: Record, requests: list[CancelRequest]) -> None:
    match record:
        case SendMade():
            wanting = (request.key for request in requests if request.received_us <= record.t)
            case.sends.append(WireSend(record.wire, record.t, frozenset(wanting)))
        case SendForwarded():
            send = case.send_of(record.what.send_id)
            if send is not None:
                send.forwarded_us = record.t
        case SendAnswered():
            send = case.send_of(record.what.send_id)
            if send is not None:
                send.state, send.answer, send.ended_us = SendState.ANSWERED, record.what, record.t
        case SendLost():
            send = case.send_of(record.what.send_id)
            if send is not None:
                has_left = record.what.handed_over or send.forwarded_us is not None
                send.state = SendState.LOST if has_left else SendState.NOT_LEFT
                send.ended_us = record.t
        case _:
            pass  # Questions and conclusions tell the story; the facts of a case do not depend on them.


def _replay_evidence(case: Case, record: Record) -> None:
    """Take in what was learnt about this case's own order; a case that its requests left may have had another one."""
    match record:
        case Observed():
            case.was_seen = True
            case.view.add(record.report, record.t, None if record.asked is None else min(record.asked, record.t))
        case Bound():
            case.order_id = record.order_id
        case Struck():
            case.view.strike(record.digest)
        case _:
            pass
