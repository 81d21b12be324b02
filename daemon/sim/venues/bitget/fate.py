"""What becomes of one cancel that has reached the order: accepted or refused, and what is pushed about it.

The truth changes here, in the book; how the answer travels is `cancel`'s. Without a fault an accepted cancel takes
effect at once (`normal_cancel`). The faults of a cancel's fate are described in `meanings`, in the order in which they
are drawn.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from daemon.sim.book import ZERO, EndedBy, Order
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change
from daemon.sim.timers import seconds_us
from daemon.sim.venue import Floor
from daemon.sim.venues.bitget import codes
from daemon.sim.venues.bitget.instruments import LOT
from daemon.sim.venues.bitget.meanings import FOREIGN_REASONS
from daemon.sim.venues.bitget.push import Pushes

if TYPE_CHECKING:
    from collections.abc import Callable

BY_USER = "normal_cancel"
UNDER_WAY = "25113"


@dataclass(frozen=True, slots=True)
class Fate:
    """The answer's code, and the changes to push: before the answer if `is_push_first`, in one frame if
    `is_together`.
    """

    code: str
    changes: tuple[Change, ...] = ()
    is_push_first: bool = False
    is_together: bool = False


class Fates:
    """Decides and carries out the fate of cancels. `gone` is the generation's code for what is not on the book."""

    def __init__(self, floor: Floor, pushes: Pushes, gone: str) -> None:
        self._floor = floor
        self._book = floor.book
        self._pushes = pushes
        self._gone = gone
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
            return Fate(self._gone)
        if order.order_id in self._canceling:
            return Fate(UNDER_WAY)
        for fault, become in self._drawn:
            arg = self._floor.faults.fires(fault, order.order_id)
            if arg is not None:
                return become(order, arg, now_us)
        return Fate(codes.ACCEPTED, (self._cancel(order, now_us),))

    def _cancel(self, order: Order, now_us: int) -> Change:
        return Change(self._book.cancel(order.order_id, EndedBy.USER, now_us, BY_USER), None)

    def _rate_limited(self, order: Order, arg: str, now_us: int) -> Fate:
        return Fate("429")

    def _rejected(self, order: Order, code: str, now_us: int) -> Fate:
        if code not in codes.GONE:
            return Fate(code)
        if self._floor.faults.pick(Fault.REJECT, order.order_id, ("filled", "canceled")) == "filled":
            return Fate(code, (self._fill(order, now_us),), is_push_first=True)
        return Fate(code, self._canceled_by_another(order, "", now_us).changes, is_push_first=True)

    def _canceled_by_another(self, order: Order, reason: str, now_us: int) -> Fate:
        reason = reason or self._floor.faults.pick(Fault.FOREIGN_CANCEL, order.order_id, FOREIGN_REASONS)
        ended = self._book.cancel(order.order_id, EndedBy.OTHER, now_us, reason)
        return Fate(self._gone, (Change(ended, None),), is_push_first=True)

    def _canceling_for_a_while(self, order: Order, seconds: str, now_us: int) -> Fate:
        self._canceling.add(order.order_id)
        due_us = now_us + seconds_us(seconds)
        self._floor.timers.at(due_us, partial(self._finish_canceling, order.order_id))
        return Fate(codes.ACCEPTED)

    def _finish_canceling(self, order_id: str, now_us: int) -> None:
        self._canceling.discard(order_id)
        order = self._book.get(order_id)
        if order is not None and not order.ord_status.is_terminal:
            self._pushes.announce([self._cancel(order, now_us)], now_us)

    def _filled_instead(self, order: Order, arg: str, now_us: int) -> Fate:
        return Fate(codes.ACCEPTED, (self._fill(order, now_us),))

    def _fill(self, order: Order, now_us: int) -> Change:
        filled = self._book.fill(order.order_id, None, now_us)
        return Change(filled, filled.fills[-1])

    def _filled_in_part_first(self, order: Order, fills: str, now_us: int) -> Fate:
        part = ((order.leaves_qty / (int(fills) + 1)) // LOT * LOT).normalize()
        changes = []
        for _ in range(int(fills) if part > ZERO else 0):
            partly = self._book.fill(order.order_id, part, now_us)
            changes.append(Change(partly, partly.fills[-1]))
        changes.append(self._cancel(order, now_us))
        is_together = self._floor.faults.pick(Fault.BURST_PUSH, order.order_id, ("one", "each")) == "one"
        return Fate(codes.ACCEPTED, tuple(changes), is_together=is_together)

    def _canceled_in_silence(self, order: Order, arg: str, now_us: int) -> Fate:
        self._cancel(order, now_us)
        return Fate(codes.ACCEPTED)
