"""An order as HTX prints it: the pushed row, the matching engine's row, the queried row, the fill row.

Quantities and times are texts, `volume` counts contracts. An order without a client id shows its order id instead. In
a push `state` may be said before the last number is (HTX: Subscribe to Order Updates, note). This file decides nothing.
"""

from decimal import ROUND_HALF_EVEN, Decimal

from daemon.sim.book import ZERO, Fill, Order, OrdStatus
from daemon.sim.clock import VenueClock
from daemon.sim.pushing import Change
from daemon.sim.venues.htx.instruments import Instrument
from daemon.sim.wire import JsonObject, plain

FEE_RATE = Decimal("0.0004")
_PLACES = Decimal(1).scaleb(-12)
QUERY_ID_OFFSET = 117_440_512
"""History's rows have a query id of their own, which grows as the order ids do."""


def state(order: Order) -> str:
    """HTX's word for an order's state."""
    if order.ord_status in (OrdStatus.CANCELED, OrdStatus.EXPIRED):
        return "partially_canceled" if order.cum_qty else "canceled"
    return order.ord_status.value


def margin_mode(order: Order, instrument: Instrument) -> str:
    """The order's own mode, or the contract's where it was placed without one."""
    return order.terms.get("margin_mode", instrument.margin_mode)


def client_id(order: Order) -> str:
    """What stands as the client id."""
    return order.client_order_id or order.order_id


def push_row(change: Change, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of the topic `orders`."""
    order = change.order
    return {
        **_common(order, instrument, clock),
        "state": change.word or state(order),
        "profit": "0",
        "fee_currency": "USDT" if order.fills else None,
        "tp_type": "",
        "sl_type": "",
        "cancel_reason": order.cancel_source,
        "amend_origin_volume": "",
        "amend_source": "",
        "amend_result": "",
        "cancel_volume": _canceled(order),
    }


def match_row(change: Change, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of the topic `match_orders`: `trade_volume` is this trade's, the cumulative one has its own name."""
    order, fill = change.order, change.fill
    common = _common(order, instrument, clock)
    kept = "side type price volume contract_code contract_type order_id position_side price_match client_order_id"
    kept += " margin_mode order_source reduce_only time_in_force created_time self_match_prevent"
    stamp = str(clock.ms(order.updated_us))
    return {key: common[key] for key in kept.split()} | {
        "state": state(order),
        "id": f"{order.order_id}-{len(order.fills)}",
        "lever_rate": "",
        "cancel_reason": order.cancel_source or None,
        "trade_id": fill.trade_id if fill else None,
        "trade_volume": plain(fill.qty) if fill else None,
        "total_trade_volume": plain(order.cum_qty),
        "trade_price": plain(fill.price) if fill else None,
        "trade_turnover": plain(fill.price * fill.qty) if fill else None,
        "role": "maker" if fill else None,
        "match_time": stamp,
        "in_time": stamp,
        "cancel_volume": _canceled(order),
    }


def query_row(order: Order, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of Get Order Info and Get Current Orders."""
    return {
        "id": order.order_id,
        **_common(order, instrument, clock),
        "state": state(order),
        "profit": None,
        "fee_currency": "USDT" if order.fills else "",
        "tp_type": "0",
        "sl_type": "0",
        "price_protect": False,
        "real_profit": None,
        "cancel_reason": order.cancel_source or None,
        "cancel_volume": _canceled(order),
    }


def query_id(order: Order) -> int:
    """The id by which history is paged."""
    return int(order.order_id) + QUERY_ID_OFFSET


def history_row(order: Order, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of Get Order History."""
    return query_row(order, instrument, clock) | {"id": str(query_id(order))}


def fill_row(order: Order, fill: Fill, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of Get Order Details: one execution."""
    return {
        "id": f"{fill.trade_id}-{order.order_id}-1",
        "contract_code": order.instrument,
        "order_id": order.order_id,
        "trade_id": fill.trade_id,
        "side": order.side.value,
        "position_side": "both",
        "order_type": order.terms.get("type", "limit"),
        "margin_mode": margin_mode(order, instrument),
        "type": "trade",
        "role": "maker",
        "trade_price": plain(fill.price),
        "trade_volume": plain(fill.qty),
        "trade_turnover": plain(_turnover(fill.price * fill.qty, instrument)),
        "created_time": str(clock.ms(fill.at_us)),
        "updated_time": str(clock.ms(fill.at_us)),
        "order_source": "api",
        "fee_currency": "USDT",
        "trade_fee": _fee(fill.price * fill.qty, instrument),
        "profit": "0",
        "contract_type": instrument.contract_type,
    }


def _common(order: Order, instrument: Instrument, clock: VenueClock) -> JsonObject:
    blank = dict.fromkeys(("trigger_price", "order_price", "trigger_price_type"), "")
    return {
        "side": order.side.value,
        "type": order.terms.get("type", "limit"),
        "price": plain(order.price),
        "volume": plain(order.qty),
        "contract_code": order.instrument,
        "position_side": order.terms.get("position_side", "both"),
        "price_match": None,
        "order_id": order.order_id,
        "client_order_id": client_id(order),
        "margin_mode": margin_mode(order, instrument),
        "lever_rate": 5,
        "order_source": "api",
        "reduce_only": False,
        "time_in_force": order.terms.get("time_in_force", "gtc"),
        **{f"tp_{key}": value for key, value in blank.items()},
        **{f"sl_{key}": value for key, value in blank.items()},
        "trade_avg_price": _average(order),
        "trade_volume": plain(order.cum_qty),
        "trade_turnover": plain(_turnover(order.notional, instrument)),
        "fee": _fee(order.notional, instrument),
        "contract_type": instrument.contract_type,
        "created_time": str(clock.ms(order.created_us)),
        "updated_time": str(clock.ms(order.updated_us)),
        "self_match_prevent": "cancel_taker",
    }


def _canceled(order: Order) -> str:
    ended = order.ord_status in (OrdStatus.CANCELED, OrdStatus.EXPIRED)
    return plain(order.qty - order.cum_qty) if ended else "0"


def _average(order: Order) -> str:
    average = order.avg_price
    return "0" if average is None else plain(average.quantize(_PLACES, ROUND_HALF_EVEN).normalize())


def _turnover(notional: Decimal, instrument: Instrument) -> Decimal:
    return (notional * Decimal(instrument.face)).quantize(_PLACES, ROUND_HALF_EVEN).normalize() if notional else ZERO


def _fee(notional: Decimal, instrument: Instrument) -> str:
    """Negative for what was paid."""
    if not notional:
        return "0"
    return plain((-notional * Decimal(instrument.face) * FEE_RATE).quantize(_PLACES, ROUND_HALF_EVEN).normalize())
