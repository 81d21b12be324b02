"""A daemon whose disk can be held up or made read-only, by files beside its configuration.

While ``disk.held`` lies there no COMMIT returns, since SQLite syncs its log inside of it, and no write of the intake:
this is where a disk that hangs would hang. ``disk.held-after`` holds a question: right behind the first commit after
which it finds a row, the disk is held up by itself. While ``disk.readonly`` lies there nothing can be written. The
product knows nothing of it: its connections are made of another class here, before it starts, and so is its intake.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from daemon import cli
from daemon.edge.journal import schema
from daemon.edge.journal.receipts import ReceiptFile

HELD = "disk.held"
HELD_AFTER = "disk.held-after"
READ_ONLY = "disk.readonly"
LOOK_S = 0.002


def wait() -> None:
    """Stand still as long as the disk is held up."""
    while (FOLDER / HELD).exists():
        time.sleep(LOOK_S)


def write_receipts(file: ReceiptFile, *what: Any) -> None:
    """Write as the intake does, on this disk."""
    wait()
    if (FOLDER / READ_ONLY).exists():
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    WRITE(file, *what)


class Held(sqlite3.Connection):
    """A connection to a journal whose disk may be held up."""

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            wait()
        if sql == "BEGIN IMMEDIATE":
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
    WRITE = ReceiptFile.write
    ReceiptFile.write = write_receipts  # type: ignore[assignment, method-assign]  # as such a disk
    sys.exit(cli.main(["run", *sys.argv[1:]]))
