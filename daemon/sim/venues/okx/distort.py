"""What goes wrong in the shapes of OKX's frames and bodies: which fields have which types, and which strangers come."""

import re
from typing import ClassVar

from daemon.sim.distort import TextDistorter
from daemon.sim.faults import FaultEngine
from daemon.sim.wire import JsonObject

_NUMBERS = frozenset(
    "sz px accFillSz fillSz fillPx avgPx fee fillFee lever pendingFillSz pendingSettleSz canceledSz".split()
)
_INTEGERS = frozenset("code sCode uTime cTime fillTime ts inTime outTime".split())
_BOOLEANS = frozenset({"reduceOnly", "isTpLimit"})
_ORDER_ID = re.compile(rb'"ordId":("?)\d*\1')
ABOVE_64_BITS = 2**64 + 590_908_157_585_625_111


class Distorter(TextDistorter):
    """`channel` is the one that orders are pushed on."""

    not_json = b'{"event":"login","code":}'
    ids = frozenset({"ordId", "tradeId"})
    unknown: ClassVar = {
        "event": {"event": "service-upgrade", "code": "64999", "msg": "", "connId": "00000000"},
        "op": {"id": "unasked", "op": "order-rotate", "data": [], "code": "0", "msg": ""},
        "channel": {"arg": {"channel": "orders-v2", "instType": "ANY"}, "action": "snapshot", "data": {"rows": 0}},
    }

    def __init__(self, faults: FaultEngine, channel: str) -> None:
        super().__init__(faults)
        self._channel = channel

    def flipped(self, key: str, value: object) -> object:
        """Numbers and booleans where OKX prints texts."""
        if not isinstance(value, str):
            return value
        if key in _BOOLEANS:
            return value == "true"
        if key in _INTEGERS and value.isdigit():
            return int(value)
        if key in _NUMBERS and value:
            return int(value) if value.isdigit() else float(value)
        return value

    def with_huge_id(self, frame: bytes) -> bytes:
        """The frame with such an `ordId`."""
        return _ORDER_ID.sub(b'"ordId":%d' % ABOVE_64_BITS, frame)

    def unknown_state(self, order_id: str) -> JsonObject:
        """A state that no page names."""
        row = {"instId": "BTC-USDT", "sprdId": "BTC-USDT_BTC-USDT-SWAP", "ordId": order_id, "clOrdId": ""}
        return {
            "arg": {"channel": self._channel},
            "data": [{**row, "state": "suspended", "accFillSz": "", "uTime": ""}],
        }
