"""A fold of the journal's log into its file, beside the commits: in a thread and on a connection of its own.

To fold a long log takes a tenth of a second, and whoever waits for a receipt would wait for it. SQLite lets one
connection fold while another commits; what is committed meanwhile stays in the log, and only a fold that leaves nothing
there lets the log begin anew. So the writer has the bulk of it folded here, and folds the little that is left itself.

Its thread is as important as the others: one of less priority, held up by another program while it has the
interpreter's lock, would hold up all of them.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Fold:
    """One fold, under way since it was made. ``on_end`` is called in its thread, whatever came of it."""

    def __init__(self, db: sqlite3.Connection, on_end: Callable[[Fold], None]) -> None:
        """Take over ``db``, which is closed by `end`."""
        self.is_over = False
        self._db = db
        self._on_end = on_end
        self._thread = threading.Thread(target=self._run, name="journal-fold")
        self._thread.start()

    def end(self) -> None:
        """Break it off if it is not over: then nothing counts as folded, and nothing is lost. Blocks for that long."""
        self._db.interrupt()
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        # What goes wrong only leaves the log longer: the writer folds the rest next, and says what the disk says.
        with contextlib.suppress(sqlite3.Error):
            fold(self._db, "PASSIVE")
        self.is_over = True
        self._on_end(self)


def fold(db: sqlite3.Connection, mode: str) -> bool:
    """Fold the log into the file; say whether nobody kept us from it. Raises sqlite3.Error."""
    busy: int = db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0]
    return not busy
