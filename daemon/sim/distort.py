"""Documents as a bad day makes them: other JSON types, ids that overflow, garbage and strangers before true frames.

When a shape goes wrong is drawn here: TYPE_FLIP, BIG_INT, UNKNOWN_EVENT, BAD_FRAME. Which fields a venue prints in
which type, what its strangers look like, and what a frame is on its sockets is the venue's (`venues/*/distort`). No
orders and no connections are known here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Generic, TypeVar

from daemon.sim import wire
from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.wire import JsonObject

FrameT = TypeVar("FrameT")
GARBAGE = b"\x1f\x8b\x08\x00\xff\xfe\x00garbage\x80"
"""A binary frame that is no gzip, though it begins like one."""


class Distorter(ABC, Generic[FrameT]):
    """Draws, for one document about an order, which wrong shapes it takes and which frames come before it.

    `ids` are the fields that hold ids; `id_shape` is what BIG_INT calls one of the other JSON type. `unknown` are
    documents that nobody has heard of, by kind; a push of an order in a state that nobody has heard of is one more kind
    (`unknown_state`).
    """

    ids: ClassVar[frozenset[str]]
    id_shape: ClassVar[str] = "number"
    unknown: ClassVar[Mapping[str, JsonObject]]

    def __init__(self, faults: FaultEngine) -> None:
        self._faults = faults

    @abstractmethod
    def flipped(self, key: str, value: object) -> object:
        """A field's value in another JSON type, or as it is."""

    @abstractmethod
    def with_huge_id(self, frame: bytes) -> bytes:
        """The frame with order ids that no 64-bit integer holds, as bare JSON integers."""

    @abstractmethod
    def unknown_state(self, order_id: str) -> JsonObject:
        """A push of an order in a state that nobody has heard of."""

    @abstractmethod
    def framed(self, payload: bytes) -> FrameT:
        """A document as a frame."""

    @abstractmethod
    def broken(self, payload: bytes, how: str) -> FrameT:
        """A frame that cannot be read: a `text` that is no JSON, `binary` garbage, or `payload` `truncated`."""

    def odd_id(self, key: str, value: object) -> object:
        """An id as the other JSON type, a bare integer where it is a text; the value of any other field as it is."""
        return int(value) if key in self.ids and isinstance(value, str) and value.isdigit() else value

    def dumps(self, document: object) -> bytes:
        """The document as the venue writes JSON."""
        return wire.dumps(document)

    def document(self, document: JsonObject, order_id: str | None) -> tuple[object, bool]:
        """The document as it leaves, and whether a frame with a huge id is to come before it."""
        shaped: object = document
        if self._faults.fires(Fault.TYPE_FLIP, order_id) is not None:
            shaped = map_fields(shaped, self.flipped)
        how = self._faults.fires(Fault.BIG_INT, order_id)
        if how is None:
            return shaped, False
        how = how or self._faults.pick(Fault.BIG_INT, order_id, (self.id_shape, "huge"))
        return (map_fields(shaped, self.odd_id), False) if how == self.id_shape else (shaped, True)

    def body(self, document: JsonObject, order_id: str | None) -> bytes:
        """The body of a REST answer: a huge id counts as one of the other type, a bad frame as a truncated body."""
        shaped, has_huge_id = self.document(document, order_id)
        body = self.dumps(map_fields(shaped, self.odd_id) if has_huge_id else shaped)
        return body if self._faults.fires(Fault.BAD_FRAME, order_id) is None else body[: len(body) // 2]

    def strangers(self, payload: bytes, order_id: str | None, *, has_huge_id: bool = False) -> list[FrameT]:
        """The frames that come before the one of `payload`."""
        frames = [self.framed(self.with_huge_id(payload))] if has_huge_id else []
        if self._faults.fires(Fault.UNKNOWN_EVENT, order_id) is not None:
            frames.append(self.framed(self.unknown_event(order_id)))
        how = self._faults.fires(Fault.BAD_FRAME, order_id)
        if how is not None:
            frames.append(self.bad_frame(payload, order_id, how))
        return frames

    def unknown_event(self, order_id: str | None) -> bytes:
        """A document that nobody has heard of."""
        kind = self._faults.pick(Fault.UNKNOWN_EVENT, order_id, (*self.unknown, "state"))
        return self.dumps(self.unknown_state(order_id or "1") if kind == "state" else self.unknown[kind])

    def bad_frame(self, payload: bytes, order_id: str | None, how: str) -> FrameT:
        """A frame that cannot be read, in this way or, for "", in one that is drawn."""
        how = how or self._faults.pick(Fault.BAD_FRAME, order_id, ("text", "binary", "truncated"))
        return self.broken(payload, how)


class TextDistorter(Distorter[tuple[bytes, bool]]):
    """The same where sockets speak plain text: a frame is a payload and whether it is binary. `not_json` is a text that
    is none.
    """

    not_json: ClassVar[bytes]

    def framed(self, payload: bytes) -> tuple[bytes, bool]:
        """Text."""
        return payload, False

    def broken(self, payload: bytes, how: str) -> tuple[bytes, bool]:
        """Text, or binary where it is garbage."""
        if how == "binary":
            return GARBAGE, True
        return (payload[: len(payload) // 2] if how == "truncated" else self.not_json), False


def map_fields(document: object, change: Callable[[str, object], object]) -> object:
    """The document with every field changed that is no object or list."""
    if isinstance(document, list):
        return [map_fields(each, change) for each in document]
    if not isinstance(document, dict):
        return document
    return {
        key: map_fields(value, change) if isinstance(value, dict | list) else change(key, value)
        for key, value in document.items()
    }
