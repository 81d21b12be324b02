"""The service manager's two protocols: datagrams to ``$NOTIFY_SOCKET``, and a listening socket that it passes to us.

Written out from sd_notify(3) and sd_listen_fds(3), so that neither needs a library or a child process. Without a
service manager everything here does nothing. What stands in the status line, and when the daemon is ready, is the
caller's to say: nothing here knows an account.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import structlog

from protocols.errors import ConfigMistake

if TYPE_CHECKING:
    from collections.abc import Mapping

LISTEN_FDS_START: Final = 3  # sd_listen_fds(3)
STATUS_CHARS_MAX: Final = 1000  # a line that `systemctl status` shows; a datagram of 4 kB fits any socket
UNSENT_MAX: Final = 16
"""Datagrams that wait for a manager whose queue is full; past it the oldest goes: states are few and soon repeated."""
_DATAGRAMS: Final = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Manager:
    """The service manager that started us, or nobody. Nothing here ever waits, and no failure reaches the caller.

    ``address`` is what ``$NOTIFY_SOCKET`` holds, None for nobody; ``watchdog_s`` is the silence after which the manager
    restarts us, None for never.
    """

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._address = "" if address is None else _socket_name(address)
        self._socket = None if address is None else socket.socket(socket.AF_UNIX, _DATAGRAMS)
        self._unsent: deque[bytes] = deque(maxlen=UNSENT_MAX)
        self._status = ""

    @classmethod
    def of(cls, environ: Mapping[str, str], pid: int) -> Manager:
        """Find the manager of the process ``pid`` by its environment."""
        return cls(environ.get("NOTIFY_SOCKET") or None, watchdog_s(environ, pid))

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def starting(self, at_most_s: float) -> None:
        """Say that the start may take so long, from now on: the unit's own time-out need not know our settings."""
        self._say(_extension(at_most_s))

    def ready(self) -> None:
        """Say that the start, or a reload, is over."""
        self._say("READY=1")

    def reloading(self) -> None:
        """Say that a reload has begun; `ready` ends it."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, at_most_s: float) -> None:
        """Say that the end has begun, and how long it may take."""
        self._say("STOPPING=1", _extension(at_most_s))

    def status(self, line: str) -> None:
        """Show a line, if it is another than the last one."""
        line = "".join(char if char.isprintable() else " " for char in line)
        if len(line) > STATUS_CHARS_MAX:
            line = line[: STATUS_CHARS_MAX - 1] + "…"
        if line != self._status:
            self._status = line
            self._say(f"STATUS={line}")

    def alive(self) -> None:
        """Feed the watchdog, where there is one."""
        if self.watchdog_s is not None:
            self._say("WATCHDOG=1")
        elif self._unsent:
            self._flush()

    def _say(self, *lines: str) -> None:
        if self._socket is not None:
            self._unsent.append("\n".join(lines).encode())
            self._flush()

    def _flush(self) -> None:
        """Send what waits, in order, as far as the manager takes it."""
        while self._unsent and self._socket is not None:
            try:
                self._socket.sendto(self._unsent[0], self._address)
            except BlockingIOError:
                return  # its queue is full: the next call tries again
            except OSError as error:  # it may be back later, and is then told what is so then
                log.warning("service_manager_not_told", detail=str(error))
            self._unsent.popleft()


def inherited_socket(environ: Mapping[str, str], pid: int) -> int | None:
    """Give the descriptor of the listening socket that was passed to the process ``pid``; None if none was.

    Raises `ConfigMistake` when there are several: they would be several daemons' doors.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(pid) or not count.isascii() or not count.isdigit() or int(count) == 0:
        return None
    if int(count) > 1:
        what = f"{count} sockets were passed to a daemon that serves one"
        raise ConfigMistake("socket activation", what, "leave one ListenStream= in its socket unit")
    os.set_inheritable(LISTEN_FDS_START, False)
    return LISTEN_FDS_START


def _socket_name(address: str) -> str:
    return "\0" + address[1:] if address.startswith("@") else address  # unix(7): the abstract namespace


def watchdog_s(environ: Mapping[str, str], pid: int) -> float | None:
    """Give the seconds after which the manager calls a process hung: sd_watchdog_enabled(3). None where it never does.

    Its variables may be meant for another process.
    """
    given = environ.get("WATCHDOG_USEC", "")
    is_ours = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
    if not is_ours or not given.isascii() or not given.isdigit() or int(given) == 0:
        return None
    return int(given) / 1_000_000


def _extension(at_most_s: float) -> str:
    return f"EXTEND_TIMEOUT_USEC={int(at_most_s * 1_000_000)}"
