"""The file of what left: what one life notes the next one reads, whatever befell the file or the clock meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import structlog

from daemon.core.departures import COUNTED_MAX_US, Departed, Mark
from daemon.edge import sent
from daemon.edge.journal.room import LEFT_MIN_BYTES
from daemon.edge.sent import SentFile, open_sent
from daemon.edge.sent_watch import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T0 = 10**15
BOOTED_US = 10**9
"""How long the host has been up at `T0`."""
WAIT_S = 5.0
"""A net under a hang; no test that passes comes near it."""
NOTE_BYTES = 32
DIES_NOTING = """
import os, signal, sys
from pathlib import Path
from daemon.core.departures import Mark
from daemon.edge.sent import open_sent
kept = open_sent(Path(sys.argv[1]), 1_000_000_000, lambda: 500_000_000_000)
for n in range(100):
    kept.note(Mark(n), 1, 1_000_000_000)
os.kill(os.getpid(), signal.SIGKILL)
"""


NOTES = 100
NOTES_MEANWHILE = f"""
import asyncio, sys
from pathlib import Path
from daemon.core.departures import Mark
from daemon.edge.sent import open_sent
from daemon.edge.sent_watch import watch

async def live():
    kept = open_sent(Path(sys.argv[1]), {T0}, lambda: {BOOTED_US} * 1000)
    watching = asyncio.create_task(watch(kept, print, 0.001))
    await asyncio.sleep(0)
    other = await asyncio.create_subprocess_shell(sys.argv[2])
    ended = asyncio.create_task(other.wait())
    for n in range({NOTES}):
        kept.note(Mark(n), 1, {T0})
        if n == {NOTES} // 2:
            await ended
        await asyncio.sleep(0)
    while not kept.is_in_place():
        await asyncio.sleep(0)

asyncio.run(live())
"""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def file(journal: Path) -> Path:
    return journal.with_name("journal.sqlite-sent")


@contextmanager
def a_life(journal: Path, now_us: int = T0, up_us: int = BOOTED_US) -> Iterator[SentFile]:
    """Begin a life when the daemon's clock says ``now_us`` and the host has been up for ``up_us``."""
    kept = open_sent(journal, now_us, lambda: up_us * 1000)
    yield kept
    kept.close()


def noted(journal: Path, *marks: int, now_us: int = T0, up_us: int = BOOTED_US) -> None:
    with a_life(journal, now_us, up_us) as kept:
        for mark in marks:
            kept.note(Mark(mark), 1, now_us)


def found(journal: Path, now_us: int = T0, up_us: int = BOOTED_US) -> list[int]:
    with a_life(journal, now_us, up_us) as kept:
        return [note.mark for note in kept.take_former(now_us - COUNTED_MAX_US)]


def test_what_is_older_than_asked_for_is_left_out(journal: Path) -> None:
    noted(journal, 1)
    noted(journal, 2, now_us=T0 + 5, up_us=BOOTED_US + 5)
    with a_life(journal, T0 + 10, BOOTED_US + 10) as kept:
        assert [note.mark for note in kept.take_former(T0)] == [2]


def place(number: int) -> int:
    return NOTE_BYTES * (1 + number)


def damage(file: Path, at: int, piece: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(piece)


def test_what_one_life_notes_the_next_one_finds(journal: Path) -> None:
    with a_life(journal) as kept:
        assert kept.take_former(0) == []
        kept.note(Mark(2**64 - 1), 20, T0 + 5)
        kept.note(Mark(0), 1, T0 + 7)
        assert kept.take_former(0) == []
    with a_life(journal, T0 + 10, BOOTED_US + 10) as kept:
        assert kept.take_former(T0) == [Departed(Mark(2**64 - 1), 20, T0 + 5), Departed(Mark(0), 1, T0 + 7)]


def test_the_notes_of_several_lives_stand_one_after_the_other(journal: Path) -> None:
    noted(journal, 1, 2)
    noted(journal, 3)
    assert found(journal) == [1, 2, 3]


def test_what_a_killed_process_noted_last_is_there(tmp_path: Path) -> None:
    root = Path(sent.__file__).parent.parent.parent
    dead = subprocess.run([sys.executable, "-c", DIES_NOTING, tmp_path / "journal"], cwd=root, check=False)
    assert dead.returncode == -signal.SIGKILL
    assert found(tmp_path / "journal", 10**9, 5 * 10**8) == list(range(100))


@pytest.mark.parametrize("shift_us", [-3_600_000_000, 3_600_000_000])
def test_a_clock_that_is_set_between_two_lives_changes_no_age(journal: Path, shift_us: int) -> None:
    noted(journal, 1)
    with a_life(journal, T0 + 10 + shift_us, BOOTED_US + 10) as kept:
        assert [note.left_us for note in kept.take_former(T0 - 1 + shift_us)] == [T0 + shift_us]
        assert kept.take_former(T0 - 1 + shift_us) == []  # once


def test_a_note_of_another_boot_of_the_host_counts_nowhere_and_is_written_over_in_its_turn(journal: Path) -> None:
    noted(journal, 1)
    assert found(journal, T0 + 10, 5) == []
    noted(journal, 2, now_us=T0 + 20, up_us=15)
    assert found(journal, T0 + 20, 15) == [2]


def test_the_oldest_notes_make_room(journal: Path, file: Path) -> None:
    noted(journal, 0)
    size = file.stat().st_size
    noted(journal, *range(1, sent.NOTES_MAX + 2))
    assert file.stat().st_size == size == 1024 * 1024
    with structlog.testing.capture_logs() as said:
        assert found(journal) == list(range(2, sent.NOTES_MAX + 2))
    assert [row["event"] for row in said] == ["sent_notes_overwritten"]
    with structlog.testing.capture_logs() as said:
        found(journal, T0 + COUNTED_MAX_US, BOOTED_US + COUNTED_MAX_US)
    assert said == []  # nothing that counts was lost


@pytest.mark.parametrize("at", range(0, NOTE_BYTES, 4))
def test_a_torn_note_is_left_out_and_said_once(journal: Path, file: Path, at: int) -> None:
    noted(journal, 1, 2, 3)
    damage(file, place(1) + at, b"\xa5\x5a")
    with structlog.testing.capture_logs() as said:
        assert found(journal) == [1, 3]
    assert [(row["event"], row["notes"]) for row in said] == [("sent_notes_unreadable", 1)]


def test_a_note_in_anothers_place_is_none(journal: Path, file: Path) -> None:
    noted(journal, 1, 2)
    damage(file, place(7), file.read_bytes()[place(0) : place(1)])
    with structlog.testing.capture_logs() as said:
        assert found(journal) == [1, 2]
    assert [row["notes"] for row in said] == [1]


@pytest.mark.parametrize(
    "content",
    [b"x", b"not a file of notes" * 100_000, bytes(1024 * 1024), b"cancsent\x00\x00\x00\x00" + bytes(1024 * 1024 - 12)],
    ids=["short", "long", "empty", "of another version"],
)
def test_a_file_of_another_kind_or_version_is_begun_anew_and_said(journal: Path, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with structlog.testing.capture_logs() as said:
        noted(journal, 1)
    assert [row["event"] for row in said] == ["sent_file_begun_anew"]
    assert found(journal) == [1]
    assert file.stat().st_size == 1024 * 1024


def test_only_its_owner_can_read_it(journal: Path, file: Path) -> None:
    noted(journal)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    noted(journal)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_its_blocks_are_on_the_disk_before_the_first_note(journal: Path, file: Path) -> None:
    """A hole that finds no room later would end the process by a signal."""
    noted(journal, 1)
    content = file.read_bytes()
    with file.open("r+b") as opened:
        opened.truncate(NOTE_BYTES * 2)
        opened.truncate(len(content))
    assert file.stat().st_blocks * 512 < len(content)
    assert found(journal) == [1]
    assert file.stat().st_blocks * 512 >= len(content)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, "Is a directory"),
        (os.mkfifo, "it is not a file"),
        (lambda file: file.symlink_to("elsewhere"), "symbolic link"),
    ],
)
def test_what_cannot_be_used_is_said_by_name(
    journal: Path, file: Path, make: Callable[[Path], object], why: str
) -> None:
    elsewhere = journal.with_name("elsewhere")
    elsewhere.write_bytes(b"somebody's own")
    make(file)
    with pytest.raises(OSError, match=why) as caught:
        open_sent(journal, T0)
    assert caught.value.filename == str(file)
    assert elsewhere.read_bytes() == b"somebody's own"


def test_a_full_disk_is_an_error_and_not_a_signal(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left on device"):
        open_sent(journal, T0)


def test_what_it_took_of_a_disk_that_is_then_full_is_given_back(
    journal: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite

    def some(descriptor: int, content: bytes, at: int) -> int:
        if at:
            raise OSError(28, "No space left on device")
        return write(descriptor, content[:4096], at)

    monkeypatch.setattr(os, "pwrite", some)
    with pytest.raises(OSError, match="No space left on device"):
        open_sent(journal, T0)
    assert file.stat().st_size == 0


@pytest.mark.parametrize("beside", [-1, 0])
def test_it_takes_nothing_of_a_disk_on_which_little_would_be_left_to_the_journal(
    journal: Path, file: Path, monkeypatch: pytest.MonkeyPatch, beside: int
) -> None:
    left = 1024 * 1024 + LEFT_MIN_BYTES + beside
    monkeypatch.setattr(os, "fstatvfs", lambda _: SimpleNamespace(f_bavail=left, f_frsize=1))
    if beside < 0:
        with pytest.raises(OSError, match="No space left on device"):
            open_sent(journal, T0)
        assert file.stat().st_size == 0
    else:
        noted(journal, 1)


@pytest.mark.parametrize("take_away", [Path.unlink, lambda file: file.rename(file.with_name("away"))])
def test_a_file_that_was_taken_away_is_put_back_with_all_its_notes(
    journal: Path, file: Path, take_away: Callable[[Path], object]
) -> None:
    with a_life(journal) as kept:
        kept.note(Mark(1), 1, T0)
        assert kept.is_in_place()
        take_away(file)
        assert not kept.is_in_place()
        kept.note(Mark(2), 1, T0)
        kept.put_back()
        assert kept.is_in_place()
        kept.note(Mark(3), 1, T0)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert found(journal) == [1, 2, 3]


def test_another_file_in_its_place_is_written_over(journal: Path, file: Path) -> None:
    with a_life(journal) as kept:
        kept.note(Mark(1), 1, T0)
        file.with_name("another").write_bytes(bytes(2_000_000))
        file.with_name("another").rename(file)
        assert not kept.is_in_place()
        kept.put_back()
        kept.note(Mark(2), 1, T0)
    assert found(journal) == [1, 2]


def test_a_file_that_cannot_be_put_back_goes_on_taking_notes_and_is_said_by_name(journal: Path, file: Path) -> None:
    with a_life(journal) as kept:
        kept.note(Mark(1), 1, T0)
        file.unlink()
        file.mkdir()
        for number in (2, 3):
            with pytest.raises(OSError, match="Is a directory") as trouble:
                kept.put_back()
            assert trouble.value.filename == str(file)
            kept.note(Mark(number), 1, T0)
        file.rmdir()
        kept.put_back()
    assert found(journal) == [1, 2, 3]


async def test_a_file_that_is_itself_moved_back_where_it_could_not_be_put_back_is_said_to_be_kept(
    journal: Path, file: Path
) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    away = file.with_name("away")
    with a_life(journal) as kept:
        watching = asyncio.create_task(watch(kept, said.put_nowait, 0))
        file.rename(away)
        file.mkdir()
        async with asyncio.timeout(WAIT_S):
            assert "cannot be put back" in await said.get()
            file.rmdir()
            away.rename(file)
            assert await said.get() == ""
        watching.cancel()


@pytest.mark.parametrize(
    ("does", "is_put_back"),
    [("cat FILE >&2", False), (": > FILE", True), ("truncate -s 0 FILE", True), ("exec 3>> FILE", True)],
)
def test_who_opens_a_file_that_is_watched_does_the_daemon_no_harm(
    journal: Path, file: Path, does: str, is_put_back: bool
) -> None:
    """A note into a page that was cut off would end the process by a signal."""
    command = [sys.executable, "-c", NOTES_MEANWHILE, str(journal), does.replace("FILE", str(file))]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=WAIT_S * 4, check=False)
    assert done.returncode == 0
    assert (b"sent_file_put_back" in done.stdout) is is_put_back
    assert len(found(journal)) == NOTES


async def test_a_file_that_somebody_has_open_is_watched_again_when_it_is_closed(journal: Path, file: Path) -> None:
    with a_life(journal) as kept:
        with file.open():
            kept.keep_others_out()
            assert not kept.is_guarded
        kept.keep_others_out()
        assert kept.is_guarded
