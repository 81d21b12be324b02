"""An order and its fills as OKX prints them: the pushed row, the queried row, the fill row. Every value is a text.

In a push the fill fields are those of this change only and blank otherwise; in a query they are those of the last
fill (OKX: Trade / WS Order channel; GET Order details). This file decides nothing.
"""

from decimal import ROUND_HALF_EVEN, Decimal

from daemon.sim.book import EndedBy, Fill, Order, OrdStatus, Side
from daemon.sim.clock import VenueClock
from daemon.sim.pushing import Change
from daemon.sim.venues.okx.instruments import Instrument, Instruments
from daemon.sim.wire import JsonObject, plain

FEE_RATE = Decimal("0.0008")
_PLACES = Decimal(1).scaleb(-12)

STATES = {
    OrdStatus.NEW: "live",
    OrdStatus.PARTIALLY_FILLED: "partially_filled",
    OrdStatus.FILLED: "filled",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.EXPIRED: "canceled",
}


class TradePrints:
    """Prints the orders of OKX trade; see `product.Prints`."""

    def __init__(self, instruments: Instruments, clock: VenueClock) -> None:
        self._instruments = instruments
        self._clock = clock

    def pushed(self, change: Change) -> JsonObject:
        """The row of the orders channel."""
        return push_row(change, self._instrument(change.order), self._clock)

    def queried(self, order: Order) -> JsonObject:
        """The row of GET Order details, pending and history."""
        return query_row(order, self._instrument(order), self._clock)

    def executions(self, order: Order) -> list[tuple[Fill, JsonObject]]:
        """The rows of GET Transaction details."""
        instrument = self._instrument(order)
        return [(fill, fill_row(order, fill, instrument, self._clock)) for fill in order.fills]

    def facts(self, order: Order) -> dict[str, str]:
        """What the channel and the listings may narrow by."""
        instrument = self._instrument(order)
        return {
            "instType": instrument.inst_type,
            "instFamily": instrument.family,
            "instId": order.instrument,
            "ordType": order.terms.get("ordType", "limit"),
            "state": STATES[order.ord_status],
        }

    def _instrument(self, order: Order) -> Instrument:
        instrument = self._instruments.get(order.instrument)
        if instrument is None:
            raise AssertionError(f"order {order.order_id} rests in {order.instrument}, which is not listed")
        return instrument


def push_row(change: Change, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of the orders channel."""
    order, fill = change.order, change.fill
    return {
        **_common(order, instrument, clock),
        "amendResult": "",
        "amendSource": "",
        "avgPx": _average(order) or "0",
        "code": "0",
        "execType": "M" if fill else "",
        "fillFee": _fee(order, fill) if fill else "0",
        "fillFeeCcy": _fee_currency(order, instrument) if fill else "",
        "fillFwdPx": "",
        "fillIdxPx": "",
        "fillMarkPx": "",
        "fillMarkVol": "",
        "fillNotionalUsd": plain(fill.price * fill.qty) if fill else "",
        "fillPnl": "0",
        "fillPx": plain(fill.price) if fill else "",
        "fillPxUsd": "",
        "fillPxVol": "",
        "fillSz": plain(fill.qty) if fill else "0",
        "fillTime": clock.ms_text(fill.at_us) if fill else "",
        "lastPx": plain(instrument.price),
        "msg": "",
        "notionalUsd": plain(order.price * order.qty),
        "reqId": "",
        "tradeId": fill.trade_id if fill else "",
    }


def query_row(order: Order, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of GET Order details, pending and history."""
    last = order.fills[-1] if order.fills else None
    return {
        **_common(order, instrument, clock),
        "avgPx": _average(order),
        "cancelSourceReason": _cancel_reason(order),
        "fillPx": plain(last.price) if last else "",
        "fillSz": plain(last.qty) if last else "0",
        "fillTime": clock.ms_text(last.at_us) if last else "",
        "tradeId": last.trade_id if last else "",
    }


def fill_row(order: Order, fill: Fill, instrument: Instrument, clock: VenueClock) -> JsonObject:
    """The row of GET Transaction details."""
    stamp = clock.ms_text(fill.at_us)
    return {
        "billId": fill.trade_id,
        "clOrdId": order.client_order_id or "",
        "execType": "M",
        "fee": _fee(order, fill),
        "feeCcy": _fee_currency(order, instrument),
        "fillPx": plain(fill.price),
        "fillSz": plain(fill.qty),
        "fillTime": stamp,
        "instId": order.instrument,
        "instType": instrument.inst_type,
        "ordId": order.order_id,
        "posSide": _position_side(instrument),
        "side": order.side.value,
        "tag": order.terms.get("tag", ""),
        "tradeId": fill.trade_id,
        "ts": stamp,
    }


def _common(order: Order, instrument: Instrument, clock: VenueClock) -> JsonObject:
    return {
        "accFillSz": plain(order.cum_qty),
        "algoClOrdId": "",
        "algoId": "",
        "attachAlgoClOrdId": "",
        "attachAlgoOrds": [],
        "cTime": clock.ms_text(order.created_us),
        "cancelSource": order.cancel_source,
        "category": "normal",
        "ccy": "",
        "clOrdId": order.client_order_id or "",
        "fee": _round(sum((_fee_of(order, each) for each in order.fills), Decimal(0))),
        "feeCcy": _fee_currency(order, instrument),
        "instId": order.instrument,
        "instType": instrument.inst_type,
        "isTpLimit": "false",
        "lever": "0" if instrument.contract_value is None else "3",
        "linkedAlgoOrd": {"algoId": ""},
        "ordId": order.order_id,
        "ordType": order.terms.get("ordType", "limit"),
        "pnl": "0",
        "posSide": _position_side(instrument),
        "px": plain(order.price),
        "pxType": "",
        "pxUsd": "",
        "pxVol": "",
        "quickMgnType": "",
        "rebate": "0",
        "rebateCcy": instrument.quote,
        "reduceOnly": "false",
        "side": order.side.value,
        "slOrdPx": "",
        "slTriggerPx": "",
        "slTriggerPxType": "",
        "source": "",
        "state": STATES[order.ord_status],
        "stpId": "",
        "stpMode": "cancel_maker",
        "sz": plain(order.qty),
        "tag": order.terms.get("tag", ""),
        "tdMode": order.terms.get("tdMode", "cash" if instrument.contract_value is None else "cross"),
        "tgtCcy": "",
        "tpOrdPx": "",
        "tpTriggerPx": "",
        "tpTriggerPxType": "",
        "tradeQuoteCcy": instrument.quote,
        "uTime": clock.ms_text(order.updated_us),
    }


def _average(order: Order) -> str:
    average = order.avg_price
    return "" if average is None else plain(average.quantize(_PLACES, ROUND_HALF_EVEN).normalize())


def _fee_of(order: Order, fill: Fill) -> Decimal:
    return -fill.qty * FEE_RATE * (1 if order.side is Side.BUY else fill.price)


def _fee(order: Order, fill: Fill) -> str:
    return _round(_fee_of(order, fill))


def _round(fee: Decimal) -> str:
    return plain(fee.quantize(_PLACES, ROUND_HALF_EVEN).normalize()) if fee else "0"


def _fee_currency(order: Order, instrument: Instrument) -> str:
    return instrument.base if order.side is Side.BUY and instrument.contract_value is None else instrument.quote


def _position_side(instrument: Instrument) -> str:
    return "" if instrument.contract_value is None else "net"


def _cancel_reason(order: Order) -> str:
    if order.ended_by is None:
        return ""
    return "Order was canceled by you" if order.ended_by is EndedBy.USER else "Order was canceled by the system"
