"""The unified Bitget account's material, where it is not the classic one's."""

from __future__ import annotations

import orjson

from tests.protocols.material import bitget
from tests.protocols.material.kit import SEND_ID, Json, Keys, Material, Told

PUSHED_ROW: Json = {
    "category": "usdt-futures", "symbol": "BTCUSDT", "orderId": bitget.ORDER_ID, "clientOid": "mine:7",
    "price": "50000", "qty": "0.01", "amount": "0", "holdMode": "hedge_mode", "holdSide": "long", "tradeSide": "open",
    "orderType": "limit", "timeInForce": "gtc", "side": "buy", "marginMode": "crossed", "marginCoin": "USDT",
    "reduceOnly": "no", "cumExecQty": "0", "cumExecValue": "0", "avgPrice": "0", "totalProfit": "0",
    "orderStatus": "live", "cancelReason": "", "leverage": "10", "feeDetail": [], "createdTime": "1758180740324",
    "updatedTime": "1758180740324", "stpMode": "none", "tpTriggerBy": "", "slTriggerBy": "", "takeprofit": "",
    "stoploss": "", "tpOrderType": "market", "slOrderType": "market", "tpLimitPrice": "", "slLimitPrice": "",
}  # fmt: skip
QUERIED_ROW: Json = PUSHED_ROW | {"category": "USDT-FUTURES", "reduceOnly": "NO"}
KEYS = Keys(
    order_id="orderId",
    client_order_id="clientOid",
    instrument="symbol",
    status="orderStatus",
    cum_qty="cumExecQty",
    side="side",
)


def told(code: int) -> Told:
    """An accepted cancel names both ids; a refused one nothing but the frame."""
    if code:
        frame: Json = {"event": "error", "id": SEND_ID, "code": str(code), "msg": "said"}
    else:
        ids = {"orderId": bitget.ORDER_ID, "clientOid": "mine:7"}
        frame = {"event": "trade", "id": SEND_ID, "topic": "cancel-order", "args": [ids], "code": "0", "msg": "Success"}
    return Told(code=str(code), frame=orjson.dumps(frame).decode(), response=bitget.answered_by_rest(code))


def subscribed(key: str) -> str:
    return orjson.dumps({"event": "subscribe", "arg": {"instType": "UTA", "topic": key}, "connId": "x1"}).decode()


def push(row: Json) -> str:
    arg = {"instType": "UTA", "topic": "order"}
    return orjson.dumps({"action": "snapshot", "arg": arg, "data": [row], "ts": 1758180740327}).decode()


MATERIALS = (
    Material(
        name="bitget_uta",
        venue="bitget_uta",
        product="USDT-FUTURES",
        instrument="BTCUSDT",
        order_id=bitget.ORDER_ID,
        client_order_id="mine:7",
        wrong_order_ids=("", "12a", "1" * 33),
        wrong_client_order_ids=("", "mine#7", "a" * 33),
        logins=bitget.LOGINS,
        login_refusals=bitget.LOGIN_REFUSALS,
        subscribed=subscribed,
        subscribe_refusals=(
            ('{"event":"error","arg":{"instType":"uta","topic":"order"},"code":30001,"msg":"said"}', "order"),
            ('{"event":"error","code":30004,"msg":"User not logged in"}', ""),
        ),
        push=push,
        pushed=bitget.seen(PUSHED_ROW, "orderStatus", "cumExecQty", "cancelled"),
        push_keys=KEYS,
        answer=bitget.accepted,
        queried=bitget.seen(QUERIED_ROW, "orderStatus", "cumExecQty", "cancelled"),
        answer_keys=KEYS,
        answers={proof: told(code) for proof, code in bitget.CODES.items()},
        unlisted=told(49999),
        nameless=bitget.NAMELESS,
        not_found=bitget.refused(25204),
    ),
)
