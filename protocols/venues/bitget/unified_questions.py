"""The unified account's questions: the order itself, all that is open, history; category by category.

It refuses to read: how pages are walked and read is `asking`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.venues.bitget import rates
from protocols.venues.bitget.asking import UNIFIED_LIST, Asks, Leg, Legs, id_pairs
from protocols.venues.bitget.orders import UNIFIED

if TYPE_CHECKING:
    from protocols.asks import Question


def order_leg(question: Question) -> Leg:
    """Ask for one order (Unified account / Trade / Get order details)."""
    named = id_pairs(question.order_id, question.client_order_id)
    path = "/api/v3/trade/order-info"
    return Leg(rates.UTA_ORDER, path, named, question.product, UNIFIED, UNIFIED_LIST, is_listing=False)


def history_leg(question: Question) -> Leg:
    """Ask for a symbol's ended orders, newest first (Unified account / Trade / Get order history): it takes no id."""
    query = (("category", question.product), ("symbol", question.instrument))
    path = "/api/v3/trade/history-orders"
    return Leg(rates.UTA_HISTORY, path, query, question.product, UNIFIED, UNIFIED_LIST)


def listing_legs(products: tuple[str, ...]) -> Legs:
    """Ask for all open orders of an account (Unified account / Trade / Get open orders).

    The page does not ask for a category, and does not say what comes without one, so each is asked for.
    """
    path = "/api/v3/trade/unfilled-orders"
    return tuple(
        Leg(rates.UTA_UNFILLED, path, (("category", product),), product, UNIFIED, UNIFIED_LIST) for product in products
    )


ASKS: Final = Asks(order_leg, history_leg, listing_legs)
