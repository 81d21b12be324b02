"""Bulk cancels as the journal keeps them: one row each, found again by a new life and by who asks under the name.

Which requests are a bulk's own is said by their names (``NAME/3``), so its row names none of them. What a bulk means is
for `daemon.core.bulk` to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.bulk import RecoveredBulk, RecoveredMember
from daemon.core.records import BulkEnded, BulkIntent, BulkListed, BulkLooked, BulkMeant, BulkReport, RequestKey
from daemon.core.scope import NamedOrder
from daemon.core.second_look import RecoveredEnd
from daemon.edge.journal.codec import Undecodable, read_bulk_report, read_intent, read_record, read_report, read_request
from protocols.fix import OrderId, Outcome, RequestId

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from daemon.core.records import Record

# Members stand between "NAME/" and "NAME0", since 0 comes behind the slash.
_MEMBERS: Final = """SELECT r.*, o.report FROM requests r LEFT JOIN outcomes o ON o.seq = r.seq
WHERE r.uid = :uid AND r.request_id > :name || '/' AND r.request_id < :name || '0' ORDER BY r.opened_step"""
_NOTES: Final = "SELECT body FROM steps WHERE case_id = ? AND kind IN ('bulk_listed', 'bulk_meant') ORDER BY id"
_ENDED: Final = "SELECT * FROM bulks WHERE ended_us >= ? ORDER BY ended_us DESC LIMIT ?"
_LOOKED: Final = "SELECT body FROM steps WHERE case_id = ? AND kind IN ('bulk_ended', 'bulk_looked') ORDER BY id"
_UNFINISHED: Final = "SELECT * FROM bulks WHERE ended_us IS NULL ORDER BY received_us"
_NAMED: Final = "SELECT * FROM bulks WHERE request_id = ? ORDER BY received_us DESC"
UNLOOKED_MAX: Final = 1024
"""Ended bulk cancels that a new life may look at again: more in ten minutes are somebody's loop."""


class StoredBulk(msgspec.Struct, frozen=True):
    """A bulk cancel by its name; ``report`` None while it is not over."""

    intent: BulkIntent
    report: BulkReport | None


class Recovered(msgspec.Struct, frozen=True):
    """What a new life has to take up again, and what of it could not be read, in sentences."""

    bulks: list[RecoveredBulk]
    problems: list[str]


def recover(db: sqlite3.Connection) -> Recovered:
    """Read the bulk cancels that are not over, with the requests that were made for them."""
    found = Recovered([], [])
    for row in db.execute(_UNFINISHED).fetchall():
        try:
            intent = read_intent(row["intent"])
        except Undecodable as trouble:
            found.problems.append(f"bulk cancel {row['request_id']} of uid {row['uid']}: {trouble}")
            continue
        members = tuple(_members(db, intent, found.problems))
        notes = list(_notes(db, intent, found.problems))
        listings = tuple(note for note in notes if isinstance(note, BulkListed))
        meant = tuple(note for note in notes if isinstance(note, BulkMeant))
        found.bulks.append(RecoveredBulk(intent, members, listings, meant))
    return found


def _notes(db: sqlite3.Connection, intent: BulkIntent, problems: list[str]) -> Iterator[Record]:
    """Read what was written down of its listings and of the orders that it found."""
    for (body,) in db.execute(_NOTES, (intent.bulk,)).fetchall():
        try:
            yield read_record(body)
        except Undecodable as trouble:
            problems.append(f"a note of bulk cancel {intent.name}, uid {intent.caller.uid}: {trouble}")


def _members(db: sqlite3.Connection, intent: BulkIntent, problems: list[str]) -> Iterator[RecoveredMember]:
    accounts = {scope.account for scope in intent.scopes}
    for row in db.execute(_MEMBERS, {"uid": intent.caller.uid, "name": intent.name}).fetchall():
        try:
            request = read_request(row)
            report = None if row["report"] is None else read_report(row["report"])
        except Undecodable as trouble:
            problems.append(f"request {row['request_id']} of {row['account']}, uid {row['uid']}: {trouble}")
            continue
        if request.key.account not in accounts:
            continue
        order_id = row["order_id"] or row["found_order_id"]
        order = NamedOrder(
            request.product,
            request.instrument,
            None if order_id is None else OrderId(order_id),
            request.client_order_id,
            request.deadline_us,
            request.priority,
            request.venue_params,
        )
        outcome = None if row["outcome"] is None else Outcome(row["outcome"])
        yield RecoveredMember(request.key, order, outcome, None if report is None else report.ord_status)


def unlooked(db: sqlite3.Connection, since_us: int, problems: list[str]) -> Iterator[RecoveredEnd]:
    """Give those that were called complete since then, with the accounts that nobody has looked at again."""
    for row in db.execute(_ENDED, (since_us, UNLOOKED_MAX)).fetchall():
        try:
            report = read_bulk_report(row["report"])
            if not report.complete and not report.revision:
                continue
            records = [read_record(body) for (body,) in db.execute(_LOOKED, (row["bulk_id"],)).fetchall()]
            intent = read_intent(row["intent"])
        except Undecodable as trouble:
            problems.append(f"bulk cancel {row['request_id']} of uid {row['uid']}: {trouble}")
            continue
        yield from unlooked_of(intent, report, records)


def unlooked_of(intent: BulkIntent, report: BulkReport, records: Sequence[Record]) -> Iterator[RecoveredEnd]:
    """Give a bulk cancel if some account is to be looked at again, by what was written down of its end and since."""
    listed = {name: at for record in records if isinstance(record, BulkEnded) for name, at in record.listed_ms.items()}
    looked = {record.account for record in records if isinstance(record, BulkLooked)}
    left = {name: at_ms for name, at_ms in listed.items() if name not in looked}
    if left:
        yield RecoveredEnd(intent, report, left)


def known(db: sqlite3.Connection, since_us: int) -> Iterator[tuple[RequestKey, int]]:
    """Give the names of the bulk cancels that are over, and were not before then, with the times of their ends."""
    for intent, ended_us in db.execute("SELECT intent, ended_us FROM bulks WHERE ended_us >= ?", (since_us,)):
        try:
            keys = read_intent(intent).names_held()
        except Undecodable:
            continue
        for key in keys:
            yield key, ended_us


def named(db: sqlite3.Connection, name: RequestId) -> list[StoredBulk]:
    """Find the bulk cancels of a name, whoever's they are, the youngest first. Raises `Undecodable`."""
    return [
        StoredBulk(read_intent(row["intent"]), None if row["report"] is None else read_bulk_report(row["report"]))
        for row in db.execute(_NAMED, (name,))
    ]
