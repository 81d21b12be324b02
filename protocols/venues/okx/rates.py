"""OKX's published rate limits for what we do, as data. It refuses to know who keeps them.

WebSocket and REST share the bucket of one operation, so an operation has one name on both roads. Limits count per user
and not per connection: more sockets do not help. For options the page says "User ID + Instrument Family" where these
rules say instrument: a family's options can together run into 50011, which the code table turns into a back-off.
"""

from __future__ import annotations

from typing import Final

from protocols.batching import BatchCancel
from protocols.dialect import DIAL, Counts, RateRule, Scope
from protocols.fix import Road

CANCEL: Final = "cancel_order"
CANCEL_BATCH: Final = "cancel_batch_orders"
ORDER: Final = "order"
ORDERS_PENDING: Final = "orders_pending"
ORDERS_HISTORY: Final = "orders_history"
FILLS: Final = "fills"
INSTRUMENTS: Final = "instruments"
ACCOUNT_INSTRUMENTS: Final = "account_instruments"
CANCEL_ALL_AFTER: Final = "cancel_all_after"
TIME: Final = "time"
ACCOUNT_CONFIG: Final = "account_config"

WINDOW_MS: Final = 2000
"""Every limit here is stated per two seconds, but for the dead-man switch's and that on new connections."""


def rule(operation: str, limit: int, scope: Scope, page: str, counts: Counts = Counts.CALLS) -> RateRule:
    """Write one row: so many in `WINDOW_MS`, by the page of that section."""
    return RateRule(operation, frozenset({operation}), limit, WINDOW_MS, scope, f"OKX: {page}", counts)


def switch_rule(operation: str, page: str) -> RateRule:
    """Write the row of a dead-man switch: once a second, by user and tag, and an account sets one tag's."""
    return RateRule(operation, frozenset({operation}), 1, 1000, Scope.USER, f"OKX: {page}")


CONNECTION_RULES: Final = (
    RateRule(DIAL, frozenset({DIAL}), 3, 1000, Scope.ADDRESS, "OKX: Overview / WebSocket, connection limit"),
    rule(TIME, 10, Scope.ADDRESS, "Public Data / GET System time"),
    rule(ACCOUNT_CONFIG, 5, Scope.USER, "Trading Account / GET Account configuration"),
)
"""What any OKX dialect calls to keep an account connected."""

TRADE_RULES: Final = (
    *CONNECTION_RULES,
    rule(CANCEL, 60, Scope.INSTRUMENT, "Trade / POST Cancel order, WS Cancel order"),
    # Independent of single cancels, and counted by the orders in it; a batch of one would count as a single cancel.
    rule(CANCEL_BATCH, 300, Scope.INSTRUMENT, "Trade / POST and WS Cancel multiple orders", Counts.ORDERS),
    rule(ORDER, 60, Scope.INSTRUMENT, "Trade / GET Order details"),
    rule(ORDERS_PENDING, 60, Scope.USER, "Trade / GET Order List"),
    rule(ORDERS_HISTORY, 40, Scope.USER, "Trade / GET Order history (last 7 days)"),
    rule(FILLS, 60, Scope.USER, "Trade / GET Transaction details (last 3 days)"),
    switch_rule(CANCEL_ALL_AFTER, "Trade / POST Cancel All After"),
    # Both are counted per instrument type as well; counting all types together stays inside that.
    rule(INSTRUMENTS, 20, Scope.ADDRESS, "Public Data / GET Instruments"),
    rule(ACCOUNT_INSTRUMENTS, 20, Scope.USER, "Trading Account / GET Instruments"),
)

BATCH: Final = BatchCancel(
    CANCEL_BATCH,
    roads=(Road.WS, Road.REST),
    items_max=20,
    page="OKX: Trade / POST and WS Cancel multiple orders",
    mixed_products=frozenset({""}),
    mixes_ids=True,
)
