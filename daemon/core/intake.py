"""Finds or opens the case of a request: by order id, by what the client tracked, or by a cancel that it may share.

A client id alone is only a likeness. What is remembered of an order that was found through one answers no request, and
a request that joins a case by it is marked, so that it leaves again if the order turns out to have ended before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core import policy
from daemon.core.case import Case
from daemon.core.effects import Alarm, Write
from daemon.core.order_view import OrderView
from daemon.core.records import TRACKED, Bound, CancelRequest
from daemon.core.shelves import Shelves
from protocols.fix import ClientOrderId, OrderId

if TYPE_CHECKING:
    from daemon.core.bench import Bench
    from daemon.core.book import Book
    from daemon.core.casefile import CaseFile
    from daemon.core.ids import Ids
    from daemon.core.listener import Listener
    from daemon.core.world import World

TRACKED_MAX: Final = 100_000
"""Client ids remembered by `track` per account; the oldest make room."""


class Tracked(msgspec.Struct, frozen=True, gc=False):
    """What a client said about an order that it placed."""

    order_id: OrderId | None
    placed_us: int
    is_said: bool

    @property
    def said_us(self) -> int | None:
        """When it was placed, if the client said so."""
        return self.placed_us if self.is_said else None


class Intake:
    """Where requests of one account come in."""

    def __init__(self, world: World, cases: CaseFile, book: Book, bench: Bench, listener: Listener, ids: Ids) -> None:
        self._world = world
        self._cases = cases
        self._book = book
        self._bench = bench
        self._listener = listener
        self._ids = ids
        self._tracked: Shelves[ClientOrderId, Tracked] = Shelves()

    def track(
        self, product: str, client_order_id: ClientOrderId, order_id: OrderId | None, placed_us: int, *, is_said: bool
    ) -> None:
        """Remember that a client placed an order under a client id, so that the id can be bound without a doubt.

        ``is_said``: ``placed_us`` is the client's own word; else it is when we heard of it.
        """
        tracked = Tracked(order_id, placed_us, is_said)
        self._tracked.pop(product, client_order_id)  # so that it stands among the newest
        self._tracked.put(product, client_order_id, tracked)
        while len(self._tracked) > TRACKED_MAX:
            self._tracked.drop_oldest()
        for case in self._cases.of_alias(product, client_order_id):
            if case.order_id is None:
                case.tracked_us, case.placed_us = placed_us, tracked.said_us

    def case_for(self, request: CancelRequest, now_us: int) -> tuple[Case, bool]:
        """Find or open the case of a request, and say whether it is sure that this is the order that it means."""
        order_id, tracked = self._resolve(request)
        shared = self._shareable_by_alias(request) if order_id is None else None
        case = shared or self._case_of_order(request, order_id) or self._new_case(request, order_id, now_us)
        if tracked is not None:
            case.tracked_us, case.placed_us = tracked.placed_us, tracked.said_us
            if order_id is not None:  # for a later life, whoever began the case
                self._bench.out.append(Write(Bound(now_us, case.case_id, order_id, TRACKED)))
        self._cases.reopen(case)
        may_loop = bool(case.sends) or case.fruitless_before > 0
        if may_loop and policy.loop_gap_us(case) and not case.verdict.is_terminal:
            named = request.order_id or request.client_order_id
            what = f"{named} on {request.instrument} is asked for again and again, and the venue calls it gone"
            self._bench.out.append(Alarm("cancel_loop", f"{what}: pid {request.caller.pid}"))
        return case, order_id is not None

    def _resolve(self, request: CancelRequest) -> tuple[OrderId | None, Tracked | None]:
        if request.order_id is not None or request.client_order_id is None:
            return request.order_id, None
        tracked = self._tracked.get(request.product, request.client_order_id)
        if tracked is None or tracked.placed_us > request.received_us:
            return None, None
        if tracked.order_id is not None and self._has_ended(request.product, tracked.order_id):
            return None, None  # The id may have been given to a newer order since, that nobody told us of.
        return tracked.order_id, tracked

    def _has_ended(self, product: str, order_id: OrderId) -> bool:
        said = (case.verdict for case in self._cases.of_order(product, order_id))
        return self._book.has_ended(product, order_id) or any(verdict.is_terminal for verdict in said)

    def _case_of_order(self, request: CancelRequest, order_id: OrderId | None) -> Case | None:
        return self._cases.of_order_on(request.product, order_id, request.instrument) if order_id is not None else None

    def _shareable_by_alias(self, request: CancelRequest) -> Case | None:
        """Find a case under way whose cancel may serve a request by the same client id."""
        for case in reversed(self._of_alias(request)):
            is_under_way = case.last_left is not None and case.last_left.can_be_shared
            waits_out_a_loop = not case.sends and policy.loop_gap_us(case) > 0
            if not (is_under_way or waits_out_a_loop):
                continue
            if case.instrument == request.instrument and not case.verdict.is_terminal:
                return case if self._is_newest(case, request) else None
        return None

    def _of_alias(self, request: CancelRequest) -> list[Case]:
        alias = request.client_order_id
        return self._cases.of_alias(request.product, alias) if alias is not None else []

    def _is_newest(self, case: Case, request: CancelRequest) -> bool:
        """Whether no other order of a request's client id is known that may be live."""
        if case.order_id is None or request.client_order_id is None:
            return True
        asked_ms = self._world.venue_ms(request.received_us)
        newest = self._book.newest_of(request.product, request.client_order_id, asked_ms)
        known = self._book.find(request.product, newest[1]) if newest is not None else None
        return known is None or known.report.order_id == case.order_id or known.report.status.is_terminal

    def _new_case(self, request: CancelRequest, order_id: OrderId | None, now_us: int) -> Case:
        case = Case(
            self._ids.case(), request.product, request.instrument, order_id, request.client_order_id,
            OrderView(request.instrument), account_changed=self._world.account_changed,
        )  # fmt: skip
        alike = self._cases.of_order(request.product, order_id) if order_id is not None else self._of_alias(request)
        if alike:  # as few have
            left = [(other.last_left.made_us, other.fruitless) for other in alike if other.last_left]
            case.fruitless_us, case.fruitless_before = max(left, default=(0, 0))
        self._cases.add(case)
        known = self._book.find(request.product, order_id) if order_id is not None else None
        if known is not None:
            self._listener.add(case, known.report, known.seen_us, None)
        return case
