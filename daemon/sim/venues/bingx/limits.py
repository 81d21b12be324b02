"""BingX's published limits that the simulated venue enforces: data, each row with the page that says so.

Limits of a user are per call and second; where pages differ, the smallest number stands here. This file decides
nothing.
"""

from daemon.sim.rates import RateRule
from daemon.sim.timers import SECOND_US


def _per_second(name: str, limit: int) -> RateRule:
    return RateRule(name, limit, SECOND_US)


CANCEL = _per_second("cancel", 5)  # Spot / Trade / Cancel Order
CANCEL_ORDERS = _per_second("cancelOrders", 2)  # Spot / Trade / Cancel multiple orders
CANCEL_OPEN_ORDERS = _per_second("cancelOpenOrders", 2)  # Spot / Trade / Cancel all open orders on a symbol
CANCEL_ALL_AFTER = _per_second("cancelAllAfter", 1)  # Spot / Trade / Cancel All After
PLACE = _per_second("order", 10)  # Spot / Trade / Place order
QUERY = _per_second("query", 10)  # Spot / Trade / Query Order details
OPEN_ORDERS = _per_second("openOrders", 10)  # Spot / Trade / Current Open Orders
HISTORY_ORDERS = _per_second("historyOrders", 10)  # Spot / Trade / Query Order history
MY_TRADES = _per_second("myTrades", 5)  # Spot / Trade / Query transaction details
BALANCE = _per_second("balance", 5)  # Spot / Account / Query assets
UID = _per_second("uid", 10)  # Account / Query account uid
LISTEN_KEY = _per_second("userDataStream", 2)  # Listen Key
GET_ALL = _per_second("getall", 2)  # Wallet / Query currency deposit and withdrawal data
MARKET = RateRule("market", 500, 10 * SECOND_US)  # Basic Information / Rate limit, group 1, by address
SAME_ORDER_GAP_US = SECOND_US  # Change log, 2023-10-12: the same order once per second
SAME_ORDER = RateRule("same order", 0, SECOND_US)  # what comes sooner is a breach
WHILE_BANNED = RateRule("called while banned", 0, SECOND_US)  # every call to what is banned is a breach
SUBSCRIBE = _per_second("subscribe", 10)  # Websocket / Limits, by connection
TOPICS_MAX = 200  # Websocket / Limits, by connection
