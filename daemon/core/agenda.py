"""Who wants to be looked at again, and when. Each key has one appointment; a new one replaces it."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = TypeVar("Key")

REPLACED_MAX: Final = 64
"""Replaced appointments that are kept in any case, beside four for each that stands."""


class Agenda(Generic[Key]):
    """Appointments by time. Replaced ones stay in the heap, are skipped when their time comes, and go when too many."""

    __slots__ = ("_at", "_heap", "_n")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Key]] = []
        self._at: dict[Key, int] = {}
        self._n = 0

    def set(self, key: Key, at_us: int | None) -> None:
        """Make, move or (None) cancel an appointment."""
        if at_us is None:
            self._at.pop(key, None)
        elif self._at.get(key) != at_us:
            self._at[key] = at_us
            self._n += 1
            heapq.heappush(self._heap, (at_us, self._n, key))
            if len(self._heap) > REPLACED_MAX + 4 * len(self._at):
                self._heap = [entry for entry in self._heap if self._at.get(entry[2]) == entry[0]]
                heapq.heapify(self._heap)

    def set_by(self, key: Key, at_us: int) -> None:
        """Make an appointment at the latest then. An earlier one stands: who comes too early makes the next."""
        if self._at.get(key, at_us + 1) > at_us:
            self.set(key, at_us)

    def next_us(self) -> int | None:
        """When the next appointment is, if there is one."""
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now_us: int) -> Iterator[Key]:
        """Take out, one by one, everybody whose time has come. New appointments may be made meanwhile."""
        while (at_us := self.next_us()) is not None and at_us <= now_us:
            key = heapq.heappop(self._heap)[2]
            del self._at[key]
            yield key
