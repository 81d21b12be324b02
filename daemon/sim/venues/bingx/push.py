"""Order updates: what a push looks like, and which connections get it.

No snapshot, no sequence number, one order a frame (BingX: Spot / Websocket / Order update). What a change looks like is
`rows`; the faults of this road are drawn in `pushing`, but for KEY_EXPIRE, and described in `meanings` with the shapes.
"""

from collections.abc import Sequence

from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.pushing import Change, Pushing
from daemon.sim.venue import Floor
from daemon.sim.venues.bingx.distort import Distorter
from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.venues.bingx.rows import update
from daemon.sim.venues.bingx.session import ORDERS, Sessions
from daemon.sim.venues.bingx.symbols import Symbols
from daemon.sim.wire import JsonObject


class Pushes(Pushing):
    """Pushes changes of orders to the connections whose key is good."""

    def __init__(
        self, floor: Floor, options: BingxOptions, symbols: Symbols, clock: VenueClock, sessions: Sessions
    ) -> None:
        super().__init__(floor, options.push_delay_us)
        self._symbols = symbols
        self._clock = clock
        self._sessions = sessions
        self._distorter = Distorter(floor.faults)

    def emit(self, changes: Sequence[Change], now_us: int, *, is_again: bool) -> None:
        """Write a frame a change; the second time with an event time one millisecond later."""
        for change in changes:
            order = change.order
            symbol = self._symbols.get(order.instrument)
            if symbol is None:
                raise AssertionError(f"order {order.order_id} rests in a pair that is not listed")
            data = update(change, symbol, self._clock)
            if is_again:
                data = {**data, "E": self._clock.ms(order.updated_us) + 1}
            self._send(data, order.order_id, now_us)

    def _send(self, data: JsonObject, order_id: str, now_us: int) -> None:
        listeners = list(self._sessions.listeners(now_us))
        if not listeners:
            return
        packets = self._distorter.packets({"code": 0, "dataType": ORDERS, "data": data}, order_id)
        for connection in listeners:
            if self.is_deaf(connection, order_id):
                continue
            how = self._faults.fires(Fault.KEY_EXPIRE, order_id)
            if how is not None:
                self._sessions.end_key(connection, now_us, is_told=how == "told")
                continue
            for payload, is_binary in packets:
                self._sessions.connections.send(connection, payload, now_us, is_binary=is_binary)
