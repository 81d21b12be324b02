"""Where a file system's blocks are smaller than a page, too little room is a full disk: else it would be a signal."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest

from daemon.edge.journal import JournalState, schema
from daemon.edge.journal.intake import path_of
from daemon.edge.journal.receipts import SLOT_BYTES, SLOTS
from daemon.edge.journal.room import LEFT_MIN_BYTES, ROOM_BYTES, require_room
from daemon.edge.journal.verify import verify
from protocols.errors import JournalError
from tests.edge.intake_rig import gate, in_intake, path, receipts_left, until_it_is
from tests.edge.journal_world import a_journal, keep, opened, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.edge.journal_gate import Gate

__all__ = ["gate", "path"]  # fixtures

SMALL, PAGE = 1024, 4096
"""Sizes of a block."""
PLENTY = (SLOTS + 2) * SLOT_BYTES + LEFT_MIN_BYTES
"""What an intake wants to find, in whole blocks."""


class Disk(msgspec.Struct):
    """What a file system says of itself."""

    block: int = SMALL
    left: int = ROOM_BYTES - 1

    @property
    def f_frsize(self) -> int:
        return self.block

    @property
    def f_bavail(self) -> int:
        return self.left // self.block


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk that is nearly full, of small blocks."""
    disk = Disk()
    for call in ("statvfs", "fstatvfs"):
        monkeypatch.setattr(os, call, lambda _: disk)
    return disk


@pytest.mark.parametrize(
    ("block", "left", "is_full"), [(SMALL, ROOM_BYTES - 1, True), (SMALL, ROOM_BYTES, False), (PAGE, 0, False)]
)
def test_only_small_blocks_call_a_disk_full_before_it_is(
    disk: Disk, path: Path, block: int, left: int, is_full: bool
) -> None:
    disk.block, disk.left = block, left
    if not is_full:
        require_room(path)
        return
    with pytest.raises(sqlite3.OperationalError, match="database or disk is full") as trouble:
        require_room(path)
    assert trouble.value.sqlite_errorcode == sqlite3.SQLITE_FULL


def test_a_start_without_room_ends_in_a_sentence(disk: Disk, path: Path) -> None:
    with pytest.raises(JournalError, match="disk is full; free some space on its disk"), a_journal(path):
        pass
    disk.left = ROOM_BYTES
    with a_journal(path):
        pass


async def test_a_start_ends_in_a_sentence_too_where_room_is_lost_before_the_intake_is_taken_in(
    path: Path, gate: Gate
) -> None:
    then = await receipts_left(path, gate, "a")
    connections = 0

    def connecting(file: Path) -> sqlite3.Connection:
        nonlocal connections
        connections += 1
        if connections > 1:
            raise sqlite3.OperationalError("disk I/O error")
        return schema.connect(file)

    with pytest.raises(JournalError, match="disk I/O error"), a_journal(then, connecting=connecting):
        pass
    assert path_of(then).exists()
    with a_journal(then) as held:
        assert len(held.recover(0, 0).cases) == 1


async def test_a_life_calls_its_journal_full_and_goes_on_once_there_is_room(path: Path, disk: Disk) -> None:
    disk.left = ROOM_BYTES
    with a_journal(path) as held:
        await keep(held, [opened("a")])
        disk.left = 0
        assert await written(held, opened("b")) is False
        assert (held.state, held.why) == (JournalState.FULL, "database or disk is full")
        disk.left = ROOM_BYTES
        await until_it_is(held, JournalState.OK)
    assert verify(path).counts["requests"] == 2


async def test_a_stranger_looks_at_a_journal_that_is_open_however_little_is_left(path: Path, disk: Disk) -> None:
    disk.left = ROOM_BYTES
    with a_journal(path) as held:
        await keep(held, [opened("a")])
        disk.left = 0
        assert path.with_name(f"{path.name}-shm").exists()
        assert verify(path).findings == []
        disk.left = ROOM_BYTES


async def test_an_intake_that_a_crash_left_needs_no_room_to_be_looked_at(path: Path, disk: Disk, gate: Gate) -> None:
    disk.left = PLENTY
    then = await receipts_left(path, gate, "a")
    with closing(schema.connect(then)):  # the journal's own index is there
        disk.left = 0
        found = verify(then)
        disk.left = ROOM_BYTES
    assert found.counts["receipts_waiting"] == 1
    assert found.findings == []


async def test_the_intake_takes_no_room_that_the_journal_may_need(path: Path, disk: Disk) -> None:
    detours: list[str] = []
    disk.left = PLENTY - SMALL
    with a_journal(path, has_intake=True) as held:
        held.on_detour = detours.append
        while not detours:
            await keep(held, [opened(f"a-{held.next_seq()}")])
        assert not path_of(path).exists()
        assert "No space left on device" in detours[0]
        disk.left = PLENTY
        while held._intake.is_out:
            await keep(held, [opened(f"b-{held.next_seq()}")])
        await keep(held, [opened("c")])
        assert len(in_intake(path)) == 1
        assert path_of(path).stat().st_size == 2 * 1024 * 1024 + SLOT_BYTES  # as README says


def test_who_would_make_the_index_by_reading_needs_room_for_it(path: Path, disk: Disk) -> None:
    disk.left = ROOM_BYTES
    with a_journal(path):
        pass
    disk.left = 0
    with pytest.raises(sqlite3.OperationalError, match="disk is full"):
        schema.connect_for_reading(path)


@pytest.mark.parametrize(("left", "do"), [(0, "free some space on its disk"), (ROOM_BYTES, "look at its disk and its")])
def test_an_error_of_a_disk_that_is_nearly_full_says_to_free_some_space(
    disk: Disk, path: Path, left: int, do: str
) -> None:
    disk.left = left
    trouble = sqlite3.OperationalError("disk I/O error")
    trouble.sqlite_errorcode = sqlite3.SQLITE_IOERR
    assert do in str(schema.cannot_use(path, trouble))
