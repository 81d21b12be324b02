"""What HTX says when it is asked: one order, open orders, history, fills.

HTX: Orders / Get Order Info, Get Current Orders, Get Order History, Get Order Details. The order query looks in one
margin mode, `cross` where none is named; by `client_order_id` it finds living orders only. Listings page by a query id:
`next` goes on above it, oldest first, `prev` below it, newest first; ten rows where no limit is named. Zero-fill
cancels are forgotten two hours after they ended. STALE_QUERY, QUERY_NOTFOUND and QUERY_OPEN_ONLY act here.
"""

from collections.abc import Callable, Iterator, Mapping

from daemon.sim.book import TERMINAL, Order
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.printed import Printed
from daemon.sim.timers import MILLISECOND_US, SECOND_US, seconds_us
from daemon.sim.venue import Floor
from daemon.sim.venues.htx.fate import NO_SUCH_ORDER
from daemon.sim.venues.htx.instruments import Instrument, Instruments
from daemon.sim.venues.htx.rows import fill_row, history_row, margin_mode, query_id, query_row, state
from daemon.sim.wire import JsonObject

_DAY_US = 24 * 3_600 * SECOND_US
ZERO_FILL_KEPT_US = 2 * 3_600 * SECOND_US
HISTORY_WINDOW_US = 2 * _DAY_US
FILLS_KEPT_US = 3 * _DAY_US
PAGE_DEFAULT, PAGE_MAX = 10, 100

Query = Mapping[str, str]


class QueryRefused(Exception):
    """A result code, and what stands in its text."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(code)


class Queries:
    """Answers queries about orders from the book, or from the book as it was."""

    def __init__(self, floor: Floor, instruments: Instruments, clock: VenueClock) -> None:
        self._book = floor.book
        self._faults = floor.faults
        self._instruments = instruments
        self._clock = clock
        self._open_rows = Printed(floor.faults, lambda order: query_row(order, self._instrument(order), clock))
        self._past_rows = Printed(floor.faults, lambda order: history_row(order, self._instrument(order), clock))

    def order(self, query: Query, now_us: int) -> tuple[JsonObject, str]:
        """The row of one order, and its id; raises QueryRefused."""
        order = self._named(query)
        if order is None or self._faults.fires(Fault.QUERY_NOTFOUND, order.order_id) is not None:
            raise QueryRefused(NO_SUCH_ORDER)
        stale = self._faults.fires(Fault.STALE_QUERY, order.order_id)
        seen = order if stale is None else self._book.as_of(order.order_id, now_us - seconds_us(stale))
        if seen is None or _is_forgotten(seen, now_us):
            raise QueryRefused(NO_SUCH_ORDER)
        if seen.ord_status.is_terminal and self._faults.fires(Fault.QUERY_OPEN_ONLY, seen.order_id) is not None:
            raise QueryRefused(NO_SUCH_ORDER)
        return query_row(seen, self._instrument(seen), self._clock), seen.order_id

    def opens(self, query: Query, now_us: int) -> list[JsonObject]:
        """The orders on the book, oldest first unless asked otherwise; raises QueryRefused."""
        live = [order for order in self._as_seen(now_us) if order.ord_status not in TERMINAL]
        wanted = [
            order
            for order in live
            if self._matches(query, order)
            and query.get("order_id") in (None, "", order.order_id)
            and query.get("client_order_id") in (None, "", order.client_order_id)
        ]
        page = _page(query, wanted, lambda order: int(order.order_id), default="next")
        return [self._open_rows.row(order) for order in page]

    def history(self, query: Query, now_us: int) -> list[JsonObject]:
        """The orders that have ended, newest first unless asked otherwise; raises QueryRefused."""
        if self._instruments.get(query.get("contract_code", "")) is None:
            raise QueryRefused("1067", "contract_code")
        if query.get("margin_mode") not in ("cross", "isolated"):
            raise QueryRefused("1067", "margin_mode")
        begin_us = _whole(query, "start_time") * MILLISECOND_US or self._clock.us(now_us) - HISTORY_WINDOW_US
        end_us = _whole(query, "end_time") * MILLISECOND_US or self._clock.us(now_us)
        states = (query.get("states") or query.get("state") or "filled,partially_canceled,canceled").split(",")
        if self._faults.fires(Fault.QUERY_OPEN_ONLY) is not None:
            return []
        ended = [
            order
            for order in self._as_seen(now_us)
            if order.ord_status in TERMINAL
            and state(order) in states
            and self._matches(query, order)
            and not _is_forgotten(order, now_us)
            and begin_us <= self._clock.us(order.created_us) <= end_us
        ]
        page = _page(query, ended, query_id, default="prev")
        return [self._past_rows.row(order) for order in page]

    def fills(self, query: Query, now_us: int) -> list[JsonObject]:
        """The executions of the last three days, newest first; raises QueryRefused."""
        rows = [
            fill_row(order, fill, self._instrument(order), self._clock)
            for order in self._as_seen(now_us)
            if self._matches(query, order) and query.get("order_id") in (None, "", order.order_id)
            for fill in order.fills
            if fill.at_us > now_us - FILLS_KEPT_US
        ]
        return rows[::-1][: _limit(query)]

    def _named(self, query: Query) -> Order | None:
        """The order that a query names, in the mode and contract that it names; None if there is none."""
        contract_code, mode = query.get("contract_code", ""), query.get("margin_mode") or "cross"
        order_id, client_order_id = query.get("order_id", ""), query.get("client_order_id", "")
        if contract_code and self._instruments.get(contract_code) is None:
            raise QueryRefused("1013")
        if mode not in ("cross", "isolated"):
            raise QueryRefused("1067", "margin_mode")
        if not order_id and not client_order_id:
            raise QueryRefused("1066", "order_id")
        order = self._book.get(order_id) if order_id else self._book.by_client_id(client_order_id)
        if order is None or (not order_id and order.ord_status.is_terminal):
            return None
        is_there = contract_code.upper() in ("", order.instrument)
        return order if is_there and margin_mode(order, self._instrument(order)) == mode else None

    def _as_seen(self, now_us: int) -> Iterator[Order]:
        """The orders of a listing, oldest first, as they are, or as they were."""
        stale = self._faults.fires(Fault.STALE_QUERY)
        if stale is None:
            return self._book.orders()
        at_us = now_us - seconds_us(stale)
        seen = (self._book.as_of(order.order_id, at_us) for order in self._book.orders())
        return (order for order in seen if order is not None)

    def _matches(self, query: Query, order: Order) -> bool:
        mode = margin_mode(order, self._instrument(order))
        is_there = query.get("contract_code", "").upper() in ("", order.instrument)
        return is_there and query.get("margin_mode") in (None, "", mode)

    def _instrument(self, order: Order) -> Instrument:
        instrument = self._instruments.get(order.instrument)
        if instrument is None:
            raise AssertionError(f"order {order.order_id} rests in {order.instrument}, which is not listed")
        return instrument


def _page(query: Query, oldest_first: list[Order], key: Callable[[Order], int], *, default: str) -> list[Order]:
    """One page of a listing by its query ids."""
    direct, start = query.get("direct") or default, _whole(query, "from")
    if direct not in ("next", "prev"):
        raise QueryRefused("1067", "direct")
    if direct == "next":
        wanted = [order for order in oldest_first if key(order) > start]
    else:
        wanted = [order for order in reversed(oldest_first) if not start or key(order) < start]
    return wanted[: _limit(query)]


def _is_forgotten(order: Order, now_us: int) -> bool:
    """As the old API did; the pages of v5 do not say."""
    is_zero_fill_cancel = order.ord_status.is_terminal and not order.cum_qty
    return is_zero_fill_cancel and order.updated_us <= now_us - ZERO_FILL_KEPT_US


def _whole(query: Query, name: str) -> int:
    """A whole number from a query, 0 where it is absent; raises QueryRefused."""
    value = query.get(name, "")
    if value and not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise QueryRefused("1067", name)
    return int(value or 0)


def _limit(query: Query) -> int:
    limit = _whole(query, "limit") or PAGE_DEFAULT
    if limit > PAGE_MAX:
        raise QueryRefused("1067", "limit")
    return limit
