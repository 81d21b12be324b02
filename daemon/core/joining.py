"""Brings cases together and apart, once it is known which order a client id means.

Two cases that turn out to be one order become one, with all sends, requests and evidence, so that nothing new is sent
inside the venue's gap. A request that cannot mean the order (it is older than the order) stays behind in a case of its
own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.binding import is_old_enough
from daemon.core.case import Case, Ticket
from daemon.core.effects import Write
from daemon.core.order_view import OrderView
from daemon.core.records import Bound, Moved

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
        tickets = case.tickets.values()
        if report is not None:
            staying = [ticket for ticket in tickets if not is_old_enough(report, ticket, case, self._world)]
            if staying:
                self._split(case, staying, now_us)
        self._bench.out.append(Write(Bound(now_us, case.case_id, order_id, why)))
        case.provisional = None
        other = self._cases.of_order(case.product, order_id)
        if other is not None and other is not case:
            return self._merge(case, other, now_us)
        self._cases.name_order(case, order_id)
        return case

    def _split(self, case: Case, staying: list[Ticket], now_us: int) -> None:
        first = staying[0].request
        left_behind = Case(
            self._ids.case(), case.product, first.instrument, None, case.client_order_id, OrderView(first.instrument)
        )
        for ticket in staying:
            self._move(ticket, case, left_behind, now_us)
        self._cases.add(left_behind)
        # What was sent by the client id was sent for them too, though it reached a newer order: it is not sent again.
        left_behind.sends = list(case.sends)
        self._bench.work(left_behind, now_us)

    def _merge(self, case: Case, into: Case, now_us: int) -> Case:
        """Two cases turned out to be one order: one remains."""
        into.sends = sorted([*into.sends, *case.sends], key=lambda send: send.made_us)
        for ticket in list(case.tickets.values()):
            self._move(ticket, case, into, now_us)
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
