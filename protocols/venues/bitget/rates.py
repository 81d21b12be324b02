"""Bitget's published rate limits for what we do, as data. It refuses to know who keeps them.

A limit counts per user and endpoint, WebSocket and REST together. Futures and spot have endpoints, and so limits, of
their own; the cancels of both share one socket, which takes ten frames a second, so they share one rule here. Where a
step asks one of several endpoints, its rule is the tightest of theirs; the calls themselves are counted by endpoint.
"""

from __future__ import annotations

from typing import Final

from protocols.batching import BatchCancel
from protocols.dialect import RateRule, Scope
from protocols.fix import Road
from protocols.mass import MassCancel, Naming

CANCEL: Final = "cancel_order"
CANCEL_BATCH: Final = "batch_cancel_orders"
CANCEL_ALL: Final = "cancel_all_orders"
CANCEL_SYMBOL: Final = "cancel_symbol_order"
ORDER: Final = "order_question"
OPEN_ORDERS: Final = "open_orders_question"
PRODUCT_ORDERS: Final = "product_orders_question"
HISTORY: Final = "history_question"

MIX_DETAIL: Final = "mix_order_detail"
MIX_PENDING: Final = "mix_orders_pending"
MIX_HISTORY: Final = "mix_orders_history"
SPOT_ORDER: Final = "spot_order_info"
SPOT_UNFILLED: Final = "spot_unfilled_orders"
SPOT_HISTORY: Final = "spot_history_orders"
UTA_ORDER: Final = "uta_order_info"
UTA_UNFILLED: Final = "uta_unfilled_orders"
UTA_HISTORY: Final = "uta_history_orders"
COUNTDOWN: Final = "uta_countdown_cancel_all"
TIME: Final = "time"
ACCOUNT: Final = "account"

SECOND_MS: Final = 1000
FRAMES_MAX: Final = 10
"""Frames that one socket takes in a second, pings included (Bitget: WebSocket / Connect)."""


def _rule(operation: str, limit: int, page: str, scope: Scope = Scope.USER, *, is_told: bool = False) -> RateRule:
    return RateRule(operation, frozenset({operation}), limit, SECOND_MS, scope, f"Bitget: {page}", is_told=is_told)


def _listings(limit: int, page: str) -> RateRule:
    """Both questions for open orders make the same calls, one more of them than the other."""
    counted = frozenset({OPEN_ORDERS, PRODUCT_ORDERS})
    return RateRule(OPEN_ORDERS, counted, limit, SECOND_MS, Scope.USER, f"Bitget: {page}")


_COMMON: Final = (
    RateRule(
        "cancel_order_by_socket", frozenset({CANCEL}), FRAMES_MAX - 2, SECOND_MS, Scope.CONNECTION,
        "Bitget: WebSocket / Connect (10 messages a second, of which two are left to pings)",
    ),
    _rule(TIME, 20, "Common / Get server time", Scope.ADDRESS),
)  # fmt: skip

CLASSIC_RULES: Final = (
    _rule(CANCEL_BATCH, 10, "Contract / Trade / Batch cancel; Spot / Trade / Batch cancel orders", is_told=True),
    _rule(CANCEL_ALL, 10, "Contract / Trade / Cancel all orders", is_told=True),
    _rule(CANCEL_SYMBOL, 5, "Spot / Trade / Cancel order by symbol", is_told=True),
    _rule(
        CANCEL, 10, "Contract / Trade / Cancel order; Spot / Trade / Cancel order; Cancel Order Channel", is_told=True
    ),
    *_COMMON,
    _rule(ORDER, 10, "Contract / Trade / Get order detail"),
    _listings(10, "Contract / Trade / Get pending orders"),
    _rule(HISTORY, 10, "Contract / Trade / Get history orders"),
    _rule(MIX_DETAIL, 10, "Contract / Trade / Get order detail"),
    _rule(MIX_PENDING, 10, "Contract / Trade / Get pending orders"),
    _rule(MIX_HISTORY, 10, "Contract / Trade / Get history orders"),
    _rule(SPOT_ORDER, 20, "Spot / Trade / Get order info"),
    _rule(SPOT_UNFILLED, 20, "Spot / Trade / Get current orders"),
    _rule(SPOT_HISTORY, 20, "Spot / Trade / Get history orders"),
    _rule(ACCOUNT, 1, "Spot / Account / Get account information"),
)
UNIFIED_RULES: Final = (
    _rule(CANCEL, 10, "Unified account / Trade / Cancel order", is_told=True),
    _rule(CANCEL_BATCH, 5, "Unified account / Trade / Batch cancel", is_told=True),
    _rule(CANCEL_SYMBOL, 5, "Unified account / Trade / Cancel all orders by symbol", is_told=True),
    *_COMMON,
    _rule(ORDER, 20, "Unified account / Trade / Get order details"),
    _listings(20, "Unified account / Trade / Get open orders"),
    _rule(HISTORY, 20, "Unified account / Trade / Get order history"),
    _rule(UTA_ORDER, 20, "Unified account / Trade / Get order details"),
    _rule(UTA_UNFILLED, 20, "Unified account / Trade / Get open orders"),
    _rule(UTA_HISTORY, 20, "Unified account / Trade / Get order history"),
    _rule(COUNTDOWN, 1, "Unified account / Trade / Countdown cancel all"),
    _rule(ACCOUNT, 20, "Unified account / Account / Get account settings"),
)

CLASSIC_BATCH: Final = BatchCancel(
    CANCEL_BATCH,
    roads=(Road.REST,),
    items_max=50,
    page="Bitget: Contract / Trade / Batch cancel; Spot / Trade / Batch cancel orders",
    mixed_products=frozenset({"SPOT"}),
)
"""Futures batches are of one symbol; spot's may mix them. v2 sockets take one order a frame."""
UNIFIED_BATCH: Final = BatchCancel(
    CANCEL_BATCH,
    roads=(Road.REST, Road.WS),
    items_max=20,
    page="Bitget: Unified account / Trade / Batch cancel; WebSocket / Batch Cancel Channel",
    mixed_products=frozenset({"SPOT", "MARGIN", "USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES"}),
)
"""Of one category. The greatest number stands on REST's page alone, and a socket has few frames, so REST goes first."""

CLASSIC_MASSES: Final = (
    MassCancel(
        CANCEL_ALL,
        frozenset({"USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES"}),
        Naming.NEVER,
        page="Bitget: Contract / Trade / Cancel all orders",
    ),
    MassCancel(CANCEL_SYMBOL, frozenset({"SPOT"}), Naming.MUST, page="Bitget: Spot / Trade / Cancel order by symbol"),
)
UNIFIED_MASSES: Final = (
    MassCancel(
        CANCEL_SYMBOL,
        UNIFIED_BATCH.mixed_products,
        Naming.MAY,
        page="Bitget: Unified account / Trade / Cancel all orders by symbol",
    ),
)
