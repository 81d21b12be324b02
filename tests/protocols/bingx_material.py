"""Frames and bodies as BingX writes them (its pages' shapes, values made up), and the verbs of the tests about them."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import orjson

from protocols.dialect import Inbound, Profile
from protocols.fix import Road
from protocols.rest import RestResponse
from protocols.secret import Credentials, Secret
from protocols.venues.bingx import rates
from protocols.venues.bingx.dialect import BingxSpot
from tests.protocols.reading import as_report, cancel_of, question_of, the_one

if TYPE_CHECKING:
    from protocols.asks import Question, WireCancel
    from protocols.evidence import OrderReported, Step

CREDENTIALS = Credentials(Secret("K"), Secret("secret"), Secret(""))
ORDER_ID = "2030000000000000123"
CLIENT_ORDER_ID = "oms_7"
NOT_EXIST = " order not exist"
ENDED = "the order you want to cancel is FILLED or CANCELLED already, or is not a valid order id ,please verify"

BINGX = BingxSpot(Profile())
PLAN = BINGX.sockets()[0]

_NEW = (
    '{"e":"executionReport","E":1790000000100,"s":"BTC-USDT","S":"BUY","o":"LIMIT","q":0.02,"p":50000,"x":"NEW",'
    '"X":"PENDING","i":2030000000000000123,"l":0,"z":0,"L":0,"n":0,"C":"oms_7","N":"","T":0,"t":0,"O":1790000000010,'
    '"Z":0,"Y":0,"Q":0,"m":false}'
)
NEW: dict[str, Any] = orjson.loads(_NEW)
PARTIAL = NEW | {
    "E": 1790000003100, "x": "TRADE", "X": "PARTIALLY_FILLED", "l": 0.005, "z": 0.005, "L": 50000, "n": -0.000005,
    "N": "BTC", "T": 1790000003050, "t": 90000001, "Z": 250, "Y": 250, "m": True,
}  # fmt: skip
FILLED = PARTIAL | {
    "E": 1790000009100, "X": "FILLED", "l": 0.015, "z": 0.02, "n": -0.000015, "T": 1790000009050, "t": 90000002,
    "Z": 1000, "Y": 750,
}  # fmt: skip
CANCELED = NEW | {"E": 1790000009200, "x": "CANCELED", "X": "CANCELED", "z": 0.005, "Z": 250}

ROW: dict[str, Any] = orjson.loads(
    '{"symbol":"BTC-USDT","orderId":2030000000000000123,"price":"50000","StopPrice":"0","origQty":"0.02",'
    '"executedQty":"0.005","cummulativeQuoteQty":"250","status":"CANCELED","type":"LIMIT","side":"BUY",'
    '"time":1790000000010,"updateTime":1790000009190,"origQuoteOrderQty":"0","fee":"-0.000005","feeAsset":"BTC",'
    '"clientOrderID":"oms_7","avgPrice":"50000"}'
)
CANCEL_DATA: dict[str, Any] = orjson.loads(
    '{"symbol":"BTC-USDT","orderId":2030000000000000123,"price":"50000","stopPrice":"0","origQty":"0.02",'
    '"executedQty":"0.005","cummulativeQuoteQty":"250","status":"CANCELED","type":"LIMIT","side":"BUY",'
    '"clientOrderID":"oms_7"}'
)
TRADE: dict[str, Any] = orjson.loads(
    '{"symbol":"BTC-USDT","id":90000001,"orderId":2030000000000000123,"price":"50000","qty":"0.005","quoteQty":"250",'
    '"commission":-0.000005,"commissionAsset":"BTC","time":1790000003050,"isBuyer":true,"isMaker":true}'
)
PING = '{"ping":"2177c68e4d0e45679965f482929b59c2","time":"2026-01-02T03:04:05.678+0800"}'
ACKS = (
    '{"id":"suborders","code":0,"msg":""}',
    '{"code":0,"id":"suborders","msg":"SUCCESS","timestamp":1790000000123}',
    '{"id":"suborders","code":0,"msg":"","dataType":"","data":null}',
)
REFUSED_SUB = '{"code":100500,"id":"suborders","msg":"","timestamp":1696245842307}'
REFUSED_UNNAMED = '{"code":100400,"msg":"","timestamp":1696245808833}'
EXPIRED = '{"e":"listenKeyExpired","E":1790000000000,"listenKey":"abc"}'
BALANCES = '{"e":"ACCOUNT_UPDATE","E":1790000000000,"T":1790000000000,"a":{"m":"INIT","B":[{"a":"USDT","wb":"1"}]}}'
FRAMES = (PING, *ACKS, REFUSED_SUB, REFUSED_UNNAMED, EXPIRED, BALANCES)


def push(*data: object) -> str:
    """An order update of one order, or (undocumented) of a list."""
    return orjson.dumps(
        {"code": 0, "dataType": "spot.executionReport", "data": data[0] if len(data) == 1 else list(data)}
    ).decode()


def zipped(text: str | bytes) -> bytes:
    """A frame as it comes: gzip in a binary message."""
    return gzip.compress(text.encode() if isinstance(text, str) else text, mtime=0)


def decoded(raw: bytes | str) -> tuple[Inbound, ...]:
    return BINGX.decode(PLAN, raw)


def only(raw: bytes | str) -> Inbound:
    """What a frame means, when it means one thing."""
    return the_one(decoded(raw))


def report(raw: bytes | str) -> OrderReported:
    return as_report(only(raw))


def body(data: object = None, code: object = 0, msg: str = "", status: int = 200, **more: object) -> RestResponse:
    """A REST answer: with data, or a refusal as the order service writes it."""
    document = {"code": code, "msg": msg, "debugMsg": ""} | more
    return RestResponse(status, orjson.dumps(document if data is None else document | {"data": data}))


def wire(
    order_id: str | None = ORDER_ID,
    client_order_id: str | None = None,
    *,
    sparing: bool = False,
    params: dict[str, str] | None = None,
    instrument: str = "BTC-USDT",
) -> WireCancel:
    operation = rates.CANCEL_ORDERS if sparing else ""
    return cancel_of(instrument, order_id, client_order_id, road=Road.REST, params=params, operation=operation)


def question(
    step: Step, order_id: str | None = ORDER_ID, client_order_id: str | None = None, instrument: str = "BTC-USDT"
) -> Question:
    return question_of(step, instrument, order_id, client_order_id)
