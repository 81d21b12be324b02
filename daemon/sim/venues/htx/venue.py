"""The simulated HTX futures: one account, put together from its parts.

It serves `/linear-swap-trade`, `/ws/v5/notification`, `/v5/...` and the public paths that clients load first. What each
part does stands in its own file; what the faults mean here stands in `meanings`.
"""

from collections.abc import Mapping
from functools import partial

from daemon.sim.book import Book, Fill, NewOrder, Order
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault, FaultEngine, FaultRule
from daemon.sim.pushing import Change
from daemon.sim.switch import Switch
from daemon.sim.venue import Floor, HttpRequest, SimVenue
from daemon.sim.venues.htx import ops
from daemon.sim.venues.htx.auth import Gate
from daemon.sim.venues.htx.cancel import Cancels, count_arrivals
from daemon.sim.venues.htx.distort import Distorter, Written
from daemon.sim.venues.htx.fate import Fates
from daemon.sim.venues.htx.instruments import Instruments
from daemon.sim.venues.htx.meanings import FOREIGN_REASONS, MEANINGS
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.venues.htx.place import Places
from daemon.sim.venues.htx.push import Pushes
from daemon.sim.venues.htx.rest import Rest
from daemon.sim.venues.htx.session import PATHS, HtxConnection, Operate, Sessions


class HtxVenue(SimVenue):
    """One simulated HTX. Raises FaultError for a fault that has no meaning here."""

    name = "htx"

    def __init__(self, options: HtxOptions | None = None) -> None:
        options = options or HtxOptions()
        faults = FaultEngine(self.name, MEANINGS, options.seed)
        faults.add(faults.parse_spec(options.faults))
        book = Book(options.seed, per_instrument_max=options.pending_per_instrument_max, total_max=options.pending_max)
        floor = Floor(book, faults)
        super().__init__(floor)
        self.instruments = Instruments(extra=options.extra_instruments)
        clock = VenueClock(faults)
        gate = Gate(options, faults, clock)
        operations: dict[str, Operate] = {}
        self._sessions = Sessions(floor, options, gate, clock, operations, partial(count_arrivals, floor))
        self._pushes = Pushes(floor, options, self.instruments, clock, self._sessions)
        cancels = Cancels(floor, options, self.instruments, Fates(floor, self._pushes), self._pushes)
        places = Places(floor, self.instruments, self._pushes)
        operations |= ops.table(floor, clock, self._sessions, cancels, places)
        self.switch = Switch(floor, self.lapse)
        self._rest = Rest(floor, self.instruments, gate, clock, cancels=cancels, places=places, switch=self.switch)
        self._distorter = Distorter(faults)

    def is_socket_path(self, target: str) -> bool:
        """HTX: USDT-M Futures / Private WebSocket, WebSocket Trade."""
        return target.partition("?")[0] in PATHS

    def open(self, conn_id: int, target: str, headers: Mapping[str, str], now_us: int) -> None:
        """A WebSocket was opened."""
        self._sessions.open(conn_id, target, headers.get("host", ""), now_us)

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
        self._rest.call(request_id, request, now_us)

    def placing_problem(self, new: NewOrder) -> str | None:
        """HTX futures have no product lines here, only listed contracts, whole volumes and numbers as client ids."""
        if new.product is not None:
            return f'"product" {new.product!r}: HTX futures have no product lines'
        listed = self.instruments.get(new.instrument)
        if listed is None or listed.code != new.instrument:
            return f'"instrument" {new.instrument!r} is not listed'
        if new.qty != new.qty.to_integral_value():
            return '"qty" counts whole contracts'
        client_id = new.client_order_id
        if client_id is not None and not (client_id.isascii() and client_id.isdigit() and 0 < int(client_id) < 2**63):
            return '"client_order_id" is an integer, from 1 to 2^63 - 1, as a text'
        return None

    def announce(self, order: Order, fill: Fill | None, now_us: int) -> None:
        """Push a change that came through the control door."""
        self._pushes.announce([Change(order, fill)], now_us)

    def foreign_cancel_source(self) -> str:
        """The text of the account's own cancel-after."""
        return FOREIGN_REASONS["timeout"]

    def fault_at_once(self, rule: FaultRule, now_us: int) -> None:
        """Let a fault happen on every connection that is logged in."""
        for connection in self._sessions.logged_in():
            self.faults.note(rule.fault)
            self._happen(rule, connection, now_us)

    def _happen(self, rule: FaultRule, connection: HtxConnection, now_us: int) -> None:
        connections = self._sessions.connections
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
                self._sessions.write(connection, Written(self._distorter.unknown_event(None)), now_us)
            case Fault.BAD_FRAME:
                written = self._distorter.bad_frame(b'{"op":"close","ts":1}', None, rule.arg)
                self._sessions.write(connection, written, now_us)
            case _:
                raise AssertionError(f"{rule.fault.value} is not among those that can happen at once")
