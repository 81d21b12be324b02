"""Puts what the venue said about an order where it belongs: into the book, and into every case about that order.

A case that knows its order by client id only is bound here, when a report or the answer to our own frame names both
ids; and here evidence is struck that a later answer contradicts. What follows from a case's facts is `Bench.work`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core import answers
from daemon.core.binding import Fit, ended_before, fit
from daemon.core.case import Asked, Case, Ticket, WireSend, is_settled
from daemon.core.effects import Alarm, OrderNews, Write
from daemon.core.joining import Joiner
from daemon.core.order_view import digest_of, without_bytes
from daemon.core.records import Observed, Struck
from protocols.evidence import OrderReported, Source, Step

if TYPE_CHECKING:
    from daemon.core.bench import Bench
    from daemon.core.book import Book
    from daemon.core.casefile import CaseFile
    from daemon.core.ids import Ids
    from daemon.core.world import World
    from protocols.fix import OrderId


class Listener:
    """Hears what is said about the orders of one account."""

    def __init__(self, world: World, cases: CaseFile, book: Book, bench: Bench, ids: Ids) -> None:
        self._world = world
        self._cases = cases
        self._book = book
        self._bench = bench
        self._joiner = Joiner(world, cases, book, bench, ids)

    def reported(
        self, report: OrderReported, now_us: int, asked_us: int | None = None, *, is_latest: bool = False
    ) -> None:
        """Hear a report; ``asked_us`` is when the question was put whose answer it is of.

        ``is_latest`` says that it was asked by client id: then it is about the latest order of that id.
        """
        if report.is_state and self._book.see(report, now_us):
            self._bench.out.append(OrderNews(report))
        for case in self._cases.of_order(report.product, report.order_id):
            before = case.verdict
            self.add(case, report, now_us, asked_us)
            self._bench.heard(case, before, now_us)
        if report.client_order_id:
            for case in self._cases.of_alias(report.product, report.client_order_id):
                if self._cases.get(case.case_id) is not case:
                    continue  # it became one with another meanwhile
                if case.order_id is None:
                    self._reported_by_alias(case, report, now_us, asked_us, is_latest=is_latest)
                elif case.order_id != report.order_id:
                    self._reported_of_newer(case, report, now_us, asked_us)

    def _reported_by_alias(
        self, case: Case, report: OrderReported, now_us: int, asked_us: int | None, *, is_latest: bool
    ) -> None:
        if case.must_ask_first and report.status.is_terminal:
            return  # Of a newer order of this client id only an earlier life may have heard: our own question decides.
        match fit(report, case, self._world, self._book, asked_us if is_latest else None):
            case Fit.BINDS:
                why = f"{report.source} {report.channel} names both ids"
                bound = self.bind(case, report.order_id, why, now_us, report)
                self.add(bound, report, now_us, asked_us)
                self._bench.work(bound, now_us)
            case Fit.PROVISIONAL:
                known = self._book.find(report.product, report.order_id)
                best = known.report if known is not None and known.report.status.is_terminal else report
                if not _is_of_younger(case.provisional, best):
                    case.provisional, case.provisional_us = best, now_us
                    self._bench.work(case, now_us)
            case Fit.NO:
                pass

    def _reported_of_newer(self, case: Case, report: OrderReported, now_us: int, asked_us: int | None) -> None:
        """A case by client id hears of another order of that id: requests made since then mean the newer one."""
        created = [piece.created_ms for piece in case.view.pieces if piece.created_ms is not None]
        if report.created_ms is None or not created or max(created) >= report.created_ms:
            return
        meant = [ticket for ticket in case.tickets.values() if self._may_mean_newer(ticket, report.created_ms)]
        if meant:
            bound = self._joiner.move_on(case, meant, report, now_us)
            self._add_known(bound, report.order_id, now_us)
            self.add(bound, report, now_us, asked_us)
            self._bench.work(bound, now_us)

    def _may_mean_newer(self, ticket: Ticket, created_ms: int) -> bool:
        """Whether a request means an order that is newer than the one it was taken for: it was there, and that is not
        sure of the other one.
        """
        received_us = ticket.request.received_us
        if ticket.is_presumed and self._world.is_clock_measured:
            return created_ms <= self._world.venue_ms(received_us)
        return not ticket.is_sure and created_ms <= self._world.venue_ms_at_least(received_us)

    def add(self, case: Case, report: OrderReported, now_us: int, asked_us: int | None) -> None:
        """Put evidence into a case whose order it is about."""
        case.was_seen = True
        if answers.shows_life(report, case):
            if report.source is Source.PUSH:
                case.live_by_push_us = max(case.live_by_push_us, now_us)
            elif asked_us is not None:
                case.live_by_answer_us = max(case.live_by_answer_us, asked_us)
                case.must_ask_first = False  # a listing of this life is an answer too
        before = case.verdict
        if not case.view.add(report, now_us, asked_us):
            return
        is_known_end = case.verdict == before and before.is_terminal and report.status.is_terminal
        written = without_bytes(report) if is_known_end and not before.is_contradictory else report
        self._bench.out.append(Write(Observed(now_us, case.case_id, written, asked_us)))
        if case.verdict.is_terminal:
            case.round = None
            if not before.is_terminal:
                case.asks = case.asks_since_end = 0
            for ticket in case.tickets.values():
                if not ticket.is_sure:
                    self._part_the_doubtful(case, now_us)
                    break
        if case.verdict.is_contradictory and not before.is_contradictory:
            case.trouble_us = now_us
            case.asks = case.asks_since_end = 0
            what = f"order {report.order_id} of {report.instrument}"
            if report.instrument != case.instrument:
                what += f", asked for as one of {case.instrument}"
            self._bench.out.append(Alarm("contradictory_evidence", what))

    def _part_the_doubtful(self, case: Case, now_us: int) -> None:
        """A request by client id may have been made after the order's end, for a newer order of that id."""
        end = case.verdict.decided_by
        if end is None or not case.verdict.is_terminal:
            return
        doubtful = [
            ticket
            for ticket in case.tickets.values()
            if not ticket.is_sure
            and not is_settled(ticket)
            and ended_before(end, self._made_by_us(case, ticket, end), self._world)
        ]
        if doubtful:
            self._joiner.part(case, doubtful, end, now_us)

    def _made_by_us(self, case: Case, ticket: Ticket, end: OrderReported) -> int:
        """When a request was made at the latest, by this life's clock.

        That of an earlier life was set since, perhaps; so where a newer order of the client id is known to have been
        there before this life, the request may have been made at any time before it.
        """
        if ticket.is_recovered and case.client_order_id is not None:
            until_ms = self._world.venue_ms_at_least(ticket.recovered_us)
            newest = self._book.newest_of(case.product, case.client_order_id, until_ms)
            if newest is not None and newest[1] != end.order_id:
                return ticket.recovered_us
        return ticket.request.received_us

    def bind(self, case: Case, order_id: OrderId, why: str, now_us: int, report: OrderReported | None) -> Case:
        """Give a case its order; what the book heard of that order since the request counts."""
        case = self._joiner.bind(case, order_id, why, now_us, report)
        self._add_known(case, order_id, now_us)
        return case

    def _add_known(self, case: Case, order_id: OrderId, now_us: int) -> None:
        known = self._book.find(case.product, order_id)
        oldest_us = min((ticket.request.received_us for ticket in case.tickets.values()), default=0)
        if known is not None and known.seen_us >= oldest_us:
            self.add(case, known.report, known.seen_us, None)
        self._part_the_doubtful(case, now_us)

    def heed_own_answer(self, case: Case, send: WireSend, order_id: OrderId, now_us: int) -> Case:
        """The answer to a frame of ours says which order its client id meant. One by order id only says it back."""
        why = "the answer to our own frame names the order"
        if send.wire.order_id is None:
            for key, ticket in case.tickets.items():
                ticket.is_sure = ticket.is_sure or key in send.made_for
        if case.order_id is None:
            return self.bind(case, order_id, why, now_us, None)
        if case.order_id != order_id and send.wire.order_id is None:
            case = self._joiner.follow(case, send, order_id, why, now_us)
            self._add_known(case, order_id, now_us)
        return case

    def refute(self, case: Case, rows: list[OrderReported], asked: Asked, now_us: int) -> None:
        """Strike what a late enough answer to the order's own question contradicts. One wrong frame is not for ever."""
        if asked.question.step is not Step.ORDER or not case.verdict.is_terminal:
            return
        shows_life = all(answers.shows_life(row, case) for row in rows)
        if not shows_life:
            case.live_refutations.clear()
        ends = [piece for piece in case.view.pieces if piece.status.is_terminal]
        times_us = (case.view.seen_us(piece) or 0 for piece in ends)
        heard_us = max(case.view.last_push_us, case.view.last_end_us, *times_us)
        if asked.at_us < heard_us + self._world.replica_lag_us:
            return
        if shows_life:
            doomed = ends if self._is_refuted_by_life(case, asked) else []
        else:
            doomed = [piece for row in rows for piece in case.view.refuted_by(row)]
        if doomed:
            self._strike(case, {digest_of(piece) for piece in doomed}, now_us)

    def _is_refuted_by_life(self, case: Case, asked: Asked) -> bool:
        """An order that ended and is shown live: believed only when shown twice, a replica lag apart."""
        if not case.live_refutations:
            case.trouble_us = asked.at_us
            case.asks = case.asks_since_end = 0
        case.live_refutations.append(asked.at_us)
        return case.live_refutations[-1] - case.live_refutations[0] >= self._world.replica_lag_us

    def _strike(self, case: Case, digests: set[str], now_us: int) -> None:
        for digest in sorted(digests):
            case.view.strike(digest)
            why = "the venue's later answer contradicts it"
            self._bench.out.append(Write(Struck(now_us, case.case_id, digest, why)))
        case.live_refutations.clear()
        if case.order_id is not None:
            self._book.forget(case.product, case.order_id)
        for piece in case.view.pieces:
            if piece.is_state:
                self._book.see(piece, case.view.seen_us(piece) or now_us)
        self._bench.out.append(Alarm("evidence_struck", f"order {case.order_id} of {case.instrument}"))


def _is_of_younger(held: OrderReported | None, report: OrderReported) -> bool:
    """Whether what is held for a client id is about a younger order of it, which the book may have forgotten."""
    if held is None or held.created_ms is None or held.order_id == report.order_id:
        return False
    return report.created_ms is None or report.created_ms < held.created_ms
