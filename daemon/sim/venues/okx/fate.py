"""What becomes of one cancel that has reached the order: accepted or refused, and what is pushed about it.

The truth changes here, in the book; how the answer travels is `cancel`'s. Without a fault an accepted cancel takes
effect at once (`cancelSource` 1). The faults of a cancel's fate are described in `meanings`, in the order in which
they are drawn.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from daemon.sim.book import ZERO, EndedBy, Order
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change
from daemon.sim.timers import seconds_us
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.instruments import Instruments
from daemon.sim.venues.okx.meanings import FOREIGN_SOURCES
from daemon.sim.venues.okx.push import Pushes

if TYPE_CHECKING:
    from collections.abc import Callable

BY_USER = "1"


@dataclass(frozen=True, slots=True)
class Fate:
    """The item's code (and its text, where that is not the code's own), and the changes to push: before the answer if
    `is_push_first`, in one frame if `is_together`.
    """

    code: str
    changes: tuple[Change, ...] = ()
    is_push_first: bool = False
    is_together: bool = False
    message: str = ""


class Fates:
    """Decides and carries out the fate of cancels."""

    def __init__(self, floor: Floor, instruments: Instruments, pushes: Pushes) -> None:
        self._floor = floor
        self._book = floor.book
        self._instruments = instruments
        self._pushes = pushes
        self._canceling: set[str] = set()
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
            return Fate("51400")
        if order.order_id in self._canceling:
            return Fate("51410")
        for fault, become in self._drawn:
            arg = self._floor.faults.fires(fault, order.order_id)
            if arg is not None:
                return become(order, arg, now_us)
        return Fate("0", (self._cancel(order, now_us),))

    def _cancel(self, order: Order, now_us: int) -> Change:
        return Change(self._book.cancel(order.order_id, EndedBy.USER, now_us, BY_USER), None)

    def _rate_limited(self, order: Order, arg: str, now_us: int) -> Fate:
        return Fate("50011")

    def _rejected(self, order: Order, code: str, now_us: int) -> Fate:
        if code != "51400":
            return Fate(code)
        if self._floor.faults.pick(Fault.REJECT, order.order_id, ("filled", "canceled")) == "filled":
            return Fate(code, (self._fill(order, now_us),), is_push_first=True)
        return self._canceled_by_another(order, "", now_us)

    def _canceled_by_another(self, order: Order, source: str, now_us: int) -> Fate:
        source = source or self._floor.faults.pick(Fault.FOREIGN_CANCEL, order.order_id, FOREIGN_SOURCES)
        ended = self._book.cancel(order.order_id, EndedBy.OTHER, now_us, source)
        return Fate("51400", (Change(ended, None),), is_push_first=True)

    def _canceling_for_a_while(self, order: Order, seconds: str, now_us: int) -> Fate:
        self._canceling.add(order.order_id)
        self._floor.timers.at(now_us + seconds_us(seconds), partial(self._finish_canceling, order.order_id))
        return Fate("0")

    def _finish_canceling(self, order_id: str, now_us: int) -> None:
        self._canceling.discard(order_id)
        order = self._book.get(order_id)
        if order is not None and not order.ord_status.is_terminal:
            self._pushes.announce([self._cancel(order, now_us)], now_us)

    def _filled_instead(self, order: Order, arg: str, now_us: int) -> Fate:
        return Fate("0", (self._fill(order, now_us),))

    def _fill(self, order: Order, now_us: int) -> Change:
        filled = self._book.fill(order.order_id, None, now_us)
        return Change(filled, filled.fills[-1])

    def _filled_in_part_first(self, order: Order, fills: str, now_us: int) -> Fate:
        instrument = self._instruments.get(order.instrument)
        lot = instrument.lot if instrument else order.qty
        part = ((order.leaves_qty / (int(fills) + 1)) // lot * lot).normalize()
        changes = []
        for _ in range(int(fills) if part > ZERO else 0):
            partly = self._book.fill(order.order_id, part, now_us)
            changes.append(Change(partly, partly.fills[-1]))
        changes.append(self._cancel(order, now_us))
        is_together = self._floor.faults.pick(Fault.BURST_PUSH, order.order_id, ("one", "each")) == "one"
        return Fate("0", tuple(changes), is_together=is_together)

    def _canceled_in_silence(self, order: Order, arg: str, now_us: int) -> Fate:
        self._cancel(order, now_us)
        return Fate("0")
