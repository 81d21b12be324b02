"""The journal's file: its tables, how one connects to it and folds its log, and what a life of the daemon does first.

An operator reads it with ``sqlite3 FILE``: ``.schema`` shows the comments below. Times are microseconds since the
epoch, bodies are JSON. This module knows tables, not records. A file of an older version is brought up to this one in
one transaction, when a daemon opens it; one of a newer version is left alone.

Durable means fsync'ed: in WAL mode ``synchronous=FULL`` has SQLite sync the log before COMMIT returns (NORMAL would
only do so at checkpoints, and serves the writer for what may wait for a later commit's sync), and a new file's folder
is synced once when it is made.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote

import msgspec

from daemon.edge.journal.room import is_nearly_full, require_room, sync_folder
from protocols.errors import JournalError
from protocols.fix import AccountName

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Connect = Callable[[Path], sqlite3.Connection]
    Fold = Literal["PASSIVE", "TRUNCATE"]

APPLICATION_ID: Final = 0x636E636C
"""``cncl``: marks a SQLite file as a journal of canceld."""
VERSION: Final = 7
"""Of the tables below. A file of a higher version is left alone."""
BUSY_TIMEOUT_MS: Final = 2000
"""How long a commit waits for an operator's own write transaction; past that the journal counts as failed."""
PAGE_BYTES: Final = 1024
"""A commit writes every page that it touches, some twenty, mostly of indexes. With SQLite's own 4096 it takes a third
longer, and three times the log."""
WAL_BYTES_KEPT: Final = 64 * 1024 * 1024
"""To what the log is cut after a burst, so that it does not hold the disk for ever."""
SEQ_BLOCK: Final = 10_000_000
"""Outcome numbers reserved at once. Half of it outlasts more than an hour of a failing disk at 1000 outcomes a second;
what a killed daemon leaves unused is a gap, and 2^53 has room for nine hundred million of them."""

LIVES: Final = """CREATE TABLE lives ( -- lives of the daemon of which something is kept; within one seq has no hole
  boot INTEGER PRIMARY KEY,
  seq_from INTEGER NOT NULL,     -- its first outcome's number
  began_us INTEGER NOT NULL
)"""
FORGOTTEN: Final = "INSERT INTO meta VALUES ('forgotten_before', 0)"
BULKS: Final = """CREATE TABLE bulks ( -- one row a bulk cancel; its orders stand in requests, as request_id/NUMBER
  bulk_id TEXT PRIMARY KEY,      -- steps.case_id of its story
  request_id TEXT NOT NULL,
  uid INTEGER NOT NULL,
  cause TEXT NOT NULL,           -- what started it
  received_us INTEGER NOT NULL,
  intent TEXT NOT NULL,          -- JSON
  complete INTEGER,              -- 1: nothing that was meant rests; null: it is not over
  report TEXT,                   -- JSON
  ended_us INTEGER
)"""
BULKS_NAMED: Final = "CREATE INDEX bulks_request ON bulks (request_id)"
BULKS_ENDED: Final = "CREATE INDEX bulks_ended ON bulks (ended_us)"
TIES: Final = """CREATE TABLE bindings ( -- orders bound to a client's life; a binding that is over has no row
  binding_id TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  uid INTEGER NOT NULL,
  bound_us INTEGER NOT NULL,
  tie TEXT NOT NULL              -- JSON
) WITHOUT ROWID"""
DOUBTFUL: Final = "CREATE INDEX requests_doubtful ON requests (case_id) WHERE outcome = 'in_doubt'"
"""Few requests are ever in it, so it costs none of the others anything."""
SPARED: Final = tuple(
    f"DROP INDEX IF EXISTS {name}" for name in ("requests_open", "requests_order", "requests_received", "steps_order")
)
"""Indexes that no question of ours needs: a cancel's commits spent a third of their time on them."""
TABLES: Final = (
    """CREATE TABLE meta ( -- boot: lives of the daemon so far; seq_reserved: no outcome has this number or a higher one
                       -- forgotten_before: what is older than this time may have been forgotten
                       -- receipts: number of the last one that was in the file beside this one and is here
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID""",
    LIVES,
    """CREATE TABLE accounts ( -- whose key each account's name stood for
  account TEXT PRIMARY KEY,
  venue TEXT NOT NULL,
  environment TEXT NOT NULL,
  venue_user_id TEXT NOT NULL
) WITHOUT ROWID""",
    """CREATE TABLE requests ( -- one row a cancel request; what it was told stands in outcomes, how it went in steps
  request_id TEXT NOT NULL,
  account TEXT NOT NULL,
  uid INTEGER NOT NULL,
  case_id TEXT NOT NULL,         -- the case that it is in now
  product TEXT NOT NULL,
  instrument TEXT NOT NULL,
  order_id TEXT,                 -- as asked
  client_order_id TEXT,          -- as asked
  found_order_id TEXT,           -- as learnt
  priority TEXT NOT NULL,
  deadline_us INTEGER,
  received_us INTEGER NOT NULL,
  gid INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  client TEXT NOT NULL,
  venue_params TEXT NOT NULL,    -- JSON
  opened_case TEXT NOT NULL,     -- the case that it was in first
  opened_step INTEGER NOT NULL,  -- steps.id of its opening
  recorded_us INTEGER NOT NULL,  -- when this row was written
  outcome TEXT,                  -- the latest one; null: none yet
  first_seq INTEGER,             -- outcomes.seq of the first word about it
  seq INTEGER,                   -- outcomes.seq of the latest word about it
  revision INTEGER NOT NULL DEFAULT 0,
  ended_us INTEGER,              -- of the latest outcome; null: none yet
  PRIMARY KEY (request_id, account, uid)
)""",
    DOUBTFUL,
    "CREATE INDEX requests_case ON requests (case_id)",
    "CREATE INDEX requests_ended ON requests (ended_us)",
    """CREATE TABLE steps ( -- everything that happened, in order; only ever added to
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  case_id TEXT NOT NULL,
  t_us INTEGER NOT NULL,
  kind TEXT NOT NULL,
  order_id TEXT,
  digest TEXT,                   -- BLAKE2b-128 of the frame
  body TEXT NOT NULL,            -- JSON
  frame BLOB                     -- what the venue sent, raw, if it was kept
)""",
    "CREATE INDEX steps_case ON steps (case_id)",
    """CREATE TABLE outcomes ( -- every outcome (revision 0) and every correction, as it was told
  seq INTEGER PRIMARY KEY,
  request_id TEXT NOT NULL,
  account TEXT NOT NULL,
  uid INTEGER NOT NULL,
  order_id TEXT,
  t_us INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  report TEXT NOT NULL,          -- JSON
  previous TEXT                  -- JSON; null with revision 0
)""",
    "CREATE INDEX outcomes_request ON outcomes (request_id, account, uid)",
    "CREATE INDEX outcomes_account ON outcomes (account)",
    "CREATE INDEX outcomes_order ON outcomes (order_id) WHERE order_id IS NOT NULL",
    BULKS,
    BULKS_NAMED,
    BULKS_ENDED,
    TIES,
    "INSERT INTO meta VALUES ('boot', 0), ('seq_reserved', 1)",
    FORGOTTEN,
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)
MIGRATIONS: Final = {
    1: (LIVES, FORGOTTEN),
    2: (BULKS, BULKS_NAMED, BULKS_ENDED),
    3: (TIES,),
    4: (DOUBTFUL, *SPARED),
    5: (),  # the same tables, with an intake beside them, which an older canceld would not look into
    6: (),  # the intake is no database any more, and an older canceld would put it aside as a damaged one
}
"""What brings the tables of each older version to those of the next."""


class Binding(msgspec.Struct, frozen=True):
    """Whose key an account's name stood for when it was first used."""

    venue: str
    environment: str
    venue_user_id: str


class Life(msgspec.Struct, frozen=True):
    """What one opening of the journal begins with: its boot and the outcome numbers ``seq_from <= n < seq_to``."""

    boot: int
    seq_from: int
    seq_to: int
    next_step: int
    bindings: dict[AccountName, Binding]


def connect(path: Path, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """Open an existing journal for writing, each COMMIT fsync'ed. Raises sqlite3.Error or `JournalError`."""
    wait_s = BUSY_TIMEOUT_MS / 1000
    require_room(path)
    db = sqlite3.connect(_address(path, "rw"), uri=True, isolation_level=None, timeout=wait_s, factory=kind)
    try:
        _write_ahead(path, db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_autocheckpoint = 0")  # the writer does it after it has given its callers their word
        db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
    except BaseException:
        db.close()
        raise
    return db


def fold(db: sqlite3.Connection, mode: Fold) -> bool:
    """Fold the log into the file; say whether nobody kept us from it. Raises sqlite3.Error.

    "PASSIVE" folds what it can without waiting for anybody; "TRUNCATE" waits for those who read or write, and leaves
    the log empty.
    """
    busy: int = db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0]
    return not busy


def connect_for_reading(path: Path) -> sqlite3.Connection:
    """Open a journal that a writer has open; nothing can be written by this connection. Raises sqlite3.Error."""
    if not path.with_name(path.name + "-shm").exists():  # as at the start, when no writer has it open yet
        require_room(path)
    db = sqlite3.connect(
        _address(path, "ro"),
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_MS / 1000,
        check_same_thread=False,  # one thread uses it at a time: it is closed from outside after its thread has ended
    )
    db.row_factory = sqlite3.Row
    return db


def open_for_looking(path: Path) -> sqlite3.Connection:
    """Open a journal, or a copy of one, as a stranger: a daemon may be writing it, and nothing of it is changed.

    Raises `JournalError` when there is no such file, and sqlite3.Error.
    """
    if not path.is_file():
        what = "it is not a file" if path.exists() else "there is no such file"
        raise JournalError(str(path), what, "name the file of [daemon] journal, or a copy of it")
    db = connect_for_reading(path)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as trouble:
        db.close()
        is_shut = getattr(trouble, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CANTOPEN
        if not is_shut or path.with_name(path.name + "-wal").exists():
            raise
        db = sqlite3.connect(_address(path, "ro") + "&immutable=1", uri=True)  # at rest, where nothing can be written
        db.row_factory = sqlite3.Row
    return db


def version_of(path: Path, db: sqlite3.Connection) -> int:
    """Give the format of a journal. Raises `JournalError` for what is none, or a newer one, and sqlite3.Error."""
    mark, version = _number(db, "PRAGMA application_id"), _number(db, "PRAGMA user_version")
    if mark != APPLICATION_ID:
        raise JournalError(str(path), "it is not a journal of canceld", "name the file of [daemon] journal, or a copy")
    _check_version(path, version)
    return version


def begin_life(path: Path, connecting: Connect, now_us: int) -> Life:
    """Make the file if there is none, check that it is a journal that we understand, and begin a new life, durably.

    Raises `JournalError`.
    """
    try:
        make_file(path)
        with closing(connecting(path)) as db:
            _check_or_create(path, db)
            return _next_life(db, now_us)
    except sqlite3.Error as trouble:
        raise cannot_use(path, trouble) from trouble
    except OSError as trouble:
        raise JournalError(
            str(path),
            f"it cannot be opened ({trouble.strerror})",
            "make the file and its folder writable for the user that the daemon runs as",
        ) from trouble


def cannot_use(path: Path, trouble: sqlite3.Error) -> JournalError:
    """Say what SQLite's trouble with a journal means for its operator."""
    code = getattr(trouble, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # without one it is our own word for nonsense
    code = sqlite3.SQLITE_FULL if is_for_want_of_room(path, trouble) else code & 0xFF  # the upper bytes refine it
    return JournalError(str(path), str(trouble) or type(trouble).__name__, _FIXES.get(code, _FIX))


def is_for_want_of_room(path: Path, trouble: sqlite3.Error) -> bool:
    """Whether SQLite's trouble says nothing of a journal, but that its disk is full."""
    code = getattr(trouble, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code == sqlite3.SQLITE_IOERR:  # as when a log's index gets no room
        return is_nearly_full(path)
    return bool(code == sqlite3.SQLITE_FULL)


_ASIDE = "it is damaged: stop the daemon, keep the file aside, try `sqlite3 FILE .recover`, or begin with an empty one"
_FIX = "look at its disk and its permissions"
_FIXES: Final = {
    sqlite3.SQLITE_ERROR: _ASIDE,  # a table or a column is not there
    sqlite3.SQLITE_CORRUPT: _ASIDE,
    sqlite3.SQLITE_NOTADB: _ASIDE,
    sqlite3.SQLITE_FULL: "free some space on its disk",
    sqlite3.SQLITE_BUSY: "close the program that holds a write transaction on it",
    sqlite3.SQLITE_LOCKED: "close the program that holds a write transaction on it",
}


def _write_ahead(path: Path, db: sqlite3.Connection) -> None:
    db.execute(
        f"PRAGMA page_size = {PAGE_BYTES}"
    )  # this and the next while the file is empty; later it changes nothing
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    mode = _number_or_word(db, "PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise JournalError(str(path), f"its folder takes no write-ahead log ({mode})", "put it on a local disk")


def _address(path: Path, mode: str) -> str:
    return f"file:{quote(str(path))}?mode={mode}"


def make_file(path: Path) -> None:
    """Have a file that only its owner can read. SQLite gives its log and index the same mode. Raises OSError."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    if is_new:
        sync_folder(path)


def _check_or_create(path: Path, db: sqlite3.Connection) -> None:
    mark, version = _number(db, "PRAGMA application_id"), _number(db, "PRAGMA user_version")
    if (mark, version) == (0, 0) and not _number(db, "SELECT count(*) FROM sqlite_master"):
        db.execute("BEGIN IMMEDIATE")
        for statement in TABLES:
            db.execute(statement)
        db.execute("COMMIT")
        return
    if mark != APPLICATION_ID:
        raise JournalError(str(path), "it is the database of another program", "name another file in [daemon] journal")
    _check_version(path, version)
    if version < VERSION:
        _migrate(db, version)


def _check_version(path: Path, version: int) -> None:
    if version > VERSION:
        what = f"a newer canceld wrote it (format {version}; this one knows {VERSION})"
        raise JournalError(str(path), what, "run that canceld, or keep the file aside and begin with an empty one")
    if version != VERSION and version not in MIGRATIONS:
        what = f"its format is {version}, which no canceld wrote"
        raise JournalError(str(path), what, "keep the file aside, and begin with an empty one")


def _migrate(db: sqlite3.Connection, version: int) -> None:
    """Bring the tables up to `VERSION`, all of it or nothing."""
    db.execute("BEGIN IMMEDIATE")
    for older in range(version, VERSION):
        for statement in MIGRATIONS[older]:
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _next_life(db: sqlite3.Connection, now_us: int) -> Life:
    db.execute("BEGIN IMMEDIATE")
    seq_from = _number(db, "SELECT value FROM meta WHERE name = 'seq_reserved'")
    # An outcome above the reservation can only come from a file that was mended by hand; never use its number again.
    seq_from = max(seq_from, _number(db, "SELECT ifnull(max(seq), 0) + 1 FROM outcomes"))
    boot = _number(db, "SELECT value FROM meta WHERE name = 'boot'") + 1
    db.execute("UPDATE meta SET value = ? WHERE name = 'boot'", (boot,))
    db.execute("UPDATE meta SET value = ? WHERE name = 'seq_reserved'", (seq_from + SEQ_BLOCK,))
    db.execute("INSERT INTO lives VALUES (?, ?, ?)", (boot, seq_from, now_us))
    next_step = 1 + _number(db, "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'steps'")
    bindings = {
        AccountName(account): Binding(venue, environment, user)
        for account, venue, environment, user in db.execute(
            "SELECT account, venue, environment, venue_user_id FROM accounts"
        )
    }
    db.execute("COMMIT")
    return Life(boot, seq_from, seq_from + SEQ_BLOCK, next_step, bindings)


def renumber_life(db: sqlite3.Connection, boot: int, anew: int) -> None:
    """Give the life that began last another number, in the open transaction. Raises sqlite3.Error."""
    if anew != boot:
        db.execute("UPDATE lives SET boot = ? WHERE boot = ?", (anew, boot))
        db.execute("UPDATE meta SET value = ? WHERE name = 'boot'", (anew,))


def _number_or_word(db: sqlite3.Connection, question: str) -> object:
    row: tuple[object, ...] | None = db.execute(question).fetchone()
    return None if row is None else row[0]


def _number(db: sqlite3.Connection, question: str) -> int:
    found = _number_or_word(db, question)
    if not isinstance(found, int):
        raise sqlite3.DatabaseError(f"`{question}` gives no number")
    return found
