"""An order and its fills as BingX prints them: the pushed update, the queried row, the row of a cancel, the fill.

Pushes have bare numbers and one-letter names; REST rows have texts, an id that is a number, and names that differ from
page to page (`StopPrice`, `stopPrice`, `clientOrderID`). This file decides nothing.
"""

from decimal import ROUND_HALF_EVEN, Decimal

from daemon.sim.book import ZERO, Fill, Order, OrdStatus, Side
from daemon.sim.clock import VenueClock
from daemon.sim.pushing import Change
from daemon.sim.venues.bingx.symbols import Symbol
from daemon.sim.wire import JsonObject, plain

FEE_RATE = Decimal("0.001")
_PLACES = Decimal(1).scaleb(-12)

STATUSES = {
    OrdStatus.NEW: "PENDING",
    OrdStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrdStatus.FILLED: "FILLED",
    OrdStatus.CANCELED: "CANCELED",
    OrdStatus.EXPIRED: "EXPIRED",
}


def update(change: Change, symbol: Symbol, clock: VenueClock) -> JsonObject:
    """The data of `spot.executionReport` (BingX: Spot / Websocket / Order update)."""
    order, fill = change.order, change.fill
    why = "TRADE" if fill else "NEW" if order.ord_status is OrdStatus.NEW else STATUSES[order.ord_status]
    row: JsonObject = {
        "e": "executionReport",
        "E": clock.ms(order.updated_us),
        "s": order.instrument,
        "S": order.side.value.upper(),
        "o": order.terms.get("type", "LIMIT"),
        "q": ZERO if "quote" in order.terms else order.qty,
        "p": order.price,
        "x": why,
        "X": STATUSES[order.ord_status],
        "i": int(order.order_id),
        "l": fill.qty if fill else ZERO,
        "z": order.cum_qty,
        "L": fill.price if fill else ZERO,
        "n": _fee(order, fill) if fill else ZERO,
        "N": _fee_asset(order, symbol) if fill else "",
        "T": clock.ms(fill.at_us) if fill else 0,
        "t": int(fill.trade_id) if fill else 0,
        "O": clock.ms(order.created_us),
        "Z": order.notional,
        "Y": fill.qty * fill.price if fill else ZERO,
        "Q": Decimal(order.terms.get("quote", "0")),
        "m": fill is not None,
    }
    return row if order.client_order_id is None else row | {"C": order.client_order_id}


def query_row(order: Order, symbol: Symbol, clock: VenueClock) -> JsonObject:
    """The row of the order query, of open orders and of history (BingX: Spot / Trade).

    An order that is partly filled may be called PENDING in it; here every other one is.
    """
    row = _common(order)
    if order.ord_status is OrdStatus.PARTIALLY_FILLED and int(order.order_id) % 2:
        row["status"] = "PENDING"
    return {
        **row,
        "StopPrice": "0",
        "time": clock.ms(order.created_us),
        "updateTime": clock.ms(order.updated_us),
        "origQuoteOrderQty": order.terms.get("quote", "0"),
        "fee": plain(sum((_fee(order, fill) for fill in order.fills), ZERO)),
        "feeAsset": _fee_asset(order, symbol),
        "avgPrice": _average(order),
    }


def cancel_row(order: Order, status: str) -> JsonObject:
    """The data of an accepted cancel (BingX: Spot / Trade / Cancel Order)."""
    return {**_common(order), "stopPrice": "0", "status": status}


def placed_row(order: Order, clock: VenueClock) -> JsonObject:
    """The data of an accepted placement (BingX: Spot / Trade / Place order)."""
    return {**_common(order), "stopPrice": "0", "transactTime": clock.ms(order.created_us)}


def fill_row(order: Order, fill: Fill, symbol: Symbol, clock: VenueClock) -> JsonObject:
    """The row of a transaction (BingX: Spot / Trade / Query transaction details)."""
    return {
        "symbol": order.instrument,
        "id": int(fill.trade_id),
        "orderId": int(order.order_id),
        "price": plain(fill.price),
        "qty": plain(fill.qty),
        "quoteQty": plain(fill.price * fill.qty),
        "commission": _fee(order, fill),
        "commissionAsset": _fee_asset(order, symbol),
        "time": clock.ms(fill.at_us),
        "isBuyer": order.side is Side.BUY,
        "isMaker": True,
    }


def _common(order: Order) -> JsonObject:
    row: JsonObject = {
        "symbol": order.instrument,
        "orderId": int(order.order_id),
        "price": plain(order.price),
        "origQty": "0" if "quote" in order.terms else plain(order.qty),
        "executedQty": plain(order.cum_qty),
        "cummulativeQuoteQty": plain(order.notional),
        "status": STATUSES[order.ord_status],
        "type": order.terms.get("type", "LIMIT"),
        "side": order.side.value.upper(),
    }
    return row if order.client_order_id is None else row | {"clientOrderID": order.client_order_id}


def _average(order: Order) -> str:
    average = order.avg_price
    return "0" if average is None else plain(average.quantize(_PLACES, ROUND_HALF_EVEN).normalize())


def _fee(order: Order, fill: Fill) -> Decimal:
    """Below zero, since it was charged."""
    fee = -fill.qty * FEE_RATE * (1 if order.side is Side.BUY else fill.price)
    return fee.quantize(_PLACES, ROUND_HALF_EVEN).normalize()


def _fee_asset(order: Order, symbol: Symbol) -> str:
    return symbol.base if order.side is Side.BUY else symbol.quote
