"""What Bitget says when it is asked: one order, what is open, history; on either generation's endpoints.

Bitget: Contract / Get order detail, Get pending orders (without `status` only `live` ones), Get history orders; Spot /
Get order info (by client id two hours back), Get current orders, Get history orders; Unified account / Get order
details, Get open orders, Get order history. Listings are newest first, a hundred rows a page, 90 days back.
STALE_QUERY, QUERY_NOTFOUND and QUERY_OPEN_ONLY act here. How calls arrive is `front`'s.
"""

from collections.abc import Callable, Iterator, Mapping

from daemon.sim.book import TERMINAL, Order
from daemon.sim.faults import Fault
from daemon.sim.timers import SECOND_US, seconds_us
from daemon.sim.venue import Floor

_DAY_US = 24 * 3_600 * SECOND_US
HISTORY_KEPT_US = 90 * _DAY_US
ALIAS_KEPT_US = 2 * 3_600 * SECOND_US
PAGE_MAX = 100

Query = Mapping[str, str]
Keep = Callable[[Order], bool]


class QueryRefused(Exception):
    """A code, and what stands in its text."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(code)


class Queries:
    """Answers queries about orders from the book, or from the book as it was."""

    def __init__(self, floor: Floor) -> None:
        self._book = floor.book
        self._faults = floor.faults

    def order(self, query: Query, now_us: int, product: str, symbol: str, *, alias_kept_us: int = 0) -> Order | None:
        """The order that a query names ("" any product, any symbol); None if there is none. Raises QueryRefused."""
        order_id, client_order_id = query.get("orderId", ""), query.get("clientOid", "")
        if not order_id and not client_order_id:
            raise QueryRefused("40034", "orderId")
        order = self._book.get(order_id) if order_id else self._book.by_client_id(client_order_id)
        if order is None or product not in ("", order.product) or symbol not in ("", order.instrument):
            return None
        if self._faults.fires(Fault.QUERY_NOTFOUND, order.order_id) is not None:
            return None
        stale = self._faults.fires(Fault.STALE_QUERY, order.order_id)
        back_us = 0 if stale is None else seconds_us(stale)
        seen = order if stale is None else self._book.as_of(order.order_id, now_us - back_us)
        if seen is None or (alias_kept_us and not order_id and seen.updated_us <= now_us - alias_kept_us):
            return None
        if seen.ord_status.is_terminal and self._faults.fires(Fault.QUERY_OPEN_ONLY, seen.order_id) is not None:
            return None
        return seen

    def open(self, query: Query, now_us: int, keep: Keep) -> list[Order]:
        """A page of the orders on the book."""
        live = (order for order in self._as_seen(now_us, live_only=True) if order.ord_status not in TERMINAL)
        return self._page(query, live, keep)

    def history(self, query: Query, now_us: int, keep: Keep) -> list[Order]:
        """A page of the orders that have ended."""
        if self._faults.fires(Fault.QUERY_OPEN_ONLY) is not None:
            return []
        ended = (
            order
            for order in self._as_seen(now_us, live_only=False)
            if order.ord_status in TERMINAL and order.updated_us > now_us - HISTORY_KEPT_US
        )
        return self._page(query, ended, keep)

    def _as_seen(self, now_us: int, *, live_only: bool) -> Iterator[Order]:
        """The orders of a listing, newest first, as they are, or as they were."""
        stale = self._faults.fires(Fault.STALE_QUERY)
        if stale is None:
            return reversed(self._book.live()) if live_only else self._book.newest_first()
        at_us = now_us - seconds_us(stale)
        seen = (self._book.as_of(order.order_id, at_us) for order in self._book.newest_first())
        return (order for order in seen if order is not None)

    def _page(self, query: Query, orders: Iterator[Order], keep: Keep) -> list[Order]:
        limit = min(_whole(query, "limit") or PAGE_MAX, PAGE_MAX)
        before = _whole(query, "idLessThan") or _whole(query, "cursor")
        wanted = query.get("orderId", "")
        page: list[Order] = []
        for order in orders:
            if len(page) == limit:
                break
            if (not before or int(order.order_id) < before) and wanted in ("", order.order_id) and keep(order):
                page.append(order)
        return page


def _whole(query: Query, name: str) -> int:
    """A whole number from a query, 0 where it is absent; raises QueryRefused."""
    value = query.get(name, "")
    if value and not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise QueryRefused("41101", f"{name}={value}")
    return int(value or 0)
