"""One BingX order, pushed or queried, read into an `OrderReported`. The two roads name their fields differently.

It refuses to conclude: the order's status word is the status, whatever the quantities say. ``PENDING`` is an order that
rests, partly filled or not; why a push came (``x``) is not its state (``X``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.errors import Unreadable
from protocols.evidence import Frame, OrderReported, Source
from protocols.fix import ClientOrderId, OrderId, OrdStatus, Side
from protocols.jsonread import Json, decimal, millis, optional_text, quantity, text

if TYPE_CHECKING:
    from decimal import Decimal

STATUSES: Final = {
    "NEW": OrdStatus.NEW,
    "PENDING": OrdStatus.NEW,
    "WORKING": OrdStatus.NEW,
    "PARTIALLY_FILLED": OrdStatus.PARTIALLY_FILLED,
    "PENDING_CANCEL": OrdStatus.PENDING_CANCEL,
    "FILLED": OrdStatus.FILLED,
    "CANCELED": OrdStatus.CANCELED,
    "CANCELLED": OrdStatus.CANCELED,
    "FAILED": OrdStatus.REJECTED,
    "EXPIRED": OrdStatus.EXPIRED,
}
"""BingX: Spot / Cancel Order, ``status``; Websocket / Order update, ``X``. Swaps write CANCELLED; PENDING_CANCEL and
WORKING stand on no page, but clients know them as orders that live. "Unknown", seen in a sample, is no status."""

SIDES: Final = {"BUY": Side.BUY, "SELL": Side.SELL}


def status_of(word: str) -> OrdStatus:
    """Read a status word, or raise `Unreadable`."""
    status = STATUSES.get(word)
    if status is None:
        raise Unreadable("status", f"the status {word!r} is not known")
    return status


def read_push(data: Json, channel: str, frame: Frame) -> OrderReported:
    """Read the data of an execution report (BingX: Spot / Websocket / Order update), or raise `Unreadable`.

    ``cum_qty`` is never called final: only a query's is. A cancel's own push says zero where it may mean nothing.
    """
    word = text(data, "X")
    status = status_of(word)
    cum_qty = quantity(data, "z")
    if status.is_terminal and status is not OrdStatus.FILLED and not cum_qty:
        cum_qty = None
    event_ms = millis(data, "E")
    return OrderReported(
        source=Source.PUSH,
        channel=channel,
        product="",
        instrument=text(data, "s"),
        order_id=OrderId(text(data, "i")),
        client_order_id=_client_id(optional_text(data, "C")),
        status=status,
        word=word,
        side=SIDES.get(optional_text(data, "S") or ""),
        order_qty=_order_quantity(data, "q", "Q"),
        cum_qty=cum_qty,
        created_ms=millis(data, "O"),
        updated_ms=event_ms,
        venue_time=None if event_ms is None else str(event_ms),
        frame=frame,
    )


def read_row(row: Json, channel: str, frame: Frame) -> OrderReported:
    """Read a row of the order query, open orders or history (BingX: Spot / Trade), or raise `Unreadable`."""
    word = text(row, "status")
    status = status_of(word)
    cum_qty = quantity(row, "executedQty")
    updated_ms = millis(row, "updateTime")
    return OrderReported(
        source=Source.QUERY,
        channel=channel,
        product="",
        instrument=text(row, "symbol"),
        order_id=OrderId(text(row, "orderId")),
        client_order_id=_client_id(client_id_of(row)),
        status=status,
        word=word,
        side=SIDES.get(optional_text(row, "side") or ""),
        order_qty=_order_quantity(row, "origQty", "origQuoteOrderQty"),
        cum_qty=cum_qty,
        cum_qty_final=status.is_terminal and cum_qty is not None,
        avg_px=decimal(row, "avgPrice") or None,
        created_ms=millis(row, "time"),
        updated_ms=updated_ms,
        venue_time=None if updated_ms is None else str(updated_ms),
        frame=frame,
    )


def client_id_of(row: Json) -> str | None:
    """Find the client id of a REST row: its name differs from page to page."""
    return optional_text(row, "clientOrderID") or optional_text(row, "clientOrderId")


def _client_id(found: str | None) -> ClientOrderId | None:
    return None if found is None else ClientOrderId(found)


def _order_quantity(row: Json, key: str, by_quote: str) -> Decimal | None:
    """Read the ordered quantity; None where the order was sized in the quote currency (then it may be written as 0)."""
    if decimal(row, by_quote):
        return None
    return quantity(row, key) or None
