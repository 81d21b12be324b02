"""Joins what clients want with what the venue says: one account's cases, and everything that moves them.

Theory of operation. There are three inputs: a caller (`submit`), evidence (`observe`) and the timer (`tick`); and one
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
from daemon.core.effects import Alarm, Effect, OrderNews, Progress, Write
from daemon.core.joining import Joiner
from daemon.core.order_view import OrderView, digest_of
from daemon.core.records import (
    AskFailed,
    CancelRequest,
    Observed,
    RequestOpened,
    SendAnswered,
    SendForwarded,
    SendLost,
    Struck,
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
    Source,
    Step,
)
from protocols.fix import ClientOrderId, OrderId, RequestState

if TYPE_CHECKING:
    from daemon.core.ids import Ids
    from daemon.core.world import World

OPEN_MAX: Final = 20_000
"""Cases under way per account; five times what any venue here lets rest. Past it a request is refused at the door."""
TRACKED_MAX: Final = 100_000
"""Client ids remembered by `track` per account; the oldest make room."""
_ACCEPTING: Final = frozenset({Proof.ACCEPTED, Proof.IN_PROGRESS})
_REFUSING: Final = frozenset({Proof.GONE, Proof.UNCHANGED_RETRY, Proof.UNCHANGED_FINAL})


class Submitted(msgspec.Struct, frozen=True):
    """What became of a call: the effects to carry out, and the ticket if this request was already known by its name."""

    effects: list[Effect]
    held: Ticket | None = None


class Tracked(msgspec.Struct, frozen=True):
    """What a client said about an order that it placed."""

    order_id: OrderId | None
    placed_us: int


class Correlator:
    """One account. All times are microseconds since the epoch on the daemon's one clock."""

    def __init__(self, world: World, ids: Ids, *, open_max: int = OPEN_MAX, book: Book | None = None) -> None:
        self.world = world
        self.book = book or Book()
        self.cases = CaseFile()
        self._ids = ids
        self._open_max = open_max
        self._bench = Bench(world, self.cases, ids)
        self._joiner = Joiner(world, self.cases, self._bench, ids)
        self._tracked: dict[tuple[str, ClientOrderId], Tracked] = {}
        self._resyncing: list[Case] | None = None

    # ------------------------------------------------------------ inputs

    def submit(self, request: CancelRequest, now_us: int) -> Submitted:
        """Take up a cancel request.

        Raises `BadRequest` (``request_id_conflict``, ``too_many_in_flight``): then no request exists. A request that is
        already known by its name is not taken up again: its ticket comes back instead.
        """
        held_by = self.cases.of_request(request.key)
        if held_by is not None:
            held = held_by.tickets[request.key]
            names.require_same(request, held, held_by, now_us)
            return Submitted([], held)
        if self.cases.open_count() >= self._open_max:
            raise BadRequest(
                "too_many_in_flight", f"{self._open_max} orders are being canceled on this account already"
            )
        case = self._case_for(request, now_us)
        ticket = Ticket(request, horizon_us=now_us + self.world.horizon_us)
        self.cases.take_ticket(case, ticket)
        self._bench.out.insert(0, Write(RequestOpened(now_us, case.case_id, request)))
        self._bench.work(case, now_us)
        return Submitted(self._bench.take_effects())

    def observe(self, evidence: Evidence, now_us: int) -> list[Effect]:
        """Take in what the venue, or the road to it, said."""
        match evidence:
            case OrderReported():
                self._reported(evidence, now_us)
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
            case AccountIdentified() | AccountRefused():
                pass  # The driver's: they concern the account, not an order.
        return self._bench.take_effects()

    def tick(self, now_us: int) -> list[Effect]:
        """Let time pass."""
        self._bench.tick(now_us)
        return self._bench.take_effects()

    def next_tick_us(self) -> int | None:
        """When `tick` is wanted next."""
        return self._bench.next_us()

    def budget_wait_us(self, now_us: int) -> int:
        """How long cancels have to wait for budget now, at the worst: 0 when none waits."""
        return self._bench.budget_wait_us(now_us)

    def track(self, product: str, client_order_id: ClientOrderId, order_id: OrderId | None, placed_us: int) -> None:
        """Remember that a client placed an order under a client id, so that the id can be bound without a doubt."""
        self._tracked[product, client_order_id] = Tracked(order_id, placed_us)
        while len(self._tracked) > TRACKED_MAX:
            del self._tracked[next(iter(self._tracked))]

    def account_changed(self, now_us: int) -> list[Effect]:
        """The key now belongs to another user: nothing about the old orders can be learnt or done through it."""
        self.world.account_changed = True
        for case in self.cases:
            if has_work_left(case):
                case.account_changed = True
                self._bench.work(case, now_us)
        return self._bench.take_effects()

    def restore(self, case: Case, now_us: int, *, waits_for_identity: bool = False) -> list[Effect]:
        """Take up a case of an earlier life. It asks before it sends, and not before it is known whom it asks for."""
        case.waits_for_identity = waits_for_identity
        self.cases.add(case)
        if case.order_id is not None:
            for piece in case.view.pieces:
                self.book.see(piece, now_us)
        self._bench.work(case, now_us)
        return self._bench.take_effects()

    def identified(self, now_us: int) -> list[Effect]:
        """The key belongs to the user that it belonged to before: the cases of earlier lives may go on."""
        for case in self.cases:
            if case.waits_for_identity:
                case.waits_for_identity = False
                self._bench.work(case, now_us)
        return self._bench.take_effects()

    # ------------------------------------------------------------ requests

    def _case_for(self, request: CancelRequest, now_us: int) -> Case:
        order_id, tracked = self._resolve(request)
        if order_id is not None:
            case = self.cases.of_order(request.product, order_id)
        else:
            case = self._shareable_by_alias(request)
        if case is None:
            case = self._new_case(request, order_id, now_us)
        if tracked is not None:
            case.tracked_us = tracked.placed_us
        self.cases.reopen(case)
        return case

    def _resolve(self, request: CancelRequest) -> tuple[OrderId | None, Tracked | None]:
        if request.order_id is not None or request.client_order_id is None:
            return request.order_id, None
        tracked = self._tracked.get((request.product, request.client_order_id))
        if tracked is None or tracked.placed_us > request.received_us:
            return None, None
        return tracked.order_id, tracked

    def _shareable_by_alias(self, request: CancelRequest) -> Case | None:
        if request.client_order_id is None:
            return None
        case = self.cases.of_alias(request.product, request.client_order_id)
        if case is None or case.verdict.is_terminal or case.last_left is None or not case.last_left.can_be_shared:
            return None
        return case

    def _new_case(self, request: CancelRequest, order_id: OrderId | None, now_us: int) -> Case:
        case = Case(
            self._ids.case(), request.product, request.instrument, order_id, request.client_order_id,
            OrderView(request.instrument),
        )  # fmt: skip
        self.cases.add(case)
        known = self.book.find(request.product, order_id) if order_id is not None else None
        if known is not None:
            self._add(case, known.report, known.seen_us, None)
        return case

    # ------------------------------------------------------------ evidence about an order

    def _reported(self, report: OrderReported, now_us: int, asked_us: int | None = None) -> None:
        if report.is_state and self.book.see(report, now_us):
            self._bench.out.append(OrderNews(report))
        case = self.cases.of_order(report.product, report.order_id)
        if case is not None:
            self._add(case, report, now_us, asked_us)
            self._bench.work(case, now_us)
        if report.client_order_id is not None:
            self._reported_by_alias(report, now_us, asked_us)

    def _reported_by_alias(self, report: OrderReported, now_us: int, asked_us: int | None) -> None:
        case = self.cases.of_alias(report.product, ClientOrderId(report.client_order_id or ""))
        if case is None or case.order_id is not None:
            return
        match fit(report, case, self.world):
            case Fit.BINDS:
                why = f"{report.source} {report.channel} names both ids"
                bound = self._bind(case, report.order_id, why, now_us, report)
                self._add(bound, report, now_us, asked_us)
                self._bench.work(bound, now_us)
            case Fit.PROVISIONAL:
                case.provisional = report
                self._bench.work(case, now_us)
            case Fit.NO:
                pass

    def _add(self, case: Case, report: OrderReported, now_us: int, asked_us: int | None) -> None:
        """Put evidence into a case whose order it is about."""
        case.was_seen = True
        if report.is_state and not report.status.is_terminal:
            if report.source is Source.PUSH:
                case.live_by_push_us = max(case.live_by_push_us, now_us)
            elif asked_us is not None:
                case.live_by_answer_us = max(case.live_by_answer_us, asked_us)
        was_contradictory = case.verdict.is_contradictory
        if not case.view.add(report, now_us, asked_us):
            return
        self._bench.out.append(Write(Observed(now_us, case.case_id, report, asked_us)))
        if case.verdict.is_terminal:
            case.round = None
        if case.verdict.is_contradictory and not was_contradictory:
            case.trouble_us = now_us
            case.asks = 0
            self._bench.out.append(Alarm("contradictory_evidence", f"order {report.order_id} of {report.instrument}"))

    def _bind(self, case: Case, order_id: OrderId, why: str, now_us: int, report: OrderReported | None) -> Case:
        """Give a case its order; what the book heard of that order since the request counts."""
        case = self._joiner.bind(case, order_id, why, now_us, report)
        known = self.book.find(case.product, order_id)
        if known is not None and known.seen_us >= min(t.request.received_us for t in case.tickets.values()):
            self._add(case, known.report, known.seen_us, None)
        return case

    # ------------------------------------------------------------ what becomes of a wire cancel

    def _answered(self, answer: CancelAnswered, now_us: int) -> None:
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
            self._bench.hold_cancels(case, now_us)
        if answer.remedy is Remedy.ALARM:
            self._bench.out.append(Alarm("cancel_refused", f"{answer.code} {answer.message}".strip()))
        if case.order_id is None and answer.order_id is not None:
            case = self._bind(case, answer.order_id, "the answer to our own frame names the order", now_us, None)
        self._bench.work(case, now_us)

    def _forwarded(self, forwarded: CancelForwarded, now_us: int) -> None:
        case = self.cases.of_send(forwarded.send_id)
        send = case.send_of(forwarded.send_id) if case else None
        if case is None or send is None or send.forwarded_us is not None:
            return
        send.forwarded_us = now_us
        self._bench.out.append(Write(SendForwarded(now_us, case.case_id, forwarded)))
        self._progress(case, send, RequestState.FORWARDED)

    def _lost(self, lost: CancelLost, now_us: int) -> None:
        case = self.cases.of_send(lost.send_id)
        send = case.send_of(lost.send_id) if case else None
        if case is None or send is None or send.state is not SendState.IN_FLIGHT:
            return
        has_left = lost.handed_over or send.forwarded_us is not None
        send.state = SendState.LOST if has_left else SendState.NOT_LEFT
        send.ended_us = now_us
        case.asks = 0
        self._bench.out.append(Write(SendLost(now_us, case.case_id, lost)))
        self._bench.work(case, now_us)

    def _progress(self, case: Case, send: WireSend, state: RequestState) -> None:
        for ticket in case.tickets.values():
            if ticket.told is None and send in case.sends_for(ticket) and state not in ticket.progress:
                ticket.progress.add(state)
                self._bench.out.append(Progress(ticket.request.key, state))

    # ------------------------------------------------------------ answered questions

    def _told(self, answer: QuestionAnswered, now_us: int) -> None:
        asked_us = self._bench.take_listing(answer.query_id, now_us, has_failed=False)
        if asked_us is not None:
            self._listing_told(answer, asked_us, now_us)
            return
        case = self.cases.take_question(answer.query_id)
        if case is None or case.question is None:
            return
        asked = case.question
        bare = msgspec.structs.replace(answer, reports=())
        self._bench.out.append(Write(Told(now_us, case.case_id, asked.at_us, bare)))
        rows = answers.rows_about(case, answer)
        if case.provisional is not None and answer.step is Step.OPEN_ORDERS:
            self._provisional_told(case, answer, asked, now_us)
        elif rows:
            self._found(case, rows, asked, now_us)
        else:
            answers.note_absence(case, answer, asked, self.world, now_us)
        case.confirm_once = False
        for row in answer.reports:
            if row not in rows:
                self._reported(row, now_us, asked.at_us)
        if answer.step is Step.OPEN_ORDERS and answer.complete:
            self.book.settle({(row.product, row.order_id) for row in answer.reports}, asked.at_us)
        self._bench.work(case, now_us)

    def _found(self, case: Case, rows: list[OrderReported], asked: Asked, now_us: int) -> None:
        if case.order_id is not None:
            self._refute(case, rows, asked, now_us)
            answers.note_found(case, rows, asked, now_us)
            case.must_ask_first = False
        else:
            fits = [row for row in rows if fit(row, case, self.world) is not Fit.NO]
            if fits:
                answers.note_found(case, fits, asked, now_us)
                case.must_ask_first = False
            else:
                # The venue knows this client id only as that of a newer order: ours is not among what it shows.
                missing = QuestionAnswered(asked.question.query_id, asked.question.step, ())
                answers.note_absence(case, missing, asked, self.world, now_us)
        for row in rows:
            self._reported(row, now_us, asked.at_us)

    def _refute(self, case: Case, rows: list[OrderReported], asked: Asked, now_us: int) -> None:
        """Strike what a late enough answer to the order's own question contradicts. One wrong frame is not for ever."""
        if asked.question.step is not Step.ORDER or not case.verdict.is_terminal:
            return
        heard_us = max(case.view.seen_us(piece) or 0 for piece in case.view.pieces if piece.status.is_terminal)
        heard_us = max(heard_us, case.view.last_push_us() or 0)
        if asked.at_us < heard_us + self.world.replica_lag_us:
            return
        doomed = [piece for row in rows for piece in case.view.refuted_by(row)]
        if all(row.is_state and not row.status.is_terminal for row in rows):
            doomed = self._refuted_by_life(case, asked)
        for digest in {digest_of(piece) for piece in doomed}:
            case.view.strike(digest)
            why = "the venue's later answer contradicts it"
            self._bench.out.append(Write(Struck(now_us, case.case_id, digest, why)))
        if doomed:
            case.live_refutations.clear()
            self._bench.out.append(Alarm("evidence_struck", f"order {case.order_id} of {case.instrument}"))

    def _refuted_by_life(self, case: Case, asked: Asked) -> list[OrderReported]:
        """An order that ended and is shown live: believed only when shown twice, a replica lag apart."""
        if not case.live_refutations:
            case.trouble_us, case.asks = asked.at_us, 0
        case.live_refutations.append(asked.at_us)
        if case.live_refutations[-1] - case.live_refutations[0] < self.world.replica_lag_us:
            return []
        return [piece for piece in case.view.pieces if piece.status.is_terminal]

    def _provisional_told(self, case: Case, answer: QuestionAnswered, asked: Asked, now_us: int) -> None:
        held = case.provisional
        confirmed = answers.confirms_provisional(case, answer, self.world)
        answers.note_failure(case, now_us)
        if held is None or confirmed is None:
            return
        case.provisional = None
        if confirmed:
            bound = self._bind(case, held.order_id, "no live order has this client id", now_us, held)
            self._add(bound, held, now_us, asked.at_us)
            self._bench.work(bound, now_us)
        else:
            for row in answers.rows_about(case, answer):
                self._reported(row, now_us, asked.at_us)

    def _listing_told(self, answer: QuestionAnswered, asked_us: int, now_us: int) -> None:
        listed = {(row.product, row.order_id) for row in answer.reports}
        for row in answer.reports:
            self._reported(row, now_us, asked_us)
        if answer.complete:
            self.book.settle(listed, asked_us)
        self._ask_unlisted(listed, now_us)

    def _ask_unlisted(self, listed: set[tuple[str, OrderId]], now_us: int) -> None:
        """After the listing of a resync: put the order's own question for each case that the listing did not show."""
        for case in self._resyncing or ():
            if case.order_id is None or (case.product, case.order_id) not in listed:
                case.trouble_us = now_us
                case.asks = 0
                self._bench.work(case, now_us)
        self._resyncing = None

    def _not_told(self, failed: QuestionFailed, now_us: int) -> None:
        if self._bench.take_listing(failed.query_id, now_us, has_failed=True) is not None:
            self._ask_unlisted(set(), now_us)
            return
        case = self.cases.take_question(failed.query_id)
        if case is None or case.question is None:
            return
        if failed.rate_limited:
            self._bench.hold_questions(case.question.question, now_us)
        answers.note_failure(case, now_us)
        self._bench.out.append(Write(AskFailed(now_us, case.case_id, failed)))
        self._bench.work(case, now_us)

    # ------------------------------------------------------------ roads

    def _road_changed(self, changed: RoadChanged, now_us: int) -> None:
        if changed.is_open:
            self.world.open_roads.add(changed.road)
        else:
            self.world.open_roads.discard(changed.road)
        for case in self.cases.open():
            self._bench.work(case, now_us)

    def _drop_copy_changed(self, changed: DropCopyChanged, now_us: int) -> None:
        came_up = changed.state is DropCopyState.LIVE and self.world.drop_copy is not DropCopyState.LIVE
        self.world.drop_copy = changed.state
        is_blind = changed.state is DropCopyState.BLIND
        self._bench.out.append(Alarm("drop_copy_blind", changed.why, is_over=not is_blind))
        waiting = [case for case in self.cases.open() if has_work_left(case)]
        if came_up:
            self.book.is_complete = False
            self._resyncing = waiting
            self._bench.want_listing(now_us)
        for case in waiting:
            self._bench.work(case, now_us)
