"""What a new life of the daemon finds: the cases that it has to take up again, and the names that are taken.

A row that cannot be read is set aside, where it is, and reported; the rest of its case is still given. What the rows
mean is for `daemon.core.recovery` to say.
"""

from __future__ import annotations

import gc
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.bindings import Tie
from daemon.core.bulk import RecoveredBulk
from daemon.core.records import CaseId, Record, RecoveredCase, RecoveredRequest, RequestKey
from daemon.core.second_look import RecoveredEnd
from daemon.edge.journal import bulks
from daemon.edge.journal.cases import trail
from daemon.edge.journal.codec import Undecodable, read_record, read_report, read_request, read_tie
from daemon.edge.journal.schema import cannot_use, connect_for_reading
from protocols.fix import AccountName, RequestId

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROBLEMS_MAX: Final = 1_000
"""Past that many unreadable rows the list only grows; one more would say no more."""

_REQUESTS: Final = """
SELECT r.*, o.report FROM requests r LEFT JOIN outcomes o ON o.seq = r.seq
WHERE r.case_id IN (
  SELECT case_id FROM requests WHERE outcome = 'in_doubt'
  UNION SELECT case_id FROM requests WHERE ended_us IS NULL OR ended_us >= ?)
ORDER BY r.opened_step"""
_SETTLED: Final = """
SELECT ended_us, rowid AS place, case_id FROM requests
WHERE account = ? AND ended_us >= ? AND (ended_us, rowid) < (?, ?) AND outcome IS NOT 'in_doubt'
ORDER BY ended_us DESC, rowid DESC LIMIT ?"""
_OF_CASES: Final = """
SELECT r.*, o.report FROM requests r LEFT JOIN outcomes o ON o.seq = r.seq
WHERE r.case_id IN (SELECT value FROM json_each(?))
ORDER BY r.opened_step"""
_STEPS: Final = "SELECT id, kind, body FROM steps WHERE case_id = ? AND id <= ? ORDER BY id"
_KEYS: Final = "SELECT uid, account, request_id FROM requests WHERE ended_us IS NULL OR ended_us >= ?"
_END: Final = 2**63 - 1


class Recovered(msgspec.Struct, frozen=True):
    """The cases and bulk cancels to take up, the oldest first, and what of them could not be read, in sentences."""

    cases: list[RecoveredCase]
    problems: list[str]
    bulks: list[RecoveredBulk] = []
    ties: list[Tie] = []
    ends: list[RecoveredEnd] = []


def recover(path: Path, since_us: int, ended_since_us: int) -> Recovered:
    """Read the cases with a request that has no outcome, is in doubt, or got its latest word since then.

    Of bulk cancels those that are not over, and those that ended since the other time and are to be looked at again.
    Raises `JournalError` when the file itself cannot be read.
    """
    try:
        with closing(connect_for_reading(path)) as db, _without_garbage_collection():
            return _Recovery(db).run(since_us, ended_since_us)
    except sqlite3.Error as trouble:
        raise cannot_use(path, trouble) from trouble


def settled(
    db: sqlite3.Connection, account: AccountName, since_us: int, before: tuple[int, int], limit: int
) -> tuple[list[RecoveredCase], tuple[int, int] | None]:
    """Read cases of an account whose requests were answered since then, the latest first, from a place on.

    A place is when a request ended and its row. Gives the place from which to go on, None when there is no more.
    """
    found = db.execute(_SETTLED, (account, since_us, *before, limit)).fetchall()
    if not found:
        return [], None
    names = msgspec.json.encode(sorted({row["case_id"] for row in found})).decode()
    cases = _Recovery(db).cases(db.execute(_OF_CASES, (names,)).fetchall())
    return cases, (found[-1]["ended_us"], found[-1]["place"])


def known_bulks(path: Path, since_us: int) -> list[tuple[RequestKey, int]]:
    """Give the names of the bulk cancels that are over, and were not before then. Raises `JournalError`."""
    try:
        with closing(connect_for_reading(path)) as db:
            return list(bulks.known(db, since_us))
    except sqlite3.Error as trouble:
        raise cannot_use(path, trouble) from trouble


def known_keys(path: Path, since_us: int) -> Iterator[RequestKey]:
    """Give the names of the requests without an outcome or with one since then. Raises `JournalError`."""
    try:
        with closing(connect_for_reading(path)) as db:
            for uid, account, request_id in db.execute(_KEYS, (since_us,)):
                yield RequestKey(uid, AccountName(account), RequestId(request_id))
    except sqlite3.Error as trouble:
        raise cannot_use(path, trouble) from trouble


class _Recovery:
    """One reading of the journal."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._problems: list[str] = []

    def run(self, since_us: int, ended_since_us: int) -> Recovered:
        self._db.execute("BEGIN")  # one view of the file for all questions
        cases = self.cases(self._db.execute(_REQUESTS, (since_us,)).fetchall())
        unfinished, ties = bulks.recover(self._db), list(self._ties())
        ends = list(bulks.unlooked(self._db, ended_since_us, self._problems))
        return Recovered(cases, self._problems + unfinished.problems, unfinished.bulks, ties, ends)

    def cases(self, rows: list[sqlite3.Row]) -> list[RecoveredCase]:
        """Read the cases that requests are in."""
        requests: dict[CaseId, list[RecoveredRequest]] = {}
        left: dict[CaseId, dict[CaseId, int]] = {}
        for row in rows:
            case = CaseId(row["case_id"])
            found = self._request(row)
            if found is None:
                continue
            requests.setdefault(case, []).append(found)
            if row["opened_case"] != case:
                self._note_stays(left.setdefault(case, {}), found.request.key, row)
        return [
            RecoveredCase(case, tuple(found), tuple(self._records({case: _END})), self._former(left.get(case)))
            for case, found in requests.items()
        ]

    def _ties(self) -> Iterator[Tie]:
        for row in self._db.execute("SELECT * FROM bindings ORDER BY bound_us").fetchall():
            try:
                yield read_tie(row["tie"])
            except Undecodable as trouble:
                self._problem(f"binding {row['binding_id']} of {row['account']}, uid {row['uid']}: {trouble}")

    def _request(self, row: sqlite3.Row) -> RecoveredRequest | None:
        try:
            request = read_request(row)
            if row["outcome"] is None:
                return RecoveredRequest(request, None, 0, row["recorded_us"])
            # Without its words a request that was answered could be answered twice: it is set aside instead.
            return RecoveredRequest(request, read_report(row["report"]), row["revision"], row["recorded_us"])
        except (Undecodable, TypeError) as trouble:
            self._problem(f"request {row['request_id']} of {row['account']}, uid {row['uid']}: {trouble}")
            return None

    def _note_stays(self, left: dict[CaseId, int], key: RequestKey, row: sqlite3.Row) -> None:
        for stay in trail(self._db, key, row):
            if stay.until is not None:
                left[stay.case] = max(stay.until, left.get(stay.case, 0))

    def _former(self, left: dict[CaseId, int] | None) -> tuple[Record, ...]:
        return tuple(self._records(left)) if left else ()

    def _records(self, cases: dict[CaseId, int]) -> list[Record]:
        """Read the records of some cases, each up to a step, all in the order in which they were written."""
        rows = [row for case, until in cases.items() for row in self._db.execute(_STEPS, (case, until))]
        if len(cases) > 1:
            rows.sort(key=lambda row: int(row["id"]))
        records: list[Record] = []
        for number, kind, body in rows:
            try:
                records.append(read_record(body))
            except Undecodable as trouble:
                self._problem(f"step {number} ({kind}): {trouble}")
        return records

    def _problem(self, text: str) -> None:
        if len(self._problems) < PROBLEMS_MAX:
            self._problems.append(text)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Hold the collector off while hundreds of thousands of records are made, and out of them for good.

    They have no cycles, so they go when they are let go; but to look through them would stop the daemon for a second.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
