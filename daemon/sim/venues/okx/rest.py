"""The REST calls of OKX trade: cancels, placements and queries, as a table (`Front` takes the calls in).

Orders are handled by `cancel`, `place` and `queries`; this file turns bodies into asks.
"""

from daemon.sim import wire
from daemon.sim.clock import VenueClock
from daemon.sim.venue import Floor
from daemon.sim.venues.okx import limits
from daemon.sim.venues.okx.asked import Asked
from daemon.sim.venues.okx.cancel import CancelAsk, Cancels
from daemon.sim.venues.okx.front import Call, Route, Routes
from daemon.sim.venues.okx.instruments import Instruments
from daemon.sim.venues.okx.place import PlaceAsk, Places
from daemon.sim.venues.okx.product import TRADE
from daemon.sim.venues.okx.queries import QueryRefused
from daemon.sim.venues.okx.road import CallRoad
from daemon.sim.wire import BadJsonError, JsonObject, text


class Rest:
    """Answers them; `routes` is their table."""

    def __init__(
        self, floor: Floor, instruments: Instruments, clock: VenueClock, cancels: Cancels, places: Places
    ) -> None:
        self._floor = floor
        self._instruments = instruments
        self._clock = clock
        self._cancels = cancels
        self._places = places

    def routes(self, asked: Asked) -> Routes:
        """The table."""
        return {
            "GET /trade/order": Route(asked.order, limits.GET_ORDER, ("instId",)),
            "GET /trade/orders-pending": Route(asked.pending, limits.ORDERS_PENDING),
            "GET /trade/orders-history": Route(asked.history, limits.ORDERS_HISTORY),
            "GET /trade/orders-history-archive": Route(asked.archive, limits.ORDERS_ARCHIVE),
            "GET /trade/fills": Route(asked.fills, limits.FILLS),
            "POST /trade/cancel-order": Route(self._cancel),
            "POST /trade/cancel-batch-orders": Route(self._cancel_batch),
            "POST /trade/order": Route(self._place),
            "POST /trade/batch-orders": Route(self._place_batch),
        }

    def _cancel(self, call: Call) -> None:
        ask = self._cancel_ask(wire.parse_object(call.request.body))
        if ask.problem == "50014":
            raise QueryRefused("50014", ask.detail)
        self._cancels.single(ask, self._road(call), call.now_us)

    def _cancel_batch(self, call: Call) -> None:
        asks = [self._cancel_ask(each) for each in _objects(call.request.body)]
        self._cancels.batch(asks, self._road(call), call.now_us)

    def _place(self, call: Call) -> None:
        ask = self._place_ask(wire.parse_object(call.request.body))
        self._places.place([ask], self._road(call), call.now_us)

    def _place_batch(self, call: Call) -> None:
        asks = [self._place_ask(each) for each in _objects(call.request.body)]
        self._places.place(asks, self._road(call), call.now_us)

    def _cancel_ask(self, fields: JsonObject) -> CancelAsk:
        inst_id = text(fields, "instId")
        problem = "50014" if not inst_id else "" if self._instruments.get(inst_id) else "51001"
        return CancelAsk(
            inst_id, text(fields, "ordId"), text(fields, "clOrdId"), problem, "instId" if problem == "50014" else ""
        )

    def _place_ask(self, fields: JsonObject) -> PlaceAsk:
        inst_id = text(fields, "instId")
        return PlaceAsk(self._instruments.get(inst_id), fields, "" if inst_id else "50014", "instId")

    def _road(self, call: Call) -> CallRoad:
        return CallRoad(self._floor, TRADE, self._clock, call.request_id, call.now_us)


def _objects(body: bytes) -> list[JsonObject]:
    """The objects of a batch's body; raises BadJsonError."""
    document = wire.parse(body)
    if not isinstance(document, list) or not document:
        raise BadJsonError("a batch is a list of orders")
    return [wire.as_object(each, "an order of the batch") for each in document]
