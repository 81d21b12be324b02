"""A spread order and its trades as OKX prints them: the pushed row, the queried row, the trade row. Every value is a
text.

In a push the fill fields are those of a trade that settled with this change and blank otherwise; in a query they are
those of the last one. There are no fees here; they stand with the legs of the trades (OKX: Spread Trading / WS Order
channel; GET Order details; GET Trades). This file decides nothing.
"""

from decimal import ROUND_HALF_EVEN, Decimal

from daemon.sim.book import Fill, Order
from daemon.sim.clock import VenueClock
from daemon.sim.pushing import Change
from daemon.sim.venues.okx.rows import STATES
from daemon.sim.venues.okx_spread.settle import REJECTION, Settlements, canceled_of, settling_of
from daemon.sim.venues.okx_spread.spreads import Spreads
from daemon.sim.wire import JsonObject, plain

_PLACES = Decimal(1).scaleb(-12)


class SpreadPrints:
    """Prints spread orders; see `product.Prints`. `settlements` is told once they are there."""

    def __init__(self, spreads: Spreads, clock: VenueClock) -> None:
        self._spreads = spreads
        self._clock = clock
        self.settlements: Settlements | None = None

    def pushed(self, change: Change) -> JsonObject:
        """The row of the sprd-orders channel."""
        order, fill = change.order, change.fill
        return {
            **self._common(order, fill),
            "avgPx": _average(order) or "0",
            "code": order.terms.get("code", "0"),
            "msg": order.terms.get("msg", ""),
            "reqId": "",
            "amendResult": "",
        }

    def queried(self, order: Order) -> JsonObject:
        """The row of GET Order details, active orders and history."""
        return {**self._common(order, order.fills[-1] if order.fills else None), "avgPx": _average(order)}

    def executions(self, order: Order) -> list[tuple[Fill, JsonObject]]:
        """The rows of GET Trades: those that settled, and those that were rejected."""
        rejected = self.settlements.rejected(order.order_id) if self.settlements else ()
        settled = [(fill, self._trade(order, fill, "filled", {"code": "", "msg": ""})) for fill in order.fills]
        return settled + [(fill, self._trade(order, fill, "rejected", REJECTION)) for fill in rejected]

    def facts(self, order: Order) -> dict[str, str]:
        """What the channel and the listings may narrow by."""
        return {
            "sprdId": order.instrument,
            "ordType": order.terms.get("ordType", "limit"),
            "state": STATES[order.ord_status],
        }

    def _common(self, order: Order, fill: Fill | None) -> JsonObject:
        canceled = canceled_of(order)
        return {
            "sprdId": order.instrument,
            "ordId": order.order_id,
            "clOrdId": order.client_order_id or "",
            "tag": order.terms.get("tag", ""),
            "px": plain(order.price),
            "sz": plain(order.qty),
            "ordType": order.terms.get("ordType", "limit"),
            "side": order.side.value,
            "fillSz": plain(fill.qty) if fill else "",
            "fillPx": plain(fill.price) if fill else "",
            "tradeId": fill.trade_id if fill else "",
            "accFillSz": plain(order.cum_qty),
            "pendingFillSz": plain(order.qty - order.cum_qty - canceled),
            "pendingSettleSz": plain(settling_of(order)),
            "canceledSz": plain(canceled),
            "state": STATES[order.ord_status],
            "cancelSource": order.cancel_source,
            "uTime": self._clock.ms_text(order.updated_us),
            "cTime": self._clock.ms_text(order.created_us),
        }

    def _trade(self, order: Order, fill: Fill, state: str, error: JsonObject | dict[str, str]) -> JsonObject:
        spread = self._spreads.get(order.instrument)
        legs: list[JsonObject] = [
            {
                "instId": inst_id,
                "px": "",
                "sz": plain(fill.qty),
                "szCont": "",
                "side": order.side.value,
                "fillPnl": "0",
                "fee": "0",
                "feeCcy": "USDT",
                "tradeId": fill.trade_id,
            }
            for inst_id in (spread.legs if spread else ())
        ]
        return {
            "sprdId": order.instrument,
            "tradeId": fill.trade_id,
            "ordId": order.order_id,
            "clOrdId": order.client_order_id or "",
            "tag": order.terms.get("tag", ""),
            "fillPx": plain(fill.price),
            "fillSz": plain(fill.qty),
            "side": order.side.value,
            "state": state,
            "execType": "M",
            "ts": self._clock.ms_text(fill.at_us),
            "legs": legs,
            **error,
        }


def _average(order: Order) -> str:
    average = order.avg_price
    return "" if average is None else plain(average.quantize(_PLACES, ROUND_HALF_EVEN).normalize())
