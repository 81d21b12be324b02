"""`canceld run` on a slow disk: each commit of its journal takes so much longer as a busy disk might."""

from __future__ import annotations

import sqlite3
import sys
import time
from functools import partial
from typing import Final

from daemon.cli import main
from daemon.edge.journal import schema
from daemon.edge.journal.journal import Journal

COMMIT_S: Final = 0.020


class SlowConnection(sqlite3.Connection):
    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            time.sleep(COMMIT_S)
        return super().execute(sql, *parameters)  # type: ignore[arg-type]  # as they were given


if __name__ == "__main__":
    Journal.open = partial(Journal.open, connect=partial(schema.connect, kind=SlowConnection))  # type: ignore[method-assign]  # as a slow host
    sys.exit(main())
