"""The simulated OKX trade: one account, put together from its parts.

It serves `/ws/v5/public|private|business` and `/api/v5/...`. What each part does stands in its own file; what the
faults mean here stands in `meanings`.
"""

from collections.abc import Mapping
from functools import partial

from daemon.sim.book import Book, Fill, NewOrder, Order
from daemon.sim.faults import Fault, FaultEngine, FaultRule
from daemon.sim.venue import Floor, HttpRequest, SimVenue
from daemon.sim.venues.okx.auth import Gate, VenueClock
from daemon.sim.venues.okx.cancel import Cancels, count_arrivals
from daemon.sim.venues.okx.distort import Distorter
from daemon.sim.venues.okx.fate import Fates
from daemon.sim.venues.okx.instruments import Instruments
from daemon.sim.venues.okx.meanings import MEANINGS
from daemon.sim.venues.okx.ops import Operations
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.place import Places
from daemon.sim.venues.okx.push import Pushes
from daemon.sim.venues.okx.rest import Rest
from daemon.sim.venues.okx.rows import Change
from daemon.sim.venues.okx.session import PATHS, OkxConnection, Operate, Sessions

CANCELED_BY_SYSTEM = "20"
"""`cancelSource` of what the control door cancels: the account's own cancel-all-after."""


class OkxVenue(SimVenue):
    """One simulated OKX. `instruments` can be relisted by tests; raises FaultError for a fault that has no meaning
    here.
    """

    name = "okx"

    def __init__(self, options: OkxOptions | None = None) -> None:
        options = options or OkxOptions()
        faults = FaultEngine(self.name, MEANINGS, options.seed)
        faults.add(faults.parse_spec(options.faults))
        book = Book(options.seed, per_instrument_max=options.pending_per_instrument_max, total_max=options.pending_max)
        floor = Floor(book, faults)
        super().__init__(floor)
        self.instruments = Instruments(seed=options.seed, demo=options.demo, extra=options.extra_instruments)
        clock = VenueClock(faults)
        gate = Gate(options, faults, clock)
        operations: dict[str, Operate] = {}
        self._sessions = Sessions(floor, options, gate, operations, partial(count_arrivals, floor))
        self._pushes = Pushes(floor, options, self.instruments, clock, self._sessions)
        cancels = Cancels(floor, options, Fates(floor, self.instruments, self._pushes), self._pushes)
        places = Places(floor, self.instruments, self._pushes)
        operations |= Operations(floor, options, self.instruments, clock).table(self._sessions, cancels, places)
        self._rest = Rest(floor, options, self.instruments, gate, clock, cancels=cancels, places=places)
        self._distorter = Distorter(faults)

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
        self._rest.call(request_id, request, now_us)

    def placing_problem(self, new: NewOrder) -> str | None:
        """OKX trade has no product lines, and only its own instruments."""
        if new.product is not None:
            return f'"product" {new.product!r}: OKX has no product lines'
        if self.instruments.get(new.instrument) is None:
            return f'"instrument" {new.instrument!r} is not listed'
        return None

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
