"""Joins what clients want with what the venue says: one account's cases, and everything that moves them.

Theory of operation. There are three inputs: a caller (`submit`), evidence (`hear`) and the timer (`tick`); and one
output, a list of effects. Nothing here awaits, reads a clock or logs. An input changes facts (in a `Case`, the `Book`,
the `World`), and then `Bench.work` looks at each case that the facts may concern and does what follows from them.

A push, a row of an answer, an acceptance and a refusal all meet here, so that whatever names an order reaches every
request that waits for it, by whichever of the order's names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core import answers, names
from daemon.core.bench import Bench
from daemon.core.binding import Fit, fit
from daemon.core.book import Book
from daemon.core.case import Asked, Case, SendState, Ticket, WireSend
from daemon.core.casefile import CaseFile, has_work_left
from daemon.core.effects import Alarm, Effect, Progress, Write
from daemon.core.intake import Intake
from daemon.core.listener import Listener
from daemon.core.listings import Listings
from daemon.core.records import (
    PRESUMED,
    AskFailed,
    CancelRequest,
    RequestOpened,
    SendAnswered,
    SendForwarded,
    SendLost,
    Told,
)
from protocols.errors import BadRequest
from protocols.evidence import (
    AccountIdentified,
    AccountRefused,
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    ClockMeasured,
    DropCopyChanged,
    DropCopyState,
    Evidence,
    OrderReported,
    Proof,
    QuestionAnswered,
    QuestionFailed,
    Remedy,
    RoadChanged,
    Step,
)
from protocols.fix import ClientOrderId, OrderId, RequestState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.core.buckets import Buckets
    from daemon.core.departures import Departures
    from daemon.core.ids import Ids
    from daemon.core.records import Dealing, RequestKey
    from daemon.core.world import World
    from protocols.mass import Everything

OPEN_MAX: Final = 20_000
"""Cases under way per account; five times what any venue here lets rest. Past it a request is refused at the door."""
_ACCEPTING: Final = frozenset({Proof.ACCEPTED, Proof.IN_PROGRESS})
_REFUSING: Final = frozenset({Proof.GONE, Proof.UNCHANGED_RETRY, Proof.UNCHANGED_FINAL})


class Submitted(msgspec.Struct, frozen=True):
    """What became of a call: the effects to carry out, and the ticket if this request was already known by its name."""

    effects: list[Effect]
    held: Ticket | None = None


class SubmittedMany(msgspec.Struct, frozen=True):
    """What became of several calls: the effects of all, and for each in its place what `Submitted.held` says, or why
    there is no such request.
    """

    effects: list[Effect]
    held: list[Ticket | BadRequest | None]


class Correlator:
    """One account. All times are microseconds since the epoch on the daemon's one clock.

    ``address`` holds what is limited per address, for all accounts of the venue on this host. What leaves is noted in
    ``departures``, and what earlier lives noted there counts against the venue's limits.
    """

    def __init__(
        self,
        world: World,
        ids: Ids,
        *,
        open_max: int = OPEN_MAX,
        book: Book | None = None,
        address: Buckets | None = None,
        departures: Departures | None = None,
    ) -> None:
        self.world = world
        self.book = book if book is not None else Book()  # an empty one counts as false
        self.book.follow(world.heard_since_us)
        world.gaps.orders_of = self.book.orders_of
        self.cases = CaseFile()
        self._open_max = open_max
        if departures is not None:
            world.gaps.remember(f"gaps of {world.account}", departures)
        self._bench = Bench(world, self.cases, ids, address, departures)
        self._listener = Listener(world, self.cases, self.book, self._bench, ids)
        self._intake = Intake(world, self.cases, self.book, self._bench, self._listener, ids)
        self._listings = Listings(self.book, self._bench, self._listener, self._confirm_by_listing)
        self.catch_up = self._bench.catch_up
        """Do what follows from what was heard, as far as it waited."""
        self.take_effects = self._bench.take_effects
        """Hand over what is to be done."""

    # ------------------------------------------------------------ inputs

    def submit(self, request: CancelRequest, now_us: int) -> Submitted:
        """Take up a cancel request.

        Raises `BadRequest` (``request_id_conflict``, ``too_many_in_flight``): then no request exists. A request that is
        already known by its name is not taken up again: its ticket comes back instead.
        """
        held = self._take_up(request, now_us)
        return Submitted(self._bench.take_effects(), held)

    def submit_many(
        self,
        requests: Sequence[CancelRequest],
        now_us: int,
        *,
        has_more: bool = False,
        everything: Everything | None = None,
    ) -> SubmittedMany:
        """Take up several cancel requests, which leave together as far as the venue and its limits allow.

        What `submit` raises for one of them is given in its place, and costs no other. A few hundred at a time, since
        others wait until all are taken up; with ``has_more`` only full batches leave at once. ``everything`` says that
        they, with those before and those to come, are all that is meant of a scope of which all is meant: then the
        venue's call for that may be made for them, if it is sooner.
        """
        with self._bench.gathering(now_us, has_more=has_more, everything=everything):
            held = [self._try_up(request, now_us) for request in requests]
        return SubmittedMany(self._bench.take_effects(), held)

    def _try_up(self, request: CancelRequest, now_us: int) -> Ticket | BadRequest | None:
        try:
            return self._take_up(request, now_us)
        except BadRequest as refusal:
            return refusal

    def _take_up(self, request: CancelRequest, now_us: int) -> Ticket | None:
        held_by = self.cases.of_request(request.key)
        if held_by is not None:
            held = held_by.tickets[request.key]
            names.require_same(request, held, held_by, now_us)
            return held
        if self.cases.open_count() >= self._open_max:
            raise BadRequest(
                "too_many_in_flight", f"{self._open_max} orders are being canceled on this account already"
            )
        before = len(self._bench.out)
        case, is_sure = self._intake.case_for(request, now_us)
        ticket = Ticket(request, now_us + self.world.horizon_us, is_sure=is_sure)
        self.cases.take_ticket(case, ticket, self.world.replica_lag_us)
        self._bench.out.insert(before, Write(RequestOpened(now_us, case.case_id, request)))
        self._bench.begin(case, now_us)
        return None

    def hear(self, evidence: Evidence, now_us: int) -> None:
        """Take in what the venue, or the road to it, said; `catch_up` and `take_effects` after the last of what came
        together.

        What follows from an answer to a cancel waits until then: the push that came with it may say all.
        """
        match evidence:
            case OrderReported():
                self._listener.reported(evidence, now_us)
            case CancelAnswered():
                self._answered(evidence, now_us)
            case CancelForwarded():
                self._forwarded(evidence, now_us)
            case CancelLost():
                self._lost(evidence, now_us)
            case QuestionAnswered():
                self._told(evidence, now_us)
            case QuestionFailed():
                self._not_told(evidence, now_us)
            case RoadChanged():
                self._road_changed(evidence, now_us)
            case DropCopyChanged():
                self._drop_copy_changed(evidence, now_us)
            case ClockMeasured():
                self.world.clock_offset_us = evidence.offset_us
                self.world.clock_uncertainty_us = evidence.uncertainty_us
                self.world.is_clock_measured = True
            case AccountIdentified() | AccountRefused():
                pass  # The driver's: they concern the account, not an order.

    def list_orders(self, now_us: int) -> list[Effect]:
        """Ask for all open orders of the account; `Listed` says what came of it, of failures too. One that fails is
        asked again by itself.
        """
        self._bench.want_listing(now_us)
        return self._bench.take_effects()

    def tick(self, now_us: int, *, reads_on: bool = True) -> list[Effect]:
        """Let time pass; unless it ``reads_on`` no more of a listing is taken in."""
        self._bench.tick(now_us)
        if reads_on and self._listings.unread:
            self._listings.read_on(now_us)
        return self._bench.take_effects()

    def next_tick_us(self) -> int | None:
        """When `tick` is wanted next; 0: at once."""
        return 0 if self._listings.unread else self._bench.next_us()

    def is_due(self, now_us: int) -> bool:
        """Whether `tick` is wanted by now for more than a listing that is being taken in."""
        due_us = self._bench.next_us()
        return due_us is not None and due_us <= now_us

    def budget_wait_us(self, now_us: int) -> int:
        """How long cancels have to wait for budget now, at the worst: 0 when none waits."""
        return self._bench.budget_wait_us(now_us)

    @property
    def cancels_waiting(self) -> int:
        """How many cancels wait for budget now."""
        return self._bench.cancels_waiting

    @property
    def cancels_delayed(self) -> int:
        """How many ever did, in this life."""
        return self._bench.cancels_delayed

    def track(
        self,
        product: str,
        client_order_id: ClientOrderId,
        order_id: OrderId | None,
        placed_us: int,
        *,
        is_said: bool = False,
    ) -> None:
        """Remember that a client placed an order under a client id; see `Intake.track`."""
        self._intake.track(product, client_order_id, order_id, placed_us, is_said=is_said)

    def account_changed(self, now_us: int) -> list[Effect]:
        """The key now belongs to another user: nothing about the old orders can be learnt or done through it."""
        self.world.account_changed = True
        for case in self.cases:
            if has_work_left(case):
                case.account_changed = True
                self._bench.work(case, now_us)
        return self._bench.take_effects()

    def recall(self, dealings: Sequence[Dealing], now_us: int) -> None:
        """Count the errors that earlier lives were answered, given all of it by rising time. Before `restore`."""
        self._bench.recall(dealings, now_us)

    def restore(self, case: Case, now_us: int, *, waits_for_identity: bool = False) -> list[Effect]:
        """Take up a case of an earlier life. It asks before it sends, and not before it is known whom it asks for."""
        case.waits_for_identity = waits_for_identity
        case.account_changed = self.world.account_changed
        self.cases.add(case)
        if case.order_id is not None:
            for piece in case.view.pieces:
                self.book.see(piece, now_us)
        self._bench.work(case, now_us)
        return self._bench.take_effects()

    def renew(self, is_meant: Callable[[RequestKey], bool], now_us: int) -> None:
        """Let the age of requests of earlier lives count from now on: right after `restore`, and before a `tick`."""
        for case in self.cases:
            for key, ticket in case.tickets.items():
                if is_meant(key):
                    ticket.renewed_us = now_us
                    self._bench.look_by(case, now_us)

    def identified(self, now_us: int) -> list[Effect]:
        """The key belongs to the user that it belonged to before: the cases of earlier lives may go on."""
        waiting = [case for case in self.cases if case.waits_for_identity]
        for case in waiting:
            case.waits_for_identity = False
        self._bench.work_all(waiting, now_us)
        return self._bench.take_effects()

    # ------------------------------------------------------------ what becomes of a wire cancel

    def _answered(self, answer: CancelAnswered, now_us: int) -> None:
        self._bench.ended(answer.send_id, answer, now_us)
        case = self.cases.of_send(answer.send_id)
        send = case.send_of(answer.send_id) if case else None
        if case is None or send is None or send.proof not in {None, Proof.UNKNOWN}:
            return
        send.state, send.answer, send.ended_us = SendState.ANSWERED, answer, now_us
        case.asks = 0
        self._bench.out.append(Write(SendAnswered(now_us, case.case_id, answer)))
        if answer.proof in _ACCEPTING:
            self._progress(case, send, RequestState.VENUE_ACCEPTED)
        elif answer.proof in _REFUSING:
            self._progress(case, send, RequestState.VENUE_REFUSED)
        if answer.remedy is Remedy.BACK_OFF:
            self._bench.hold_cancels(send.wire, answer, now_us)
        if answer.remedy is Remedy.ALARM:
            self._bench.out.append(Alarm("cancel_refused", f"{answer.code} {answer.message}".strip()))
        if answer.order_id is not None:
            case = self._listener.heed_own_answer(case, send, answer.order_id, now_us)
        if case.unheard and answer.proof is Proof.ACCEPTED and self.world.drop_copy is DropCopyState.LIVE:
            self._bench.look_by(case, now_us + self.world.ack_wait_us)  # what is heard next says more than this
        else:
            self._bench.work_later(case)

    def _forwarded(self, forwarded: CancelForwarded, now_us: int) -> None:
        case = self.cases.of_send(forwarded.send_id)
        send = case.send_of(forwarded.send_id) if case else None
        if case is None or send is None or send.forwarded_us is not None:
            return
        send.forwarded_us = now_us
        self._bench.out.append(Write(SendForwarded(now_us, case.case_id, forwarded)))
        self._progress(case, send, RequestState.FORWARDED)

    def _lost(self, lost: CancelLost, now_us: int) -> None:
        self._bench.ended(lost.send_id, None, now_us)
        case = self.cases.of_send(lost.send_id)
        send = case.send_of(lost.send_id) if case else None
        if case is None or send is None or send.state is not SendState.IN_FLIGHT:
            return
        has_left = lost.handed_over or send.forwarded_us is not None
        send.state = SendState.LOST if has_left else SendState.NOT_LEFT
        send.ended_us = now_us
        if has_left:
            case.asks = 0
        self._bench.out.append(Write(SendLost(now_us, case.case_id, lost)))
        self._bench.work(case, now_us)

    def _progress(self, case: Case, send: WireSend, state: RequestState) -> None:
        for ticket in case.tickets.values():
            if ticket.told is None and state not in ticket.progress and case.counts_for(send, ticket):
                ticket.progress.add(state)
                self._bench.out.append(Progress(ticket.request.key, state))

    # ------------------------------------------------------------ answered questions

    def _told(self, answer: QuestionAnswered, now_us: int) -> None:
        self._bench.ended(answer.query_id, answer, now_us)
        asked_us = self._bench.take_listing(answer.query_id, now_us, has_failed=False)
        if asked_us is not None:
            self._listings.told(answer, asked_us, now_us)
            return
        case = self.cases.take_question(answer.query_id)
        self._bench.question_ended(now_us)
        if case is None or case.question is None:
            # Nobody waits for it any more, or two cases became one meanwhile: what it shows is shown all the same.
            for row in answer.reports:
                self._listener.reported(row, now_us)
            return
        asked = case.question
        bare = msgspec.structs.replace(answer, reports=())
        self._bench.out.append(Write(Told(now_us, case.case_id, asked.at_us, bare)))
        rows = answers.rows_about(case, answer)
        if answers.can_confirm_provisional(case, answer, asked):
            self._provisional_told(case, answer, asked.at_us, now_us)
        elif rows:
            self._found(case, rows, answer, asked, now_us)
        else:
            answers.note_absence(case, answer, asked, self.world, self.book, now_us)
        case.confirm_once = False
        for row in answer.reports:
            if row not in rows:
                self._listener.reported(row, now_us, asked.at_us)
        if answer.step is Step.OPEN_ORDERS and answer.complete:
            self.book.settle({(row.product, row.order_id) for row in answer.reports}, asked.at_us)
            self._confirm_by_listing(answer, asked.at_us, now_us)
        elif answer.step is Step.PRODUCT_ORDERS and answer.complete:
            self._confirm_by_listing(answer, asked.at_us, now_us, case.product)
        self._bench.work(case, now_us)

    def _found(
        self, case: Case, rows: list[OrderReported], answer: QuestionAnswered, asked: Asked, now_us: int
    ) -> None:
        is_latest = asked.question.order_id is None and asked.question.step is Step.ORDER
        if case.order_id is not None:
            self._listener.refute(case, rows, asked, now_us)
            answers.note_found(case, rows, asked, now_us)
            case.must_ask_first = False
        else:
            latest_us = asked.at_us if is_latest else None
            fits = [row for row in rows if fit(row, case, self.world, self.book, latest_us) is not Fit.NO]
            if fits:
                answers.note_found(case, fits, asked, now_us)
                case.must_ask_first = False
            else:
                # What it shows by this client id seems to be another order, a newer one or on another instrument: ours
                # is not among it, but it denies nothing, as ours may be what is shown.
                missing = msgspec.structs.replace(answer, reports=(), absence=None, complete=False)
                answers.note_absence(case, missing, asked, self.world, self.book, now_us)
        for row in rows:
            self._listener.reported(row, now_us, asked.at_us, is_latest=is_latest)

    def _confirm_by_listing(
        self, answer: QuestionAnswered, asked_us: int, now_us: int, product: str | None = None
    ) -> None:
        """Let a complete listing speak to every case that waits for one, whoever asked: it shows the whole account, or
        all of a product line.
        """
        waiting = [
            case
            for case in self.cases.open()
            if case.provisional is not None and case.question is None and case.provisional_us <= asked_us
        ]
        if product is not None:
            waiting = [case for case in waiting if case.product == product]
        for case in waiting:
            self._provisional_told(case, answer, asked_us, now_us)

    def _provisional_told(self, case: Case, answer: QuestionAnswered, asked_us: int, now_us: int) -> None:
        held, rows = case.provisional, answers.rows_about(case, answer)
        confirmed = answers.confirms_provisional(case, answer, asked_us, self.world, self.book)
        answers.note_failure(case, now_us)
        if held is None:
            self._bench.work(case, now_us)
            return
        can_be_meant = fit(held, case, self.world, self.book, asked_us) is not Fit.NO
        if confirmed is not None:
            case.provisional, case.has_failed = None, False
        case.asks_for_latest = not can_be_meant  # by now another order of this client id may be known
        if confirmed and can_be_meant:
            is_presumed = answers.is_presumed(case, asked_us, self.world)
            for ticket in case.tickets.values():
                ticket.is_sure = ticket.is_inferred = True
                ticket.is_presumed = is_presumed
            why = PRESUMED if is_presumed else "no live order has this client id"
            case = self._listener.bind(case, held.order_id, why, now_us, held)
            self._listener.add(case, held, now_us, asked_us)
        for row in rows:
            self._listener.reported(row, now_us, asked_us)
        self._bench.work(case, now_us)

    def _not_told(self, failed: QuestionFailed, now_us: int) -> None:
        self._bench.ended(failed.query_id, failed, now_us)
        asked_us = self._bench.take_listing(failed.query_id, now_us, has_failed=True)
        if asked_us is not None:
            self._listings.failed(asked_us, now_us)
            return
        case = self.cases.take_question(failed.query_id)
        self._bench.question_ended(now_us)
        if case is None or case.question is None:
            return
        if failed.rate_limited:
            self._bench.hold_questions(case.question.question, failed, now_us)
        answers.note_failure(case, now_us)
        self._bench.out.append(Write(AskFailed(now_us, case.case_id, failed)))
        self._bench.work(case, now_us)

    # ------------------------------------------------------------ roads

    def _road_changed(self, changed: RoadChanged, now_us: int) -> None:
        if changed.is_open:
            self.world.open_roads.add(changed.road)
        else:
            self.world.open_roads.discard(changed.road)
        self._bench.work_all(self.cases.open(), now_us)

    def _drop_copy_changed(self, changed: DropCopyChanged, now_us: int) -> None:
        came_up = changed.state is DropCopyState.LIVE and self.world.drop_copy is not DropCopyState.LIVE
        if changed.state is not self.world.drop_copy:
            self.world.drop_copy, self.world.drop_copy_us = changed.state, now_us
        self.book.follow(self.world.heard_since_us)
        is_blind = changed.state is DropCopyState.BLIND
        self._bench.out.append(Alarm("drop_copy_blind", changed.why, is_over=not is_blind))
        waiting = [case for case in self.cases.open() if has_work_left(case)]
        if came_up:
            self._listings.resync(waiting, now_us)
        self._bench.work_all(waiting, now_us)
