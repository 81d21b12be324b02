"""The topics `orders` and `match_orders`: every change of an order goes to all who listen, but for faults.

No snapshot, no sequence number (HTX: Subscribe to Order Updates). What a change looks like is `rows`; why it happened
is not known here. The faults of this road (DROP_PUSH, REORDER, DUP_PUSH, ZOMBIE and the shapes) are described in
`meanings`; they touch `orders` only.
"""

from collections.abc import Sequence
from functools import partial

from daemon.sim.book import Order, OrdStatus
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venue import Floor
from daemon.sim.venues.htx.distort import Distorter
from daemon.sim.venues.htx.instruments import Instrument, Instruments
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.venues.htx.rows import Change, match_row, push_row
from daemon.sim.venues.htx.session import MATCH_ORDERS, ORDERS, Sessions
from daemon.sim.wire import JsonObject, text

HELD_MAX_US = 200 * MILLISECOND_US
"""How long REORDER holds a fill's push when the order's next push does not come."""


class Pushes:
    """Pushes changes of orders."""

    def __init__(
        self, floor: Floor, options: HtxOptions, instruments: Instruments, clock: VenueClock, sessions: Sessions
    ) -> None:
        self._floor = floor
        self._options = options
        self._instruments = instruments
        self._clock = clock
        self._sessions = sessions
        self._distorter = Distorter(floor.faults)
        self._dropping = 0
        self._held: dict[str, Change] = {}

    def announce(self, changes: Sequence[Change], now_us: int) -> None:
        """Push changes of one order, in this order."""
        for change in changes:
            self._hint(change, now_us)
        self._floor.later(self._options.push_delay_us, now_us, partial(self._push, tuple(changes)))

    def _push(self, changes: tuple[Change, ...], now_us: int) -> None:
        for change in changes:
            if not self._is_dropped(change):
                for arranged in self._arrange(change, now_us):
                    self._emit(arranged, now_us)

    def _hint(self, change: Change, now_us: int) -> None:
        """Tell those who follow the matching engine."""
        instrument = self._instrument(change.order)
        row = match_row(change, instrument, self._clock)
        for connection in self._sessions.listeners(MATCH_ORDERS, instrument.code):
            if not connection.is_zombie:
                self._sessions.send(connection, self._envelope(MATCH_ORDERS, [row], instrument, now_us), now_us)

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
            return [change, held]
        if order.ord_status is OrdStatus.NEW or self._floor.faults.fires(Fault.REORDER, order.order_id) is None:
            return [change]
        if order.ord_status.is_terminal:
            return [change, self._before(order)]
        self._held[order.order_id] = change
        self._floor.timers.at(now_us + HELD_MAX_US, partial(self._release, change))
        return []

    def _release(self, change: Change, now_us: int) -> None:
        if self._held.get(change.order.order_id) is change:
            del self._held[change.order.order_id]
            self._emit(change, now_us)

    def _before(self, order: Order) -> Change:
        states = self._floor.book.states(order.order_id)
        position = next(at for at, state in enumerate(states) if state is order)
        before = states[position - 1]
        return Change(before, before.fills[-1] if before.fills else None)

    def _emit(self, change: Change, now_us: int) -> None:
        row = push_row(change, self._instrument(change.order), self._clock)
        self._send_row(row, change.order, now_us)
        if self._floor.faults.fires(Fault.DUP_PUSH, change.order.order_id) is not None:
            later = str(int(text(row, "updated_time")) + 1)
            self._send_row({**row, "updated_time": later}, change.order, now_us)

    def _send_row(self, row: JsonObject, order: Order, now_us: int) -> None:
        instrument = self._instrument(order)
        listeners = list(self._sessions.listeners(ORDERS, instrument.code))
        if not listeners:
            return
        document = self._envelope(ORDERS, row, instrument, now_us)
        frames = self._distorter.frames(document, order.order_id)
        for connection in listeners:
            if connection.is_zombie or self._floor.faults.fires(Fault.ZOMBIE, order.order_id) is not None:
                connection.is_zombie = True
                continue
            for written in frames:
                self._sessions.write(connection, written, now_us)

    def _envelope(self, topic: str, data: object, instrument: Instrument, now_us: int) -> JsonObject:
        return {
            "op": "notify",
            "topic": topic,
            "contract_code": instrument.code,
            "ts": self._clock.ms(now_us),
            "uid": self._options.uid,
            "data": data,
        }

    def _instrument(self, order: Order) -> Instrument:
        instrument = self._instruments.get(order.instrument)
        if instrument is None:
            raise AssertionError(f"order {order.order_id} rests in {order.instrument}, which is not listed")
        return instrument
