"""Which cases a request has been through: it is opened in one, and may move. Used by recovery and by `explain`.

A request's own story is what happened in each of its cases while it was there; in the last one, everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.records import CaseId, Moved, RequestKey
from daemon.edge.journal.codec import Undecodable, read_record

if TYPE_CHECKING:
    import sqlite3

MOVES_MAX: Final = 32
"""No request moves more often than it meets aliases; past that its trail is not followed."""


class Stay(msgspec.Struct, frozen=True):
    """A case that a request was in, up to step ``until`` (None: it is there still)."""

    case: CaseId
    until: int | None


def trail(db: sqlite3.Connection, key: RequestKey, request: sqlite3.Row) -> list[Stay]:
    """Follow a request (its row) from the case in which it was opened to its present one, the last of the list."""
    case, present = CaseId(request["opened_case"]), CaseId(request["case_id"])
    after: int = request["opened_step"]
    stays: list[Stay] = []
    while case != present and len(stays) < MOVES_MAX:
        moved = _next_move(db, key, case, after)
        if moved is None:
            break
        after, into = moved
        stays.append(Stay(case, after))
        case = into
    return [*stays, Stay(present, None)]


def _next_move(db: sqlite3.Connection, key: RequestKey, case: CaseId, after: int) -> tuple[int, CaseId] | None:
    moves = db.execute(
        "SELECT id, body FROM steps WHERE case_id = ? AND kind = 'moved' AND id > ? ORDER BY id", (case, after)
    )
    for number, body in moves:
        try:
            record = read_record(body)
        except Undecodable:
            continue
        if isinstance(record, Moved) and record.key == key:
            return number, record.into
    return None
