"""What becomes of a cancel that has reached a spread order, in OKX's codes for spreads.

The truth changes by way of `settle`. Which fault decides it is drawn in `fates`; what each means here is described in
`meanings`.
"""

from decimal import Decimal

from daemon.sim.book import EndedBy, Order, OrdStatus
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.fate import FamilyFates, Fate
from daemon.sim.venues.okx.push import Pushes
from daemon.sim.venues.okx_spread.meanings import FOREIGN_SOURCES, SETTLEMENT_SOURCES
from daemon.sim.venues.okx_spread.settle import Settlements, open_of, settling_of
from daemon.sim.venues.okx_spread.spreads import Spreads

UNKNOWN = Fate("51400", message="Cancellation failed as the order does not exist.")
ENDED = {OrdStatus.FILLED: Fate("51402"), OrdStatus.CANCELED: Fate("51401"), OrdStatus.EXPIRED: Fate("51401")}
UNDER_WAY = Fate("51410")


class SpreadFates(FamilyFates):
    """The fates of cancels of spread orders; see `okx.cancel.Judge`."""

    def __init__(self, floor: Floor, spreads: Spreads, settlements: Settlements, pushes: Pushes) -> None:
        super().__init__(floor, pushes)
        self._spreads = spreads
        self._settlements = settlements

    def not_there(self, order: Order | None) -> Fate:
        """Unknown, filled and cancelled are told apart."""
        return UNKNOWN if order is None else ENDED[order.ord_status]

    def rejected(self, order: Order, code: str, now_us: int) -> Fate:
        """51401, 51402 and 51410 are true: the order ends or is matched before. 51400 is not."""
        match code:
            case "51402" if not settling_of(order):
                filled = self._book.fill(order.order_id, open_of(order), now_us)
                return Fate(_code_of(filled), (Change(filled, filled.fills[-1]),), is_push_first=True)
            case "51401":
                return self.canceled_by_another(order, "20", now_us)
            case "51402" | "51410":
                return Fate("51410", self.fill(order, now_us))
        return UNKNOWN if code == UNKNOWN.code else Fate(code)

    def canceled_by_another(self, order: Order, arg: str, now_us: int) -> Fate:
        """`arg` is a `cancelSource`; two of them are trades that settlement rejects."""
        source = arg or self._faults.pick(Fault.FOREIGN_CANCEL, order.order_id, FOREIGN_SOURCES)
        if source in SETTLEMENT_SOURCES:
            return Fate("51410", (self._settlements.match(order, None, now_us, rejected_by=source),))
        change = self._settlements.cancel(order, EndedBy.OTHER, source, now_us)
        return Fate(_code_of(change.order), (change,), is_push_first=True)

    def lot(self, order: Order) -> Decimal:
        """The spread's."""
        spread = self._spreads.get(order.instrument)
        return spread.lot if spread else order.qty

    def open_qty(self, order: Order) -> Decimal:
        """What is neither matched nor cancelled."""
        return open_of(order)

    def cancel(self, order: Order, now_us: int, *, is_silent: bool = False) -> Change:
        """What is matched settles first."""
        return self._settlements.cancel(order, EndedBy.USER, self.by_user, now_us, is_silent=is_silent)

    def fill(self, order: Order, now_us: int) -> tuple[Change, ...]:
        """Matched now, filled once it is settled."""
        return (self._settlements.match(order, None, now_us),)


def _code_of(order: Order) -> str:
    """What a cancel is told that comes when the order has become this."""
    return ENDED.get(order.ord_status, UNDER_WAY).code
