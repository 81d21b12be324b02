"""Whether a journal is what it should be: read from its first page to its last, and nothing changed.

Each check is a sentence that holds of every journal that canceld wrote, whenever it was killed:

* the file is whole by SQLite's own word, and its tables are ours;
* each row reads back, and its columns say what its body says;
* the numbers of lives and outcomes that the next life begins with are there, and above all that were used;
* within one life, outcome numbers have no hole, except where something may have been forgotten;
* a request has one outcome (revision 0) and after it its corrections, numbered without a hole or a double, and its row
  says what the latest of them says;
* what was concluded stands among the outcomes, and the other way round;
* a frame is the one that its digest names, and the evidence that an outcome cites is in its story;
* what is in the intake beside it can be read; what the journal has not got of it, the next start takes in.

It reads in one transaction, so that it may look beside a running daemon. It mends nothing.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.records import Concluded, Report, RequestKey
from daemon.edge.journal.cases import trail
from daemon.edge.journal.codec import (
    KINDS,
    Undecodable,
    read_bulk_report,
    read_intent,
    read_previous,
    read_record,
    read_report,
    read_request,
    read_tie,
)
from daemon.edge.journal.intake import path_of, standing, waiting
from daemon.edge.journal.schema import (
    TABLES,
    VERSION,
    cannot_use,
    is_for_want_of_room,
    open_for_looking,
    version_of,
)
from protocols.errors import JournalError
from protocols.evidence import RAW_BYTES_MAX
from protocols.fix import AccountName, RequestId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from daemon.edge.journal.intake import Standing

FINDINGS_MAX: Final = 1_000
"""More would say no more; they are counted."""
DIGEST_BYTES: Final = 16
DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
SINCE_LIVES: Final = 2
SINCE_BULKS: Final = 3
SINCE_TIES: Final = 4
"""The first formats that have lives, bulk cancels and bindings."""


class Finding(msgspec.Struct, frozen=True):
    """Something that should not be: ``where`` names a row or a table."""

    where: str
    what: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.where}: {self.what}"


class Verified(msgspec.Struct, frozen=True):
    """What was looked at, by kind, and what was found: the first `FINDINGS_MAX`, and how many there are."""

    version: int
    counts: dict[str, int]
    findings: list[Finding]
    found: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return self.found == 0


def verify(path: Path) -> Verified:
    """Look at everything.

    Raises `JournalError` where there is nothing to look at: no file, no journal, a newer one; and where the disk is too
    full to look, which says nothing of the journal.
    """
    try:
        with closing(open_for_looking(path)) as db:
            version = version_of(path, db)
            return _Verification(db, version, path).run()
    except sqlite3.Error as trouble:
        if trouble.sqlite_errorcode & 0xFF in DAMAGED:
            return Verified(0, {}, [Finding("file", str(trouble))], 1)
        raise cannot_use(path, trouble) from trouble


class _Verification:
    """One look at a journal."""

    def __init__(self, db: sqlite3.Connection, version: int, path: Path) -> None:
        self._db = db
        self._version = version
        self._path = path
        self._findings: list[Finding] = []
        self._found = 0
        self._forgotten_us = 0
        self._counts: dict[str, int] = {}
        self._standing: Standing | None = None

    def run(self) -> Verified:
        self._look_into_intake()
        self._db.execute("BEGIN")  # one view of the file for all checks
        parts = (
            self._file, self._tables, self._times, self._next_numbers, self._steps, self._outcomes, self._requests,
            self._bulks, self._ties, self._numbers, self._waiting,
        )  # fmt: skip
        for part in parts:
            try:
                part()
            except sqlite3.Error as trouble:  # a page that cannot be read ends this check and not the next
                if is_for_want_of_room(self._path, trouble):
                    raise
                self._finding(part.__name__.strip("_"), f"cannot be read further: {trouble}")
        return Verified(self._version, self._counts, self._findings, self._found)

    def _look_into_intake(self) -> None:
        intake = path_of(self._path)
        try:
            self._standing = standing(intake) if intake.is_file() else None
        except JournalError as trouble:
            self._finding(intake.name, f"{trouble.what}; {trouble.fix}")

    def _finding(self, where: str, what: str) -> None:
        self._found += 1
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(Finding(where, what))

    # ------------------------------------------------------------ the file

    def _file(self) -> None:
        for (said,) in self._db.execute(f"PRAGMA integrity_check({FINDINGS_MAX})"):
            if said != "ok":
                self._finding("file", str(said))

    def _tables(self) -> None:
        """Hold the tables against those of an empty journal, comments and spaces aside."""
        if self._version != VERSION:
            return
        with closing(sqlite3.connect(":memory:")) as empty:
            for statement in TABLES:
                empty.execute(statement)
            wanted, found = _shape(empty), _shape(self._db)
        for name in sorted(wanted.keys() | found.keys()):
            if name not in found:
                self._finding(name, "is missing")
            elif wanted.get(name) != found[name]:
                self._finding(name, "is not as canceld makes it" if name in wanted else "was not made by canceld")

    def _waiting(self) -> None:
        """Look at what the next start will take in."""
        if self._standing is None:
            return
        receipts, problems = waiting(self._standing, self._db)
        self._counts["receipts_waiting"] = len(receipts)
        for problem in problems:
            self._finding(path_of(self._path).name, problem)

    def _times(self) -> None:
        if self._version >= SINCE_LIVES:
            row = self._db.execute("SELECT value FROM meta WHERE name = 'forgotten_before'").fetchone()
            self._forgotten_us = row[0] if row is not None else 0
            self._count("lives", "SELECT count(*) FROM lives")
        self._count("open", "SELECT count(*) FROM requests WHERE outcome IS NULL")

    def _count(self, what: str, question: str) -> None:
        self._counts[what] = self._db.execute(question).fetchone()[0]

    def _walk(self, what: str, question: str, look: Callable[[sqlite3.Row, str], None], name: str) -> None:
        """Look at each row; one that cannot be read is a finding. ``name`` is the column that names a row."""
        self._counts[what] = 0
        for row in self._db.execute(question):
            self._counts[what] += 1
            where = f"{what.removesuffix('s')} {row[name]}"
            try:
                look(row, where)
            except (Undecodable, TypeError, ValueError) as trouble:
                self._finding(where, f"cannot be read: {trouble}")

    # ------------------------------------------------------------ steps and their frames

    def _steps(self) -> None:
        self._counts |= {"frames": 0, "frames_cut": 0, "digests_alone": 0}
        self._walk("steps", "SELECT * FROM steps ORDER BY id", self._step, "id")

    def _step(self, row: sqlite3.Row, where: str) -> None:
        record = read_record(row["body"])
        if (record.case, record.t, KINDS[type(record)]) != (row["case_id"], row["t_us"], row["kind"]):
            self._finding(where, "its columns do not say what its body says")
        self._frame(row, where)
        if isinstance(record, Concluded) and record.t >= self._forgotten_us and record.report.seq:
            told = self._db.execute("SELECT 1 FROM outcomes WHERE seq = ?", (record.report.seq,)).fetchone()
            if told is None:
                self._finding(where, f"concludes with outcome {record.report.seq}, which is missing")

    def _frame(self, row: sqlite3.Row, where: str) -> None:
        raw = row["frame"]
        if not raw:  # of what says nothing new, or does not name the order, there is the digest alone
            self._counts["digests_alone"] += row["digest"] is not None
            return
        self._counts["frames"] += 1
        if len(raw) >= RAW_BYTES_MAX:  # the digest is of the whole frame, of which this is the beginning
            self._counts["frames_cut"] += 1
        elif hashlib.blake2b(raw, digest_size=DIGEST_BYTES).hexdigest() != row["digest"]:
            self._finding(where, f"its frame is not the one with the digest {row['digest']}")

    # ------------------------------------------------------------ outcomes

    def _outcomes(self) -> None:
        question = (
            "SELECT o.*, r.case_id, r.opened_case, r.opened_step, r.first_seq, r.received_us FROM outcomes o"
            " LEFT JOIN requests r USING (request_id, account, uid) ORDER BY o.seq"
        )
        self._walk("outcomes", question, self._outcome, "seq")

    def _outcome(self, row: sqlite3.Row, where: str) -> None:
        report = read_report(row["report"])
        previous = read_previous(row["previous"])
        said = (report.request_id, report.account, report.revision, report.outcome.value)
        if said != (row["request_id"], row["account"], row["revision"], row["outcome"]) or (
            report.seq and report.seq != row["seq"]
        ):
            self._finding(where, "its columns do not say what its report says")
        if (previous is None) != (row["revision"] == 0):
            self._finding(where, "a correction says what it corrects, and an outcome does not")
        if row["t_us"] >= self._forgotten_us and _is_said_of(row, row["seq"], row["t_us"]):
            self._evidence(row, report, where)

    def _evidence(self, row: sqlite3.Row, report: Report, where: str) -> None:
        """Find what an outcome rests on in the cases that its request has been through."""
        digest = report.evidence.digest
        if digest is None:
            return
        key = RequestKey(row["uid"], AccountName(row["account"]), RequestId(row["request_id"]))
        cases = [stay.case for stay in trail(self._db, key, row)]
        marks = ", ".join("?" * len(cases))
        found = self._db.execute(
            f"SELECT 1 FROM steps WHERE digest = ? AND case_id IN ({marks})",  # noqa: S608 - question marks only
            (digest, *cases),
        ).fetchone()
        if found is None:
            self._finding(where, f"rests on the frame {digest}, which is not in its story")

    # ------------------------------------------------------------ requests

    def _requests(self) -> None:
        self._walk("requests", "SELECT * FROM requests", self._request, "request_id")

    def _request(self, row: sqlite3.Row, where: str) -> None:
        where = f"{where} of {row['account']}, uid {row['uid']}"
        read_request(row)
        words = self._words(row)
        if (row["outcome"] is None) != (row["ended_us"] is None):
            self._finding(where, "its outcome has no time, or a time no outcome")
        if row["outcome"] is None:
            if words:
                self._finding(where, f"has no outcome in its row, and {len(words)} among the outcomes")
            return
        if [revision for _, revision, _ in words] != list(range(len(words))):
            self._finding(where, f"has the revisions {', '.join(str(revision) for _, revision, _ in words) or 'none'}")
        latest = words[-1] if words else None
        if latest != (row["seq"], row["revision"], row["outcome"]):
            self._finding(where, "its row does not say what its latest outcome says")

    def _bulks(self) -> None:
        if self._version >= SINCE_BULKS:
            self._walk("bulks", "SELECT * FROM bulks", self._bulk, "request_id")

    def _bulk(self, row: sqlite3.Row, where: str) -> None:
        intent = read_intent(row["intent"])
        said = (intent.bulk, intent.name, intent.caller.uid, intent.received_us)
        if said != (row["bulk_id"], row["request_id"], row["uid"], row["received_us"]):
            self._finding(where, "its columns do not say what its intent says")
        if (row["report"] is None) != (row["ended_us"] is None):
            self._finding(where, "a bulk cancel that is over has a report and an end, and no other")
        elif row["report"] is not None and read_bulk_report(row["report"]).complete != bool(row["complete"]):
            self._finding(where, "its columns do not say what its report says")

    def _ties(self) -> None:
        if self._version >= SINCE_TIES:
            self._walk("bindings", "SELECT * FROM bindings", self._tie, "binding_id")

    def _tie(self, row: sqlite3.Row, where: str) -> None:
        tie = read_tie(row["tie"])
        said = (tie.binding, tie.scope.account, tie.caller.uid, tie.bound_us)
        if said != (row["binding_id"], row["account"], row["uid"], row["bound_us"]):
            self._finding(where, "its columns do not say what its binding says")

    def _words(self, row: sqlite3.Row) -> list[tuple[int, int, str]]:
        """Give number, revision and outcome of all that was said of a request."""
        found = self._db.execute(
            "SELECT seq, revision, outcome, t_us FROM outcomes WHERE request_id = ? AND account = ? AND uid = ?",
            (row["request_id"], row["account"], row["uid"]),
        )
        mine = [(seq, revision, outcome) for seq, revision, outcome, t_us in found if _is_said_of(row, seq, t_us)]
        return sorted(mine, key=lambda word: (word[1], word[0]))

    # ------------------------------------------------------------ numbers

    def _next_numbers(self) -> None:
        used = {"seq_reserved": "SELECT max(seq) + 1 FROM outcomes"}
        if self._version >= SINCE_LIVES:
            used["boot"] = "SELECT max(boot) FROM lives"
        for name, question in used.items():
            row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
            (least,) = self._db.execute(question).fetchone()
            if row is None or not isinstance(row["value"], int):
                self._finding("meta", f"does not say {name}")
            elif least is not None and row["value"] < least:
                self._finding("meta", f"{name} is {row['value']}, less than {least}")

    def _numbers(self) -> None:
        """Look for holes within each life, where nothing can have been forgotten."""
        if self._version < SINCE_LIVES:
            return
        lives = self._db.execute("SELECT boot, seq_from, began_us FROM lives ORDER BY seq_from").fetchall()
        ends = [*(life["seq_from"] for life in lives[1:]), None]
        for life, end in zip(lives, ends, strict=True):
            last, last_us = life["seq_from"] - 1, life["began_us"]
            for seq, t_us in self._numbers_of(life["seq_from"], end):
                if seq != last + 1 and last_us >= self._forgotten_us:
                    missing = f"{last + 1}" if seq == last + 2 else f"{last + 1} to {seq - 1}"
                    self._finding(f"life {life['boot']}", f"the outcome {missing} is missing")
                last, last_us = seq, t_us

    def _numbers_of(self, first: int, end: int | None) -> Iterator[tuple[int, int]]:
        yield from self._db.execute(
            "SELECT seq, t_us FROM outcomes WHERE seq >= ? AND seq < ifnull(?, seq + 1) ORDER BY seq", (first, end)
        )


def _is_said_of(request: sqlite3.Row, seq: int, t_us: int) -> bool:
    """Whether a word is about this request, and not about an older one of its name that is not forgotten yet.

    A word that got no number, since there was none left to give, has that of its step instead, below zero.
    """
    first: int | None = request["first_seq"]
    if first is None:
        return False
    if seq < 0:
        return -seq >= int(request["opened_step"])
    return seq >= first if first > 0 else t_us >= int(request["received_us"])


def _shape(db: sqlite3.Connection) -> dict[str, str]:
    """Give each table and index with its definition, without comments, and with one space for many."""
    found: dict[str, str] = {}
    for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
        found[name] = " ".join(re.sub(r"--[^\n]*", " ", sql).split())
    return found
