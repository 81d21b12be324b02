"""What OKX says when it is asked: one order, what is pending, history, fills.

OKX: Trade / GET Order details, Order list, Order history (7 days, 3 months), Transaction details. Zero-fill cancels
are forgotten two hours after they ended, by the query too; by `clOrdId` only the latest order is found. STALE_QUERY,
QUERY_NOTFOUND and QUERY_OPEN_ONLY act here. How calls arrive is `rest`'s.
"""

from collections.abc import Callable, Iterator, Mapping

from daemon.sim.book import TERMINAL, Order
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.printed import Printed
from daemon.sim.timers import MILLISECOND_US, SECOND_US, seconds_us
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.product import DAY_US, Prints, Product
from daemon.sim.wire import JsonObject

ZERO_FILL_KEPT_US = 2 * 3_600 * SECOND_US
ARCHIVE_KEPT_US = 90 * DAY_US
PAGE_MAX = 100

Query = Mapping[str, str]


class QueryRefused(Exception):
    """A code at the top, and what stands in its text."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(code)


class Queries:
    """Answers queries about orders from the book, or from the book as it was. `is_listed` knows the instruments."""

    def __init__(
        self, floor: Floor, product: Product, prints: Prints, clock: VenueClock, is_listed: Callable[[str], bool]
    ) -> None:
        self._book = floor.book
        self._faults = floor.faults
        self._product = product
        self._prints = prints
        self._clock = clock
        self._is_listed = is_listed
        self._printed = Printed(floor.faults, prints.queried)

    def order(self, query: Query, now_us: int) -> tuple[JsonObject, str]:
        """The row of one order, and its id; raises QueryRefused."""
        order = self._named(query)
        if order is None or self._faults.fires(Fault.QUERY_NOTFOUND, order.order_id) is not None:
            raise QueryRefused("51603")
        stale = self._faults.fires(Fault.STALE_QUERY, order.order_id)
        seen = order if stale is None else self._book.as_of(order.order_id, now_us - seconds_us(stale))
        if seen is None or _is_forgotten(seen, now_us):
            raise QueryRefused("51603")
        if seen.ord_status.is_terminal and self._faults.fires(Fault.QUERY_OPEN_ONLY, seen.order_id) is not None:
            raise QueryRefused("51603")
        return self._prints.queried(seen), seen.order_id

    def pending(self, query: Query, now_us: int) -> list[JsonObject]:
        """The orders on the book, newest first; raises QueryRefused."""
        live = (order for order in self._as_seen(now_us, live_only=True) if order.ord_status not in TERMINAL)
        return self._page(query, live)

    def history(self, query: Query, now_us: int, *, is_archive: bool) -> list[JsonObject]:
        """The orders that have ended, newest first; raises QueryRefused."""
        needed = self._product.history_needs
        if needed and not query.get(needed):
            raise QueryRefused("50014", needed)
        kept_us = ARCHIVE_KEPT_US if is_archive else self._product.history_kept_us
        begin_us, end_us = (_whole(query, name) * MILLISECOND_US for name in ("begin", "end"))
        if self._faults.fires(Fault.QUERY_OPEN_ONLY) is not None:
            return []
        ended = (
            order
            for order in self._as_seen(now_us, live_only=False)
            if order.ord_status in TERMINAL
            and order.updated_us > now_us - kept_us
            and not _is_forgotten(order, now_us)
            and (not begin_us or begin_us <= self._clock.us(order.created_us))
            and (not end_us or self._clock.us(order.created_us) <= end_us)
        )
        return self._page(query, ended)

    def fills(self, query: Query, now_us: int) -> list[JsonObject]:
        """The executions of the last days, newest first; pages by the trade's id; raises QueryRefused."""
        limit, older, newer = self._window(query)
        found = []
        for order in self._as_seen(now_us, live_only=False):
            if self._matches(query, order) and query.get("ordId") in (None, "", order.order_id):
                found += [
                    (int(fill.trade_id), row)
                    for fill, row in self._prints.executions(order)
                    if fill.at_us > now_us - self._product.fills_kept_us
                    and (not older or int(fill.trade_id) < older)
                    and int(fill.trade_id) > newer
                ]
        return [row for _, row in sorted(found, key=lambda each: each[0], reverse=True)[:limit]]

    def _named(self, query: Query) -> Order | None:
        """The order that a query names, in the instrument that it must name, if any; None if there is none."""
        needed, order_id, client_order_id = self._product.order_needs, query.get("ordId"), query.get("clOrdId")
        instrument = query.get(needed, "")
        if needed and not instrument:
            raise QueryRefused("50014", needed)
        if needed and not self._is_listed(instrument):
            raise QueryRefused("51001")
        if not order_id and not client_order_id:
            raise QueryRefused("51003")
        order = self._book.get(order_id) if order_id else self._book.by_client_id(client_order_id or "")
        return order if order is not None and (not needed or order.instrument == instrument) else None

    def _as_seen(self, now_us: int, *, live_only: bool) -> Iterator[Order]:
        """The orders of a listing, newest first, as they are, or as they were."""
        stale = self._faults.fires(Fault.STALE_QUERY)
        if stale is None:
            return reversed(self._book.live()) if live_only else self._book.newest_first()
        at_us = now_us - seconds_us(stale)
        seen = (self._book.as_of(order.order_id, at_us) for order in self._book.newest_first())
        return (order for order in seen if order is not None)

    def _page(self, query: Query, orders: Iterator[Order]) -> list[JsonObject]:
        limit, older, newer = self._window(query)
        rows: list[JsonObject] = []
        for order in orders:
            if len(rows) == limit:
                break
            is_on_page = (not older or int(order.order_id) < older) and int(order.order_id) > newer
            if is_on_page and self._matches(query, order):
                rows.append(self._printed.row(order))
        return rows

    def _window(self, query: Query) -> tuple[int, int, int]:
        """How many rows a page has, and between which ids they lie, both exclusive (0: open)."""
        limit = _whole(query, "limit") or PAGE_MAX
        return min(limit, PAGE_MAX), _whole(query, self._product.older), _whole(query, self._product.newer)

    def _matches(self, query: Query, order: Order) -> bool:
        return all(query.get(name) in (None, "", value) for name, value in self._prints.facts(order).items())


def _is_forgotten(order: Order, now_us: int) -> bool:
    """OKX: Order history: cancelled orders without a fill are kept two hours."""
    is_zero_fill_cancel = order.ord_status.is_terminal and not order.cum_qty
    return is_zero_fill_cancel and order.updated_us <= now_us - ZERO_FILL_KEPT_US


def _whole(query: Query, name: str) -> int:
    """A whole number from a query, 0 where it is absent; raises QueryRefused."""
    value = query.get(name, "")
    if value and not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise QueryRefused("51000", name)
    return int(value or 0)
