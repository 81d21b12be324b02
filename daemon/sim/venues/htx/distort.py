"""What goes wrong in the shapes of HTX's frames and bodies: which fields have which types, and which strangers come.

`Written` is a frame before it meets its socket, which may compress it.
"""

import re
from typing import ClassVar, NamedTuple

from daemon.sim import distort
from daemon.sim.wire import JsonObject

_NUMBERS = frozenset("price volume trade_volume cancel_volume trade_avg_price trade_turnover fee profit".split())
_INTEGERS = frozenset({"created_time", "updated_time"})
_CODES = frozenset({"code", "err-code"})
_ORDER_ID = re.compile(rb'"order_id":("?)\d*\1')
ABOVE_64_BITS = 2**64 + 155_060_000_000_000_001


class Written(NamedTuple):
    """A frame to be sent: `is_raw` ones leave as they are, binary, the others as the socket writes its JSON; `is_cut`
    ones lose their second half after that.
    """

    payload: bytes
    is_raw: bool = False
    is_cut: bool = False


class Distorter(distort.Distorter[Written]):
    """The same on both sockets."""

    ids = frozenset({"order_id", "client_order_id", "id"})
    unknown: ClassVar = {
        "op": {"op": "rotate", "ts": 1},
        "topic": {"op": "notify", "topic": "orders_v6", "contract_code": "*", "ts": 1, "data": [{"rows": 0}]},
        "shape": {"ch": "market.overview", "ts": 1, "tick": {"id": 0}},
    }

    def frames(self, document: JsonObject, order_id: str | None, *, cid: str = "") -> list[Written]:
        """The frames that leave for one document: strangers first, then itself, with its `cid` if it has one."""
        shaped, has_huge_id = self.document(document, order_id)
        if cid and isinstance(shaped, dict):
            shaped = {**shaped, "cid": cid}
        payload = self.dumps(shaped)
        return [*self.strangers(payload, order_id, has_huge_id=has_huge_id and not cid), Written(payload)]

    def flipped(self, key: str, value: object) -> object:
        """Numbers where HTX prints texts, and texts where it prints numbers and booleans."""
        if key in _CODES and isinstance(value, int):
            return str(value)
        if key == "reduce_only":
            return str(value).lower()
        if not isinstance(value, str) or not value:
            return value
        if key in _INTEGERS and value.isdigit():
            return int(value)
        if key in _NUMBERS:
            return int(value) if value.isdigit() else float(value)
        return value

    def with_huge_id(self, frame: bytes) -> bytes:
        """The frame with such an `order_id`."""
        return _ORDER_ID.sub(b'"order_id":%d' % ABOVE_64_BITS, frame)

    def unknown_state(self, order_id: str) -> JsonObject:
        """A state that no page names."""
        row = {"order_id": order_id, "client_order_id": "", "state": "suspended"}
        data = row | {"trade_volume": "", "updated_time": ""}
        return {"op": "notify", "topic": "orders", "contract_code": "BTC-USDT", "ts": 1, "data": data}

    def framed(self, payload: bytes) -> Written:
        """As the socket writes it."""
        return Written(payload)

    def broken(self, payload: bytes, how: str) -> Written:
        """Cut after its compression, if it is."""
        if how == "binary":
            return Written(distort.GARBAGE, is_raw=True)
        return Written(payload, is_cut=True) if how == "truncated" else Written(b'{"op":"notify","ts":}')
