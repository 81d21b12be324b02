"""The listening socket and its file: made with mode 0660, or taken over from whoever made it before us.

The caller holds the journal's lock, so that of two daemons with one journal only one comes here. It does not accept
connections and does not know what is said on them.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Final

from protocols.errors import ConfigMistake

MODE: Final = 0o660
BACKLOG: Final = 1024
"""Connections that the kernel keeps until we accept them: every client of a host coming back at once. Who finds no
room there is told to try again, which many programs take for "nobody is there". The units say the same."""
PATH_BYTES_MAX: Final = 107
"""What sun_path holds beside its closing zero (unix(7))."""
_SETTING: Final = "daemon.socket"


class Listening:
    """A listening Unix socket. ``path`` and ``group`` are its file's, None if it has none; `close` it when done."""

    def __init__(self, listener: socket.socket, made: Path | None) -> None:
        self.socket = listener
        self.is_inherited = made is None
        self._made = made
        self._identity = made and _identity(made)
        self.path = _path(listener)
        self.group = _group(self.path)

    @classmethod
    def bind(cls, path: Path) -> Listening:
        """Make the socket file and listen on it; a file that a dead daemon left is removed first.

        Hold the journal's lock. Raises `ConfigMistake` if the path cannot be used or another process listens there.
        """
        if len(os.fsencode(path)) > PATH_BYTES_MAX:
            raise ConfigMistake(_SETTING, f"{path} is too long for a socket", f"use at most {PATH_BYTES_MAX} bytes")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _remove_stale(path)
            os.fchmod(listener.fileno(), MODE)  # before bind: the file is never wider, whatever the umask
            listener.bind(os.fspath(path))
            path.chmod(MODE)  # the umask may have made it narrower
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            fix = "let its folder exist and be writable for the daemon's user"
            raise ConfigMistake(_SETTING, f"{path}: {error.strerror or error}", fix) from error
        except ConfigMistake:
            listener.close()
            raise
        return cls(listener, path)

    @classmethod
    def inherit(cls, descriptor: int) -> Listening:
        """Take over a socket that listens already (socket activation). Its file stays whose it is: never removed.

        Raises `ConfigMistake` if the descriptor is no listening Unix stream socket.
        """
        try:
            listener = socket.socket(fileno=descriptor)
        except OSError as error:
            raise _not_a_listener(descriptor) from error
        is_stream = listener.family == socket.AF_UNIX and listener.type == socket.SOCK_STREAM
        if not is_stream or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            listener.detach()
            raise _not_a_listener(descriptor)
        return cls(listener, None)

    def close(self) -> None:
        """Stop listening, and remove the file if this daemon made it and it is still the same."""
        self.socket.close()
        if self._made is not None and self._identity is not None and _identity(self._made) == self._identity:
            self._made.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Remove what a dead daemon left. Only a socket that nobody answers on is removed."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigMistake(_SETTING, f"{path} exists and is no socket", "name another path, or remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:  # a full backlog: somebody is there
            pass
    raise ConfigMistake(_SETTING, f"another process listens on {path}", "stop it, or name another path")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _path(listener: socket.socket) -> Path | None:
    name: object = listener.getsockname()
    return Path(name) if isinstance(name, str) and name else None  # else abstract or unnamed


def _group(path: Path | None) -> int | None:
    try:
        return None if path is None else path.stat().st_gid
    except OSError:
        return None


def _not_a_listener(descriptor: int) -> ConfigMistake:
    what = f"descriptor {descriptor} is no listening Unix stream socket"
    return ConfigMistake("socket activation", what, "mend the socket unit: ListenStream= with a path")
