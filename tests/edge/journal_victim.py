"""A process that journals and is killed at one exact step. Its arguments: PATH STEP NUMBER WHEN [receipts].

A step is a statement, told by its beginning, ``begin`` for the making of the intake's file, or ``receipt`` for a write
into it. It prints ``seq N`` when it is handed a number and ``told NAME`` when it has the word that NAME is durable.
It dies by SIGKILL ``before`` or ``after`` its NUMBER-th such step (with ``told`` at that word), or ``within`` it, when
a part of what it writes into the intake is there and not the rest. It journals whole stories; with ``receipts`` the
beginning of each by way of the intake, and waits for the word about that.
"""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from daemon.edge.journal import Journal, lock_journal, receipts, schema
from daemon.edge.journal.schema import connect
from tests.edge.journal_world import keep, whole_story


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Executioner:
    """Counts steps over all connections and files of this process."""

    def __init__(self, statement: str, number: int, when: str) -> None:
        self._statement = statement
        self._left = number
        self._when = when

    def meet(self, statement: str, when: str) -> None:
        if statement.startswith(self._statement) and when == self._when:
            self._left -= 1
            if not self._left:
                die()

    def connect(self, path: Path) -> sqlite3.Connection:
        meet = self.meet

        class Watched(sqlite3.Connection):
            def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
                meet(sql, "before")
                cursor = super().execute(sql, *values)  # type: ignore[arg-type]  # as they came
                meet(sql, "after")
                return cursor

        return connect(path, Watched)

    def watching_the_intake(self) -> Callable[[Path], receipts.ReceiptFile]:
        """Count what its file is told, and have it write a part first, since a crash may leave that."""
        begin, whole = receipts.begin, os.pwrite
        step = "begin"

        def write(descriptor: int, content: bytes, offset: int) -> int:
            part = len(content) // 2 // receipts.SLOT_BYTES * receipts.SLOT_BYTES or len(content) // 2
            self.meet(step, "before")
            whole(descriptor, content[:part], offset)
            self.meet(step, "within")
            whole(descriptor, content[part:], offset + part)
            self.meet(step, "after")
            return len(content)

        def begin_watched(path: Path) -> receipts.ReceiptFile:
            nonlocal step
            step = "begin"
            file = begin(path)
            step = "receipt"
            return file

        os.pwrite = write  # type: ignore[assignment]  # as the journal calls it
        return begin_watched


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def live(path: Path, executioner: Executioner) -> None:
    journal = Journal.open(path, lock_journal(path), connect=executioner.connect, now_us=lambda: 0)
    for number in count():
        seq = journal.next_seq()
        say("seq", seq)
        name = f"{journal.boot}-{number}"
        await keep(journal, whole_story(name, seq))
        executioner.meet("told", "before")
        say("told", name)
        if number % 4 == 3:
            await journal.forget(0)


async def open_and_go_on(path: Path, executioner: Executioner) -> None:
    begin = executioner.watching_the_intake()
    journal = Journal.open(path, lock_journal(path), connect=executioner.connect, now_us=lambda: 0, begin_intake=begin)
    while journal._intake.is_out:
        await asyncio.sleep(0.001)
    for number in count():
        name = f"{journal.boot}-{number}"
        story = whole_story(name, journal.next_seq())
        await keep(journal, story[:2])
        executioner.meet("told", "before")
        say("told", name)
        journal.append(story[2:])
        if number % 4 == 3:
            await journal._catch_up()


if __name__ == "__main__":
    schema.SEQ_BLOCK = 4  # type: ignore[misc]  # small, so that reservations are among what is killed
    receipts.SLOTS = 8  # type: ignore[misc]  # few, so that it goes round
    life = open_and_go_on if sys.argv[5:] else live
    asyncio.run(life(Path(sys.argv[1]), Executioner(sys.argv[2], int(sys.argv[3]), sys.argv[4])))
