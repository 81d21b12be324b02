"""Folding the journal's log into its file: in quiet moments, and beside the commits where there is none."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, JournalState
from daemon.edge.journal.schema import connect
from tests.edge.journal_gate import Gate
from tests.edge.journal_world import a_journal, keep, rows, whole_story


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def folding() -> Iterator[Gate]:
    """A disk that folds no log while it is closed."""
    gate = Gate("PRAGMA wal_checkpoint(PASSIVE)")
    yield gate
    gate.is_open.set()


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No moment is quiet, and every log is long."""
    monkeypatch.setattr("daemon.edge.journal.writer.CHECKPOINT_PAGES_MAX", 1)
    monkeypatch.setattr("daemon.edge.journal.writer.QUIET_S", 1e9)


async def test_closing_folds_the_log_into_the_file(path: Path) -> None:
    with a_journal(path) as held:
        held.append(whole_story("a", held.next_seq()))
    assert not path.with_name(f"{path.name}-wal").exists()
    assert rows(path, "SELECT count(*) FROM steps") == [(6,)]


async def test_closing_folds_the_log_in_beside_an_operator_who_looks(path: Path) -> None:
    with closing(sqlite3.connect(path)) as operator:
        with a_journal(path) as held:
            held.append(whole_story("a", held.next_seq()))
            assert operator.execute("SELECT count(*) FROM meta").fetchone() == (3,)
        assert path.with_name(f"{path.name}-wal").stat().st_size == 0


def times_begun(log: Path) -> bytes:
    """Read how often the log was begun: the checkpoint sequence number of its header (SQLite, "WAL file format")."""
    return log.read_bytes()[12:16]


async def keep_fifty(held: Journal) -> None:
    """Have fifty stories committed, one after the other, each waited for."""
    for number in range(50):
        await keep(held, whole_story(f"r{number}", held.next_seq()))


@pytest.mark.usefixtures("busy")
async def test_a_long_log_is_folded_in_though_somebody_waits(path: Path) -> None:
    with a_journal(path) as held:
        empty = path.stat().st_size
        await keep_fifty(held)
        while path.stat().st_size == empty:
            await asyncio.sleep(0)


@pytest.mark.usefixtures("busy")
async def test_receipts_do_not_wait_while_a_long_log_is_folded_in(path: Path, folding: Gate) -> None:
    with a_journal(path, connecting=folding.connect) as held:
        empty = path.stat().st_size
        folding.close()
        await keep(held, whole_story("first", held.next_seq()))
        await folding.arrival()
        await keep_fifty(held)
        assert path.stat().st_size == empty
        folding.is_open.set()
        while path.stat().st_size == empty:
            await asyncio.sleep(0)


@pytest.mark.usefixtures("busy")
async def test_the_writer_rests_while_a_log_is_folded_in_beside_it_though_the_moment_is_quiet_by_then(
    path: Path, folding: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.edge.journal.writer.CHECKPOINT_PAGES", 1)
    monkeypatch.setattr("daemon.edge.journal.writer.LOOK_INTERVAL_S", 1e9)
    with a_journal(path, connecting=folding.connect) as held:
        folding.close()
        await keep(held, whole_story("first", held.next_seq()))
        await folding.arrival()
        while held._writer._fold is None:
            await asyncio.sleep(0)
        held._writer._quiet_s = 0.0
        assert held._writer._patience_s() != 0.0
        folding.is_open.set()


@pytest.mark.usefixtures("busy")
async def test_the_log_begins_anew_though_there_is_no_quiet_moment(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    with a_journal(path) as held:
        await keep_fifty(held)
        first = times_begun(log)
        while times_begun(log) == first:
            await keep_fifty(held)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


class Starved:
    """A disk on which the first fold never gets on."""

    def __init__(self) -> None:
        self.folds = 0

    def connect(self, path: Path) -> sqlite3.Connection:
        starved = self

        class Slow(sqlite3.Connection):
            def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
                if sql == "PRAGMA wal_checkpoint(PASSIVE)":
                    starved.folds += 1
                    if starved.folds == 1:
                        return super().execute(ENDLESS)
                return super().execute(sql, *values)  # type: ignore[arg-type]  # as they came

        return connect(path, Slow)


@pytest.mark.usefixtures("busy")
async def test_a_fold_that_does_not_get_on_is_broken_off_before_the_log_is_too_long(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.edge.journal.writer.LOG_PAGES_MAX", 300)
    starved = Starved()
    with a_journal(path, connecting=starved.connect) as held:
        empty = path.stat().st_size
        await keep(held, whole_story("first", held.next_seq()))
        while path.stat().st_size == empty:
            await keep_fifty(held)
        assert starved.folds > 1


@pytest.mark.usefixtures("busy")
async def test_closing_breaks_a_fold_off_and_folds_everything_in(path: Path, folding: Gate) -> None:
    with a_journal(path, connecting=folding.connect) as held:
        folding.close()
        await keep(held, whole_story("first", held.next_seq()))
        await folding.arrival()
        is_closed = asyncio.create_task(asyncio.to_thread(held.close))
        folding.is_open.set()
        await is_closed
    assert not path.with_name(f"{path.name}-wal").exists()
    assert rows(path, "SELECT request_id FROM requests") == [("first",)]


@pytest.mark.usefixtures("busy")
async def test_a_log_that_is_taken_away_while_it_is_folded_costs_nothing(path: Path, folding: Gate) -> None:
    with a_journal(path, connecting=folding.connect) as held:
        told: asyncio.Queue[JournalState] = asyncio.Queue()
        held.on_state_change = lambda state, _: told.put_nowait(state)
        folding.close()
        await keep(held, whole_story("first", held.next_seq()))
        await folding.arrival()
        path.with_name(f"{path.name}-wal").unlink()
        folding.is_open.set()
        assert await told.get() is JournalState.FAILED
        assert await told.get() is JournalState.OK
        await keep(held, whole_story("second", held.next_seq()))
    assert rows(path, "SELECT request_id FROM requests ORDER BY opened_step") == [("first",), ("second",)]


async def test_a_log_is_folded_in_once_nobody_has_waited_for_a_while(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.edge.journal.writer.CHECKPOINT_PAGES", 1)
    with a_journal(path) as held:
        empty = path.stat().st_size
        await keep_fifty(held)
        while path.stat().st_size == empty:
            await asyncio.sleep(0)


async def test_a_log_is_not_folded_in_between_receipts_that_follow_each_other_closely(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.edge.journal.writer.CHECKPOINT_PAGES", 1)
    monkeypatch.setattr("daemon.edge.journal.writer.QUIET_S", 1e9)
    with a_journal(path) as held:
        empty = path.stat().st_size
        await keep_fifty(held)
        assert path.stat().st_size == empty
