"""Brings cases together and apart, once it is known which order a client id means.

Two cases that turn out to be one order become one, with all sends, requests and evidence, so that nothing new is sent
inside the venue's gap. A request that cannot mean the order (it is older than the order), that may mean another one, or
whose own frame hit another one, goes on in a case of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.binding import is_old_enough
from daemon.core.case import Case, Ticket, WireSend
from daemon.core.casefile import share
from daemon.core.effects import Write
from daemon.core.order_view import OrderView
from daemon.core.records import Bound, Moved
from protocols.fix import Outcome

if TYPE_CHECKING:
    from daemon.core.bench import Bench
    from daemon.core.casefile import CaseFile
    from daemon.core.ids import Ids
    from daemon.core.world import World
    from protocols.evidence import OrderReported
    from protocols.fix import OrderId


class Joiner:
    """Binds, splits and merges the cases of one account."""

    def __init__(self, world: World, cases: CaseFile, bench: Bench, ids: Ids) -> None:
        self._world = world
        self._cases = cases
        self._bench = bench
        self._ids = ids

    def bind(self, case: Case, order_id: OrderId, why: str, now_us: int, report: OrderReported | None) -> Case:
        """Give a case its order, and say which case works on it from now on."""
        if report is not None:
            tickets = list(case.tickets.values())
            staying = [ticket for ticket in tickets if not is_old_enough(report, ticket, case, self._world)]
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
        """Take out requests that joined by client id and may mean a newer order than the one that ended.

        A complete listing decides: without a live order of that client id they come back.
        """
        apart = self._split(case, tickets, [], now_us)
        apart.provisional, apart.provisional_us = report, now_us
        for ticket in tickets:
            ticket.first_send, ticket.joined_by_alias = None, False
        self._bench.work(apart, now_us)

    def follow(self, case: Case, send: WireSend, order_id: OrderId, why: str, now_us: int) -> Case:
        """Bind those whose frame it was to the order that the frame hit: their case was bound to another one."""
        tickets = [
            ticket
            for ticket in case.tickets.values()
            if ticket.request.order_id is None and send in case.sends_for(ticket)
        ]
        if not tickets:
            return case
        apart = self._split(case, tickets, [send], now_us)
        case.sends = [other for other in case.sends if other is not send]
        self._cases.sent(send, apart)
        for ticket in tickets:
            ticket.first_send = send.wire.send_id
            ticket.rests_elsewhere = ticket.told is not None and ticket.told.outcome is not Outcome.IN_DOUBT
        if case.tickets:
            self._bench.work(case, now_us)
        else:
            self._bench.forget(case)
            self._cases.remove(case)
        return self.bind(apart, order_id, why, now_us, None)

    def _split(self, case: Case, tickets: list[Ticket], sends: list[WireSend], now_us: int) -> Case:
        first = tickets[0].request
        apart = Case(
            self._ids.case(), case.product, first.instrument, None, case.client_order_id, OrderView(first.instrument)
        )
        for ticket in tickets:
            self._move(ticket, case, apart, now_us)
        self._cases.add(apart)
        apart.sends = sends
        apart.gap_from_us = max(case.gap_from_us, case.last_left.made_us if case.last_left is not None else 0)
        return apart

    def _merge(self, case: Case, into: Case, now_us: int) -> Case:
        """Two cases turned out to be one order: one remains."""
        into.sends = sorted([*into.sends, *case.sends], key=lambda send: send.made_us)
        into.gap_from_us = max(into.gap_from_us, case.gap_from_us)
        for ticket in list(case.tickets.values()):
            self._move(ticket, case, into, now_us)
            share(into, ticket)
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
