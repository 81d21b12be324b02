"""Bitget's unified account, v3: spot, margin and futures in one, over ``/v3/ws/private`` and REST.

It holds no order and no state: the same bytes mean the same facts. A row names its category, in small letters in pushes
and capitals in answers; a cancel names one in small letters, since capitals are refused. An error frame may carry a
send's id and nothing else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from protocols.dialect import Profile, SocketPlan, Timings, Traits
from protocols.errors import Unreadable
from protocols.evidence import AccountIdentified, Frame, OrderReported, Source, Step
from protocols.fix import Road
from protocols.jsonread import Json, optional_text, text
from protocols.rest import RestCall, RestResponse
from protocols.venues.bitget import rates, unified_questions
from protocols.venues.bitget.answers import data_of, read_rest_batch, unified_rows
from protocols.venues.bitget.asking import LADDER
from protocols.venues.bitget.common import (
    ALIAS_MEMORY_MS,
    ORDER_MEMORY_H,
    ORDER_MEMORY_MS,
    BitgetCommon,
    left_out,
    order_reference,
)
from protocols.venues.bitget.deadman import CountdownCancelAll
from protocols.venues.bitget.frames import BATCH_TOPIC, CANCEL_CHANNEL, Grammar
from protocols.venues.bitget.orders import UNIFIED, read_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protocols.asks import WireCancel
    from protocols.batching import BatchAnswered
    from protocols.mass import Everything

PRODUCTS: Final = ("USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES", "SPOT", "MARGIN")
ORDER_TOPIC: Final = "order"
ACCOUNT_TYPE: Final = "UTA"
"""In capitals: small letters are refused with 30001."""
CANCEL_PATH: Final = "/api/v3/trade/cancel-order"
BATCH_PATH: Final = "/api/v3/trade/cancel-batch"
MASS_PATH: Final = "/api/v3/trade/cancel-symbol-order"
SETTINGS_PATH: Final = "/api/v3/account/settings"
HINTS: Final = {"25245": 'the account is a classic one: configure venue = "bitget"'}


def subscription_key(arg: Json) -> str | None:
    """Give the key of the one subscription, its topic; None for one that was not asked for."""
    return ORDER_TOPIC if optional_text(arg, "topic", "arg") == ORDER_TOPIC else None


def product_of(row: Json) -> str:
    """Give the product of a row by its category, or raise `Unreadable` for one that is not known."""
    found = text(row, "category").upper()
    if found not in PRODUCTS:
        raise Unreadable("category", f"{found!r} is not a category that is known here")
    return found


def read_pushed_order(row: Json, arg: Json, frame: Frame) -> OrderReported:  # noqa: ARG001 - v2 needs it
    """Read one row of the ``order`` topic, or raise `Unreadable`."""
    return read_order(row, UNIFIED, Source.PUSH, product_of(row), ORDER_TOPIC, frame)


GRAMMAR: Final = Grammar("topic", ORDER_TOPIC, subscription_key, read_pushed_order)


NOT_COVERED: Final = ("strategy (trigger and TP/SL) orders",)
"""Bitget UTA: Strategy Order. It has a list and a cancel of its own."""


def traits_for(products: tuple[str, ...]) -> Traits:
    """Describe the venue to an account that watches these product lines.

    A client id is unique among open orders only, so one that is found may be another order's: the core sees to that.
    """
    return Traits(
        venue="bitget_uta",
        products=PRODUCTS,
        roads=(Road.WS, Road.REST),
        ladder=LADDER,
        timings=Timings(push_wait_ms=2000, abandon_after_h=ORDER_MEMORY_H, per_order_gap_ms=1100),
        rate_rules=rates.UNIFIED_RULES,
        cancel_operation=rates.CANCEL,
        batch=rates.UNIFIED_BATCH,
        mass_cancels=rates.UNIFIED_MASSES,
        question_operations={
            Step.ORDER: rates.ORDER,
            Step.OPEN_ORDERS: rates.OPEN_ORDERS,
            Step.HISTORY: rates.HISTORY,
            Step.PRODUCT_ORDERS: rates.PRODUCT_ORDERS,
        },
        question_calls={Step.OPEN_ORDERS: len(products)},
        order_memory_ms=ORDER_MEMORY_MS,
        alias_memory_ms=ALIAS_MEMORY_MS,
        not_covered=NOT_COVERED + left_out(products, PRODUCTS),
        switch=CountdownCancelAll(),
        takes_passphrase=True,
    )


class BitgetUnified(BitgetCommon):
    """The dialect of the unified account; see `protocols.dialect.Dialect` for what each method promises."""

    traits: Traits = traits_for(PRODUCTS)
    grammar = GRAMMAR
    asks = unified_questions.ASKS
    path = "/v3/ws/private"
    client_order_ids = re.compile(r"[.A-Z:/a-z0-9_-]{1,32}")
    client_order_ids_are = "1 to 32 of [.A-Z:/a-z0-9_-]"

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self.products = profile.products or PRODUCTS
        self.traits = traits_for(self.products)

    def subscriptions(self, plan: SocketPlan) -> tuple[tuple[str, str], ...]:
        """Write the subscription of all orders of all categories; its key is the topic. No snapshot follows it."""
        argument = {"instType": ACCOUNT_TYPE, "topic": ORDER_TOPIC}
        return ((ORDER_TOPIC, orjson.dumps({"op": "subscribe", "args": [argument]}).decode()),)

    def cancel_frame(self, wire: WireCancel, reference: Mapping[str, str]) -> str | None:
        """Write a cancel (Bitget: Unified account / WebSocket / Cancel Order Channel)."""
        key, value = order_reference(wire.order_id, wire.client_order_id)
        frame = {
            "op": "trade",
            "id": wire.send_id,
            "category": wire.product.lower(),
            "topic": CANCEL_CHANNEL,
            "args": [{key: value}],
        }
        return orjson.dumps(frame).decode()

    def cancel_call(self, wire: WireCancel) -> RestCall:
        """Write a cancel for REST (Bitget: Unified account / Trade / Cancel order)."""
        key, value = order_reference(wire.order_id, wire.client_order_id)
        body = orjson.dumps({key: value, "category": wire.product})
        return RestCall(rates.CANCEL, "POST", CANCEL_PATH, body=body, instrument=wire.instrument)

    def batch_frame(self, wires: Sequence[WireCancel], reference: Mapping[str, str]) -> str | None:
        """Write a batch (Bitget: Unified account / WebSocket / Batch Cancel Channel)."""
        frame = {
            "op": "trade",
            "id": wires[0].send_id,
            "category": wires[0].product.lower(),
            "topic": BATCH_TOPIC,
            "args": [dict([order_reference(wire.order_id, wire.client_order_id)]) for wire in wires],
        }
        return orjson.dumps(frame).decode()

    def batch_call(self, wires: Sequence[WireCancel]) -> RestCall:
        """Write a batch for REST (Bitget: Unified account / Trade / Batch cancel): a list, all of one category."""
        rows = [
            dict([order_reference(wire.order_id, wire.client_order_id)])
            | {"category": wire.product, "symbol": wire.instrument}
            for wire in wires
        ]
        return RestCall(rates.CANCEL_BATCH, "POST", BATCH_PATH, body=orjson.dumps(rows), instrument=wires[0].instrument)

    def read_batch(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it. Never raises."""
        return read_rest_batch(wires[0].send_id, response, unified_rows)

    def mass_call(self, operation: str, everything: Everything) -> RestCall:
        """Write the call that cancels everything of a category, or of one symbol of it."""
        body = {"category": everything.product}
        if everything.instrument is not None:
            body["symbol"] = everything.instrument
        return RestCall(operation, "POST", MASS_PATH, body=orjson.dumps(body), instrument=everything.instrument or "")

    def read_mass(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it, row by row. Never raises."""
        return msgspec.structs.replace(self.read_batch(wires, response), is_about_all=True)

    def identity_call(self) -> RestCall | None:
        """Write the question whose key this is (Bitget: Unified account / Account / Get account settings)."""
        return RestCall(rates.ACCOUNT, "GET", SETTINGS_PATH)

    def read_identity(self, response: RestResponse) -> AccountIdentified:
        """Read it, or raise `errors.VenueRefusal` (with its code) or `errors.Unreadable`."""
        return AccountIdentified(text(data_of("account", response, HINTS), "uid", "data"))
