"""OKX trade's material."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from protocols.dialect import RefusalKind
from protocols.evidence import Proof
from protocols.fix import OrdStatus
from tests.protocols import okx_material as okx
from tests.protocols.material.kit import SEND_ID, Json, Keys, Material, Seen, Told, body

if TYPE_CHECKING:
    from protocols.rest import RestResponse

KEYS = Keys(
    order_id="ordId", client_order_id="clOrdId", instrument="instId", status="state", cum_qty="accFillSz", side="side"
)
UNFILLED_ROW = okx.CANCELED_ROW | {"accFillSz": "0", "avgPx": "0", "fee": "0"}
MMP_ROW = okx.CANCELED_ROW | {"state": "mmp_canceled", "cancelSource": "39"}


def rows(answer: object, code: str = "0", status: int = 200) -> RestResponse:
    """A REST answer whose data is one row, or none."""
    return body({"code": code, "msg": "", "data": [] if answer is None else [answer]}, status)


def told(op: str, order_id: str, code: str) -> Told:
    """An answer with this ``sCode``, by either road."""
    item = {"clOrdId": "", "ordId": order_id, "sCode": code, "sMsg": "said"}
    top = "0" if code == "0" else "1"
    frame = orjson.dumps({"id": SEND_ID, "op": op, "data": [item], "code": top, "msg": ""}).decode()
    return Told(code=code, frame=frame, response=rows(item, top))


def answers(op: str, order_id: str, gone: str) -> dict[Proof, Told]:
    """An answer of each kind."""
    codes = {
        Proof.ACCEPTED: "0",
        Proof.GONE: gone,
        Proof.IN_PROGRESS: "51410",
        Proof.UNCHANGED_RETRY: "50011",
        Proof.UNCHANGED_FINAL: "51403",
        Proof.UNKNOWN: "50004",
    }
    return {proof: told(op, order_id, code) for proof, code in codes.items()}


def error(code: str, frame_id: str | None = None) -> str:
    """An error event."""
    named = {} if frame_id is None else {"id": frame_id}
    return orjson.dumps({**named, "event": "error", "code": code, "msg": "said", "connId": "a4d3ae55"}).decode()


LOGINS = (
    okx.LOGIN_OK,
    '{"event":"login","code":0,"msg":""}',
)
LOGIN_REFUSALS = (
    (okx.LOGIN_FAILED, RefusalKind.CREDENTIALS),
    (error("60005"), RefusalKind.CREDENTIALS),
    (error("60006"), RefusalKind.CLOCK),
    (error("63999"), RefusalKind.BUSY),
    ('{"event":"login","code":"61234","msg":"said"}', RefusalKind.BROKEN),
)
NAMELESS = (error("60012"), error("58999"), '{"event":"error","msg":"Please log in","code":"60011"}')
SEEN = {
    "live": Seen(row=okx.LIVE_ROW, status=OrdStatus.NEW, cum_qty="0"),
    "partial": Seen(row=okx.PARTIAL_ROW, status=OrdStatus.PARTIALLY_FILLED, cum_qty="0.004"),
    "filled": Seen(row=okx.FILLED_ROW, status=OrdStatus.FILLED, cum_qty="0.01", is_final=True),
    "canceled": Seen(row=UNFILLED_ROW, status=OrdStatus.CANCELED, cum_qty="0", is_final=True),
    "partly_canceled": Seen(row=okx.CANCELED_ROW, status=OrdStatus.CANCELED, cum_qty="0.004", is_final=True),
    "mmp_canceled": Seen(row=MMP_ROW, status=OrdStatus.CANCELED, cum_qty="0.004", is_final=True),
}


def subscribed(key: str) -> str:
    arg = {"channel": key, "instType": "ANY"}
    return orjson.dumps({"id": "suborders", "event": "subscribe", "arg": arg, "connId": "a4d3ae55"}).decode()


def push(row: Json) -> str:
    return okx.push(row)


MATERIALS = (
    Material(
        name="okx",
        venue="okx",
        instrument="BTC-USDT",
        order_id=okx.ORDER_ID,
        client_order_id=okx.CLIENT_ORDER_ID,
        wrong_order_ids=("", "12a", "1" * 33, "1.5", "-1"),
        wrong_client_order_ids=("", "with-hyphen", "a" * 33, "é"),
        logins=LOGINS,
        login_refusals=LOGIN_REFUSALS,
        subscribed=subscribed,
        subscribe_refusals=((error("60012", "suborders"), "orders"), (error("60018"), ""), (error("64003"), "")),
        push=push,
        pushed=SEEN,
        push_keys=KEYS,
        answer=rows,
        queried=SEEN,
        answer_keys=KEYS,
        answers=answers("cancel-order", okx.ORDER_ID, "51400"),
        unlisted=told("cancel-order", okx.ORDER_ID, "58999"),
        nameless=NAMELESS,
        not_found=rows(None, "51603"),
    ),
)
