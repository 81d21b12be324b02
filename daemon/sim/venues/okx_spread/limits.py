"""OKX's published rate limits for spreads, as a table to hold against the pages. WebSocket and REST share a row.

All count per user, over all spreads; there is one user, so the rules need no key.
"""

from daemon.sim.rates import RateRule
from daemon.sim.timers import SECOND_US

_TWO_SECONDS = 2 * SECOND_US

CANCEL = RateRule("sprd-cancel-order user", 20, _TWO_SECONDS)
MASS_CANCEL = RateRule("sprd-mass-cancel user", 10, _TWO_SECONDS)
PLACE = RateRule("sprd-order user", 20, _TWO_SECONDS)
GET_ORDER = RateRule("get-sprd-order user", 20, _TWO_SECONDS)
ORDERS_PENDING = RateRule("sprd-orders-pending user", 10, _TWO_SECONDS)
ORDERS_HISTORY = RateRule("sprd-orders-history user", 20, _TWO_SECONDS)
ORDERS_ARCHIVE = RateRule("sprd-orders-history-archive user", 20, _TWO_SECONDS)
TRADES = RateRule("sprd-trades user", 20, _TWO_SECONDS)
CANCEL_ALL_AFTER = RateRule("sprd-cancel-all-after user", 1, SECOND_US)
SPREADS = RateRule("sprd-spreads ip", 20, _TWO_SECONDS)
