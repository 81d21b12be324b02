"""What an answered question does to a case: evidence, the next rung of the ladder, or one more "not found".

A round starts with the order's own question and walks down the ladder until something shows the order. A round that
ends without it counts as a denial only if the venue looked in the right place (`Absence.DENIES` on the order's own
question), within the time for which it remembers orders, and if a complete listing of the open orders lacks it too.
Where a venue forgets client ids, it has looked in the right place only for what was placed lately; and that an order
was, is known only if its client said when it placed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.binding import Fit, fit, may_have_ended_since, may_mean_younger
from daemon.core.case import Round
from daemon.core.order_view import is_possible
from protocols.evidence import Absence, OrderReported, Proof, QuestionAnswered, Step

if TYPE_CHECKING:
    from daemon.core.book import Book
    from daemon.core.case import Asked, Case
    from daemon.core.world import World


def rows_about(case: Case, answer: QuestionAnswered) -> list[OrderReported]:
    """Pick the rows of an answer that name the case's order, by either id."""
    if case.order_id is not None:
        return [row for row in answer.reports if row.product == case.product and row.order_id == case.order_id]
    return [
        row for row in answer.reports if row.product == case.product and row.client_order_id == case.client_order_id
    ]


def note_question(case: Case, asked: Asked, ladder: tuple[Step, ...]) -> None:
    """Note that a question left; steps of the ladder before it were spared."""
    case.question = asked
    if case.round is None and case.provisional is None:
        case.round = Round(asked.at_us)
    if case.round is not None and asked.question.step in ladder:
        case.round.step = max(case.round.step, ladder.index(asked.question.step))
    if asked.question.step is Step.ORDER:
        case.asks_for_latest = False
    case.last_asked_us = asked.at_us


def note_failure(case: Case, now_us: int) -> None:
    """Note that a question was not answered: the round starts again after the back-off."""
    case.question = None
    case.round = None
    case.asks += 1
    case.last_told_us = now_us
    case.has_failed = True


def note_found(case: Case, rows: list[OrderReported], asked: Asked, now_us: int) -> None:
    """Note that an answer showed the order: the round is over, and what it shows is fresh as of the question."""
    _end_round(case, now_us)
    if any(shows_life(row, case) for row in rows):
        case.live_by_answer_us = max(case.live_by_answer_us, asked.at_us)
    case.denials.clear()


def note_absence(case: Case, answer: QuestionAnswered, asked: Asked, world: World, book: Book, now_us: int) -> None:
    """Note that an answer did not show the order: go down the ladder, or end the round."""
    case.question = None
    case.last_told_us = now_us
    case.has_failed = False
    walk = case.round
    if walk is None:
        return
    if _is_denial(case, answer, asked, world, book):
        walk.is_denied = True
    if asked.question.step is Step.OPEN_ORDERS and answer.complete and not _is_elsewhere(case, answer):
        walk.listing_lacks_it = True
        case.closing_listing_us = asked.at_us
    walk.step += 1
    if walk.step < len(world.traits.ladder) or (walk.is_denied and not _ends_with_listing(asked)):
        return
    if walk.is_denied and walk.listing_lacks_it:
        _deny(case, walk, world, now_us)
    _end_round(case, now_us)


def _is_denial(case: Case, answer: QuestionAnswered, asked: Asked, world: World, book: Book) -> bool:
    """Whether the venue looked where the order would be and has it not."""
    if answer.absence is Absence.DENIES_RECENT:
        alias = case.client_order_id
        was_heard_of = alias is None or bool(book.orders_of(case.product, alias))
        return not was_heard_of and _was_placed_lately(case, asked.at_us, world)
    return answer.absence is Absence.DENIES and asked.question.step is Step.ORDER


def _was_placed_lately(case: Case, asked_us: int, world: World) -> bool:
    """Whether every request means an order of which its client said that it was placed within the venue's window.

    Not after a restart: our clock may have been set since. Nor where ours is far from the venue's: the host's, by which
    the client dates, was set since we began, or it is not known how old by the venue's the order is.
    """
    placed_us, window_us = case.placed_us, world.traits.alias_window_ms * 1000
    if placed_us is None or asked_us > placed_us + window_us:
        return False
    if not world.is_clock_measured or abs(world.clock_offset_us) + world.clock_uncertainty_us > window_us // 2:
        return False
    return all(placed_us <= ticket.request.received_us and not ticket.is_recovered for ticket in case.tickets.values())


def shows_life(row: OrderReported, case: Case) -> bool:
    """Whether a report says, and can say, that the case's order is live."""
    return row.is_state and not row.status.is_terminal and is_possible(row, case.instrument)


def can_confirm_provisional(case: Case, answer: QuestionAnswered, asked: Asked) -> bool:
    """Whether an answer is the listing that a provisional report waits for: one that was asked for after it came."""
    is_listing = answer.step in {Step.OPEN_ORDERS, Step.PRODUCT_ORDERS}
    return case.provisional is not None and is_listing and asked.at_us >= case.provisional_us


def confirms_provisional(case: Case, answer: QuestionAnswered, asked_us: int, world: World, book: Book) -> bool | None:
    """Judge a listing that was asked to confirm a provisional report by client id.

    True: no live order has that client id, except one that is newer than the request. False: one has, which is the
    order that was meant. None: the listing was not complete, or shows one of unknown age, and says nothing; or it lacks
    one that may be younger than the state which it shows; or only a clock that was set tells which of two was meant.
    """
    live = [row for row in rows_about(case, answer) if not row.status.is_terminal]
    if any(fit(row, case, world, book) is Fit.BINDS for row in live):
        return False
    if case.provisional is not None and may_mean_younger(case.provisional, live, case, world, book):
        return None
    is_old = asked_us < absence_counts_us(case, world)
    return True if answer.complete and not is_old and all(row.created_ms is not None for row in live) else None


def absence_counts_us(case: Case, world: World) -> int:
    """From when a listing that lacks a client id says that no order which is meant by it is live.

    At once, where the venue found none for our own frame; else when all that rested at the time of the requests shows.
    Before that too, where it is only the clocks that do not tell whether the order ended before our cancel left, and
    pushes have told for so long of every order that a listing may be too old to show.
    """
    if any(send.wire.order_id is None and send.proof is Proof.GONE for send in case.sends):
        return 0
    shown_us = _shows_all_us(case, world)
    held, heard_us = case.provisional, world.heard_since_us
    if held is not None and heard_us is not None and may_have_ended_since(held, case, world):
        return min(shown_us, heard_us + world.replica_lag_us)
    return shown_us


def is_presumed(case: Case, asked_us: int, world: World) -> bool:
    """Whether a listing that confirms a provisional report may be too old to show all that rested by then."""
    return asked_us < _shows_all_us(case, world)


def _shows_all_us(case: Case, world: World) -> int:
    """From when a listing shows all that rested at the time of a case's requests."""
    newest_us = max((ticket.request.received_us for ticket in case.tickets.values()), default=0)
    return max(newest_us, case.view.last_push_us) + world.replica_lag_us


def _is_elsewhere(case: Case, answer: QuestionAnswered) -> bool:
    """Whether a listing shows an order of the same id in another product line: then the request named the wrong one."""
    if case.order_id is not None:
        return any(row.order_id == case.order_id for row in answer.reports)
    return any(row.client_order_id == case.client_order_id for row in answer.reports)


def _ends_with_listing(asked: Asked) -> bool:
    return asked.question.step is Step.OPEN_ORDERS


def _deny(case: Case, walk: Round, world: World, now_us: int) -> None:
    first_us = case.first_send_us()
    oldest_us = min((ticket.request.received_us for ticket in case.tickets.values()), default=now_us)
    memory_ms = world.traits.order_memory_ms if case.order_id is not None else world.traits.alias_memory_ms
    if now_us - (first_us or oldest_us) > memory_ms * 1000:
        case.denied_past_memory = True
    case.denials.append(walk.started_us)


def _end_round(case: Case, now_us: int) -> None:
    case.question = None
    case.round = None
    case.asks += 1
    case.asks_since_end += case.verdict.is_terminal
    case.last_told_us = now_us
    case.has_failed = False
    # By order id no more than "it is not known" could be learnt, and a cancel by it hits no other order.
    case.must_ask_first = case.must_ask_first and case.order_id is None
