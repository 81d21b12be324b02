"""A disk whose statements are heard and that stands still when it is told to, and an ear for what a journal says."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from daemon.edge.journal.schema import connect


def announcing_to(hear: Callable[[str], object]) -> Callable[[Path], sqlite3.Connection]:
    """Give a way to connect on which each statement is told to ``hear`` first, which may hold it up or raise."""

    class Announcing(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            hear(sql)
            return super().execute(sql, *values)  # type: ignore[arg-type]  # as they came

    return lambda path: connect(path, Announcing)


class Gate:
    """Holds up, once it is closed, each statement that begins in a certain way, and counts those that it let pass."""

    def __init__(self, beginning: str = "COMMIT") -> None:
        self._beginning = beginning
        self.is_open = threading.Event()
        self.is_open.set()
        self.arrived = threading.Event()
        self.passed = 0

    def close(self) -> None:
        self.arrived.clear()
        self.is_open.clear()

    async def arrival(self) -> None:
        assert await asyncio.to_thread(self.arrived.wait, 60)

    def connect(self, path: Path) -> sqlite3.Connection:
        return announcing_to(self._let_pass)(path)

    def _let_pass(self, sql: str) -> None:
        if sql.startswith(self._beginning):
            self.arrived.set()
            assert self.is_open.wait(60)
            self.passed += 1


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
