"""What becomes of a cancel that has reached an order of OKX trade, in OKX's codes (`cancelSource` 1 is the user's).

Which fault decides it is drawn in `fates`; what each means here is described in `meanings`.
"""

from dataclasses import dataclass
from decimal import Decimal

from daemon.sim import fates
from daemon.sim.book import EndedBy, Order
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.instruments import Instruments
from daemon.sim.venues.okx.meanings import FOREIGN_SOURCES
from daemon.sim.venues.okx.push import Pushes

BY_USER = "1"


@dataclass(frozen=True, slots=True)
class Fate(fates.Fate):
    """A fate whose code may have a text that is not the code's own."""

    message: str = ""


class FamilyFates(fates.Fates[Fate]):
    """What OKX's products have in common."""

    by_user = BY_USER
    can_push_together = True

    def accepted(self, order: Order, *changes: Change, is_together: bool = False) -> Fate:
        """Code 0."""
        return Fate("0", changes, is_together=is_together)

    def under_way(self, order: Order) -> Fate:
        """Being cancelled already."""
        return Fate("51410")

    def rate_limited(self) -> Fate:
        """Too many requests."""
        return Fate("50011")


class Fates(FamilyFates):
    """The fates of cancels at OKX trade."""

    def __init__(self, floor: Floor, instruments: Instruments, pushes: Pushes) -> None:
        super().__init__(floor, pushes)
        self._instruments = instruments

    def not_there(self, order: Order | None) -> Fate:
        """One code for unknown, filled and cancelled."""
        return Fate("51400")

    def rejected(self, order: Order, code: str, now_us: int) -> Fate:
        """51400 is true: the order was filled or cancelled before."""
        if code != "51400":
            return Fate(code)
        if self._faults.pick(Fault.REJECT, order.order_id, ("filled", "canceled")) == "filled":
            return Fate(code, self.fill(order, now_us), is_push_first=True)
        return self.canceled_by_another(order, "", now_us)

    def canceled_by_another(self, order: Order, arg: str, now_us: int) -> Fate:
        """`arg` is a `cancelSource`."""
        source = arg or self._faults.pick(Fault.FOREIGN_CANCEL, order.order_id, FOREIGN_SOURCES)
        ended = self._book.cancel(order.order_id, EndedBy.OTHER, now_us, source)
        return Fate("51400", (Change(ended, None),), is_push_first=True)

    def lot(self, order: Order) -> Decimal:
        """The instrument's."""
        instrument = self._instruments.get(order.instrument)
        return instrument.lot if instrument else order.qty
