"""The rows of a venue's listings, written once for as long as neither an order nor the venue's clock changes.

A listing shows the same orders again and again. What a row looks like is its venue's (``write``); who is given one
reads it and changes nothing in it.
"""

from collections.abc import Callable

from daemon.sim.book import Order
from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.wire import JsonObject

PRINTED_MAX = 2_000
"""Rows kept: some megabytes. Past it all are written anew."""


class Printed:
    """One kind of row. All of it is a function of the order and of SKEW, which moves the times that are printed."""

    def __init__(self, faults: FaultEngine, write: Callable[[Order], JsonObject]) -> None:
        self._faults = faults
        self._write = write
        self._rows: dict[str, tuple[Order, str | None, JsonObject]] = {}

    def row(self, order: Order) -> JsonObject:
        """The row of an order as it is given, which may be as it once was."""
        skew = self._faults.standing(Fault.SKEW)
        known = self._rows.get(order.order_id)
        if known is not None and known[0] is order and known[1] == skew:
            return known[2]
        if len(self._rows) >= PRINTED_MAX:
            self._rows.clear()
        row = self._write(order)
        self._rows[order.order_id] = order, skew, row
        return row
