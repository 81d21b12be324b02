"""What becomes of a cancel that has reached an order at a simulated venue: which fault decides it, and what that does.

The truth changes here, in the book; how the answer travels is the venue's `cancel`. Without a fault an accepted cancel
takes effect at once. The faults of a cancel's fate are drawn in one order everywhere (`Fates.of`); a venue's codes, and
what it lets happen to an order whose cancel it refuses, are its own (`venues/*/fate`, described in `meanings`).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from daemon.sim.book import ZERO, EndedBy, Order
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change, Pushing
from daemon.sim.timers import seconds_us
from daemon.sim.venue import Floor

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Fate:
    """What most venues say of a cancel: the answer's code, and the changes to push: before the answer if
    `is_push_first`, in one frame if `is_together`.
    """

    code: str
    changes: tuple[Change, ...] = ()
    is_push_first: bool = False
    is_together: bool = False


FateT = TypeVar("FateT")


class Fates(ABC, Generic[FateT]):
    """Decides and carries out the fate of cancels. `canceling` are the orders that are on their way off the book.

    `by_user` is the venue's code of a cancel that the user asked for; `can_push_together` says that the venue pushes
    several changes in one frame at times.
    """

    by_user = ""
    can_push_together = False

    def __init__(self, floor: Floor, pushes: Pushing) -> None:
        self._floor = floor
        self._faults = floor.faults
        self._book = floor.book
        self._pushes = pushes
        self.canceling: set[str] = set()
        self._drawn: tuple[tuple[Fault, Callable[[Order, str, int], FateT]], ...] = (
            (Fault.RATE_LIMIT, lambda _order, _arg, _now_us: self.rate_limited()),
            (Fault.REJECT, self.rejected),
            (Fault.FOREIGN_CANCEL, self.canceled_by_another),
            (Fault.CANCELING_STATE, self._canceling_for_a_while),
            (Fault.ACK_OK_THEN_FILL, lambda order, _arg, now_us: self.accepted(order, *self.fill(order, now_us))),
            (Fault.BURST_PUSH, self._filled_in_part_first),
            (Fault.ACK_OK_NO_PUSH, self._canceled_in_silence),
        )

    def of(self, order: Order | None, now_us: int) -> FateT:
        """Cancel an order: it may be unknown, ended, on its way off the book, or live."""
        if order is None or order.ord_status.is_terminal:
            return self.not_there(order)
        if order.order_id in self.canceling or not self.open_qty(order):
            return self.under_way(order)
        for fault, become in self._drawn:
            arg = self._faults.fires(fault, order.order_id)
            if arg is not None:
                return become(order, arg, now_us)
        return self.accepted(order, self.cancel(order, now_us))

    # ------------------------------------------------------------ what a venue says

    @abstractmethod
    def not_there(self, order: Order | None) -> FateT:
        """The refusal of a cancel whose order is unknown (None) or has ended."""

    @abstractmethod
    def under_way(self, order: Order) -> FateT:
        """The answer to another cancel of an order that is on its way off the book."""

    @abstractmethod
    def accepted(self, order: Order, *changes: Change, is_together: bool = False) -> FateT:
        """The acceptance of a cancel, and what is pushed about it."""

    @abstractmethod
    def rate_limited(self) -> FateT:
        """The refusal of a cancel because of a limit, whatever was used of it."""

    @abstractmethod
    def rejected(self, order: Order, code: str, now_us: int) -> FateT:
        """The refusal with this code, after what it takes to make the code true."""

    @abstractmethod
    def canceled_by_another(self, order: Order, arg: str, now_us: int) -> FateT:
        """Somebody else was faster; `arg` says for which reason, "" for one that is drawn."""

    @abstractmethod
    def lot(self, order: Order) -> Decimal:
        """The smallest quantity in which the order trades."""

    def postponed(self, order: Order) -> FateT:
        """The acceptance of a cancel that takes effect later."""
        return self.accepted(order)

    # ------------------------------------------------------------ what happens to an order

    def open_qty(self, order: Order) -> Decimal:
        """How much of a live order can still trade or be cancelled."""
        return order.leaves_qty

    def cancel(self, order: Order, now_us: int, *, is_silent: bool = False) -> Change:
        """Cancel what is open, as the user asked; what follows from it is not pushed either if `is_silent`."""
        return Change(self._book.cancel(order.order_id, EndedBy.USER, now_us, self.by_user), None)

    def fill(self, order: Order, now_us: int) -> tuple[Change, ...]:
        """Trade what is open."""
        filled = self._book.fill(order.order_id, None, now_us)
        return (Change(filled, filled.fills[-1]),)

    def _canceling_for_a_while(self, order: Order, seconds: str, now_us: int) -> FateT:
        self.canceling.add(order.order_id)
        self._floor.timers.at(now_us + seconds_us(seconds), partial(self._finish_canceling, order.order_id))
        return self.postponed(order)

    def _finish_canceling(self, order_id: str, now_us: int) -> None:
        self.canceling.discard(order_id)
        order = self._book.get(order_id)
        if order is not None and not order.ord_status.is_terminal and self.open_qty(order):
            self._pushes.announce([self.cancel(order, now_us)], now_us)

    def _filled_in_part_first(self, order: Order, fills: str, now_us: int) -> FateT:
        lot = self.lot(order)
        part = ((self.open_qty(order) / (int(fills) + 1)) // lot * lot).normalize()
        changes, state = [], order
        for _ in range(int(fills) if part > ZERO else 0):
            state = self._book.fill(order.order_id, part, now_us)
            changes.append(Change(state, state.fills[-1]))
        changes.append(self.cancel(state, now_us))
        how = self._faults.pick(Fault.BURST_PUSH, order.order_id, ("one", "each"))
        return self.accepted(order, *changes, is_together=self.can_push_together and how == "one")

    def _canceled_in_silence(self, order: Order, _arg: str, now_us: int) -> FateT:
        self.cancel(order, now_us, is_silent=True)
        return self.accepted(order)
