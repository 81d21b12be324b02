"""One row about a spread order, pushed or queried, and one spread trade, read into facts.

It refuses to conclude from quantities. Matching and settlement are two things here: what is matched stands in
``pendingSettleSz`` until it is settled (then in ``accFillSz``) or rejected (then in ``canceledSz``). So ``canceledSz``
above zero ends no order, nothing left in ``pendingFillSz`` ends none either, and an order that is being canceled may
still end ``filled``. Only the venue's ``state`` is the status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.errors import Unreadable
from protocols.evidence import Frame, OrderReported, Source
from protocols.fix import ClientOrderId, OrderId, OrdStatus
from protocols.jsonread import Json, decimal, millis, optional_text, quantity, text
from protocols.venues.okx.fills import Fill
from protocols.venues.okx.orders import SIDES, cancel_reason, ended_by

if TYPE_CHECKING:
    from decimal import Decimal

STATES: Final = {
    "live": OrdStatus.NEW,
    "partially_filled": OrdStatus.PARTIALLY_FILLED,
    "filled": OrdStatus.FILLED,
    "canceled": OrdStatus.CANCELED,
}
"""OKX: Spread Trading / WS Order channel, ``state``. There is no "canceling"."""

TRADE_SETTLED: Final = "filled"
TRADE_REJECTED: Final = "rejected"
"""OKX: Spread Trading / GET Trades, ``state``: a trade that was rejected at settlement executed nothing."""


def read_spread_order(row: Json, source: Source, channel: str, frame: Frame) -> OrderReported:
    """Read one row, or raise `Unreadable`. ``cum_qty`` is what is settled."""
    word = text(row, "state")
    status = STATES.get(word)
    if status is None:
        raise Unreadable("state", f"the state {word!r} is not known")
    cum_qty = quantity(row, "accFillSz")
    cancel_source = optional_text(row, "cancelSource")
    return OrderReported(
        source=source,
        channel=channel,
        product="",
        instrument=text(row, "sprdId"),
        order_id=OrderId(text(row, "ordId")),
        client_order_id=_client_order_id(row),
        status=status,
        word=word,
        side=SIDES.get(optional_text(row, "side") or ""),
        order_qty=quantity(row, "sz"),
        cum_qty=cum_qty,
        cum_qty_final=status.is_terminal and cum_qty is not None and is_settled(row),
        avg_px=_average_price(row, cum_qty),
        created_ms=millis(row, "cTime"),
        updated_ms=millis(row, "uTime"),
        venue_time=optional_text(row, "uTime"),
        ended_by=ended_by(cancel_source),
        cancel_reason=cancel_reason(cancel_source, optional_text(row, "msg")),
        frame=frame,
    )


def is_settled(row: Json) -> bool:
    """Whether nothing of the order awaits settlement, by the venue's word; a size that is not said proves nothing."""
    return quantity(row, "pendingSettleSz") == 0


def read_spread_trade(row: Json) -> Fill | None:
    """Read one row of trades, or raise `Unreadable`; None for a trade that was rejected at settlement."""
    word = text(row, "state")
    if word == TRADE_REJECTED:
        return None
    if word != TRADE_SETTLED:
        raise Unreadable("state", f"the trade state {word!r} is not known")
    size = quantity(row, "fillSz")
    if size is None:
        raise Unreadable("fillSz", "missing or empty")
    return Fill(
        OrderId(text(row, "ordId")),
        _client_order_id(row),
        text(row, "sprdId"),
        text(row, "tradeId"),
        SIDES.get(optional_text(row, "side") or ""),
        size,
        millis(row, "ts"),
    )


def _client_order_id(row: Json) -> ClientOrderId | None:
    found = optional_text(row, "clOrdId")
    return None if found is None else ClientOrderId(found)


def _average_price(row: Json, cum_qty: Decimal | None) -> Decimal | None:
    """Read ``avgPx``. Without a fill it is "0" or ""; with one it may be zero or less, since it is a difference."""
    return decimal(row, "avgPx") if cum_qty else None
