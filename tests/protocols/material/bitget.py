"""The classic Bitget account's material: futures, and spot, which names some things otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from protocols.dialect import RefusalKind
from protocols.evidence import Proof
from protocols.fix import OrdStatus
from tests.protocols.material.kit import SEND_ID, Json, Keys, Material, Seen, Told, body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from protocols.rest import RestResponse

ORDER_ID = "1376999173366317057"
CLIENT_ORDER_ID = "mine#7"
LOGINS = (
    '{"event":"login","code":0}',
    '{"event":"login","code":"0","msg":""}',
    '{"event":"login","code":0,"connId":"x1"}',
)
LOGIN_REFUSALS = (
    ('{"event":"error","code":30015,"msg":"Invalid sign"}', RefusalKind.CREDENTIALS),
    ('{"event":"error","code":"30005","msg":"error"}', RefusalKind.CREDENTIALS),
    ('{"event":"error","code":30014,"msg":"said"}', RefusalKind.CLOCK),
    ('{"event":"login","code":39999,"msg":"said"}', RefusalKind.BROKEN),
)
NAMELESS = ('{"event":"error","code":30007,"msg":"said"}', '{"event":"error","code":40725,"msg":"said"}')
CODES = {
    Proof.ACCEPTED: 0,
    Proof.GONE: 43001,
    Proof.IN_PROGRESS: 25113,
    Proof.UNCHANGED_RETRY: 429,
    Proof.UNCHANGED_FINAL: 45056,
    Proof.UNKNOWN: 40725,
}
FUTURES_PUSHED: Json = {
    "accBaseVolume": "0", "cTime": "1764128107021", "cancelReason": "", "clientOid": CLIENT_ORDER_ID,
    "enterPointSource": "API", "feeDetail": [{"feeCoin": "USDT", "fee": "0.00000000"}], "force": "gtc",
    "instId": "BTCUSDT", "leverage": "20", "marginCoin": "USDT", "marginMode": "isolated", "notionalUsd": "500",
    "orderId": ORDER_ID, "orderType": "limit", "posMode": "hedge_mode", "posSide": "long", "price": "50000",
    "reduceOnly": "no", "side": "buy", "size": "0.01", "status": "live", "stpMode": "none", "totalProfits": "0",
    "tradeSide": "open", "uTime": "1764128107021",
}  # fmt: skip
FUTURES_QUERIED: Json = {
    "symbol": "BTCUSDT", "size": "0.01", "orderId": ORDER_ID, "clientOid": CLIENT_ORDER_ID, "baseVolume": "0",
    "priceAvg": "", "price": "50000", "state": "live", "side": "buy", "force": "gtc", "posSide": "long",
    "orderType": "limit", "reduceOnly": "no", "cancelReason": "", "cTime": "1764128107021", "uTime": "1764128107021",
}  # fmt: skip
SPOT_PUSHED: Json = {
    "instId": "BTCUSDT", "orderId": ORDER_ID, "clientOid": CLIENT_ORDER_ID, "price": "50000", "size": "500.0000",
    "newSize": "0.01", "notional": "500.0", "orderType": "limit", "force": "gtc", "side": "buy",
    "accBaseVolume": "0.0000", "priceAvg": "0.00000", "status": "live", "cTime": "1764128107021",
    "uTime": "1764128107021", "stpMode": "none", "feeDetail": [], "enterPointSource": "API",
}  # fmt: skip
SPOT_QUERIED: Json = {
    "userId": "1", "symbol": "BTCUSDT", "orderId": ORDER_ID, "clientOid": CLIENT_ORDER_ID, "price": "50000",
    "size": "0.01", "orderType": "limit", "side": "buy", "status": "live", "priceAvg": "0", "baseVolume": "0.0000",
    "quoteVolume": "0", "enterPointSource": "API", "cancelReason": "", "cTime": "1764128107021",
    "uTime": "1764128107021", "orderSource": "normal",
}  # fmt: skip


def seen(row: Json, status_key: str, executed: str, canceled: str) -> dict[str, Seen]:
    """The states of an order of 0.01; ``canceled`` is how this surface spells that."""

    def at(word: str, status: OrdStatus, cum_qty: str, **more: str) -> Seen:
        members = {status_key: word, executed: cum_qty, **more}
        return Seen(row=row | members, status=status, cum_qty=cum_qty, is_final=status.is_terminal)

    return {
        "live": at("live", OrdStatus.NEW, "0"),
        "partial": at("partially_filled", OrdStatus.PARTIALLY_FILLED, "0.004", priceAvg="50000"),
        "full_before_filled": at("partially_filled", OrdStatus.PARTIALLY_FILLED, "0.01", priceAvg="50000"),
        "filled": at("filled", OrdStatus.FILLED, "0.01", priceAvg="50000"),
        "canceled": at(canceled, OrdStatus.CANCELED, "0", cancelReason="normal_cancel"),
        "partly_canceled": at(canceled, OrdStatus.CANCELED, "0.004", cancelReason="normal_cancel"),
        "replaced": at(canceled, OrdStatus.REPLACED, "0", cancelReason="modify_limit_order"),
    }


def accepted(data: object) -> RestResponse:
    return body({"code": "00000", "msg": "success", "requestTime": 1695823012595, "data": data})


def refused(code: int) -> RestResponse:
    return body({"code": str(code), "msg": "said", "requestTime": 1695823012595, "data": None}, 400)


def answered_by_rest(code: int) -> RestResponse:
    return refused(code) if code else accepted({"orderId": ORDER_ID, "clientOid": CLIENT_ORDER_ID})


def told(product: str) -> Callable[[int], Told]:
    """Answers as the trade channel of this product gives them, and as REST does."""

    def answer(code: int) -> Told:
        arg = {"id": SEND_ID, "instType": product, "channel": "cancel-order", "instId": "BTCUSDT"}
        frame = {
            "event": "error" if code else "trade",
            "arg": [arg | {"params": {"orderId": ORDER_ID}}],
            "code": code,
            "msg": "said",
            "ts": 1764129519844,
        }
        by_rest = answered_by_rest(code)
        return Told(code=str(code), frame=orjson.dumps(frame).decode(), response=by_rest)

    return answer


def pusher(product: str) -> Callable[[Json], str]:
    def push(row: Json) -> str:
        arg = {"instType": product, "channel": "orders", "instId": "default"}
        return orjson.dumps({"action": "snapshot", "arg": arg, "data": [row], "ts": 1764128110010}).decode()

    return push


def subscribed(key: str) -> str:
    return orjson.dumps(
        {"event": "subscribe", "arg": {"instType": key, "channel": "orders", "instId": "default"}}
    ).decode()


def refused_subscription(product: str) -> tuple[tuple[str, str], ...]:
    arg = {"instType": product, "channel": "orders", "instId": "default"}
    with_arg = orjson.dumps({"event": "error", "arg": arg, "code": 30001, "msg": "doesn't exist"}).decode()
    return (with_arg, product), ('{"event":"error","code":30004,"msg":"User not logged in"}', "")


def material(
    name: str, product: str, rows: tuple[Json, Json], status: str, canceled: str, answer: Callable[[Json], RestResponse]
) -> Material:
    pushed, queried = rows
    say = told(product)
    ids = {"order_id": "orderId", "client_order_id": "clientOid", "side": "side"}
    answers: Mapping[Proof, Told] = {proof: say(code) for proof, code in CODES.items()}
    return Material(
        name=name,
        venue="bitget",
        product=product,
        instrument="BTCUSDT",
        order_id=ORDER_ID,
        client_order_id=CLIENT_ORDER_ID,
        wrong_order_ids=("", "12a", "1" * 33),
        wrong_client_order_ids=("", "with blank", "a" * 51),
        logins=LOGINS,
        login_refusals=LOGIN_REFUSALS,
        subscribed=subscribed,
        subscribe_refusals=refused_subscription(product),
        push=pusher(product),
        pushed=seen(pushed, "status", "accBaseVolume", canceled),
        push_keys=Keys(**ids, instrument="instId", status="status", cum_qty="accBaseVolume"),
        answer=answer,
        queried=seen(queried, status, "baseVolume", canceled),
        answer_keys=Keys(**ids, instrument="symbol", status=status, cum_qty="baseVolume"),
        answers=answers,
        unlisted=say(49999),
        nameless=NAMELESS,
        not_found=refused(43001),
    )


MATERIALS = (
    material("bitget", "USDT-FUTURES", (FUTURES_PUSHED, FUTURES_QUERIED), "state", "canceled", accepted),
    material("bitget-spot", "SPOT", (SPOT_PUSHED, SPOT_QUERIED), "status", "cancelled", lambda row: accepted([row])),
)
