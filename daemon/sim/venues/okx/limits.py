"""OKX's published rate limits, as a table to hold against the pages of each call. WebSocket and REST share a row.

"User ID + Instrument ID" is counted by instrument, since there is one user; "IP" is one too. Which call counts where,
the code that carries the call says. Single and batch buckets are independent; a batch of one uses the single bucket
(OKX: Trade / Rate limits).
"""

from daemon.sim.rates import RateRule
from daemon.sim.timers import SECOND_US

_TWO_SECONDS = 2 * SECOND_US

CANCEL = RateRule("cancel-order user+instrument", 60, _TWO_SECONDS)
CANCEL_BATCH = RateRule("cancel-batch-orders user+instrument", 300, _TWO_SECONDS)
PLACE = RateRule("order user+instrument", 60, _TWO_SECONDS)
PLACE_BATCH = RateRule("batch-orders user+instrument", 300, _TWO_SECONDS)

GET_ORDER = RateRule("get-order user+instrument", 60, _TWO_SECONDS)
ORDERS_PENDING = RateRule("orders-pending user", 60, _TWO_SECONDS)
ORDERS_HISTORY = RateRule("orders-history user", 40, _TWO_SECONDS)
ORDERS_ARCHIVE = RateRule("orders-history-archive user", 20, _TWO_SECONDS)
FILLS = RateRule("fills user", 60, _TWO_SECONDS)

CANCEL_ALL_AFTER = RateRule("cancel-all-after user+tag", 1, SECOND_US)

PUBLIC_TIME = RateRule("public-time ip", 10, _TWO_SECONDS)
PUBLIC_INSTRUMENTS = RateRule("public-instruments ip+type", 20, _TWO_SECONDS)
ACCOUNT_INSTRUMENTS = RateRule("account-instruments user+type", 20, _TWO_SECONDS)
ACCOUNT_CONFIG = RateRule("account-config user", 5, _TWO_SECONDS)
ACCOUNT_BALANCE = RateRule("account-balance user", 10, _TWO_SECONDS)
CURRENCIES = RateRule("asset-currencies user", 6, SECOND_US)

CONNECT = RateRule("connect ip", 3, SECOND_US)
"""3 new connections a second: counted as a breach, not refused, since the page does not say what a fourth one meets."""
LOGIN_AND_SUBSCRIBE = RateRule("login+subscribe connection", 480, 3_600 * SECOND_US)
