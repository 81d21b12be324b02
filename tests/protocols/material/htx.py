"""HTX futures' material."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from protocols.dialect import RefusalKind
from protocols.evidence import Absence, Proof
from protocols.fix import OrdStatus
from tests.protocols import htx_material as htx
from tests.protocols.material.kit import SEND_ID, Json, Keys, Material, Seen, Told, body

if TYPE_CHECKING:
    from protocols.rest import RestResponse

KEYS = Keys(
    order_id="order_id",
    client_order_id="client_order_id",
    instrument="contract_code",
    status="state",
    cum_qty="trade_volume",
    side="side",
)
SEEN = {
    "live": Seen(row=htx.NEW_ROW, status=OrdStatus.NEW, cum_qty="0"),
    "partial": Seen(row=htx.PARTIAL_ROW, status=OrdStatus.PARTIALLY_FILLED, cum_qty="2"),
    "filled": Seen(row=htx.FILLED_ROW, status=OrdStatus.FILLED, cum_qty="5", is_final=True),
    "filled_early": Seen(row=htx.FILLED_ROW | {"trade_volume": "3"}, status=OrdStatus.FILLED, cum_qty="3"),
    "canceled": Seen(row=htx.CANCELED_ROW, status=OrdStatus.CANCELED, cum_qty="0", is_final=True),
    "partly_canceled": Seen(row=htx.PARTLY_CANCELED_ROW, status=OrdStatus.CANCELED, cum_qty="2", is_final=True),
    "rejected": Seen(
        row=htx.CANCELED_ROW | {"state": "rejected"}, status=OrdStatus.REJECTED, cum_qty="0", is_final=True
    ),
}


def answer(data: object, code: int = 200) -> RestResponse:
    return body({"code": code, "message": "said", "data": data, "args": None, "ts": 1, "unknownException": False})


def told(code: int) -> Told:
    """An answer with this code, by either road."""
    ids = {"order_id": htx.ORDER_ID, "client_order_id": htx.CLIENT_ORDER_ID} if code == 200 else None
    frame = {"code": code, "message": "said", "data": ids, "args": None, "ts": 1789700003600, "cid": SEND_ID}
    return Told(code=str(code), frame=orjson.dumps(frame).decode(), response=answer(ids, code))


def control(op: str, code: int, **more: object) -> str:
    frame = {"op": op, "ts": 1789700000001, "err-code": code, **({"err-msg": "said"} if code else {}), **more}
    return orjson.dumps(frame).decode()


def subscribed(key: str) -> str:
    return control("sub", 0, cid="suborders", topic=key, contract_code="*")


def push(row: Json) -> str:
    return htx.push(row)


MATERIALS = (
    Material(
        name="htx",
        venue="htx",
        instrument="ETH-USDT",
        order_id=htx.ORDER_ID,
        client_order_id=htx.CLIENT_ORDER_ID,
        wrong_order_ids=("", "12a", "1" * 20),
        wrong_client_order_ids=("", "mine1", "1" * 20),
        logins=(htx.LOGIN_OK, control("auth", 2005)),
        login_refusals=(
            (htx.LOGIN_FAILED, RefusalKind.CREDENTIALS),
            (control("auth", 2004), RefusalKind.BUSY),
            (control("auth", 2999), RefusalKind.BROKEN),
        ),
        subscribed=subscribed,
        subscribe_refusals=(
            (htx.SUBSCRIBE_FAILED, "orders"),
            (control("sub", 2004, topic="orders"), "orders"),
            (control("sub", 2002, topic="orders"), "orders"),
        ),
        push=push,
        pushed=SEEN,
        push_keys=KEYS,
        answer=answer,
        queried=SEEN,
        answer_keys=KEYS,
        answers={
            Proof.ACCEPTED: told(200),
            Proof.GONE: told(1063),
            Proof.IN_PROGRESS: told(1062),
            Proof.UNCHANGED_RETRY: told(1032),
            Proof.UNCHANGED_FINAL: told(1408),
            Proof.UNKNOWN: told(1000),
        },
        unlisted=told(7777),
        nameless=(htx.NAMELESS, htx.ERROR, '{"code":1030,"message":"said","data":null,"ts":1}'),
        not_found=answer(None, 1061),
        alias_absence=Absence.BLIND,
    ),
)
