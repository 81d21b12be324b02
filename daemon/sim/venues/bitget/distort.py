"""Frames as a bad day makes them: other JSON types, huge integers, garbage and strangers between the true ones.

Functions from a true document to a wrong one. What is drawn, and when, is decided by the fault engine; this file knows
no orders and no connections.
"""

import re
from collections.abc import Callable

from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.wire import JsonObject, dumps

_NUMBERS = frozenset(
    "size newSize notional price priceAvg basePrice accBaseVolume baseVolume quoteVolume fillPrice fillFee fee "
    "leverage qty amount cumExecQty cumExecValue avgPrice".split()
)
_INTEGERS = frozenset("code uTime cTime fillTime ts createdTime updatedTime".split())
_IDS = frozenset({"orderId", "tradeId"})
_ORDER_ID = re.compile(rb'"orderId":("?)\d*\1')
ABOVE_64_BITS = 2**64 + 1_376_999_173_366_317_057

FieldChange = Callable[[str, object], object]
"""From a field's name and value to what is printed instead."""


def flip_types(document: object) -> object:
    """The document with texts where Bitget prints numbers, and the other way about."""
    return _map_fields(document, _flipped)


def bare_ids(document: object) -> object:
    """The document with its ids as bare JSON integers."""

    def bare(key: str, value: object) -> object:
        return int(value) if key in _IDS and isinstance(value, str) and value.isdigit() else value

    return _map_fields(document, bare)


def with_huge_id(frame: bytes) -> bytes:
    """The frame with order ids that no 64-bit integer holds, as bare JSON integers."""
    return _ORDER_ID.sub(b'"orderId":%d' % ABOVE_64_BITS, frame)


class Distorter:
    """Draws, for one document about an order, which wrong shapes it takes and which frames come before it.

    `strange_row` is a push of the generation's own with a status that nobody has heard of.
    """

    def __init__(self, faults: FaultEngine, strange_row: Callable[[str], JsonObject]) -> None:
        self._faults = faults
        self._strange_row = strange_row

    def document(self, document: JsonObject, order_id: str | None) -> tuple[object, bool]:
        """The document as it leaves, and whether a frame with a huge id is to come before it."""
        shaped: object = document
        if self._faults.fires(Fault.TYPE_FLIP, order_id) is not None:
            shaped = flip_types(shaped)
        how = self._faults.fires(Fault.BIG_INT, order_id)
        if how is None:
            return shaped, False
        how = how or self._faults.pick(Fault.BIG_INT, order_id, ("number", "huge"))
        return (bare_ids(shaped), False) if how == "number" else (shaped, True)

    def body(self, document: JsonObject, order_id: str | None) -> bytes:
        """The body of a REST answer: an id too large counts as a bare one, a bad frame as a truncated body."""
        shaped, has_huge_id = self.document(document, order_id)
        body = dumps(bare_ids(shaped) if has_huge_id else shaped)
        return body if self._faults.fires(Fault.BAD_FRAME, order_id) is None else body[: len(body) // 2]

    def strangers(self, frame: bytes, order_id: str | None, *, has_huge_id: bool = False) -> list[tuple[bytes, bool]]:
        """The frames that come before `frame`, each with whether it is binary."""
        frames = [(with_huge_id(frame), False)] if has_huge_id else []
        if self._faults.fires(Fault.UNKNOWN_EVENT, order_id) is not None:
            frames.append((self.unknown_event(order_id), False))
        how = self._faults.fires(Fault.BAD_FRAME, order_id)
        if how is not None:
            frames.append(self.bad_frame(frame, order_id, how))
        return frames

    def unknown_event(self, order_id: str | None) -> bytes:
        """A well-formed frame that nobody has heard of."""
        kind = self._faults.pick(Fault.UNKNOWN_EVENT, order_id, (*_UNKNOWN, "status"))
        return dumps(self._strange_row(order_id or "1") if kind == "status" else _UNKNOWN[kind])

    def bad_frame(self, frame: bytes, order_id: str | None, how: str) -> tuple[bytes, bool]:
        """A frame that is no JSON, and whether it is binary."""
        how = how or self._faults.pick(Fault.BAD_FRAME, order_id, ("text", "binary", "truncated"))
        if how == "binary":
            return b"\x1f\x8b\x08\x00\xff\xfe\x00garbage\x80", True
        return (frame[: len(frame) // 2], False) if how == "truncated" else (b'{"event":"login","code":}', False)


_UNKNOWN: dict[str, JsonObject] = {
    "event": {"event": "maintenance", "code": 0, "msg": ""},
    "channel": {"action": "update", "arg": {"instType": "SPOT", "channel": "orders-v9"}, "data": {"rows": 0}},
    "nothing": {"pushTime": "1"},
}


def _flipped(key: str, value: object) -> object:
    if key in _INTEGERS:
        if isinstance(value, str) and value.isdigit():
            return int(value)
        return str(value) if isinstance(value, int) else value
    if key in _NUMBERS and isinstance(value, str) and value:
        return float(value) if "." in value else int(value)
    return value


def _map_fields(document: object, change: FieldChange) -> object:
    if isinstance(document, list):
        return [_map_fields(each, change) for each in document]
    if not isinstance(document, dict):
        return document
    return {
        key: _map_fields(value, change) if isinstance(value, dict | list) else change(key, value)
        for key, value in document.items()
    }
