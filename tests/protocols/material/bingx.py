"""BingX spot's material. No socket takes cancels, and none has a login."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from protocols.evidence import Absence, Proof
from protocols.fix import OrdStatus
from tests.protocols.material.kit import Json, Keys, Material, Seen, Told, body

if TYPE_CHECKING:
    from protocols.rest import RestResponse

ORDER_ID = "2030000000000000123"
PUSHED_ROW: Json = {
    "e": "executionReport", "E": 1790000000100, "s": "BTC-USDT", "S": "BUY", "o": "LIMIT", "q": 0.02, "p": 50000,
    "x": "NEW", "X": "PENDING", "i": 2030000000000000123, "l": 0, "z": 0, "L": 0, "n": 0, "C": "oms_7", "N": "", "T": 0,
    "t": 0, "O": 1790000000010, "Z": 0, "Y": 0, "Q": 0, "m": False,
}  # fmt: skip
QUERIED_ROW: Json = {
    "symbol": "BTC-USDT", "orderId": 2030000000000000123, "price": "50000", "StopPrice": "0", "origQty": "0.02",
    "executedQty": "0", "cummulativeQuoteQty": "0", "status": "PENDING", "type": "LIMIT", "side": "BUY",
    "time": 1790000000010, "updateTime": 1790000009190, "origQuoteOrderQty": "0", "fee": "0", "feeAsset": "BTC",
    "clientOrderID": "oms_7", "avgPrice": "0",
}  # fmt: skip


def pushed(word: str, status: OrdStatus, filled: float, cum_qty: str | None) -> Seen:
    """A push's quantity is never called final, and a cancel's zero is none."""
    return Seen(row=PUSHED_ROW | {"X": word, "z": filled}, status=status, cum_qty=cum_qty)


def queried(word: str, status: OrdStatus, cum_qty: str) -> Seen:
    return Seen(
        row=QUERIED_ROW | {"status": word, "executedQty": cum_qty}, status=status, cum_qty=cum_qty,
        is_final=status.is_terminal,
    )  # fmt: skip


def answer(data: object) -> RestResponse:
    return body({"code": 0, "msg": "", "debugMsg": "", "data": data})


def told(code: int, message: str) -> Told:
    return Told(code=str(code), frame=None, response=body({"code": code, "msg": message, "debugMsg": ""}))


def subscribed(key: str) -> str:
    frame_id = {"spot.executionReport": "suborders", "ACCOUNT_UPDATE": "subbalances"}[key]
    return orjson.dumps({"id": frame_id, "code": 0, "msg": "SUCCESS", "timestamp": 1790000000123}).decode()


def push(row: Json) -> str:
    return orjson.dumps({"code": 0, "dataType": "spot.executionReport", "data": row}).decode()


MATERIALS = (
    Material(
        name="bingx",
        venue="bingx",
        instrument="BTC-USDT",
        order_id=ORDER_ID,
        client_order_id="oms_7",
        wrong_order_ids=("", "12a", str(2**63)),
        wrong_client_order_ids=("", "with-hyphen", "a" * 41),
        logins=(),
        login_refusals=(),
        subscribed=subscribed,
        subscribe_refusals=(
            ('{"code":100500,"id":"suborders","msg":"","timestamp":1790000000123}', "spot.executionReport"),
            ('{"code":100401,"id":"suborders","msg":""}', "spot.executionReport"),
            ('{"code":100400,"msg":"","timestamp":1790000000123}', ""),
        ),
        push=push,
        pushed={
            "live": pushed("PENDING", OrdStatus.NEW, 0, "0"),
            "new": pushed("NEW", OrdStatus.NEW, 0, "0"),
            "partial": pushed("PARTIALLY_FILLED", OrdStatus.PARTIALLY_FILLED, 0.005, "0.005"),
            "filled": pushed("FILLED", OrdStatus.FILLED, 0.02, "0.02"),
            "canceled": pushed("CANCELED", OrdStatus.CANCELED, 0, None),
            "partly_canceled": pushed("CANCELED", OrdStatus.CANCELED, 0.005, "0.005"),
            "failed": pushed("FAILED", OrdStatus.REJECTED, 0, None),
        },
        push_keys=Keys(order_id="i", client_order_id="C", instrument="s", status="X", cum_qty="z", side="S"),
        answer=answer,
        queried={
            "live": queried("PENDING", OrdStatus.NEW, "0"),
            "partial": queried("PARTIALLY_FILLED", OrdStatus.PARTIALLY_FILLED, "0.005"),
            "filled": queried("FILLED", OrdStatus.FILLED, "0.02"),
            "canceled": queried("CANCELED", OrdStatus.CANCELED, "0"),
            "partly_canceled": queried("CANCELED", OrdStatus.CANCELED, "0.005"),
            "failed": queried("FAILED", OrdStatus.REJECTED, "0"),
        },
        answer_keys=Keys(
            order_id="orderId",
            client_order_id="clientOrderID",
            instrument="symbol",
            status="status",
            cum_qty="executedQty",
            side="side",
        ),
        answers={
            Proof.ACCEPTED: Told(code="0", frame=None, response=answer(QUERIED_ROW | {"status": "CANCELED"})),
            Proof.GONE: told(100404, " order not exist"),
            Proof.UNCHANGED_RETRY: told(100410, "rate limited"),
            Proof.UNCHANGED_FINAL: told(100414, "account risk control"),
            Proof.UNKNOWN: told(100500, "internal error"),
        },
        lacks=frozenset({Proof.IN_PROGRESS}),
        unlisted=told(777777, "said"),
        nameless=(),
        not_found=body({"code": 100404, "msg": " order not exist", "debugMsg": ""}),
        alias_absence=Absence.DENIES_RECENT,
    ),
)
