"""A daemon whose disk can be held up or made read-only, by files beside its configuration.

While ``disk.held`` lies there no COMMIT returns, and no receipt's INSERT that is a transaction by itself: SQLite syncs
its log inside these, so this is where a disk that hangs would hang. ``disk.held-after`` holds a question: right behind
the first commit after which it finds a row, the disk is held up by itself. While ``disk.readonly`` lies there nothing
can be written. The product knows nothing of it: its connections are made of another class here, before it starts.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import time
from pathlib import Path

from daemon import cli
from daemon.edge.journal import schema

HELD = "disk.held"
HELD_AFTER = "disk.held-after"
READ_ONLY = "disk.readonly"
LOOK_S = 0.002


class Held(sqlite3.Connection):
    """A connection to a journal whose disk may be held up."""

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        is_alone = sql.startswith("INSERT INTO receipts") and not self.in_transaction
        if sql == "COMMIT" or is_alone:
            while (FOLDER / HELD).exists():
                time.sleep(LOOK_S)
        if sql == "BEGIN IMMEDIATE" or is_alone:
            super().execute(f"PRAGMA query_only = {int((FOLDER / READ_ONLY).exists())}")
        done = super().execute(sql, *values)  # type: ignore[arg-type]  # as they came
        if sql == "COMMIT":
            self._hold_from_here()
        return done

    def _hold_from_here(self) -> None:
        question = FOLDER / HELD_AFTER
        with contextlib.suppress(FileNotFoundError, sqlite3.OperationalError):  # which has no such table
            if super().execute(question.read_text()).fetchone() is not None:
                (FOLDER / HELD).touch()
                question.unlink()


if __name__ == "__main__":
    FOLDER = Path(sys.argv[-1]).parent
    schema.connect.__defaults__ = (Held,)
    sys.exit(cli.main(["run", *sys.argv[1:]]))
