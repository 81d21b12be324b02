"""Frames and bodies as a bad day makes them: other JSON types, huge integers, garbage and strangers between true ones.

Functions from a true document to a wrong one. What is drawn, and when, is decided by the fault engine; this file knows
no orders and no connections.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.venues.bingx.encode import dumps, packed
from daemon.sim.wire import JsonObject

_IDS = frozenset({"i", "orderId", "t", "id"})
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,12})?")
_ORDER_ID = re.compile(rb'"(i|orderId)":"?\d+"?')
ABOVE_64_BITS = 2**64 + 2_030_000_000_000_000_123

Packet = tuple[bytes, bool]
"""A WebSocket message, and whether it is binary."""
_TEXT_ALWAYS = frozenset({"s", "C", "symbol", "clientOrderID", "status", "X", "x", "msg", "debugMsg", "dataType", "e"})


def flip_types(document: object) -> object:
    """The document with texts where BingX prints numbers, and numbers where it prints texts; ids stay as they are."""
    return _map_fields(document, _flipped)


def ids_as_text(document: object) -> object:
    """The document with its ids as texts."""
    return _map_fields(document, lambda key, value: str(value) if key in _IDS and isinstance(value, int) else value)


def with_huge_id(payload: bytes) -> bytes:
    """The document with order ids that no 64-bit integer holds."""
    return _ORDER_ID.sub(lambda found: b'"%b":%d' % (found.group(1), ABOVE_64_BITS), payload)


class Distorter:
    """Draws, for one document about an order, which wrong shapes it takes and which frames come before it."""

    def __init__(self, faults: FaultEngine) -> None:
        self._faults = faults

    def document(self, document: JsonObject, order_id: str | None) -> tuple[object, bool]:
        """The document as it leaves, and whether a frame with a huge id is to come before it."""
        shaped: object = document
        if self._faults.fires(Fault.TYPE_FLIP, order_id) is not None:
            shaped = flip_types(shaped)
        how = self._faults.fires(Fault.BIG_INT, order_id)
        if how is None:
            return shaped, False
        how = how or self._faults.pick(Fault.BIG_INT, order_id, ("text", "huge"))
        return (ids_as_text(shaped), False) if how == "text" else (shaped, True)

    def body(self, document: JsonObject, order_id: str | None) -> bytes:
        """The body of a REST answer: an id too large counts as a text, a bad frame as a truncated body."""
        shaped, has_huge_id = self.document(document, order_id)
        body = dumps(ids_as_text(shaped) if has_huge_id else shaped)
        return body if self._faults.fires(Fault.BAD_FRAME, order_id) is None else body[: len(body) // 2]

    def packets(self, document: JsonObject, order_id: str | None) -> list[Packet]:
        """The frame of a document, behind the frames that come before it."""
        shaped, has_huge_id = self.document(document, order_id)
        payload = dumps(shaped)
        packets = [(packed(with_huge_id(payload)), True)] if has_huge_id else []
        if self._faults.fires(Fault.UNKNOWN_EVENT, order_id) is not None:
            packets.append((packed(self.unknown_event(order_id)), True))
        how = self._faults.fires(Fault.BAD_FRAME, order_id)
        if how is not None:
            packets.append(self.bad_frame(payload, order_id, how))
        return [*packets, (packed(payload), True)]

    def unknown_event(self, order_id: str | None) -> bytes:
        """A well-formed frame that nobody has heard of."""
        kind = self._faults.pick(Fault.UNKNOWN_EVENT, order_id, tuple(_UNKNOWN))
        return dumps(_UNKNOWN[kind] if kind != "status" else _unknown_status(order_id or "1"))

    def bad_frame(self, payload: bytes, order_id: str | None, how: str) -> Packet:
        """A frame that cannot be read."""
        how = how or self._faults.pick(Fault.BAD_FRAME, order_id, ("text", "binary", "truncated"))
        if how == "text":
            return b'{"code":0,"dataType":}', False
        whole = packed(payload)
        return (
            (b"\x1f\x8b\x08\x00\xff\xfe\x00garbage\x80", True) if how == "binary" else (whole[: len(whole) // 2], True)
        )


_UNKNOWN: dict[str, JsonObject] = {
    "event": {"e": "RISK_NOTICE", "E": 1_790_000_000_000, "level": 2},
    "channel": {"code": 0, "dataType": "spot.orderHint", "data": {"rows": 0}},
    "status": {},
}


def _unknown_status(order_id: str) -> JsonObject:
    data: JsonObject = {"e": "executionReport", "s": "BTC-USDT", "i": int(order_id), "x": "NEW", "X": "Unknown"}
    return {"code": 0, "dataType": "spot.executionReport", "data": data}


def _flipped(key: str, value: object) -> object:
    if key in _TEXT_ALWAYS or key in _IDS or isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int):
        return str(value)
    return Decimal(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _map_fields(document: object, change: Callable[[str, object], object]) -> object:
    if isinstance(document, list):
        return [_map_fields(each, change) for each in document]
    if not isinstance(document, dict):
        return document
    return {
        key: _map_fields(value, change) if isinstance(value, dict | list) else change(key, value)
        for key, value in document.items()
    }
