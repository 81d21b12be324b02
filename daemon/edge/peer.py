"""Who is at the other end of a Unix socket, by the kernel's word, and who may talk at all.

It reads SO_PEERCRED and SO_PEERGROUPS, which hold what was true when the client connected. What a peer may then do with
an account is not decided here.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Final

from daemon.core.records import Caller
from daemon.edge.desk import ConnectionId, Peer

if TYPE_CHECKING:
    from typing import Protocol

    class HasOptions(Protocol):
        """A socket as far as its options go: what a transport of any event loop gives."""

        def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
            """Read an option."""
            ...


ROOT: Final = 0
_UCRED: Final = struct.Struct("=iII")  # struct ucred of unix(7): pid, uid, gid
_SO_PEERGROUPS: Final = 59  # asm-generic/socket.h, Linux 4.13; the socket module has no name for it
_GROUPS_BYTES_MAX: Final = 1024  # the most that Python's getsockopt takes: 256 groups


def peer_of(connected: HasOptions, connection: ConnectionId) -> Peer:
    """Read who connected. A peer in more groups than can be read counts as being in its primary one only."""
    pid, uid, gid = _UCRED.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(connection, Caller(uid, gid, pid), frozenset({gid, *_supplementary_groups(connected)}))


def _supplementary_groups(connected: HasOptions) -> tuple[int, ...]:
    try:
        raw = connected.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES_MAX)
    except OSError:  # ERANGE: more groups than fit; ENOPROTOOPT: an older kernel
        return ()
    return tuple(group for (group,) in struct.iter_unpack("=I", raw))


def may_talk(peer: Peer, socket_group: int | None) -> bool:
    """Whether a peer may talk to the daemon at all: root, the daemon's own user, and members of the socket's group.

    The file's mode 0660 says the same, but not for a socket whose file somebody else made, or that has none.
    """
    return peer.caller.uid in {ROOT, os.geteuid()} or socket_group in peer.groups
