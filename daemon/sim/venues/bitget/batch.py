"""Bitget's calls that cancel several orders: batches, and all of a product or symbol. Bodies in, answers out.

Bitget: Contract / Trade / Batch cancel, Cancel all orders; Spot / Trade / Batch cancel orders, Cancel by symbol;
Unified account / Trade / Batch cancel, Cancel by symbol, and its Batch Cancel Channel. v2 answers with two lists and
success at the top, even if every item failed; v3 with one list. What becomes of the orders is `cancel`'s.
"""

from collections.abc import Callable, Sequence

from daemon.sim.rates import RateRule
from daemon.sim.venue import Floor
from daemon.sim.venues.bitget import codes, limits
from daemon.sim.venues.bitget.cancel import CancelAsk, Cancels, Row
from daemon.sim.venues.bitget.front import Call, Front, Route
from daemon.sim.venues.bitget.instruments import FUTURES, SPOT, UNIFIED_PRODUCTS
from daemon.sim.venues.bitget.queries import QueryRefused
from daemon.sim.venues.bitget.roads import unified_row
from daemon.sim.wire import JsonObject, text

MIX, SPOT_TRADE, UTA = "/api/v2/mix/order", "/api/v2/spot/trade", "/api/v3/trade"
CLASSIC_MAX, UNIFIED_MAX = 50, 20
LISTS = {f"{MIX}/batch-cancel-orders": "orderIdList", f"{SPOT_TRADE}/batch-cancel-order": "orderList"}
"""Where each classic batch lists its orders."""
UNIFIED_BATCH = f"{UTA}/cancel-batch"
Shape = Callable[[Sequence[Row]], object]


def named_in(path: str, call: Call) -> Sequence[JsonObject]:
    """The orders that a call of several names, whatever else is wrong with it."""
    return call.listed if path == UNIFIED_BATCH else objects(call.body.get(LISTS.get(path, "")))


def objects(value: object) -> list[JsonObject]:
    """The objects of a list; none of anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def classic_shape(rows: Sequence[Row]) -> object:
    """v2: those that were taken, and those that failed."""
    failed = [
        _ids(row) | {"errorCode": row.code, "errorMsg": codes.message(row.code, row.detail)}
        for row in rows
        if row.code != codes.ACCEPTED
    ]
    return {"successList": [_ids(row) for row in rows if row.code == codes.ACCEPTED], "failureList": failed}


def unified_shape(rows: Sequence[Row]) -> list[JsonObject]:
    """v3: each with its code."""
    return [unified_row(row) for row in rows]


def _ids(row: Row) -> JsonObject:
    return {"orderId": row.order_id, "clientOid": row.client_order_id}


class BatchBack:
    """The way back for a REST call: its data in the generation's shape."""

    def __init__(self, front: Front, call: Call, shape: Shape) -> None:
        self._front = front
        self._call = call
        self._shape = shape

    def answer_batch(self, rows: Sequence[Row], fault_id: str, now_us: int) -> None:
        """Send it."""
        self._front.data(self._call, self._shape(rows), fault_id or None)


class BatchCalls:
    """Serves them; `routes` are those of either generation."""

    def __init__(self, floor: Floor, front: Front, cancels: Cancels) -> None:
        self._book = floor.book
        self._front = front
        self._cancels = cancels

    def classic_routes(self) -> dict[str, Route]:
        """The classic account's."""
        return {
            f"POST {MIX}/batch-cancel-orders": Route(self._mix_batch, counts=limits.MIX_BATCH),
            f"POST {SPOT_TRADE}/batch-cancel-order": Route(self._spot_batch, counts=limits.SPOT_BATCH),
            f"POST {MIX}/cancel-all-orders": Route(self._mix_all, limits.MIX_CANCEL_ALL),
            f"POST {SPOT_TRADE}/cancel-symbol-order": Route(self._spot_symbol, limits.SPOT_CANCEL_SYMBOL),
        }

    def unified_routes(self) -> dict[str, Route]:
        """The unified account's."""
        return {
            f"POST {UNIFIED_BATCH}": Route(self._unified_batch, counts=limits.UTA_BATCH),
            f"POST {UTA}/cancel-symbol-order": Route(self._unified_symbol, limits.UTA_CANCEL_SYMBOL),
        }

    def _mix_batch(self, call: Call) -> None:
        product, symbol = text(call.body, "productType").upper(), text(call.body, "symbol")
        if product not in FUTURES or not symbol:
            raise QueryRefused("40034", "symbol" if product in FUTURES else "productType")
        self._batch(call, objects(call.body.get("orderIdList")), product, limits.MIX_BATCH, symbol)

    def _spot_batch(self, call: Call) -> None:
        rows = objects(call.body.get("orderList"))
        if any("orderId" in row for row in rows):  # client ids beside order ids are not found
            rows = [{**row, "clientOid": ""} if "orderId" not in row else row for row in rows]
        self._batch(call, rows, SPOT, limits.SPOT_BATCH, text(call.body, "symbol"))

    def _batch(self, call: Call, rows: Sequence[JsonObject], product: str, rule: RateRule, symbol: str) -> None:
        self._require(rows, CLASSIC_MAX)
        asks = [
            CancelAsk(product, text(row, "symbol") or symbol, text(row, "orderId"), text(row, "clientOid"), rule)
            for row in rows
        ]
        back = BatchBack(self._front, call, classic_shape)
        self._cancels.batch(asks, rule, self._front.road(call), back, call.now_us)

    def _unified_batch(self, call: Call) -> None:
        self._require(call.listed, UNIFIED_MAX)
        categories = {text(row, "category").upper() for row in call.listed}
        if len(categories) != 1 or not categories <= set(UNIFIED_PRODUCTS):
            raise QueryRefused("41101", "category")
        asks = unified_asks(call.listed, categories.pop())
        back = BatchBack(self._front, call, unified_shape)
        self._cancels.batch(asks, limits.UTA_BATCH, self._front.road(call), back, call.now_us)

    def _require(self, rows: Sequence[JsonObject], most: int) -> None:
        if not rows:
            raise QueryRefused("40034", "orderIdList")
        if len(rows) > most:
            raise QueryRefused("40912")

    # ------------------------------------------------------------ everything

    def _mix_all(self, call: Call) -> None:
        product = text(call.body, "productType").upper()
        if product not in FUTURES:
            raise QueryRefused("40034", "productType")
        self._everything(call, product, text(call.body, "symbol"), classic_shape)

    def _spot_symbol(self, call: Call) -> None:
        symbol = text(call.body, "symbol")
        if not symbol:
            raise QueryRefused("40034", "symbol")
        self._everything(call, SPOT, symbol, lambda _: {"symbol": symbol})

    def _unified_symbol(self, call: Call) -> None:
        category = text(call.body, "category").upper()
        if category not in UNIFIED_PRODUCTS:
            raise QueryRefused("40034", "category")
        self._everything(call, category, text(call.body, "symbol"), lambda rows: {"list": unified_shape(rows)})

    def _everything(self, call: Call, product: str, symbol: str, shape: Shape) -> None:
        orders = [order for order in self._book.live() if order.product == product and symbol in ("", order.instrument)]
        back = BatchBack(self._front, call, shape)
        self._cancels.symbol(orders, self._front.road(call), back, call.now_us)


def unified_asks(rows: Sequence[JsonObject], category: str) -> list[CancelAsk]:
    """The asks of a v3 batch. Beside order ids the client ids are ignored, as the page says."""
    has_order_ids = any(text(row, "orderId") for row in rows)
    return [
        CancelAsk(
            category,
            "",
            text(row, "orderId"),
            "" if has_order_ids else text(row, "clientOid"),
            limits.UTA_BATCH,
        )
        for row in rows
    ]
