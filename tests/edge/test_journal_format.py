"""A journal of an older format is brought up to the present one, all of it or nothing; no other is touched."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from daemon.edge.journal import JournalState, schema
from daemon.edge.journal.schema import VERSION
from daemon.edge.journal.verify import verify
from protocols.errors import JournalError
from tests.edge.journal_world import HOUR_US, T0, a_journal, keep, key, opened, rows, whole_story

FORMAT_1 = Path(__file__).parent / "old" / "journal_format_1.sql"
"""A journal of canceld 0.1.0 with a whole story, a request without an outcome, and a bound account."""
CONTENT = ("SELECT * FROM requests", "SELECT * FROM steps", "SELECT * FROM outcomes", "SELECT * FROM accounts")
DIES = """
import os, signal, sqlite3, sys
from pathlib import Path
from daemon.edge.journal import Journal, lock_journal
from daemon.edge.journal.schema import connect

class Dying(sqlite3.Connection):
    def execute(self, sql, *values):
        if sql.startswith(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(sql, *values)

path = Path(sys.argv[1])
Journal.open(path, lock_journal(path), connect=lambda path: connect(path, Dying))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file as the older version left it."""
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FORMAT_1.read_text())
    return path


def shape_of(path: Path) -> set[tuple[object, ...]]:
    return set(rows(path, "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))


async def test_an_older_journal_is_brought_up_and_nothing_in_it_is_lost(path: Path, tmp_path: Path) -> None:
    assert rows(path, "PRAGMA user_version") == [(1,)]
    before = [rows(path, question) for question in CONTENT]
    with a_journal(path) as held:
        assert rows(path, "PRAGMA user_version") == [(VERSION,)]
        assert [rows(path, question) for question in CONTENT] == before
        assert (held.boot, held.next_seq()) == (2, 2)
        assert [case.case for case in held.recover(T0 + HOUR_US, 0).cases] == ["case-b"]
        found = await held.lookup(key("a"))
        assert found is not None
        assert found.first is not None
        assert found.first.outcome == "canceled"
        await keep(held, [opened("c")])
    with a_journal(tmp_path / "new.sqlite"):
        pass
    assert shape_of(path) == shape_of(tmp_path / "new.sqlite")
    assert verify(path).findings == []


def test_an_older_journal_is_verified_as_it_is(path: Path) -> None:
    seen = verify(path)
    assert (seen.version, seen.findings, seen.counts["requests"]) == (1, [], 2)
    assert rows(path, "PRAGMA user_version") == [(1,)]


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE lives", "INSERT INTO meta", "DROP INDEX", "PRAGMA user_version =", "COMMIT"]
)
async def test_a_kill_while_it_is_brought_up_leaves_the_older_one_or_the_newer_one(path: Path, statement: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DIES, str(path), statement], cwd=Path(__file__).parents[2], check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert rows(path, "PRAGMA user_version") == [(1,)]
    assert verify(path).findings == []
    with a_journal(path) as held:
        assert held.state is JournalState.OK
        await keep(held, whole_story("c", held.next_seq()))
    assert verify(path).findings == []


def test_a_format_that_never_was_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 0")
    what = "its format is 0, which no canceld wrote; keep the file aside"
    with pytest.raises(JournalError, match=what), a_journal(path):
        pass
    assert rows(path, "PRAGMA user_version") == [(0,)]


def test_every_older_format_has_its_way_up() -> None:
    assert set(schema.MIGRATIONS) == set(range(1, VERSION))
