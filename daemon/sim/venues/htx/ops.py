"""The commands of the trade socket: `place_order`, `place_batch_orders`, `cancel_order`, `cancel_batch_orders`,
`cancel_all_orders`.

It turns a command's data into asks; what is asked is carried out by `cancel` and `place` (HTX: WebSocket Trade).
"""

from daemon.sim.clock import VenueClock
from daemon.sim.venue import Floor
from daemon.sim.venues.htx.cancel import Cancels, asks_of
from daemon.sim.venues.htx.place import Places
from daemon.sim.venues.htx.road import Answer, SocketRoad
from daemon.sim.venues.htx.session import Operate, Operation, Sessions
from daemon.sim.wire import JsonObject


def table(floor: Floor, clock: VenueClock, sessions: Sessions, cancels: Cancels, places: Places) -> dict[str, Operate]:
    """The operations by name, as the sessions call them."""

    def road(operation: Operation) -> SocketRoad:
        return SocketRoad(floor, sessions, clock, operation)

    def cancel(operation: Operation, now_us: int) -> None:
        asks = asks_of(operation.data)
        if len(asks) == 1:
            cancels.single(asks[0], road(operation), now_us)
        else:
            road(operation).answer(Answer(code="1030"), now_us)

    def cancel_batch(operation: Operation, now_us: int) -> None:
        cancels.batch(asks_of(operation.data), road(operation), now_us)

    def cancel_all(operation: Operation, now_us: int) -> None:
        cancels.everything(operation.data if isinstance(operation.data, dict) else {}, road(operation), now_us)

    def place(operation: Operation, now_us: int) -> None:
        places.place(objects(operation.data), road(operation), now_us, is_batch=False)

    def place_batch(operation: Operation, now_us: int) -> None:
        places.place(objects(operation.data), road(operation), now_us, is_batch=True)

    return {
        "cancel_order": cancel,
        "cancel_batch_orders": cancel_batch,
        "cancel_all_orders": cancel_all,
        "place_order": place,
        "place_batch_orders": place_batch,
    }


def objects(data: object) -> list[JsonObject]:
    """The orders that a placement names: an object, or a list of them; none where one is not."""
    listed = data if isinstance(data, list) else [data]
    found = [each for each in listed if isinstance(each, dict)]
    return found if len(found) == len(listed) else []
