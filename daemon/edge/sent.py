"""What left, in a file that outlives the process: a ring of small notes beside the journal, mapped into memory.

A note is a few bytes into memory that belongs to the kernel, so it is there for the next life however this one dies,
and nothing waits for a disk. Nothing is synced: when the host dies, more time than any window of a venue's passes
before the daemon is back. So times are CLOCK_MONOTONIC's, which all lives of one boot of the host share and which
nobody sets: a note from its future is one of another boot, and counts nowhere.

Each note has a number, by which the newest are told from the oldest, and a checksum: a write that a kill cut short does
not read back, and was of a request that had not left. The file has one size. Whoever opens it holds the journal's lock.
It knows nothing of what is noted.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import time
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, Final
from zlib import crc32

import structlog

from daemon.core.departures import COUNTED_MAX_US, Departed, Mark
from daemon.edge.journal.room import require_free
from daemon.edge.lease import Lease

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOTES_MAX: Final = 32_767
"""Notes that the file holds: with its head 1 MiB. Of a thousand cancels a second, each in two buckets, the last quarter
of a minute; the rules of a venue let hardly a tenth of that leave."""
VERSION: Final = 1
"""Of the notes' form. A file of another one is begun anew: at most what counts for one window is lost."""
_HEAD: Final = Struct("<8sI16xI")
"""What file this is, its version, and the checksum of both."""
_MAGIC: Final = b"cancsent"
_NOTE: Final = Struct("<QqQI")
"""Number, when (microseconds of CLOCK_MONOTONIC), mark, units; their checksum follows."""
_SUM: Final = Struct("<I")
_PLACE: Final = _NOTE.size + _SUM.size
_BYTES: Final = _PLACE * (NOTES_MAX + 1)
_EMPTY: Final = bytes(_PLACE)
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


_Note = tuple[int, int, int, int]
"""Number, when, mark, units."""
_Opened = tuple[int, mmap.mmap]
"""The open file, and its place in memory."""


class SentFile:
    """The notes of a host; see `daemon.core.departures.Store`. Make it by `open_sent`."""

    def __init__(self, path: Path, opened: _Opened, found: list[_Note], monotonic_us: int, now_us: int) -> None:
        self._path = path
        self._place: tuple[int, int] | None = _identity(path)
        self._descriptor, self._ring = opened
        self._lease = Lease(self._descriptor)
        self._number = found[-1][0] + 1 if found else 0
        self._offset_us = now_us - monotonic_us
        self._monotonic_us = monotonic_us
        self._found = found

    def note(self, mark: Mark, units: int, left_us: int) -> None:
        """Keep a note, in the place of the oldest one."""
        number = self._number
        self._number = number + 1
        note = _NOTE.pack(number, left_us - self._offset_us, mark, units)
        at = _place_of(number)
        self._ring[at : at + _PLACE] = note + _SUM.pack(crc32(note))

    def take_former(self, since_us: int) -> list[Departed]:
        """Hand over, once, what was noted before this life, since then and since the host was booted."""
        found, self._found = self._found, []
        return [
            Departed(Mark(mark), units, at_us + self._offset_us)
            for _, at_us, mark, units in found
            if since_us - self._offset_us < at_us <= self._monotonic_us
        ]

    def is_in_place(self) -> bool:
        """Say whether the file is still to be found under its name: else the next life would not find what is noted."""
        try:
            return _identity(self._path) == self._place
        except OSError:
            return False

    def keep_others_out(self) -> None:
        """Have who would write to the file wait, until the next call: a page of it that was cut off is gone under our
        feet, and the next note would end the process.

        Where somebody waits it gets out of their way, and is in its place no longer.
        """
        self._lease.let_readers()
        if self._lease.is_writer_waiting():
            ring = mmap.mmap(-1, _BYTES)
            ring[:] = self._ring[:]
            if self.is_in_place():
                with suppress(OSError):
                    self._path.unlink()
            self._place = None
            self.close()
            self._descriptor, self._ring = -1, ring
        elif self._place is not None:
            self._lease.take()

    @property
    def is_guarded(self) -> bool:
        """Whether who would open the file has to wait."""
        return self._lease.is_held

    def put_back(self) -> None:
        """Put a file with the same notes where it was. Raises OSError, with the file's name."""
        opened, _ = _opened(self._path, self._ring[:])
        self.close()
        self._place = _identity(self._path)
        self._descriptor, self._ring = opened
        self._lease = Lease(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        self._ring.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)


def open_sent(journal: Path, now_us: int, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> SentFile:
    """Open the file of notes beside a journal whose lock is held, or make it. Raises OSError, with the file's name.

    What does not read back is left out, and said in the log. ``now_us`` is what the daemon's clock says.
    """
    path = journal.with_name(f"{journal.name}-sent")
    opened, content = _opened(path)
    monotonic_us = monotonic_ns() // 1000
    found, strange = _read(content)
    if strange:
        log.warning("sent_notes_unreadable", file=str(path), notes=strange, detail="what left just before the last end "
                    "may be counted against the venues' limits in part")  # fmt: skip
    if len(found) == NOTES_MAX and monotonic_us - COUNTED_MAX_US < found[0][1] <= monotonic_us:
        log.warning("sent_notes_overwritten", file=str(path), notes=NOTES_MAX, detail="more left than the file holds: "
                    "the oldest of what may count still is gone")  # fmt: skip
    return SentFile(path, opened, found, monotonic_us, now_us)


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _opened(path: Path, anew: bytes = b"") -> tuple[_Opened, bytes]:
    """Open the file, or make it, and map it; give what stood in it. Raises OSError, with the file's name."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            ring, content = _mapped(descriptor, anew)
        except OSError:
            os.close(descriptor)
            raise
    except OSError as trouble:
        raise OSError(trouble.errno, trouble.strerror, str(path)) from trouble
    return (descriptor, ring), content


def _mapped(descriptor: int, anew: bytes) -> tuple[mmap.mmap, bytes]:
    """Map the file, and give what stood in it, or what is to stand in it ``anew``. Raises OSError.

    All of it is written once before, as it was or anew: what has no room on the disk by then is an error here, and not
    a signal that ends the process at a note.
    """
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    os.fchmod(descriptor, 0o600)
    content = anew or os.pread(descriptor, _BYTES + 1, 0)
    if anew or not _is_sound(content):
        os.ftruncate(descriptor, 0)
        require_free(descriptor, _BYTES)
        content = anew or _head() + bytes(_BYTES - _PLACE)
    try:
        written = 0
        while written < _BYTES:
            written += os.pwrite(descriptor, content[written:], written)
    except OSError:
        os.ftruncate(descriptor, 0)  # what it took is the journal's to use
        raise
    return mmap.mmap(descriptor, _BYTES, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE), content


def _is_sound(content: bytes) -> bool:
    """Whether it is a file of this version; says so in the log if it is another."""
    if len(content) == _BYTES and content[:_PLACE] == _head():
        return True
    if content:
        log.warning("sent_file_begun_anew", bytes=len(content), detail="it is damaged or of another version: what left "
                    "just before is not counted against the venues' limits")  # fmt: skip
    return False


def _head() -> bytes:
    return _HEAD.pack(_MAGIC, VERSION, crc32(_MAGIC + VERSION.to_bytes(4, "little")))


def _read(content: bytes) -> tuple[list[_Note], int]:
    """Read the notes, the oldest first, and count the places that hold something else."""
    found: list[_Note] = []
    strange = 0
    for at in range(_PLACE, _BYTES, _PLACE):
        place = content[at : at + _PLACE]
        if place == _EMPTY:
            continue
        note, checksum = place[: _NOTE.size], place[_NOTE.size :]
        read: _Note = _NOTE.unpack(note)
        if _SUM.pack(crc32(note)) == checksum and _place_of(read[0]) == at:
            found.append(read)
        else:
            strange += 1
    found.sort()
    return found, strange


def _place_of(number: int) -> int:
    return _PLACE + number % NOTES_MAX * _PLACE
