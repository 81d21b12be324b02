"""Frames and bodies as HTX writes them (its pages' shapes, values made up), and the verbs with which tests use them."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import orjson

from protocols.dialect import Inbound, Profile
from protocols.evidence import CancelAnswered, OrderReported, QuestionAnswered, QuestionFailed, Step
from protocols.rest import RestResponse
from protocols.secret import Credentials, Secret
from protocols.venues.htx.dialect import HtxFutures
from tests.protocols import reading
from tests.protocols.reading import as_answer, as_report, cancel_of, question_of, the_one

if TYPE_CHECKING:
    from protocols.asks import Cursor, Page, Question, WireCancel

KEY = "11111111-22222222-33333333-44444"
CREDENTIALS = Credentials(Secret(KEY), Secret("55555555-66666666-77777777-88888"), Secret(""))
NOW_US = 1_789_725_600_000_000
"""2026-09-18T10:00:00."""
ORDER_ID = "1550600000000000001"
CLIENT_ORDER_ID = "570000000000000011"

HTX = HtxFutures(Profile())
TRADE, NOTIFICATION = HTX.sockets()

NEW_ROW: dict[str, Any] = orjson.loads(
    '{"side":"buy","type":"limit","price":"1000","volume":"5","state":"new","profit":"0","contract_code":"ETH-USDT",'
    '"position_side":"long","price_match":null,"order_id":"1550600000000000001",'
    '"client_order_id":"570000000000000011","margin_mode":"cross","lever_rate":1,"order_source":"api",'
    '"reduce_only":false,"time_in_force":"gtc","trade_avg_price":"0","trade_volume":"0","trade_turnover":"0",'
    '"fee_currency":null,"fee":"0","tp_trigger_price":"","tp_order_price":"","tp_type":"","tp_trigger_price_type":"",'
    '"sl_trigger_price":"","sl_order_price":"","sl_type":"","sl_trigger_price_type":"","contract_type":"swap",'
    '"cancel_reason":"","created_time":"1789700001002","updated_time":"1789700001005",'
    '"self_match_prevent":"cancel_taker","amend_origin_volume":"","amend_source":"","amend_result":"",'
    '"cancel_volume":"0"}'
)
PARTIAL_ROW = NEW_ROW | {
    "state": "partially_filled",
    "trade_avg_price": "1000",
    "trade_volume": "2",
    "trade_turnover": "20",
    "fee_currency": "USDT",
    "fee": "-0.004",
    "updated_time": "1789700002000",
}
FILLED_ROW = PARTIAL_ROW | {"state": "filled", "trade_volume": "5", "updated_time": "1789700003000"}
CANCELED_ROW = NEW_ROW | {
    "state": "canceled",
    "cancel_reason": "Limit order cancelation by the client",
    "updated_time": "1789700003500",
    "cancel_volume": "5",
}
PARTLY_CANCELED_ROW = PARTIAL_ROW | {
    "state": "partially_canceled",
    "cancel_reason": "Limit order cancelation by the client",
    "updated_time": "1789700003500",
    "cancel_volume": "3",
}
QUERIED_ROW: dict[str, Any] = NEW_ROW | {
    "id": ORDER_ID,
    "profit": None,
    "price_protect": False,
    "fee_currency": "",
    "tp_type": "0",
    "sl_type": "0",
    "cancel_reason": None,
    "real_profit": None,
}

ACCEPTED = (
    '{"code":200,"message":"Success","data":{"order_id":"1550600000000000001","client_order_id":"570000000000000011"},'
    '"args":null,"ts":1789700003490,"unknownException":false,"cid":"c0000001","rate_limit":{"limit":"72",'
    '"interval":"3000","remaining":"71","reset":"1789700006489"}}'
)
REFUSED = (
    '{"code":1071,"message":"Repeated cancellation. Your order has been canceled.","data":null,"args":null,'
    '"ts":1789700003600,"unknownException":false,"cid":"c0000001","rate_limit":{"limit":"72","interval":"3000",'
    '"remaining":"70","reset":"1789700006489"}}'
)
BATCH = (
    '{"code":200,"message":"Success","data":[{"code":1061,"message":"The order does not exist.",'
    '"orderId":"1550600000000000001","clientOrderId":""}],"args":null,"ts":1789700003490,"unknownException":false,'
    '"cid":"c0000001"}'
)
NAMELESS = '{"ts":1789700000001,"err-code":2001,"err-msg":"invalid.op/ch"}'
ERROR = '{"op":"error","ts":1789700000001}'
PING = '{"op":"ping","ts":"1789700005001"}'
CLOSE = '{"op":"close","ts":1789700005001}'
LOGIN_OK = '{"op":"auth","type":"api","err-code":0,"ts":1789700000001,"data":{"user-id":"100000001"}}'
LOGIN_FAILED = (
    '{"op":"auth","type":"api","ts":1789700000001,"err-code":2003,"err-msg":"Verification failure [校验失败]"}'
)
SUBSCRIBED = '{"op":"sub","cid":"suborders","topic":"orders","ts":1789700000100,"err-code":0,"contract_code":"*"}'
SUBSCRIBE_FAILED = (
    '{"op":"sub","cid":"suborders","topic":"orders","ts":1789700000100,"err-code":2010,"err-msg":"Topic error."}'
)
MATCHED = (
    '{"op":"notify","topic":"match_orders","contract_code":"ETH-USDT","ts":1789700001006,"uid":"100000001",'
    '"data":[{"side":"buy","state":"canceled","contract_code":"ETH-USDT","order_id":"1550600000000000001",'
    '"client_order_id":"570000000000000011","trade_volume":null,"total_trade_volume":"0","cancel_volume":"5"}]}'
)
FRAMES = (
    ACCEPTED,
    REFUSED,
    BATCH,
    NAMELESS,
    ERROR,
    PING,
    CLOSE,
    LOGIN_OK,
    LOGIN_FAILED,
    SUBSCRIBED,
    SUBSCRIBE_FAILED,
    MATCHED,
)


def push(data: object, topic: str = "orders") -> str:
    """A push of this data."""
    frame = {"op": "notify", "topic": topic, "contract_code": "ETH-USDT", "ts": 1789700003506, "uid": "100000001"}
    return orjson.dumps(frame | {"data": data}).decode()


def changed(text: str, **members: object) -> str:
    """The same JSON object with other members, ``_`` read as ``-`` in control codes; None takes a member away."""
    keys = {"err_code_": "err-code", "err_msg_": "err-msg"}
    return reading.changed(text, **{keys.get(name, name): value for name, value in members.items()})


def decoded(raw: bytes | str) -> tuple[Inbound, ...]:
    return HTX.decode(TRADE, raw)


def zipped(raw: str) -> bytes:
    """A frame as the trade socket carries it."""
    return gzip.compress(raw.encode(), mtime=0)


def only(raw: bytes | str) -> Inbound:
    """What a frame means, when it means one thing."""
    return the_one(decoded(raw))


def report(raw: bytes | str) -> OrderReported:
    return as_report(only(raw))


def answer(raw: bytes | str) -> CancelAnswered:
    return as_answer(only(raw))


def body(data: object = None, code: object = 200, status: int = 200, **more: object) -> RestResponse:
    """A REST answer with this data."""
    envelope = {"code": code, "message": "", "data": data, "args": None, "ts": 1, "unknownException": False}
    return RestResponse(status, orjson.dumps(envelope | more))


def wire(order_id: str | None = ORDER_ID, client_order_id: str | None = None) -> WireCancel:
    return cancel_of("ETH-USDT", order_id, client_order_id)


def question(step: Step, order_id: str | None = ORDER_ID, client_order_id: str | None = None) -> Question:
    return question_of(step, "ETH-USDT", order_id, client_order_id)


def answered(page: Page) -> QuestionAnswered:
    assert isinstance(page.answer, QuestionAnswered), page.answer
    return page.answer


def failed(page: Page) -> QuestionFailed:
    assert isinstance(page.answer, QuestionFailed), page.answer
    return page.answer


def walk(asked: Question, *responses: RestResponse) -> tuple[list[dict[str, str]], Page]:
    """Ask page by page; gives the query of each call, and the last page. Every response must be asked for."""
    queries: list[dict[str, str]] = []
    pages: list[Page] = []
    cursor: Cursor | None = None
    for response in responses:
        assert cursor is not None or not pages, f"{len(pages)} pages were enough"
        queries.append(dict(HTX.question_call(asked, cursor).query))
        pages.append(HTX.read_question(asked, response, cursor))
        cursor = pages[-1].following
    assert cursor is None, "one more page is asked for"
    return queries, pages[-1]
