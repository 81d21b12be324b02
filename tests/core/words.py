"""What the story's venue is like and what it says: two roads, a ladder of four questions, plain timings; reports.

A frame's digest is made of what it says, so that saying the same thing twice is one piece of evidence; ``note`` makes
two frames of it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypedDict

from protocols.dialect import Timings, Traits
from protocols.evidence import Frame, OrderReported, Source, Step
from protocols.fix import ClientOrderId, EndedBy, OrderId, OrdStatus, Road, Side

T0: Final = 1_700_000_000_000_000
"""When stories begin, microseconds since the epoch."""
T0_MS: Final = T0 // 1000
INSTRUMENT: Final = "ABC-XYZ"

TIMINGS: Final = Timings()
STEPS: Final = (Step.ORDER, Step.OPEN_ORDERS, Step.HISTORY, Step.FILLS)
TRAITS: Final = Traits(
    venue="neutral",
    products=("",),
    roads=(Road.WS, Road.REST),
    ladder=STEPS,
    timings=TIMINGS,
    rate_rules=(),
    cancel_operation="cancel",
    question_operations={step: f"ask_{step.value}" for step in STEPS},
    order_memory_ms=7_200_000,
    alias_memory_ms=3_600_000,
)


class Said(TypedDict, total=False):
    """What a report may say beside its status; `report` has the defaults."""

    order: str
    alias: str | None
    cum: str | None
    qty: str | None
    final: bool | None
    channel: str
    instrument: str
    product: str
    side: Side | None
    created_ms: int | None
    updated_ms: int | None
    ended_by: EndedBy
    is_state: bool
    note: str


def report(
    status: OrdStatus | str,
    *,
    order: str = "o1",
    alias: str | None = None,
    cum: str | None = None,
    qty: str | None = "10",
    final: bool | None = None,
    source: Source = Source.PUSH,
    channel: str = "orders",
    instrument: str = INSTRUMENT,
    product: str = "",
    side: Side | None = Side.BUY,
    created_ms: int | None = T0_MS - 60_000,
    updated_ms: int | None = None,
    ended_by: EndedBy = EndedBy.UNKNOWN,
    is_state: bool = True,
    note: str = "",
) -> OrderReported:
    """Write a report. A terminal one is final unless said otherwise."""
    word = OrdStatus(status)
    is_final = word.is_terminal if final is None else final
    told = f"{source}:{channel}:{order}:{alias}:{word}:{cum}:{qty}:{is_final}:{side}:{instrument}:{updated_ms}:{note}"
    return OrderReported(
        source=source,
        channel=channel,
        product=product,
        instrument=instrument,
        order_id=OrderId(order),
        client_order_id=ClientOrderId(alias) if alias is not None else None,
        status=word,
        word=word.value,
        side=side,
        order_qty=Decimal(qty) if qty is not None else None,
        cum_qty=Decimal(cum) if cum is not None else None,
        cum_qty_final=is_final,
        created_ms=created_ms,
        updated_ms=updated_ms,
        ended_by=ended_by,
        frame=Frame(told, b""),
        is_state=is_state,
    )
