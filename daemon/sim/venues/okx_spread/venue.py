"""The simulated OKX for spreads: one account, put together from its parts.

It serves `/ws/v5/business` (and the other two URLs, where nothing of this is) and `/api/v5/sprd/...` beside what every
OKX answers. What the faults mean here stands in `meanings`.
"""

from decimal import Decimal
from functools import partial

from daemon.sim.book import Book, EndedBy, NewOrder, Order, OrderEnded, UnknownOrder
from daemon.sim.clock import VenueClock
from daemon.sim.faults import FaultEngine
from daemon.sim.switch import Switch
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.asked import Asked
from daemon.sim.venues.okx.auth import Gate
from daemon.sim.venues.okx.cancel import Cancels, count_arrivals
from daemon.sim.venues.okx.deadman import CancelAllAfter
from daemon.sim.venues.okx.family import OkxFamily
from daemon.sim.venues.okx.front import Front
from daemon.sim.venues.okx.instruments import Instruments
from daemon.sim.venues.okx.market import Market
from daemon.sim.venues.okx.place import Places
from daemon.sim.venues.okx.push import Pushes
from daemon.sim.venues.okx.queries import Queries
from daemon.sim.venues.okx.session import Operate, Sessions
from daemon.sim.venues.okx_spread import limits
from daemon.sim.venues.okx_spread.calls import SpreadCalls
from daemon.sim.venues.okx_spread.fate import SpreadFates
from daemon.sim.venues.okx_spread.meanings import MEANINGS
from daemon.sim.venues.okx_spread.options import SpreadOptions
from daemon.sim.venues.okx_spread.product import SPREAD
from daemon.sim.venues.okx_spread.rows import SpreadPrints
from daemon.sim.venues.okx_spread.settle import Settlements
from daemon.sim.venues.okx_spread.spreads import Spreads


class OkxSpreadVenue(OkxFamily):
    """One simulated OKX for spreads; raises FaultError for a fault that has no meaning here."""

    name = "okx_spread"

    def __init__(self, options: SpreadOptions | None = None) -> None:
        options = options or SpreadOptions()
        faults = FaultEngine(self.name, MEANINGS, options.seed)
        faults.add(faults.parse_spec(options.faults))
        book = Book(options.seed, per_instrument_max=options.pending_per_instrument_max, total_max=options.pending_max)
        floor = Floor(book, faults)
        self.spreads = Spreads()
        legs = Instruments(seed=options.seed, demo=options.demo, extra=options.extra_instruments)
        clock = VenueClock(faults)
        gate = Gate(options, faults, clock)
        operations: dict[str, Operate] = {}
        sessions = Sessions(floor, options, SPREAD, gate, operations=operations, arrived=partial(count_arrivals, floor))
        prints = SpreadPrints(self.spreads, clock)
        pushes = Pushes(floor, options, prints, sessions)
        front = Front(floor, gate)
        super().__init__(floor, sessions, pushes, front)
        self._settlements = prints.settlements = Settlements(floor, options, pushes)
        cancels = Cancels(floor, options, SPREAD, SpreadFates(floor, self.spreads, self._settlements, pushes), pushes)
        calls = SpreadCalls(floor, self.spreads, clock, cancels, Places(floor, SPREAD, pushes))
        operations |= calls.operations(sessions)
        queries = Queries(floor, SPREAD, prints, clock, lambda sprd_id: self.spreads.get(sprd_id) is not None)
        front.routes |= Market(front, options, legs, gate, clock).routes()
        front.routes |= calls.routes(front, Asked(floor, front, SPREAD, queries))
        self.switch = Switch(floor, self.lapse)
        countdown = CancelAllAfter(floor, front, clock, self.switch, limits.CANCEL_ALL_AFTER, has_tags=False)
        front.routes |= countdown.routes("/sprd/cancel-all-after")

    def placing_problem(self, new: NewOrder) -> str | None:
        """Spreads are one product line, and only those listed are known."""
        if new.product is not None:
            return f'"product" {new.product!r}: OKX spreads have no product lines'
        if self.spreads.get(new.instrument) is None:
            return f'"instrument" {new.instrument!r} is not listed'
        return None

    def trade(self, order_id: str, qty: Decimal | None, now_us: int) -> Order:
        """Match now, settle later: the order comes back as it is between the two."""
        change = self._settlements.match(self._live(order_id), qty, now_us)
        self.announce(change.order, change.fill, now_us)
        return change.order

    def take_off(self, order_id: str, now_us: int) -> Order:
        """Somebody else cancels what is open."""
        change = self._settlements.cancel(self._live(order_id), EndedBy.OTHER, self.foreign_cancel_source(), now_us)
        self.announce(change.order, change.fill, now_us)
        return change.order

    def _live(self, order_id: str) -> Order:
        order = self.book.get(order_id)
        if order is None:
            raise UnknownOrder(order_id)
        if order.ord_status.is_terminal:
            raise OrderEnded(order)
        return order
