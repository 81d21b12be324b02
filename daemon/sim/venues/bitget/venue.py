"""The simulated Bitget: one account of either generation, put together from its parts.

It serves `/v2/ws/...`, `/v3/ws/...` and `/api/v2/...`, `/api/v3/...`; private calls of the generation that the account
is not of are refused. What each part does stands in its own file; what the faults mean here stands in `meanings`.
"""

from collections.abc import Mapping
from functools import partial

from daemon.sim.book import Book, Fill, NewOrder, Order
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault, FaultEngine, FaultRule
from daemon.sim.pushing import Change
from daemon.sim.switch import Switch
from daemon.sim.venue import Floor, HttpRequest, SimVenue
from daemon.sim.venues.bitget.auth import Gate
from daemon.sim.venues.bitget.batch import BatchCalls, named_in
from daemon.sim.venues.bitget.cancel import Cancels
from daemon.sim.venues.bitget.deadman import Countdown
from daemon.sim.venues.bitget.distort import Distorter
from daemon.sim.venues.bitget.fate import Fates
from daemon.sim.venues.bitget.front import Call, Front
from daemon.sim.venues.bitget.generations import Classic, ClassicTrades, Generation, Unified, UnifiedTrades
from daemon.sim.venues.bitget.instruments import Instrument, Instruments
from daemon.sim.venues.bitget.market import Market
from daemon.sim.venues.bitget.meanings import meanings
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.place import Places
from daemon.sim.venues.bitget.push import Pushes
from daemon.sim.venues.bitget.rest import CANCEL_PATHS, ClassicRest, UnifiedRest
from daemon.sim.venues.bitget.roads import ClassicRoad, UnifiedRoad
from daemon.sim.venues.bitget.session import PATHS, BitgetConnection, Sessions
from daemon.sim.wire import JsonObject, text

CANCELED_BY_SYSTEM = "delegated_risk_order_cancel"
"""`cancelReason` of what the control door cancels."""


class BitgetVenue(SimVenue):
    """One simulated Bitget; raises FaultError for a fault that has no meaning here."""

    def __init__(self, options: BitgetOptions | None = None) -> None:
        options = options or BitgetOptions()
        self.generation: Generation = Unified() if options.is_unified else Classic()
        self.name = self.generation.name
        self.switch: Switch | None = None
        faults = FaultEngine(self.name, meanings(self.generation.gone), options.seed)
        faults.add(faults.parse_spec(options.faults))
        book = Book(options.seed, per_instrument_max=options.open_per_symbol_max, total_max=options.open_max)
        floor = Floor(book, faults)
        super().__init__(floor)
        self.instruments = Instruments(self.generation.products)
        self._clock = VenueClock(faults)
        gate = Gate(options, faults, self._clock)
        self._distorter = Distorter(faults, self.generation.strange_push)
        self._sessions = Sessions(floor, options, gate, self.generation)
        self._pushes = Pushes(floor, options, self._sessions, self._clock, self._pushed, self._distorter)
        self._cancels = Cancels(floor, options, Fates(floor, self._pushes, self.generation.gone), self._pushes)
        self._front = Front(floor, gate, self._clock, self._distorter, is_unified=options.is_unified)
        self._front.arrived = self._arrived
        self._serve(options)

    def _serve(self, options: BitgetOptions) -> None:
        """Put the generation's tables in."""
        places = Places(self.floor, self.instruments, self._pushes)
        back = (self.floor, self._sessions, self._clock, self._distorter)
        rest = UnifiedRest if options.is_unified else ClassicRest
        shared = rest(self.floor, self._front, self.instruments, self._clock, self._cancels, places)
        self._front.routes |= Market(self._front, options, self._clock).routes() | shared.routes()
        batches = BatchCalls(self.floor, self._front, self._cancels)
        self._front.routes |= batches.unified_routes() if options.is_unified else batches.classic_routes()
        if options.is_unified:
            self.switch = Switch(self.floor, self.lapse)
            countdown = Countdown(self._front, self.switch, is_permitted=options.has_countdown)
            self._front.routes |= countdown.routes()
            unified = partial(UnifiedRoad, *back)
            self._sessions.operate = UnifiedTrades(options, self._sessions, self._cancels, unified)
        else:
            classic = partial(ClassicRoad, *back)
            self._sessions.operate = ClassicTrades(options, self.instruments, self._sessions, self._cancels, classic)

    def is_socket_path(self, target: str) -> bool:
        """Bitget: WebSocket / Connect."""
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

    def logged_in(self) -> list[BitgetConnection]:
        """The WebSockets that are open and logged in."""
        return self._sessions.logged_in()

    def placing_problem(self, new: NewOrder) -> str | None:
        """An order names its product, and one of its symbols."""
        if new.product not in self.generation.products:
            return f'"product" {new.product!r}: one of {", ".join(self.generation.products)} is expected'
        if self.instruments.get(new.product, new.instrument) is None:
            return f'"instrument" {new.instrument!r} is not listed in {new.product}'
        return None

    def announce(self, order: Order, fill: Fill | None, now_us: int) -> None:
        """Push a change that came through the control door."""
        self._pushes.announce([Change(order, fill)], now_us)

    def foreign_cancel_source(self) -> str:
        """The reason of a cancel by somebody else."""
        return CANCELED_BY_SYSTEM

    def fault_at_once(self, rule: FaultRule, now_us: int) -> None:
        """Let a fault happen on every connection that is logged in."""
        for connection in self._sessions.logged_in():
            self.faults.note(rule.fault)
            self._happen(rule, connection, now_us)

    def _happen(self, rule: FaultRule, connection: BitgetConnection, now_us: int) -> None:
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
                payload, is_binary = self._distorter.bad_frame(b'{"event":"login","code":0}', None, rule.arg)
                send(payload, is_binary=is_binary)
            case _:
                raise AssertionError(f"{rule.fault.value} is not among those that can happen at once")

    def _arrived(self, path: str, call: Call) -> None:
        if path in CANCEL_PATHS:
            self._cancels.arrived(text(call.body, "orderId"), text(call.body, "clientOid"))
        for row in named_in(path, call):
            self._cancels.arrived(text(row, "orderId"), text(row, "clientOid"))

    def _pushed(self, change: Change) -> JsonObject:
        return self.generation.pushed(change, self._instrument(change.order), self._clock)

    def _instrument(self, order: Order) -> Instrument:
        instrument = self.instruments.get(order.product, order.instrument)
        if instrument is None:
            raise AssertionError(f"order {order.order_id} rests in {order.instrument}, which is not listed")
        return instrument
