"""One Bitget order row read into an `OrderReported`: pushed or queried, classic futures, classic spot, unified.

It refuses to conclude: the row's status word is the status, whatever the quantities say (a full volume stands beside
``partially_filled`` for a moment). Names of fields differ by surface, and one flips its meaning: ``baseVolume`` is the
last fill in a push and the sum of all in an answer. What differs is data here (`Surface`), with its page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from protocols.errors import Unreadable
from protocols.evidence import Frame, OrderReported, Source
from protocols.fix import ClientOrderId, EndedBy, OrderId, OrdStatus, Side
from protocols.jsonread import Json, decimal, millis, optional_text, quantity, text

if TYPE_CHECKING:
    from decimal import Decimal

STATUSES: Final = {
    "live": OrdStatus.NEW,
    "new": OrdStatus.NEW,
    "partially_filled": OrdStatus.PARTIALLY_FILLED,
    "partially_fill": OrdStatus.PARTIALLY_FILLED,
    "filled": OrdStatus.FILLED,
    "canceled": OrdStatus.CANCELED,
    "cancelled": OrdStatus.CANCELED,
    "reject": OrdStatus.REJECTED,
    "rejected": OrdStatus.REJECTED,
    "fail": OrdStatus.REJECTED,
}
"""Bitget spells the end of an order ``canceled`` on futures and ``cancelled`` on spot, margin and the unified account;
both are read everywhere. ``new`` is "in the matching engine" on a unified account, and ``live`` before that."""

SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}

BY_USER: Final = "normal_cancel"
REPLACED: Final = "modify_limit_order"
"""The old order of a modify: the logical order goes on under another id, which no page says where to find."""


class Surface(msgspec.Struct, frozen=True):
    """Where a row was seen, and how it calls things there.

    ``sizes`` are the fields of the ordered quantity, best first; ``is_spot_quote`` says that a market buy is sized in
    the quote coin.
    """

    page: str
    instrument: str
    status: tuple[str, ...]
    sizes: tuple[str, ...]
    executed: str
    average: tuple[str, ...]
    created: str = "cTime"
    updated: str = "uTime"
    is_spot_quote: bool = False


FUTURES_PUSH: Final = Surface(
    "Contract / WebSocket / Order channel", "instId", ("status",), ("size",), "accBaseVolume", ("priceAvg",)
)
SPOT_PUSH: Final = Surface(
    "Spot / WebSocket / Order channel", "instId", ("status",), ("newSize",), "accBaseVolume", ("priceAvg",),
    is_spot_quote=True,
)  # fmt: skip
"""``size`` of a spot push is an amount of quote coin when buying; ``newSize`` is base but for market buys."""
FUTURES_ANSWER: Final = Surface(
    "Contract / Trade / Get order detail", "symbol", ("state", "status"), ("size",), "baseVolume", ("priceAvg",)
)
SPOT_ANSWER: Final = Surface(
    "Spot / Trade / Get order info", "symbol", ("status", "state"), ("size",), "baseVolume", ("basePrice", "priceAvg"),
    is_spot_quote=True,
)  # fmt: skip
"""In the list of current spot orders ``priceAvg`` is the limit price and ``basePrice`` the average."""
UNIFIED: Final = Surface(
    "Unified account / Order channel, Get order details", "symbol", ("orderStatus",), ("qty",), "cumExecQty",
    ("avgPrice",), "createdTime", "updatedTime", is_spot_quote=True,
)  # fmt: skip


def read_order(row: Json, surface: Surface, source: Source, product: str, channel: str, frame: Frame) -> OrderReported:
    """Read one row, or raise `Unreadable`.

    ``ended_by`` US means canceled by the account's user: by us, or by another program or person of that account. OTHER
    is any other reason that the venue names. ``cum_qty_final`` is claimed at the end of an order that says its
    quantity, unless it is filled with another quantity than was ordered.
    """
    word, status = _status(row, surface)
    reason = optional_text(row, "cancelReason")
    if status is OrdStatus.CANCELED and reason == REPLACED:
        status = OrdStatus.REPLACED
    cum_qty = quantity(row, surface.executed)
    order_qty = _order_quantity(row, surface, product, cum_qty)
    client_order_id = optional_text(row, "clientOid") or optional_text(row, "clientOId")
    return OrderReported(
        source=source,
        channel=channel,
        product=product,
        instrument=text(row, surface.instrument).upper(),
        order_id=OrderId(text(row, "orderId")),
        client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
        status=status,
        word=word,
        side=SIDES.get((optional_text(row, "side") or "").lower()),
        order_qty=order_qty,
        cum_qty=cum_qty,
        cum_qty_final=_is_final(status, cum_qty, order_qty),
        avg_px=_average(row, surface),
        created_ms=millis(row, surface.created),
        updated_ms=millis(row, surface.updated),
        venue_time=optional_text(row, surface.updated),
        ended_by=_ended_by(status, reason),
        cancel_reason=reason,
        frame=frame,
    )


def _status(row: Json, surface: Surface) -> tuple[str, OrdStatus]:
    """Read the status word, under whichever of its names; two names that say two things are none."""
    words = {found for key in surface.status if (found := optional_text(row, key)) is not None}
    word = words.pop() if len(words) == 1 else ""
    status = STATUSES.get(word)
    if status is None:
        raise Unreadable(surface.status[0], f"the status {word!r} is not known")
    return word, status


def _order_quantity(row: Json, surface: Surface, product: str, cum_qty: Decimal | None) -> Decimal | None:
    """Read the ordered quantity where it is in the unit of the executed one, else None.

    A zero is none: orders sized in quote coin have it. Pages do not say the unit of every spot row, so a spot quantity
    that is smaller than the executed one is in another unit.
    """
    if surface.is_spot_quote and product in {"SPOT", "MARGIN"}:
        if optional_text(row, "orderType") == "market" and optional_text(row, "side") == "buy":
            return None
        ordered = _first_quantity(row, surface)
        return None if ordered is not None and cum_qty is not None and cum_qty > ordered else ordered
    return _first_quantity(row, surface)


def _first_quantity(row: Json, surface: Surface) -> Decimal | None:
    return next((found for key in surface.sizes if (found := quantity(row, key))), None)


def _is_final(status: OrdStatus, cum_qty: Decimal | None, order_qty: Decimal | None) -> bool:
    if not status.is_terminal or cum_qty is None:
        return False
    return status is not OrdStatus.FILLED or order_qty is None or cum_qty == order_qty


def _average(row: Json, surface: Surface) -> Decimal | None:
    """Read the average price; none yet is absent, "" or zero."""
    for key in surface.average:
        if key in row:
            return decimal(row, key) or None
    return None


def _ended_by(status: OrdStatus, reason: str | None) -> EndedBy:
    if not status.is_terminal or reason is None:
        return EndedBy.UNKNOWN
    return EndedBy.US if reason == BY_USER else EndedBy.OTHER
