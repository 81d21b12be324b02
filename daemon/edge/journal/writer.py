"""The thread that writes: group commit, and what happens when the disk does not take it. It knows no event loop.

**Group commit.** Groups of records queue up while a commit is under way; the next one takes as many of them as go
together (`daemon.edge.journal.backlog` says which), so the number of fsyncs follows the disk and not the load. One
`Tidings` follows each commit, with the word for each of its groups, in the order in which they were written.

**The core is shared**: a flood's records are written beside the event loop that makes them, so in between we give way.

**Records that nobody waits for** are committed without an fsync of their own: the next one, of a receipt or of the end
of a burst, is theirs too. Until then they are held as if they were not written, and written again if it fails.

**A disk that fails.** The groups of a failed commit are told False and *kept*; so is everything that comes after,
until a probe, once in a while, succeeds in writing all that was kept, in order. Only then is the journal ``ok`` again.
What is held altogether is bounded by the caller, who queues a group as ``is_dropped`` when there is no more room.

**A record that cannot be written** (our own fault) must not take its neighbours with it: when a transaction fails for
another reason than its storage, its groups are written one by one and only the faulty one is refused.

A connection that failed is closed and opened anew: after a failed fsync nobody knows what its caches are worth. Nor
what the disk has of the log, and behind a gap in it nothing would be read after a crash: so it is begun anew, too.

**A file that is taken away** while it is open takes what is written without a word, and with it what was called
durable. So each commit, and otherwise a look once in a while, asks whether the files are still where they were. What is
only in a log that was taken away is folded into the journal, before it is closed and a new log begun.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from daemon.edge.journal.backlog import TRANSACTION_RECORDS_MAX, Backlog, Group
from daemon.edge.journal.faults import is_of_the_storage, may_have_lost_something, refusal
from daemon.edge.journal.forget import Forgetting
from daemon.edge.journal.places import GONE, LET_GO, LogMisplaced, Places, is_gone
from daemon.edge.journal.rows import Rows, giving_back_rows, merged, rows_of, taken_in, write
from daemon.edge.journal.schema import fold
from daemon.edge.tally import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from daemon.edge.journal.backlog import Verdict
    from daemon.edge.journal.schema import Connect, Fold

CHECKPOINT_PAGES: Final = 2_000
"""The log is folded into the file after about so many pages of 4 KiB, in a quiet moment: reading it back after a crash
then takes no time to speak of."""
CHECKPOINT_PAGES_MAX: Final = 4_000
"""Past that it is folded though somebody waits, for ten or twenty milliseconds. Pages that were written again and again
are folded once, so a longer log is folded in less time altogether; but at 1,000 cancels a second on one core their p99
was 25 ms with this, 44 ms with four times as much, and 63 ms with a thread that folded so much beside the commits."""
QUIET_S: Final = 0.1
"""A moment is quiet when nobody waited for so long: between two cancels that follow each other closely the next one
would wait for the fold."""
PAGES_PER_COMMIT: Final = 8
"""What a small commit writes: the last page of each table and index that it touches."""
RECORDS_PER_PAGE: Final = 4
PAGES_PER_BITE: Final = 100
"""What a bite of forgetting writes, about."""
UNSYNCED_GROUPS_MAX: Final = 500
"""Past that their fsync waits no longer for the end of a burst."""
SYNC_S: Final = 0.25
"""So long at most they wait for it: receipts are on disk before (`daemon.edge.journal.intake`), and each fsync keeps
theirs waiting."""
LOOK_INTERVAL_S: Final = 1.0
"""How soon it is noticed, where nothing is committed, that a file of the journal is taken away."""


class JournalState(StrEnum):
    """Whether what is appended becomes durable; the words of ``status``."""

    OK = "ok"
    FULL = "full"
    FAILED = "failed"


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


Job = list[Group] | Forgetting | Stop
"""Groups come in the order in which they were appended, as many at a time as there are."""


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
        close_others: Callable[[], None],
        rest: Callable[[], None],
    ) -> None:
        """``close_others`` closes all other connections that this process has to the journal, as soon as it can;
        a ``rest`` is taken again and again while much is written.
        """
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.records_done = 0
        """Records that are held no more: written or refused. Only this thread writes it."""
        self.bytes_done = 0
        self.receipts_done = 0
        """Up to which number receipts that the intake has taken in are held no more."""
        self.commits = Histogram()
        """How long the commits took that succeeded, writing and fsync together; this thread adds, others may look."""
        self._path = path
        self._connect = connect
        self._next_step = next_step
        self._now_us = now_us
        self._probe_interval_s = probe_interval_s
        self._tell = tell
        self._close_others = close_others
        self._rest = rest
        self._state = JournalState.OK
        self._why = ""
        self._said = (self._state, self._why)
        self._db: sqlite3.Connection | None = None
        self._places: Places | None = None
        self._look_due_s = 0.0
        self._backlog: Backlog[Group] = Backlog()
        self._unsynced: list[Group] = []
        """Groups that are committed and wait for the next fsync."""
        self._sync_due_s = 0.0
        self._syncs = True
        """Whether the connection's commits sync the log."""
        self._kept: list[Group] = []
        self._probe_due_s = 0.0
        self._rounds: list[Forgetting] = []
        self._stop: Stop | None = None
        self._pages_in_log = 0
        self._is_log_doubtful = False
        """Whether the disk may lack some of the log, so that a new one is to be begun before more is written."""
        self._quiet_s = 0.0
        """When the next quiet moment is, if nobody comes to wait before."""

    @property
    def records_kept(self) -> int:
        """How many records a failing disk has not taken."""
        return sum(len(group.records) for group in self._kept)

    def run(self) -> None:
        """Serve the queue until `Stop` comes out of it."""
        while self._stop is None or self._backlog:
            self._receive()
            groups = self._backlog.take(time.monotonic(), is_last=self._stop is not None)
            if groups:
                self._serve(groups)
            elif self._unsynced and time.monotonic() >= self._sync_due_s:
                self._sync()
            if self._state is not JournalState.OK:
                if time.monotonic() >= self._probe_due_s:
                    self._probe()
            else:
                self._do_chores()
        self._finish(self._stop)

    # -- taking

    def _receive(self) -> None:
        """Wait until there is something to do, and take in all that is queued."""
        try:
            job = self.jobs.get(timeout=self._patience_s())
            while True:
                if isinstance(job, list):
                    now_s = time.monotonic()
                    for group in job:
                        self._backlog.put(group, now_s)
                elif isinstance(job, Forgetting):
                    self._rounds.append(job)
                else:
                    self._stop = job
                job = self.jobs.get_nowait()
        except queue.Empty:
            pass

    def _patience_s(self) -> float | None:
        """How long to wait for work: for ever, unless something is to be done without being asked."""
        if self._stop is not None:
            return 0.0
        dues = [self._backlog.due_s(), self._sync_due_s if self._unsynced else None]
        if self._state is not JournalState.OK:
            dues.append(self._probe_due_s)
        elif self._rounds or self._is_log_to_be_folded():
            return 0.0
        else:
            dues.append(self._look_due_s if self._places is not None else None)
            awaits_quiet = self._pages_in_log >= CHECKPOINT_PAGES and not self._backlog
            dues.append(self._quiet_s if awaits_quiet else None)
        due_s = min((due_s for due_s in dues if due_s is not None), default=None)
        return None if due_s is None else max(0.0, due_s - time.monotonic())

    # -- writing

    def _serve(self, groups: list[Group]) -> None:
        if any(group.on_commit is not None for group in groups):
            self._quiet_s = time.monotonic() + QUIET_S
        if self._state is not JournalState.OK:
            self._keep(groups)
            return
        is_behind = all(group.may_stay_behind for group in groups)
        fault = self._attempt(groups, syncs=not is_behind or len(self._unsynced) >= UNSYNCED_GROUPS_MAX)
        if fault is None:
            self._say([(group, not group.is_dropped) for group in groups])
        elif is_of_the_storage(fault):  # nothing of the transaction is written: keep it for a disk that heals
            self._fail(fault, groups)
        else:
            self._serve_one_by_one(groups)

    def _serve_one_by_one(self, groups: list[Group]) -> None:
        words: list[tuple[Group, bool]] = []
        problems: list[str] = []
        self._sync()  # lest one that is refused seems to be on disk, and with it all before it
        if self._state is not JournalState.OK:
            self._keep(groups)
            return
        for place, group in enumerate(groups):
            fault = self._attempt([group])
            if fault is not None and is_of_the_storage(fault):
                self._say(words, problems)
                self._fail(fault, groups[place:])
                return
            if fault is not None:
                problems.append(refusal(group, fault))
                self._release([group])
            words.append((group, fault is None and not group.is_dropped))
        self._say(words, problems)

    def _sync(self) -> None:
        """Have what is committed on disk, now that no receipt's commit does it beside."""
        fault = self._attempt([Group((), None, 0, rows=_PROOF)])
        if fault is not None:
            self._fail(fault, [])

    def _attempt(self, groups: list[Group], *, syncs: bool = True) -> Exception | None:
        """Commit groups in a transaction of their own, or give what kept us from it: then nothing of it is written.

        Unless it ``syncs`` it may yet be lost, and they are held until the next one that does.
        """
        fault = self._guarded(lambda: self._commit(groups, syncs))
        if fault is None:
            if not self._unsynced:
                self._sync_due_s = time.monotonic() + SYNC_S
            self._unsynced.extend(groups)
            if syncs:
                self._release(self._unsynced)
                self._unsynced = []
        return fault

    def _guarded(self, work: Callable[[], object]) -> Exception | None:
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

    def _commit(self, groups: list[Group], syncs: bool) -> None:
        """Write all that groups change, in one transaction, and with ``syncs`` have all that was written on disk."""
        began_s = time.monotonic()
        rows = merged(self._rows_of(group) for group in groups if not group.is_dropped)
        if receipt := max((group.receipt for group in groups), default=0):
            rows.changes.append(taken_in(receipt))
        if rows.is_empty:
            if not (syncs and self._unsynced):
                return
            rows = _PROOF
        db = self._connection()
        if syncs is not self._syncs:
            db.execute(f"PRAGMA synchronous = {'FULL' if syncs else 'NORMAL'}")
            self._syncs = syncs
        db.execute("BEGIN IMMEDIATE")
        write(db, rows, self._now_us(), self._rest)
        if syncs:
            self._require_places()
        db.execute("COMMIT")
        if syncs:
            self.commits.note(int((time.monotonic() - began_s) * 1e6))
        self._pages_in_log += PAGES_PER_COMMIT + sum(len(group.records) for group in groups) // RECORDS_PER_PAGE

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = self._connect(self._path)
            self._syncs = True
        return self._db

    def _require_places(self) -> None:
        """Raise when the journal's files are not those that are open. To be asked within a transaction."""
        if self._places is None:
            self._places = Places(self._path)
        self._places.require()

    def _roll_back(self) -> None:
        if self._db is not None and self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error:  # as after an I/O error; the connection is closed next
                self._disconnect()

    def _disconnect(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):  # nothing that was promised depends on it
                self._db.close()
            self._db = self._places = None

    # -- failing, and healing

    def _fail(self, fault: Exception, groups: list[Group]) -> None:
        self._call_by_name(fault)
        if isinstance(fault, LogMisplaced):  # as long as it is, a crash would lose what was called durable
            self._probe_due_s = time.monotonic()
        self._keep(groups)

    def _call_by_name(self, fault: Exception) -> None:
        """Say what is the matter with the disk, and when to try it again."""
        code = getattr(fault, "sqlite_errorcode", None)
        is_full = code == sqlite3.SQLITE_FULL
        self._is_log_doubtful |= may_have_lost_something(fault)
        self._state = JournalState.FULL if is_full else JournalState.FAILED
        self._why = GONE if is_gone(self._path) else str(fault) or type(fault).__name__
        self._probe_due_s = time.monotonic() + self._probe_interval_s

    def _keep(self, groups: list[Group]) -> None:
        self._kept.extend(group for group in (*self._unsynced, *groups) if not group.is_dropped)
        self._unsynced = []
        self._say([(group, False) for group in groups])

    def _probe(self) -> None:
        """Try to write what was kept, by a new connection; with nothing kept, anything at all."""
        fault = self._guarded(self._let_go)
        if fault is not None:
            self._call_by_name_anew(fault)
            return
        while self._kept:
            if not self._probe_with(_first_of(self._kept)):
                return
        if self._probe_with([Group((), None, 0, rows=_PROOF)]):
            self._state, self._why = JournalState.OK, ""
            self._say([])

    def _probe_with(self, groups: list[Group]) -> bool:
        fault = self._attempt(groups)
        if fault is not None and is_of_the_storage(fault):
            self._call_by_name_anew(fault)
            return False
        if fault is not None and len(groups) > 1:
            return self._probe_with(groups[:1])
        if fault is not None:
            self._say([], [refusal(groups[0], fault)])
            self._release(groups[:1])
        del self._kept[: len(groups)]
        return True

    def _call_by_name_anew(self, fault: Exception) -> None:
        before = self._state, self._why
        self._call_by_name(fault)
        if before != (self._state, self._why):
            self._say([])

    def _let_go(self) -> None:
        """Close all that this process has open of the journal, so that what is opened next is what its names name.

        Raises `JournalError` when the log was taken away and somebody keeps us from saving what is only there.
        """
        self._close_others()
        if self._db is not None and self._places is not None and not self._places.has_log:
            self._db.execute("PRAGMA busy_timeout = 0")  # meanwhile nobody would get a word
            if not fold(self._db, "TRUNCATE"):
                raise LogMisplaced(str(self._path), "its log was deleted, moved or replaced", LET_GO)
        self._disconnect()
        if self._is_log_doubtful:
            with contextlib.closing(self._connect(self._path)) as db:
                db.execute("PRAGMA busy_timeout = 0")
                self._is_log_doubtful = not fold(db, "TRUNCATE")  # who reads in it may: it is written all the same

    # -- beside

    def _do_chores(self) -> None:
        """Do one small thing that nobody waits for."""
        if self._places is not None and time.monotonic() >= self._look_due_s:
            self._look()
        elif self._is_log_to_be_folded():
            self._checkpoint("PASSIVE")
        elif self._rounds:
            self._forget_a_little()

    def _look(self) -> None:
        """See whether the files are still where they were."""
        self._look_due_s = time.monotonic() + LOOK_INTERVAL_S
        fault = self._guarded(self._require_places)
        if fault is not None:
            self._fail(fault, [])

    def _is_log_to_be_folded(self) -> bool:
        is_quiet = not self._backlog and time.monotonic() >= self._quiet_s
        return self._pages_in_log >= (CHECKPOINT_PAGES if is_quiet else CHECKPOINT_PAGES_MAX)

    def _forget_a_little(self) -> None:
        this = replace(self._rounds[0])  # a copy, since a bite that is not committed was not taken
        fault = self._guarded(lambda: self._bite(this))
        if fault is not None and is_of_the_storage(fault):
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

    def _checkpoint(self, mode: Fold) -> None:
        """Fold the log into the file. If that fails the log grows, until a commit fails that says so."""
        if self._unsynced:
            self._sync()  # else an fsync of the fold's might fail for them, and nobody would know
            if self._state is not JournalState.OK:
                return  # what is not safely in the log must not go into the file: half of it there would be damage
        self._pages_in_log = 0
        fault = self._guarded(lambda: fold(self._connection(), mode))
        if fault is not None and (self._places is None or self._places.has_log):
            self._disconnect()

    def _finish(self, stop: Stop) -> None:
        if self._unsynced:
            self._sync()
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
            self.receipts_done = group.receipt or self.receipts_done
            if not group.is_dropped:
                self.records_done += len(group.records)
                self.bytes_done += group.bytes_held
            group.settle()

    def _say(self, words: list[tuple[Group, bool]], problems: list[str] | None = None) -> None:
        verdicts = [(group.on_commit, is_durable) for group, is_durable in words if group.on_commit is not None]
        state = self._state, self._why
        if verdicts or problems or state != self._said:
            self._said = state
            self._tell(Tidings(*state, verdicts, problems or []))


_PROOF: Final = Rows(("UPDATE meta SET value = value WHERE name = ?", ("boot",)))
"""A change that changes nothing and yet has to reach the disk."""


def _first_of(kept: list[Group]) -> list[Group]:
    """Take a transaction's worth from the front."""
    records = 0
    for count, group in enumerate(kept, 1):
        records += len(group.records)
        if records >= TRANSACTION_RECORDS_MAX:
            return kept[:count]
    return kept[:]
