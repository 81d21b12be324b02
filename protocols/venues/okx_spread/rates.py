"""OKX's published rate limits for spread orders, as data. It refuses to know who keeps them.

All of them count per user, over all spreads and both roads.
"""

from __future__ import annotations

from typing import Final

from protocols.dialect import Scope
from protocols.mass import MassCancel, Naming
from protocols.venues.okx.rates import CONNECTION_RULES, rule, switch_rule

CANCEL: Final = "sprd_cancel_order"
MASS_CANCEL: Final = "sprd_mass_cancel"
ORDER: Final = "sprd_order"
ORDERS_PENDING: Final = "sprd_orders_pending"
ORDERS_HISTORY: Final = "sprd_orders_history"
TRADES: Final = "sprd_trades"
CANCEL_ALL_AFTER: Final = "sprd_cancel_all_after"

SPREAD_RULES: Final = (
    *CONNECTION_RULES,
    rule(CANCEL, 20, Scope.USER, "Spread Trading / POST Cancel order, WS Cancel order"),
    rule(MASS_CANCEL, 10, Scope.USER, "Spread Trading / POST Cancel All orders"),
    rule(ORDER, 20, Scope.USER, "Spread Trading / GET Order details"),
    rule(ORDERS_PENDING, 10, Scope.USER, "Spread Trading / GET Active orders"),
    rule(ORDERS_HISTORY, 20, Scope.USER, "Spread Trading / GET Orders (last 21 days)"),
    rule(TRADES, 20, Scope.USER, "Spread Trading / GET Trades (last 7 days)"),
    switch_rule(CANCEL_ALL_AFTER, "Spread Trading / POST Cancel All After"),
)

MASS: Final = MassCancel(MASS_CANCEL, frozenset({""}), Naming.MAY, page="OKX: Spread Trading / POST Cancel All orders")
