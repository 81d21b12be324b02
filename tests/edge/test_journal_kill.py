"""``kill -9`` at each step of the journal: what was told to be durable is there, and no outcome number comes twice."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.edge.journal.verify import verify
from tests.edge.journal_world import a_journal, rows

# Commits: 1 makes the tables, 2 begins the life, then one a story, with reservations and forgetting among them.
STEPS = [
    *((statement, number, when) for number in range(1, 9) for statement in ("COMMIT",) for when in ("before", "after")),
    ("CREATE", 3, "after"),
    ("PRAGMA journal_mode", 1, "after"),
    ("BEGIN", 4, "after"),
    ("INSERT OR REPLACE INTO outcomes", 2, "before"),
    ("UPDATE requests", 2, "after"),
    ("UPDATE meta", 3, "after"),
    ("SELECT id, t_us", 1, "before"),
    ("told", 1, "before"),
    ("told", 6, "before"),
]


RECEIPTS = [
    *(("COMMIT", number, when) for number in range(3, 12) for when in ("before", "after")),
    *(("receipt", number, when) for number in (1, 2, 3, 4, 6, 9, 17) for when in ("before", "within", "after")),
    ("begin", 1, "before"),
    ("begin", 1, "within"),
    ("begin", 1, "after"),
    ("INSERT OR REPLACE INTO steps", 1, "before"),
    ("INSERT OR REPLACE INTO requests", 1, "after"),
    ("told", 1, "before"),
    ("told", 9, "before"),
]


def live_and_die(path: Path, statement: str, number: int, when: str, *what: str) -> tuple[list[int], list[str]]:
    """Let a process journal until it is killed; give the numbers and the words that it had."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.edge.journal_victim", str(path), statement, str(number), when, *what],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    lines = [line.split() for line in ended.stdout.decode().splitlines()]
    return (
        [int(word) for kind, word in lines if kind == "seq"],
        [word for kind, word in lines if kind == "told"],
    )


@pytest.mark.parametrize(("statement", "number", "when"), STEPS)
def test_what_was_told_outlives_a_kill_and_no_number_comes_twice(
    tmp_path: Path, statement: str, number: int, when: str
) -> None:
    path = tmp_path / "journal.sqlite"
    numbers, told = live_and_die(path, statement, number, when)
    with a_journal(path) as journal:
        assert set(told) <= {
            name for (name,) in rows(path, "SELECT request_id FROM requests WHERE outcome = 'canceled'")
        }
        assert (
            rows(path, "SELECT request_id FROM requests WHERE outcome IS NULL") == []
        )  # a group is whole or not there
        assert rows(path, "SELECT count(*) FROM steps") == [(6 * len(rows(path, "SELECT * FROM outcomes")),)]
        assert journal.next_seq() > max(numbers, default=0)


@pytest.mark.parametrize(("statement", "number", "when"), RECEIPTS)
def test_a_receipt_that_was_told_outlives_a_kill_and_its_request_is_there_once(
    tmp_path: Path, statement: str, number: int, when: str
) -> None:
    path = tmp_path / "journal.sqlite"
    _, told = live_and_die(path, statement, number, when, "receipts")
    with a_journal(path):
        assert set(told) <= {name for (name,) in rows(path, "SELECT request_id FROM requests")}
        begun = rows(path, "SELECT count(*) FROM requests")
        assert rows(path, "SELECT count(*) FROM steps WHERE kind = 'request_opened'") == begun
        assert rows(path, "SELECT count(*) FROM steps WHERE kind = 'send_made'") == begun
    assert verify(path).findings == []


def test_no_number_comes_twice_over_many_killed_lives(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    given: list[int] = []
    for number in range(1, 8):
        numbers, _ = live_and_die(path, "told", number, "before")
        given += numbers
    assert len(given) == sum(range(1, 8))
    assert given == sorted(set(given))
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
