"""The states in which nearly every case is nearly always, told at a glance: nothing follows yet, or any more.

Nothing is decided here. The long way through `daemon.core.policy` comes to the same, for several times the processor
time: without this file everything is as it was, and slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.case import Case, SendState, Ticket, WireSend, is_settled
from protocols.evidence import DropCopyState, Proof
from protocols.fix import LIVING

if TYPE_CHECKING:
    from daemon.core.order_view import Verdict
    from daemon.core.world import World


def begun_by(case: Case, world: World, now_us: int) -> Ticket | None:
    """Give the one request of a case of which nothing is known but that it came, and that its order lives or may live.

    Then its first cancel is wanted now, by the venue's favourite road; it has no outcome, is not suspected or asked
    about, and waits for nothing: `policy` says so too, in eight answers and for five times the processor time. None:
    look in the long way.
    """
    if case.sends or len(case.tickets) != 1 or case.fruitless_before or case.has_history:
        return None
    (ticket,) = case.tickets.values()
    if ticket.told is not None or ticket.recovered_us or ticket.only_by_order_id or case.verdict.is_terminal:
        return None
    if now_us >= look_again_us(ticket, world, now_us):
        return None
    return None if world.gap_us and now_us < world.gap_end_us(case) else ticket


def look_again_us(ticket: Ticket, world: World, now_us: int) -> int:
    """When to look again at a case that has just begun, whether its cancel leaves now or waits for others."""
    asked_us = ticket.request.received_us + world.push_wait_us
    return min(ticket.due_us, asked_us, now_us + world.ack_wait_us)


def rests_until_us(case: Case, world: World, now_us: int) -> int | None:
    """Until when nothing can follow from a case but by an event, where it waits as most do; None: look in the long way.

    It has one request, whose one cancel is unanswered or accepted; nothing was asked, and if anything is known of the
    order, then that it lived before that. This is no rule of its own: the long way comes to the same, or to a later
    moment, for six times the processor time.
    """
    if len(case.sends) != 1 or len(case.tickets) != 1 or case.has_history:
        return None
    (send,), (ticket,) = case.sends, case.tickets.values()
    if ticket.told is not None or ticket.first_send != send.wire.send_id:
        return None
    if case.was_seen and not _only_lived_before(case, send):
        return None
    if send.state is SendState.IN_FLIGHT and not send.is_suspected:
        until_us = send.made_us + world.ack_wait_us
    elif send.proof is Proof.ACCEPTED and world.drop_copy is DropCopyState.LIVE and send.ended_us is not None:
        until_us = send.ended_us + world.push_wait_us
    else:
        return None
    until_us = min(until_us, ticket.due_us)
    return until_us if until_us > now_us else None


def _only_lived_before(case: Case, send: WireSend) -> bool:
    """Whether all that is known of an order is that it lived before a cancel of it left."""
    verdict = case.verdict
    is_alive = verdict.ord_status in LIVING and not verdict.is_contradictory and not case.view.was_struck
    return is_alive and max(case.view.last_push_us, case.live_by_push_us, case.live_by_answer_us) <= send.made_us


def is_over(case: Case) -> bool:
    """Whether a case is as most cases end: told, by final evidence, with nothing under way that time could change.

    Whatever else it says, nothing more would be sent, asked or suspected. To look that up in the long way costs a
    tenth of a request's processor time.
    """
    verdict = case.verdict
    if not (verdict.is_terminal and verdict.cum_qty_final) or verdict.is_contradictory or case.question is not None:
        return False
    if case.confirm_once or case.live_refutations or case.provisional is not None:
        return False
    for ticket in case.tickets.values():
        if not is_settled(ticket):
            return False
    return SendState.IN_FLIGHT not in [send.state for send in case.sends]


def stays_over(case: Case, before: Verdict) -> bool:
    """Whether a case that was over `before` some evidence came is so still, and its requests were told all of it.

    So it is with most rows of a venue's history: the long way finds nothing in them to tell, send, ask or wait for.
    """
    verdict = case.verdict
    says_the_same = verdict is before or (
        verdict.ord_status is before.ord_status
        and verdict.cum_qty == before.cum_qty
        and verdict.cum_qty_final is before.cum_qty_final
        and verdict.successor_order_id == before.successor_order_id
        and verdict.client_order_id == before.client_order_id
    )
    return says_the_same and is_over(case)
