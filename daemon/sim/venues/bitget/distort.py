"""What goes wrong in the shapes of Bitget's frames and bodies: which fields have which types, which strangers come."""

import re
from collections.abc import Callable
from typing import ClassVar

from daemon.sim.distort import TextDistorter
from daemon.sim.faults import FaultEngine
from daemon.sim.wire import JsonObject

_NUMBERS = frozenset(
    "size newSize notional price priceAvg basePrice accBaseVolume baseVolume quoteVolume fillPrice fillFee fee "
    "leverage qty amount cumExecQty cumExecValue avgPrice".split()
)
_INTEGERS = frozenset("code uTime cTime fillTime ts createdTime updatedTime".split())
_ORDER_ID = re.compile(rb'"orderId":("?)\d*\1')
ABOVE_64_BITS = 2**64 + 1_376_999_173_366_317_057


class Distorter(TextDistorter):
    """`strange_push` is a push of the generation's own with a status that nobody has heard of, from an order id."""

    not_json = b'{"event":"login","code":}'
    ids = frozenset({"orderId", "tradeId"})
    unknown: ClassVar = {
        "event": {"event": "maintenance", "code": 0, "msg": ""},
        "channel": {"action": "update", "arg": {"instType": "SPOT", "channel": "orders-v9"}, "data": {"rows": 0}},
        "nothing": {"pushTime": "1"},
    }

    def __init__(self, faults: FaultEngine, strange_push: Callable[[str], JsonObject]) -> None:
        super().__init__(faults)
        self._strange_push = strange_push

    def flipped(self, key: str, value: object) -> object:
        """Texts where Bitget prints numbers, and the other way about."""
        if key in _INTEGERS:
            if isinstance(value, str) and value.isdigit():
                return int(value)
            return str(value) if isinstance(value, int) else value
        if key in _NUMBERS and isinstance(value, str) and value:
            return float(value) if "." in value else int(value)
        return value

    def with_huge_id(self, frame: bytes) -> bytes:
        """The frame with such an `orderId`."""
        return _ORDER_ID.sub(b'"orderId":%d' % ABOVE_64_BITS, frame)

    def unknown_state(self, order_id: str) -> JsonObject:
        """The generation's."""
        return self._strange_push(order_id)
