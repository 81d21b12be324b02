"""HTX's published rate limits for what we do, as data. It refuses to know who keeps them.

The limits count per user, over all contracts; the WebSocket's trade operations share the REST limit of trading. A
sub-account counts for itself.
"""

from __future__ import annotations

from typing import Final

from protocols.batching import BatchCancel
from protocols.dialect import RateRule, Scope
from protocols.fix import Road
from protocols.mass import MassCancel, Naming

CANCEL: Final = "cancel_order"
CANCEL_BATCH: Final = "cancel_batch_orders"
CANCEL_ALL: Final = "cancel_all_orders"
ORDER: Final = "order"
OPEN_ORDERS: Final = "order_opens"
HISTORY: Final = "order_history"
CANCEL_AFTER: Final = "cancel_after"
TIME: Final = "timestamp"

WINDOW_MS: Final = 3000
"""Every limit here is stated per three seconds."""

RULES: Final = (
    RateRule(
        "trade", frozenset({CANCEL, CANCEL_BATCH, CANCEL_ALL, CANCEL_AFTER}), 72, WINDOW_MS, Scope.USER,
        "HTX: Orders / Cancel Order, Rate Limit: Trade", is_told=True,
    ),
    RateRule(
        "read", frozenset({ORDER, OPEN_ORDERS, HISTORY}), 72, WINDOW_MS, Scope.USER,
        "HTX: Orders / Get Order Info, Get Current Orders, Get Order History, Rate Limit: Read",
    ),
    RateRule("public", frozenset({TIME}), 240, WINDOW_MS, Scope.ADDRESS, "HTX: Access and Usage / API Rate Limit"),
)  # fmt: skip

BATCH: Final = BatchCancel(
    CANCEL_BATCH, roads=(Road.WS, Road.REST), items_max=10, page="HTX: Orders / Cancel multiple orders, WebSocket Trade"
)
"""Of one contract; each call counts as one, whatever it holds."""
MASS: Final = MassCancel(CANCEL_ALL, frozenset({""}), Naming.MAY, page="HTX: Orders / Cancel all orders", of_side=True)
