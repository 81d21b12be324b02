"""OKX trade: spot, margin, swaps, futures and options through one account, over ``/ws/v5/private`` and REST.

It holds no order and no state: the same bytes mean the same facts. On the WebSocket an instrument goes by its integer
``instIdCode``, which differs between live and demo and comes as reference data; REST takes the instrument's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from protocols.deadman import SwitchTraits
from protocols.dialect import Reference, Timings, Traits
from protocols.errors import Unreadable
from protocols.evidence import Frame, OrderReported, Source
from protocols.fix import Road
from protocols.jsonread import Json, as_object, frame_of, optional_text, text
from protocols.mass import NoMassCancels
from protocols.rest import RestCall, RestResponse
from protocols.venues.okx import queries, rates
from protocols.venues.okx.answers import read_rest_batch, rows_of
from protocols.venues.okx.codes import CODES
from protocols.venues.okx.common import TRADE_PERMISSION, OkxCommon, order_reference
from protocols.venues.okx.deadman import CancelAllAfter
from protocols.venues.okx.frames import Grammar
from protocols.venues.okx.orders import read_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protocols.asks import Cursor, Page, Question, WireCancel
    from protocols.batching import BatchAnswered

ORDERS_CHANNEL: Final = "orders"
CANCEL_OP: Final = "cancel-order"
CANCEL_PATH: Final = "/api/v5/trade/cancel-order"
BATCH_OP: Final = "batch-cancel-orders"
BATCH_PATH: Final = "/api/v5/trade/cancel-batch-orders"
PUBLIC_INSTRUMENTS_PATH: Final = "/api/v5/public/instruments"
ACCOUNT_INSTRUMENTS_PATH: Final = "/api/v5/account/instruments"
REFERENCE_TYPES: Final = ("SPOT", "SWAP", "FUTURES")
"""Margin orders go by their pair's spot id. Options are listed by family only, so they are canceled by REST."""

ZERO_FILL_MEMORY_MS: Final = 2 * 3600 * 1000
"""Unfilled canceled orders are kept for two hours (OKX: Trade / GET Order history); filled ones for months."""

SWITCH: Final = CancelAllAfter(
    "/api/v5/trade/cancel-all-after",
    SwitchTraits(
        covers="every order of the account in all order-book products but spreads, whichever key or program placed it",
        covers_of_tag="every order with this tag in all order-book products but spreads, whoever placed it",
        tag_chars="[A-Za-z0-9]{1,16}",
        least_s=10,
        most_s=120,
        operation=rates.CANCEL_ALL_AFTER,
        page="OKX: Trade / POST Cancel All After",
    ),
)

NOT_COVERED: Final = (
    "algo orders: conditional, one-cancels-the-other (TP/SL), trigger, trailing, chase, iceberg, TWAP",
    "spread orders, which are an account of the venue okx_spread",
)
"""OKX: Order Book Trading / Algo Trading, and Spread Trading. They have lists and cancels of their own."""
TRAITS: Final = Traits(
    venue="okx",
    products=("",),
    roads=(Road.WS, Road.REST),
    ladder=queries.LADDER,
    timings=Timings(ack_wait_ms=500, push_wait_ms=1000, abandon_after_h=2, per_order_gap_ms=0),
    rate_rules=rates.TRADE_RULES,
    cancel_operation=rates.CANCEL,
    question_operations=queries.OPERATIONS,
    order_memory_ms=ZERO_FILL_MEMORY_MS,
    alias_memory_ms=ZERO_FILL_MEMORY_MS,
    batch=rates.BATCH,
    not_covered=NOT_COVERED,
    switch=SWITCH,
    takes_passphrase=True,
    trade_permission=TRADE_PERMISSION,
)


def read_pushed_order(row: Json, frame: Frame) -> OrderReported:
    """Read one row of the ``orders`` channel, or raise `Unreadable`."""
    return read_order(row, Source.PUSH, ORDERS_CHANNEL, frame)


GRAMMAR: Final = Grammar(
    channel=ORDERS_CHANNEL,
    subscription={"channel": ORDERS_CHANNEL, "instType": "ANY"},
    subscription_id="suborders",
    cancel_op=CANCEL_OP,
    read_row=read_pushed_order,
    table=CODES,
    batch_op=BATCH_OP,
)


class OkxTrade(OkxCommon, NoMassCancels):
    """The dialect of OKX trade; see `protocols.dialect.Dialect` for what each method promises."""

    traits: Traits = TRAITS
    grammar = GRAMMAR
    path = "/ws/v5/private"

    def cancel_frame(self, wire: WireCancel, reference: Mapping[str, str]) -> str | None:
        """Write a cancel (OKX: Trade / WS Cancel order); None without an ``instIdCode`` for the instrument.

        A cancel takes no ``expTime``, so a late one cannot be expired by the venue.
        """
        argument = _argument(wire, reference)
        if argument is None:
            return None
        return orjson.dumps({"id": wire.send_id, "op": CANCEL_OP, "args": [argument]}).decode()

    def cancel_call(self, wire: WireCancel) -> RestCall:
        """Write a cancel for REST (OKX: Trade / POST Cancel order)."""
        body = orjson.dumps(_row(wire))
        return RestCall(rates.CANCEL, "POST", CANCEL_PATH, body=body, instrument=wire.instrument)

    def batch_frame(self, wires: Sequence[WireCancel], reference: Mapping[str, str]) -> str | None:
        """Write a batch (OKX: Trade / WS Cancel multiple orders); None if an instrument has no ``instIdCode``."""
        arguments = [_argument(wire, reference) for wire in wires]
        if None in arguments:
            return None
        return orjson.dumps({"id": wires[0].send_id, "op": BATCH_OP, "args": arguments}).decode()

    def batch_call(self, wires: Sequence[WireCancel]) -> RestCall:
        """Write a batch for REST (OKX: Trade / POST Cancel multiple orders)."""
        return RestCall(rates.CANCEL_BATCH, "POST", BATCH_PATH, body=orjson.dumps([_row(wire) for wire in wires]))

    def read_batch(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it. Never raises."""
        return read_rest_batch(wires[0].send_id, response, frame_of(response.body), self.grammar.table)

    def question_call(self, question: Question, cursor: Cursor | None) -> RestCall:
        """Write (a page of) a question."""
        return queries.question_call(question, cursor)

    def read_question(self, question: Question, response: RestResponse, cursor: Cursor | None) -> Page:
        """Read (a page of) its answer. Never raises."""
        return queries.read_question(question, response, cursor, self.grammar.table)

    def reference_calls(self) -> tuple[RestCall, ...]:
        """Write the calls that load ``instIdCode`` (OKX: Public Data, Trading Account / GET Instruments).

        In demo the account's own listing is asked: the public one would answer with production's codes to a call whose
        header got lost on the way.
        """
        if self.is_demo:
            operation, path = rates.ACCOUNT_INSTRUMENTS, ACCOUNT_INSTRUMENTS_PATH
        else:
            operation, path = rates.INSTRUMENTS, PUBLIC_INSTRUMENTS_PATH
        return tuple(
            RestCall(operation, "GET", path, (("instType", kind),), signed=self.is_demo) for kind in REFERENCE_TYPES
        )

    def read_reference(self, response: RestResponse) -> Reference:
        """Read one of them, or raise `errors.RemoteError`. A row without a usable code is left out: REST serves it."""
        reference: Reference = {}
        for row in rows_of("instruments", response):
            try:
                fields = as_object(row, "row")
                code = optional_text(fields, "instIdCode")
                if code is not None and code.isascii() and code.isdigit() and int(code) > 0:
                    reference[text(fields, "instId")] = code
            except Unreadable:
                continue
        return reference


def _argument(wire: WireCancel, reference: Mapping[str, str]) -> dict[str, object] | None:
    code = reference.get(wire.instrument)
    if code is None:
        return None
    key, value = order_reference(wire.order_id, wire.client_order_id)
    return {"instIdCode": int(code), key: value}


def _row(wire: WireCancel) -> dict[str, str]:
    key, value = order_reference(wire.order_id, wire.client_order_id)
    return {"instId": wire.instrument, key: value}
