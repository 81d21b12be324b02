"""A simulated venue's dead-man switch: countdowns that really fire, in whatever time the venue is driven by.

Each tag has a countdown of its own ("" is the one without a tag, for all orders). One that runs out takes orders off
the book in batches over a while, as venues say of theirs, and is over then. It knows no frames; how an order is taken
off and told of is the venue's.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

from daemon.sim.book import Order, OrdStatus
from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venue import Floor
from daemon.sim.wire import JsonObject

BATCH = 100
"""Orders taken off together."""
FIRED_KEPT = 100
"""Firings of which the time is kept."""
BATCH_GAP_US = 50 * MILLISECOND_US

TakeOff = Callable[[Order, int], None]


class Switch:
    """The countdowns of one account. ``refuses_with`` lets a test have every call refused, in the venue's own code."""

    def __init__(self, floor: Floor, take_off: TakeOff) -> None:
        self._floor = floor
        self._take_off = take_off
        self._due: dict[str, int] = {}
        self._firing: set[str] = set()
        self.refuses_with = ""
        self.calls = 0
        self.fired = 0
        self.fired_us: deque[int] = deque(maxlen=FIRED_KEPT)
        """When it did so last."""
        self.canceled = 0
        floor.reports["switch"] = self.report

    @property
    def due(self) -> dict[str, int]:
        """When each countdown that runs will fire, by its tag; microseconds since the epoch."""
        return dict(self._due)

    def is_firing(self, tag: str) -> bool:
        """Whether it is taking orders off now."""
        return tag in self._firing

    def set(self, tag: str, timeout_us: int, now_us: int) -> int | None:
        """Start or restart a countdown, or with 0 end it; gives when it will fire, None for never."""
        self.calls += 1
        self._due.pop(tag, None)
        if timeout_us <= 0:
            return None
        due_us = self._due[tag] = now_us + timeout_us
        self._floor.timers.at(due_us, partial(self._run_out, tag, due_us))
        return due_us

    def report(self) -> JsonObject:
        """What the control door shows of it."""
        return {
            "due_us": self.due,
            "calls": self.calls,
            "fired": self.fired,
            "fired_us": list(self.fired_us),
            "canceled": self.canceled,
        }

    def _run_out(self, tag: str, due_us: int, now_us: int) -> None:
        if self._due.get(tag) != due_us:
            return  # it was set anew, or ended
        del self._due[tag]
        self.fired += 1
        self.fired_us.append(now_us)
        self._firing.add(tag)
        covered = [order for order in self._floor.book.live() if tag in ("", order.terms.get("tag", ""))]
        self._fire(tag, covered, now_us)

    def _fire(self, tag: str, covered: list[Order], now_us: int) -> None:
        for order in covered[:BATCH]:
            self._take_off(order, now_us)
            after = self._floor.book.get(order.order_id)
            self.canceled += after is not None and after.ord_status is OrdStatus.CANCELED
        if len(covered) > BATCH:
            self._floor.timers.at(now_us + BATCH_GAP_US, partial(self._fire, tag, covered[BATCH:]))
        else:
            self._firing.discard(tag)
