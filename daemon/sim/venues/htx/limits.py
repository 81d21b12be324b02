"""HTX's published rate limits, as a table to hold against its pages. The WebSocket's commands share REST's limits.

HTX: Access and Usage / API Rate Limit; USDT-M Futures / Private WebSocket. All private limits are a user's, over all
contracts, and there is one user; "IP" is one too.
"""

from daemon.sim.rates import RateRule
from daemon.sim.timers import SECOND_US

_THREE_SECONDS = 3 * SECOND_US

TRADE = RateRule("trade user", 72, _THREE_SECONDS)
READ = RateRule("read user", 72, _THREE_SECONDS)
PUBLIC = RateRule("public ip", 240, _THREE_SECONDS)
MARKET = RateRule("market-data ip", 800, SECOND_US)

CONNECTION_REQUESTS = RateRule("notification requests connection", 50, SECOND_US)
ADDRESS_REQUESTS = RateRule("notification requests ip", 100, SECOND_US)
SUBSCRIPTIONS = RateRule("subscriptions connection", 40, SECOND_US)
