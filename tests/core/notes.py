"""A store of departures for tests: a list that outlives whoever notes in it, like the file that outlives a process."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.core.departures import Departed, Mark


@dataclass
class Notes:
    """Every note, the oldest first; what a clock that was set back makes of their times is the file's business."""

    kept: list[Departed] = field(default_factory=list)

    def note(self, mark: Mark, units: int, left_us: int) -> None:
        self.kept.append(Departed(mark, units, left_us))

    def take_former(self, since_us: int) -> list[Departed]:
        return [note for note in self.kept if note.left_us > since_us]
