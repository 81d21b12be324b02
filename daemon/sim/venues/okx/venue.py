"""The simulated OKX trade: one account, put together from its parts.

It serves `/ws/v5/public|private|business` and `/api/v5/...`. What each part does stands in its own file; what the
faults mean here stands in `meanings`.
"""

from functools import partial

from daemon.sim.book import Book, NewOrder
from daemon.sim.clock import VenueClock
from daemon.sim.faults import FaultEngine
from daemon.sim.switch import Switch
from daemon.sim.venue import Floor
from daemon.sim.venues.okx import limits
from daemon.sim.venues.okx.asked import Asked
from daemon.sim.venues.okx.auth import Gate
from daemon.sim.venues.okx.cancel import Cancels, count_arrivals
from daemon.sim.venues.okx.deadman import CancelAllAfter
from daemon.sim.venues.okx.family import OkxFamily
from daemon.sim.venues.okx.fate import Fates
from daemon.sim.venues.okx.front import Front
from daemon.sim.venues.okx.instruments import Instruments
from daemon.sim.venues.okx.market import Market
from daemon.sim.venues.okx.meanings import MEANINGS
from daemon.sim.venues.okx.ops import Operations
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.place import Places
from daemon.sim.venues.okx.product import TRADE
from daemon.sim.venues.okx.push import Pushes
from daemon.sim.venues.okx.queries import Queries
from daemon.sim.venues.okx.rest import Rest
from daemon.sim.venues.okx.rows import TradePrints
from daemon.sim.venues.okx.session import Operate, Sessions


class OkxVenue(OkxFamily):
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
        self.instruments = Instruments(seed=options.seed, demo=options.demo, extra=options.extra_instruments)
        clock = VenueClock(faults)
        gate = Gate(options, faults, clock)
        operations: dict[str, Operate] = {}
        sessions = Sessions(floor, options, TRADE, gate, operations=operations, arrived=partial(count_arrivals, floor))
        prints = TradePrints(self.instruments, clock)
        pushes = Pushes(floor, options, prints, sessions)
        front = Front(floor, gate)
        super().__init__(floor, sessions, pushes, front)
        cancels = Cancels(floor, options, TRADE, Fates(floor, self.instruments, pushes), pushes)
        places = Places(floor, TRADE, pushes)
        operations |= Operations(floor, options, self.instruments, clock).table(sessions, cancels, places)
        queries = Queries(floor, TRADE, prints, clock, lambda inst_id: self.instruments.get(inst_id) is not None)
        front.routes |= Market(front, options, self.instruments, gate, clock).routes()
        rest = Rest(floor, self.instruments, clock, cancels, places)
        front.routes |= rest.routes(Asked(floor, front, TRADE, queries))
        self.switch = Switch(floor, self.lapse)
        countdown = CancelAllAfter(floor, front, clock, self.switch, limits.CANCEL_ALL_AFTER, has_tags=True)
        front.routes |= countdown.routes("/trade/cancel-all-after")

    def placing_problem(self, new: NewOrder) -> str | None:
        """OKX trade has no product lines, and only its own instruments."""
        if new.product is not None:
            return f'"product" {new.product!r}: OKX has no product lines'
        if self.instruments.get(new.instrument) is None:
            return f'"instrument" {new.instrument!r} is not listed'
        return None
