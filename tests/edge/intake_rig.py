"""A journal with its intake: held up, failing or left by a crash at a certain moment, and the fixtures for that.

What the tests of the intake share. What is to be so of it stands in those tests.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, JournalState, intake
from daemon.edge.journal.intake import path_of
from daemon.edge.journal.schema import connect
from tests.edge.journal_gate import Gate, announcing_to
from tests.edge.journal_world import a_journal, concluded, keep, opened, rows
from tests.system.rig import until

REQUESTS = "SELECT request_id FROM requests ORDER BY opened_step"
INTO_INTAKE = "INSERT INTO receipts"
"""How the statement begins that only the intake runs for receipts."""
INTO_JOURNAL = "INSERT OR REPLACE INTO steps"
"""How the one begins that only the journal runs for records."""


class JournalGate(Gate):
    """Holds the journal's commits up, and not those of its intake."""

    def connect(self, path: Path) -> sqlite3.Connection:
        return connect(path) if path.name.endswith("-intake") else super().connect(path)


class Faulty:
    """A disk on which the statements fail that begin as it was told, until it is to `heal`."""

    def __init__(self) -> None:
        self._faults: dict[str, Exception] = {}  # replaced, never changed: threads of the journal look through it

    def connect(self, path: Path) -> sqlite3.Connection:
        return announcing_to(self._check)(path)

    def refuse(self, beginning: str, fault: Exception | None = None) -> None:
        """Raise ``fault`` from now on, or what SQLite raises on a broken disk."""
        self._faults = {**self._faults, beginning: fault or sqlite3.OperationalError("disk I/O error")}

    def heal(self) -> None:
        self._faults = {}

    def _check(self, sql: str) -> None:
        for beginning, fault in self._faults.items():
            if sql.startswith(beginning):
                raise fault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "now").mkdir()
    return tmp_path / "now" / "journal.sqlite"


@pytest.fixture
def gate() -> Iterator[JournalGate]:
    gate = JournalGate()
    yield gate
    gate.is_open.set()


async def until_ready(held: Journal) -> None:
    await until(lambda: not held._intake.is_out)


async def until_it_is(held: Journal, state: JournalState) -> None:
    await until(lambda: held.state is state)


async def until_settled(held: Journal) -> None:
    await until(lambda: not held.records_held)


async def stopped_by(gate: JournalGate, held: Journal) -> None:
    """Have the journal stand at a commit, of something that is of no case of interest."""
    await until_ready(held)
    gate.close()
    held.append([concluded("elsewhere", held.next_seq())], lambda _: None)
    await gate.arrival()


def crashed(path: Path, name: str = "then") -> Path:
    """Give the journal as a crash at this moment leaves it."""
    folder = path.parent.parent / name
    folder.mkdir()
    for file in sorted(path.parent.iterdir(), key=lambda file: "-intake" not in file.name):  # what is struck is in both
        with contextlib.suppress(FileNotFoundError):  # an intake is begun anew at this moment
            shutil.copy(file, folder)
    return folder / path.name


async def receipts_left(path: Path, gate: JournalGate, *names: str) -> Path:
    """Give a journal whose intake holds receipts that it has not got itself."""
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        for name in names:
            await keep(held, [opened(name)])
        then = crashed(path)
        gate.is_open.set()
    return then


def in_intake(path: Path, life: int = 1) -> list[int]:
    """Give the places of the receipts in the intake among those of a life."""
    found = rows(path_of(path), "SELECT number FROM receipts ORDER BY number")
    return [int(str(number)) - (life << intake.LIFE_BITS) for (number,) in found]
