"""A disk that fails: everyone gets a word, what can be kept is kept, and a healed disk heals the journal."""

import asyncio
import itertools
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, JournalState, journal, lock_journal
from daemon.edge.journal.schema import connect
from protocols.errors import JournalError
from protocols.fix import AccountName
from tests.edge.journal_world import a_journal, keep, opened, rows, whole_story, written

Fail = Callable[[str], None]


class Disk:
    """What connections are opened on. A fault is there from the next connection or statement on, until `heal`."""

    def __init__(self) -> None:
        self.pages_left: int | None = None
        self.is_read_only = False
        self.fault: Fail | None = None
        self.connections = 0
        self.connected = threading.Event()

    def connect(self, path: Path) -> sqlite3.Connection:
        disk = self

        class Faulty(sqlite3.Connection):
            def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
                if disk.fault is not None:
                    disk.fault(sql)
                return super().execute(sql, *values)  # type: ignore[arg-type]  # as they came

        db = connect(path, Faulty)
        self.connections += 1
        self.connected.set()
        if self.pages_left is not None:
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {pages + self.pages_left}")
        if self.is_read_only:
            db.execute("PRAGMA query_only = ON")
        return db

    def break_at(self, statement: str) -> None:
        def fail(sql: str) -> None:
            if sql.startswith(statement):
                raise sqlite3.OperationalError("disk I/O error")

        self.fault = fail

    def heal(self) -> None:
        self.pages_left, self.is_read_only, self.fault = None, False, None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def disk() -> Disk:
    return Disk()


class Watch:
    """The states of a journal as they are announced."""

    def __init__(self, journal: Journal) -> None:
        self.seen: list[tuple[str, str]] = []
        self._changed = asyncio.Event()
        journal.on_state_change = self._see

    def _see(self, state: JournalState, why: str) -> None:
        self.seen.append((state.value, why))
        self._changed.set()

    async def until(self, state: str) -> None:
        while not self.seen or self.seen[-1][0] != state:
            self._changed.clear()
            await self._changed.wait()


def names(path: Path) -> list[object]:
    return [name for (name,) in rows(path, "SELECT request_id FROM requests ORDER BY opened_step")]


async def fill(held: Journal) -> list[str]:
    """Append stories until one of them finds no room."""
    told: list[str] = []
    while True:
        told.append(f"r{len(told)}")
        if not await written(held, *whole_story(told[-1], held.next_seq())):
            return told


async def test_a_full_disk_is_said_and_takes_all_that_was_kept_once_there_is_room(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        disk.pages_left = 2
        told = await fill(held)
        assert held.state == "full"
        assert watch.seen == [("full", "database or disk is full")]
        assert held.records_held == 6
        assert await written(held, opened("while full")) is False
        assert names(path) == told[:-1]

        disk.heal()
        await watch.until("ok")
        assert held.why == ""
        assert held.records_held == 0
        await keep(held, [opened("after")])
        assert names(path) == [*told, "while full", "after"]


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT", "UPDATE", "COMMIT"])
async def test_a_disk_that_fails_at_any_statement_loses_nothing_that_was_kept(
    path: Path, disk: Disk, statement: str
) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        await keep(held, [opened("before")])
        disk.break_at(statement)
        assert await written(held, *whole_story("a", held.next_seq())) is False
        assert watch.seen == [("failed", "disk I/O error")]
        failed_with = disk.connections
        assert await written(held, *whole_story("b", held.next_seq())) is False
        disk.heal()
        await watch.until("ok")
        assert disk.connections > failed_with  # after a failed fsync nobody knows what a connection's caches are worth
        assert names(path) == ["before", "a", "b"]
        assert rows(path, "SELECT seq, request_id FROM outcomes") == [(1, "a"), (2, "b")]


async def test_a_disk_that_became_read_only_is_a_failed_one(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        disk.is_read_only = True
        assert await written(held, opened("a")) is False
        assert watch.seen == [("failed", "attempt to write a readonly database")]
        disk.heal()
        await watch.until("ok")
        assert names(path) == ["a"]


async def test_a_failed_disk_is_probed_until_it_heals(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        disk.break_at("COMMIT")
        assert await written(held, opened("a")) is False
        probed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def third_probe(sql: str) -> None:
            if sql == "COMMIT":
                if disk.connections >= 5:
                    loop.call_soon_threadsafe(probed.set)
                raise sqlite3.OperationalError("disk I/O error")

        disk.fault = third_probe
        await probed.wait()
        assert watch.seen == [("failed", "disk I/O error")]
        disk.heal()
        await watch.until("ok")


async def test_a_commit_that_was_called_failed_and_yet_arrived_is_not_written_twice(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        other = connect(path)  # stands for a log that was read back: what follows is in the file already
        await keep(held, [opened("before")])
        disk.break_at("COMMIT")
        story = whole_story("a", held.next_seq())
        assert await written(held, *story) is False
        other.execute(
            "INSERT INTO steps (id, case_id, t_us, kind, body) VALUES (2, 'case-a', 0, 'request_opened', '{}')"
        )
        other.close()
        disk.heal()
        await watch.until("ok")
        assert rows(path, "SELECT count(*), max(id) FROM steps") == [(7, 7)]


async def test_what_is_kept_is_bounded_and_the_rest_is_dropped_and_counted(
    path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "HELD_RECORDS_MAX", 2)
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        disk.break_at("COMMIT")
        for name in ("a", "b", "c"):
            assert await written(held, opened(name)) is False
        assert held.records_dropped == 1
        assert held.records_held == 2
        disk.heal()
        await watch.until("ok")
        assert names(path) == ["a", "b"]


async def test_much_that_was_kept_is_written_in_parts(path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.edge.journal.writer.TRANSACTION_RECORDS_MAX", 2)
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        disk.break_at("COMMIT")
        for number in range(6):
            assert await written(held, opened(f"r{number}")) is False
        commits: list[str] = []
        disk.fault = lambda sql: commits.append(sql) if sql == "COMMIT" else None
        await watch.until("ok")
        assert len(commits) == 4  # three parts, and the proof that the disk takes more
    assert len(names(path)) == 6


async def test_a_refused_record_does_not_keep_a_failed_disk_from_healing(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        disk.break_at("COMMIT")
        answers = [await written(held, opened("a")), await written(held, opened("bad", t=2**70))]
        answers.append(await written(held, opened("c")))
        assert answers == [False, False, False]
        disk.heal()
        await watch.until("ok")
        assert names(path) == ["a", "c"]
        assert held.records_held == 0


async def test_a_journal_file_that_was_taken_away_is_a_failed_disk(path: Path) -> None:
    with a_journal(path) as held:
        watch = Watch(held)
        await keep(held, [opened("a")])
        away = path.rename(path.with_name("away.sqlite"))
        assert await written(held, opened("b")) is False
        assert held.state is JournalState.FAILED
        away.rename(path)
        await watch.until("ok")
        assert names(path) == ["a", "b"]


async def test_a_binding_that_is_not_durable_is_an_error(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        disk.break_at("COMMIT")
        with pytest.raises(JournalError, match="disk I/O error"):
            await held.bind_user(AccountName("main"), "venue", "live", "u")
        disk.heal()
        await watch.until("ok")
    assert rows(path, "SELECT account, venue_user_id FROM accounts") == [("main", "u")]


async def test_closing_on_a_failed_disk_says_how_much_is_lost(path: Path, disk: Disk) -> None:
    with lock_journal(path) as lock:
        held = Journal.open(path, lock, connect=disk.connect)
        disk.break_at("COMMIT")
        assert await written(held, *whole_story("a", held.next_seq())) is False
        with pytest.raises(JournalError, match="6 records were not written"):
            held.close()
    with a_journal(path) as held:
        assert held.next_seq() > 1_000  # what was not given back is not used again


async def test_closing_tries_the_disk_once_more(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect, probe_interval_s=3600) as held:
        disk.break_at("COMMIT")
        assert await written(held, opened("a")) is False
        disk.heal()
    assert names(path) == ["a"]
    with a_journal(path) as held:
        assert held.next_seq() == 1


async def test_a_disk_heals_though_nothing_was_kept_for_it(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        disk.is_read_only = True
        forgetting = asyncio.create_task(held.forget(2**60))
        await watch.until("failed")
        while disk.connections < 4:
            await asyncio.to_thread(disk.connected.wait, 60)
            disk.connected.clear()
        disk.heal()
        await forgetting
        assert held.state is JournalState.OK


async def test_forgetting_survives_a_disk_that_fails_now_and_then(path: Path, disk: Disk) -> None:
    problems: list[str] = []
    with a_journal(path, connecting=disk.connect) as held:
        held.on_problem = problems.append
        await keep(held, whole_story("old", held.next_seq()))
        commits = itertools.count()

        def now_and_then(sql: str) -> None:
            if sql == "COMMIT" and next(commits) % 3 == 0:
                raise sqlite3.OperationalError("disk I/O error")

        disk.fault = now_and_then
        assert await held.forget(2**60) == 1
        disk.heal()
    assert problems == []
    assert names(path) == []
    assert rows(path, "SELECT (SELECT count(*) FROM steps), (SELECT count(*) FROM outcomes)") == [(0, 0)]


async def test_a_disk_that_fails_in_another_way_is_called_by_its_new_name(path: Path, disk: Disk) -> None:
    with a_journal(path, connecting=disk.connect) as held:
        watch = Watch(held)
        disk.pages_left = 2
        await fill(held)
        disk.pages_left = None
        disk.break_at("COMMIT")
        await watch.until("failed")
        disk.heal()
        await watch.until("ok")
        assert watch.seen == [("full", "database or disk is full"), ("failed", "disk I/O error"), ("ok", "")]
