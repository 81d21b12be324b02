"""The orders channel: what a push looks like, and which subscriptions get it.

No snapshot and no replay. A fill that completes an order is pushed twice, as Bitget does: `partially_filled` with the
full volume, then `filled`, with one `uTime`. What a change looks like is the generation's; the faults of this road are
drawn in `pushing`, and described in `meanings` with the shapes.
"""

from collections.abc import Callable, Sequence

import msgspec

from daemon.sim.book import OrdStatus
from daemon.sim.clock import VenueClock
from daemon.sim.pushing import Change, Pushing
from daemon.sim.venue import Floor
from daemon.sim.venues.bitget.distort import Distorter
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.session import Sessions
from daemon.sim.wire import JsonObject, dumps

Prints = Callable[[Change], JsonObject]


class Pushes(Pushing):
    """Pushes changes of orders to the subscriptions that cover them."""

    def __init__(
        self, floor: Floor, options: BitgetOptions, sessions: Sessions, clock: VenueClock, prints: Prints,
        distorter: Distorter,
    ) -> None:  # fmt: skip
        super().__init__(floor, options.push_delay_us)
        self._sessions = sessions
        self._clock = clock
        self._prints = prints
        self._distorter = distorter

    def steps(self, change: Change) -> list[Change]:
        """A fill that completes an order is told as a partial one first."""
        order = change.order
        if order.ord_status is not OrdStatus.FILLED:
            return [change]
        return [Change(msgspec.structs.replace(order, ord_status=OrdStatus.PARTIALLY_FILLED), change.fill), change]

    def emit(self, changes: Sequence[Change], now_us: int, *, is_again: bool) -> None:
        """Write one frame; the second time it is the very same."""
        order = changes[0].order
        listeners = list(self._sessions.listeners(order.product or "", order.instrument))
        if not listeners:
            return
        rows = [self._prints(change) for change in changes]
        shaped, has_huge_id = self._distorter.document({"data": rows, "ts": self._clock.ms(now_us)}, order.order_id)
        data = dumps(shaped)[1:]
        strangers = self._distorter.strangers(b"{" + data, order.order_id, has_huge_id=has_huge_id)
        for connection, subscription in listeners:
            if self.is_deaf(connection, order.order_id):
                continue
            for payload, is_binary in strangers:
                self._sessions.connections.send(connection, payload, now_us, is_binary=is_binary)
            frame = b'{"action":"snapshot","arg":' + subscription.arg_json + b"," + data
            self._sessions.connections.send(connection, frame, now_us)
