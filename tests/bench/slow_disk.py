"""`canceld run` on a slow disk: each commit of its journal, and each write of its intake, takes so much longer."""

from __future__ import annotations

import sqlite3
import sys
import time
from functools import partial
from typing import Any, Final

from daemon.cli import main
from daemon.edge.journal import schema
from daemon.edge.journal.journal import Journal
from daemon.edge.journal.receipts import ReceiptFile

COMMIT_S: Final = 0.020


class SlowConnection(sqlite3.Connection):
    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            time.sleep(COMMIT_S)
        return super().execute(sql, *parameters)  # type: ignore[arg-type]  # as they were given


WRITE: Final = ReceiptFile.write


def write_slowly(file: ReceiptFile, *what: Any) -> None:
    time.sleep(COMMIT_S)
    WRITE(file, *what)


if __name__ == "__main__":
    Journal.open = partial(Journal.open, connect=partial(schema.connect, kind=SlowConnection))  # type: ignore[method-assign]  # as a slow host
    ReceiptFile.write = write_slowly  # type: ignore[assignment,method-assign]  # as a slow disk
    sys.exit(main())
