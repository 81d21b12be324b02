"""BingX's published rate limits for what we do, and its limit on errors, as data. It refuses to know who keeps them.

Limits count per user. The pages of different years disagree about some of them; the smallest number stands here. Beside
them stand limits per address, 300 account calls of one kind in 10 s, which several accounts on one host share; that of
2000 calls of all kinds lies above what these let through.
"""

from __future__ import annotations

from typing import Final

import msgspec

from protocols.batching import BatchCancel
from protocols.dialect import ErrorRule, RateRule, Scope, SparingCancel
from protocols.evidence import Step
from protocols.fix import Road
from protocols.mass import MassCancel, Naming

CANCEL: Final = "cancel"
CANCEL_ORDERS: Final = "cancel_orders"
CANCEL_OPEN_ORDERS: Final = "cancel_open_orders"
QUERY: Final = "query"
OPEN_ORDERS: Final = "open_orders"
HISTORY_ORDERS: Final = "history_orders"
MY_TRADES: Final = "my_trades"
LISTEN_KEY: Final = "listen_key"
CANCEL_ALL_AFTER: Final = "cancel_all_after"
UID: Final = "uid"
TIME: Final = "time"

WINDOW_MS: Final = 1000
"""The limits of a user are stated per second."""


def _rule(operation: str, limit: int, page: str, scope: Scope = Scope.USER, window_ms: int = WINDOW_MS) -> RateRule:
    return RateRule(operation, frozenset({operation}), limit, window_ms, scope, f"BingX: {page}")


def _cancel_rule(operation: str, limit: int, page: str) -> RateRule:
    """Write a limit of which the headers of an answer say what is left."""
    return msgspec.structs.replace(_rule(operation, limit, page), is_told=True)


def _of_address(operation: str) -> RateRule:
    """Write a limit of groups 2 and 3, which all accounts on this host share: so many of one kind in ten seconds."""
    page = "BingX: Basic Information / Rate limit, groups 2 and 3"
    return RateRule(f"{operation}_by_address", frozenset({operation}), 300, 10_000, Scope.ADDRESS, page)


RULES: Final = (
    _cancel_rule(CANCEL, 5, "Spot / Trade / Cancel Order"),
    _cancel_rule(CANCEL_ORDERS, 2, "Spot / Trade / Cancel multiple orders"),
    _cancel_rule(CANCEL_OPEN_ORDERS, 2, "Spot / Trade / Cancel all open orders on a symbol"),
    _rule(QUERY, 10, "Spot / Trade / Query Order details"),
    _rule(OPEN_ORDERS, 10, "Spot / Trade / Current Open Orders"),
    _rule(HISTORY_ORDERS, 10, "Spot / Trade / Query Order history"),
    _rule(MY_TRADES, 5, "Spot / Trade / Query transaction details"),
    _rule(CANCEL_ALL_AFTER, 1, "Spot / Trade / Cancel All After"),
    _rule(LISTEN_KEY, 2, "Listen Key"),
    _rule(UID, 10, "Account / Query account uid"),
    *(_of_address(operation) for operation in (CANCEL, CANCEL_ORDERS, CANCEL_OPEN_ORDERS, QUERY, OPEN_ORDERS)),
    _rule(TIME, 500, "Basic Information / Rate limit, group 1", Scope.ADDRESS, 10_000),
)

ERRORS_MAX: Final = 20
ERRORS_WINDOW_MS: Final = 480_000


def _errors(operation: str) -> ErrorRule:
    page = "BingX: Error codes, 100410: over 20 error code requests within 480000 ms for this api"
    return ErrorRule(f"{operation}_errors", frozenset({operation}), ERRORS_MAX, ERRORS_WINDOW_MS, page)


ERROR_RULES: Final = tuple(map(_errors, (CANCEL, CANCEL_ORDERS, QUERY, OPEN_ORDERS, HISTORY_ORDERS, MY_TRADES)))
"""`CANCEL` and `QUERY` answer an error when an order is not as we thought, and `CANCEL_ORDERS` takes the place of the
first. The others do so only when they refuse to answer at all: a key that is not known, or a venue that is busy."""

SPARING: Final = SparingCancel(CANCEL_ORDERS, frozenset({"recvWindow"}))
"""With ``process=1`` a failed cancel is a row of a successful answer (BingX: Spot / Trade / Cancel multiple orders)."""

BATCH: Final = BatchCancel(
    CANCEL_ORDERS,
    roads=(Road.REST,),
    items_max=10,
    page="BingX: Spot / Trade / Cancel multiple orders",
    venue_params=frozenset({"recvWindow"}),
)
"""Of one symbol. The page says no greatest number; ten is that of the swap's twin of this call."""

MASS: Final = MassCancel(
    CANCEL_OPEN_ORDERS, frozenset({""}), Naming.MAY, page="BingX: Spot / Trade / Cancel all open orders on a symbol"
)
"""Without a symbol it cancels everything on the account."""

QUESTIONS: Final = {
    Step.ORDER: QUERY,
    Step.OPEN_ORDERS: OPEN_ORDERS,
    Step.HISTORY: HISTORY_ORDERS,
    Step.FILLS: MY_TRADES,
}
