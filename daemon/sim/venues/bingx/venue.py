"""The simulated BingX spot: one account, put together from its parts.

It serves `/market` (WebSocket) and `/openApi/...` (REST). What each part does stands in its own file; what the faults
mean here stands in `meanings`.
"""

from collections.abc import Mapping

from daemon.sim.book import Book, Fill, NewOrder, Order
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault, FaultEngine, FaultRule
from daemon.sim.pushing import Change
from daemon.sim.switch import Switch
from daemon.sim.venue import Floor, HttpRequest, SimVenue
from daemon.sim.venues.bingx.auth import Gate
from daemon.sim.venues.bingx.ban import Bans
from daemon.sim.venues.bingx.call import Answers
from daemon.sim.venues.bingx.cancel import Cancels
from daemon.sim.venues.bingx.deadman import CancelAllAfter
from daemon.sim.venues.bingx.distort import Distorter
from daemon.sim.venues.bingx.encode import packed
from daemon.sim.venues.bingx.fate import Fates
from daemon.sim.venues.bingx.keys import ListenKeys
from daemon.sim.venues.bingx.meanings import MEANINGS
from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.venues.bingx.place import Places
from daemon.sim.venues.bingx.push import Pushes
from daemon.sim.venues.bingx.queries import Queries
from daemon.sim.venues.bingx.rest import Rest
from daemon.sim.venues.bingx.session import PATH, BingxConnection, Sessions
from daemon.sim.venues.bingx.symbols import Symbols


class BingxVenue(SimVenue):
    """One simulated BingX; raises FaultError for a fault that has no meaning here."""

    name = "bingx"

    def __init__(self, options: BingxOptions | None = None) -> None:
        options = options or BingxOptions()
        faults = FaultEngine(self.name, MEANINGS, options.seed)
        faults.add(faults.parse_spec(options.faults))
        floor = Floor(Book(options.seed, per_instrument_max=options.pending_max, total_max=options.pending_max), faults)
        super().__init__(floor)
        self.symbols = Symbols()
        self.keys = ListenKeys(options)
        clock = VenueClock(faults)
        bans = Bans(options, floor.rates)
        answers = Answers(floor, clock, bans)
        self._sessions = Sessions(floor, options, self.keys, clock)
        self._pushes = Pushes(floor, options, self.symbols, clock, self._sessions)
        fates = Fates(floor, self.symbols, self._pushes)
        self.switch = Switch(floor, self.lapse)
        self._rest = Rest(floor, options, self.symbols, Gate(options, faults, clock), clock, self.keys, bans, answers)
        self._rest.serve(
            Cancels(floor, options, fates, self._pushes, self._sessions, answers),
            Places(floor, self.symbols, self._pushes, clock, answers),
            Queries(floor, self.symbols, clock, fates.canceling),
            CancelAllAfter(self.switch, clock, answers),
        )
        self._distorter = Distorter(faults)

    def is_socket_path(self, target: str) -> bool:
        """BingX: Spot / Websocket."""
        return target.partition("?")[0] == PATH

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
        """BingX spot has no product lines, and only its own symbols."""
        if new.product is not None:
            return f'"product" {new.product!r}: BingX spot has no product lines'
        if self.symbols.get(new.instrument) is None:
            return f'"instrument" {new.instrument!r} is not listed'
        return None

    def announce(self, order: Order, fill: Fill | None, now_us: int) -> None:
        """Push a change that came through the control door."""
        self._pushes.announce([Change(order, fill)], now_us)

    def foreign_cancel_source(self) -> str:
        """BingX does not say who cancelled."""
        return ""

    def fault_at_once(self, rule: FaultRule, now_us: int) -> None:
        """Let a fault happen on every connection that is subscribed to orders."""
        for connection in self._sessions.subscribed():
            self.faults.note(rule.fault)
            self._happen(rule, connection, now_us)

    def _happen(self, rule: FaultRule, connection: BingxConnection, now_us: int) -> None:
        connections = self._sessions.connections
        match rule.fault:
            case Fault.DISCONNECT:
                connections.abort(connection)
            case Fault.HALF_OPEN:
                connections.silence(connection)
            case Fault.ZOMBIE:
                connection.is_zombie = True
            case Fault.KEY_EXPIRE:
                self._sessions.end_key(connection, now_us, is_told=rule.arg == "told")
            case Fault.UNKNOWN_EVENT:
                connections.send(connection, packed(self._distorter.unknown_event(None)), now_us, is_binary=True)
            case Fault.BAD_FRAME:
                payload, is_binary = self._distorter.bad_frame(b'{"code":0,"msg":""}', None, rule.arg)
                connections.send(connection, payload, now_us, is_binary=is_binary)
            case _:
                raise AssertionError(f"{rule.fault.value} is not among those that can happen at once")
