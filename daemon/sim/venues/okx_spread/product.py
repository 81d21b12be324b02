"""OKX spread trading as `okx.product` wants it told: where it is, what narrows its channel and queries, its limits."""

from daemon.sim.venues.okx.product import BUSINESS, DAY_US, PRIVATE, Filters, Product
from daemon.sim.venues.okx_spread import limits
from daemon.sim.wire import JsonObject, text


def _filters(arg: JsonObject) -> Filters | None:
    if not isinstance(arg.get("sprdId", ""), str):
        return None
    sprd_id = text(arg, "sprdId")
    return {"sprdId": sprd_id} if sprd_id else {}


SPREAD = Product(
    path=BUSINESS,
    channel="sprd-orders",
    astray={PRIVATE: "64001"},
    elsewhere=dict.fromkeys(("orders", "fills", "account", "positions", "balance_and_position"), "64002"),
    filters=_filters,
    counts_connections=False,
    answers_have_times=False,
    order_needs="",
    history_needs="",
    older="endId",
    newer="beginId",
    history_kept_us=21 * DAY_US,
    fills_kept_us=7 * DAY_US,
    place=limits.PLACE,
    place_batch=limits.PLACE,
    cancel=limits.CANCEL,
    cancel_batch=limits.CANCEL,
    is_limited_by_instrument=False,
)
