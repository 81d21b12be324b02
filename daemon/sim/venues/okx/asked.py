"""The queries about orders that every product answers alike: one order, pending, history, archive, transactions.

Their paths and limits are the product's; what is answered is `queries`'.
"""

from daemon.sim.venue import Floor, HttpResponse
from daemon.sim.venues.okx.distort import Distorter
from daemon.sim.venues.okx.front import Call, Front
from daemon.sim.venues.okx.product import Product
from daemon.sim.venues.okx.queries import Queries


class Asked:
    """Answers them."""

    def __init__(self, floor: Floor, front: Front, product: Product, queries: Queries) -> None:
        self._front = front
        self._queries = queries
        self._distorter = Distorter(floor.faults, product.channel)

    def order(self, call: Call) -> None:
        """One order."""
        row, order_id = self._queries.order(call.query, call.now_us)
        body = self._distorter.body({"code": "0", "data": [row], "msg": ""}, order_id)
        self._front.respond(call.request_id, HttpResponse(200, body))

    def pending(self, call: Call) -> None:
        """The orders on the book."""
        self._front.data(call, self._queries.pending(call.query, call.now_us))

    def history(self, call: Call) -> None:
        """The orders that ended lately."""
        self._front.data(call, self._queries.history(call.query, call.now_us, is_archive=False))

    def archive(self, call: Call) -> None:
        """The orders that ended in the last three months."""
        self._front.data(call, self._queries.history(call.query, call.now_us, is_archive=True))

    def fills(self, call: Call) -> None:
        """The transactions."""
        self._front.data(call, self._queries.fills(call.query, call.now_us))
