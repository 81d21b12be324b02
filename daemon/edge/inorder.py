"""Lets words go strictly in the order of their numbers: one that is not ready yet holds back those after it.

It knows numbers and nothing of what is said.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Word = TypeVar("Word")


class InOrder(Generic[Word]):
    """The numbers that were announced and have not gone yet, each with its word once that is ready."""

    def __init__(self) -> None:
        self._awaited: dict[int, Word | None] = {}

    def __bool__(self) -> bool:
        return bool(self._awaited)

    def expect(self, seq: int) -> None:
        """A word of this number will come. Call in the order of the numbers."""
        self._awaited[seq] = None

    def ready(self, seq: int, word: Word) -> list[Word]:
        """A word is ready: give what may go now. One that was never announced waits for nobody."""
        awaited = self._awaited
        if seq not in awaited:
            return [word]
        if seq != next(iter(awaited)):
            awaited[seq] = word
            return []
        del awaited[seq]
        going = [word]
        while awaited:
            first = next(iter(awaited))
            waiting = awaited[first]
            if waiting is None:
                break
            del awaited[first]
            going.append(waiting)
        return going
