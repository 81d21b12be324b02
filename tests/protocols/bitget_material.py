"""Frames and bodies as Bitget writes them (recorded shapes, made-up values), and the verbs that tests use on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from protocols.dialect import Dialect, Inbound, Profile
from protocols.fix import Road
from protocols.rest import RestResponse
from protocols.secret import Credentials, Secret
from protocols.venues.bitget.classic import BitgetClassic
from protocols.venues.bitget.unified import BitgetUnified
from tests.protocols.reading import as_answer, as_report, cancel_of, question_of, the_one

if TYPE_CHECKING:
    from protocols.asks import Question, WireCancel
    from protocols.evidence import CancelAnswered, OrderReported, Step

CREDENTIALS = Credentials(Secret("K"), Secret("test-secret"), Secret("P"))
ORDER_ID = "1376999173366317057"
CLIENT_ORDER_ID = "c-000001"
FUTURES = "USDT-FUTURES"

Either = BitgetClassic | BitgetUnified
CLASSIC = BitgetClassic(Profile())
UNIFIED = BitgetUnified(Profile())
PLAN = CLASSIC.sockets()[0]

LIVE_ROW: dict[str, Any] = orjson.loads(
    '{"accBaseVolume":"0","cTime":"1742560160311","cancelReason":"","clientOid":"c-000001","enterPointSource":"API",'
    '"feeDetail":[{"feeCoin":"USDT","fee":"0.00000000"}],"force":"gtc","instId":"LTCUSDT","leverage":"10",'
    '"marginCoin":"USDT","marginMode":"crossed","notionalUsd":"18.724","orderId":"1376999173366317057",'
    '"orderType":"limit","posMode":"one_way_mode","posSide":"net","price":"93","reduceOnly":"no","side":"sell",'
    '"size":"0.2","status":"live","stpMode":"none","totalProfits":"0","tradeSide":"sell_single",'
    '"uTime":"1742560160311"}'
)
PARTIAL_ROW = LIVE_ROW | {
    "accBaseVolume": "0.15",
    "baseVolume": "0.05",
    "fillPrice": "93",
    "fillTime": "1742560161000",
    "priceAvg": "93.5",
    "tradeId": "1376999199999999999",
    "tradeScope": "M",
    "status": "partially_filled",
    "uTime": "1742560161001",
}
FILLED_ROW = PARTIAL_ROW | {"accBaseVolume": "0.2", "status": "filled", "uTime": "1742560162000"}
CANCELED_ROW = LIVE_ROW | {
    "accBaseVolume": "0.15",
    "cancelReason": "normal_cancel",
    "status": "canceled",
    "uTime": "1742560163000",
}
SPOT_ROW: dict[str, Any] = orjson.loads(
    '{"instId":"LTCUSDT","orderId":"1172065112695422980","clientOid":"c-1","price":"1.6000","size":"9.0809",'
    '"newSize":"5.6756","notional":"9.080960","orderType":"limit","force":"gtc","side":"buy","accBaseVolume":"5.6756",'
    '"priceAvg":"1.6","status":"filled","cTime":"1715168168000","uTime":"1715168168500","stpMode":"none",'
    '"feeDetail":[],"enterPointSource":"API"}'
)
UTA_ROW: dict[str, Any] = orjson.loads(
    '{"category":"usdt-futures","symbol":"BTCUSDT","orderId":"1352473539865894955","clientOid":"FQACwTnAXTQAAQAAAAAA",'
    '"price":"32000","qty":"0.0002","holdMode":"hedge_mode","holdSide":"long","tradeSide":"open","orderType":"limit",'
    '"timeInForce":"gtc","side":"buy","marginMode":"crossed","marginCoin":"USDT","reduceOnly":"no","cumExecQty":"0",'
    '"cumExecValue":"0","avgPrice":"0","totalProfit":"0","orderStatus":"live","cancelReason":"","leverage":"10",'
    '"feeDetail":[],"createdTime":"1758180740324","updatedTime":"1758180740324","stpMode":"none","tpTriggerBy":"",'
    '"slTriggerBy":"","takeprofit":"","stoploss":"","tpOrderType":"market","slOrderType":"market","tpLimitPrice":"",'
    '"slLimitPrice":"","amount":"0"}'
)
UTA_ENDED = UTA_ROW | {"orderStatus": "cancelled", "cancelReason": "normal_cancel", "updatedTime": "1758180750000"}
DETAIL: dict[str, Any] = orjson.loads(
    '{"symbol":"ethusdt","size":"2","orderId":"1376999173366317057","clientOid":"c-000001","baseVolume":"2",'
    '"priceAvg":"1900","price":"1900","state":"filled","side":"buy","force":"gtc","posSide":"long",'
    '"orderType":"limit","reduceOnly":"yes","cancelReason":"","cTime":"1627300098776","uTime":"1627300098776"}'
)
SPOT_INFO: dict[str, Any] = orjson.loads(
    '{"userId":"7264631750","symbol":"BTCUSDT","orderId":"1376999173366317057","clientOid":"c-000001","size":"0.0002",'
    '"price":"25000","orderType":"limit","side":"buy","status":"cancelled","priceAvg":"0","baseVolume":"0.0000",'
    '"quoteVolume":"0","enterPointSource":"WEB","orderSource":"normal","cTime":"1700728077966",'
    '"uTime":"1700728077999","tpslType":"normal","cancelReason":"normal_cancel"}'
)

V2_ARG = (
    '{"id":"s1","instType":"USDT-FUTURES","channel":"cancel-order","instId":"BTCUSDT",'
    '"params":{"orderId":"1376999173366317057"}}'
)
V2_ACCEPTED = f'{{"event":"trade","arg":[{V2_ARG}],"code":0,"msg":"Success","ts":1764129519844}}'
V2_REFUSED = f'{{"event":"error","arg":[{V2_ARG}],"code":43001,"msg":"The order does not exist","ts":1763958366418}}'
V3_ACCEPTED = (
    '{"event":"trade","id":"s1","topic":"cancel-order","args":[{"orderId":"1396095071110135834",'
    '"clientOid":"AwAC-qXAlEwAAQAAAAAA"}],"code":"0","msg":"Success","ts":"1768580937683"}'
)
V3_REFUSED = '{"event":"error","id":"s1","code":"25204","msg":"Order does not exist"}'
LOGIN_OK = '{"event":"login","code":0}'
LOGIN_FAILED = '{"event":"error","code":30015,"msg":"Invalid sign"}'
SUBSCRIBED = '{"event":"subscribe","arg":{"instType":"USDT-FUTURES","channel":"orders","instId":"default"}}'
UTA_SUBSCRIBED = '{"event":"subscribe","arg":{"instType":"UTA","topic":"order"},"connId":"x"}'
NOT_LOGGED_IN = '{"event":"error","code":30004,"msg":"User not logged in / User must be logged in"}'
CLOSING = '{"event":"error","code":30033,"msg":"service upgrade"}'
FRAMES = (
    V2_ACCEPTED,
    V2_REFUSED,
    V3_ACCEPTED,
    V3_REFUSED,
    LOGIN_OK,
    LOGIN_FAILED,
    SUBSCRIBED,
    UTA_SUBSCRIBED,
    NOT_LOGGED_IN,
    CLOSING,
)


def push(*rows: object, product: str = FUTURES) -> str:
    """A push of the classic orders channel."""
    arg = {"instType": product, "channel": "orders", "instId": "default"}
    return orjson.dumps({"action": "snapshot", "arg": arg, "data": rows, "ts": 1742560160318}).decode()


def uta_push(*rows: object) -> str:
    """A push of the unified order topic."""
    arg = {"instType": "UTA", "topic": "order"}
    return orjson.dumps({"action": "snapshot", "arg": arg, "data": rows, "ts": 1758180740327}).decode()


def decoded(raw: bytes | str, dialect: Dialect = CLASSIC) -> tuple[Inbound, ...]:
    return dialect.decode(PLAN, raw)


def only(raw: bytes | str, dialect: Dialect = CLASSIC) -> Inbound:
    """What a frame means, when it means one thing."""
    return the_one(decoded(raw, dialect))


def report(raw: bytes | str, dialect: Dialect = CLASSIC) -> OrderReported:
    return as_report(only(raw, dialect))


def answer(raw: bytes | str, dialect: Dialect = CLASSIC) -> CancelAnswered:
    return as_answer(only(raw, dialect))


def body(data: object, code: object = "00000", status: int = 200, msg: str = "success") -> RestResponse:
    """A REST answer with this data."""
    envelope = {"code": code, "msg": msg, "requestTime": 1695823012595, "data": data}
    return RestResponse(status, orjson.dumps(envelope))


def wire(
    order_id: str | None = ORDER_ID, client_order_id: str | None = None, product: str = FUTURES, road: Road = Road.WS
) -> WireCancel:
    return cancel_of("BTCUSDT", order_id, client_order_id, product=product, road=road, send_id="s1")


def question(
    step: Step, order_id: str | None = ORDER_ID, client_order_id: str | None = None, product: str = FUTURES
) -> Question:
    return question_of(step, "BTCUSDT" if product else "", order_id, client_order_id, product=product)
