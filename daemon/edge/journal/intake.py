"""Receipts, durable before the journal has them: a small file beside it, with a thread and commits of its own.

Who asks for a cancel waits until the request is on disk. In the journal that is a commit of a dozen pages, behind
whatever is written at the moment: the answers of a flood, a bulk cancel's requests, a fold of the log for tens of
milliseconds. Here it is a row, and nothing is before it but other receipts. The journal gets the same records as those
that nobody waits for, some tenths of a second later, and then they are struck here; so the file is nearly empty.

After a crash `take_in` writes what the journal has not got before anything else is read from it. What can not be read
is kept aside, and said.

It is a shortcut and no more. Whatever is the matter with it (a disk that takes nothing, a file that is taken away) it
is ``out``, and what was not taken in is for the journal, as if there were no intake. It comes back with an empty file,
once the journal has all that was in the old one.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from daemon.core.records import RequestOpened
from daemon.edge.journal.codec import Undecodable, read_records, to_json
from daemon.edge.journal.places import Places
from daemon.edge.journal.rows import rows_of, write
from daemon.edge.journal.schema import cannot_use, make_file
from daemon.edge.tally import Histogram
from protocols.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from daemon.core.records import Record
    from daemon.edge.journal.backlog import Verdict
    from daemon.edge.journal.schema import Connect

APPLICATION_ID: Final = 0x636E6369
"""``cnci``: marks a SQLite file as an intake of canceld."""
TABLE: Final = """CREATE TABLE receipts ( -- requests that were accepted; what the journal has is struck
  number INTEGER PRIMARY KEY,
  written_us INTEGER NOT NULL,
  records TEXT NOT NULL            -- JSON
)"""
AT_ONCE_MAX: Final = 32
"""How many receipts make a commit: some hundred microseconds, which the first of them waits for the last."""
STRUCK_AT_ONCE: Final = 128
"""So many rows that the journal has are struck together: each one alone would cost as much as it took to write."""
COMMITS_PER_FOLD: Final = 250
"""The file's own log is folded after so many commits: a few pages, since most of it is struck by then. Later commits go
over the same place of the log, which an fsync brings to the disk without anything else that is to go there."""
PAGE_BYTES: Final = 4096
"""Five receipts a page. With the journal's own 1024 each commit wrote five pages, and took a tenth longer."""

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
_INSERT: Final = "INSERT INTO receipts VALUES (?, ?, ?)"
_STRIKE: Final = "DELETE FROM receipts WHERE number <= ?"
_OPENED_AS: Final = "SELECT opened_case FROM requests WHERE request_id = ? AND account = ? AND uid = ?"


@dataclass(slots=True)
class Receipt:
    """Records that a request begins with, and who waits for the word that they are durable. Numbers only grow."""

    number: int
    records: Sequence[Record]
    on_commit: Verdict


Job = Receipt | Literal["renew", "stop"]


class Intake:
    """Runs in a thread of its own (`run`); `jobs` is its only entrance and ``tell`` its only exit."""

    def __init__(
        self,
        journal: Path,
        connect: Connect,
        now_us: Callable[[], int],
        struck_to: Callable[[], int],
        tell: Callable[[list[Receipt], str], None],
    ) -> None:
        """``struck_to`` gives the number up to which the journal has every receipt, on its disk.

        ``tell(receipts, "")`` is called when they are durable, and otherwise with the reason why they are not.
        """
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.is_out = True
        """Whether receipts are for the journal alone."""
        self.commits = Histogram()
        """How long the commits took that succeeded, writing and fsync together; this thread adds, others may look."""
        self._path = path_of(journal)
        self._connect = connect
        self._now_us = now_us
        self._struck_to = struck_to
        self._tell = tell
        self._db: sqlite3.Connection | None = None
        self._places: Places | None = None
        self._struck = 0
        self._commits_in_log = 0

    def run(self) -> None:
        """Serve the queue until "stop" comes out of it."""
        while (job := self.jobs.get()) != "stop":
            if job == "renew":
                self.renew()
                continue
            some = [job]
            while len(some) < AT_ONCE_MAX and not self.jobs.empty():
                more = self.jobs.get()
                if not isinstance(more, Receipt):  # its turn comes; nothing but receipts depends on being in order
                    self.jobs.put(more)
                    break
                some.append(more)
            self._serve(some)
        self._disconnect()

    def renew(self) -> None:
        """Begin with an empty file. The journal has all that was in the one before."""
        try:
            self._disconnect()
            remove(self._path)
            _begin(self._path)
            db = self._db = self._connect(self._path)
            db.execute("BEGIN IMMEDIATE")
            db.execute(_STRIKE, (0,))  # so that there is a log
            self._places = Places(self._path)
            db.execute("COMMIT")
        except (sqlite3.Error, OSError, JournalError):  # it stays out; the next attempt may fare better
            self._disconnect()
        else:
            self._struck = self._struck_to()
            self.is_out = False

    def _serve(self, receipts: list[Receipt]) -> None:
        try:
            if self._db is None:
                self._tell(receipts, "it is out")
                return
            self._commit(self._db, receipts)
        except Exception as fault:  # noqa: BLE001 - whatever it was, they have the journal, and wait for a word
            self.is_out = True
            self._disconnect()
            self._tell(receipts, str(fault) or type(fault).__name__)
            return
        self._tell(receipts, "")
        if self._commits_in_log >= COMMITS_PER_FOLD:
            self._fold(self._db)

    def _commit(self, db: sqlite3.Connection, receipts: list[Receipt]) -> None:
        began_s = time.monotonic()
        written_us = self._now_us()
        rows = [(receipt.number, written_us, to_json(receipt.records)) for receipt in receipts]
        struck_to = self._struck_to()
        strikes = struck_to - self._struck >= STRUCK_AT_ONCE
        if strikes or len(rows) > 1:
            db.execute("BEGIN IMMEDIATE")
            if strikes:
                db.execute(_STRIKE, (struck_to,))
                self._struck = struck_to
            for row in rows:
                db.execute(_INSERT, row)
            db.execute("COMMIT")
        else:  # a statement alone is a transaction, and each call lets the event loop have the interpreter in between
            db.execute(_INSERT, rows[0])
        if self._places is not None:
            self._places.require()
        self._commits_in_log += 1
        self.commits.note(int((time.monotonic() - began_s) * 1e6))

    def _fold(self, db: sqlite3.Connection) -> None:
        self._commits_in_log = 0
        with contextlib.suppress(sqlite3.Error):  # the log grows until a commit fails that says so
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _disconnect(self) -> None:
        self.is_out = True
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):  # nothing that was promised depends on it
                self._db.close()
        self._db = self._places = None


def _begin(path: Path) -> None:
    """Make an empty intake. Raises sqlite3.Error and OSError."""
    make_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("BEGIN IMMEDIATE")
        db.execute(TABLE)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("COMMIT")


def path_of(journal: Path) -> Path:
    """Name the intake of a journal."""
    return journal.with_name(f"{journal.name}-intake")


def remove(intake: Path) -> None:
    """Remove an intake with what SQLite keeps beside it. Raises OSError."""
    for ending in ("", "-wal", "-shm"):
        intake.with_name(intake.name + ending).unlink(missing_ok=True)


def waiting(db: sqlite3.Connection, journal: sqlite3.Connection) -> tuple[list[tuple[int, list[Record]]], list[str]]:
    """Read the receipts of an intake that its journal has not got, each with its time, and say which are unreadable.

    Raises sqlite3.Error.
    """
    found: list[tuple[int, list[Record]]] = []
    problems: list[str] = []
    (mark,) = db.execute("PRAGMA application_id").fetchone()
    if mark != APPLICATION_ID:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return found, ["it is the database of another program"] if tables else []  # a crash, before its table was made
    for number, written_us, body in db.execute("SELECT number, written_us, records FROM receipts ORDER BY number"):
        try:
            records = read_records(body)
        except Undecodable as trouble:
            problems.append(f"receipt {number}: {trouble}")
            continue
        if not _has(journal, records):
            found.append((written_us, records))
    return found, problems


def take_in(journal: Path, connecting: Connect, next_step: int) -> tuple[int, list[str]]:
    """Write what a crash left in the intake into the journal, durably; give the next step's number and the problems.

    An intake that is damaged, or of which a row cannot be read, is put aside under another name. Raises `JournalError`.
    """
    path = path_of(journal)
    if not path.exists():
        return next_step, []
    with closing(connecting(journal)) as db:
        try:
            with closing(connecting(path)) as intake:
                receipts, problems = waiting(intake, db)
        except sqlite3.Error as trouble:
            if trouble.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise cannot_use(path, trouble) from trouble
            receipts, problems = [], [f"what was in it cannot be read: {trouble}"]
        try:
            db.execute("BEGIN IMMEDIATE")
            for written_us, records in receipts:
                write(db, rows_of(records, next_step), written_us)
                next_step += len(records)
            db.execute("COMMIT")
        except sqlite3.Error as trouble:
            raise cannot_use(journal, trouble) from trouble
    if problems:
        aside = _put_aside(path)
        problems = [f"{aside.name}: {problem}" for problem in problems]
    remove(path)
    return next_step, problems


def _put_aside(path: Path) -> Path:
    """Keep an intake, with its log, where no later one is written over it."""
    number = 1
    while (aside := path.with_name(f"{path.name}-unread-{number}")).exists():
        number += 1
    for ending in ("-wal", ""):  # the log first: without its file it means nothing
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    return aside


def _has(journal: sqlite3.Connection, records: list[Record]) -> bool:
    """Whether a journal has a group of records: with any of its requests it has them all."""
    for record in records:
        if isinstance(record, RequestOpened):
            key = record.request.key
            row = journal.execute(_OPENED_AS, (key.request_id, key.account, key.uid)).fetchone()
            if row is not None and row[0] == record.case:
                return True
    return False
