"""The classic account's questions: the order itself, all that is open, history; on futures and on spot endpoints.

It refuses to read: how pages are walked and read is `asking`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.venues.bitget import rates
from protocols.venues.bitget.asking import FUTURES_LIST, SPOT_LIST, Asks, Leg, Legs, id_pairs
from protocols.venues.bitget.orders import FUTURES_ANSWER, SPOT_ANSWER

if TYPE_CHECKING:
    from protocols.asks import Question
    from protocols.rest import Pairs

SPOT: Final = "SPOT"
OPEN_WORDS: Final = ("live", "partially_filled")
"""Asked one after the other, in this order: without a word the page promises live orders only, and an order that fills
in part between the two questions is then in the second answer at least (Contract / Trade / Get pending orders)."""


def order_leg(question: Question) -> Leg:
    """Ask for one order (Contract / Trade / Get order detail; Spot / Trade / Get order info)."""
    named = id_pairs(question.order_id, question.client_order_id)
    if question.product == SPOT:
        path = "/api/v2/spot/trade/orderInfo"
        return Leg(rates.SPOT_ORDER, path, named, SPOT, SPOT_ANSWER, SPOT_LIST, is_listing=False)
    query = (("symbol", question.instrument), ("productType", question.product), *named)
    path = "/api/v2/mix/order/detail"
    return Leg(rates.MIX_DETAIL, path, query, question.product, FUTURES_ANSWER, FUTURES_LIST, is_listing=False)


def history_leg(question: Question) -> Leg:
    """Ask for a symbol's ended orders; by client id all of them are looked through."""
    named = id_pairs(question.order_id, None)
    if question.product == SPOT:
        query: Pairs = (("symbol", question.instrument), *named)
        path = "/api/v2/spot/trade/history-orders"
        return Leg(rates.SPOT_HISTORY, path, query, SPOT, SPOT_ANSWER, SPOT_LIST)
    query = (("symbol", question.instrument), ("productType", question.product), *named)
    path = "/api/v2/mix/order/orders-history"
    return Leg(rates.MIX_HISTORY, path, query, question.product, FUTURES_ANSWER, FUTURES_LIST)


def listing_legs(products: tuple[str, ...]) -> Legs:
    """Ask for all open orders of an account."""
    futures = [_pending(product, word) for product in products if product != SPOT for word in OPEN_WORDS]
    spot = [Leg(rates.SPOT_UNFILLED, "/api/v2/spot/trade/unfilled-orders", (), SPOT, SPOT_ANSWER, SPOT_LIST)]
    return (*futures, *(spot if SPOT in products else ()))


def _pending(product: str, word: str) -> Leg:
    query: Pairs = (("productType", product), ("status", word))
    return Leg(rates.MIX_PENDING, "/api/v2/mix/order/orders-pending", query, product, FUTURES_ANSWER, FUTURES_LIST)


ASKS: Final = Asks(order_leg, history_leg, listing_legs)
