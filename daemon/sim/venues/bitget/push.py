"""The orders channel: every change of an order goes to every connection that listens, unless a fault says otherwise.

No snapshot and no replay. A fill that completes an order is pushed twice, as Bitget does: `partially_filled` with the
full volume, then `filled`, with one `uTime`. What a change looks like is the generation's; why it happened is not known
here. The faults of this road (DROP_PUSH, REORDER, DUP_PUSH, ZOMBIE and the shapes) are described in `meanings`.
"""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from daemon.sim.book import Order, OrdStatus
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venue import Floor
from daemon.sim.venues.bitget.distort import Distorter
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.rows import Change
from daemon.sim.venues.bitget.session import Sessions
from daemon.sim.wire import JsonObject, dumps

HELD_MAX_US = 200 * MILLISECOND_US
"""How long REORDER holds a fill's push when the order's next push does not come."""

Prints = Callable[[Change], JsonObject]


class Pushes:
    """Pushes changes of orders."""

    def __init__(
        self, floor: Floor, options: BitgetOptions, sessions: Sessions, clock: VenueClock, prints: Prints,
        distorter: Distorter,
    ) -> None:  # fmt: skip
        self._floor = floor
        self._options = options
        self._sessions = sessions
        self._clock = clock
        self._prints = prints
        self._distorter = distorter
        self._dropping = 0
        self._held: dict[str, Change] = {}

    def announce(self, changes: Sequence[Change], now_us: int, *, is_together: bool = False) -> None:
        """Push changes of one order, in this order, all in one frame if `is_together`."""
        self._floor.later(
            self._options.push_delay_us, now_us, partial(self._push, tuple(changes), is_together=is_together)
        )

    def _push(self, changes: tuple[Change, ...], now_us: int, *, is_together: bool) -> None:
        arranged: list[Change] = []
        for change in changes:
            if not self._is_dropped(change):
                arranged += self._arrange(change, now_us)
        if not arranged:
            return
        for group in [arranged] if is_together else [[change] for change in arranged]:
            self._emit(group, now_us)

    def _is_dropped(self, change: Change) -> bool:
        if self._dropping:
            self._dropping -= 1
            return True
        count = self._floor.faults.fires(Fault.DROP_PUSH, change.order.order_id)
        if count is None:
            return False
        self._dropping = int(count) - 1
        return True

    def _arrange(self, change: Change, now_us: int) -> list[Change]:
        """What goes out now for a change: itself, and with REORDER an older one after it, or nothing yet."""
        order = change.order
        held = self._held.pop(order.order_id, None)
        if held is not None:
            return [*_steps(change), held]
        if order.ord_status is OrdStatus.NEW or self._floor.faults.fires(Fault.REORDER, order.order_id) is None:
            return _steps(change)
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

    def _emit(self, changes: list[Change], now_us: int) -> None:
        order = changes[0].order
        rows = [self._prints(change) for change in changes]
        self._send_rows(rows, order, now_us)
        if self._floor.faults.fires(Fault.DUP_PUSH, order.order_id) is not None:
            self._send_rows(rows, order, now_us)

    def _send_rows(self, rows: list[JsonObject], order: Order, now_us: int) -> None:
        listeners = list(self._sessions.listeners(order.product or "", order.instrument))
        if not listeners:
            return
        stamp = self._clock.ms(now_us)
        shaped, has_huge_id = self._distorter.document({"data": rows, "ts": stamp}, order.order_id)
        data = dumps(shaped)[1:]
        strangers = self._distorter.strangers(b"{" + data, order.order_id, has_huge_id=has_huge_id)
        for connection, subscription in listeners:
            if connection.is_zombie or self._floor.faults.fires(Fault.ZOMBIE, order.order_id) is not None:
                connection.is_zombie = True
                continue
            for payload, is_binary in strangers:
                self._sessions.connections.send(connection, payload, now_us, is_binary=is_binary)
            frame = b'{"action":"snapshot","arg":' + subscription.arg_json + b"," + data
            self._sessions.connections.send(connection, frame, now_us)


def _steps(change: Change) -> list[Change]:
    """A fill that completes an order is told as a partial one first."""
    order = change.order
    if order.ord_status is not OrdStatus.FILLED:
        return [change]
    return [Change(msgspec.structs.replace(order, ord_status=OrdStatus.PARTIALLY_FILLED), change.fill), change]
