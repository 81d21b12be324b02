"""Folding the journal's log into its file: in quiet moments, and between two commits where there is none."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.edge.journal import Journal
from tests.edge.journal_world import a_journal, keep, rows, whole_story


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


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
async def test_the_log_begins_anew_though_there_is_no_quiet_moment(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    with a_journal(path) as held:
        await keep_fifty(held)
        first = times_begun(log)
        while times_begun(log) == first:
            await keep_fifty(held)


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
