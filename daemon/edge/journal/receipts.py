"""The file of the intake: entries of a few hundred bytes, each durable when `ReceiptFile.write` returns.

It has one size, made before anything is kept in it, so that a write moves no end and asks the file system for nothing:
the disk gets a page or two and a flush. And each batch is one call of the kernel (``O_DSYNC``). SQLite, which this was
before, lets the event loop have the interpreter half a dozen times in each commit, and where the loop is busy each of
them is a millisecond; its commits were also a fifth of what a cancel cost.

Entries lie in slots, one behind the other and round about, each over what the journal has by then (`_Room`). An entry
has a mark that no JSON contains, its number, that of the last entry of its batch, up to which number the journal had
them, and checksums of its head and of its body. So who reads looks at each slot: what is whole counts, wherever it
lies, unless a head says that the journal has it. What a crash cut short is of the last batch, and nobody was told of
that; what is not whole of an earlier one was damaged, and is named.

It knows bytes and numbers, and nothing of what they mean.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final
from zlib import crc32

from daemon.edge.journal.room import require_free, sync_folder
from protocols.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SLOT_BYTES: Final = 512
"""What a disk writes at once; most receipts have two."""
SLOTS: Final = 4_096
"""With the file's head 2 MiB: a second's receipts, at the most that the daemon takes, while the journal is behind."""
VERSION: Final = 1
MAGIC: Final = b"canceld receipts"
_FILE: Final = Struct("<16sI")
"""What file this is, and its version; their checksum follows."""
_MARK: Final = b"\xffrcp"
_ENTRY: Final = Struct("<4sQQQqII")
"""Mark, number, the last number of its batch, up to which number the journal has them, when it was written
(microseconds), its length, its body's checksum; the checksum of these follows."""
_SUM: Final = Struct("<I")
_HEAD_BYTES: Final = _ENTRY.size + _SUM.size
_HEAD: Final = _FILE.pack(MAGIC, VERSION) + _SUM.pack(crc32(_FILE.pack(MAGIC, VERSION)))
LEAVE_IT: Final = "leave it alone while the daemon runs"
_OF_SQLITE: Final = b"SQLite format 3\0"


class NoRoom(Exception):
    """The journal has not got enough yet of what is in the file."""


class NotReceipts(Exception):
    """The file is another one, or damaged from its beginning on."""


@dataclass(slots=True)
class Entry:
    """What stands in the file: ``body`` is None where it is not whole any more."""

    number: int
    written_us: int
    body: bytes | None


class ReceiptFile:
    """The file while it is open. Make it by `begin`; one thread at a time."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._place = _place(os.fstat(descriptor))
        self._room = _Room(SLOTS)

    def write(self, numbers: Sequence[int], bodies: Sequence[bytes], written_us: int, struck_to: int) -> None:
        """Have entries on disk, together; what the journal has by then, up to ``struck_to``, may go.

        Raises `NoRoom`, OSError, and `JournalError` where the file is not to be found under its name, or not all of it.
        """
        content = b"".join(
            [
                _entry(number, numbers[-1], struck_to, written_us, body)
                for number, body in zip(numbers, bodies, strict=True)
            ]
        )
        self._room.give_back(struck_to)
        slot = self._room.take(numbers[-1], len(content) // SLOT_BYTES)
        _write(self._path, self._descriptor, content, _offset(slot))
        self._check_place()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _check_place(self) -> None:
        """See that what was written is to be found by who looks for it. Raises OSError and `JournalError`."""
        try:
            place = _place(self._path.lstat())
        except FileNotFoundError as trouble:
            raise JournalError(str(self._path), "the file is gone", LEAVE_IT) from trouble
        if place[:2] != self._place[:2]:
            raise JournalError(str(self._path), "the file was moved or replaced", LEAVE_IT)
        if place != self._place:
            raise JournalError(str(self._path), "the file was cut or added to", LEAVE_IT)


def begin(path: Path) -> ReceiptFile:
    """Make an empty file, durably. Raises OSError, FileExistsError if there is one."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DSYNC, 0o600)
    try:
        require_free(descriptor, _offset(SLOTS))
        content = _HEAD.ljust(_offset(SLOTS), b"\0")
        _write(path, descriptor, content, 0)
        os.fsync(descriptor)
        sync_folder(path)
        return ReceiptFile(path, descriptor)
    except BaseException:
        os.close(descriptor)
        path.unlink(missing_ok=True)  # what it took is the journal's to use
        raise


def read(path: Path) -> list[Entry]:
    """Read what the file holds for the journal, in the order of the numbers; of the last batch what is whole.

    Raises OSError, `NotReceipts`, and `JournalError` for the file of an older canceld, which that one has to take in.
    """
    found = path.stat()
    content = _beginning(path, _offset(SLOTS))
    entries = _needed(content)  # which are ours, whatever became of the file's head
    is_empty = not content.strip(b"\0")  # a crash, before anything was kept in it
    if not entries and (found.st_size > _offset(SLOTS) or not (is_empty or content.startswith(_HEAD))):
        raise NotReceipts("it is not what canceld keeps receipts in, or it is damaged")
    return entries


def require_ours(path: Path) -> None:
    """Raise `JournalError` for the file of an older canceld, which that one has to take in, and OSError."""
    _beginning(path, len(_OF_SQLITE))


def _beginning(path: Path, size: int) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    with path.open("rb") as file:
        content = file.read(size)
    if content.startswith(_OF_SQLITE):
        raise JournalError(str(path), "it is of an older canceld, which a crash ended", "start and stop that one once")
    return content


def _needed(content: bytes) -> list[Entry]:
    """Give what counts of all that stands in a file."""
    found: dict[int, tuple[Entry, int]] = {}
    struck_to = 0
    for at in range(SLOT_BYTES, len(content), SLOT_BYTES):
        seen = _seen(content, at)
        if seen is not None:
            entry, until, struck = seen
            struck_to = max(struck_to, struck)
            found[entry.number] = entry, until
    last = max((number for number, (entry, _) in found.items() if entry.body is not None), default=0)
    return [
        entry
        for number, (entry, until) in sorted(found.items())
        if number > struck_to and (entry.body is not None or until < last)
    ]


def _seen(content: bytes, at: int) -> tuple[Entry, int, int] | None:
    """Give the entry that begins at a certain place, if one does, and the last number of its batch and of what went."""
    head = content[at : at + _HEAD_BYTES]
    if not head.startswith(_MARK) or len(head) < _HEAD_BYTES:
        return None
    if _SUM.pack(crc32(head[: _ENTRY.size])) != head[_ENTRY.size :]:
        return None
    _, number, until, struck_to, written_us, length, checksum = _ENTRY.unpack(head[: _ENTRY.size])
    body = content[at + _HEAD_BYTES : at + _HEAD_BYTES + length]
    return Entry(number, written_us, body if crc32(body) == checksum else None), until, struck_to


def _entry(number: int, until: int, struck_to: int, written_us: int, body: bytes) -> bytes:
    head = _ENTRY.pack(_MARK, number, until, struck_to, written_us, len(body), crc32(body))
    whole = head + _SUM.pack(crc32(head)) + body
    return whole.ljust(-(-len(whole) // SLOT_BYTES) * SLOT_BYTES, b"\0")


class _Room:
    """Which slots are free: a ring of them, from which batches are taken and given back in one order."""

    __slots__ = ("_at", "_held", "_slots")

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._at = 0
        self._held: deque[tuple[int, int]] = deque()
        """The batches that are needed still: their last numbers and first slots."""

    def give_back(self, struck_to: int) -> None:
        """Let go of the batches up to a number."""
        while self._held and self._held[0][0] <= struck_to:
            self._held.popleft()
        if not self._held:
            self._at = 0

    def take(self, last: int, count: int) -> int:
        """Give the first of so many slots, for a batch up to a number. Raises `NoRoom`."""
        oldest = self._held[0][1] if self._held else self._slots
        at = self._at
        if self._held and at <= oldest:  # it went round: what is free ends before the oldest
            end = oldest
        elif at + count <= self._slots:
            end = self._slots
        else:
            at, end = 0, oldest
        if at + count > end:
            raise NoRoom("the journal has not got enough yet of what is in the intake")
        self._held.append((last, at))
        self._at = at + count
        return at


def _offset(slot: int) -> int:
    return (slot + 1) * SLOT_BYTES


def _write(path: Path, descriptor: int, content: bytes, offset: int) -> None:
    if os.pwrite(descriptor, content, offset) != len(content):
        raise OSError(errno.EIO, "the disk took a part only", str(path))


def _place(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_dev, found.st_ino, found.st_size
