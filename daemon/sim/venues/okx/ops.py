"""The operations of the private WebSocket: `order`, `batch-orders`, `cancel-order`, `batch-cancel-orders`.

It turns args into asks. The instrument is the integer `instIdCode`; a sent `instId` is ignored (OKX changelog,
2026-03-31) unless the venue is set to the old ways. What is asked is carried out by `cancel` and `place`.
"""

from daemon.sim.clock import VenueClock
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.cancel import CancelAsk, Cancels
from daemon.sim.venues.okx.codes import Place
from daemon.sim.venues.okx.instruments import Instrument, Instruments
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.place import PlaceAsk, Places
from daemon.sim.venues.okx.road import Answer, SocketRoad
from daemon.sim.venues.okx.session import Operate, Operation, Sessions
from daemon.sim.wire import JsonObject, text


class Operations:
    """Reads operations and hands them on; `table` is what the sessions call."""

    def __init__(self, floor: Floor, options: OkxOptions, instruments: Instruments, clock: VenueClock) -> None:
        self._floor = floor
        self._options = options
        self._instruments = instruments
        self._clock = clock

    def table(self, sessions: Sessions, cancels: Cancels, places: Places) -> dict[str, Operate]:
        """The operations by name."""

        def road(operation: Operation, now_us: int) -> SocketRoad:
            return SocketRoad(self._floor, sessions, self._clock, operation, now_us)

        def cancel(operation: Operation, now_us: int) -> None:
            asks = self._cancels(operation, road(operation, now_us), now_us)
            if asks is None:
                return
            if operation.op == "cancel-order":
                cancels.single(asks[0], road(operation, now_us), now_us)
            else:
                cancels.batch(asks, road(operation, now_us), now_us)

        def place(operation: Operation, now_us: int) -> None:
            fields = _objects(operation)
            if fields is None:
                road(operation, now_us).answer(Answer(code="60013"), now_us)
                return
            places.place([self._placement(each) for each in fields], road(operation, now_us), now_us)

        return {"cancel-order": cancel, "batch-cancel-orders": cancel, "order": place, "batch-orders": place}

    def _cancels(self, operation: Operation, road: SocketRoad, now_us: int) -> list[CancelAsk] | None:
        """The cancels that were asked, or None if the whole frame was refused for its form."""
        fields = _objects(operation)
        if fields is None:
            road.answer(Answer(code="60013"), now_us)
            return None
        asks = []
        for each in fields:
            instrument, problem = self._instrument(each)
            if problem == "50014":
                road.answer(Answer(code=problem, place=Place.TOP, detail="instIdCode"), now_us)
                return None
            asks.append(
                CancelAsk(
                    instrument=instrument.inst_id if instrument else "",
                    order_id=text(each, "ordId"),
                    client_order_id=text(each, "clOrdId"),
                    problem=problem,
                    detail="instIdCode" if problem == "51000" else "",
                )
            )
        return asks

    def _placement(self, fields: JsonObject) -> PlaceAsk:
        instrument, problem = self._instrument(fields)
        return PlaceAsk(instrument, fields, problem, "instIdCode" if problem in ("50014", "51000") else "")

    def _instrument(self, fields: JsonObject) -> tuple[Instrument | None, str]:
        """The instrument that an arg names, or the code of what is wrong with it."""
        code = fields.get("instIdCode")
        if code is None and self._options.legacy_inst_id:
            instrument = self._instruments.get(text(fields, "instId"))
        elif code is None:
            return None, "50014"
        elif isinstance(code, bool) or not isinstance(code, int):
            return None, "51000"
        else:
            instrument = self._instruments.by_code(code)
        return instrument, "" if instrument else "51001"


def _objects(operation: Operation) -> list[JsonObject] | None:
    """The args as objects; None if one is not, or if a single operation has several."""
    if not operation.op.startswith("batch-") and len(operation.args) != 1:
        return None
    fields = [each for each in operation.args if isinstance(each, dict)]
    return fields if len(fields) == len(operation.args) else None
