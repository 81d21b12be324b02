"""The thread that writes: group commit, and what happens when the disk does not take it. It knows no event loop.

**Group commit.** Groups of records queue up while a commit is under way; the next one takes all of them (up to a
transaction's worth), so the number of fsyncs follows the disk and not the load. One `Tidings` follows each commit, with
the word for each of its groups, in the order in which they were queued.

**Nobody waits for most records**: evidence that was told already, say. Such groups are written into an open transaction
as they come, which is committed as soon as somebody waits for a group behind them, or `LINGER_S` after the first. So a
receipt does not queue behind the fsync of the request before it: measured one after the other, that takes a third off
a confirmed cancel, and half of all commits.

**A disk that fails.** The groups of a failed commit are told False and *kept*; so is everything that comes after,
until a probe, once in a while, succeeds in writing all that was kept, in order. Only then is the journal ``ok`` again.
What is held altogether is bounded by the caller, who queues a group as ``is_dropped`` when there is no more room.

**A record that cannot be written** (our own fault) must not take its neighbours with it: when a transaction fails for
another reason than its storage, its groups are written one by one and only the faulty one is refused.

A connection that failed is closed and opened anew: after a failed fsync nobody knows what its caches are worth.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from daemon.edge.journal.forget import Forgetting
from daemon.edge.journal.rows import Rows, giving_back_rows, rows_of, write
from daemon.edge.tally import Histogram
from protocols.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from daemon.core.records import Record
    from daemon.edge.journal.schema import Connect

    Verdict = Callable[[bool], None]

TRANSACTION_RECORDS_MAX: Final = 5_000
"""Past that a group waits for the next commit: about 0.1 s, so that the first of a flood is not its hostage."""
CHECKPOINT_PAGES: Final = 4_000
"""The log is folded into the file about every 16 MiB: reading it back after a crash then takes no time to speak of."""
LINGER_S: Final = 0.02
"""How long records that nobody waits for may stay uncommitted. A crash loses them; the venue can be asked again."""
PAGES_PER_COMMIT: Final = 8
"""What a small commit writes: the last page of each table and index that it touches."""
RECORDS_PER_PAGE: Final = 4
GONE: Final = "the file is gone; put it back, or restart the daemon, which then begins an empty one"
PAGES_PER_BITE: Final = 100
"""What a bite of forgetting writes, about."""


class JournalState(StrEnum):
    """Whether what is appended becomes durable; the words of ``status``."""

    OK = "ok"
    FULL = "full"
    FAILED = "failed"


@dataclass(slots=True)
class Group:
    """Records that become durable together, and who waits for the word. ``rows`` is set where no record tells it."""

    records: Sequence[Record]
    on_commit: Verdict | None
    bytes_held: int
    is_dropped: bool = False
    rows: Rows | None = None


@dataclass(slots=True)
class Stop:
    """The last thing queued. Outcome numbers from ``seq_next`` on were not handed out."""

    seq_next: int


@dataclass(slots=True)
class Tidings:
    """What the writer has to say: its state with the reason, a verdict for each waiting group, and refused records."""

    state: JournalState
    why: str
    verdicts: list[tuple[Verdict, bool]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


Job = Group | Forgetting | Stop


class Writer:
    """Runs in a thread of its own (`run`); `jobs` is its only entrance and ``tell`` its only exit."""

    def __init__(
        self,
        path: Path,
        connect: Connect,
        *,
        next_step: int,
        now_us: Callable[[], int],
        probe_interval_s: float,
        tell: Callable[[Tidings], None],
    ) -> None:
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.records_done = 0
        """Records that are held no more: written or refused. Only this thread writes it."""
        self.bytes_done = 0
        self.commits = Histogram()
        """How long the commits took that succeeded, writing and fsync together; this thread adds, others may look."""
        self._path = path
        self._connect = connect
        self._next_step = next_step
        self._now_us = now_us
        self._probe_interval_s = probe_interval_s
        self._tell = tell
        self._state = JournalState.OK
        self._why = ""
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._kept: list[Group] = []
        self._written: list[Group] = []
        """Groups in the open transaction, in their order."""
        self._settle_due_s = 0.0
        self._spent_s = 0.0
        self._probe_due_s = 0.0
        self._rounds: list[Forgetting] = []
        self._stop: Stop | None = None
        self._pages_in_log = 0

    @property
    def records_kept(self) -> int:
        """How many records a failing disk has not taken."""
        return sum(len(group.records) for group in self._kept)

    def run(self) -> None:
        """Serve the queue until `Stop` comes out of it."""
        while self._stop is None:
            groups = self._take()
            if groups:
                self._serve(groups)
            if self._written and time.monotonic() >= self._settle_due_s:
                self._settle()
            if self._state is not JournalState.OK:
                if time.monotonic() >= self._probe_due_s:
                    self._probe()
            elif not self._written:
                self._do_chores()
        self._finish(self._stop)

    # -- taking

    def _take(self) -> list[Group]:
        """Wait for work and take what is queued of it, up to a transaction's worth."""
        groups: list[Group] = []
        records = 0
        try:
            job = self.jobs.get(timeout=self._patience_s())
            while True:
                if isinstance(job, Group):
                    groups.append(job)
                    records += len(job.records)
                elif isinstance(job, Forgetting):
                    self._rounds.append(job)
                else:
                    self._stop = job
                if self._stop is not None or records >= TRANSACTION_RECORDS_MAX:
                    break
                job = self.jobs.get_nowait()
        except queue.Empty:
            pass
        return groups

    def _patience_s(self) -> float | None:
        """How long to wait for work: for ever, unless something is to be done without being asked."""
        if self._state is not JournalState.OK:
            return max(0.0, self._probe_due_s - time.monotonic())
        if self._written:
            return max(0.0, self._settle_due_s - time.monotonic())
        return 0.0 if self._rounds else None

    # -- writing

    def _serve(self, groups: list[Group]) -> None:
        if self._state is not JournalState.OK:
            self._keep(groups)
            return
        if not self._written:
            self._settle_due_s = time.monotonic() + LINGER_S
        self._written += groups
        fault = self._guarded(lambda: self._write(groups))
        if fault is not None:
            self._set_back(fault)
        elif self._stop is not None or any(group.on_commit is not None for group in groups):
            self._settle()

    def _settle(self) -> None:
        """Commit the open transaction, and tell its groups' words."""
        fault = self._guarded(lambda: self._commit(self._written))
        if fault is not None:
            self._set_back(fault)
            return
        groups, self._written = self._written, []
        self._release(groups)
        self._say([(group, not group.is_dropped) for group in groups])

    def _set_back(self, fault: Exception) -> None:
        """Nothing of the transaction is written: keep its groups for a disk that heals, or find the faulty one."""
        groups, self._written = self._written, []
        if _is_of_the_storage(fault):
            self._fail(fault, groups)
        else:
            self._serve_one_by_one(groups)

    def _serve_one_by_one(self, groups: list[Group]) -> None:
        words: list[tuple[Group, bool]] = []
        problems: list[str] = []
        for place, group in enumerate(groups):
            fault = self._attempt([group])
            if fault is not None and _is_of_the_storage(fault):
                self._say(words, problems)
                self._fail(fault, groups[place:])
                return
            if fault is not None:
                problems.append(_refusal(group, fault))
            words.append((group, fault is None and not group.is_dropped))
            self._release([group])
        self._say(words, problems)

    def _attempt(self, groups: list[Group]) -> Exception | None:
        """Commit groups in a transaction of their own, or give what kept us from it: then nothing of it is written."""
        return self._guarded(lambda: self._write(groups)) or self._guarded(lambda: self._commit(groups))

    def _guarded(self, work: Callable[[], None]) -> Exception | None:
        try:
            work()
        except Exception as fault:  # noqa: BLE001 - whatever it was, a caller who waits must get a word
            self._roll_back()
            return fault
        return None

    def _rows_of(self, group: Group) -> Rows:
        if group.rows is None:
            group.rows = rows_of(group.records, self._next_step)
            self._next_step += len(group.records)
        return group.rows

    def _write(self, groups: list[Group]) -> None:
        """Carry out what groups change, in the open transaction, or in a new one."""
        began_s = time.monotonic()
        db = self._connection()
        now_us = self._now_us()
        for group in groups:  # encoded one at a time: SQLite lets the event loop run between them, encoding does not
            if group.is_dropped:
                continue
            if not db.in_transaction:
                db.execute("BEGIN IMMEDIATE")
            write(db, self._rows_of(group), now_us)
        self._spent_s += time.monotonic() - began_s

    def _commit(self, groups: list[Group]) -> None:
        """End the open transaction, if there is one, with all that ``groups`` changed on disk."""
        db = self._connection()
        spent_s, self._spent_s = self._spent_s, 0.0
        if not db.in_transaction:
            return
        if self._path.stat().st_ino != self._inode:
            raise JournalError(str(self._path), "the file was moved or replaced", "put it back, or restart the daemon")
        began_s = time.monotonic()
        db.execute("COMMIT")
        self.commits.note(int((time.monotonic() - began_s + spent_s) * 1e6))
        self._pages_in_log += PAGES_PER_COMMIT + sum(len(group.records) for group in groups) // RECORDS_PER_PAGE

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = self._connect(self._path)
            self._inode = self._path.stat().st_ino
        return self._db

    def _roll_back(self) -> None:
        if self._db is not None and self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error:  # as after an I/O error; the connection is closed next
                self._disconnect()
        self._spent_s = 0.0

    def _disconnect(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):  # nothing that was promised depends on it
                self._db.close()
            self._db = None

    # -- failing, and healing

    def _fail(self, fault: Exception, groups: list[Group]) -> None:
        self._call_by_name(fault)
        self._keep(groups)

    def _call_by_name(self, fault: Exception) -> None:
        """Say what is the matter with the disk, and when to try it again."""
        self._disconnect()
        is_full = getattr(fault, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        self._state = JournalState.FULL if is_full else JournalState.FAILED
        self._why = GONE if self._is_gone else str(fault) or type(fault).__name__
        self._probe_due_s = time.monotonic() + self._probe_interval_s

    @property
    def _is_gone(self) -> bool:
        try:
            self._path.stat()
        except OSError as trouble:
            return isinstance(trouble, FileNotFoundError)
        return False

    def _keep(self, groups: list[Group]) -> None:
        self._kept.extend(group for group in groups if not group.is_dropped)
        self._say([(group, False) for group in groups])

    def _probe(self) -> None:
        """Try to write what was kept; with nothing kept, anything at all."""
        while self._kept:
            if not self._probe_with(_first_of(self._kept)):
                return
        if self._probe_with([Group((), None, 0, rows=_PROOF)]):
            self._state, self._why = JournalState.OK, ""
            self._say([])

    def _probe_with(self, groups: list[Group]) -> bool:
        fault = self._attempt(groups)
        if fault is not None and _is_of_the_storage(fault):
            before = self._state, self._why
            self._call_by_name(fault)
            if before != (self._state, self._why):
                self._say([])
            return False
        if fault is not None and len(groups) > 1:
            return self._probe_with(groups[:1])
        if fault is not None:
            self._say([], [_refusal(groups[0], fault)])
        del self._kept[: len(groups)]
        self._release(groups)
        return True

    # -- beside

    def _do_chores(self) -> None:
        """Do one small thing that nobody waits for."""
        if self._rounds:
            self._forget_a_little()
        elif self._pages_in_log >= CHECKPOINT_PAGES:
            self._checkpoint("PASSIVE")

    def _forget_a_little(self) -> None:
        this = replace(self._rounds[0])  # a copy, since a bite that is not committed was not taken
        fault = self._guarded(lambda: self._bite(this))
        if fault is not None and _is_of_the_storage(fault):
            self._fail(fault, [])
            return
        self._rounds[0] = this
        if fault is not None:
            self._say([], [f"not forgotten: {type(fault).__name__}: {fault}"])
        if fault is not None or this.is_done:
            self._rounds.pop(0)
            this.on_done(this.forgotten)

    def _bite(self, this: Forgetting) -> None:
        db = self._connection()
        db.execute("BEGIN IMMEDIATE")
        this.bite(db)
        db.execute("COMMIT")
        self._pages_in_log += PAGES_PER_BITE

    def _checkpoint(self, mode: str) -> None:
        """Fold the log into the file. If that fails the log grows, until a commit fails that says so."""
        self._pages_in_log = 0
        if self._guarded(lambda: _fold(self._connection(), mode)) is not None:
            self._disconnect()

    def _finish(self, stop: Stop) -> None:
        if self._written:
            self._settle()
        if self._state is not JournalState.OK:
            self._probe()
        if self._state is JournalState.OK:
            self._attempt([Group((), None, 0, rows=giving_back_rows(stop.seq_next))])
            self._checkpoint("TRUNCATE")
        self._disconnect()
        for this in self._rounds:
            this.on_done(this.forgotten)

    # -- telling

    def _release(self, groups: Sequence[Group]) -> None:
        for group in groups:
            if not group.is_dropped:
                self.records_done += len(group.records)
                self.bytes_done += group.bytes_held

    def _say(self, words: list[tuple[Group, bool]], problems: list[str] | None = None) -> None:
        verdicts = [(group.on_commit, is_durable) for group, is_durable in words if group.on_commit is not None]
        self._tell(Tidings(self._state, self._why, verdicts, problems or []))


_PROOF: Final = Rows(changes=[("UPDATE meta SET value = value WHERE name = ?", ("boot",))])
"""A change that changes nothing and yet has to reach the disk."""


def _fold(db: sqlite3.Connection, mode: str) -> None:
    db.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()


def _first_of(kept: list[Group]) -> list[Group]:
    """Take a transaction's worth from the front."""
    records = 0
    for count, group in enumerate(kept, 1):
        records += len(group.records)
        if records >= TRANSACTION_RECORDS_MAX:
            return kept[:count]
    return kept[:]


def _is_of_the_storage(fault: Exception) -> bool:
    """Whether the same records could be written another time; everything else is a fault of the records, so ours."""
    of_a_record = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
    of_the_storage = (sqlite3.Error, OSError, JournalError, MemoryError)
    return isinstance(fault, of_the_storage) and not isinstance(fault, of_a_record)


def _refusal(group: Group, fault: Exception) -> str:
    kinds = ", ".join(sorted({type(record).__name__ for record in group.records}))
    return f"not written ({kinds}): {type(fault).__name__}: {fault}"
