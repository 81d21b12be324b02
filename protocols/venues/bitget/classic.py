"""Bitget's classic account, v2: USDT, coin and USDC futures and spot, over ``/v2/ws/private`` and REST.

It holds no order and no state: the same bytes mean the same facts. A cancel by WebSocket needs a permission that has to
be applied for; without it the answers say so, and REST is taken. Margin orders are not served: no page has a trade
channel for them.
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
from protocols.jsonread import Json, optional_text, text, words
from protocols.rest import RestCall, RestResponse
from protocols.venues.bitget import classic_questions, rates
from protocols.venues.bitget.answers import classic_rows, data_of, read_rest_batch
from protocols.venues.bitget.asking import LADDER
from protocols.venues.bitget.classic_questions import SPOT
from protocols.venues.bitget.common import (
    ALIAS_MEMORY_MS,
    ORDER_MEMORY_H,
    ORDER_MEMORY_MS,
    BitgetCommon,
    left_out,
    order_reference,
)
from protocols.venues.bitget.frames import CANCEL_CHANNEL, Grammar
from protocols.venues.bitget.orders import FUTURES_PUSH, SPOT_PUSH, read_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protocols.asks import WireCancel
    from protocols.batching import BatchAnswered
    from protocols.mass import Everything

PRODUCTS: Final = ("USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES", SPOT)
ORDERS_CHANNEL: Final = "orders"
ALL_SYMBOLS: Final = "default"
FUTURES_CANCEL_PATH: Final = "/api/v2/mix/order/cancel-order"
SPOT_CANCEL_PATH: Final = "/api/v2/spot/trade/cancel-order"
FUTURES_BATCH_PATH: Final = "/api/v2/mix/order/batch-cancel-orders"
SPOT_BATCH_PATH: Final = "/api/v2/spot/trade/batch-cancel-order"
FUTURES_MASS_PATH: Final = "/api/v2/mix/order/cancel-all-orders"
SPOT_MASS_PATH: Final = "/api/v2/spot/trade/cancel-symbol-order"
ACCOUNT_PATH: Final = "/api/v2/spot/account/info"
HINTS: Final = {"40085": 'the account is a unified one: configure venue = "bitget_uta"'}


def product_of(arg: Json) -> str | None:
    """Give the product of an ``arg``, whose letters were other ones in older frames; None for a foreign one."""
    found = (optional_text(arg, "instType", "arg") or "").upper()
    return found if found in PRODUCTS else None


def subscription_key(arg: Json) -> str | None:
    """Give a subscription's key, its product; None for one that was not asked for."""
    is_ours = optional_text(arg, "channel", "arg") == ORDERS_CHANNEL
    return product_of(arg) if is_ours else None


def read_pushed_order(row: Json, arg: Json, frame: Frame) -> OrderReported:
    """Read one row of the ``orders`` channel, or raise `Unreadable`."""
    product = product_of(arg)
    if product is None:
        raise Unreadable("arg.instType", f"{arg.get('instType')!r} is not a product that is served here")
    surface = SPOT_PUSH if product == SPOT else FUTURES_PUSH
    return read_order(row, surface, Source.PUSH, product, ORDERS_CHANNEL, frame)


GRAMMAR: Final = Grammar("channel", ORDERS_CHANNEL, subscription_key, read_pushed_order)


NOT_COVERED: Final = ("plan (trigger) and TP/SL orders", "margin orders")
"""Bitget: Futures / Trigger Order, Spot / Trigger, Margin. They have lists and cancels of their own."""


def traits_for(products: tuple[str, ...]) -> Traits:
    """Describe the venue to an account that watches these product lines."""
    return Traits(
        venue="bitget",
        products=PRODUCTS,
        roads=(Road.WS, Road.REST),
        ladder=LADDER,
        timings=Timings(push_wait_ms=2000, abandon_after_h=ORDER_MEMORY_H, per_order_gap_ms=1100),
        rate_rules=rates.CLASSIC_RULES,
        cancel_operation=rates.CANCEL,
        batch=rates.CLASSIC_BATCH,
        mass_cancels=rates.CLASSIC_MASSES,
        question_operations={
            Step.ORDER: rates.ORDER,
            Step.OPEN_ORDERS: rates.OPEN_ORDERS,
            Step.HISTORY: rates.HISTORY,
            Step.PRODUCT_ORDERS: rates.PRODUCT_ORDERS,
        },
        question_calls={
            Step.OPEN_ORDERS: len(classic_questions.listing_legs(products)),
            Step.PRODUCT_ORDERS: max(len(classic_questions.listing_legs((product,))) for product in products),
        },
        order_memory_ms=ORDER_MEMORY_MS,
        alias_memory_ms=ALIAS_MEMORY_MS,
        not_covered=NOT_COVERED + left_out(products, PRODUCTS),
        no_switch="a classic account has none, a unified one has",
        takes_passphrase=True,
    )


class BitgetClassic(BitgetCommon):
    """The dialect of the classic account; see `protocols.dialect.Dialect` for what each method promises."""

    traits: Traits = traits_for(PRODUCTS)
    grammar = GRAMMAR
    asks = classic_questions.ASKS
    path = "/v2/ws/private"
    client_order_ids = re.compile(r"[0-9A-Za-z+_#-]{1,50}")
    client_order_ids_are = "1 to 50 of [0-9A-Za-z+_#-]"

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self.products = profile.products or PRODUCTS
        self.traits = traits_for(self.products)

    def subscriptions(self, plan: SocketPlan) -> tuple[tuple[str, str], ...]:
        """Write a subscription for each product line, whose key is the line. No snapshot follows it.

        One frame each: a refusal need not say which of several it is about.
        """
        return tuple((product, _subscription(product)) for product in self.products)

    def cancel_frame(self, wire: WireCancel, reference: Mapping[str, str]) -> str | None:
        """Write a cancel (Bitget: Contract, Spot / WebSocket / Cancel Order Channel): one order a frame."""
        key, value = order_reference(wire.order_id, wire.client_order_id)
        argument = {
            "id": wire.send_id,
            "instType": wire.product,
            "instId": wire.instrument,
            "channel": CANCEL_CHANNEL,
            "params": {key: value},
        }
        return orjson.dumps({"op": "trade", "args": [argument]}).decode()

    def cancel_call(self, wire: WireCancel) -> RestCall:
        """Write a cancel for REST (Bitget: Contract / Trade / Cancel order; Spot / Trade / Cancel order)."""
        key, value = order_reference(wire.order_id, wire.client_order_id)
        body = {"symbol": wire.instrument, key: value}
        path = SPOT_CANCEL_PATH
        if wire.product != SPOT:
            body["productType"] = wire.product
            path = FUTURES_CANCEL_PATH
        return RestCall(rates.CANCEL, "POST", path, body=orjson.dumps(body), instrument=wire.instrument)

    def batch_frame(self, wires: Sequence[WireCancel], reference: Mapping[str, str]) -> str | None:
        """No v2 socket takes a batch."""
        return None

    def batch_call(self, wires: Sequence[WireCancel]) -> RestCall:
        """Write a batch for REST (Bitget: Contract / Trade / Batch cancel; Spot / Trade / Batch cancel orders)."""
        first = wires[0]
        body: dict[str, object]
        if first.product == SPOT:
            rows = [{"symbol": wire.instrument, **_named(wire)} for wire in wires]
            body, path = {"batchMode": "multiple", "orderList": rows}, SPOT_BATCH_PATH
        else:
            body = {
                "productType": first.product,
                "symbol": first.instrument,
                "orderIdList": [_named(wire) for wire in wires],
            }
            path = FUTURES_BATCH_PATH
        return RestCall(rates.CANCEL_BATCH, "POST", path, body=orjson.dumps(body), instrument=first.instrument)

    def read_batch(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it. Never raises."""
        return read_rest_batch(wires[0].send_id, response, classic_rows)

    def mass_call(self, operation: str, everything: Everything) -> RestCall:
        """Write the call that cancels everything of futures of a kind, or of one spot symbol."""
        if operation == rates.CANCEL_SYMBOL:
            body, path = {"symbol": everything.instrument}, SPOT_MASS_PATH
        else:
            body, path = {"productType": everything.product}, FUTURES_MASS_PATH
        return RestCall(operation, "POST", path, body=orjson.dumps(body), instrument=everything.instrument or "")

    def read_mass(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it: rows for futures, none for spot, where it is carried out later. Never raises."""
        return msgspec.structs.replace(self.read_batch(wires, response), is_about_all=True)

    def identity_call(self) -> RestCall | None:
        """Write the question whose key this is (Bitget: Spot / Account / Get account information)."""
        return RestCall(rates.ACCOUNT, "GET", ACCOUNT_PATH)

    def read_identity(self, response: RestResponse) -> AccountIdentified:
        """Read it, or raise `errors.VenueRefusal` (with its code) or `errors.Unreadable`.

        ``authorities`` is a list of words such as ``coow`` (Bitget: Spot / Account / Get account information).
        """
        data = data_of("account", response, HINTS)
        return AccountIdentified(text(data, "userId", "data"), words(data, "authorities"))


def _subscription(product: str) -> str:
    argument = {"instType": product, "channel": ORDERS_CHANNEL, "instId": ALL_SYMBOLS}
    return orjson.dumps({"op": "subscribe", "args": [argument]}).decode()


def _named(wire: WireCancel) -> dict[str, str]:
    key, value = order_reference(wire.order_id, wire.client_order_id)
    return {key: value}
