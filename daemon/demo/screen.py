"""What a person sees of a demonstration: progress and tables on a terminal, plain lines where output is piped."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from rich.box import HEAVY_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from daemon.demo.score import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from rich.progress import TaskID

    from daemon.demo.score import Judged, VenueScore

SAMPLE_ROWS: Final = 8
PIPED_WIDTH: Final = 160
"""Wide enough that no cell of a table is cut where nobody looks at a terminal."""


class Screen:
    """Shows a demonstration on standard error while it runs, and on standard output when it is over."""

    def __init__(self, *, is_silent: bool) -> None:
        self._err = Console(stderr=True, quiet=is_silent)
        width = None if sys.stdout.isatty() else PIPED_WIDTH
        self._out = Console(quiet=is_silent, width=width, highlight=False)
        self._box = HEAVY_HEAD if self._out.is_terminal else None
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description:>12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._err,
            disable=is_silent or not self._err.is_terminal,
        )

    def __enter__(self) -> Self:
        """Begin to show progress."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing progress."""
        self._progress.stop()

    def say(self, text: str) -> None:
        """Say a line."""
        self._out.print(text)

    def expect(self, venue: str, orders: int) -> None:
        """A venue's part begins."""
        self._bars[venue] = self._progress.add_task(venue, total=orders)

    def outcome(self, venue: str, _: str) -> None:
        """One more outcome."""
        self._progress.advance(self._bars[venue])

    def samples(self, venue: str, judged: Sequence[Judged]) -> None:
        """Show some outcomes beside the venue's truth: the first of each kind, and whatever is wrong."""
        self._out.print(f"\n{venue}: what canceld said, beside the venue's own books")
        table = Table(box=self._box)
        for heading in ("order", "instrument", "canceld says", "filled", "by", "ms", "venue says", "filled", ""):
            table.add_column(heading, no_wrap=True)
        for entry in _picked(judged):
            said, truth = entry.said, entry.truth
            table.add_row(
                truth.order_id,
                truth.instrument,
                said.outcome if said else "nothing",
                (said.cum_qty or "?") if said else "",
                said.source if said else "",
                f"{said.us / 1000:.1f}" if said else "",
                truth.ord_status,
                truth.cum_qty,
                "ok" if entry.why is None else entry.why,
            )
        self._out.print(table)

    def scores(self, scores: Mapping[str, VenueScore]) -> None:
        """Show what it came to."""
        self._out.print("\nwhat it came to")
        table = Table(box=self._box)
        for heading in ("venue", "orders", *OUTCOMES, "partial", "by query", "p50 ms", "p99 ms", "wrong"):
            table.add_column(heading, justify="left" if heading == "venue" else "right", min_width=min(len(heading), 8))
        for venue, score in scores.items():
            numbers = [score.requested, *(score.outcomes[word] for word in OUTCOMES), score.partial, score.by_query]
            times = [f"{score.confirm_ms.p50:.1f}", f"{score.confirm_ms.p99:.1f}"]
            table.add_row(venue, *map(str, numbers), *times, str(score.wrong))
        self._out.print(table)


def _picked(judged: Sequence[Judged]) -> list[Judged]:
    """Pick whatever is wrong, then a few of each kind of outcome."""
    kinds: dict[tuple[str, str, bool], int] = {}
    picked = [entry for entry in judged if entry.why is not None][:SAMPLE_ROWS]
    for entry in judged:
        if entry.why is not None or entry.said is None or len(picked) >= SAMPLE_ROWS:
            continue
        kind = entry.said.outcome, entry.said.source, entry.truth.cum_qty == "0"
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] <= 2:
            picked.append(entry)
    return picked
