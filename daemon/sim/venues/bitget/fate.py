"""What becomes of a cancel that has reached an order of Bitget, in Bitget's codes (`normal_cancel` is the user's).

Which fault decides it is drawn in `fates`; what each means here is described in `meanings`.
"""

from decimal import Decimal

from daemon.sim import fates
from daemon.sim.book import EndedBy, Order
from daemon.sim.fates import Fate
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change
from daemon.sim.venue import Floor
from daemon.sim.venues.bitget import codes
from daemon.sim.venues.bitget.instruments import LOT
from daemon.sim.venues.bitget.meanings import FOREIGN_REASONS
from daemon.sim.venues.bitget.push import Pushes

UNDER_WAY = "25113"


class Fates(fates.Fates[Fate]):
    """The fates of cancels. `gone` is the generation's code for what is not on the book."""

    by_user = "normal_cancel"
    can_push_together = True

    def __init__(self, floor: Floor, pushes: Pushes, gone: str) -> None:
        super().__init__(floor, pushes)
        self._gone = gone

    def accepted(self, order: Order, *changes: Change, is_together: bool = False) -> Fate:
        """The code of success."""
        return Fate(codes.ACCEPTED, changes, is_together=is_together)

    def not_there(self, order: Order | None) -> Fate:
        """One code for unknown, filled and cancelled."""
        return Fate(self._gone)

    def under_way(self, order: Order) -> Fate:
        """Being cancelled already."""
        return Fate(UNDER_WAY)

    def rate_limited(self) -> Fate:
        """Too many requests."""
        return Fate("429")

    def rejected(self, order: Order, code: str, now_us: int) -> Fate:
        """A code that says "gone" is true: the order was filled or cancelled before."""
        if code not in codes.GONE:
            return Fate(code)
        if self._faults.pick(Fault.REJECT, order.order_id, ("filled", "canceled")) == "filled":
            return Fate(code, self.fill(order, now_us), is_push_first=True)
        return Fate(code, self.canceled_by_another(order, "", now_us).changes, is_push_first=True)

    def canceled_by_another(self, order: Order, arg: str, now_us: int) -> Fate:
        """`arg` is a `cancelReason`."""
        reason = arg or self._faults.pick(Fault.FOREIGN_CANCEL, order.order_id, FOREIGN_REASONS)
        ended = self._book.cancel(order.order_id, EndedBy.OTHER, now_us, reason)
        return Fate(self._gone, (Change(ended, None),), is_push_first=True)

    def lot(self, order: Order) -> Decimal:
        """One for every instrument."""
        return LOT
