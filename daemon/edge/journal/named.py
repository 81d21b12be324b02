"""Requests of bulk cancels that a crash left without their rows: they are written down before anything else is read.

A bulk cancel's words rest on the record of what it found (`daemon.edge.footing`), and the requests' own records come a
moment later. Where a crash came in between, this makes them what they would have been, so that who takes up, lists or
asks for a request finds these like any other. Which they are is for `daemon.core.bulk_requests` to say.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import groupby
from typing import TYPE_CHECKING, Final

from daemon.core.bulk_requests import lost_requests
from daemon.core.records import CaseId
from daemon.edge.journal import bulks
from daemon.edge.journal.rows import rows_of, write
from daemon.edge.journal.schema import cannot_use, connect_for_reading
from protocols.fix import AccountName, OrderId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from daemon.core.bulk import RecoveredBulk
    from daemon.core.bulk_requests import Place
    from daemon.core.records import RequestKey, RequestOpened
    from daemon.edge.journal.schema import Connect

_CASES: Final = """
SELECT account, product, instrument, coalesce(order_id, found_order_id) AS order_id, case_id FROM requests
WHERE ended_us IS NULL OR ended_us >= ? ORDER BY opened_step"""
_HAS: Final = "SELECT 1 FROM requests WHERE request_id = ? AND account = ? AND uid = ?"


def write_named(journal: Path, connecting: Connect, next_step: int) -> int:
    """Write down, durably, which requests unfinished bulk cancels had named; give the next step's number.

    Raises `JournalError`.
    """
    try:
        with closing(connect_for_reading(journal)) as db:
            lost = _lost(db)
        if not lost:
            return next_step
        with closing(connecting(journal)) as db:
            db.execute("BEGIN IMMEDIATE")
            for at_us, opened in groupby(lost, lambda record: record.t):
                records = list(opened)
                write(db, rows_of(records, next_step), at_us)
                next_step += len(records)
            db.execute("COMMIT")
    except sqlite3.Error as trouble:
        raise cannot_use(journal, trouble) from trouble
    return next_step


def _lost(db: sqlite3.Connection) -> list[RequestOpened]:
    """Find them. What cannot be read is left where it is, and reported by who reads it for good."""
    unfinished = [found for found in bulks.recover(db).bulks if any(meant.first is not None for meant in found.meant)]
    if not unfinished:
        return []
    cases = _cases(db, unfinished)
    lost = [record for found in unfinished for record in lost_requests(found, cases)]
    return [record for record in lost if not _has(db, record.request.key)]


def _has(db: sqlite3.Connection, key: RequestKey) -> bool:
    return db.execute(_HAS, (key.request_id, key.account, key.uid)).fetchone() is not None


def _cases(db: sqlite3.Connection, unfinished: Sequence[RecoveredBulk]) -> dict[Place, CaseId]:
    """Give the cases of orders that are worked on, or were since the first of these were found."""
    since_us = min(meant.t for found in unfinished for meant in found.meant)
    return {
        (AccountName(row["account"]), row["product"], row["instrument"], OrderId(row["order_id"])): CaseId(
            row["case_id"]
        )
        for row in db.execute(_CASES, (since_us,))
        if row["order_id"] is not None
    }
