"""Frames and bodies as OKX writes them about spread orders (its pages' shapes, values made up)."""

from __future__ import annotations

from typing import Any

import orjson

from protocols.dialect import Inbound, Profile
from protocols.evidence import OrderReported
from protocols.venues.okx_spread.dialect import OkxSpread

SPREAD = OkxSpread(Profile())
PLAN = SPREAD.sockets()[0]

SPRD_ID = "BTC-USDT_BTC-USDT-SWAP"
ORDER_ID = "3300000000000000001"
CLIENT_ORDER_ID = "tks000001"

LIVE_ROW: dict[str, Any] = {
    "sprdId": SPRD_ID,
    "ordId": ORDER_ID,
    "clOrdId": CLIENT_ORDER_ID,
    "tag": "",
    "px": "5",
    "sz": "3",
    "ordType": "limit",
    "side": "buy",
    "fillSz": "",
    "fillPx": "",
    "tradeId": "",
    "accFillSz": "0",
    "pendingFillSz": "3",
    "pendingSettleSz": "0",
    "canceledSz": "0",
    "state": "live",
    "avgPx": "0",
    "cancelSource": "",
    "uTime": "1763600000100",
    "cTime": "1763600000100",
    "code": "0",
    "msg": "",
    "reqId": "",
    "amendResult": "",
}
PARTIAL_ROW = LIVE_ROW | {
    "state": "partially_filled",
    "fillSz": "1",
    "fillPx": "5",
    "tradeId": "990000001",
    "accFillSz": "1",
    "pendingFillSz": "2",
    "pendingSettleSz": "1",
    "avgPx": "5",
    "uTime": "1763600001100",
}
FILLED_ROW = PARTIAL_ROW | {
    "state": "filled",
    "fillSz": "2",
    "tradeId": "990000002",
    "accFillSz": "3",
    "pendingFillSz": "0",
    "pendingSettleSz": "0",
    "uTime": "1763600002100",
}
CANCELED_ROW = PARTIAL_ROW | {
    "state": "canceled",
    "fillSz": "",
    "fillPx": "",
    "tradeId": "",
    "pendingFillSz": "0",
    "pendingSettleSz": "0",
    "canceledSz": "2",
    "cancelSource": "1",
    "uTime": "1763600003100",
}
TRADE_ROW: dict[str, Any] = {
    "sprdId": SPRD_ID,
    "tradeId": "990000001",
    "ordId": ORDER_ID,
    "clOrdId": CLIENT_ORDER_ID,
    "tag": "",
    "fillPx": "5",
    "fillSz": "1",
    "side": "buy",
    "state": "filled",
    "execType": "M",
    "ts": "1763600001100",
    "legs": [
        {
            "instId": "BTC-USDT-SWAP",
            "px": "90005",
            "sz": "1",
            "szCont": "100",
            "side": "buy",
            "fillPnl": "0",
            "fee": "-4.5",
            "feeCcy": "USDT",
            "tradeId": "1282409198",
        }
    ],
    "code": "",
    "msg": "",
}
ACCEPTED = (
    '{"id":"d0000001","op":"sprd-cancel-order","data":[{"clOrdId":"","ordId":"3300000000000000001","sCode":"0",'
    '"sMsg":""}],"code":"0","msg":""}'
)
REFUSED = (
    '{"id":"d0000001","op":"sprd-cancel-order","data":[{"clOrdId":"","ordId":"3300000000000000001","sCode":"51410",'
    '"sMsg":"Cancellation failed as the order is already in canceling status or pending settlement."}],"code":"1",'
    '"msg":""}'
)


def push(*rows: object) -> str:
    """A sprd-orders push of these rows."""
    return orjson.dumps({"arg": {"channel": "sprd-orders", "uid": "614488474791936"}, "data": rows}).decode()


def decoded(raw: bytes | str) -> tuple[Inbound, ...]:
    return SPREAD.decode(PLAN, raw)


def report(**members: object) -> OrderReported:
    """What a push of the partially filled order says, with these members changed; None takes one away."""
    row = {key: value for key, value in (PARTIAL_ROW | members).items() if value is not None}
    (item,) = decoded(push(row))
    assert isinstance(item, OrderReported), item
    return item
