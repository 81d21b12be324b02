"""Whether a disk has room for what SQLite writes as memory: there a full disk is no error, but the end of the process.

The index of a log (``-shm``) is mapped. SQLite makes it longer by a byte a page before it writes there, which takes all
the room that it needs where a file system's blocks are as large as a page. Where they are smaller, as on a small ext4,
the rest of the page has no block yet, and who writes there when the disk is full ends by SIGBUS. So on such a file
system the disk is called full while a little is left, and the journal fails as it does on any other that is full.
"""

from __future__ import annotations

import errno
import mmap
import os
import sqlite3
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

ROOM_BYTES: Final = 131_072
"""The index of the journal's log, 32 KiB, and some for what others take meanwhile."""

LEFT_MIN_BYTES: Final = 1_048_576
"""What the files beside the journal leave to it on a disk that is nearly full: it matters more."""


def has_small_blocks(path: Path) -> bool:
    """Whether a file is on such a file system. Raises OSError."""
    return os.statvfs(path.parent).f_frsize < mmap.PAGESIZE


def require_room(path: Path) -> None:
    """Raise sqlite3.OperationalError as for a full disk, where the index of a file's log may get no room."""
    found = os.statvfs(path.parent)
    if found.f_frsize < mmap.PAGESIZE and _left(found) < ROOM_BYTES:
        trouble = sqlite3.OperationalError("database or disk is full")
        trouble.sqlite_errorcode, trouble.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
        raise trouble


def is_nearly_full(path: Path) -> bool:
    """Whether so little is left that an error of a disk is most likely that."""
    return _left(os.statvfs(path.parent)) < ROOM_BYTES


def require_free(descriptor: int, size: int) -> None:
    """Raise OSError as for a full disk, where a file of that size would leave too little to the journal."""
    if _left(os.fstatvfs(descriptor)) < size + LEFT_MIN_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def sync_folder(path: Path) -> None:
    """Have it on the disk that there is a file of this name. Raises OSError."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _left(found: os.statvfs_result) -> int:
    return found.f_bavail * found.f_frsize
