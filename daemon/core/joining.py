"""Brings cases together and apart, once it is known which order a client id means.

Two cases that turn out to be one order become one, with all sends, requests and evidence, so that nothing new is sent
inside the venue's gap. A request that cannot mean the order (it is older than the order), that may mean another one, or
whose own frame hit another one, goes on in a case of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.binding import may_mean
from daemon.core.case import Case, Ticket, WireSend
from daemon.core.casefile import share
from daemon.core.effects import Write
from daemon.core.order_view import OrderView
from daemon.core.records import Bound, Moved

if TYPE_CHECKING:
    from daemon.core.bench import Bench
    from daemon.core.book import Book
    from daemon.core.casefile import CaseFile
    from daemon.core.ids import Ids
    from daemon.core.world import World
    from protocols.evidence import OrderReported
    from protocols.fix import OrderId


class Joiner:
    """Binds, splits and merges the cases of one account."""

    def __init__(self, world: World, cases: CaseFile, book: Book, bench: Bench, ids: Ids) -> None:
        self._world = world
        self._cases = cases
        self._book = book
        self._bench = bench
        self._ids = ids

    def bind(self, case: Case, order_id: OrderId, why: str, now_us: int, report: OrderReported | None) -> Case:
        """Give a case its order, and say which case works on it from now on."""
        if report is not None:
            tickets = list(case.tickets.values())
            staying = [t for t in tickets if not may_mean(report, t, case, self._world, self._book)]
            if staying:
                # What was sent by the client id was sent for them too, though it reached a newer order.
                self._bench.work(self._split(case, staying, list(case.sends), now_us), now_us)
        self._bench.out.append(Write(Bound(now_us, case.case_id, order_id, why)))
        case.provisional = None
        other = self._cases.of_order_on(case.product, order_id, case.instrument)
        if other is not None and other is not case:
            return self._merge(case, other, now_us)
        self._cases.name_order(case, order_id)
        return case

    def part(self, case: Case, tickets: list[Ticket], report: OrderReported, now_us: int) -> None:
        """Take out requests by client id that may mean a newer order than the one that ended.

        A complete listing decides: without a live order of that client id they come back. Where the id is known to
        have been used again, they are asked about anew.
        """
        apart = self._take_out(case, tickets, now_us)
        if not self._book.was_reused(case.product, case.client_order_id):
            apart.provisional, apart.provisional_us = report, now_us
        for ticket in tickets:
            ticket.only_by_order_id = ticket.first_send is None
        apart.trouble_us = now_us
        self._bench.work(apart, now_us)

    def move_on(self, case: Case, tickets: list[Ticket], newer: OrderReported, now_us: int) -> Case:
        """Bind requests by client id to a newer order of that id, which was there too when they were made."""
        apart = self._take_out(case, tickets, now_us)
        for ticket in tickets:
            ticket.rests_elsewhere = True
        self._leave(case, now_us)
        why = f"{newer.source} {newer.channel} shows a newer order of this client id"
        return self.bind(apart, newer.order_id, why, now_us, None)

    def follow(self, case: Case, send: WireSend, order_id: OrderId, why: str, now_us: int) -> Case:
        """Bind those whose frame it was to the order that the frame hit: their case was bound to another one."""
        tickets = [ticket for ticket in case.tickets.values() if _rests_on(ticket, send)]
        if not tickets:
            return case
        apart = self._split(case, tickets, [send], now_us)
        case.sends = [other for other in case.sends if other is not send]
        self._cases.sent(send, apart)
        for ticket in tickets:
            ticket.first_send = send.wire.send_id
            ticket.rests_elsewhere = True
        self._leave(case, now_us)
        return self.bind(apart, order_id, why, now_us, None)

    def _take_out(self, case: Case, tickets: list[Ticket], now_us: int) -> Case:
        """Give requests a case of their own, with the cancels by client id that left for them: what did they hit?"""
        keys = {ticket.request.key for ticket in tickets}
        own = [send for send in case.sends if send.wire.order_id is None and keys & send.made_for]
        apart = self._split(case, tickets, own, now_us)
        for send in own:
            self._cases.sent(send, apart)
        return apart

    def _leave(self, case: Case, now_us: int) -> None:
        """Go on with a case that requests were taken out of, if any are left in it."""
        if case.tickets:
            self._bench.work(case, now_us)
        else:
            self._bench.forget(case)
            self._cases.remove(case)

    def _split(self, case: Case, tickets: list[Ticket], sends: list[WireSend], now_us: int) -> Case:
        first = tickets[0].request
        apart = Case(
            self._ids.case(), case.product, first.instrument, None, case.client_order_id, OrderView(first.instrument)
        )
        taken = [send.wire.send_id for send in sends]
        for ticket in tickets:
            self._move(ticket, case, apart, now_us)
            left = (send for send in case.sends_for(ticket) if send.may_have_left)
            ticket.has_left_elsewhere |= any(send.wire.send_id not in taken for send in left)
            if ticket.first_send not in taken:
                own = (send.wire.send_id for send in sends if ticket.request.key in send.made_for)
                ticket.first_send = next(own, None)
        self._cases.add(apart)
        apart.sends = sends
        return apart

    def _merge(self, case: Case, into: Case, now_us: int) -> Case:
        """Two cases turned out to be one order: one remains."""
        into.sends = sorted(dict.fromkeys([*into.sends, *case.sends]), key=lambda send: send.made_us)
        for ticket in list(case.tickets.values()):
            self._move(ticket, case, into, now_us)
            share(into, ticket, self._world.replica_lag_us)
        if into.client_order_id is None:
            into.client_order_id = case.client_order_id
        self._bench.forget(case)
        self._cases.remove(case)
        self._cases.add(into)
        self._cases.reopen(into)
        return into

    def _move(self, ticket: Ticket, source: Case, target: Case, now_us: int) -> None:
        key = ticket.request.key
        del source.tickets[key]
        target.tickets[key] = ticket
        self._bench.out.append(Write(Moved(now_us, source.case_id, target.case_id, key)))


def _rests_on(ticket: Ticket, send: WireSend) -> bool:
    """Whether a cancel by client id is a request's own, or the one that it shares."""
    is_its = ticket.request.key in send.made_for or ticket.first_send == send.wire.send_id
    return is_its and send.wire.order_id is None and ticket.request.order_id is None
