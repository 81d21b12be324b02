"""How a simulated venue pushes changes of orders: each to everybody who listens, unless a fault says otherwise.

The faults of this road are drawn here, once for each change and before anything is sent: DROP_PUSH, REORDER, DUP_PUSH,
and ZOMBIE for each connection that a push would go to. How a change is printed, who listens, and what the frame looks
like is the venue's (`venues/*/push`); why the order changed is not known here.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from daemon.sim.book import Fill, Order, OrdStatus
from daemon.sim.faults import Fault
from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venue import Connection, Floor

HELD_MAX_US = 200 * MILLISECOND_US
"""How long REORDER holds a fill's push when the order's next push does not come."""


class Change(NamedTuple):
    """One change of an order: its state after it, the fill if it was one, and the word that is pushed where that is
    not the state's own.
    """

    order: Order
    fill: Fill | None
    word: str = ""


class Pushing(ABC):
    """Pushes changes of orders, `delay_us` after they happened."""

    def __init__(self, floor: Floor, delay_us: int) -> None:
        self._floor = floor
        self._faults = floor.faults
        self._delay_us = delay_us
        self._dropping = 0
        self._held: dict[str, Change] = {}

    @abstractmethod
    def emit(self, changes: Sequence[Change], now_us: int, *, is_again: bool) -> None:
        """Write changes of one order, all in one frame; `is_again` when the same were just written."""

    def steps(self, change: Change) -> list[Change]:
        """What a change is told as: itself, as a rule."""
        return [change]

    def is_deaf(self, connection: Connection, order_id: str) -> bool:
        """Whether a connection gets no pushes any more, since before or by this one."""
        if not connection.is_zombie and self._faults.fires(Fault.ZOMBIE, order_id) is not None:
            connection.is_zombie = True
        return connection.is_zombie

    def announce(self, changes: Sequence[Change], now_us: int, *, is_together: bool = False) -> None:
        """Push changes of one order, in this order, all in one frame if `is_together`."""
        self._floor.later(self._delay_us, now_us, partial(self._push, tuple(changes), is_together=is_together))

    def _push(self, changes: tuple[Change, ...], now_us: int, *, is_together: bool) -> None:
        arranged: list[Change] = []
        for change in changes:
            if not self._is_dropped(change):
                arranged += self._arrange(change, now_us)
        if is_together and arranged:
            self._emit(arranged, now_us)
        else:
            for change in arranged:
                self._emit([change], now_us)

    def _is_dropped(self, change: Change) -> bool:
        if self._dropping:
            self._dropping -= 1
            return True
        count = self._faults.fires(Fault.DROP_PUSH, change.order.order_id)
        if count is None:
            return False
        self._dropping = int(count) - 1
        return True

    def _arrange(self, change: Change, now_us: int) -> list[Change]:
        """What goes out now for a change: itself, and with REORDER an older one after it, or nothing yet."""
        order = change.order
        held = self._held.pop(order.order_id, None)
        if held is not None:
            return [*self.steps(change), held]
        if order.ord_status is OrdStatus.NEW or self._faults.fires(Fault.REORDER, order.order_id) is None:
            return self.steps(change)
        if order.ord_status.is_terminal:
            return [change, self._before(order)]
        self._held[order.order_id] = change
        self._floor.timers.at(now_us + HELD_MAX_US, partial(self._release, change))
        return []

    def _release(self, change: Change, now_us: int) -> None:
        if self._held.get(change.order.order_id) is change:
            del self._held[change.order.order_id]
            self._emit([change], now_us)

    def _before(self, order: Order) -> Change:
        states = self._floor.book.states(order.order_id)
        position = next(at for at, state in enumerate(states) if state is order)
        before = states[position - 1]
        return Change(before, before.fills[-1] if before.fills else None)

    def _emit(self, changes: Sequence[Change], now_us: int) -> None:
        self.emit(changes, now_us, is_again=False)
        if self._faults.fires(Fault.DUP_PUSH, changes[0].order.order_id) is not None:
            self.emit(changes, now_us, is_again=True)
