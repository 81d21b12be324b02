"""Matching and settlement of spread orders: two moments, and what becomes of an order between them.

A match moves size into `pendingSettleSz`; a while later the trade is settled (the order is filled by so much) or
rejected (so much of it is canceled). A cancel takes what is neither matched nor executed: with nothing awaiting
settlement the order ends at once, else when that is settled (OKX: Spread Trading / Order State, Trade State). An order
of which everything is matched cannot be canceled any more, and ends filled or by rejection.

The sizes stand in the order's own terms, so that the past knows them too. Nothing is decided here about requests.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial

from daemon.sim.book import ZERO, BadFill, EndedBy, Fill, Order, OrderEnded
from daemon.sim.pushing import Change
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.push import Pushes
from daemon.sim.venues.okx_spread.options import SpreadOptions
from daemon.sim.wire import plain

SETTLING, CANCELED = "pendingSettleSz", "canceledSz"
REJECTION = {"code": "51008", "msg": "Order failed. Insufficient margin."}
ACCEPTANCE = {"code": "0", "msg": ""}


class AllMatched(OrderEnded):
    """Everything of the order is matched: it only waits for its settlement."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.args = (f"order {order.order_id} has nothing left: all of it awaits settlement",)


def settling_of(order: Order) -> Decimal:
    """How much of it is matched and not settled."""
    return ZERO if order.ord_status.is_terminal else Decimal(order.terms.get(SETTLING, "0"))


def canceled_of(order: Order) -> Decimal:
    """How much of it was canceled, rejections at settlement included."""
    if order.ord_status.is_terminal:
        return order.qty - order.cum_qty
    return Decimal(order.terms.get(CANCELED, "0"))


def open_of(order: Order) -> Decimal:
    """How much of it can still be matched or canceled."""
    return order.leaves_qty - settling_of(order) - (ZERO if order.ord_status.is_terminal else canceled_of(order))


class Settlements:
    """Carries both out. What `rejected` tells are the trades of an order that did not settle."""

    def __init__(self, floor: Floor, options: SpreadOptions, pushes: Pushes) -> None:
        self._floor = floor
        self._book = floor.book
        self._delay_us = options.settle_delay_us
        self._pushes = pushes
        self._ends: dict[str, tuple[EndedBy, str]] = {}
        self._silent: set[str] = set()
        self._rejected: dict[str, list[Fill]] = {}

    def match(self, order: Order, qty: Decimal | None, now_us: int, *, rejected_by: str = "") -> Change:
        """Match so much, or all that is open; it settles later, or is rejected with this `cancelSource`.

        Raises AllMatched, BadFill.
        """
        left = open_of(order)
        if not left:
            raise AllMatched(order)
        amount = left if qty is None else qty
        if not ZERO < amount <= left:
            raise BadFill(order, amount)
        noted = self._note(order, settling=settling_of(order) + amount, now_us=now_us)
        settle = partial(self._settle, order.order_id, amount, rejected_by)
        self._floor.timers.at(now_us + self._delay_us, settle)
        return Change(noted, None)

    def cancel(self, order: Order, by: EndedBy, source: str, now_us: int, *, is_silent: bool = False) -> Change:
        """Cancel what is open; the order ends now, or when what is matched has settled. Raises AllMatched."""
        left = open_of(order)
        if not left:
            raise AllMatched(order)
        if is_silent:
            self._silent.add(order.order_id)
        noted = self._note(order, canceled=canceled_of(order) + left, now_us=now_us)
        if not settling_of(noted):
            return self._end(noted, by, source, now_us)
        self._ends[order.order_id] = (by, source)
        return Change(noted, None)

    def rejected(self, order_id: str) -> Sequence[Fill]:
        """The trades of an order that were rejected at settlement."""
        return self._rejected.get(order_id, ())

    def _settle(self, order_id: str, qty: Decimal, rejected_by: str, now_us: int) -> None:
        order = self._book.get(order_id)
        if order is None or order.ord_status.is_terminal:
            return
        settling = settling_of(order) - qty
        if rejected_by:
            change = self._reject(order, qty, settling, now_us)
            self._ends.setdefault(order_id, (EndedBy.VENUE, rejected_by))
        else:
            self._note(order, settling=settling, now_us=now_us)
            filled = self._book.fill(order_id, qty, now_us)
            change = Change(filled, filled.fills[-1])
        changes = [change]
        is_over = not change.order.ord_status.is_terminal and not settling and not open_of(change.order)
        if is_over:
            changes.append(self._end(change.order, *self._ends[order_id], now_us))
        if order_id not in self._silent:
            self._pushes.announce(changes, now_us)

    def _reject(self, order: Order, qty: Decimal, settling: Decimal, now_us: int) -> Change:
        trade = Fill(trade_id=self._book.ids.trade_id(), price=order.price, qty=qty, at_us=now_us)
        self._rejected.setdefault(order.order_id, []).append(trade)
        canceled = canceled_of(order) + qty
        return Change(self._note(order, settling=settling, canceled=canceled, now_us=now_us, error=REJECTION), None)

    def _end(self, order: Order, by: EndedBy, source: str, now_us: int) -> Change:
        self._ends.pop(order.order_id, None)
        return Change(self._book.cancel(order.order_id, by, now_us, source), None)

    def _note(
        self,
        order: Order,
        *,
        now_us: int,
        settling: Decimal | None = None,
        canceled: Decimal | None = None,
        error: dict[str, str] = ACCEPTANCE,
    ) -> Order:
        sizes = {SETTLING: settling, CANCELED: canceled}
        terms = {name: plain(size) for name, size in sizes.items() if size is not None}
        return self._book.note(order.order_id, terms | error, now_us)
