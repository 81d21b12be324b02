"""What OKX's list of transactions says about an order: at least how much of it was executed, and never that it ended.

It refuses to give an order a state: a transaction has none. Its report is `PARTIALLY_FILLED` with ``is_state`` False
and the word `FILL_WORD`, which is none of the venue's order states: it proves that the order existed and a lower bound
of ``cum_qty``, not that the order is still live.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from protocols.errors import Unreadable
from protocols.evidence import Frame, OrderReported, Source
from protocols.fix import ClientOrderId, OrderId, OrdStatus, Side
from protocols.jsonread import Json, millis, optional_text, quantity, text
from protocols.venues.okx.orders import SIDES

FILL_WORD: Final = "fill"
"""The status word of a report that was made of transactions."""


class Fill(msgspec.Struct, frozen=True):
    """One transaction of one order. ``quantity`` is in the unit of ``accFillSz``."""

    order_id: OrderId
    client_order_id: ClientOrderId | None
    instrument: str
    trade_id: str
    side: Side | None
    quantity: Decimal
    time_ms: int | None


def read_fill(row: Json) -> Fill:
    """Read one row (OKX: Trade / GET Transaction details (last 3 days)), or raise `Unreadable`."""
    size = quantity(row, "fillSz")
    if size is None:
        raise Unreadable("fillSz", "missing or empty")
    client_order_id = optional_text(row, "clOrdId")
    return Fill(
        OrderId(text(row, "ordId")),
        None if client_order_id is None else ClientOrderId(client_order_id),
        text(row, "instId"),
        text(row, "tradeId"),
        SIDES.get(optional_text(row, "side") or ""),
        size,
        millis(row, "ts"),
    )


def executed(fills: list[Fill]) -> Decimal:
    """Sum the transactions of one order, each trade once."""
    return sum({fill.trade_id: fill.quantity for fill in fills}.values(), Decimal(0))


def report_fills(fills: list[Fill], carried: Decimal, channel: str, frame: Frame) -> tuple[OrderReported, ...]:
    """Report each order among ``fills`` with what was executed of it, ``carried`` from earlier pages included."""
    by_order: dict[OrderId, list[Fill]] = {}
    for fill in fills:
        by_order.setdefault(fill.order_id, []).append(fill)
    return tuple(_report(group, carried, channel, frame) for group in by_order.values())


def _report(fills: list[Fill], carried: Decimal, channel: str, frame: Frame) -> OrderReported:
    newest = max(fills, key=lambda fill: fill.time_ms or 0)
    return OrderReported(
        Source.QUERY,
        channel,
        "",
        newest.instrument,
        newest.order_id,
        newest.client_order_id,
        OrdStatus.PARTIALLY_FILLED,
        FILL_WORD,
        side=newest.side,
        cum_qty=carried + executed(fills),
        updated_ms=newest.time_ms,
        venue_time=None if newest.time_ms is None else str(newest.time_ms),
        frame=frame,
        is_state=False,
    )
