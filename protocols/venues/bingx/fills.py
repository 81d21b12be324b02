"""What BingX's list of transactions says about an order: at least how much of it was executed, and never that it ended.

It refuses to give an order a state: its report has ``is_state`` False and the word `FILL_WORD`, which is none of the
venue's.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from protocols.errors import Unreadable
from protocols.evidence import Frame, OrderReported, Source
from protocols.fix import OrderId, OrdStatus, Side
from protocols.jsonread import Json, millis, quantity, text

FILL_WORD: Final = "fill"
"""The status word of a report that was made of transactions."""


class Fill(msgspec.Struct, frozen=True):
    """One transaction of one order, in the base currency."""

    order_id: OrderId
    instrument: str
    trade_id: str
    side: Side | None
    quantity: Decimal
    time_ms: int | None


def read_fill(row: Json) -> Fill:
    """Read one row (BingX: Spot / Trade / Query transaction details), or raise `Unreadable`."""
    size = quantity(row, "qty")
    if size is None:
        raise Unreadable("qty", "missing or empty")
    is_buyer = row.get("isBuyer")
    side = (Side.BUY if is_buyer else Side.SELL) if isinstance(is_buyer, bool) else None
    return Fill(
        OrderId(text(row, "orderId")), text(row, "symbol"), text(row, "id"), side, size, millis(row, "time")
    )  # fmt: skip


def report_fills(fills: list[Fill], channel: str, frame: Frame) -> tuple[OrderReported, ...]:
    """Report the one order of ``fills`` with what was executed of it, each trade once."""
    if not fills:
        return ()
    newest = max(fills, key=lambda fill: fill.time_ms or 0)
    executed = sum({fill.trade_id: fill.quantity for fill in fills}.values(), Decimal(0))
    return (
        OrderReported(
            Source.QUERY,
            channel,
            "",
            newest.instrument,
            newest.order_id,
            None,
            OrdStatus.PARTIALLY_FILLED,
            FILL_WORD,
            side=newest.side,
            cum_qty=executed,
            updated_ms=newest.time_ms,
            venue_time=None if newest.time_ms is None else str(newest.time_ms),
            frame=frame,
            is_state=False,
        ),
    )
