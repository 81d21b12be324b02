"""Receipts, durable before the journal has them: a small file beside it, with a thread and commits of its own.

Who asks for a cancel waits until the request is on disk. In the journal that is a commit of a dozen pages, behind
whatever is written at the moment: the answers of a flood, a bulk cancel's requests, a fold of the log for tens of
milliseconds. Here it is a row, and nothing is before it but other receipts. The journal gets the same records as those
that nobody waits for, some tenths of a second later, and then they are struck here; so the file is nearly empty.

After a crash `take_in` writes what the journal has not got before anything else is read from it: what came after the
receipt that the journal itself names as its last. Its requests' names would not do, since what was forgotten would come
back, over the request that has its name by now. What can not be read or written is kept aside, and said.

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
from daemon.edge.journal.faults import is_of_the_storage
from daemon.edge.journal.places import Places
from daemon.edge.journal.rows import Rows, insert_at_once, merged, rows_of, taken_in, write
from daemon.edge.journal.schema import cannot_use, fold, make_file, open_for_looking
from daemon.edge.tally import Histogram
from protocols.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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
CROWD: Final = 4
"""So many receipts at once come of more requests than the daemon can answer soon, or nearly."""
CROWD_PAUSE_S: Final = 0.003
"""After such a commit others gather for so long: each commit takes the interpreter from the event loop several times,
and without the pause a daemon that had as much to do as it could took a tenth more of its core for the same cancels."""
STRUCK_AT_ONCE: Final = 128
"""So many rows that the journal has are struck together: each one alone would cost as much as it took to write."""
LIFE_BITS: Final = 32
"""The receipts of a life of the daemon are numbered from ``boot << LIFE_BITS`` on."""
COMMITS_PER_FOLD: Final = 250
"""The file's own log is folded after so many commits: a few pages, since most of it is struck by then. Later commits go
over the same place of the log, which an fsync brings to the disk without anything else that is to go there."""
PAGE_BYTES: Final = 4096
"""Five receipts a page. With the journal's own 1024 each commit wrote five pages, and took a tenth longer."""

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
_INSERT: Final = "INSERT INTO receipts VALUES "
_STRIKE: Final = "DELETE FROM receipts WHERE number <= ?"
_ALL: Final = "SELECT number, written_us, CAST(records AS BLOB) FROM receipts ORDER BY number"
_LAST: Final = "SELECT value FROM meta WHERE name = 'receipts'"
_OPENED_AS: Final = "SELECT opened_case FROM requests WHERE request_id = ? AND account = ? AND uid = ?"


@dataclass(slots=True)
class Receipt:
    """Records that a request begins with, and who waits for the word that they are durable. Numbers only grow."""

    number: int
    records: Sequence[Record]
    on_commit: Verdict


Job = Receipt | Literal["renew", "stop"]


@dataclass(slots=True)
class Left:
    """A receipt that a crash left to be taken in."""

    number: int
    written_us: int
    records: list[Record]


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

        ``tell(receipts, "")`` is called when they are durable, and otherwise with the reason why they are not; with
        none of them, when the intake does not come back.
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
        self._last = 0
        """The number of the last receipt that the file was told to hold."""
        self._why = "it is not begun yet"
        """Why it is out."""
        self._next: Job | None = None
        """What came out of the queue and was no receipt, where receipts were wanted."""
        self._commits_in_log = 0

    def run(self) -> None:
        """Serve the queue until "stop" comes out of it."""
        while (job := self._job()) != "stop":
            if job == "renew":
                self.renew()
            else:
                some = [job, *self._more()]
                self._serve(some)
                if len(some) >= CROWD:
                    time.sleep(CROWD_PAUSE_S)
        self._disconnect()

    def renew(self) -> None:
        """Begin with an empty file, if it is out and the journal has all that was in the one before."""
        if self._db is not None or self._struck_to() < self._last:
            return
        try:
            self._disconnect()
            remove(self._path)
            _begin(self._path)
            db = self._db = self._connect(self._path)
            db.execute("BEGIN IMMEDIATE")
            db.execute(_STRIKE, (0,))  # so that there is a log
            self._places = Places(self._path)
            db.execute("COMMIT")
        except Exception as fault:  # noqa: BLE001 - whatever it was, it stays out; the next attempt may fare better
            self._give_up(fault, [])
        else:
            self._struck = self._struck_to()
            self.is_out = False

    def _job(self) -> Job:
        job, self._next = self._next, None
        return job or self.jobs.get()

    def _more(self) -> Iterator[Receipt]:
        """Give the receipts that come next and are there already."""
        for _ in range(AT_ONCE_MAX - 1):
            if self.jobs.empty():
                return
            job = self.jobs.get()
            if not isinstance(job, Receipt):
                self._next = job
                return
            yield job

    def _serve(self, receipts: list[Receipt]) -> None:
        if self._db is None:
            self._tell(receipts, self._why)
            return
        try:
            self._commit(self._db, receipts)
        except Exception as fault:  # noqa: BLE001 - whatever it was, they have the journal, and wait for a word
            self._give_up(fault, receipts)
            return
        self._last = receipts[-1].number
        self._tell(receipts, "")
        if self._commits_in_log >= COMMITS_PER_FOLD:
            self._fold(self._db)

    def _commit(self, db: sqlite3.Connection, receipts: list[Receipt]) -> None:
        began_s = time.monotonic()
        written_us = self._now_us()
        rows = [(receipt.number, written_us, to_json(receipt.records)) for receipt in receipts]
        struck_to = self._struck_to()
        strikes = struck_to - self._struck >= STRUCK_AT_ONCE
        if strikes:
            db.execute("BEGIN IMMEDIATE")
            db.execute(_STRIKE, (struck_to,))
            self._struck = struck_to
            insert_at_once(db, _INSERT, rows)
            db.execute("COMMIT")
        else:  # a statement alone is a transaction, and each call lets the event loop have the interpreter in between
            insert_at_once(db, _INSERT, rows)
        if self._places is not None:
            self._places.require()
        self._commits_in_log += 1
        self.commits.note(int((time.monotonic() - began_s) * 1e6))

    def _fold(self, db: sqlite3.Connection) -> None:
        self._commits_in_log = 0
        with contextlib.suppress(sqlite3.Error):  # the log grows until a commit fails that says so
            fold(db, "PASSIVE")

    def _give_up(self, fault: Exception, receipts: list[Receipt]) -> None:
        self._disconnect()
        self._why = str(fault) or type(fault).__name__
        self._tell(receipts, self._why)

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
    for ending in ("", "-journal", "-wal", "-shm"):
        intake.with_name(intake.name + ending).unlink(missing_ok=True)


def waiting(db: sqlite3.Connection, journal: sqlite3.Connection) -> tuple[list[Left], list[str]]:
    """Read the receipts of an intake that its journal has not got, and say which are unreadable.

    Raises sqlite3.Error.
    """
    found: list[Left] = []
    problems: list[str] = []
    (mark,) = db.execute("PRAGMA application_id").fetchone()
    if mark != APPLICATION_ID:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return found, ["it is the database of another program"] if tables else []  # a crash, before its table was made
    last = (journal.execute(_LAST).fetchone() or (0,))[0]
    for number, written_us, body in db.execute(_ALL):
        try:
            records = read_records(bytes(body).decode())
        except (Undecodable, UnicodeDecodeError) as trouble:
            problems.append(f"receipt {number}: {trouble}")
            continue
        is_old = number <= last and number >> LIFE_BITS == last >> LIFE_BITS
        if not is_old and not _has(journal, records):
            found.append(Left(number, written_us, records))
    return found, problems


def waiting_beside(journal: Path, db: sqlite3.Connection) -> tuple[list[Left], list[str]] | None:
    """Look, as a stranger, at what the next start will take in; None where there is no intake.

    ``db`` is a connection to the journal. Raises sqlite3.Error.
    """
    path = path_of(journal)
    if not path.is_file():
        return None
    with closing(open_for_looking(path)) as intake:
        return waiting(intake, db)


def take_in(journal: Path, connecting: Connect, next_step: int) -> tuple[int, list[str]]:
    """Write what a crash left in the intake into the journal, durably; give the next step's number and the problems.

    An intake that is damaged, or of which a row cannot be read or written, is put aside under another name. Raises
    `JournalError`.
    """
    path = path_of(journal)
    if not path.exists():
        return next_step, []
    try:
        with closing(connecting(journal)) as db:
            receipts, problems = _left(path, connecting, db)
            db.execute("BEGIN IMMEDIATE")
            for receipt in receipts:
                problem = _write(db, receipt, next_step)
                if problem:
                    problems.append(problem)
                else:
                    next_step += len(receipt.records)
            db.execute("COMMIT")
    except sqlite3.Error as trouble:
        raise cannot_use(journal, trouble) from trouble
    try:
        if problems:
            aside = _put_aside(path)
            problems = [f"{aside.name}: {problem}" for problem in problems]
        remove(path)
    except OSError as trouble:
        what = f"what was in it is taken in, but it cannot be removed ({trouble.strerror})"
        raise JournalError(str(path), what, "remove it") from trouble
    return next_step, problems


def _left(path: Path, connecting: Connect, journal: sqlite3.Connection) -> tuple[list[Left], list[str]]:
    try:
        with closing(connecting(path)) as intake:
            return waiting(intake, journal)
    except sqlite3.Error as trouble:
        if getattr(trouble, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _DAMAGED:
            raise cannot_use(path, trouble) from trouble
        return [], [f"what was in it cannot be read: {trouble}"]


def _write(db: sqlite3.Connection, receipt: Left, next_step: int) -> str:
    """Write a receipt within the transaction; give what is the matter with it if it cannot be. Raises sqlite3.Error."""
    db.execute("SAVEPOINT receipt")
    try:
        rows = merged((rows_of(receipt.records, next_step), Rows(taken_in(receipt.number))))
        write(db, rows, receipt.written_us)
    except Exception as fault:
        if is_of_the_storage(fault):
            raise
        db.execute("ROLLBACK TO receipt")
        return f"receipt {receipt.number}: {type(fault).__name__}: {fault}"
    db.execute("RELEASE receipt")
    return ""


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
