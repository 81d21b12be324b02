"""Frames as a bad day makes them: other JSON types, huge integers, garbage and strangers between the true ones.

Functions from a true document to a wrong one. What is drawn, and when, is decided by the fault engine; this file
knows no orders and no connections. `Written` is a frame before it meets its socket, which may compress it.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.wire import JsonObject, dumps

_NUMBERS = frozenset("price volume trade_volume cancel_volume trade_avg_price trade_turnover fee profit".split())
_INTEGERS = frozenset({"created_time", "updated_time"})
_CODES = frozenset({"code", "err-code"})
_IDS = frozenset({"order_id", "client_order_id", "id"})
_ORDER_ID = re.compile(rb'"order_id":("?)\d*\1')
ABOVE_64_BITS = 2**64 + 155_060_000_000_000_001


class Written(NamedTuple):
    """A frame to be sent: `is_raw` ones leave as they are, binary, the others as the socket writes its JSON; `is_cut`
    ones lose their second half after that.
    """

    payload: bytes
    is_raw: bool = False
    is_cut: bool = False


def flip_types(document: object) -> object:
    """The document with numbers where HTX prints texts, and texts where it prints numbers and booleans."""
    return _map_fields(document, _flipped)


def bare_ids(document: object) -> object:
    """The document with its ids as bare JSON integers."""
    return _map_fields(document, lambda key, value: int(str(value)) if key in _IDS and _is_digits(value) else value)


def with_huge_id(frame: bytes) -> bytes:
    """The frame with order ids that no 64-bit integer holds, as bare JSON integers."""
    return _ORDER_ID.sub(b'"order_id":%d' % ABOVE_64_BITS, frame)


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
        how = how or self._faults.pick(Fault.BIG_INT, order_id, ("number", "huge"))
        return (bare_ids(shaped), False) if how == "number" else (shaped, True)

    def frames(self, document: JsonObject, order_id: str | None, *, cid: str = "") -> list[Written]:
        """The frames that leave for one document: strangers first, then itself, with its `cid` if it has one."""
        shaped, has_huge_id = self.document(document, order_id)
        if cid and isinstance(shaped, dict):
            shaped = {**shaped, "cid": cid}
        frame = dumps(shaped)
        frames = [Written(with_huge_id(frame))] if has_huge_id and not cid else []
        if self._faults.fires(Fault.UNKNOWN_EVENT, order_id) is not None:
            frames.append(self.unknown_event(order_id))
        how = self._faults.fires(Fault.BAD_FRAME, order_id)
        if how is not None:
            frames.append(self.bad_frame(frame, order_id, how))
        return [*frames, Written(frame)]

    def body(self, document: JsonObject, order_id: str | None) -> bytes:
        """The body of a REST answer: an id too large counts as a bare one, a bad frame as a truncated body."""
        shaped, has_huge_id = self.document(document, order_id)
        body = dumps(bare_ids(shaped) if has_huge_id else shaped)
        return body if self._faults.fires(Fault.BAD_FRAME, order_id) is None else body[: len(body) // 2]

    def unknown_event(self, order_id: str | None) -> Written:
        """A well-formed frame that nobody has heard of."""
        kind = self._faults.pick(Fault.UNKNOWN_EVENT, order_id, tuple(_UNKNOWN))
        return Written(dumps(_UNKNOWN[kind] if kind != "state" else _unknown_state(order_id or "1")))

    def bad_frame(self, frame: bytes, order_id: str | None, how: str) -> Written:
        """A frame that cannot be read."""
        how = how or self._faults.pick(Fault.BAD_FRAME, order_id, ("text", "binary", "truncated"))
        if how == "binary":
            return Written(b"\x1f\x8b\x08\x00\xff\xfe\x00garbage\x80", is_raw=True)
        return Written(frame, is_cut=True) if how == "truncated" else Written(b'{"op":"notify","ts":}')


_UNKNOWN: dict[str, JsonObject] = {
    "op": {"op": "rotate", "ts": 1},
    "topic": {"op": "notify", "topic": "orders_v6", "contract_code": "*", "ts": 1, "data": [{"rows": 0}]},
    "shape": {"ch": "market.overview", "ts": 1, "tick": {"id": 0}},
    "state": {},
}


def _unknown_state(order_id: str) -> JsonObject:
    row = {"order_id": order_id, "client_order_id": "", "state": "suspended", "trade_volume": "", "updated_time": ""}
    return {"op": "notify", "topic": "orders", "contract_code": "BTC-USDT", "ts": 1, "data": row}


def _flipped(key: str, value: object) -> object:
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


def _is_digits(value: object) -> bool:
    return isinstance(value, str) and value.isdigit()


def _map_fields(document: object, change: Callable[[str, object], object]) -> object:
    if isinstance(document, list):
        return [_map_fields(each, change) for each in document]
    if not isinstance(document, dict):
        return document
    return {
        key: _map_fields(value, change) if isinstance(value, dict | list) else change(key, value)
        for key, value in document.items()
    }
