"""How long a request is answerable, and how large the file gets: by the load of the retention, whatever the time."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, forget
from daemon.edge.journal.schema import PAGE_BYTES
from daemon.edge.journal.verify import verify
from tests.edge.journal_world import HOUR_US, T0, a_journal, key, opened, rows, whole_story

RETENTION_H = 72
A_DAY_H = 24


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture(autouse=True)
def a_small_file_is_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred requests stand for a few hundred thousand."""
    monkeypatch.setattr(forget, "SPARE_PAGES_MIN", 20)


class Hours:
    """A clock that goes when it is told to, in hours."""

    def __init__(self) -> None:
        self.gone = 0

    def now_us(self) -> int:
        return T0 + self.gone * HOUR_US


async def live(held: Journal, hours: Hours, count: int, load: Callable[[int], int]) -> list[int]:
    """Live so many hours, each with its load of requests and a round of forgetting; gives the file's pages after each.

    A round is done behind all that was written before it.
    """
    sizes: list[int] = []
    for _ in range(count):
        for number in range(load(hours.gone)):
            held.append(whole_story(f"h{hours.gone}-{number}", held.next_seq(), t=hours.now_us()))
        await held._catch_up()
        await held.forget(hours.now_us() - RETENTION_H * HOUR_US)
        ((pages,),) = rows(held._lock.path, "PRAGMA page_count")
        assert isinstance(pages, int)
        sizes.append(pages)
        hours.gone += 1
    return sizes


async def test_the_file_follows_the_load_and_not_the_time(path: Path) -> None:
    hours = Hours()
    with a_journal(path, now_us=hours.now_us) as held:
        sizes = await live(held, hours, 9 * A_DAY_H, lambda _: 4)
    full = max(sizes[: 4 * A_DAY_H])  # everything that is kept at a time, and a day more
    assert max(sizes) <= 1.1 * full, sizes[::A_DAY_H]
    assert min(sizes[4 * A_DAY_H :]) >= 0.7 * full
    assert rows(path, "SELECT count(*) FROM requests") == [((RETENTION_H + 1) * 4,)]
    assert path.stat().st_size <= 1.1 * full * PAGE_BYTES
    assert verify(path).findings == []


async def test_a_burst_is_given_back_to_the_disk(path: Path) -> None:
    hours = Hours()
    with a_journal(path, now_us=hours.now_us) as held:
        sizes = await live(held, hours, 5 * A_DAY_H, lambda hour: 500 if hour == 10 else 2)
    peak, quiet = max(sizes), sizes[-1]
    assert quiet < peak / 2, (peak, quiet)
    assert verify(path).findings == []


async def test_an_outcome_is_answerable_for_the_retention_and_then_forgotten(path: Path) -> None:
    hours = Hours()
    with a_journal(path, now_us=hours.now_us) as held:
        held.append(whole_story("old", held.next_seq(), t=hours.now_us()))
        held.append([opened("open")])
        for _ in range(RETENTION_H + 1):
            await held.forget(hours.now_us() - RETENTION_H * HOUR_US)
            found = await held.lookup(key("old"))
            assert found is not None
            assert found.first is not None
            assert found.first.outcome == "canceled"
            hours.gone += 1
        await held.forget(hours.now_us() - RETENTION_H * HOUR_US)
        assert await held.lookup(key("old")) is None
        assert await held.lookup(key("open")) is not None  # it has no outcome: it is not forgotten, however old
    assert rows(path, "SELECT count(*) FROM outcomes") == [(0,)]


async def test_a_file_of_an_older_version_uses_its_space_again(path: Path) -> None:
    hours = Hours()
    with a_journal(path, now_us=hours.now_us):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA auto_vacuum = NONE")
        db.execute("VACUUM")
    with a_journal(path, now_us=hours.now_us) as held:
        sizes = await live(held, hours, 8 * A_DAY_H, lambda hour: 200 if hour == 10 else 2)
    assert rows(path, "PRAGMA auto_vacuum") == [(0,)]
    assert sizes[-1] == max(sizes)
    assert verify(path).findings == []


async def test_lives_of_which_nothing_is_kept_are_forgotten_too(path: Path) -> None:
    hours = Hours()
    for _ in range(5):
        with a_journal(path, now_us=hours.now_us) as held:
            held.append(whole_story(f"life-{held.boot}", held.next_seq(), t=hours.now_us()))
            await held.forget(hours.now_us() - RETENTION_H * HOUR_US)
        hours.gone += 40
    assert rows(path, "SELECT boot FROM lives ORDER BY boot") == [(4,), (5,)]
    assert verify(path).findings == []
