"""Which files an open journal consists of, and whether they are still to be found under their names.

Who has a file open goes on writing into it when it is deleted, moved or replaced, and nothing says so: what is
committed is then in no file that a later start reads. SQLite keeps its log and its index of the log (``-wal`` and
``-shm``) for as long as anybody has the journal open: it truncates them, and makes new ones only after all let go.

To delete, move or replace a file changes the time (``ctime``, which nobody can set) of its folder, so that mostly one
look at the folder will do.

It knows names and inodes, and nothing of what is in the files.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from daemon.edge.journal.room import has_small_blocks, require_room
from protocols.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path

GONE: Final = "the file is gone; put it back, or restart the daemon, which then begins an empty one"
LEAVE_IT: Final = "leave it alone while the daemon runs; what was in it is saved, and a new one begun"
LET_GO: Final = "close every other program that has the journal open: what is only in that log is saved then"
FOLDER_AT_REST_NS: Final = 2_000_000_000
"""How long ago a folder must have changed for its time to tell the next change: a file system's clock may be coarse."""


class LogMisplaced(JournalError):
    """The log, or its index, is not the one any more that is open. The journal itself is."""


class Places:
    """The files of the journal at ``path`` as they are now. To be made in a transaction, when all of them are there.

    Raises OSError when one of them is not.
    """

    __slots__ = ("_beside", "_file", "_folder_then", "_may_lack_room", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _identity(path)
        self._may_lack_room = has_small_blocks(path)  # looked at once: it is asked for in each commit
        self._beside = {beside: _identity(beside) for beside in (_named(path, "-wal"), _named(path, "-shm"))}
        self._folder_then: tuple[int, int, int] | None = None
        """The folder when all was in its place, if it was at rest then."""

    def require(self) -> None:
        """Raise `JournalError` when the journal was moved or replaced, and `LogMisplaced` for what belongs to it.

        A journal that is gone altogether raises OSError, and one whose log is about to get no room sqlite3.Error.
        """
        if self._may_lack_room:
            require_room(self._path)
        found = self._path.parent.stat()
        folder = found.st_dev, found.st_ino, found.st_ctime_ns
        if folder == self._folder_then:
            return
        if _identity(self._path) != self._file:
            raise JournalError(str(self._path), "the file was moved or replaced", "put it back, or restart the daemon")
        for beside, opened in self._beside.items():
            if not _is(beside, opened):
                raise LogMisplaced(str(self._path), f"{beside.name} was deleted, moved or replaced", LEAVE_IT)
        is_at_rest = found.st_ctime_ns < time.time_ns() - FOLDER_AT_REST_NS
        self._folder_then = folder if is_at_rest and not self._path.is_symlink() else None

    @property
    def has_log(self) -> bool:
        """Whether the log and its index are still there, wherever the journal itself is."""
        return all(_is(beside, opened) for beside, opened in self._beside.items())


def is_gone(path: Path) -> bool:
    """Whether there is no journal at ``path``, as far as can be seen."""
    try:
        path.stat()
    except OSError as trouble:
        return isinstance(trouble, FileNotFoundError)
    return False


def _named(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _is(path: Path, opened: tuple[int, int]) -> bool:
    try:
        return _identity(path) == opened
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
