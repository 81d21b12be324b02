"""One daemon per journal, and a journal only where it can be one: every refusal says what to do."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, lock_journal
from daemon.edge.journal.schema import APPLICATION_ID, VERSION, connect
from protocols.errors import JournalError
from tests.edge.journal_world import a_journal, keep, opened, rows

HOLDER = """
import sys
from pathlib import Path
from daemon.edge.journal import lock_journal
lock = lock_journal(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def a_holder(path: Path) -> "subprocess.Popen[bytes]":
    """Another process that has the lock by the time this returns."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    return holder


def refusal(path: Path) -> str:
    with pytest.raises(JournalError) as refused, lock_journal(path) as lock:
        Journal.open(path, lock).close()
    return str(refused.value)


def test_a_second_daemon_is_told_the_first_ones_pid_until_that_is_killed(path: Path) -> None:
    with a_holder(path) as holder:
        assert f"it is in use by the process with pid {holder.pid}; stop that daemon first" in refusal(path)
        holder.send_signal(signal.SIGKILL)
    with lock_journal(path) as lock:
        assert lock.is_held
    assert Path(f"{path}.lock").read_text() == f"{os.getpid()}\n"


def test_two_spellings_of_one_journal_are_one_journal(path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    with lock_journal(path):
        assert f"pid {os.getpid()}" in refusal(link)
        assert f"pid {os.getpid()}" in refusal(path.parent / "." / path.name)


def test_a_lock_file_left_behind_means_nothing(path: Path) -> None:
    Path(f"{path}.lock").write_text("1234567890123\n")
    with lock_journal(path) as lock:
        assert lock.path == path
        assert Path(f"{path}.lock").read_text() == f"{os.getpid()}\n"
        lock.release()
        with lock_journal(path):
            pass


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    assert f"its folder {tmp_path}/none does not exist; create it" in refusal(tmp_path / "none" / "journal.sqlite")


def test_a_folder_that_takes_no_lock_is_said(path: Path) -> None:
    Path(f"{path}.lock").mkdir()
    assert "cannot be opened (Is a directory); make the folder" in refusal(path)


def test_a_folder_in_the_journals_place_is_said(path: Path) -> None:
    path.mkdir()
    assert "it is not a file" in refusal(path)


def test_a_journal_is_not_opened_without_its_lock(path: Path) -> None:
    with lock_journal(path.with_name("another.sqlite")) as lock, pytest.raises(JournalError, match="lock is not held"):
        Journal.open(path, lock)
    lock = lock_journal(path)
    lock.release()
    with pytest.raises(JournalError, match="lock is not held"):
        Journal.open(path, lock)


def test_a_new_journals_name_is_synced_into_its_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    with a_journal(path):
        assert synced == [path.parent.stat().st_ino]


async def test_only_its_owner_can_read_the_journal(path: Path) -> None:
    path.touch(mode=0o644)
    with a_journal(path) as journal:
        await keep(journal, [opened("a")])
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}.lock"):
            assert stat.S_IMODE(path.with_name(name).stat().st_mode) == 0o600, name


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"dear diary, " * 100)
    assert "file is not a database; it is damaged: stop the daemon, keep the file aside" in refusal(path)
    assert path.read_bytes().startswith(b"dear diary")


def test_another_programs_database_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (x)")
    assert "it is the database of another program; name another file" in refusal(path)
    assert rows(path, "SELECT name FROM sqlite_master") == [("theirs",)]


def test_a_newer_canceld_s_journal_is_left_alone(path: Path) -> None:
    with a_journal(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert f"a newer canceld wrote it (format {VERSION + 1}; this one knows {VERSION})" in refusal(path)


def test_a_damaged_journal_is_said_with_what_to_do(path: Path) -> None:
    with a_journal(path):
        pass
    data = bytearray(path.read_bytes())
    data[100:] = b"\xff" * (len(data) - 100)  # all but the file's header
    path.write_bytes(data)
    assert "sqlite3 FILE .recover" in refusal(path)


def test_a_commit_is_synced_before_it_is_believed(path: Path) -> None:
    with a_journal(path), closing(connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL: the log is fsync'ed at every commit
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_each_opening_is_a_life_of_its_own(path: Path) -> None:
    boots = []
    for _ in range(3):
        with a_journal(path) as journal:
            boots.append(journal.boot)
    assert boots == [1, 2, 3]
