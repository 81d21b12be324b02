"""A lease on a file that is open here (fcntl's ``F_SETLEASE``): whoever opens it elsewhere has to wait.

The system holds them back until the lease is let go, for ``/proc/sys/fs/lease-break-time`` at most (45 s), so that who
holds it has time to get out of the way. It is asked after and not announced: the signal for it is set to one that does
nothing, where the usual one would end the process. Not every file system has leases, and there is none while somebody
else has the file open.
"""

from __future__ import annotations

import fcntl
import signal
from contextlib import suppress


class Lease:
    """A lease, when it is taken, on what ``descriptor`` has open for reading and writing."""

    __slots__ = ("_descriptor", "is_held")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.is_held = False

    def take(self) -> None:
        """Take it, unless it is held or cannot be had: then the file is as open to others as any."""
        if not self.is_held:
            with suppress(OSError):
                fcntl.fcntl(self._descriptor, fcntl.F_SETSIG, signal.SIGURG)
                fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
                self.is_held = True

    def let_readers(self) -> None:
        """Let go of it where somebody waits to read only, and nothing will change."""
        if self.is_held and self._asked_for() == fcntl.F_RDLCK:
            fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            self.is_held = False

    def is_writer_waiting(self) -> bool:
        """Say whether somebody waits to write to the file, or to truncate it. Closing it lets them."""
        return self.is_held and self._asked_for() == fcntl.F_UNLCK

    def _asked_for(self) -> int:
        """Give what the lease is to become: ``F_WRLCK`` as long as nobody waits."""
        return fcntl.fcntl(self._descriptor, fcntl.F_GETLEASE)
