"""What goes wrong in the shapes of BingX's frames and bodies: which fields have which types, which strangers come."""

import re
from decimal import Decimal
from typing import ClassVar

from daemon.sim import distort
from daemon.sim.venues.bingx import encode
from daemon.sim.venues.bingx.encode import packed
from daemon.sim.wire import JsonObject

_TEXT_ALWAYS = frozenset({"s", "C", "symbol", "clientOrderID", "status", "X", "x", "msg", "debugMsg", "dataType", "e"})
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,12})?")
_ORDER_ID = re.compile(rb'"(i|orderId)":"?\d+"?')
ABOVE_64_BITS = 2**64 + 2_030_000_000_000_000_123

Packet = tuple[bytes, bool]
"""A WebSocket message, and whether it is binary."""


class Distorter(distort.Distorter[Packet]):
    """Ids are numbers at BingX, so that texts are the odd ones."""

    id_shape = "text"
    ids = frozenset({"i", "orderId", "t", "id"})
    unknown: ClassVar = {
        "event": {"e": "RISK_NOTICE", "E": 1_790_000_000_000, "level": 2},
        "channel": {"code": 0, "dataType": "spot.orderHint", "data": {"rows": 0}},
    }

    def packets(self, document: JsonObject, order_id: str | None) -> list[Packet]:
        """The frame of a document, behind the frames that come before it."""
        shaped, has_huge_id = self.document(document, order_id)
        payload = self.dumps(shaped)
        return [*self.strangers(payload, order_id, has_huge_id=has_huge_id), self.framed(payload)]

    def flipped(self, key: str, value: object) -> object:
        """Texts where BingX prints numbers, and numbers where it prints texts; ids stay as they are."""
        if key in _TEXT_ALWAYS or key in self.ids or isinstance(value, bool):
            return value
        if isinstance(value, Decimal):
            return format(value, "f")
        if isinstance(value, int):
            return str(value)
        return Decimal(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value

    def odd_id(self, key: str, value: object) -> object:
        """Texts."""
        return str(value) if key in self.ids and isinstance(value, int) else value

    def with_huge_id(self, frame: bytes) -> bytes:
        """The frame with such an `i` or `orderId`."""
        return _ORDER_ID.sub(lambda found: b'"%b":%d' % (found.group(1), ABOVE_64_BITS), frame)

    def unknown_state(self, order_id: str) -> JsonObject:
        """A status that no page names."""
        data: JsonObject = {"e": "executionReport", "s": "BTC-USDT", "i": int(order_id), "x": "NEW", "X": "Unknown"}
        return {"code": 0, "dataType": "spot.executionReport", "data": data}

    def framed(self, payload: bytes) -> Packet:
        """Gzip in a binary message."""
        return packed(payload), True

    def broken(self, payload: bytes, how: str) -> Packet:
        """Cut after its compression."""
        if how == "text":
            return b'{"code":0,"dataType":}', False
        whole = packed(payload)
        return (distort.GARBAGE if how == "binary" else whole[: len(whole) // 2]), True

    def dumps(self, document: object) -> bytes:
        """Quantities as bare numbers."""
        return encode.dumps(document)
