"""How spread orders are asked for, over both roads: the operations of the business WebSocket and the REST calls.

It turns args and bodies into asks; what is asked is carried out by `okx.cancel` and `okx.place`. A cancel names no
spread (OKX: Spread Trading / POST Place order, Cancel order, and their WebSocket twins).
"""

from daemon.sim import wire
from daemon.sim.clock import VenueClock
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.asked import Asked
from daemon.sim.venues.okx.cancel import CancelAsk, Cancels
from daemon.sim.venues.okx.front import Call, Front, Route, Routes
from daemon.sim.venues.okx.place import PlaceAsk, Places
from daemon.sim.venues.okx.road import Answer, CallRoad, SocketRoad
from daemon.sim.venues.okx.session import Operate, Operation, Sessions
from daemon.sim.venues.okx_spread import limits
from daemon.sim.venues.okx_spread.product import SPREAD
from daemon.sim.venues.okx_spread.spreads import Spreads
from daemon.sim.wire import JsonObject, text


class SpreadCalls:
    """Reads operations and calls and hands them on."""

    def __init__(self, floor: Floor, spreads: Spreads, clock: VenueClock, cancels: Cancels, places: Places) -> None:
        self._floor = floor
        self._spreads = spreads
        self._clock = clock
        self._cancels = cancels
        self._places = places

    def operations(self, sessions: Sessions) -> dict[str, Operate]:
        """The WebSocket's, by name."""

        def road(operation: Operation, now_us: int) -> SocketRoad:
            return SocketRoad(self._floor, sessions, self._clock, operation, now_us)

        def cancel(operation: Operation, now_us: int) -> None:
            fields = _only(operation)
            if fields is None:
                road(operation, now_us).answer(Answer(code="60013"), now_us)
            else:
                self._cancels.single(_cancel_ask(fields), road(operation, now_us), now_us)

        def place(operation: Operation, now_us: int) -> None:
            fields = _only(operation)
            if fields is None:
                road(operation, now_us).answer(Answer(code="60013"), now_us)
            else:
                self._places.place([self._place_ask(fields)], road(operation, now_us), now_us)

        return {"sprd-cancel-order": cancel, "sprd-order": place}

    def routes(self, front: Front, asked: Asked) -> Routes:
        """REST's table."""

        def spreads(call: Call) -> None:
            front.data(call, self._spreads.rows())

        def mass_cancel(call: Call) -> None:
            """Taken in at once, carried out beside (OKX: Spread Trading / POST Cancel All orders)."""
            sprd_id = text(wire.parse_object(call.request.body or b"{}"), "sprdId")
            front.data(call, [{"result": True}])
            self._cancels.everything(sprd_id, call.now_us)

        return {
            "GET /sprd/spreads": Route(spreads, limits.SPREADS, is_private=False),
            "GET /sprd/order": Route(asked.order, limits.GET_ORDER),
            "GET /sprd/orders-pending": Route(asked.pending, limits.ORDERS_PENDING),
            "GET /sprd/orders-history": Route(asked.history, limits.ORDERS_HISTORY),
            "GET /sprd/orders-history-archive": Route(asked.archive, limits.ORDERS_ARCHIVE),
            "GET /sprd/trades": Route(asked.fills, limits.TRADES),
            "POST /sprd/cancel-order": Route(self._cancel),
            "POST /sprd/order": Route(self._place),
            "POST /sprd/mass-cancel": Route(mass_cancel, limits.MASS_CANCEL),
        }

    def _cancel(self, call: Call) -> None:
        ask = _cancel_ask(wire.parse_object(call.request.body))
        self._cancels.single(ask, self._road(call), call.now_us)

    def _place(self, call: Call) -> None:
        ask = self._place_ask(wire.parse_object(call.request.body))
        self._places.place([ask], self._road(call), call.now_us)

    def _place_ask(self, fields: JsonObject) -> PlaceAsk:
        sprd_id = text(fields, "sprdId")
        return PlaceAsk(self._spreads.get(sprd_id), fields, "" if sprd_id else "50014", "sprdId")

    def _road(self, call: Call) -> CallRoad:
        return CallRoad(self._floor, SPREAD, self._clock, call.request_id, call.now_us)


def _cancel_ask(fields: JsonObject) -> CancelAsk:
    return CancelAsk("", text(fields, "ordId"), text(fields, "clOrdId"))


def _only(operation: Operation) -> JsonObject | None:
    """The one arg, as an object; None if there are several, or another thing."""
    only = operation.args[0] if len(operation.args) == 1 else None
    return only if isinstance(only, dict) else None
