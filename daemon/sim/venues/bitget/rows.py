"""An order as Bitget prints it: pushed and queried, on futures, spot and the unified account. Values are texts.

`baseVolume` of a push is the latest fill's, of an answer the sum of all. Fields of a fill are absent from a push that
is none, and `priceAvg` from a futures push without any. The sources are Bitget: Contract, Spot / Order channel, Get
order detail, Get order info; Unified account / Order channel, Get order details. This file decides nothing.
"""

from decimal import ROUND_HALF_EVEN, Decimal

from daemon.sim.book import Fill, Order, OrdStatus, Side
from daemon.sim.clock import VenueClock
from daemon.sim.pushing import Change
from daemon.sim.venues.bitget.instruments import Instrument
from daemon.sim.wire import JsonObject, plain

FEE_RATE = Decimal("0.0006")
_PLACES = Decimal(1).scaleb(-8)

FUTURES_WORDS = {
    OrdStatus.NEW: "live",
    OrdStatus.PARTIALLY_FILLED: "partially_filled",
    OrdStatus.FILLED: "filled",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.EXPIRED: "canceled",
}
OTHER_WORDS = FUTURES_WORDS | {OrdStatus.CANCELED: "cancelled", OrdStatus.EXPIRED: "cancelled"}
"""Spot, margin and the unified account spell it with two l."""


def futures_push(change: Change, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of the classic futures order channel."""
    order, fill = change.order, change.fill
    row: JsonObject = {
        "accBaseVolume": plain(order.cum_qty),
        "cTime": clock.ms_text(order.created_us),
        "cancelReason": order.cancel_source,
        "clientOid": order.client_order_id or "",
        "enterPointSource": "API",
        "feeDetail": [{"feeCoin": instrument.margin_coin, "fee": _fee(order.notional)}],
        "force": order.terms.get("force", "gtc"),
        "instId": order.instrument,
        "leverage": "10",
        "marginCoin": instrument.margin_coin,
        "marginMode": "crossed",
        "notionalUsd": plain(order.price * order.qty),
        "orderId": order.order_id,
        "orderType": "limit",
        "posMode": "one_way_mode",
        "posSide": "net",
        "presetStopLossPrice": "",
        "presetStopSurplusPrice": "",
        "price": plain(order.price),
        "reduceOnly": "no",
        "side": order.side.value,
        "size": plain(order.qty),
        "status": FUTURES_WORDS[order.ord_status],
        "stpMode": "none",
        "totalProfits": "0",
        "tradeSide": f"{order.side.value}_single",
        "uTime": clock.ms_text(order.updated_us),
    }
    if fill is not None:
        row |= _fill(fill, order, instrument.margin_coin, clock)
        row |= {"pnl": "0", "fillNotionalUsd": plain(fill.price * fill.qty), "priceAvg": _average(order)}
    return row


def spot_push(change: Change, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of the classic spot order channel: `size` of a buy is an amount of quote coin."""
    order, fill = change.order, change.fill
    amount = order.price * order.qty
    row: JsonObject = {
        "instId": order.instrument,
        "orderId": order.order_id,
        "clientOid": order.client_order_id or "",
        "price": plain(order.price),
        "size": plain(amount if order.side is Side.BUY else order.qty),
        "newSize": plain(order.qty),
        "notional": plain(amount),
        "orderType": "limit",
        "force": order.terms.get("force", "gtc"),
        "side": order.side.value,
        "accBaseVolume": plain(order.cum_qty),
        "priceAvg": _average(order) or "0.00000",
        "status": OTHER_WORDS[order.ord_status],
        "cTime": clock.ms_text(order.created_us),
        "uTime": clock.ms_text(order.updated_us),
        "stpMode": "none",
        "feeDetail": [{"feeCoin": instrument.quote, "fee": _fee(order.notional)}] if order.fills else [],
        "enterPointSource": "API",
    }
    return row if fill is None else row | _fill(fill, order, instrument.quote, clock)


def unified_push(change: Change, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of the unified account's order topic, the undocumented fields that were seen live among them."""
    return unified_row(change.order, instrument, clock) | {
        "category": instrument.product.lower(),
        "reduceOnly": "no",
        "totalProfit": "0",
        "leverage": "10" if instrument.is_futures else "",
        "tradeSide": "open",
        "marginMode": "crossed",
        "marginCoin": instrument.margin_coin,
        "holdSide": "long",
        "matchType": "",
    }


def futures_answer(order: Order, instrument: Instrument, clock: VenueClock, *, status_key: str) -> JsonObject:
    """The row of the classic futures queries; the detail calls its status `state`."""
    return {
        "symbol": order.instrument,
        "size": plain(order.qty),
        "orderId": order.order_id,
        "clientOid": order.client_order_id or "",
        "baseVolume": plain(order.cum_qty),
        "fee": _fee(order.notional),
        "price": plain(order.price),
        "priceAvg": _average(order),
        status_key: FUTURES_WORDS[order.ord_status],
        "side": order.side.value,
        "force": order.terms.get("force", "gtc"),
        "totalProfits": "0",
        "posSide": "net",
        "marginCoin": instrument.margin_coin,
        "quoteVolume": plain(order.notional),
        "leverage": "10",
        "marginMode": "crossed",
        "enterPointSource": "API",
        "tradeSide": f"{order.side.value}_single",
        "posMode": "one_way_mode",
        "orderType": "limit",
        "orderSource": "normal",
        "reduceOnly": "NO",
        "cancelReason": order.cancel_source,
        "cTime": clock.ms_text(order.created_us),
        "uTime": clock.ms_text(order.updated_us),
    }


def spot_answer(order: Order, clock: VenueClock, uid: str, *, is_open_list: bool) -> JsonObject:
    """The row of the classic spot queries. In the list of open orders `priceAvg` is the limit price."""
    row: JsonObject = {
        "userId": uid,
        "symbol": order.instrument,
        "orderId": order.order_id,
        "clientOid": order.client_order_id or "",
        "size": plain(order.qty),
        "orderType": "limit",
        "side": order.side.value,
        "status": OTHER_WORDS[order.ord_status],
        "baseVolume": plain(order.cum_qty),
        "quoteVolume": plain(order.notional),
        "enterPointSource": "API",
        "orderSource": "normal",
        "tpslType": "normal",
        "cTime": clock.ms_text(order.created_us),
        "uTime": clock.ms_text(order.updated_us),
    }
    if is_open_list:
        return row | {"priceAvg": plain(order.price), "basePrice": _average(order) or "0"}
    return row | {
        "price": plain(order.price),
        "priceAvg": _average(order) or "0",
        "cancelReason": order.cancel_source,
        "feeDetail": "",
    }


def unified_row(order: Order, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of the unified account's queries."""
    return {
        "category": instrument.product,
        "symbol": order.instrument,
        "orderId": order.order_id,
        "clientOid": order.client_order_id or "",
        "price": plain(order.price),
        "qty": plain(order.qty),
        "amount": "0",
        "holdMode": "one_way_mode",
        "posSide": "long",
        "orderType": "limit",
        "timeInForce": order.terms.get("force", "gtc"),
        "side": order.side.value,
        "reduceOnly": "NO",
        "cumExecQty": plain(order.cum_qty),
        "cumExecValue": plain(order.notional),
        "avgPrice": _average(order) or "0",
        "orderStatus": OTHER_WORDS[order.ord_status],
        "cancelReason": order.cancel_source,
        "feeDetail": [{"feeCoin": instrument.quote, "fee": _fee(order.notional)}] if order.fills else [],
        "createdTime": clock.ms_text(order.created_us),
        "updatedTime": clock.ms_text(order.updated_us),
        "stpMode": "none",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "takeprofit": "",
        "stoploss": "",
        "tpOrderType": "market",
        "slOrderType": "market",
        "tpLimitPrice": "",
        "slLimitPrice": "",
    }


def _fill(fill: Fill, order: Order, coin: str, clock: VenueClock) -> JsonObject:
    return {
        "baseVolume": plain(fill.qty),
        "fillPrice": plain(fill.price),
        "fillTime": clock.ms_text(fill.at_us),
        "fillFee": _fee(fill.price * fill.qty),
        "fillFeeCoin": coin,
        "tradeId": fill.trade_id,
        "tradeScope": "M",
        "priceAvg": _average(order),
    }


def _average(order: Order) -> str:
    average = order.avg_price
    return "" if average is None else plain(average.quantize(_PLACES, ROUND_HALF_EVEN).normalize())


def _fee(notional: Decimal) -> str:
    return plain(-(notional * FEE_RATE).quantize(_PLACES, ROUND_HALF_EVEN)) if notional else "0.00000000"
