"""Holding a name on this host, so that no two daemons take what can have one owner only.

A name is held by an abstract Unix socket (unix(7)): it leaves no file behind, and the kernel gives it up with the
process, however that ends. Daemons in other network name spaces, and on other hosts, are not seen.
"""

from __future__ import annotations

import hashlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class HostClaim:
    """A name of this host that one process at a time may hold."""

    def __init__(self) -> None:
        self._name = ""
        self._socket: socket.socket | None = None

    def hold(self, parts: Iterable[str]) -> bool:
        """Hold the name made of these parts, in the place of one held before; whether it is held."""
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        name = f"\0canceld/{digest}"
        if self._socket is not None and name == self._name:
            return True
        self.let_go()
        held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            held.bind(name)
        except OSError:
            held.close()
            return False
        self._name, self._socket = name, held
        return True

    def let_go(self) -> None:
        """Hold nothing any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
