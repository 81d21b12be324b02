"""Lines of those who wait for a slot of the budget: the urgent first, then party by party, each party's by arrival.

A party that joins late does not wait behind all of another's flood, only for its own turn. Lines that compete for the
same slots count their turns together (`Turns`), so that their heads can be compared. Nothing here knows what a slot is.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Final, Generic, NewType, TypeVar

PARTIES_MIN: Final = 64
"""So many parties are remembered that were served a moment ago: more than a host has clients that cancel at once."""

Waiting = TypeVar("Waiting")
Party = Hashable
"""Whoever is to have a turn of its own where many wait: a client, say."""
ANYBODY: Final = ""
Place = NewType("Place", tuple[int, int, int])
"""Where one stands: rank, turn, and number by arrival. The least goes first, over all lines of the same turns."""


class Turns:
    """The turns that parties take, rank by rank, in one line or over several."""

    __slots__ = ("_last", "_n", "_now")

    def __init__(self) -> None:
        self._last: dict[tuple[int, Party], int] = {}
        """The last turn that a party took in a rank."""
        self._now: dict[int, int] = {}
        """The turn that a rank has come to."""
        self._n = 0

    def take(self, rank: int, party: Party) -> Place:
        """Give a party its next place in a rank."""
        turn = max(self._now.get(rank, 0), self._last.get((rank, party), -1) + 1)
        self._last[rank, party] = turn
        self._n += 1
        return Place((rank, turn, self._n))

    def came_to(self, place: Place, waiting: int) -> None:
        """Note that it is this one's turn, of so many who wait."""
        self._now[place[0]] = max(self._now.get(place[0], 0), place[1])
        if len(self._last) > 2 * (PARTIES_MIN + waiting):
            self._forget_idle_parties()

    def _forget_idle_parties(self) -> None:
        """Keep no turn that lies behind, and of those of the present turn the newest: the others start afresh."""
        ahead = {key: turn for key, turn in self._last.items() if turn > self._now.get(key[0], 0)}
        present = [(key, turn) for key, turn in self._last.items() if turn == self._now.get(key[0], 0)]
        self._last = dict(present[-PARTIES_MIN:]) | ahead

    def __len__(self) -> int:
        return len(self._last)


class Line(Generic[Waiting]):
    """Those who wait for one kind of slot. Each stands in line at most once."""

    __slots__ = ("_heap", "_places", "_turns")

    def __init__(self, turns: Turns | None = None) -> None:
        self._heap: list[tuple[Place, Waiting]] = []
        self._places: dict[Waiting, Place] = {}
        """Where each stands; other entries in the heap are stale."""
        self._turns = turns if turns is not None else Turns()  # shared ones may be empty yet, and count as false

    def join(self, who: Waiting, rank: int, party: Party = ANYBODY) -> None:
        """Stand in line; a lower ``rank`` goes first. Who stands in it already may move forward, never back."""
        place = self._places.get(who)
        if place is None or rank < place[0]:
            self.put_back(who, self._turns.take(rank, party))

    def put_back(self, who: Waiting, place: Place) -> None:
        """Let one who was taken out stand again where he stood."""
        self._places[who] = place
        heapq.heappush(self._heap, (place, who))

    def first(self) -> Place | None:
        """Where the first stands; None of an empty line."""
        while self._heap and self._places.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self) -> Waiting:
        """Take the first out of the line, which is not empty."""
        place = self.first()
        if place is None:
            raise IndexError("an empty line")
        who = heapq.heappop(self._heap)[1]
        del self._places[who]
        self._turns.came_to(place, len(self._places))
        return who

    def leave(self, who: Waiting) -> None:
        """Take one out who stands somewhere in the line."""
        del self._places[who]

    @property
    def parties_remembered(self) -> int:
        """How many parties' turns are kept."""
        return len(self._turns)

    def __contains__(self, who: Waiting) -> bool:
        return who in self._places

    def __len__(self) -> int:
        return len(self._places)
