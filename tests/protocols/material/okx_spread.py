"""OKX spread trading's material, where it is not OKX trade's."""

from __future__ import annotations

import orjson

from protocols.fix import OrdStatus
from tests.protocols import okx_spread_material as spread
from tests.protocols.material import okx
from tests.protocols.material.kit import Json, Keys, Material, Seen

KEYS = Keys(
    order_id="ordId", client_order_id="clOrdId", instrument="sprdId", status="state", cum_qty="accFillSz", side="side"
)
OP = "sprd-cancel-order"
SETTLING_ROW = spread.CANCELED_ROW | {"pendingSettleSz": "1", "canceledSz": "1"}
UNFILLED_ROW = spread.LIVE_ROW | {"state": "canceled", "pendingFillSz": "0", "canceledSz": "3", "cancelSource": "1"}
PARTIAL = Seen(row=spread.PARTIAL_ROW, status=OrdStatus.PARTIALLY_FILLED, cum_qty="1")
SEEN = {
    "live": Seen(row=spread.LIVE_ROW, status=OrdStatus.NEW, cum_qty="0"),
    "partial": PARTIAL,
    "partial_being_canceled": Seen(
        row=spread.PARTIAL_ROW | {"canceledSz": "1", "pendingFillSz": "1"}, status=PARTIAL.status, cum_qty="1"
    ),
    "filled": Seen(row=spread.FILLED_ROW, status=OrdStatus.FILLED, cum_qty="3", is_final=True),
    "canceled": Seen(row=UNFILLED_ROW, status=OrdStatus.CANCELED, cum_qty="0", is_final=True),
    "partly_canceled": Seen(row=spread.CANCELED_ROW, status=OrdStatus.CANCELED, cum_qty="1", is_final=True),
    "canceled_before_settlement": Seen(row=SETTLING_ROW, status=OrdStatus.CANCELED, cum_qty="1"),
}


def subscribed(key: str) -> str:
    return orjson.dumps({"id": "sprdorders", "event": "subscribe", "arg": {"channel": key}}).decode()


def push(row: Json) -> str:
    return spread.push(row)


MATERIALS = (
    Material(
        name="okx_spread",
        venue="okx_spread",
        instrument=spread.SPRD_ID,
        order_id=spread.ORDER_ID,
        client_order_id=spread.CLIENT_ORDER_ID,
        wrong_order_ids=("", "12a", "1" * 33),
        wrong_client_order_ids=("", "with-hyphen", "a" * 33),
        logins=okx.LOGINS,
        login_refusals=okx.LOGIN_REFUSALS,
        subscribed=subscribed,
        subscribe_refusals=(
            (okx.error("60012", "sprdorders"), "sprd-orders"),
            (okx.error("64001", "sprdorders"), "sprd-orders"),
            (okx.error("60018"), ""),
        ),
        push=push,
        pushed=SEEN,
        push_keys=KEYS,
        answer=okx.rows,
        queried=SEEN,
        answer_keys=KEYS,
        answers=okx.answers(OP, spread.ORDER_ID, "51402"),
        unlisted=okx.told(OP, spread.ORDER_ID, "58999"),
        nameless=okx.NAMELESS,
        not_found=okx.rows(None, "51603"),
    ),
)
