"""Wrong daemons: each is the product with one wrong belief built in, as public systems have had it.

A sweep that lets one of them live proves nothing. Every patch is of one decision of the product's, and ends with its
context.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import msgspec

from daemon.core import answers, binding, budget, joining, order_view, policy
from daemon.core.bulk import Bulk
from daemon.core.correlator import Correlator
from daemon.core.deadman import Switch
from daemon.core.ids import Ids
from daemon.core.order_view import OrderView
from daemon.core.policy import Conclusion
from daemon.core.sending import Sending
from daemon.core.world import World
from daemon.edge import sends
from daemon.edge.account import Account
from daemon.edge.bindings import LiveBindings
from daemon.simulate.disk import VirtualJournal
from daemon.simulate.sent import VirtualSent
from protocols import batching
from protocols.evidence import Absence, CancelAnswered, Proof, Source, Step
from protocols.fix import Outcome, SendId
from tests.simulate.bulk_canaries import (
    the_requests_say_well_enough_what_was_found,
    what_is_called_complete_needs_no_second_look,
    what_no_listing_shows_after_a_crash_was_not_found,
    what_rests_after_a_bulk_cancel_was_overlooked,
)
from tests.simulate.tracking_canaries import a_tracked_client_id_is_never_used_again, what_clients_track_is_not_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from daemon.core.book import Book
    from daemon.core.case import Asked, Case, Ticket
    from daemon.core.departures import Departed
    from daemon.core.dispatch import Load, Wish
    from daemon.core.order_view import Verdict
    from daemon.core.records import BulkReport, Record, RecoveredCase, RequestKey
    from daemon.edge.journal import StoredRequest
    from protocols.asks import WireCancel
    from protocols.batching import BatchAnswered, Spread
    from protocols.dialect import RateRule
    from protocols.evidence import Evidence, OrderReported, QuestionAnswered

CANCELED: Final = Conclusion(Outcome.CANCELED)


def believing(wrong: Callable[[Ticket, Case, World, int], Conclusion | None]) -> AbstractContextManager[object]:
    """Put a wrong conclusion before the right ones."""
    right = policy.conclude

    def conclude(ticket: Ticket, case: Case, world: World, now_us: int) -> Conclusion | None:
        return wrong(ticket, case, world, now_us) or right(ticket, case, world, now_us)

    return patch.object(policy, "conclude", conclude)


# ---------------------------------------------------------------- what is taken for evidence


def an_acknowledgement_is_canceled() -> AbstractContextManager[object]:
    def wrong(_: Ticket, case: Case, __: World, ___: int) -> Conclusion | None:
        return CANCELED if any(send.proof is Proof.ACCEPTED for send in case.sends) else None

    return believing(wrong)


def the_code_for_gone_is_canceled() -> AbstractContextManager[object]:
    """51400 says "filled, canceled or does not exist", and is read as the second."""

    def wrong(_: Ticket, case: Case, __: World, ___: int) -> Conclusion | None:
        return CANCELED if any(send.proof is Proof.GONE for send in case.sends) else None

    return believing(wrong)


def repeated_in_vain_is_canceled() -> AbstractContextManager[object]:
    def wrong(_: Ticket, case: Case, __: World, ___: int) -> Conclusion | None:
        return CANCELED if sum(send.may_have_left for send in case.sends) > 2 else None

    return believing(wrong)


@contextmanager
def _absence_is_canceled(step: Step, absence: Absence | None) -> Iterator[None]:
    absent: set[tuple[int, str]] = set()
    right = answers.note_absence

    def note(case: Case, answer: QuestionAnswered, asked: Asked, world: World, book: Book, now_us: int) -> None:
        if asked.question.step is step and absence in {None, answer.absence}:
            absent.add((id(world), case.case_id))
        right(case, answer, asked, world, book, now_us)

    def wrong(_: Ticket, case: Case, world: World, __: int) -> Conclusion | None:
        return CANCELED if (id(world), case.case_id) in absent else None

    with patch.object(answers, "note_absence", note), believing(wrong):
        yield


def not_found_is_canceled() -> AbstractContextManager[object]:
    return _absence_is_canceled(Step.ORDER, Absence.DENIES)


def absent_from_the_open_orders_is_canceled() -> AbstractContextManager[object]:
    return _absence_is_canceled(Step.OPEN_ORDERS, None)


@contextmanager
def a_stale_answer_is_believed() -> Iterator[None]:
    """What a replica says a moment after the event counts as if it were the venue's last word."""
    right = World.__post_init__

    def post_init(world: World) -> None:
        right(world)
        world.replica_lag_us = 0

    with patch.object(World, "__post_init__", post_init):
        yield


@contextmanager
def the_first_end_is_the_last_word() -> Iterator[None]:
    """An order that was said to have ended cannot change any more: a late fill is ignored."""
    right = OrderView.add

    def add(view: OrderView, piece: OrderReported, now_us: int, asked_us: int | None = None) -> bool:
        return not view.verdict.is_terminal and right(view, piece, now_us, asked_us)

    with patch.object(OrderView, "add", add):
        yield


@contextmanager
def fills_are_summed() -> Iterator[None]:
    """Cumulative quantities are taken for single fills."""
    right = order_view.verdict_of

    def verdict_of(evidence: Iterable[OrderReported], instrument: str = "") -> Verdict:
        pieces = list(evidence)
        verdict = right(pieces, instrument)
        pushed = [piece.cum_qty for piece in pieces if piece.source is Source.PUSH and piece.cum_qty is not None]
        return msgspec.structs.replace(verdict, cum_qty=sum(pushed, Decimal(0))) if len(pushed) > 1 else verdict

    with patch.object(order_view, "verdict_of", verdict_of):
        yield


@contextmanager
def reports_of_one_moment_are_duplicates() -> Iterator[None]:
    """Reports are told apart by the venue's time alone: of two changes in a millisecond one is dropped."""
    right = OrderView.add

    def add(view: OrderView, piece: OrderReported, now_us: int, asked_us: int | None = None) -> bool:
        known = {other.updated_ms for other in view.pieces}
        return piece.updated_ms not in known and right(view, piece, now_us, asked_us)

    with patch.object(OrderView, "add", add):
        yield


# ---------------------------------------------------------------- which order, whose answer


@contextmanager
def a_client_id_is_never_used_twice() -> Iterator[None]:
    """Whatever order a client id is seen with is the one that is meant."""

    def fit(*_: object) -> binding.Fit:
        return binding.Fit.BINDS

    def may_mean(*_: object) -> bool:
        return True

    with (
        patch.object(binding, "fit", fit),
        patch.object(answers, "fit", fit),
        patch("daemon.core.listener.fit", fit),
        patch("daemon.core.correlator.fit", fit),
        patch.object(joining, "may_mean", may_mean),
        patch("daemon.core.listener.ended_before", lambda *_: False),
    ):
        yield


@contextmanager
def an_error_without_an_id_refuses_all() -> Iterator[None]:
    """What should make sends in flight unknown is taken as a refusal of each of them."""
    right = Correlator.hear

    def hear(core: Correlator, evidence: Evidence, now_us: int) -> None:
        if isinstance(evidence, CancelAnswered) and evidence.proof is Proof.UNKNOWN:
            evidence = msgspec.structs.replace(evidence, proof=Proof.UNCHANGED_FINAL)
        right(core, evidence, now_us)

    with patch.object(Correlator, "hear", hear):
        yield


@contextmanager
def evidence_that_trips_the_code_is_dropped() -> Iterator[None]:
    """A fault is caught, as it should be, and costs what was to be learnt from one answer."""
    right = Correlator.hear

    def hear(core: Correlator, evidence: Evidence, now_us: int) -> None:
        if isinstance(evidence, CancelAnswered) and evidence.proof is Proof.UNKNOWN:
            raise ValueError("negative shift count")
        right(core, evidence, now_us)

    with patch.object(Correlator, "hear", hear):
        yield


@contextmanager
def sends_are_named_by_the_clock() -> Iterator[None]:
    """Two cancels of one millisecond have one name, and one of them gets the other's answer."""
    now = [0]
    leave = Sending._leave

    def at(sending: Sending, load: Load, now_us: int) -> None:
        now[0] = now_us
        leave(sending, load, now_us)

    def send(_: Ids) -> SendId:
        return SendId(f"c{now[0] // 1000:x}")

    with patch.object(Sending, "_leave", at), patch.object(Ids, "send", send):
        yield


MISSING: Final = "missing"


@contextmanager
def a_batch_without_an_error_canceled_all() -> Iterator[None]:
    """An order that a batch's answer does not name is taken to have been canceled with the others."""
    right = batching.spread

    def spread(wires: Sequence[WireCancel], answer: BatchAnswered) -> Spread:
        given = right(wires, answer)
        return msgspec.structs.replace(
            given,
            answers=tuple(
                msgspec.structs.replace(each, proof=Proof.ACCEPTED, code=MISSING)
                if answer.items and each.proof is Proof.UNKNOWN
                else each
                for each in given.answers
            ),
        )

    def wrong(_: Ticket, case: Case, __: World, ___: int) -> Conclusion | None:
        is_missing = any(send.answer is not None and send.answer.code == MISSING for send in case.sends)
        return CANCELED if is_missing else None

    with patch.object(sends, "spread", spread), believing(wrong):
        yield


@contextmanager
def repeats_go_by_client_id() -> Iterator[None]:
    """A cancel is repeated under the name that the client gave the order, whoever has it by now."""
    right = Sending._wire

    def wire(sending: Sending, wish: Wish, load: Load, send_id: SendId, batch: SendId) -> WireCancel:
        made = right(sending, wish, load, send_id, batch)
        alias = wish.case.alias
        if wish.case.sends and alias is not None:
            return msgspec.structs.replace(made, order_id=None, client_order_id=alias)
        return made

    with patch.object(Sending, "_wire", wire):
        yield


# ---------------------------------------------------------------- limits, crashes, promises


@contextmanager
def one_more_fits_every_window() -> Iterator[None]:
    right = budget._limit

    def limit(rule: RateRule, operation: str, cancels: AbstractSet[str]) -> int:
        return right(rule, operation, cancels) + 1

    with patch.object(budget, "_limit", limit):
        yield


@contextmanager
def the_journal_answers_before_it_commits() -> Iterator[None]:
    right = VirtualJournal.append

    def append(
        journal: VirtualJournal, records: Sequence[Record], on_commit: Callable[[bool], None] | None = None
    ) -> None:
        right(journal, records)
        if on_commit is not None:
            on_commit(True)

    with patch.object(VirtualJournal, "append", append):
        yield


@contextmanager
def a_restart_takes_up_all_but_one() -> Iterator[None]:
    right = Account.recover

    def recover(account: Account, cases: Sequence[RecoveredCase]) -> None:
        right(account, cases[1:])

    with patch.object(Account, "recover", recover):
        yield


@contextmanager
def a_restart_forgets_the_names_of_requests() -> Iterator[None]:
    async def lookup(_: VirtualJournal, __: RequestKey) -> StoredRequest | None:
        return None

    def recover(account: Account, cases: Sequence[RecoveredCase]) -> None: ...

    with patch.object(VirtualJournal, "lookup", lookup), patch.object(Account, "recover", recover):
        yield


@contextmanager
def what_left_before_a_restart_does_not_count() -> Iterator[None]:
    """A new life begins with full budgets and no gaps, while the venue counts on."""

    def take_former(_: VirtualSent, __: int) -> list[Departed]:
        return []

    with patch.object(VirtualSent, "take_former", take_former):
        yield


@contextmanager
def unanswered_at_the_deadline_was_not_sent() -> Iterator[None]:
    def never_left_in_time(ticket: Ticket, case: Case, now_us: int) -> bool:
        deadline_us = ticket.request.deadline_us
        is_unanswered = all(send.answer is None for send in case.sends_for(ticket))
        return deadline_us is not None and now_us >= deadline_us and is_unanswered

    with patch.object(policy, "_never_left_in_time", never_left_in_time):
        yield


@contextmanager
def what_was_asked_for_in_bulk_is_canceled() -> Iterator[None]:
    """The answer was written before anything was sent."""
    right = Bulk._report

    def report(bulk: Bulk) -> BulkReport:
        told = right(bulk)
        items = tuple(msgspec.structs.replace(item, outcome=Outcome.CANCELED) for item in told.items or ())
        return msgspec.structs.replace(told, items=items, counts={Outcome.CANCELED: told.total}, complete=True)

    with patch.object(Bulk, "_report", report):
        yield


@contextmanager
def a_client_that_died_is_waited_for() -> Iterator[None]:
    """Who bound its orders to its life is never taken for dead."""

    def drop(_: LiveBindings, __: object) -> None: ...

    with patch.object(LiveBindings, "drop", drop):
        yield


@contextmanager
def a_goodbye_is_a_death() -> Iterator[None]:
    def goodbye(_: LiveBindings, __: object) -> None: ...

    with patch.object(LiveBindings, "goodbye", goodbye):
        yield


@contextmanager
def a_switch_ends_with_the_daemon() -> Iterator[None]:
    """Who stops in order leaves the dead-man switch as it is."""

    async def stand_down(_: Account, __: float) -> None: ...

    with patch.object(Account, "stand_down", stand_down):
        yield


@contextmanager
def one_refresh_a_time_out_is_enough() -> Iterator[None]:
    right = Switch.__init__

    def init(switch: Switch, timeout_s: int, now_us: int) -> None:
        right(switch, timeout_s, now_us)
        switch._every_us = timeout_s * 1_010_000

    with patch.object(Switch, "__init__", init):
        yield


@dataclass(frozen=True)
class Canary:
    """A wrong belief, and the first seed that found it out, as `hunt` printed it."""

    belief: Callable[[], AbstractContextManager[object]]
    seed: int

    @property
    def name(self) -> str:
        """Its name."""
        return self.belief.__name__


CANARIES: Final = (
    Canary(an_acknowledgement_is_canceled, 0),
    Canary(the_code_for_gone_is_canceled, 0),
    Canary(repeated_in_vain_is_canceled, 0),
    Canary(not_found_is_canceled, 0),
    Canary(absent_from_the_open_orders_is_canceled, 0),
    Canary(a_stale_answer_is_believed, 3),
    Canary(the_first_end_is_the_last_word, 0),
    Canary(fills_are_summed, 0),
    Canary(reports_of_one_moment_are_duplicates, 0),
    Canary(a_client_id_is_never_used_twice, 0),
    Canary(an_error_without_an_id_refuses_all, 1),
    Canary(evidence_that_trips_the_code_is_dropped, 0),
    Canary(sends_are_named_by_the_clock, 0),
    Canary(a_batch_without_an_error_canceled_all, 8),
    Canary(repeats_go_by_client_id, 13),
    Canary(one_more_fits_every_window, 1),
    Canary(the_journal_answers_before_it_commits, 1),
    Canary(a_restart_takes_up_all_but_one, 11),
    Canary(a_restart_forgets_the_names_of_requests, 0),
    Canary(what_left_before_a_restart_does_not_count, 1),
    Canary(unanswered_at_the_deadline_was_not_sent, 0),
    Canary(what_was_asked_for_in_bulk_is_canceled, 1),
    Canary(what_no_listing_shows_after_a_crash_was_not_found, 59),
    Canary(the_requests_say_well_enough_what_was_found, 866),
    Canary(what_is_called_complete_needs_no_second_look, 13),
    Canary(what_rests_after_a_bulk_cancel_was_overlooked, 79),
    Canary(a_client_that_died_is_waited_for, 1),
    Canary(a_goodbye_is_a_death, 20),
    Canary(a_switch_ends_with_the_daemon, 7),
    Canary(one_refresh_a_time_out_is_enough, 0),
    Canary(what_clients_track_is_not_kept, 6),
    Canary(a_tracked_client_id_is_never_used_again, 42),
)
