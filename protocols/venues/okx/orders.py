"""One OKX order row, pushed or queried, read into an `OrderReported`: the same fields on both roads.

It refuses to conclude: the row's ``state`` is the status, whatever the quantities say. A row is read as far as ids,
instrument, state, quantities and times; other fields and new ones are let pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.errors import Unreadable
from protocols.evidence import Frame, OrderReported, Source
from protocols.fix import ClientOrderId, EndedBy, OrderId, OrdStatus, Side
from protocols.jsonread import Json, decimal, millis, optional_text, quantity, text

if TYPE_CHECKING:
    from decimal import Decimal

STATES: Final = {
    "live": OrdStatus.NEW,
    "partially_filled": OrdStatus.PARTIALLY_FILLED,
    "filled": OrdStatus.FILLED,
    "canceled": OrdStatus.CANCELED,
    "mmp_canceled": OrdStatus.CANCELED,
}
"""OKX: Trade / WS Order channel, ``state``. There is no "canceling"."""

SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}

CANCEL_SOURCES: Final = {
    "0": "canceled by the system",
    "1": "canceled by user",
    "2": "pre-reduce-only, insufficient margin",
    "3": "risk: below maintenance margin",
    "4": "borrowing cap reached",
    "6": "auto-deleveraging",
    "7": "futures delivery",
    "9": "insufficient balance after funding",
    "10": "option expiry",
    "13": "fill-or-kill, not fully filled",
    "14": "immediate-or-cancel, remainder",
    "15": "price beyond the limit",
    "17": "position closed at market price",
    "20": "cancel-all-after fired",
    "21": "take-profit or stop-loss order, position closed",
    "22": "reduce-only order displaced by a better price",
    "23": "reduce-only order displaced by a better price",
    "27": "counterparties' prices more than 5 % apart",
    "31": "post-only order would have taken liquidity",
    "32": "self-trade prevention",
    "33": "more than 1000 matches for one taker order",
    "34": "failed to settle: insufficient margin",
    "35": "margin taken by another order",
    "36": "take-profit limit order, since its stop-loss fired",
    "37": "take-profit limit order, since its stop-loss was canceled",
    "38": "market maker orders canceled by user",
    "39": "market maker protection triggered",
    "42": "chase distance exceeded",
    "43": "price worse than the index price allows",
    "44": "automatic conversion",
    "45": "ELP price check failed",
    "46": "delta reducing",
}
"""``cancelSource`` (OKX: Trade / WS Order channel; 34 and 35 on spreads only). Unknown values are let pass."""

SOURCE_USER: Final = "1"


def read_order(row: Json, source: Source, channel: str, frame: Frame) -> OrderReported:
    """Read one row, or raise `Unreadable`.

    ``ended_by`` US means canceled by the account's user: by us, or by another program or person of that account. OTHER
    is any other source that the venue names. ``cum_qty_final`` is claimed at a terminal state that says its quantity.
    """
    word = text(row, "state")
    status = STATES.get(word)
    if status is None:
        raise Unreadable("state", f"the state {word!r} is not known")
    cum_qty = quantity(row, "accFillSz")
    client_order_id = optional_text(row, "clOrdId")
    cancel_source = optional_text(row, "cancelSource")
    updated = optional_text(row, "uTime")
    return OrderReported(
        source=source,
        channel=channel,
        product="",
        instrument=text(row, "instId"),
        order_id=OrderId(text(row, "ordId")),
        client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
        status=status,
        word=word,
        side=SIDES.get(optional_text(row, "side") or ""),
        order_qty=order_quantity(row),
        cum_qty=cum_qty,
        cum_qty_final=status.is_terminal and cum_qty is not None,
        avg_px=decimal(row, "avgPx") or None,  # none yet is "0" in a push and "" in an answer
        created_ms=millis(row, "cTime"),
        updated_ms=millis(row, "uTime"),
        venue_time=updated,
        ended_by=ended_by(cancel_source),
        cancel_reason=cancel_reason(cancel_source, optional_text(row, "cancelSourceReason")),
        frame=frame,
    )


def order_quantity(row: Json) -> Decimal | None:
    """Read ``sz`` where it is in the unit of ``accFillSz``, else None.

    Market orders of SPOT and MARGIN may be sized in the quote currency: as ``tgtCcy`` says, and by default for buys.
    """
    unit = optional_text(row, "tgtCcy")
    if unit == "quote_ccy":
        return None
    if unit is None and row.get("ordType") == "market" and row.get("instType") in ("SPOT", "MARGIN"):
        return None
    return quantity(row, "sz")


def ended_by(cancel_source: str | None) -> EndedBy:
    """Say who canceled, by the venue's ``cancelSource``."""
    if cancel_source is None:
        return EndedBy.UNKNOWN
    return EndedBy.US if cancel_source == SOURCE_USER else EndedBy.OTHER


def cancel_reason(cancel_source: str | None, reason: str | None) -> str | None:
    """Write why an order was canceled: the venue's number, and its own words or the page's."""
    if cancel_source is None:
        return reason
    return f"{cancel_source} {reason or CANCEL_SOURCES.get(cancel_source, '')}".rstrip()
