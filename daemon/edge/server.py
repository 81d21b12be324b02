"""The Unix socket's server: it accepts clients, keeps their number bounded, and ends them when the daemon ends.

What is said on a connection is `server_conn`'s, what is meant by it the desk's.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

from daemon.edge.desk import ConnectionId, Desk, Peer
from daemon.edge.listening import BACKLOG, Listening
from daemon.edge.loop import LoopTime
from daemon.edge.peer import may_talk
from daemon.edge.server_conn import Connection, Limits, Room
from protocols.control.refusals import Reason, error_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocols.control.refusals import RpcError

STOP_GRACE_S: Final = 1.0
"""How long `Server.stop` lets clients read what was said before it aborts them."""


class Server:
    """Serves a `Desk` on a `Listening` socket. `start` it once, `stop` it once.

    ``now_us`` is the daemon's clock (microseconds since the epoch), ``version`` its version for ``rpc.discover``.
    ``is_invited`` says of a peer that is not in the socket's group whether it may talk all the same.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        now_us: Callable[[], int],
        version: str,
        limits: Limits | None = None,
        is_invited: Callable[[Peer], bool] = lambda _: False,
    ) -> None:
        self._is_invited = is_invited
        self._limits = limits or Limits()
        self.accepted = 0
        """Connections, over this life; also those that were turned away."""
        self.refusals: Counter[str] = Counter()
        """Errors that clients were given, by their reason."""
        self._room = Room(
            desk, now_us, version, self._limits, self._enter, self._leave, self._count, self.refusals, LoopTime().soon
        )
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._listening: Listening | None = None
        self._server: asyncio.Server | None = None
        self._is_stopping = False

    @property
    def clients(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def start(self, listening: Listening) -> None:
        """Accept clients from now on. The listening socket is the server's to close."""
        self._listening = listening
        loop = asyncio.get_running_loop()
        made, listener = self._connection, listening.socket  # which is made to listen anew, with that backlog
        if sys.version_info >= (3, 13):  # since then it would remove the file, even one that somebody passed to us
            self._server = await loop.create_unix_server(made, sock=listener, backlog=BACKLOG, cleanup_socket=False)
        else:
            self._server = await loop.create_unix_server(made, sock=listener, backlog=BACKLOG)

    def accept_no_more(self) -> None:
        """Let whoever connects from now on wait for the next daemon, if the listening socket outlives this one."""
        if self._server is not None and self._listening is not None and self._listening.is_inherited:
            self._server.close()

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Accept nobody, take no more calls, and end every connection. Answers that were given are still delivered.

        Give every answer that is to be given before.
        """
        self._is_stopping = True
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._empty.wait()
        for connection in tuple(self._connections):
            connection.abort()
        await self._empty.wait()
        if self._listening is not None:
            self._listening.close()

    def _connection(self) -> Connection:
        self.accepted += 1
        return Connection(self._room, ConnectionId(self.accepted))

    def _count(self) -> int:
        return len(self._connections)

    def _enter(self, connection: Connection) -> RpcError | None:
        if self._is_stopping:  # it was accepted just before
            return error_of(Reason.SHUTTING_DOWN, "the daemon is ending")
        uid = connection.peer.caller.uid
        group = None if self._listening is None else self._listening.group
        if not may_talk(connection.peer, group) and not self._is_invited(connection.peer):
            why = "is neither the daemon's user nor in the socket's group, and no rule of [access] names it"
            return error_of(Reason.NOT_ALLOWED, f"uid {uid} {why}")
        if len(self._connections) >= self._limits.connections_max:
            return error_of(Reason.TOO_MANY_IN_FLIGHT, f"{self._limits.connections_max} connections at most")
        of_uid = sum(other.peer.caller.uid == uid for other in self._connections)
        if of_uid >= self._limits.connections_per_uid_max:
            at_most = self._limits.connections_per_uid_max
            return error_of(Reason.TOO_MANY_IN_FLIGHT, f"{at_most} connections of one user at most")
        self._connections.add(connection)
        self._empty.clear()
        return None

    def _leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
