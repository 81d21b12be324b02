"""Receipts, durable before the journal has them: a small file beside it, with a thread and commits of its own.

Who asks for a cancel waits until the request is on disk. In the journal that is a commit of a dozen pages, behind
whatever is written at the moment: the answers of a flood, a bulk cancel's requests, a fold of the log for tens of
milliseconds. Here it is an entry in a file (`daemon.edge.journal.receipts`), and nothing is before it but other
receipts. The journal gets the same records as those that nobody waits for, some tenths of a second later, and then they
may be written over here; so what counts in the file is never much.

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

from msgspec.structs import replace

from daemon.core.records import RequestOpened
from daemon.edge.journal.codec import Undecodable, read_records, to_json
from daemon.edge.journal.faults import is_of_the_storage
from daemon.edge.journal.receipts import NoRoom, NotReceipts, read, require_ours
from daemon.edge.journal.rows import Rows, merged, rows_of, taken_in, write
from daemon.edge.journal.schema import cannot_use, renumber_life
from daemon.edge.tally import Histogram
from protocols.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from daemon.core.records import Record
    from daemon.edge.journal.backlog import Verdict
    from daemon.edge.journal.receipts import Entry, ReceiptFile
    from daemon.edge.journal.schema import Connect, Life

    Begin = Callable[[Path], ReceiptFile]
    Standing = tuple[list[Entry], list[str]]
    """What is in an intake, whether its journal has it or not, and what is the matter with it, in sentences."""

AT_ONCE_MAX: Final = 32
"""How many receipts make a commit: some hundred microseconds, which the first of them waits for the last."""
CROWD: Final = 4
"""So many receipts at once come of more requests than the daemon can answer soon, or nearly."""
CROWD_PAUSE_S: Final = 0.003
"""After such a commit others gather for so long: each commit takes the interpreter from the event loop several times,
and without the pause a daemon that had as much to do as it could took a tenth more of its core for the same cancels."""
LIFE_BITS: Final = 32
"""The receipts of a life of the daemon are numbered from ``boot << LIFE_BITS`` on."""
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
        begin: Begin,
        now_us: Callable[[], int],
        struck_to: Callable[[], int],
        tell: Callable[[list[Receipt], str], None],
    ) -> None:
        """``begin`` makes an empty file. ``struck_to`` gives the number up to which the journal has every receipt, on
        its disk.

        ``tell(receipts, "")`` is called when they are durable, and otherwise with the reason why they are not; with
        none of them, when the intake does not come back.
        """
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.is_out = True
        """Whether receipts are for the journal alone."""
        self.commits = Histogram()
        """How long the writes took that succeeded; this thread adds, others may look."""
        self._path = path_of(journal)
        self._begin = begin
        self._now_us = now_us
        self._struck_to = struck_to
        self._tell = tell
        self._file: ReceiptFile | None = None
        self._last = 0
        """The number of the last receipt that the file was told to hold."""
        self._why = "it is not begun yet"
        """Why it is out."""
        self._next: Job | None = None
        """What came out of the queue and was no receipt, where receipts were wanted."""

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
        if self._file is not None or self._struck_to() < self._last:
            return
        try:
            remove(self._path)
            self._file = self._begin(self._path)
        except Exception as fault:  # noqa: BLE001 - whatever it was, it stays out; the next attempt may fare better
            self._give_up(fault, [])
        else:
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
        if self._file is None:
            self._tell(receipts, self._why)
            return
        try:
            self._commit(self._file, receipts)
        except NoRoom as why:  # what is in it counts all the same
            self._tell(receipts, str(why))
        except Exception as fault:  # noqa: BLE001 - whatever it was, they have the journal, and wait for a word
            self._give_up(fault, receipts)
        else:
            self._last = receipts[-1].number
            self._tell(receipts, "")

    def _commit(self, file: ReceiptFile, receipts: list[Receipt]) -> None:
        began_s = time.monotonic()
        bodies = [to_json(receipt.records).encode() for receipt in receipts]
        file.write([receipt.number for receipt in receipts], bodies, self._now_us(), self._struck_to())
        self.commits.note(int((time.monotonic() - began_s) * 1e6))

    def _give_up(self, fault: Exception, receipts: list[Receipt]) -> None:
        self._disconnect()
        self._why = str(fault) or type(fault).__name__
        self._tell(receipts, self._why)

    def _disconnect(self) -> None:
        self.is_out = True
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # nothing that was promised depends on it
                file.close()


def path_of(journal: Path) -> Path:
    """Name the intake of a journal."""
    return journal.with_name(f"{journal.name}-intake")


def remove(intake: Path) -> None:
    """Remove an intake. Raises OSError."""
    intake.unlink(missing_ok=True)


def standing(intake: Path) -> Standing:
    """Read what stands in an intake, and say what is the matter with it; nothing where there is none.

    Raises `JournalError` where the file cannot be opened.
    """
    try:
        return read(intake), []
    except FileNotFoundError:
        return [], []
    except NotReceipts as trouble:
        return [], [f"what was in it cannot be read: {trouble}"]
    except OSError as trouble:
        what = f"unable to open it ({trouble.strerror})"
        raise JournalError(str(intake), what, "look at its disk and its permissions") from trouble


def waiting(seen: Standing, journal: sqlite3.Connection) -> tuple[list[Left], list[str]]:
    """Give the receipts of an intake that its journal has not got, and say which are unreadable.

    Who looks beside a running daemon has to have seen the intake first, and the journal then: what the journal gets in
    between may be gone from the intake, or written over by half. Raises sqlite3.Error of the journal.
    """
    entries, trouble_with_it = seen
    found: list[Left] = []
    problems = [*trouble_with_it]
    last = (journal.execute(_LAST).fetchone() or (0,))[0]
    for entry in entries:
        if entry.number <= last and entry.number >> LIFE_BITS == last >> LIFE_BITS:
            continue
        if entry.body is None:
            problems.append(f"receipt {entry.number}: it is damaged")
            continue
        try:
            records = read_records(entry.body.decode())
        except (Undecodable, UnicodeDecodeError) as trouble:
            problems.append(f"receipt {entry.number}: {trouble}")
            continue
        if not _has(journal, records):
            found.append(Left(entry.number, entry.written_us, records))
    return found, problems


def refuse_older(journal: Path) -> None:
    """Leave an intake that an older canceld has to take in, and its journal, as they are. Raises `JournalError`."""
    with contextlib.suppress(OSError):  # which `take_in` has a word for
        require_ours(path_of(journal))


def take_in(journal: Path, connecting: Connect, life: Life) -> tuple[Life, list[str]]:
    """Write what a crash left in the intake into the journal, durably; give the life that follows, and the problems.

    Beside a journal that was begun anew the receipts may be of a life that this one has yet to come to, or of its own
    number. Since receipts and cases are named after their lives, it gets a number above theirs then. An intake that is
    damaged, or of which a row cannot be read or written, is put aside under another name. Raises `JournalError`.
    """
    path = path_of(journal)
    if not path.exists():
        return life, []
    try:
        with closing(connecting(journal)) as db:
            receipts, problems = waiting(standing(path), db)
            boot_then = life.boot
            db.execute("BEGIN IMMEDIATE")
            for receipt in receipts:
                problem = _write(db, receipt, life.next_step)
                if problem:
                    problems.append(problem)
                else:
                    boot = max(life.boot, (receipt.number >> LIFE_BITS) + 1)
                    life = replace(life, boot=boot, next_step=life.next_step + len(receipt.records))
            renumber_life(db, boot_then, life.boot)
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
    return life, problems


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
    """Keep an intake where no later one is written over it. Raises OSError."""
    number = 1
    while (aside := path.with_name(f"{path.name}-unread-{number}")).exists():
        number += 1
    path.rename(aside)
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
