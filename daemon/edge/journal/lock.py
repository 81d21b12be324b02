"""One daemon per journal: an flock'ed file beside it holds the owner's pid. It knows nothing of what a journal is.

The kernel gives the lock back when its holder dies, however it dies, so a file that was left behind means nothing. It
is never removed: whoever removed it could let a third process lock another file of the same name.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from protocols.errors import JournalError

if TYPE_CHECKING:
    from types import TracebackType

PID_BYTES_MAX: Final = 32
"""More than any pid is long; what else may stand in the file is not read."""


class JournalLock:
    """The right to use the journal at ``path`` (absolute, links resolved), until `release` or the process's end."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    @property
    def is_held(self) -> bool:
        """Whether it was not yet released."""
        return self._descriptor is not None

    def release(self) -> None:
        """Let another daemon have the journal. Harmless twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> JournalLock:
        """Hold it for a while."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release it."""
        self.release()


def lock_journal(path: Path) -> JournalLock:
    """Take the journal at ``path`` for this process, before anything else is done with it.

    Raises `JournalError` when another process has it (naming its pid), or when its folder is missing or not writable.
    """
    journal = _resolved(Path(path))
    beside = journal.with_name(journal.name + ".lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as trouble:
        raise JournalError(
            str(path),
            f"its lock file {beside} cannot be opened ({trouble.strerror})",
            f"make the folder {journal.parent} writable for the user that the daemon runs as",
        ) from trouble
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as trouble:
        owner = os.pread(descriptor, PID_BYTES_MAX, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise _in_use(path, owner, trouble) from trouble
    pid = f"{os.getpid()}\n".encode()
    with contextlib.suppress(OSError):  # a full disk: the lock holds all the same, only its holder is not named
        os.pwrite(descriptor, pid, 0)
        os.ftruncate(descriptor, len(pid))
    return JournalLock(journal, descriptor)


def _resolved(path: Path) -> Path:
    """Give one name to one file, so that two spellings of it meet at one lock."""
    journal = path.resolve()
    if not journal.parent.is_dir():
        raise JournalError(
            str(path), f"its folder {journal.parent} does not exist", "create it, for the user that the daemon runs as"
        )
    if journal.exists() and not journal.is_file():
        raise JournalError(str(path), "it is not a file", "name a file in [daemon] journal")
    return journal


def _in_use(path: Path, owner: str, trouble: OSError) -> JournalError:
    if not isinstance(trouble, BlockingIOError):
        return JournalError(
            str(path), f"its folder cannot hold a lock ({trouble.strerror})", "put the journal on a local disk"
        )
    whose = f"the process with pid {owner}" if owner.isdigit() else "another process that is just starting"
    return JournalError(
        str(path), f"it is in use by {whose}", "stop that daemon first, or give this one a journal of its own"
    )
