"""What becomes of a cancel that has reached an order of HTX futures, in HTX's codes.

Which fault decides it is drawn in `fates`; what each means here is described in `meanings`.
"""

from decimal import Decimal

from daemon.sim import fates
from daemon.sim.book import EndedBy, Order, OrdStatus
from daemon.sim.fates import Fate
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change
from daemon.sim.venues.htx.codes import OK, TOO_MANY
from daemon.sim.venues.htx.meanings import BY_THE_CLIENT, FOREIGN_REASONS

NO_SUCH_ORDER, CANCELING, EXECUTED, CANCELED_ALREADY = "1061", "1062", "1063", "1071"
_ENDS_FIRST = {EXECUTED: ("filled",), CANCELED_ALREADY: ("canceled",)} | dict.fromkeys(
    (NO_SUCH_ORDER, "1017"), ("filled", "canceled")
)
ONE_CONTRACT = Decimal(1)


class Fates(fates.Fates[Fate]):
    """The fates of cancels."""

    by_user = BY_THE_CLIENT

    def accepted(self, order: Order, *changes: Change, is_together: bool = False) -> Fate:
        """The code of success."""
        return Fate(OK, changes, is_together=is_together)

    def not_there(self, order: Order | None) -> Fate:
        """Unknown, filled and cancelled are told apart."""
        if order is None:
            return Fate(NO_SUCH_ORDER)
        return Fate(EXECUTED if order.ord_status is OrdStatus.FILLED else CANCELED_ALREADY)

    def under_way(self, order: Order) -> Fate:
        """Being cancelled already."""
        return Fate(CANCELING)

    def rate_limited(self) -> Fate:
        """Too many requests."""
        return Fate(TOO_MANY)

    def rejected(self, order: Order, code: str, now_us: int) -> Fate:
        """A code that says that the order is over is true: it was filled or cancelled before, as the code says."""
        ends = _ENDS_FIRST.get(code)
        if ends is None:
            return Fate(code)
        if self._faults.pick(Fault.REJECT, order.order_id, ends) == "filled":
            return Fate(code, self.fill(order, now_us), is_push_first=True)
        return Fate(code, self.canceled_by_another(order, "", now_us).changes, is_push_first=True)

    def canceled_by_another(self, order: Order, arg: str, now_us: int) -> Fate:
        """`arg` names one of `FOREIGN_REASONS`."""
        reason = arg or self._faults.pick(Fault.FOREIGN_CANCEL, order.order_id, tuple(FOREIGN_REASONS))
        ended = self._book.cancel(order.order_id, EndedBy.OTHER, now_us, FOREIGN_REASONS[reason])
        return Fate(CANCELED_ALREADY, (Change(ended, None),), is_push_first=True)

    def lot(self, order: Order) -> Decimal:
        """A contract."""
        return ONE_CONTRACT

    def fill(self, order: Order, now_us: int) -> tuple[Change, ...]:
        """In two trades where there are two contracts: the word is `filled` from the first on."""
        changes = []
        if order.leaves_qty > 1:
            first = self._book.fill(order.order_id, order.leaves_qty // 2, now_us)
            changes.append(Change(first, first.fills[-1], word=OrdStatus.FILLED.value))
        return (*changes, *super().fill(order, now_us))
