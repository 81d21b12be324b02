"""What follows from the facts of a case: which outcome, whether to send, what to ask, when to look again.

Theory of operation. Nothing here remembers anything. After every event the case is looked at as it stands now, and the
same four questions are asked again: does some request have its outcome; is another wire cancel wanted; is a question to
the venue wanted; and if none of these, when could that change. So a lost event can delay a decision but never lose one,
and the order in which events came does not matter beyond the facts that they left behind.

The rules are few:

* Only terminal evidence gives ``canceled`` or ``filled``, and it gives them however late it comes.
* ``live`` and "not found" conclude only when asked at least the replica lag after the venue last said anything else.
* ``rejected`` needs every frame answered "unchanged", no retry left, and such a ``live``. ``unknown_order`` needs two
  such "not found", a lag apart, the last one closed by a complete listing, and no evidence ever that the order exists.
* We send again on evidence of life, or when the other road is needed; never while a cancel is in progress, never inside
  the venue's gap, never past the request's deadline or age, and never by a client id that the venue may have given to
  a newer order.
* When the horizon passes, we say that we do not know, and go on asking, slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core import route
from daemon.core.case import Case, SendState, Ticket, WireSend, is_settled
from protocols.evidence import DropCopyState, Proof, Remedy, Step
from protocols.fix import OrdStatus, Outcome, Road

if TYPE_CHECKING:
    from daemon.core.world import World

SENDS_MAX: Final = 8
"""Wire cancels per case: past it something is wrong that more cancels will not mend."""
RETRY_FIRST_US: Final = 100_000
"""Back-off before repeating a cancel that the venue refused without touching the order; doubles each time."""
RETRY_MAX_US: Final = 5_000_000
ASK_FIRST_US: Final = 200_000
"""Back-off between questions while somebody waits; doubles up to `ASK_MAX_US`."""
ASK_MAX_US: Final = 5_000_000
ASK_SLOW_US: Final = 60_000_000
"""Between questions once everybody has been told that we are in doubt."""
FINAL_QTY_ASKS_MAX: Final = 8
"""Questions for final numbers after the end of an order: then the last ones stand, called not final."""
UNCHANGED: Final = frozenset({Proof.UNCHANGED_RETRY, Proof.UNCHANGED_FINAL})
ROAD_REMEDIES: Final = frozenset({Remedy.OTHER_ROAD, Remedy.LEAVE_ROAD, Remedy.REFRESH_REFERENCE})
"""What a refusal asks for when it was the road that refused, and not the venue's books."""


class Conclusion(msgspec.Struct, frozen=True):
    """An outcome for one request; ``reason`` says why we do not know, where we do not."""

    outcome: Outcome
    reason: str | None = None


class SendPlan(msgspec.Struct, frozen=True):
    """A wire cancel to make: on which road, and for whose parameters."""

    road: Road
    ticket_index: int


# ---------------------------------------------------------------- outcomes


def conclude(ticket: Ticket, case: Case, world: World, now_us: int) -> Conclusion | None:
    """Say what a request's outcome is as things stand, or None while it is open."""
    if case.account_changed:
        return Conclusion(Outcome.IN_DOUBT, "account_changed")
    verdict = case.verdict
    if verdict.is_terminal:
        return Conclusion(Outcome.FILLED if verdict.ord_status is OrdStatus.FILLED else Outcome.CANCELED)
    if _never_left_in_time(ticket, case, now_us):
        return Conclusion(Outcome.NOT_SENT)
    if _is_rejected(ticket, case, world, now_us):
        return Conclusion(Outcome.REJECTED)
    if _is_unknown_order(case, world):
        return Conclusion(Outcome.UNKNOWN_ORDER)
    if now_us >= ticket.horizon_us:
        return Conclusion(Outcome.IN_DOUBT, _why_in_doubt(ticket, case))
    return None


def supersedes(ticket: Ticket, found: Conclusion) -> bool:
    """Whether a conclusion says something that a request's last outcome did not."""
    if ticket.told is None:
        return True
    was = ticket.told.outcome
    if was is Outcome.NOT_SENT:
        return False
    if found.outcome is Outcome.IN_DOUBT:
        # What rested on evidence that was struck since is taken back; a doubt is not told twice.
        return was in {Outcome.CANCELED, Outcome.FILLED, Outcome.UNKNOWN_ORDER}
    return found.outcome is not was


def _never_left_in_time(ticket: Ticket, case: Case, now_us: int) -> bool:
    if ticket.is_recovered or ticket.request.deadline_us is None or now_us < ticket.request.deadline_us:
        return False
    return not any(send.may_have_left for send in case.sends_for(ticket))


def _is_rejected(ticket: Ticket, case: Case, world: World, now_us: int) -> bool:
    left = [send for send in case.sends if send.may_have_left]
    if not left or ticket.first_send is None or any(send.proof not in UNCHANGED for send in left):
        return False
    if left[-1].proof is Proof.UNCHANGED_RETRY and _may_send_again(ticket, case, world, now_us):
        return False
    last_refusal_us = max(send.ended_us or send.made_us for send in left)
    return case.live_by_answer_us >= last_refusal_us + world.replica_lag_us


def _is_unknown_order(case: Case, world: World) -> bool:
    first_send_us = case.first_send_us()
    if case.was_seen or case.denied_past_memory or first_send_us is None:
        return False
    rounds = [at for at in case.denials if at >= first_send_us]
    if len(rounds) < 2 or rounds[-1] < rounds[0] + world.replica_lag_us:
        return False
    return case.closing_listing_us >= rounds[-1]


def _why_in_doubt(ticket: Ticket, case: Case) -> str:
    if case.denials and (case.was_seen or case.denied_past_memory):
        return "retention_passed"
    if not any(send.may_have_left for send in case.sends_for(ticket)):
        return "no_road"
    return "horizon_passed"


# ---------------------------------------------------------------- sending


def wants_send(case: Case, world: World, now_us: int) -> tuple[SendPlan | None, int | None]:
    """Say which wire cancel to make now, and otherwise when to look again (None: only an event can change it)."""
    if case.account_changed or case.waits_for_identity or case.must_ask_first or case.provisional is not None:
        return None, None
    if case.verdict.is_terminal:
        return None, None
    tickets = list(case.tickets.values())
    wanting = [i for i, ticket in enumerate(tickets) if _may_send_for(ticket, case, world, now_us)]
    if not wanting:
        return None, None
    if len([send for send in case.sends if send.may_have_left]) >= SENDS_MAX:
        return None, None
    fresh = [i for i in wanting if tickets[i].first_send is None]
    when = 0 if fresh else _next_send_us(case, world)
    if when is None:
        return None, None
    when = max(when, _gap_end_us(case, world))
    if when > now_us:
        return None, when
    avoid = _road_to_avoid(case)
    road = route.choose(world.traits.roads, world.open_roads, avoid)
    if road is None:
        return None, None
    return SendPlan(road, (fresh or wanting)[0]), None


def _may_send_for(ticket: Ticket, case: Case, world: World, now_us: int) -> bool:
    """Whether anything may still be sent for a request: not settled, not past its deadline, not too old to repeat."""
    if is_settled(ticket):
        return False
    if ticket.request.deadline_us is not None and now_us >= ticket.request.deadline_us:
        return False
    has_left = any(send.may_have_left for send in case.sends_for(ticket))
    return not has_left or _is_young(ticket, world, now_us)


def _may_send_again(ticket: Ticket, case: Case, world: World, now_us: int) -> bool:
    """Whether a retry is left for a request."""
    if ticket.request.deadline_us is not None and now_us >= ticket.request.deadline_us:
        return False
    used = len([send for send in case.sends if send.may_have_left])
    return used < SENDS_MAX and _is_young(ticket, world, now_us)


def _is_young(ticket: Ticket, world: World, now_us: int) -> bool:
    return now_us < ticket.request.received_us + int(world.timings.resend_max_age_s * 1_000_000)


def _next_send_us(case: Case, world: World) -> int | None:
    """When the case's last cancel may be repeated; None while nothing calls for it."""
    last = case.last_send
    if last is None:
        return 0
    by_order_id = case.order_id is not None
    ended_us = last.ended_us if last.ended_us is not None else last.made_us
    if last.state is SendState.NOT_LEFT:
        return 0 if route.has_other(world.open_roads, last.wire.road) else ended_us + _retry_after_us(case)
    if last.state is SendState.IN_FLIGHT:
        overdue_us = last.made_us + world.timings.ack_wait_ms * 1000
        if by_order_id and route.has_other(world.open_roads, last.wire.road):
            return overdue_us
        return overdue_us if case.live_by_answer_us >= overdue_us else None
    if last.state is SendState.LOST:
        if by_order_id and route.has_other(world.open_roads, last.wire.road):
            return ended_us
        return ended_us if case.live_by_answer_us >= ended_us else None
    return _next_send_after_answer_us(case, world, last, ended_us)


def _next_send_after_answer_us(case: Case, world: World, last: WireSend, ended_us: int) -> int | None:
    by_order_id = case.order_id is not None
    match last.proof:
        case Proof.UNCHANGED_RETRY:
            if not by_order_id and case.live_by_answer_us < ended_us:
                return None
            if _was_refused_by_the_road(last) and route.has_other(world.open_roads, last.wire.road):
                return ended_us
            return ended_us + _retry_after_us(case)
        case Proof.UNKNOWN:
            return ended_us if case.live_by_answer_us >= ended_us else None
        case Proof.GONE:
            if by_order_id and case.live_by_push_us > ended_us:
                return ended_us + _retry_after_us(case)
            return ended_us if case.live_by_answer_us >= ended_us + world.replica_lag_us else None
        case Proof.ACCEPTED:
            return ended_us if case.live_by_answer_us >= ended_us + world.replica_lag_us else None
        case _:
            return None


def _retry_after_us(case: Case) -> int:
    refusals = 0
    for send in reversed(case.sends):
        if send.state is not SendState.NOT_LEFT and send.proof is not Proof.UNCHANGED_RETRY:
            break
        refusals += 1
    return min(RETRY_FIRST_US << max(0, refusals - 1), RETRY_MAX_US)


def _gap_end_us(case: Case, world: World) -> int:
    last = case.last_left
    return last.made_us + world.timings.per_order_gap_ms * 1000 if last else 0


def _road_to_avoid(case: Case) -> Road | None:
    """Name the road that just failed this case, if one did."""
    last = case.last_send
    if last is None:
        return None
    failed = last.state in {SendState.NOT_LEFT, SendState.LOST, SendState.IN_FLIGHT}
    return last.wire.road if failed or _was_refused_by_the_road(last) else None


def _was_refused_by_the_road(send: WireSend) -> bool:
    """Whether the other road may serve where this one refused."""
    return send.answer is not None and send.answer.remedy in ROAD_REMEDIES


# ---------------------------------------------------------------- asking


def wants_question(case: Case, world: World, now_us: int) -> tuple[Step | None, int | None]:
    """Say which question to put now, and otherwise when to look again (None: only an event can change it)."""
    if case.question is not None or case.account_changed or case.waits_for_identity:
        return None, None
    when = _next_question_us(case, world, now_us)
    if when is None:
        return None, None
    if when > now_us:
        return None, when
    return next_step(case, world), None


def next_step(case: Case, world: World) -> Step:
    """Name the next question of the round under way, or the first of a new one."""
    if case.provisional is not None:
        return Step.OPEN_ORDERS
    if case.round is None:
        return world.traits.ladder[0]
    steps = world.traits.ladder
    return steps[case.round.step] if case.round.step < len(steps) else Step.OPEN_ORDERS


def _next_question_us(case: Case, world: World, now_us: int) -> int | None:
    if not _needs_asking(case, world, now_us):
        return None
    if case.round is not None or case.provisional is not None:
        return case.last_told_us
    due = [at for at in _occasions_us(case, world) if at > case.last_asked_us]
    if case.last_asked_us:
        due.append(case.last_told_us + _ask_after_us(case, now_us))
    return min(due, default=None)


def _needs_asking(case: Case, world: World, now_us: int) -> bool:
    verdict = case.verdict
    if case.confirm_once:
        return True
    if verdict.is_terminal:
        unsettled = verdict.is_contradictory or not verdict.cum_qty_final or bool(case.live_refutations)
        return unsettled and case.asks < FINAL_QTY_ASKS_MAX
    return bool(case.open_tickets()) and not is_abandoned(case, world, now_us)


def abandoned_us(case: Case, world: World) -> int:
    """When asking about a case stops: so long after its newest request."""
    newest_us = max((ticket.request.received_us for ticket in case.tickets.values()), default=0)
    return newest_us + int(world.timings.abandon_after_h * 3_600_000_000)


def is_abandoned(case: Case, world: World, now_us: int) -> bool:
    """Whether a case is so old that nobody asks about it any more. Evidence still moves it."""
    return now_us >= abandoned_us(case, world)


def _occasions_us(case: Case, world: World) -> list[int]:
    """The moments that call for a question if none was put since."""
    occasions = [case.trouble_us, case.trouble_us + world.replica_lag_us] if case.trouble_us else []
    last = case.last_left
    if last is None:
        oldest_us = min((ticket.request.received_us for ticket in case.tickets.values()), default=0)
        return [*occasions, oldest_us + world.timings.push_wait_ms * 1000]
    ended_us = last.ended_us if last.ended_us is not None else last.made_us
    match last.proof:
        case None:
            occasions.append(last.made_us + world.timings.ack_wait_ms * 1000)
        case Proof.ACCEPTED | Proof.IN_PROGRESS:
            sees_pushes = world.drop_copy is DropCopyState.LIVE
            occasions.append(ended_us + (world.timings.push_wait_ms * 1000 if sees_pushes else 0))
        case _:
            occasions.append(ended_us)
    # From these on a question would conclude something that it could not before.
    occasions.append(ended_us + world.replica_lag_us)
    if case.denials:
        occasions.append(case.denials[0] + world.replica_lag_us)
    return occasions


def _ask_after_us(case: Case, now_us: int) -> int:
    everyone_told = all(ticket.told is not None for ticket in case.tickets.values())
    past_horizon = all(now_us >= ticket.horizon_us for ticket in case.tickets.values())
    if everyone_told and past_horizon and not case.verdict.is_terminal:
        return ASK_SLOW_US
    return min(ASK_FIRST_US << min(case.asks, 10), ASK_MAX_US)
