"""What becomes of one cancel that has reached the order: accepted or refused, and what is pushed about it.

The truth changes here, in the book; how the answer travels is `cancel`'s. Without a fault an accepted cancel takes
effect at once. The faults of a cancel's fate are described in `meanings`, in the order in which they are drawn.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from daemon.sim.book import ZERO, EndedBy, Order
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change
from daemon.sim.timers import seconds_us
from daemon.sim.venue import Floor
from daemon.sim.venues.bingx import codes
from daemon.sim.venues.bingx.push import Pushes
from daemon.sim.venues.bingx.rows import STATUSES
from daemon.sim.venues.bingx.symbols import Symbols

if TYPE_CHECKING:
    from collections.abc import Callable


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


class Fates:
    """Decides and carries out the fate of cancels. `canceling` are the orders that are on their way off the book."""

    def __init__(self, floor: Floor, symbols: Symbols, pushes: Pushes, canceling: set[str]) -> None:
        self._floor = floor
        self._faults = floor.faults
        self._book = floor.book
        self._symbols = symbols
        self._pushes = pushes
        self._canceling = canceling
        self._drawn: tuple[tuple[Fault, Callable[[Order, str, int], Fate]], ...] = (
            (Fault.RATE_LIMIT, self._rate_limited),
            (Fault.REJECT, self._rejected),
            (Fault.FOREIGN_CANCEL, self._canceled_by_another),
            (Fault.CANCELING_STATE, self._canceling_for_a_while),
            (Fault.ACK_OK_THEN_FILL, self._filled_instead),
            (Fault.BURST_PUSH, self._filled_in_part_first),
            (Fault.ACK_OK_NO_PUSH, self._canceled_in_silence),
        )

    def of(self, order: Order | None, now_us: int) -> Fate:
        """Cancel an order: it may be unknown, ended, on its way off the book, or live."""
        if order is None or order.ord_status.is_terminal:
            return self.not_there(order)
        if order.order_id in self._canceling:
            return Fate("0", status=STATUSES[order.ord_status])
        for fault, become in self._drawn:
            arg = self._faults.fires(fault, order.order_id)
            if arg is not None:
                return become(order, arg, now_us)
        return self._accepted(self._cancel(order, now_us))

    def not_there(self, order: Order | None, code: str = "100404") -> Fate:
        """The refusal of a cancel whose order is not on the book, in one of its texts."""
        name = order.order_id if order else None
        return Fate(code, self._faults.pick(Fault.REJECT, name, codes.NOT_LIVE_TEXTS[code]))

    def _accepted(self, *changes: Change) -> Fate:
        return Fate("0", status="CANCELED", changes=changes)

    def _cancel(self, order: Order, now_us: int) -> Change:
        return Change(self._book.cancel(order.order_id, EndedBy.USER, now_us), None)

    def _fill(self, order: Order, now_us: int) -> Change:
        filled = self._book.fill(order.order_id, None, now_us)
        return Change(filled, filled.fills[-1])

    def _rate_limited(self, order: Order, arg: str, now_us: int) -> Fate:
        return Fate("100410", codes.text("100410"))

    def _rejected(self, order: Order, code: str, now_us: int) -> Fate:
        if code not in codes.NOT_LIVE:
            return Fate(code, codes.text(code))
        says_gone = code == "100404" or self._faults.pick(Fault.REJECT, order.order_id, ("gone", "ours")) == "gone"
        if not says_gone:
            return Fate(code, codes.text(code, "OrderId"))
        refused = self.not_there(order, code)
        if self._faults.pick(Fault.REJECT, f"{order.order_id} ended", ("filled", "canceled")) == "filled":
            change = self._fill(order, now_us)
        else:
            change = Change(self._book.cancel(order.order_id, EndedBy.OTHER, now_us), None)
        return Fate(code, refused.text, changes=(change,), is_push_first=True)

    def _canceled_by_another(self, order: Order, arg: str, now_us: int) -> Fate:
        refused = self.not_there(order)
        ended = self._book.cancel(order.order_id, EndedBy.OTHER, now_us)
        return Fate(refused.code, refused.text, changes=(Change(ended, None),), is_push_first=True)

    def _canceling_for_a_while(self, order: Order, seconds: str, now_us: int) -> Fate:
        self._canceling.add(order.order_id)
        due_us = now_us + seconds_us(seconds)
        self._floor.timers.at(due_us, partial(self._finish_canceling, order.order_id))
        return Fate("0", status=STATUSES[order.ord_status])

    def _finish_canceling(self, order_id: str, now_us: int) -> None:
        self._canceling.discard(order_id)
        order = self._book.get(order_id)
        if order is not None and not order.ord_status.is_terminal:
            self._pushes.announce([self._cancel(order, now_us)], now_us)

    def _filled_instead(self, order: Order, arg: str, now_us: int) -> Fate:
        return self._accepted(self._fill(order, now_us))

    def _filled_in_part_first(self, order: Order, fills: str, now_us: int) -> Fate:
        symbol = self._symbols.get(order.instrument)
        lot = symbol.lot if symbol else order.qty
        part = ((order.leaves_qty / (int(fills) + 1)) // lot * lot).normalize()
        changes = []
        for _ in range(int(fills) if part > ZERO else 0):
            partly = self._book.fill(order.order_id, part, now_us)
            changes.append(Change(partly, partly.fills[-1]))
        return self._accepted(*changes, self._cancel(order, now_us))

    def _canceled_in_silence(self, order: Order, arg: str, now_us: int) -> Fate:
        self._cancel(order, now_us)
        return Fate("0", status="CANCELED")
