"""What the words about a bulk cancel's requests rest on in place of a receipt of each: what it found, written down.

A thousand receipts would keep the disk busy while a flatten is under way, and others' receipts waiting. But once the
wish and the orders that were found are on disk with the names of their requests, a life that finds no more than that
writes the same requests down before it reads anything else (`daemon.edge.journal.named`). So the words wait for these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Footing:
    """Whether all is on disk so far that a bulk cancel found. With a record that failed it carries nothing more."""

    __slots__ = ("_awaited", "_waiting", "carries")

    def __init__(self) -> None:
        self.carries = True
        """Whether words may rest on it: else they wait for a receipt of their own."""
        self._awaited = 0
        self._waiting: list[Callable[[bool], None]] = []

    def expect(self) -> Callable[[bool], None]:
        """One more record is being written; gives who is to hear of that."""
        self._awaited += 1
        return self._heard

    def when_known(self, hear: Callable[[bool], None]) -> None:
        """Have it told whether all is on disk that is being written now."""
        if self._awaited:
            self._waiting.append(hear)
        else:
            hear(self.carries)

    def _heard(self, is_durable: bool) -> None:
        self._awaited -= 1
        self.carries = self.carries and is_durable
        if not self._awaited:
            waiting, self._waiting = self._waiting, []
            for hear in waiting:
                hear(self.carries)
