"""Files of an open journal that are taken away: it is noticed, said, and costs nothing that was kept."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, JournalState, places
from daemon.edge.journal.places import Places
from protocols.errors import JournalError
from tests.edge.journal_world import a_journal, keep, key, opened, rows, written

Harm = Callable[[Path], object]


def moved(path: Path) -> None:
    path.rename(path.with_name("away"))


def replaced(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"something else")


def restored(path: Path) -> None:
    """As from a copy: the same content, and yet another file."""
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").rename(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


class Ear:
    """What a journal says of its state, and the word about an append."""

    def __init__(self, journal: Journal) -> None:
        self.heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        journal.on_state_change = lambda state, why: self.heard.put_nowait((state.value, why))

    async def failed(self) -> str:
        state, why = await self.heard.get()
        assert state == "failed"
        return why

    async def healed(self) -> None:
        while (await self.heard.get())[0] != "ok":
            pass


def names(path: Path) -> list[object]:
    return [name for (name,) in rows(path, "SELECT request_id FROM requests ORDER BY opened_step")]


def as_after_a_crash(path: Path) -> list[object]:
    """What a start would find, if the daemon were killed now: nothing of what is only open."""
    crashed = path.parent / "crashed"
    crashed.mkdir()
    for file in (path, path.with_name(path.name + "-wal")):
        if file.exists():
            shutil.copy(file, crashed / file.name)
    return names(crashed / path.name)


@contextmanager
def someone_reading(path: Path) -> Iterator[None]:
    """Another program that is in the middle of a long look at the journal."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM steps").fetchone()
    try:
        yield
    finally:
        db.close()


@pytest.mark.parametrize("harm", [Path.unlink, moved, replaced, restored])
@pytest.mark.parametrize("ending", ["-wal", "-shm"])
async def test_a_log_or_index_that_is_taken_away_is_said_and_loses_nothing(
    path: Path, harm: Harm, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.edge.journal.writer.LOOK_INTERVAL_S", 3600.0)
    with a_journal(path) as held:
        ear = Ear(held)
        await keep(held, [opened("a")])
        assert await held.lookup(key("a"))  # the reader, too, has the files open
        await keep(held, [opened("b")])
        harm(path.with_name(path.name + ending))
        assert await written(held, opened("c")) is False
        why = await ear.failed()
        assert f"journal.sqlite{ending} was deleted, moved or replaced" in why
        assert "leave it alone while the daemon runs" in why
        await ear.healed()
        await keep(held, [opened("d")])
        assert [name for name in "abcd" if await held.lookup(key(name))] == ["a", "b", "c", "d"]
        assert as_after_a_crash(path) == ["a", "b", "c", "d"]
    assert names(path) == ["a", "b", "c", "d"]


@pytest.fixture
async def idle(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ear]:
    """A journal in which nothing is written any more, and that looks after its files all the time; gives who hears."""
    monkeypatch.setattr("daemon.edge.journal.writer.LOOK_INTERVAL_S", 0.01)
    with a_journal(path) as held:
        ear = Ear(held)
        await keep(held, [opened("a")])
        yield ear


async def test_it_is_noticed_though_nothing_is_written_and_what_was_kept_is_saved(path: Path, idle: Ear) -> None:
    path.with_name("journal.sqlite-wal").unlink()
    assert "journal.sqlite-wal was deleted" in await idle.failed()
    await idle.healed()
    assert as_after_a_crash(path) == ["a"]


async def test_a_journal_that_is_moved_while_nothing_is_written_is_noticed_too(path: Path, idle: Ear) -> None:
    away = path.rename(path.with_name("away.sqlite"))
    assert (await idle.failed()).startswith("the file is gone; put it back")
    away.rename(path)
    await idle.healed()
    assert names(path) == ["a"]


async def test_a_log_that_is_only_truncated_is_still_the_same(path: Path) -> None:
    with a_journal(path) as held:
        ear = Ear(held)
        await keep(held, [opened("a")])
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        assert path.with_name("journal.sqlite-wal").stat().st_size == 0
        await keep(held, [opened("b")])
        assert (held.state, ear.heard.empty()) == (JournalState.OK, True)


async def test_what_is_only_in_a_lost_log_is_not_let_go_as_long_as_somebody_keeps_it_from_being_saved(
    path: Path,
) -> None:
    with a_journal(path) as held:
        ear = Ear(held)
        await keep(held, [opened("a")])
        with someone_reading(path):
            await keep(held, [opened("b")])
            path.with_name("journal.sqlite-wal").unlink()
            assert await written(held, opened("c")) is False
            await ear.failed()
            assert "close every other program that has the journal open" in await ear.failed()
            assert await written(held, opened("d")) is False
        await ear.healed()
        assert as_after_a_crash(path) == ["a", "b", "c", "d"]


@pytest.fixture
def at_rest(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    """The places of an open journal whose folder has not changed for long, and was looked at."""
    with ExitStack() as opened:
        for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            opened.enter_context(file.open("wb"))
        monkeypatch.setattr(places, "FOLDER_AT_REST_NS", -(10**18))
        found = Places(path)
        found.require()
        yield found


def wait_until_a_change_is_later(folder: Path, elsewhere: Path) -> None:
    """Let the file system's clock go on."""
    while elsewhere.stat().st_ctime_ns <= folder.stat().st_ctime_ns:
        (elsewhere / "probe").touch()
        (elsewhere / "probe").unlink()


def test_of_a_folder_at_rest_no_file_is_looked_at(at_rest: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(places, "_identity")
    at_rest.require()


@pytest.mark.parametrize("harm", [Path.unlink, moved, replaced, restored])
@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
def test_a_change_of_a_folder_at_rest_is_noticed(
    at_rest: Places, path: Path, harm: Harm, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wait_until_a_change_is_later(path.parent, tmp_path_factory.mktemp("elsewhere"))
    harm(path.with_name(path.name + ending))
    with pytest.raises((JournalError, OSError)):
        at_rest.require()


def test_of_a_folder_that_changed_just_now_each_file_is_looked_at(
    at_rest: Places, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "FOLDER_AT_REST_NS", 10**18)
    (path.parent / "new").touch()
    at_rest.require()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        at_rest.require()
