"""One HTX order, pushed or queried, read into an `OrderReported`: the same fields on both roads.

It refuses to conclude: ``state`` is the status, whatever the quantities say, and it may come before the last number
does. A row is read as far as ids, contract, state, quantities and times; other fields and new ones are let pass.
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
    "new": OrdStatus.NEW,
    "partially_filled": OrdStatus.PARTIALLY_FILLED,
    "filled": OrdStatus.FILLED,
    "canceled": OrdStatus.CANCELED,
    "partially_canceled": OrdStatus.CANCELED,
    "rejected": OrdStatus.REJECTED,
    # The old API's numbers: a sample of "Orders / Get Current Orders" still has one.
    "1": OrdStatus.NEW,
    "2": OrdStatus.NEW,
    "3": OrdStatus.NEW,
    "4": OrdStatus.PARTIALLY_FILLED,
    "5": OrdStatus.CANCELED,
    "6": OrdStatus.FILLED,
    "7": OrdStatus.CANCELED,
    "10": OrdStatus.REJECTED,
    "11": OrdStatus.PENDING_CANCEL,
}
"""HTX: Private WebSocket / Subscribe to Order Updates, ``state``."""

SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}

BY_THE_CLIENT: Final = "limit order cancelation by the client"
BY_OTHERS: Final = frozenset(
    {
        "order cancelation by system",
        "market order circuit-breaker",
        "bankruptcy price of market order",
        "order cancelation due to no matching orders",
        "self trading prevention",
        "number of maker orders matched with your taker orders exceeding limit",
        "order cancelation due to api timeout",
    }
)
"""``cancel_reason`` (HTX: Orders / Get Order History), in small letters. Texts change: an unknown one names nobody."""


def read_order(row: Json, source: Source, channel: str, frame: Frame) -> OrderReported:
    """Read one row, or raise `Unreadable`.

    ``ended_by`` US means canceled by the account's user: by us, or by another program or person of that account. A
    ``client_order_id`` that equals the ``order_id`` was never given: there is none then.
    """
    word = text(row, "state")
    status = STATES.get(word)
    if status is None:
        raise Unreadable("state", f"the state {word!r} is not known")
    order_id = OrderId(text(row, "order_id"))
    order_qty, cum_qty = quantity(row, "volume"), quantity(row, "trade_volume")
    reason = (optional_text(row, "cancel_reason") or "").strip()
    return OrderReported(
        source=source,
        channel=channel,
        product="",
        instrument=text(row, "contract_code"),
        order_id=order_id,
        client_order_id=own_client_id(order_id, optional_text(row, "client_order_id")),
        status=status,
        word=word,
        side=SIDES.get(optional_text(row, "side") or ""),
        order_qty=order_qty,
        cum_qty=cum_qty,
        cum_qty_final=status.is_terminal and is_settled(order_qty, cum_qty, quantity(row, "cancel_volume")),
        avg_px=decimal(row, "trade_avg_price") or None,  # none yet is "0"
        created_ms=millis(row, "created_time"),
        updated_ms=millis(row, "updated_time"),
        venue_time=optional_text(row, "updated_time"),
        ended_by=ended_by(reason),
        cancel_reason=reason or None,
        frame=frame,
    )


def own_client_id(order_id: str | None, client_order_id: str | None) -> ClientOrderId | None:
    """Give the client id that the order was placed with; the venue repeats the order id where there was none."""
    if client_order_id is None or client_order_id == order_id:
        return None
    return ClientOrderId(client_order_id)


def is_settled(volume: Decimal | None, traded: Decimal | None, canceled: Decimal | None) -> bool:
    """Whether an ended order's numbers are the last ones: what was traded and what was canceled make up the whole.

    An order that trades with several others can be pushed ``filled``, or ``partially_canceled``, several times, with
    ``trade_volume`` still growing (HTX: Private WebSocket / Subscribe to Order Updates, note). Rows of before mid-2026
    lack ``cancel_volume``: then only a full execution is known to be the last word.
    """
    if volume is None or traded is None:
        return False
    return traded == volume or (canceled is not None and traded + canceled == volume)


def ended_by(reason: str) -> EndedBy:
    """Say who canceled, by the venue's text."""
    small = reason.lower()
    if small == BY_THE_CLIENT:
        return EndedBy.US
    return EndedBy.OTHER if small in BY_OTHERS else EndedBy.UNKNOWN
