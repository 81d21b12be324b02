"""What BingX says when it is asked: one order, what is open, history, transactions.

BingX: Spot / Trade / Query Order details, Current Open Orders, Query Order history, Query transaction details. Listings
do not fail. STALE_QUERY, QUERY_NOTFOUND and QUERY_OPEN_ONLY act here. How calls arrive is `rest`'s.
"""

from collections.abc import Iterator

from daemon.sim.book import TERMINAL, Order
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.printed import Printed
from daemon.sim.timers import seconds_us
from daemon.sim.venue import Floor
from daemon.sim.venues.bingx import codes
from daemon.sim.venues.bingx.call import Call, Refusal
from daemon.sim.venues.bingx.cancel import find
from daemon.sim.venues.bingx.rows import STATUSES, fill_row, query_row
from daemon.sim.venues.bingx.symbols import Symbol, Symbols
from daemon.sim.wire import JsonObject

OPEN_MAX = 2_000
PAGE_MAX = 100
PAGED_MAX = 10_000
TRADES_MAX = 1_000


class Queries:
    """Answers queries about orders from the book, or from the book as it was."""

    def __init__(self, floor: Floor, symbols: Symbols, clock: VenueClock, canceling: set[str]) -> None:
        self._floor = floor
        self._book = floor.book
        self._faults = floor.faults
        self._symbols = symbols
        self._clock = clock
        self._canceling = canceling
        self._rows = Printed(floor.faults, lambda order: query_row(order, self._symbol(order), clock))

    def order(self, call: Call) -> tuple[JsonObject, str]:
        """The row of one order, and its id; raises Refusal."""
        if not call.text("symbol"):
            raise Refusal("100400", codes.text("100400", "Symbol"))
        order = find(self._floor, call.text("symbol"), call.text("orderId"), call.text("clientOrderID"), call.now_us)
        if order is None or self._faults.fires(Fault.QUERY_NOTFOUND, order.order_id) is not None:
            raise Refusal("100404", codes.text("100404"))
        stale = self._faults.fires(Fault.STALE_QUERY, order.order_id)
        seen = order if stale is None else self._book.as_of(order.order_id, call.now_us - seconds_us(stale))
        if seen is None:
            raise Refusal("100404", codes.text("100404"))
        if seen.ord_status.is_terminal and self._faults.fires(Fault.QUERY_OPEN_ONLY, seen.order_id) is not None:
            raise Refusal("100404", codes.text("100404"))
        return self._row(seen), seen.order_id

    def open_orders(self, call: Call) -> list[JsonObject]:
        """The orders on the book, of a symbol or of all."""
        symbol = call.text("symbol")
        live = (order for order in self._as_seen(call.now_us) if order.ord_status not in TERMINAL)
        return [self._row(order) for order in live if symbol in ("", order.instrument)][:OPEN_MAX]

    def history(self, call: Call) -> list[JsonObject]:
        """The orders of a symbol, newest first, from an id on if there is one; raises Refusal."""
        page, size = _whole(call, "pageIndex", 1), _whole(call, "pageSize", PAGE_MAX)
        if page < 1 or not 1 <= size <= PAGE_MAX or page * size > PAGED_MAX:
            raise Refusal("100400", codes.text("100400", "PageSize"))
        if self._faults.fires(Fault.QUERY_OPEN_ONLY) is not None:
            return []
        start, wanted = _whole(call, "orderId", 0), call.text("status")
        orders = [
            order
            for order in self._as_seen(call.now_us)
            if call.text("symbol") in ("", order.instrument)
            and int(order.order_id) >= start
            and wanted in ("", STATUSES[order.ord_status])
        ]
        return [self._row(order) for order in orders[(page - 1) * size : page * size]]

    def trades(self, call: Call) -> list[JsonObject]:
        """The executions of a symbol, newest first; raises Refusal."""
        limit = min(_whole(call, "limit", 500), TRADES_MAX)
        rows = [
            (int(fill.trade_id), fill_row(order, fill, self._symbol(order), self._clock))
            for order in self._as_seen(call.now_us)
            if call.text("symbol") == order.instrument and call.text("orderId") in ("", order.order_id)
            for fill in order.fills
        ]
        return [row for _, row in sorted(rows, key=lambda each: each[0], reverse=True)][:limit]

    def _row(self, order: Order) -> JsonObject:
        row = self._rows.row(order)
        return row | {"status": "PENDING_CANCEL"} if order.order_id in self._canceling else row

    def _as_seen(self, now_us: int) -> Iterator[Order]:
        """The orders of a listing, newest first, as they are, or as they were."""
        stale = self._faults.fires(Fault.STALE_QUERY)
        if stale is None:
            return self._book.newest_first()
        at_us = now_us - seconds_us(stale)
        seen = (self._book.as_of(order.order_id, at_us) for order in self._book.newest_first())
        return (order for order in seen if order is not None)

    def _symbol(self, order: Order) -> Symbol:
        symbol = self._symbols.get(order.instrument)
        if symbol is None:
            raise AssertionError(f"order {order.order_id} rests in {order.instrument}, which is not listed")
        return symbol


def _whole(call: Call, name: str, otherwise: int) -> int:
    """A whole number among the parameters; raises Refusal."""
    value = call.text(name)
    if value and not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise Refusal("100400", codes.text("100400", name))
    return int(value) if value else otherwise
