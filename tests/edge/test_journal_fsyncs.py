"""What shares an fsync: records that nobody waits for are committed without one of their own, and lost with none."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, JournalState
from daemon.edge.journal.schema import connect
from daemon.edge.journal.writer import UNSYNCED_GROUPS_MAX
from tests.edge.journal_world import a_journal, keep, observed, opened, rows, written

SYNC = "UPDATE meta SET value = value"
"""What the writer commits where there is nothing else to commit an fsync with."""


class Disk:
    """Notes for each commit whether it was fsync'ed; the fsync of a burst's end fails as long as it ``is_broken``."""

    def __init__(self) -> None:
        self.commits: list[bool] = []
        self.is_broken = False

    def connect(self, path: Path) -> sqlite3.Connection:
        disk = self

        class Watched(sqlite3.Connection):
            def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
                if disk.is_broken and sql.startswith(SYNC):
                    raise sqlite3.OperationalError("disk I/O error")
                if sql == "COMMIT":
                    disk.commits.append(super().execute("PRAGMA synchronous").fetchone() == (2,))
                return super().execute(sql, *values)  # type: ignore[arg-type]  # as they came

        return connect(path, Watched)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def disk() -> Disk:
    return Disk()


async def until_nothing_is_held(held: Journal) -> None:
    while held.records_held:
        await asyncio.sleep(0.001)


async def until_it_is(held: Journal, state: JournalState) -> None:
    changed = asyncio.Event()
    held.on_state_change = lambda *_: changed.set()
    while held.state is not state:
        await changed.wait()
        changed.clear()


def cases(path: Path) -> list[object]:
    return [case for (case,) in rows(path, "SELECT case_id FROM steps WHERE kind = 'observed' ORDER BY id")]


async def test_a_burst_that_nobody_waits_for_takes_one_fsync(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        await keep(held, [opened("a")])
        disk.commits.clear()
        for number in range(100):
            held.append([observed(f"case-{number}")])
        await until_nothing_is_held(held)
        assert disk.commits[-1] is True
        assert len(disk.commits) > 2
        assert not any(disk.commits[:-1])


async def test_a_receipt_is_never_without_its_fsync(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        held.append([observed("case-a")])
        await until_nothing_is_held(held)
        disk.commits.clear()
        await keep(held, [opened("a")])
        assert disk.commits[:1] == [True]


async def test_a_long_burst_is_fsynced_on_its_way(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        for number in range(3 * UNSYNCED_GROUPS_MAX):
            held.append([observed(f"case-{number}")])
        await until_nothing_is_held(held)
        assert sum(disk.commits) >= 3


async def test_what_an_fsync_lost_is_written_again(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        await keep(held, [opened("a")])
        disk.is_broken = True
        held.append([observed("case-a"), observed("case-b")])
        await until_it_is(held, JournalState.FAILED)
        assert held.records_held == 2
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("DELETE FROM steps WHERE kind = 'observed'")
        disk.is_broken = False
        await until_it_is(held, JournalState.OK)
        assert held.records_held == 0
        assert cases(path) == ["case-a", "case-b"]


async def test_who_waits_for_all_before_it_waits_for_their_fsync(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        await keep(held, [opened("a")])
        disk.is_broken = True
        held.append([observed("case-a")])
        assert await written(held) is False
        assert held.records_held == 1
        disk.is_broken = False
        await until_it_is(held, JournalState.OK)
        assert cases(path) == ["case-a"]


async def test_closing_leaves_nothing_without_its_fsync(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        await keep(held, [opened("a")])
        held.append([observed("case-a")])
    assert disk.commits[-1] is True
    assert cases(path) == ["case-a"]
