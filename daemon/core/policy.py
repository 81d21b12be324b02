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

from daemon.core import answers, route, waiting
from daemon.core.case import Case, SendState, Ticket, WireSend, is_settled
from protocols.evidence import DropCopyState, Proof, Remedy, Step
from protocols.fix import OrdStatus, Outcome, Priority, Road

if TYPE_CHECKING:
    from daemon.core.world import World

SENDS_MAX: Final = 40
"""Wire cancels per request: as many as back-off lets leave in five minutes, the usual age past which none is."""
FRUITLESS_MAX: Final = 3
"""Cancels in a row that a venue may answer "gone" before further ones for that order wait."""
LOOP_GAP_FIRST_US: Final = 1_000_000
LOOP_GAP_MAX_US: Final = 30_000_000
"""Half of a usual horizon: what waits for it can still be proven in time."""
RETRY_FIRST_US: Final = 100_000
"""Back-off before repeating a cancel that the venue refused without touching the order; doubles each time.

A venue that refuses, or answers that it does not know, for a minute must not have used up a request's sends when it
is itself again: the order would rest, and nobody would cancel it.
"""
RETRY_MAX_US: Final = 10_000_000
ASK_FIRST_US: Final = 200_000
"""Back-off between questions while somebody waits; doubles up to `ASK_MAX_US`."""
ASK_MAX_US: Final = 5_000_000
ASK_SLOW_US: Final = 60_000_000
"""Between questions once everybody has been told that we are in doubt."""
ANSWER_WAIT_US: Final = 60_000_000
"""How long the answer to a question is waited for; a listing of many pages takes seconds, nothing takes this long."""
CONFIRM_ASKS_MAX: Final = 32
"""Tries at the one question about an outcome of an earlier life: half an hour of them, if none is answered."""
FINAL_QTY_ASKS_MAX: Final = 8
"""Rounds of questions for final numbers after the end of an order: then the last ones stand, called not final."""
UNCHANGED: Final = frozenset({Proof.UNCHANGED_RETRY, Proof.UNCHANGED_FINAL})
_IN_VAIN: Final = frozenset({Proof.UNCHANGED_RETRY, Proof.UNKNOWN})
ROAD_REMEDIES: Final = frozenset({Remedy.OTHER_ROAD, Remedy.LEAVE_ROAD, Remedy.REFRESH_REFERENCE})
"""What a refusal asks for when it was the road that refused, and not the venue's books."""


class Conclusion(msgspec.Struct, frozen=True, gc=False):
    """An outcome for one request; ``reason`` says why we do not know, where we do not."""

    outcome: Outcome
    reason: str | None = None


class SendPlan(msgspec.Struct, frozen=True, gc=False):
    """A wire cancel to make: on which road, and for whose parameters; on which one if it leaves with others, if any."""

    road: Road
    ticket_index: int
    batch_road: Road | None = None


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
    if _is_unknown_order(ticket, case, world):
        return Conclusion(Outcome.UNKNOWN_ORDER)
    if _is_withdrawn(ticket, case):
        return Conclusion(Outcome.IN_DOUBT, "evidence_withdrawn")
    if now_us >= ticket.horizon_us:
        return Conclusion(Outcome.IN_DOUBT, _why_in_doubt(ticket, case))
    return None


def supersedes(ticket: Ticket, case: Case, found: Conclusion) -> bool:
    """Whether a conclusion says something that a request's last outcome did not."""
    if ticket.told is None:
        return True
    was = ticket.told.outcome
    if was is Outcome.NOT_SENT:
        return False
    if found.outcome is Outcome.IN_DOUBT:
        # An outcome is not taken back because time passes, only because what it rests on is no more.
        return _is_withdrawn(ticket, case)
    return found.outcome is not was


def _is_withdrawn(ticket: Ticket, case: Case) -> bool:
    """Whether what a request was told has lost its ground: it has to be taken back at once, and worked on again."""
    was = ticket.told.outcome if ticket.told is not None else None
    if was is Outcome.UNKNOWN_ORDER:
        return case.was_seen
    return was in {Outcome.CANCELED, Outcome.FILLED} and (ticket.rests_elsewhere or case.view.was_struck)


def _never_left_in_time(ticket: Ticket, case: Case, now_us: int) -> bool:
    if ticket.is_recovered or ticket.request.deadline_us is None or now_us < ticket.request.deadline_us:
        return False
    return not ticket.has_left_elsewhere and not any(send.may_have_left for send in case.sends_for(ticket))


def _is_rejected(ticket: Ticket, case: Case, world: World, now_us: int) -> bool:
    if ticket.first_send is None or not case.live_by_answer_us:
        return False
    left = [send for send in case.sends if send.may_have_left]
    if not left or any(send.proof not in UNCHANGED for send in left):
        return False
    if left[-1].proof is Proof.UNCHANGED_RETRY and _may_repeat(ticket, case, world, now_us):
        return False
    last_word_us = max(case.last_answer_us(), case.view.last_push_us)
    return case.live_by_answer_us >= last_word_us + world.replica_lag_us


def _is_unknown_order(ticket: Ticket, case: Case, world: World) -> bool:
    if case.was_seen or case.denied_past_memory or not case.denials:
        return False
    first_us = next((send.made_us for send in case.sends_for(ticket) if send.may_have_left), None)
    if first_us is None:
        return False
    rounds = [at for at in case.denials if at >= first_us]
    if len(rounds) < 2 or rounds[-1] < max(rounds[0], case.last_answer_us()) + world.replica_lag_us:
        return False
    return case.closing_listing_us >= rounds[-1]


def _why_in_doubt(ticket: Ticket, case: Case) -> str:
    elsewhere = any(piece.instrument not in {"", case.instrument} for piece in case.view.pieces)
    if elsewhere and case.verdict.ord_status is None:
        return "other_instrument"
    if case.denials and (case.was_seen or case.denied_past_memory):
        return "retention_passed"
    if not ticket.is_recovered and not any(send.may_have_left for send in case.sends_for(ticket)):
        return "no_road"
    return "horizon_passed"


# ---------------------------------------------------------------- sending


def wants_send(case: Case, world: World, now_us: int) -> tuple[SendPlan | None, int | None]:
    """Say which wire cancel to make now, and otherwise when to look again (None: only an event can change it)."""
    if case.account_changed or case.provisional is not None or case.verdict.is_terminal:
        return None, None
    wishes = [
        (at_us, index)
        for index, ticket in enumerate(case.tickets.values())
        if _may_send_for(ticket, case, world, now_us) and (at_us := _send_us(ticket, case, world)) is not None
    ]
    if not wishes:
        return None, None
    at_us, index = min(wishes)
    when = max(at_us, _gap_end_us(case, world))
    if when > now_us:
        return None, when
    return plan_by(world, index, _road_to_avoid(case, world, now_us)), None


def plan_by(world: World, ticket_index: int, avoid: Road | None) -> SendPlan | None:
    """Say by which roads a cancel would leave now; None while no road is open."""
    road = route.choose(world.traits.roads, world.open_roads, avoid)
    if road is None:
        return None
    batch = world.traits.batch
    together = route.choose_together(batch.roads, world.open_roads, avoid) if batch is not None else None
    return SendPlan(road, ticket_index, together)


def is_urgent(case: Case, world: World, now_us: int) -> bool:
    """Whether some request for which a cancel may be sent is urgent."""
    tickets = case.tickets.values()
    return any(t.request.priority is Priority.URGENT and _may_send_for(t, case, world, now_us) for t in tickets)


def _may_send_for(ticket: Ticket, case: Case, world: World, now_us: int) -> bool:
    """Whether anything may still be sent for a request: not settled, not past its deadline, not too old to repeat."""
    if is_settled(ticket) or (ticket.is_recovered and (case.must_ask_first or case.waits_for_identity)):
        return False
    if ticket.only_by_order_id and case.order_id is None:
        return False
    if ticket.request.deadline_us is not None and now_us >= ticket.request.deadline_us:
        return False
    # Of a recovered request a frame may have left in the instant before the journal could say so.
    may_have_left = ticket.is_recovered or any(send.may_have_left for send in case.sends_for(ticket))
    return not may_have_left or _may_repeat(ticket, case, world, now_us)


def _may_repeat(ticket: Ticket, case: Case, world: World, now_us: int) -> bool:
    """Whether a retry is left for a request: by its deadline, by its age, by the number of those made."""
    if ticket.request.deadline_us is not None and now_us >= ticket.request.deadline_us:
        return False
    if now_us >= max(ticket.request.received_us, ticket.renewed_us) + world.resend_max_age_us:
        return False
    return sum(send.may_have_left for send in case.sends_for(ticket)) < SENDS_MAX


def _send_us(ticket: Ticket, case: Case, world: World) -> int | None:
    """When a cancel may be sent for a request: 0 for its first one, None while nothing calls for one."""
    mine = case.sends_for(ticket)
    if not mine:
        return 0
    in_progress = [send for send in case.sends if send.proof is Proof.IN_PROGRESS]
    if any(send in mine or not case.has_outlived(send, world.replica_lag_us) for send in in_progress):
        return None
    alike = [send for send in mine if send.wire.venue_params == ticket.request.venue_params]
    last = (alike or mine)[-1]
    ended_us = last.ended_us if last.ended_us is not None else last.made_us
    has_other_road = route.has_other(world.traits.roads, world.open_roads, last.wire.road)
    failures = _failures_in_a_row(mine)
    match last.state:
        case SendState.NOT_LEFT:
            return 0 if has_other_road and failures == 1 else ended_us + _retry_after_us(failures)
        case SendState.IN_FLIGHT | SendState.LOST:
            if last.state is SendState.IN_FLIGHT:
                ended_us = last.made_us + world.ack_wait_us
            needs_no_sign_of_life = case.order_id is not None and has_other_road
            is_called_for = needs_no_sign_of_life or case.live_by_answer_us >= ended_us
            return ended_us + _resend_after_us(mine) if is_called_for else None
        case SendState.ANSWERED:
            is_roads_fault = has_other_road and was_refused_by_the_road(last) and failures == 1
            return _send_after_answer_us(case, world, last.proof, ended_us, 0 if is_roads_fault else failures)


def _send_after_answer_us(case: Case, world: World, proof: Proof | None, ended_us: int, failures: int) -> int | None:
    by_order_id = case.order_id is not None
    match proof:
        case Proof.UNCHANGED_RETRY:
            if not by_order_id and case.live_by_answer_us < ended_us:
                return None
            return ended_us + _retry_after_us(failures)
        case Proof.UNKNOWN:
            return ended_us + _retry_after_us(failures - 1) if case.live_by_answer_us >= ended_us else None
        case Proof.GONE:
            if by_order_id and case.live_by_push_us > ended_us:
                return ended_us + _retry_after_us(failures + 1)
            return ended_us if case.live_by_answer_us >= ended_us + world.replica_lag_us else None
        case Proof.ACCEPTED:
            return ended_us if case.live_by_answer_us >= ended_us + world.replica_lag_us else None
        case _:
            return None


def _failures_in_a_row(sends: list[WireSend]) -> int:
    """How many of the newest sends did nothing: not left, or answered as the last one was, refused or unknown.

    A venue that is not itself says now that it is busy and now that it does not know: neither ends a row of the other.
    """
    last = sends[-1]
    alike = Proof.UNKNOWN if last.proof is Proof.UNKNOWN else Proof.UNCHANGED_RETRY
    passed_over = _IN_VAIN if last.state is SendState.ANSWERED else frozenset({alike})
    failures = 0
    for send in reversed(sends):
        is_failure = send.state is SendState.NOT_LEFT or send.proof is alike
        if not is_failure and send.proof not in passed_over:
            break
        failures += is_failure
    return failures


def _resend_after_us(sends: list[WireSend]) -> int:
    """Back-off after sends that nobody answered: none before the second, which takes the other road.

    A venue that answers nobody for a while must not have used up a request's sends when it is back.
    """
    unanswered = 0
    for send in reversed(sends):
        if send.state not in {SendState.IN_FLIGHT, SendState.LOST}:
            break
        unanswered += 1
    return _retry_after_us(unanswered) if unanswered > 1 else 0


def _retry_after_us(failures: int) -> int:
    return min(RETRY_FIRST_US << min(failures - 1, 10), RETRY_MAX_US) if failures > 0 else 0


def _gap_end_us(case: Case, world: World) -> int:
    own_us = case.last_left.made_us if case.last_left is not None else 0
    own_end_us = own_us + world.gap_us if own_us else 0
    return max(world.gap_end_us(case), own_end_us, _loop_end_us(case, own_us))


def _loop_end_us(case: Case, own_us: int) -> int:
    last_us = max(own_us, case.fruitless_us)
    return last_us + loop_gap_us(case) if last_us else 0


def loop_gap_us(case: Case) -> int:
    """How long an order that is gone is left alone: whoever asks for it in a loop costs the venue next to nothing.

    It is not forgotten: a cancel that was wanted meanwhile leaves at the end of the gap, and any sign of life ends it.
    """
    beyond = case.fruitless - FRUITLESS_MAX
    return min(LOOP_GAP_FIRST_US << min(beyond, 10), LOOP_GAP_MAX_US) if beyond >= 0 else 0


def _road_to_avoid(case: Case, world: World, now_us: int) -> Road | None:
    """Name the road that just failed this case, if one did."""
    last = case.last_send
    if last is None:
        return None
    is_overdue = last.state is SendState.IN_FLIGHT and now_us >= last.made_us + world.ack_wait_us
    failed = is_overdue or last.state in {SendState.NOT_LEFT, SendState.LOST}
    return last.wire.road if failed or was_refused_by_the_road(last) else None


def was_refused_by_the_road(send: WireSend) -> bool:
    """Whether the other road may serve where this one refused."""
    return send.answer is not None and send.answer.remedy in ROAD_REMEDIES


# ---------------------------------------------------------------- asking


def wants_question(case: Case, world: World, now_us: int) -> tuple[Step | None, int | None]:
    """Say which question to put now, and otherwise when to look again (None: only an event can change it)."""
    if case.question is not None:
        return None, case.question.at_us + ANSWER_WAIT_US
    when = _next_question_us(case, world, now_us)
    if when is None:
        return None, None
    if when > now_us:
        return None, when
    return next_step(case, world, now_us), None


def next_step(case: Case, world: World, now_us: int) -> Step:
    """Name the next question of the round under way, or the first of a new one."""
    if case.provisional is not None:
        return Step.ORDER if case.asks_for_latest else world.traits.alias_listing
    begin = 0 if case.round is None else case.round.step
    steps = [step for step in world.traits.ladder if not _denies_again(step, case, world, now_us)]
    following = [step for step in steps if world.traits.ladder.index(step) >= begin]
    if world.spared and following:
        return _sparing_step(case, world, steps, following, now_us)
    return following[0] if following else Step.OPEN_ORDERS


def _sparing_step(case: Case, world: World, steps: list[Step], following: list[Step], now_us: int) -> Step:
    """Name the question to put where the venue bears few more errors: one that is not spared, else what may go first.

    It has to be worth its turn, even if it has to wait: fills show no state, and an order that has ended is not among
    the open ones. What the round has passed over is put all the same, if all that follows has to wait longer.
    """
    has_ended = case.verdict.is_terminal and not case.verdict.is_contradictory and not case.live_refutations
    worth = {Step.ORDER, Step.HISTORY} if has_ended else {Step.ORDER, Step.OPEN_ORDERS, Step.HISTORY}

    def free_us(step: Step) -> int:
        return world.spared.get(world.traits.question_operations[step], 0)

    best = min([step for step in following if step in worth] or following, key=free_us)
    if free_us(best) <= now_us:
        return best
    return min([best, *(step for step in steps if step in worth)], key=free_us)


def _denies_again(step: Step, case: Case, world: World, now_us: int) -> bool:
    """Whether the venue denied the order just now, and would again with an error that would conclude nothing yet."""
    is_denied_just_now = bool(case.denials) and now_us < case.denials[0] + world.replica_lag_us
    return step is Step.ORDER and is_denied_just_now and world.costs_errors(world.traits.question_operations[step])


def needs_asking(case: Case, world: World, now_us: int) -> bool:
    """Whether something about a case is still to be learnt from the venue."""
    if case.account_changed:
        return False
    if case.waits_for_identity and all(ticket.is_recovered for ticket in case.tickets.values()):
        return False
    if case.confirm_once:
        return case.asks < CONFIRM_ASKS_MAX
    if is_abandoned(case, world, now_us):
        return False
    verdict = case.verdict
    if not verdict.is_terminal:
        return bool(case.open_tickets())
    is_settled_by_then = case.last_asked_us >= case.trouble_us + world.replica_lag_us
    if case.asks_since_end >= FINAL_QTY_ASKS_MAX and is_settled_by_then:
        return False
    return verdict.is_contradictory or not verdict.cum_qty_final or bool(case.live_refutations)


def _next_question_us(case: Case, world: World, now_us: int) -> int | None:
    if not needs_asking(case, world, now_us):
        return None
    after_us = case.last_told_us + (_ask_after_us(case, now_us) if case.has_failed else 0)
    if case.provisional is not None:
        counts_us = answers.absence_counts_us(case, world)
        if case.last_asked_us < counts_us < after_us:
            after_us = counts_us  # what was asked before could not yet conclude: no back-off puts that off
        return max(after_us, _own_answer_us(case, world))
    if case.round is not None:
        return after_us
    due = [at for at in _occasions_us(case, world) if at > case.last_asked_us]
    if case.last_asked_us:
        due.append(case.last_told_us + _ask_after_us(case, now_us))
    return max(min(due), waiting.needs_no_question_until_us(case, world)) if due else None


def _own_answer_us(case: Case, world: World) -> int:
    """Until when the answer to our own frame may come, which binds a client id without a listing; 0 if none is due."""
    last = case.last_left
    if last is None or last.state is not SendState.IN_FLIGHT:
        return 0
    return last.made_us + world.ack_wait_us


def abandoned_us(case: Case, world: World) -> int:
    """When asking about a case stops: so long after its newest request, or since the age of one counts anew."""
    newest_us = 0
    for ticket in case.tickets.values():
        newest_us = max(newest_us, ticket.request.received_us, ticket.renewed_us)
    return newest_us + world.abandon_after_us


def is_abandoned(case: Case, world: World, now_us: int) -> bool:
    """Whether a case is so old that nobody asks about it any more. Evidence still moves it."""
    return now_us >= abandoned_us(case, world)


def _occasions_us(case: Case, world: World) -> list[int]:
    """The moments that call for a question if none was put since."""
    lag_us = world.replica_lag_us
    occasions = [case.trouble_us, case.trouble_us + lag_us] if case.trouble_us else []
    left = [send for send in case.sends if send.may_have_left]
    if not left:
        oldest_us = min((ticket.request.received_us for ticket in case.tickets.values()), default=0)
        return [*occasions, oldest_us + world.push_wait_us]
    occasions += [_when_to_ask_us(send, world) for send in left]
    # From these on a question would conclude something that it could not before.
    occasions.append(max(case.last_answer_us(), case.view.last_push_us) + lag_us)
    if case.denials:
        occasions.append(case.denials[0] + lag_us)
    return occasions


def _when_to_ask_us(send: WireSend, world: World) -> int:
    """When what became of a wire cancel, or that nothing is heard of it, calls for a question."""
    if send.proof is None:
        return send.made_us + world.ack_wait_us
    ended_us = send.ended_us if send.ended_us is not None else send.made_us
    is_silent = send.proof in {Proof.ACCEPTED, Proof.IN_PROGRESS} and world.drop_copy is DropCopyState.LIVE
    return ended_us + (world.push_wait_us if is_silent else 0)


def _ask_after_us(case: Case, now_us: int) -> int:
    backed_off_us = ASK_FIRST_US << min(case.asks, 10)
    if any(ticket.told is None for ticket in case.tickets.values()):
        return min(backed_off_us, ASK_MAX_US)
    if any(now_us < ticket.horizon_us for ticket in case.open_tickets()):
        return min(backed_off_us, ASK_MAX_US)
    return ASK_SLOW_US if case.open_tickets() else min(backed_off_us, ASK_SLOW_US)
