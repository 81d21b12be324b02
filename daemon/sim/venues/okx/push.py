"""The orders channel: what a push looks like, and which subscriptions get it.

No snapshot, no sequence number (OKX: Trade / WS Order channel). What a change looks like is `rows`; the faults of this
road are drawn in `pushing`, and described in `meanings` with the shapes.
"""

from collections.abc import Sequence

from daemon.sim.pushing import Change, Pushing
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.distort import Distorter
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.product import Prints
from daemon.sim.venues.okx.session import Sessions
from daemon.sim.wire import JsonObject, dumps, text


class Pushes(Pushing):
    """Pushes changes of orders to the subscriptions that cover them."""

    def __init__(self, floor: Floor, options: OkxOptions, prints: Prints, sessions: Sessions) -> None:
        super().__init__(floor, options.push_delay_us)
        self._prints = prints
        self._sessions = sessions
        self._distorter = Distorter(floor.faults, sessions.product.channel)

    def emit(self, changes: Sequence[Change], now_us: int, *, is_again: bool) -> None:
        """Write one frame; the second time with a uTime one millisecond later."""
        order = changes[0].order
        listeners = list(self._sessions.listeners(self._prints.facts(order)))
        if not listeners:
            return
        rows = [self._prints.pushed(change) for change in changes]
        document: JsonObject = {"data": [_a_millisecond_later(row) for row in rows] if is_again else rows}
        shaped, has_huge_id = self._distorter.document(document, order.order_id)
        data = dumps(shaped)[1:]
        strangers = self._distorter.strangers(b"{" + data, order.order_id, has_huge_id=has_huge_id)
        for connection, subscription in listeners:
            if self.is_deaf(connection, order.order_id):
                continue
            for payload, is_binary in strangers:
                self._sessions.connections.send(connection, payload, now_us, is_binary=is_binary)
            frame = b'{"arg":' + subscription.arg_json + b"," + data
            self._sessions.connections.send(connection, frame, now_us)


def _a_millisecond_later(row: JsonObject) -> JsonObject:
    return {**row, "uTime": str(int(text(row, "uTime")) + 1)}
