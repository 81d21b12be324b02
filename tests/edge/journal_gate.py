"""A disk that stands still when it is told to, and an ear for the words that a journal gives."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from daemon.edge.journal.schema import connect


class Gate:
    """Holds a commit up at its COMMIT, once it is closed, and counts commits."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.is_open.set()
        self.arrived = threading.Event()
        self.commits = 0

    def close(self) -> None:
        self.arrived.clear()
        self.is_open.clear()

    async def arrival(self) -> None:
        assert await asyncio.to_thread(self.arrived.wait, 60)

    def connect(self, path: Path) -> sqlite3.Connection:
        gate = self

        class Gated(sqlite3.Connection):
            def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
                if sql == "COMMIT":
                    gate.arrived.set()
                    assert gate.is_open.wait(60)
                    gate.commits += 1
                return super().execute(sql, *values)  # type: ignore[arg-type]  # as they came

        return connect(path, Gated)


class Words:
    """What was said about groups, in the order in which it was heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bool]] = []
        self._changed = asyncio.Event()

    def about(self, name: str) -> Callable[[bool], None]:
        def hear(is_durable: bool) -> None:
            self.heard.append((name, is_durable))
            self._changed.set()

        return hear

    async def until(self, count: int) -> None:
        while len(self.heard) < count:
            self._changed.clear()
            await self._changed.wait()
