"""What differs between OKX's products at the edges of an order: URL, channel, filters, paging, limits. One value each.

Everything else in this package (sessions, roads, pushes, queries, REST) is the same for every product and asks here.
This file knows no order's life.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.sim.book import Fill, Order
from daemon.sim.pushing import Change
from daemon.sim.rates import RateRule
from daemon.sim.timers import SECOND_US
from daemon.sim.venues.okx import limits
from daemon.sim.wire import JsonObject, text

PRIVATE = "/ws/v5/private"
BUSINESS = "/ws/v5/business"
PATHS = ("/ws/v5/public", PRIVATE, BUSINESS)
DAY_US = 24 * 3_600 * SECOND_US

Filters = Mapping[str, str]
"""What a subscription or a query narrows to: names of fields and the values that they must have."""


class Prints(Protocol):
    """How one product prints its orders."""

    def pushed(self, change: Change) -> JsonObject:
        """The row of the orders channel."""

    def queried(self, order: Order) -> JsonObject:
        """The row of the queries about orders."""

    def executions(self, order: Order) -> Sequence[tuple[Fill, JsonObject]]:
        """The rows of the query about transactions."""

    def facts(self, order: Order) -> Filters:
        """What subscriptions and queries may narrow by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product of OKX.

    `path` is where its channel and operations are. `astray`: the code for its channel at another URL; `elsewhere`: the
    code for a channel that is at another URL. `filters` reads an arg of the channel, None for a wrong one.
    `order_needs` and `history_needs` name parameters that a query must have ("" for none); `older` and `newer` page
    listings.
    """

    path: str
    channel: str
    astray: Mapping[str, str]
    elsewhere: Mapping[str, str]
    filters: Callable[[JsonObject], Filters | None]
    counts_connections: bool
    answers_have_times: bool
    order_needs: str
    history_needs: str
    older: str
    newer: str
    history_kept_us: int
    fills_kept_us: int
    place: RateRule
    place_batch: RateRule
    cancel: RateRule
    cancel_batch: RateRule
    is_limited_by_instrument: bool

    def key(self, instrument: str) -> str:
        """The bucket that placements and cancels of an instrument count in."""
        return instrument if self.is_limited_by_instrument else ""


INST_TYPES = frozenset({"SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION", "EVENTS", "ANY"})


def _trade_filters(arg: JsonObject) -> Filters | None:
    if arg.get("instType") not in INST_TYPES:
        return None
    narrowed = {name: text(arg, name) for name in ("instType", "instFamily", "instId")}
    return {name: value for name, value in narrowed.items() if value and (name, value) != ("instType", "ANY")}


TRADE = Product(
    path=PRIVATE,
    channel="orders",
    astray={BUSINESS: "64002"},
    elsewhere={"sprd-orders": "64001", "sprd-trades": "64001", "orders-algo": "64001"},
    filters=_trade_filters,
    counts_connections=True,
    answers_have_times=True,
    order_needs="instId",
    history_needs="instType",
    older="after",
    newer="before",
    history_kept_us=7 * DAY_US,
    fills_kept_us=3 * DAY_US,
    place=limits.PLACE,
    place_batch=limits.PLACE_BATCH,
    cancel=limits.CANCEL,
    cancel_batch=limits.CANCEL_BATCH,
    is_limited_by_instrument=True,
)
