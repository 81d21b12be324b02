"""A journal as JSON lines: everything that it holds, row by row, for a support case, an audit or another database.

The first line says what file it is; then come lives, accounts, requests, bulk cancels, bindings, steps and outcomes,
and after a crash the receipts that the next start will take in, each as an object whose ``row`` says which. Columns
keep their names; JSON columns are written as JSON, a frame as text, or in hex where it is none. A journal holds no
credentials; all the same, what looks like a secret in a venue's own frame is dotted out, as in a log. It reads in one
transaction, so that it may look beside a running daemon. Of a damaged file it gives what can be read: bytes that are no
text are replaced, and a table that breaks off keeps back no other.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.edge.journal.codec import to_json
from daemon.edge.journal.intake import path_of, standing, waiting
from daemon.edge.journal.schema import cannot_use, open_for_looking, version_of
from daemon.edge.logclean import without_secrets
from protocols.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from daemon.edge.journal.intake import Left, Standing

Cell = str | int | None | msgspec.Raw
ROWS: Final = (
    ("life", "SELECT * FROM lives ORDER BY boot", 2),
    ("account", "SELECT * FROM accounts ORDER BY account", 1),
    ("request", "SELECT * FROM requests ORDER BY opened_step", 1),
    ("bulk", "SELECT * FROM bulks ORDER BY received_us", 3),
    ("binding", "SELECT * FROM bindings ORDER BY bound_us", 4),
    ("step", "SELECT * FROM steps ORDER BY id", 1),
    ("outcome", "SELECT * FROM outcomes ORDER BY seq", 1),
)
"""What a row is called, where it stands, and the first format that has it."""
JSON_COLUMNS: Final = frozenset({"venue_params", "body", "report", "previous", "intent", "tie"})


def export(path: Path) -> Iterator[bytes]:
    """Give the lines, one by one, without ends. Raises `JournalError`, after the last line if some are missing."""
    missing: sqlite3.Error | None = None
    try:
        with closing(open_for_looking(path)) as db:
            db.text_factory = _text
            seen, unread = _standing(path_of(path))
            db.execute("BEGIN")  # one view of the file for all rows
            version = version_of(path, db)
            yield msgspec.json.encode({"row": "journal", "format": version, **_meta(db)})
            for kind, question, since in ROWS:
                if version >= since:
                    try:
                        yield from (msgspec.json.encode(_cells(kind, row)) for row in db.execute(question))
                    except sqlite3.Error as trouble:
                        missing = missing or trouble
            try:
                receipts, problems = waiting(seen, db)
            except sqlite3.Error as trouble:
                missing = missing or trouble
            else:
                yield from map(_receipt, receipts)
                unread = unread or _unreadable(path_of(path), problems)
    except sqlite3.Error as trouble:
        raise cannot_use(path, trouble) from trouble
    if missing is not None:
        raise cannot_use(path, missing) from missing
    if unread is not None:
        raise unread


def _standing(intake: Path) -> tuple[Standing, JournalError | None]:
    try:
        return standing(intake), None
    except JournalError as trouble:  # the journal itself is to be read all the same
        return ([], []), trouble


def _unreadable(intake: Path, problems: list[str]) -> JournalError | None:
    fix = "`canceld journal verify` names all that is; the next start keeps it under another name"
    return JournalError(str(intake), problems[0], fix) if problems else None


def _receipt(left: Left) -> bytes:
    """Give what is in the intake and not in the journal."""
    row = {"row": "receipt", "written_us": left.written_us, "records": msgspec.Raw(to_json(left.records).encode())}
    return msgspec.json.encode(row)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _meta(db: sqlite3.Connection) -> dict[str, int]:
    return dict(db.execute("SELECT name, value FROM meta ORDER BY name").fetchall())


def _cells(kind: str, row: sqlite3.Row) -> dict[str, Cell]:
    cells: dict[str, Cell] = {"row": kind}
    for name in row.keys():  # noqa: SIM118 - a row is a sequence of values, not a mapping
        value = row[name]
        if isinstance(value, bytes):
            cells |= _frame(value)
        else:
            cells[name] = _as_json(value) if name in JSON_COLUMNS and isinstance(value, str) else value
    return cells


def _frame(raw: bytes) -> dict[str, str]:
    try:
        return {"frame": without_secrets(raw.decode())}
    except UnicodeDecodeError:
        return {"frame_hex": raw.hex()}


def _as_json(text: str) -> Cell:
    """Give JSON as it stands; what is none, in a damaged row, as text."""
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return msgspec.Raw(text.encode())
