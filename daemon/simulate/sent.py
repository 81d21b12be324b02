"""Memory that a crash of the daemon leaves to its next life: what left, by the host's own time.

The daemon has a file for that (`daemon.edge.sent`), of which nothing is lost when its process dies. Here too: however a
life ends, its notes are complete up to that moment, and the host's clock, which a seed may set, does not touch them.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from daemon.core.departures import Departed, Mark

NOTES_MAX: Final = 32_767
"""As many as the daemon's file holds."""


class SentMemory:
    """What outlives every life. Times are the kernel's."""

    def __init__(self) -> None:
        self.kept: deque[Departed] = deque(maxlen=NOTES_MAX)


class VirtualSent:
    """The same to one life, whose clock is ``offset_us`` from the kernel's; see `daemon.core.departures.Store`."""

    def __init__(self, memory: SentMemory, offset_us: int) -> None:
        self._kept = memory.kept
        self._offset_us = offset_us

    def note(self, mark: Mark, units: int, left_us: int) -> None:
        """Keep a note."""
        self._kept.append(Departed(mark, units, left_us - self._offset_us))

    def take_former(self, since_us: int) -> list[Departed]:
        """Give what was noted since then."""
        noted = (Departed(mark, units, left_us + self._offset_us) for mark, units, left_us in self._kept)
        return [departed for departed in noted if departed.left_us > since_us]
