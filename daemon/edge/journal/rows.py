"""What a group of records changes in the journal's tables, worked out apart from the connection that carries it out.

Every statement can be carried out twice with the same effect, since a commit that was reported as failed may yet turn
out to have reached the disk. Rows of ``steps`` are numbered here, by the one writer.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

from daemon.core.records import (
    Bound,
    BulkCorrected,
    BulkEnded,
    BulkOpened,
    Concluded,
    Moved,
    Observed,
    Record,
    RequestOpened,
    SendAnswered,
    SendForwarded,
    SendMade,
)
from daemon.edge.journal.codec import concluded_row, encoded, step_row, to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from daemon.core.bindings import BindingId, Tie
    from protocols.fix import AccountName

Value = str | int | bytes | None
Change = tuple[str, tuple[Value, ...]]

_STEP: Final = "INSERT OR REPLACE INTO steps (id, case_id, t_us, kind, order_id, digest, body, frame) VALUES "
# A name that was forgotten may be used again before its old row is gone: the new request takes the row over.
_OPENED: Final = """INSERT OR REPLACE INTO requests (request_id, account, uid, case_id, product, instrument, order_id,
  client_order_id, priority, deadline_us, received_us, gid, pid, client, venue_params, opened_case,
  opened_step, recorded_us) VALUES """
_MOVED: Final = "UPDATE requests SET case_id = ? WHERE request_id = ? AND account = ? AND uid = ?"
_BOUND: Final = "UPDATE requests SET found_order_id = ? WHERE case_id = ?"
_TOLD: Final = """INSERT OR REPLACE INTO outcomes (seq, request_id, account, uid, order_id, t_us, revision, outcome,
  report, previous) VALUES """
_CONCLUDED: Final = """UPDATE requests SET outcome = ?, first_seq = coalesce(first_seq, ?), seq = ?, revision = ?,
  ended_us = ?, found_order_id = coalesce(?, found_order_id) WHERE request_id = ? AND account = ? AND uid = ?"""
_BULK: Final = """INSERT OR REPLACE INTO bulks (bulk_id, request_id, uid, cause, received_us, intent)
  VALUES (?, ?, ?, ?, ?, ?)"""
_BULK_ENDED: Final = "UPDATE bulks SET complete = ?, report = ?, ended_us = ? WHERE bulk_id = ?"
_BULK_CORRECTED: Final = "UPDATE bulks SET complete = ?, report = ? WHERE bulk_id = ?"
_BINDING: Final = "INSERT OR REPLACE INTO accounts (account, venue, environment, venue_user_id) VALUES (?, ?, ?, ?)"
_TIED: Final = "INSERT OR REPLACE INTO bindings (binding_id, account, uid, bound_us, tie) VALUES (?, ?, ?, ?, ?)"
_UNTIED: Final = "DELETE FROM bindings WHERE binding_id = ?"
_RESERVED: Final = "UPDATE meta SET value = max(value, ?) WHERE name = 'seq_reserved'"
_TAKEN_IN: Final = "INSERT OR REPLACE INTO meta VALUES ('receipts', ?)"
_GIVEN_BACK: Final = "UPDATE meta SET value = ? WHERE name = 'seq_reserved'"


ROWS_AT_ONCE: Final = (32, 16, 8, 4, 2, 1)
"""How many rows one statement inserts. After each the event loop may want the interpreter back: told row by row, a
busy loop kept a flood's writer waiting for longer than the disk did. A lone receipt is of two steps."""
ROWS_TO_REST: Final = 16
"""After so many rows others may have their turn: a few hundred microseconds."""


class Rows:
    """New steps, new requests (without the time of their writing, not known yet), words told, then other changes."""

    __slots__ = ("changes", "opened", "steps", "told")

    def __init__(self, *changes: Change) -> None:
        self.steps: list[tuple[Value, ...]] = []
        self.opened: list[tuple[Value, ...]] = []
        self.told: list[tuple[Value, ...]] = []
        self.changes = list(changes)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written."""
        return not (self.steps or self.opened or self.told or self.changes)


def merged(several: Iterable[Rows]) -> Rows:
    """Put together what is written in one transaction."""
    rows = Rows()
    for more in several:
        rows.steps += more.steps
        rows.opened += more.opened
        rows.told += more.told
        rows.changes += more.changes
    return rows


def rows_of(records: Sequence[Record], first_step: int) -> Rows:
    """Work out what records change; their steps are numbered from ``first_step`` on."""
    rows = Rows()
    for number, record in enumerate(records, first_step):
        if isinstance(record, Concluded):
            report = encoded(record.report)
            rows.steps.append((number, *concluded_row(record, report)))
            _conclude(rows, record, number, report.decode())
        else:
            rows.steps.append((number, *step_row(record)))
            if isinstance(record, RequestOpened):
                rows.opened.append(_opened(record, number))
            elif not isinstance(record, _STEPS_ALONE):
                rows.changes.extend(_changes(record))
    return rows


_STEPS_ALONE: Final = (SendMade, SendForwarded, SendAnswered, Observed)
"""What changes no other table; most records are of these."""


def binding_rows(account: AccountName, venue: str, environment: str, venue_user_id: str) -> Rows:
    """Write down whose key an account's name stands for."""
    return Rows((_BINDING, (account, venue, environment, venue_user_id)))


def tie_rows(tie: Tie) -> Rows:
    """Write down a scope that is bound to a client's life."""
    return Rows((_TIED, (tie.binding, tie.scope.account, tie.caller.uid, tie.bound_us, to_json(tie))))


def untie_rows(binding: BindingId) -> Rows:
    """Strike a binding that is over."""
    return Rows((_UNTIED, (binding,)))


def reservation_rows(seq_to: int) -> Rows:
    """Reserve the outcome numbers below ``seq_to``."""
    return Rows((_RESERVED, (seq_to,)))


def giving_back_rows(seq_next: int) -> Rows:
    """Give the outcome numbers from ``seq_next`` on back: none of them was handed out, and none will be."""
    return Rows((_GIVEN_BACK, (seq_next,)))


def taken_in(receipt: int) -> Change:
    """Note that receipts up to this number are here that were in the intake (`daemon.edge.journal.intake`)."""
    return _TAKEN_IN, (receipt,)


def write(db: sqlite3.Connection, rows: Rows, now_us: int, rest: Callable[[], None] = lambda: None) -> None:
    """Carry out changes in the open transaction, with a ``rest`` now and then where they are many."""
    _insert(db, _STEP, rows.steps, rest)
    _insert(db, _OPENED, [(*opened, now_us) for opened in rows.opened], rest)
    _insert(db, _TOLD, rows.told, rest)
    for number, (statement, values) in enumerate(rows.changes, 1):
        db.execute(statement, values)
        if number % ROWS_TO_REST == 0:
            rest()


def _insert(
    db: sqlite3.Connection, statement: str, rows: Sequence[tuple[Value, ...]], rest: Callable[[], None]
) -> None:
    """Insert rows by a statement that ends where their places begin, with few calls. Raises sqlite3.Error."""
    done = 0
    for count in ROWS_AT_ONCE:
        while len(rows) - done >= count:
            _insert_at_once(db, statement, rows[done : done + count])
            done += count
            if count >= ROWS_TO_REST:
                rest()


def _insert_at_once(db: sqlite3.Connection, statement: str, rows: Sequence[tuple[Value, ...]]) -> None:
    """Insert a few rows, one at least, by one call, which outside of a transaction is one. Raises sqlite3.Error."""
    db.execute(_of_rows(statement, len(rows), len(rows[0])), [*chain.from_iterable(rows)])


@lru_cache(maxsize=64)
def _of_rows(statement: str, count: int, width: int) -> str:
    """Give a statement its places for so many rows. There are few statements, each again and again."""
    one = f"({', '.join('?' * width)})"
    return statement + ", ".join([one] * count)


def _opened(record: RequestOpened, step: int) -> tuple[Value, ...]:
    request = record.request
    key, caller = request.key, request.caller
    return (
        key.request_id,
        key.account,
        key.uid,
        record.case,
        request.product,
        request.instrument,
        request.order_id,
        request.client_order_id,
        request.priority.value,
        request.deadline_us,
        request.received_us,
        caller.gid,
        caller.pid,
        caller.client,
        to_json(request.venue_params),
        record.case,
        step,
    )


def _changes(record: Record) -> Iterable[Change]:
    match record:
        case Moved(key=key, into=into):
            yield _MOVED, (into, key.request_id, key.account, key.uid)
        case Bound(case=case_id, order_id=order_id):
            yield _BOUND, (order_id, case_id)
        case BulkOpened(intent=intent):
            values = (intent.bulk, intent.name, intent.caller.uid, intent.cause, intent.received_us, to_json(intent))
            yield _BULK, values
        case BulkEnded(report=report):
            yield _BULK_ENDED, (int(report.complete), to_json(report), record.t, record.case)
        case BulkCorrected(report=report):
            yield _BULK_CORRECTED, (int(report.complete), to_json(report), record.case)


def _conclude(rows: Rows, record: Concluded, step: int, written: str) -> None:
    """Tell the word; ``written`` is its report in JSON."""
    key, report = record.key, record.report
    name = (key.request_id, key.account, key.uid)
    outcome = report.outcome.value
    seq = report.seq or -step  # without a number when there was none left to give: kept, but not replayed
    previous = None if record.previous is None else to_json(record.previous)
    rows.told.append((seq, *name, report.order_id, record.t, report.revision, outcome, written, previous))
    values = (outcome, seq, seq, report.revision, record.t, report.order_id, *name)
    rows.changes.append((_CONCLUDED, values))
