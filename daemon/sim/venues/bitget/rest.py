"""The tables of REST calls about orders: the classic account's futures and spot, and the unified account's.

Each row is a call of Bitget's pages; what is asked is carried out by `cancel`, `place` and `queries`.
"""

from daemon.sim.book import Order, OrdStatus
from daemon.sim.clock import VenueClock
from daemon.sim.printed import Printed
from daemon.sim.rates import RateRule
from daemon.sim.venue import Floor
from daemon.sim.venues.bitget import limits
from daemon.sim.venues.bitget.cancel import CancelAsk, Cancels
from daemon.sim.venues.bitget.front import Call, Front, Route
from daemon.sim.venues.bitget.instruments import FUTURES, SPOT, UNIFIED_PRODUCTS, Instrument, Instruments
from daemon.sim.venues.bitget.place import Places
from daemon.sim.venues.bitget.queries import ALIAS_KEPT_US, Queries, QueryRefused
from daemon.sim.venues.bitget.rows import futures_answer, spot_answer, unified_row
from daemon.sim.wire import JsonObject, text

MIX, SPOT_TRADE, UTA = "/api/v2/mix/order", "/api/v2/spot/trade", "/api/v3/trade"
CANCEL_PATHS = frozenset({f"{MIX}/cancel-order", f"{SPOT_TRADE}/cancel-order", f"{UTA}/cancel-order"})
_OPEN_WORDS = {"live": OrdStatus.NEW, "partially_filled": OrdStatus.PARTIALLY_FILLED}


class Rest:
    """What the tables share."""

    def __init__(
        self, floor: Floor, front: Front, instruments: Instruments, clock: VenueClock, cancels: Cancels, places: Places
    ) -> None:
        self._front = front
        self._instruments = instruments
        self._clock = clock
        self._cancels = cancels
        self._places = places
        self._queries = Queries(floor)
        self._mix_rows = Printed(
            floor.faults, lambda order: futures_answer(order, self._instrument(order), clock, status_key="status")
        )
        self._unified_rows = Printed(floor.faults, lambda order: unified_row(order, self._instrument(order), clock))

    def _cancel_of(self, call: Call, product: str, rule: RateRule, problem: str = "", detail: str = "") -> None:
        fields = call.body
        ask = CancelAsk(
            product, text(fields, "symbol"), text(fields, "orderId"), text(fields, "clientOid"), rule, problem, detail
        )
        self._cancels.single(ask, self._front.road(call), call.now_us)

    def _instrument(self, order: Order) -> Instrument:
        instrument = self._instruments.get(order.product, order.instrument)
        if instrument is None:
            raise AssertionError(f"order {order.order_id} rests in {order.instrument}, which is not listed")
        return instrument

    def _placed(self, call: Call, order: Order) -> None:
        self._front.data(call, {"orderId": order.order_id, "clientOid": order.client_order_id or ""})


class ClassicRest(Rest):
    """Bitget: Contract / Trade, Spot / Trade."""

    def routes(self) -> dict[str, Route]:
        """The table."""
        return {
            f"POST {MIX}/cancel-order": Route(self._mix_cancel, counts=limits.MIX_CANCEL),
            f"POST {MIX}/place-order": Route(self._mix_place),
            f"GET {MIX}/detail": Route(self._mix_detail, limits.MIX_DETAIL),
            f"GET {MIX}/orders-pending": Route(self._mix_pending, limits.MIX_PENDING),
            f"GET {MIX}/orders-history": Route(self._mix_history, limits.MIX_HISTORY),
            f"POST {SPOT_TRADE}/cancel-order": Route(self._spot_cancel, counts=limits.SPOT_CANCEL),
            f"POST {SPOT_TRADE}/place-order": Route(self._spot_place),
            f"GET {SPOT_TRADE}/orderInfo": Route(self._spot_order, limits.SPOT_ORDER),
            f"GET {SPOT_TRADE}/unfilled-orders": Route(self._spot_open, limits.SPOT_UNFILLED),
            f"GET {SPOT_TRADE}/history-orders": Route(self._spot_history, limits.SPOT_HISTORY),
        }

    def _mix_cancel(self, call: Call) -> None:
        product, symbol = text(call.body, "productType").upper(), text(call.body, "symbol")
        is_known = self._instruments.get(product, symbol) is not None and product in FUTURES
        problem, detail = ("", "") if is_known else ("40034", symbol or "symbol")
        self._cancel_of(call, product, limits.MIX_CANCEL, problem, detail)

    def _spot_cancel(self, call: Call) -> None:
        is_known = self._instruments.get(SPOT, text(call.body, "symbol")) is not None
        self._cancel_of(call, SPOT, limits.SPOT_CANCEL, "" if is_known else "40034", "symbol")

    def _mix_place(self, call: Call) -> None:
        product = text(call.body, "productType").upper()
        self._placed(call, self._places.place(product, call.body, call.now_us, size="size", force="force"))

    def _spot_place(self, call: Call) -> None:
        self._placed(call, self._places.place(SPOT, call.body, call.now_us, size="size", force="force"))

    def _mix_detail(self, call: Call) -> None:
        symbol = call.query.get("symbol", "").upper()
        if not symbol:
            raise QueryRefused("40034", "symbol")
        order = self._queries.order(call.query, call.now_us, _product(call), symbol)
        if order is None:
            raise QueryRefused("40109")
        row = futures_answer(order, self._instrument(order), self._clock, status_key="state")
        self._front.data(call, row, order.order_id)

    def _mix_pending(self, call: Call) -> None:
        """Without a status only live orders, as the page says."""
        product, symbol = _product(call), call.query.get("symbol", "").upper()
        wanted = _OPEN_WORDS.get(call.query.get("status", "live"))
        if wanted is None:
            raise QueryRefused("41101", "status")
        orders = self._queries.open(
            call.query,
            call.now_us,
            lambda each: each.product == product and symbol in ("", each.instrument) and each.ord_status is wanted,
        )
        self._list(call, orders)

    def _mix_history(self, call: Call) -> None:
        product, symbol = _product(call), call.query.get("symbol", "").upper()
        orders = self._queries.history(
            call.query, call.now_us, lambda each: each.product == product and symbol in ("", each.instrument)
        )
        self._list(call, orders)

    def _list(self, call: Call, orders: list[Order]) -> None:
        """No rows are null, as seen on futures."""
        rows = [self._mix_rows.row(each) for each in orders]
        self._front.data(call, {"entrustedList": rows or None, "endId": orders[-1].order_id if orders else None})

    def _spot_order(self, call: Call) -> None:
        order = self._queries.order(call.query, call.now_us, SPOT, "", alias_kept_us=ALIAS_KEPT_US)
        if order is None:
            self._front.data(call, [])
            return
        self._front.data(call, [self._spot_row(order, is_open_list=False)], order.order_id)

    def _spot_open(self, call: Call) -> None:
        symbol = call.query.get("symbol", "").upper()
        orders = self._queries.open(
            call.query, call.now_us, lambda each: each.product == SPOT and symbol in ("", each.instrument)
        )
        self._front.data(call, [self._spot_row(each, is_open_list=True) for each in orders])

    def _spot_history(self, call: Call) -> None:
        symbol = call.query.get("symbol", "").upper()
        orders = self._queries.history(
            call.query, call.now_us, lambda each: each.product == SPOT and symbol in ("", each.instrument)
        )
        self._front.data(call, [self._spot_row(each, is_open_list=False) for each in orders])

    def _spot_row(self, order: Order, *, is_open_list: bool) -> JsonObject:
        return spot_answer(order, self._clock, "7264631750", is_open_list=is_open_list)


class UnifiedRest(Rest):
    """Bitget: Unified account / Trade."""

    def routes(self) -> dict[str, Route]:
        """The table."""
        return {
            f"POST {UTA}/cancel-order": Route(self._cancel, counts=limits.UTA_CANCEL),
            f"POST {UTA}/place-order": Route(self._place),
            f"GET {UTA}/order-info": Route(self._order, limits.UTA_ORDER),
            f"GET {UTA}/unfilled-orders": Route(self._open, limits.UTA_UNFILLED),
            f"GET {UTA}/history-orders": Route(self._history, limits.UTA_HISTORY),
        }

    def _cancel(self, call: Call) -> None:
        category = text(call.body, "category").upper()
        is_known = category in ("", *UNIFIED_PRODUCTS)
        self._cancel_of(call, category, limits.UTA_CANCEL, "" if is_known else "41101", f"category={category}")

    def _place(self, call: Call) -> None:
        product = text(call.body, "category").upper()
        self._placed(call, self._places.place(product, call.body, call.now_us, size="qty", force="timeInForce"))

    def _order(self, call: Call) -> None:
        order = self._queries.order(call.query, call.now_us, "", "")
        if order is None:
            raise QueryRefused("25204")
        self._front.data(call, unified_row(order, self._instrument(order), self._clock), order.order_id)

    def _open(self, call: Call) -> None:
        category = call.query.get("category", "").upper()
        self._list(call, self._queries.open(call.query, call.now_us, lambda each: category in ("", each.product)))

    def _history(self, call: Call) -> None:
        category, symbol = call.query.get("category", "").upper(), call.query.get("symbol", "").upper()
        if not category:
            raise QueryRefused("40034", "category")
        orders = self._queries.history(
            call.query, call.now_us, lambda each: each.product == category and symbol in ("", each.instrument)
        )
        self._list(call, orders)

    def _list(self, call: Call, orders: list[Order]) -> None:
        rows = [self._unified_rows.row(each) for each in orders]
        self._front.data(call, {"list": rows, "cursor": orders[-1].order_id if orders else None})


def _product(call: Call) -> str:
    product = call.query.get("productType", "").upper()
    if product not in FUTURES:
        raise QueryRefused("40034", "productType")
    return product
