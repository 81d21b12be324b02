"""What becomes of a cancel that has reached an order of BingX spot, in BingX's codes, texts and statuses.

Which fault decides it is drawn in `fates`; what each means here is described in `meanings`.
"""

from dataclasses import dataclass
from decimal import Decimal

from daemon.sim import fates
from daemon.sim.book import EndedBy, Order
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change
from daemon.sim.venue import Floor
from daemon.sim.venues.bingx import codes
from daemon.sim.venues.bingx.push import Pushes
from daemon.sim.venues.bingx.rows import STATUSES
from daemon.sim.venues.bingx.symbols import Symbols


@dataclass(frozen=True, slots=True)
class Fate:
    """The code and its text, the status that an acceptance shows, and the changes to push: before the answer if
    `is_push_first`.
    """

    code: str
    text: str = ""
    status: str = ""
    changes: tuple[Change, ...] = ()
    is_push_first: bool = False


class Fates(fates.Fates[Fate]):
    """The fates of cancels."""

    def __init__(self, floor: Floor, symbols: Symbols, pushes: Pushes) -> None:
        super().__init__(floor, pushes)
        self._symbols = symbols

    def accepted(self, order: Order, *changes: Change, is_together: bool = False) -> Fate:
        """Told as cancelled, whatever happens."""
        return Fate("0", status="CANCELED", changes=changes)

    def postponed(self, order: Order) -> Fate:
        """Told with the status that the order has."""
        return Fate("0", status=STATUSES[order.ord_status])

    def under_way(self, order: Order) -> Fate:
        """Accepted once more."""
        return self.postponed(order)

    def not_there(self, order: Order | None) -> Fate:
        """One code for unknown, filled and cancelled, in one of its texts."""
        return self._gone(order, "100404")

    def rate_limited(self) -> Fate:
        """Too many requests."""
        return Fate("100410", codes.text("100410"))

    def rejected(self, order: Order, code: str, now_us: int) -> Fate:
        """A code that says "gone" is true: the order was filled or cancelled before. Two codes are overloaded."""
        if code not in codes.NOT_LIVE:
            return Fate(code, codes.text(code))
        says_gone = code == "100404" or self._faults.pick(Fault.REJECT, order.order_id, ("gone", "ours")) == "gone"
        if not says_gone:
            return Fate(code, codes.text(code, "OrderId"))
        refused = self._gone(order, code)
        if self._faults.pick(Fault.REJECT, f"{order.order_id} ended", ("filled", "canceled")) == "filled":
            changes = self.fill(order, now_us)
        else:
            changes = (Change(self._book.cancel(order.order_id, EndedBy.OTHER, now_us), None),)
        return Fate(code, refused.text, changes=changes, is_push_first=True)

    def canceled_by_another(self, order: Order, arg: str, now_us: int) -> Fate:
        """BingX gives no reason."""
        refused = self.not_there(order)
        ended = self._book.cancel(order.order_id, EndedBy.OTHER, now_us)
        return Fate(refused.code, refused.text, changes=(Change(ended, None),), is_push_first=True)

    def lot(self, order: Order) -> Decimal:
        """The pair's."""
        symbol = self._symbols.get(order.instrument)
        return symbol.lot if symbol else order.qty

    def _gone(self, order: Order | None, code: str) -> Fate:
        name = order.order_id if order else None
        return Fate(code, self._faults.pick(Fault.REJECT, name, codes.NOT_LIVE_TEXTS[code]))
