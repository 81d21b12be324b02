"""Order updates: every change of an order goes to every connection that listens, unless a fault says otherwise.

No snapshot, no sequence number, one order a frame (BingX: Spot / Websocket / Order update). What a change looks like is
`rows`; why it happened is not known here. The faults of this road are described in `meanings`.
"""

from collections.abc import Sequence
from functools import partial

from daemon.sim.book import Order, OrdStatus
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venue import Floor
from daemon.sim.venues.bingx.distort import Distorter
from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.venues.bingx.rows import Change, update
from daemon.sim.venues.bingx.session import ORDERS, Sessions
from daemon.sim.venues.bingx.symbols import Symbols
from daemon.sim.wire import JsonObject

HELD_MAX_US = 200 * MILLISECOND_US
"""How long REORDER holds a fill's push when the order's next push does not come."""


class Pushes:
    """Pushes changes of orders."""

    def __init__(
        self, floor: Floor, options: BingxOptions, symbols: Symbols, clock: VenueClock, sessions: Sessions
    ) -> None:
        self._floor = floor
        self._faults = floor.faults
        self._options = options
        self._symbols = symbols
        self._clock = clock
        self._sessions = sessions
        self._distorter = Distorter(floor.faults)
        self._dropping = 0
        self._held: dict[str, Change] = {}

    def announce(self, changes: Sequence[Change], now_us: int) -> None:
        """Push changes of one order, in this order."""
        self._floor.later(self._options.push_delay_us, now_us, partial(self._push, tuple(changes)))

    def _push(self, changes: tuple[Change, ...], now_us: int) -> None:
        for change in changes:
            if not self._is_dropped(change):
                for each in self._arrange(change, now_us):
                    self._emit(each, now_us)

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
            return [change, held]
        if order.ord_status is OrdStatus.NEW or self._faults.fires(Fault.REORDER, order.order_id) is None:
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
        symbol = self._symbols.get(change.order.instrument)
        if symbol is None:
            raise AssertionError(f"order {change.order.order_id} rests in a pair that is not listed")
        data = update(change, symbol, self._clock)
        self._send(data, change.order.order_id, now_us)
        if self._faults.fires(Fault.DUP_PUSH, change.order.order_id) is not None:
            event_ms = self._clock.ms(change.order.updated_us) + 1
            self._send({**data, "E": event_ms}, change.order.order_id, now_us)

    def _send(self, data: JsonObject, order_id: str, now_us: int) -> None:
        listeners = list(self._sessions.listeners(now_us))
        if not listeners:
            return
        packets = self._distorter.packets({"code": 0, "dataType": ORDERS, "data": data}, order_id)
        for connection in listeners:
            if connection.is_zombie or self._faults.fires(Fault.ZOMBIE, order_id) is not None:
                connection.is_zombie = True
                continue
            how = self._faults.fires(Fault.KEY_EXPIRE, order_id)
            if how is not None:
                self._sessions.end_key(connection, now_us, is_told=how == "told")
                continue
            for payload, is_binary in packets:
                self._sessions.connections.send(connection, payload, now_us, is_binary=is_binary)
