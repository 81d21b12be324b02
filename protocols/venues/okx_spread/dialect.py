"""OKX spread trading: one account over ``/ws/v5/business`` and REST.

It holds no order and no state: the same bytes mean the same facts. A cancel names the order alone, on both roads, so
no instrument data are needed; there is no batch. Hosts, login, heartbeat and signatures are those of all OKX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from protocols.batching import BatchAnswered, NoBatches
from protocols.deadman import SwitchTraits
from protocols.dialect import Timings, Traits
from protocols.evidence import Proof, Source
from protocols.fix import Road
from protocols.jsonread import frame_of
from protocols.rest import RestCall
from protocols.venues.okx.answers import read_rest_cancel
from protocols.venues.okx.common import TRADE_PERMISSION, OkxCommon, order_reference
from protocols.venues.okx.deadman import CancelAllAfter
from protocols.venues.okx.frames import Grammar
from protocols.venues.okx_spread import queries, rates
from protocols.venues.okx_spread.codes import CODES_OF_SPREADS
from protocols.venues.okx_spread.orders import read_spread_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protocols.asks import Cursor, Page, Question, WireCancel
    from protocols.dialect import Reference
    from protocols.evidence import Frame, OrderReported
    from protocols.jsonread import Json
    from protocols.mass import Everything
    from protocols.rest import RestResponse

ORDERS_CHANNEL: Final = "sprd-orders"
CANCEL_OP: Final = "sprd-cancel-order"
CANCEL_PATH: Final = "/api/v5/sprd/cancel-order"
MASS_PATH: Final = "/api/v5/sprd/mass-cancel"

ZERO_FILL_MEMORY_MS: Final = 2 * 3600 * 1000
"""Unfilled canceled orders are kept for two hours (OKX: Spread Trading / GET Orders (last 21 days))."""

SWITCH: Final = CancelAllAfter(
    "/api/v5/sprd/cancel-all-after",
    SwitchTraits(
        covers="every spread order of the account, whichever key or program placed it",
        least_s=10,
        most_s=120,
        operation=rates.CANCEL_ALL_AFTER,
        page="OKX: Spread Trading / POST Cancel All After",
    ),
)

NOT_COVERED: Final = ("everything but spread orders: those are an account of the venue okx",)
"""OKX: Spread Trading. Its orders have a list and cancels of their own."""
TRAITS: Final = Traits(
    venue="okx_spread",
    products=("",),
    roads=(Road.WS, Road.REST),
    ladder=queries.LADDER,
    timings=Timings(ack_wait_ms=500, push_wait_ms=1000, abandon_after_h=2, per_order_gap_ms=0),
    rate_rules=rates.SPREAD_RULES,
    cancel_operation=rates.CANCEL,
    question_operations=queries.OPERATIONS,
    order_memory_ms=ZERO_FILL_MEMORY_MS,
    alias_memory_ms=ZERO_FILL_MEMORY_MS,
    mass_cancels=(rates.MASS,),
    not_covered=NOT_COVERED,
    switch=SWITCH,
    takes_passphrase=True,
    trade_permission=TRADE_PERMISSION,
)


def read_pushed_order(row: Json, frame: Frame) -> OrderReported:
    """Read one row of the ``sprd-orders`` channel, or raise `Unreadable`."""
    return read_spread_order(row, Source.PUSH, ORDERS_CHANNEL, frame)


GRAMMAR: Final = Grammar(
    channel=ORDERS_CHANNEL,
    subscription={"channel": ORDERS_CHANNEL},
    subscription_id="sprdorders",
    cancel_op=CANCEL_OP,
    read_row=read_pushed_order,
    table=CODES_OF_SPREADS,
)


class OkxSpread(OkxCommon, NoBatches):
    """The dialect of OKX spread trading; see `protocols.dialect.Dialect` for what each method promises."""

    traits: Traits = TRAITS
    grammar = GRAMMAR
    path = "/ws/v5/business"

    def cancel_frame(self, wire: WireCancel, reference: Mapping[str, str]) -> str | None:
        """Write a cancel (OKX: Spread Trading / WS Cancel order)."""
        key, value = order_reference(wire.order_id, wire.client_order_id)
        return orjson.dumps({"id": wire.send_id, "op": CANCEL_OP, "args": [{key: value}]}).decode()

    def cancel_call(self, wire: WireCancel) -> RestCall:
        """Write a cancel for REST (OKX: Spread Trading / POST Cancel order)."""
        key, value = order_reference(wire.order_id, wire.client_order_id)
        return RestCall(rates.CANCEL, "POST", CANCEL_PATH, body=orjson.dumps({key: value}), instrument=wire.instrument)

    def mass_call(self, operation: str, everything: Everything) -> RestCall:
        """Write the call that cancels everything, of a spread if one is named (OKX: Spread Trading / Cancel All)."""
        body = orjson.dumps({} if everything.instrument is None else {"sprdId": everything.instrument})
        return RestCall(operation, "POST", MASS_PATH, body=body, instrument=everything.instrument or "")

    def read_mass(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it, which names nobody: received, not done. Never raises."""
        whole = read_rest_cancel(wires[0].send_id, response, frame_of(response.body), self.grammar.table)
        if whole.proof is Proof.ACCEPTED and whole.fields.get("result") != "true":
            whole = msgspec.structs.replace(whole, proof=Proof.UNKNOWN)
        return BatchAnswered(wires[0].send_id, whole, (), is_about_all=True)

    def question_call(self, question: Question, cursor: Cursor | None) -> RestCall:
        """Write (a page of) a question."""
        return queries.question_call(question, cursor)

    def read_question(self, question: Question, response: RestResponse, cursor: Cursor | None) -> Page:
        """Read (a page of) its answer. Never raises."""
        return queries.read_question(question, response, cursor, self.grammar.table)

    def reference_calls(self) -> tuple[RestCall, ...]:
        """Nothing: frames name no instrument."""
        return ()

    def read_reference(self, response: RestResponse) -> Reference:
        """Nothing: no such call is made."""
        return {}
