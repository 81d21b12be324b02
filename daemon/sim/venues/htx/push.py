"""The topics `orders` and `match_orders`: what a push looks like, and which connections get it.

No snapshot, no sequence number (HTX: Subscribe to Order Updates). What a change looks like is `rows`; the faults of
this road are drawn in `pushing`, and described in `meanings` with the shapes; they touch `orders` only.
"""

from collections.abc import Sequence

from daemon.sim.book import Order
from daemon.sim.clock import VenueClock
from daemon.sim.pushing import Change, Pushing
from daemon.sim.venue import Floor
from daemon.sim.venues.htx.distort import Distorter
from daemon.sim.venues.htx.instruments import Instrument, Instruments
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.venues.htx.rows import match_row, push_row
from daemon.sim.venues.htx.session import MATCH_ORDERS, ORDERS, Sessions
from daemon.sim.wire import JsonObject, text


class Pushes(Pushing):
    """Pushes changes of orders to the connections that hear a topic."""

    def __init__(
        self, floor: Floor, options: HtxOptions, instruments: Instruments, clock: VenueClock, sessions: Sessions
    ) -> None:
        super().__init__(floor, options.push_delay_us)
        self._uid = options.uid
        self._instruments = instruments
        self._clock = clock
        self._sessions = sessions
        self._distorter = Distorter(floor.faults)

    def announce(self, changes: Sequence[Change], now_us: int, *, is_together: bool = False) -> None:
        """Tell those who follow the matching engine at once, and push."""
        for change in changes:
            self._hint(change, now_us)
        super().announce(changes, now_us, is_together=is_together)

    def emit(self, changes: Sequence[Change], now_us: int, *, is_again: bool) -> None:
        """Write a frame a change; the second time with an updated_time one millisecond later."""
        for change in changes:
            instrument = self._instrument(change.order)
            row = push_row(change, instrument, self._clock)
            if is_again:
                row = {**row, "updated_time": str(int(text(row, "updated_time")) + 1)}
            self._send(row, instrument, change.order.order_id, now_us)

    def _send(self, row: JsonObject, instrument: Instrument, order_id: str, now_us: int) -> None:
        listeners = list(self._sessions.listeners(ORDERS, instrument.code))
        if not listeners:
            return
        frames = self._distorter.frames(self._envelope(ORDERS, row, instrument, now_us), order_id)
        for connection in listeners:
            if not self.is_deaf(connection, order_id):
                for written in frames:
                    self._sessions.write(connection, written, now_us)

    def _hint(self, change: Change, now_us: int) -> None:
        instrument = self._instrument(change.order)
        row = match_row(change, instrument, self._clock)
        for connection in self._sessions.listeners(MATCH_ORDERS, instrument.code):
            if not connection.is_zombie:
                self._sessions.send(connection, self._envelope(MATCH_ORDERS, [row], instrument, now_us), now_us)

    def _envelope(self, topic: str, data: object, instrument: Instrument, now_us: int) -> JsonObject:
        return {
            "op": "notify",
            "topic": topic,
            "contract_code": instrument.code,
            "ts": self._clock.ms(now_us),
            "uid": self._uid,
            "data": data,
        }

    def _instrument(self, order: Order) -> Instrument:
        instrument = self._instruments.get(order.instrument)
        if instrument is None:
            raise AssertionError(f"order {order.order_id} rests in {order.instrument}, which is not listed")
        return instrument
