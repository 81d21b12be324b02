"""What becomes of one cancel that has reached a spread order: accepted or refused, and what is pushed about it.

The truth changes in the book, by way of `settle`; how the answer travels is `okx.cancel`'s. Without a fault an accepted
cancel takes what is open at once (`cancelSource` 1). The faults of a cancel's fate are described in `meanings`, in the
order in which they are drawn on OKX trade.
"""

from functools import partial
from typing import TYPE_CHECKING

from daemon.sim.book import ZERO, EndedBy, Order, OrdStatus
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change
from daemon.sim.timers import seconds_us
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.fate import BY_USER, Fate
from daemon.sim.venues.okx.push import Pushes
from daemon.sim.venues.okx_spread.meanings import FOREIGN_SOURCES, SETTLEMENT_SOURCES
from daemon.sim.venues.okx_spread.settle import Settlements, open_of, settling_of
from daemon.sim.venues.okx_spread.spreads import Spreads

if TYPE_CHECKING:
    from collections.abc import Callable

UNKNOWN = Fate("51400", message="Cancellation failed as the order does not exist.")
ENDED = {OrdStatus.FILLED: Fate("51402"), OrdStatus.CANCELED: Fate("51401"), OrdStatus.EXPIRED: Fate("51401")}
UNDER_WAY = Fate("51410")


class SpreadFates:
    """Decides and carries out the fate of cancels; see `okx.cancel.Judge`."""

    def __init__(self, floor: Floor, spreads: Spreads, settlements: Settlements, pushes: Pushes) -> None:
        self._floor = floor
        self._book = floor.book
        self._spreads = spreads
        self._settlements = settlements
        self._pushes = pushes
        self._canceling: set[str] = set()
        self._drawn: tuple[tuple[Fault, Callable[[Order, str, int], Fate]], ...] = (
            (Fault.RATE_LIMIT, self._rate_limited),
            (Fault.REJECT, self._rejected),
            (Fault.FOREIGN_CANCEL, self._ended_by_another),
            (Fault.CANCELING_STATE, self._canceling_for_a_while),
            (Fault.ACK_OK_THEN_FILL, self._matched_instead),
            (Fault.BURST_PUSH, self._filled_in_part_first),
            (Fault.ACK_OK_NO_PUSH, self._canceled_in_silence),
        )

    def of(self, order: Order | None, now_us: int) -> Fate:
        """Cancel an order: it may be unknown, ended, on its way off the book, all matched, or open."""
        if order is None:
            return UNKNOWN
        if order.ord_status in ENDED:
            return ENDED[order.ord_status]
        if order.order_id in self._canceling or not open_of(order):
            return UNDER_WAY
        for fault, become in self._drawn:
            arg = self._floor.faults.fires(fault, order.order_id)
            if arg is not None:
                return become(order, arg, now_us)
        return Fate("0", (self._cancel(order, now_us),))

    def _cancel(self, order: Order, now_us: int, *, is_silent: bool = False) -> Change:
        return self._settlements.cancel(order, EndedBy.USER, BY_USER, now_us, is_silent=is_silent)

    def _rate_limited(self, order: Order, arg: str, now_us: int) -> Fate:
        return Fate("50011")

    def _rejected(self, order: Order, code: str, now_us: int) -> Fate:
        match code:
            case "51402" if not settling_of(order):
                filled = self._book.fill(order.order_id, open_of(order), now_us)
                return Fate(_code_of(filled), (Change(filled, filled.fills[-1]),), is_push_first=True)
            case "51401":
                return self._ended_by_another(order, "20", now_us)
            case "51402" | "51410":
                return Fate("51410", (self._settlements.match(order, None, now_us),))
        return UNKNOWN if code == UNKNOWN.code else Fate(code)

    def _ended_by_another(self, order: Order, source: str, now_us: int) -> Fate:
        source = source or self._floor.faults.pick(Fault.FOREIGN_CANCEL, order.order_id, FOREIGN_SOURCES)
        if source in SETTLEMENT_SOURCES:
            return Fate("51410", (self._settlements.match(order, None, now_us, rejected_by=source),))
        change = self._settlements.cancel(order, EndedBy.OTHER, source, now_us)
        return Fate(_code_of(change.order), (change,), is_push_first=True)

    def _canceling_for_a_while(self, order: Order, seconds: str, now_us: int) -> Fate:
        self._canceling.add(order.order_id)
        self._floor.timers.at(now_us + seconds_us(seconds), partial(self._finish_canceling, order.order_id))
        return Fate("0")

    def _finish_canceling(self, order_id: str, now_us: int) -> None:
        self._canceling.discard(order_id)
        order = self._book.get(order_id)
        if order is not None and open_of(order):
            self._pushes.announce([self._cancel(order, now_us)], now_us)

    def _matched_instead(self, order: Order, arg: str, now_us: int) -> Fate:
        return Fate("0", (self._settlements.match(order, None, now_us),))

    def _filled_in_part_first(self, order: Order, fills: str, now_us: int) -> Fate:
        spread = self._spreads.get(order.instrument)
        lot = spread.lot if spread else order.qty
        part = ((open_of(order) / (int(fills) + 1)) // lot * lot).normalize()
        changes, partly = [], order
        for _ in range(int(fills) if part > ZERO else 0):
            partly = self._book.fill(order.order_id, part, now_us)
            changes.append(Change(partly, partly.fills[-1]))
        changes.append(self._cancel(partly, now_us))
        is_together = self._floor.faults.pick(Fault.BURST_PUSH, order.order_id, ("one", "each")) == "one"
        return Fate("0", tuple(changes), is_together=is_together)

    def _canceled_in_silence(self, order: Order, arg: str, now_us: int) -> Fate:
        self._cancel(order, now_us, is_silent=True)
        return Fate("0")


def _code_of(order: Order) -> str:
    """What a cancel is told that comes when the order has become this."""
    return ENDED.get(order.ord_status, UNDER_WAY).code
