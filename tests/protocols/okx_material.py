"""Frames and bodies as OKX writes them (its pages' shapes, values made up), and the verbs with which tests use them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import orjson

from protocols.dialect import Inbound, Profile
from protocols.rest import RestResponse
from protocols.secret import Credentials, Secret
from protocols.venues.okx.dialect import OkxTrade
from tests.protocols.reading import as_answer, as_report, cancel_of, changed, question_of, the_one

if TYPE_CHECKING:
    from protocols.asks import Question, WireCancel
    from protocols.evidence import CancelAnswered, OrderReported, Step

SECRET = "22582BD0CFF14C41EDBF1AB98506286D"
CREDENTIALS = Credentials(Secret("K"), Secret(SECRET), Secret("P"))
ORDER_ID = "2900000000000000001"
CLIENT_ORDER_ID = "tkm000001"

OKX = OkxTrade(Profile())
PLAN = OKX.sockets()[0]

LIVE_ROW: dict[str, Any] = orjson.loads(
    '{"accFillSz":"0","algoClOrdId":"","algoId":"","amendResult":"","amendSource":"","attachAlgoClOrdId":"",'
    '"attachAlgoOrds":[],"avgPx":"0","cTime":"1763600000100","cancelSource":"","category":"normal","ccy":"",'
    '"clOrdId":"tkm000001","code":"0","execType":"","fee":"0","feeCcy":"BTC","fillFee":"0","fillFeeCcy":"",'
    '"fillFwdPx":"","fillIdxPx":"","fillMarkPx":"","fillMarkVol":"","fillNotionalUsd":"","fillPnl":"0","fillPx":"",'
    '"fillPxUsd":"","fillPxVol":"","fillSz":"0","fillTime":"","instId":"BTC-USDT","instType":"SPOT",'
    '"isTpLimit":"false","lastPx":"90010.1","lever":"0","linkedAlgoOrd":{"algoId":""},"msg":"","notionalUsd":"900",'
    '"ordId":"2900000000000000001","ordType":"limit","pnl":"0","posSide":"","px":"90000","pxType":"","pxUsd":"",'
    '"pxVol":"","quickMgnType":"","rebate":"0","rebateCcy":"USDT","reduceOnly":"false","reqId":"","side":"buy",'
    '"slOrdPx":"","slTriggerPx":"","slTriggerPxType":"","source":"","state":"live","stpId":"",'
    '"stpMode":"cancel_maker","sz":"0.01","tag":"","tdMode":"cash","tgtCcy":"","tpOrdPx":"","tpTriggerPx":"",'
    '"tpTriggerPxType":"","tradeId":"","tradeQuoteCcy":"USDT","uTime":"1763600000100"}'
)
PARTIAL_ROW = LIVE_ROW | {
    "state": "partially_filled",
    "accFillSz": "0.004",
    "avgPx": "90000",
    "fillSz": "0.004",
    "fillPx": "90000",
    "tradeId": "700000001",
    "fillTime": "1763600001200",
    "execType": "M",
    "fillFee": "-0.0000032",
    "fillFeeCcy": "BTC",
    "fee": "-0.0000032",
    "uTime": "1763600001201",
}
FILLED_ROW = PARTIAL_ROW | {
    "state": "filled",
    "accFillSz": "0.01",
    "fillSz": "0.006",
    "tradeId": "700000002",
    "fillTime": "1763600002300",
    "uTime": "1763600002301",
}
CANCELED_ROW = PARTIAL_ROW | {
    "state": "canceled",
    "fillSz": "0",
    "fillPx": "",
    "tradeId": "",
    "fillTime": "",
    "execType": "",
    "fillFee": "0",
    "fillFeeCcy": "",
    "cancelSource": "1",
    "uTime": "1763600003400",
}
QUERIED_ROW: dict[str, Any] = orjson.loads(
    '{"accFillSz":"0.004","avgPx":"90000","cTime":"1763600000100","cancelSource":"1",'
    '"cancelSourceReason":"Order was canceled by you","category":"normal","clOrdId":"tkm000001","fillPx":"90000",'
    '"fillSz":"0.004","fillTime":"1763600001200","instId":"BTC-USDT","instType":"SPOT",'
    '"ordId":"2900000000000000001","ordType":"limit","px":"90000","side":"buy","state":"canceled","sz":"0.01",'
    '"tradeId":"700000001","uTime":"1763600003400"}'
)

ACCEPTED = (
    '{"id":"c0000001","op":"cancel-order","data":[{"clOrdId":"","ordId":"2900000000000000001","ts":"1763600000100",'
    '"sCode":"0","sMsg":""}],"code":"0","msg":"","inTime":"1763600003390123","outTime":"1763600003391456"}'
)
REFUSED = (
    '{"id":"c0000001","op":"cancel-order","data":[{"clOrdId":"","ordId":"2900000000000000001","ts":"1763600003391",'
    '"sCode":"51400","sMsg":"Order cancellation failed as the order has been filled, canceled or does not exist."}],'
    '"code":"1","msg":"","inTime":"1763600003390123","outTime":"1763600003391456"}'
)
MALFORMED = (
    '{"id":"c0000001","op":"cancel-order","data":[],"code":"60013","msg":"Invalid args","inTime":"1763600003390123",'
    '"outTime":"1763600003391456"}'
)
LOGIN_OK = '{"event":"login","code":"0","msg":"","connId":"a4d3ae55"}'
LOGIN_FAILED = '{"event":"error","code":"60009","msg":"Login failed.","connId":"a4d3ae55"}'
SUBSCRIBED = '{"id":"suborders","event":"subscribe","arg":{"channel":"orders","instType":"ANY"},"connId":"a4d3ae55"}'
SUBSCRIBE_FAILED = '{"id":"suborders","event":"error","code":"60012","msg":"Invalid request: {}","connId":"a4d3ae55"}'
NOT_LOGGED_IN = '{"event":"error","msg":"Please log in","code":"60011"}'
TOO_FREQUENT = '{"event":"error","msg":"Requests too frequent","code":"60014","connId":"5f3f787a"}'
CONN_COUNT = '{"event":"channel-conn-count","channel":"orders","connCount":"2","connId":"abcd1234"}'
CONN_COUNT_ERROR = '{"event":"channel-conn-count-error","channel":"orders","connCount":"30","connId":"a4d3ae55"}'
CLOSING = (
    '{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please '
    'reconnect.","connId":"a4d3ae55"}'
)
BATCH = (
    '{"id":"b0000001","op":"batch-cancel-orders","data":[{"clOrdId":"","ordId":"2900000000000000001",'
    '"ts":"1763600000100","sCode":"0","sMsg":""}],"code":"0","msg":"","inTime":"1","outTime":"2"}'
)
FRAMES = (
    ACCEPTED,
    REFUSED,
    MALFORMED,
    LOGIN_OK,
    LOGIN_FAILED,
    SUBSCRIBED,
    SUBSCRIBE_FAILED,
    NOT_LOGGED_IN,
    TOO_FREQUENT,
    CONN_COUNT,
    CONN_COUNT_ERROR,
    CLOSING,
    BATCH,
)


def push(*rows: object) -> str:
    """An orders push of these rows."""
    arg = {"channel": "orders", "instType": "ANY", "uid": "614488474791936"}
    return orjson.dumps({"arg": arg, "data": rows}).decode()


def with_item(text: str, **members: object) -> str:
    """The same answer with other members in the item of its data."""
    body = orjson.loads(text)
    item = copy.copy(body["data"][0]) | members
    return changed(text, data=[item])


def decoded(raw: bytes | str) -> tuple[Inbound, ...]:
    return OKX.decode(PLAN, raw)


def only(raw: bytes | str) -> Inbound:
    """What a frame means, when it means one thing."""
    return the_one(decoded(raw))


def report(raw: bytes | str) -> OrderReported:
    return as_report(only(raw))


def answer(raw: bytes | str) -> CancelAnswered:
    return as_answer(only(raw))


def body(*rows: object, code: object = "0", status: int = 200, **more: object) -> RestResponse:
    """A REST answer with these rows."""
    return RestResponse(status, orjson.dumps({"code": code, "msg": "", "data": rows} | more))


def wire(
    order_id: str | None = ORDER_ID, client_order_id: str | None = None, instrument: str = "BTC-USDT-SWAP"
) -> WireCancel:
    return cancel_of(instrument, order_id, client_order_id)


def question(
    step: Step, order_id: str | None = ORDER_ID, client_order_id: str | None = None, instrument: str = "BTC-USDT"
) -> Question:
    return question_of(step, instrument, order_id, client_order_id)
