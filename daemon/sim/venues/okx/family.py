"""What every simulated OKX does with its inputs, whichever product it trades: sockets, REST, and faults at once.

A product's venue puts the parts together (`venue` for trade) and says what its orders are.
"""

from collections.abc import Mapping
from functools import partial

from daemon.sim.book import Fill, Order
from daemon.sim.faults import Fault, FaultRule
from daemon.sim.pushing import Change
from daemon.sim.venue import Floor, HttpRequest, SimVenue
from daemon.sim.venues.okx.distort import Distorter
from daemon.sim.venues.okx.front import Front
from daemon.sim.venues.okx.product import PATHS
from daemon.sim.venues.okx.push import Pushes
from daemon.sim.venues.okx.session import OkxConnection, Sessions

CANCELED_BY_SYSTEM = "20"
"""`cancelSource` of what the control door cancels: the account's own cancel-all-after."""


class OkxFamily(SimVenue):
    """One simulated OKX, of its parts."""

    def __init__(self, floor: Floor, sessions: Sessions, pushes: Pushes, front: Front) -> None:
        super().__init__(floor)
        self._sessions = sessions
        self._pushes = pushes
        self._front = front
        self._distorter = Distorter(floor.faults, sessions.product.channel)

    def is_socket_path(self, target: str) -> bool:
        """OKX: WebSocket / Overview."""
        return target.partition("?")[0] in PATHS

    def open(self, conn_id: int, target: str, headers: Mapping[str, str], now_us: int) -> None:
        """A WebSocket was opened."""
        self._sessions.open(conn_id, target, now_us)

    def frame(self, conn_id: int, data: str | bytes, now_us: int) -> None:
        """A message arrived."""
        connection = self._sessions.connections.get(conn_id)
        if connection is not None:
            self.floor.stats.frames_in += 1
            self._sessions.frame(connection, data, now_us)

    def closed(self, conn_id: int, now_us: int) -> None:
        """A WebSocket is gone."""
        self._sessions.closed(conn_id)

    def http(self, request_id: int, request: HttpRequest, now_us: int) -> None:
        """A REST call arrived."""
        self._front.call(request_id, request, now_us)

    def announce(self, order: Order, fill: Fill | None, now_us: int) -> None:
        """Push a change that came through the control door."""
        self._pushes.announce([Change(order, fill)], now_us)

    def foreign_cancel_source(self) -> str:
        """The code of the account's cancel-all-after."""
        return CANCELED_BY_SYSTEM

    def fault_at_once(self, rule: FaultRule, now_us: int) -> None:
        """Let a fault happen on every connection that is logged in."""
        for connection in self._sessions.logged_in():
            self.faults.note(rule.fault)
            self._happen(rule, connection, now_us)

    def _happen(self, rule: FaultRule, connection: OkxConnection, now_us: int) -> None:
        connections = self._sessions.connections
        send = partial(connections.send, connection, now_us=now_us)
        match rule.fault:
            case Fault.DISCONNECT:
                connections.abort(connection)
            case Fault.HALF_OPEN:
                connections.silence(connection)
            case Fault.ZOMBIE:
                connection.is_zombie = True
            case Fault.NOTICE_CLOSE:
                self._sessions.notice(connection, float(rule.arg), now_us)
            case Fault.UNKNOWN_EVENT:
                send(self._distorter.unknown_event(None))
            case Fault.BAD_FRAME:
                payload, is_binary = self._distorter.bad_frame(b'{"event":"notice","code":"0"}', None, rule.arg)
                send(payload, is_binary=is_binary)
            case _:
                raise AssertionError(f"{rule.fault.value} is not among those that can happen at once")
