"""What shares an fsync: records that nobody waits for are committed without one of their own, and lost with none."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, JournalState, writer
from daemon.edge.journal.schema import connect
from daemon.edge.journal.writer import UNSYNCED_GROUPS_MAX
from tests.edge.journal_world import a_journal, keep, observed, opened, rows, written

SYNC = "UPDATE meta SET value = value"
"""What the writer commits where there is nothing else to commit an fsync with."""


class Disk:
    """Notes for each commit whether it was fsync'ed, and each fold by a connection whose fsync had failed; that of a
    burst's end fails as long as it ``is_broken``, and what it should have brought to the disk is ``lost``.
    """

    def __init__(self) -> None:
        self.commits: list[bool] = []
        self.failures = 0
        self.doubtful_folds = 0
        self.is_broken = False
        self.synced = 0
        """How much of the log the last fsync brought to the disk."""
        self.lost = b""

    def connect(self, path: Path) -> sqlite3.Connection:
        disk = self
        log = path.with_name(f"{path.name}-wal")

        class Watched(sqlite3.Connection):
            has_failed = False

            def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
                if disk.is_broken and sql.startswith(SYNC):
                    disk.failures += 1
                    disk.lost = disk.lost or log.read_bytes()[disk.synced :]
                    self.has_failed = True
                    raise sqlite3.OperationalError("disk I/O error")
                disk.doubtful_folds += self.has_failed and sql.startswith("PRAGMA wal_checkpoint")
                if sql == "COMMIT":
                    disk.commits.append(super().execute("PRAGMA synchronous").fetchone() == (2,))
                done = super().execute(sql, *values)  # type: ignore[arg-type]  # as they came
                if sql == "COMMIT" and disk.commits[-1]:
                    disk.synced = log.stat().st_size
                return done

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


async def test_bursts_that_follow_each_other_closely_share_an_fsync(
    path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SYNC_S", 3_600.0)
    with a_journal(path, connecting=disk.connect) as held:
        await keep(held, [opened("a")])
        disk.commits.clear()
        for number in range(3):
            held.append([observed(f"case-{number}")])
            while len(disk.commits) <= number:
                await asyncio.sleep(0.001)
        assert disk.commits == [False] * 3
        assert held.records_held == 3
        await held._catch_up()
        assert disk.commits[3] is True
        assert held.records_held == 0


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


async def test_what_is_committed_after_a_failed_fsync_is_not_written_behind_what_that_lost(
    path: Path, disk: Disk
) -> None:
    with closing(sqlite3.connect(path)) as operator, a_journal(path, connecting=disk.connect) as held:
        assert operator.execute("SELECT count(*) FROM meta").fetchone() == (3,)  # so that the log is not given up
        await keep(held, [opened("a")])
        disk.is_broken = True
        held.append([observed("case-a")])
        await until_it_is(held, JournalState.FAILED)
        at, log = disk.synced, path.with_name(f"{path.name}-wal")
        disk.is_broken = False
        await until_it_is(held, JournalState.OK)
        await keep(held, [opened("later")])
        assert disk.lost
        assert log.read_bytes()[at : at + len(disk.lost)] != disk.lost


async def test_what_an_fsync_lost_is_not_folded_into_the_file_by_the_connection_that_lost_it(
    path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.edge.journal.writer.CHECKPOINT_PAGES_MAX", 1)
    with a_journal(path, connecting=disk.connect) as held:
        await keep(held, [opened("a")])
        disk.is_broken = True
        held.append([observed("case-a")])
        while disk.failures < 2:  # by then it was tried again
            await asyncio.sleep(0.001)
        assert disk.doubtful_folds == 0
        disk.is_broken = False
        await until_it_is(held, JournalState.OK)
