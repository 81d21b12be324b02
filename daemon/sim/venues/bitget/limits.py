"""Bitget's published rate limits, as a table to hold against the pages of each call. WebSocket and REST share a row.

"UID" is one user, "IP" one address. Futures, spot and unified endpoints have rows of their own. Which call counts
where, the code that carries the call says.
"""

from daemon.sim.rates import RateRule
from daemon.sim.timers import SECOND_US

_MINUTE_US = 60 * SECOND_US


def _per_second(name: str, limit: int) -> RateRule:
    return RateRule(name, limit, SECOND_US)


MIX_CANCEL = _per_second("mix-cancel uid", 10)
SPOT_CANCEL = _per_second("spot-cancel uid", 10)
UTA_CANCEL = _per_second("uta-cancel uid", 10)
MIX_BATCH = _per_second("mix-batch-cancel uid", 10)
SPOT_BATCH = _per_second("spot-batch-cancel uid", 10)
UTA_BATCH = _per_second("uta-cancel-batch uid", 5)
MIX_CANCEL_ALL = _per_second("mix-cancel-all uid", 10)
SPOT_CANCEL_SYMBOL = _per_second("spot-cancel-symbol uid", 5)
UTA_CANCEL_SYMBOL = _per_second("uta-cancel-symbol uid", 5)
ORDER_CANCEL = _per_second("cancel order", 1)
"""45129: the same order may be cancelled once a second."""
PLACE = _per_second("place uid", 10)

MIX_DETAIL = _per_second("mix-detail uid", 10)
MIX_PENDING = _per_second("mix-orders-pending uid", 10)
MIX_HISTORY = _per_second("mix-orders-history uid", 10)
SPOT_ORDER = _per_second("spot-orderInfo uid", 20)
SPOT_UNFILLED = _per_second("spot-unfilled-orders uid", 20)
SPOT_HISTORY = _per_second("spot-history-orders uid", 20)
UTA_ORDER = _per_second("uta-order-info uid", 20)
UTA_UNFILLED = _per_second("uta-unfilled-orders uid", 20)
UTA_HISTORY = _per_second("uta-history-orders uid", 20)

UTA_COUNTDOWN = _per_second("uta-countdown-cancel-all uid", 1)

TIME = _per_second("time ip", 20)
PUBLIC = _per_second("public ip", 20)
SPOT_ACCOUNT = _per_second("spot-account-info uid", 1)
UTA_SETTINGS = _per_second("uta-account-settings uid", 20)
REST_OVERALL = RateRule("rest ip", 6_000, _MINUTE_US)

FRAMES = _per_second("frames connection", 10)
"""Ping and JSON frames alike; one more, and the connection is cut."""
SUBSCRIBE = RateRule("subscribe connection", 240, 60 * _MINUTE_US)
CONNECT = RateRule("connect ip", 300, 5 * _MINUTE_US)
