"""A journal with its intake: held up, failing or left by a crash at a certain moment, and the fixtures for that.

What the tests of the intake share. What is to be so of it stands in those tests.
"""

import asyncio
import contextlib
import errno
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, JournalState, intake, receipts
from daemon.edge.journal.intake import path_of
from daemon.edge.journal.receipts import Entry, ReceiptFile
from tests.edge.journal_gate import Gate, announcing_to
from tests.edge.journal_world import a_journal, concluded, keep, opened
from tests.system.rig import until

REQUESTS = "SELECT request_id FROM requests ORDER BY opened_step"
INTO_JOURNAL = "INSERT OR REPLACE INTO steps"
"""How the statement begins that the journal runs for records."""


class IntakeDisk:
    """The disk of an intake, and of nothing else: it refuses, or holds writes up, and knows what was written."""

    def __init__(self, hear: Callable[[], object] = lambda: None) -> None:
        """``hear`` is called before each write, in the intake's thread; it may hold it up or raise."""
        self.written: list[list[int]] = []
        """The numbers of each batch that was written, over all files."""
        self.is_open = threading.Event()
        self.is_open.set()
        self._hear = hear
        self._fault: Exception | None = None
        self._fault_of_beginning: Exception | None = None
        self._arrived = threading.Event()

    def refuse(self, fault: Exception | None = None) -> None:
        """Raise ``fault`` at each write from now on, or what a broken disk gives."""
        self._fault = fault or OSError(errno.EIO, "Input/output error")

    def refuse_to_begin(self, fault: Exception) -> None:
        self._fault_of_beginning = fault

    def heal(self) -> None:
        self._fault = self._fault_of_beginning = None

    def close(self) -> None:
        """Hold the next write up."""
        self._arrived.clear()
        self.is_open.clear()

    async def arrival(self) -> None:
        assert await asyncio.to_thread(self._arrived.wait, 60)

    def begin(self, path: Path) -> ReceiptFile:
        """Make an intake's file on this disk."""
        if self._fault_of_beginning is not None:
            raise self._fault_of_beginning
        return _File(self, receipts.begin(path))

    def let_pass(self) -> None:
        self._hear()
        self._arrived.set()
        assert self.is_open.wait(60)
        if self._fault is not None:
            raise self._fault


class _File(ReceiptFile):
    """A file on that disk."""

    def __init__(self, disk: IntakeDisk, file: ReceiptFile) -> None:
        self._disk = disk
        self._file = file

    def write(self, numbers: Sequence[int], bodies: Sequence[bytes], written_us: int, struck_to: int) -> None:
        self._disk.let_pass()
        self._file.write(numbers, bodies, written_us, struck_to)
        self._disk.written.append([*numbers])

    def close(self) -> None:
        self._file.close()


class Faulty:
    """A journal's disk on which the statements fail that begin as it was told, until it is to `heal`."""

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
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.is_open.set()


async def until_ready(held: Journal) -> None:
    await until(lambda: not held._intake.is_out)


async def until_it_is(held: Journal, state: JournalState) -> None:
    await until(lambda: held.state is state)


async def until_settled(held: Journal) -> None:
    await until(lambda: not held.records_held)


async def stopped_by(gate: Gate, held: Journal) -> None:
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


async def receipts_left(path: Path, gate: Gate, *names: str) -> Path:
    """Give a journal whose intake holds receipts that it has not got itself."""
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        for name in names:
            await keep(held, [opened(name)])
        then = crashed(path)
        gate.is_open.set()
    return then


def entries(path: Path) -> list[Entry]:
    """Give what stands in a journal's intake; what the journal has got stays until something is written over it."""
    return receipts.read(path_of(path))


def in_intake(path: Path, life: int = 1) -> list[int]:
    """Give the places of the receipts that stand whole in the intake among those of a life."""
    return [entry.number - (life << intake.LIFE_BITS) for entry in entries(path) if entry.body is not None]


def open_files(folder: Path) -> list[str]:
    """Name the files of a folder that this process has open, those among them that are gone: others' threads open and
    close files of their own meanwhile.
    """
    found: list[str] = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed just now
            target = str(entry.readlink())
            if target.startswith(f"{folder}/"):
                found.append(target)
    return sorted(found)


def spoil(path: Path, change: Callable[[Entry], bytes | None]) -> None:
    """Write a journal's intake anew, with other bodies, and the same of those of which ``change`` gives None."""
    there = entries(path)
    path_of(path).unlink()
    with contextlib.closing(receipts.begin(path_of(path))) as file:
        for entry in there:
            body = change(entry)
            file.write([entry.number], [entry.body or b"" if body is None else body], entry.written_us, 0)
