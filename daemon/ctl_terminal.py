"""`cancelctl` on a terminal: colours and tables. Loaded only when there is one, since it takes its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.ctl_screens import Lines, Sheet, clean

if TYPE_CHECKING:
    from collections.abc import Iterable

STYLES: Final = {
    "canceled": "green",
    "filled": "yellow",
    "rejected": "red",
    "in_doubt": "bold magenta",
    "unknown_order": "red",
    "not_sent": "bold red",
    "ready": "green",
    "live": "green",
    "ok": "green",
    "ALARM": "bold red",
    "gap": "bold magenta",
}
"""Words that are coloured when they begin a line or fill a cell."""


class Terminal:
    """Draws screens on stdout."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def draw(self, screen: Lines | Sheet) -> None:
        """Draw one screen."""
        if isinstance(screen, Lines):
            self._sentences(screen.lines)
            return
        self._sentences(screen.above)
        if screen.rows:
            self._console.print(_table(screen))
        self._sentences(screen.below)

    def _sentences(self, lines: Iterable[str]) -> None:
        for line in map(clean, lines):
            text = Text(line)
            first = line.partition(" ")[0]
            text.stylize(STYLES.get(first, ""), 0, len(first))
            self._console.print(text)


def _table(sheet: Sheet) -> Table:
    table = Table(*sheet.headers, box=box.SIMPLE_HEAD)
    for row in sheet.rows:
        table.add_row(*(Text(clean(cell), style=STYLES.get(cell, "")) for cell in row))
    return table
