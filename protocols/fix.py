"""The trade's own words, after FIX 4.4/5.0: order status, side, cancel-reject reasons, and the ids that name things.

Everything above a venue speaks these words only. A venue's own spelling is turned into them by its dialect and goes no
further. This module knows no venue and no transport.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NewType

AccountName = NewType("AccountName", str)
OrderId = NewType("OrderId", str)
"""The venue's id of an order: opaque text, never a number (most exceed 2^53)."""
ClientOrderId = NewType("ClientOrderId", str)
"""The client's id of an order: an alias, which venues let clients reuse and which they forget."""
RequestId = NewType("RequestId", str)
"""The client's name for one cancel request: 1 to 64 of ``[A-Za-z0-9._:-]``."""
SendId = NewType("SendId", str)
"""Names one wire cancel. Letters and digits only, at most 32, since that is what every venue's request id takes."""
QueryId = NewType("QueryId", str)
"""Names one question put to a venue."""


class OrdStatus(StrEnum):
    """FIX OrdStatus (tag 39), as far as a cancel has to know it."""

    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REPLACED = "replaced"
    EXPIRED = "expired"
    REJECTED = "rejected"
    PENDING_CANCEL = "pending_cancel"

    @property
    def is_terminal(self) -> bool:
        """Whether the order can no longer trade."""
        return self in TERMINAL


TERMINAL: Final = frozenset(
    {OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REPLACED, OrdStatus.EXPIRED, OrdStatus.REJECTED}
)
LIVING: Final = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED})
"""It can trade, and no cancel of it is known to be under way."""


class Side(StrEnum):
    """FIX Side (tag 54)."""

    BUY = "buy"
    SELL = "sell"


class CxlRejReason(StrEnum):
    """FIX CxlRejReason (tag 102), the two values that canceld gives itself."""

    TOO_LATE = "0"
    UNKNOWN_ORDER = "1"


class EndedBy(StrEnum):
    """Who took the order off the book, as far as the venue says."""

    US = "us"
    OTHER = "other"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What became of a cancel request. Each word has one exact meaning; `daemon.core.policy` decides between them."""

    CANCELED = "canceled"
    FILLED = "filled"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"
    UNKNOWN_ORDER = "unknown_order"
    NOT_SENT = "not_sent"

    @property
    def is_derivable(self) -> bool:
        """Whether the venue could be asked again and would say the same: only terminal evidence has that virtue."""
        return self in {Outcome.CANCELED, Outcome.FILLED}


class RequestState(StrEnum):
    """How far a request has come. It says nothing about the order."""

    RECORDED = "recorded"
    FORWARDED = "forwarded"
    VENUE_ACCEPTED = "venue_accepted"
    VENUE_REFUSED = "venue_refused"


class Priority(StrEnum):
    """Which of two waiting cancels takes the next free slot of a rate budget."""

    NORMAL = "normal"
    URGENT = "urgent"


class Road(StrEnum):
    """A transport by which a cancel reaches the venue."""

    WS = "ws"
    REST = "rest"


class OrderEntry(StrEnum):
    """Which roads an account may take (configuration ``order_entry``)."""

    WS = "ws"
    REST = "rest"
    WS_THEN_REST = "ws_then_rest"
