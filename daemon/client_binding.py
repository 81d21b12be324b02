"""Cancel on disconnect for Python programs: bind orders to your own life, and have the heartbeat kept for you.

    from daemon.client_binding import Binding

    with Binding({"account": "okx-main", "client_id_prefix": "mm1-"}, grace_ms=2000, heartbeat_ms=1000):
        trade()

While the block runs, a thread keeps the heartbeat on a connection of its own, and comes back under the binding's name
when the connection or the daemon was lost. If the program dies, or its host stands still, the daemon cancels the scope
when the grace is over. Leaving the block in order releases it; leaving it by an exception does not, since a strategy
that failed is as good as dead. `AsyncBinding` is the same with ``async with``, on the event loop: a loop that hangs
misses its heartbeat.

Like `daemon.client`, it needs the standard library alone.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from daemon.client import Client
from daemon.client_async import AsyncClient
from daemon.client_words import ClientError, Json, Refused, given

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Self

BEATS_PER_WAIT: Final = 3  # in the shorter of heartbeat and grace: one may be late and one lost
BEAT_MAX_S: Final = 1.0


class _Wish:
    """What is to be bound, under which name it is, and how often it is said that we live."""

    def __init__(self, scope: Mapping[str, object], grace_ms: int, heartbeat_ms: int | None) -> None:
        self.binding_id: str | None = None
        self.refusal: Refused | None = None
        """Why the binding is over: it fired, most likely, since we were away for too long. None while it stands."""
        waits_ms = [wait for wait in (heartbeat_ms, grace_ms) if wait]
        self.every_s = min([BEAT_MAX_S, *(wait / 1000 / BEATS_PER_WAIT for wait in waits_ms)])
        self._scope = dict(scope)
        self._grace_ms = grace_ms
        self._heartbeat_ms = heartbeat_ms

    def params(self) -> Json:
        """Give the params of ``bind``: to make the binding first, and then to hold it, which is a heartbeat too."""
        if self.binding_id is not None:
            return {"binding_id": self.binding_id}
        return given(scope=self._scope, grace_ms=self._grace_ms, heartbeat_ms=self._heartbeat_ms)


class Binding:
    """A scope of orders that is bound to this process's life. Use it as a context manager, or `start` and `release`.

    ``scope`` is what the socket's ``bind`` takes: ``account``, and one of ``orders``, ``client_id_prefix``,
    ``instrument`` and ``all``. A lost client may take ``grace_ms`` to come back. Without ``heartbeat_ms`` the
    connection alone is the sign of life. `refusal` says why the binding is over, if the daemon ended it.
    """

    def __init__(
        self,
        scope: Mapping[str, object],
        *,
        grace_ms: int,
        heartbeat_ms: int | None = None,
        path: str | os.PathLike[str] | None = None,
        name: str | None = None,
    ) -> None:
        self._wish = _Wish(scope, grace_ms, heartbeat_ms)
        self._client = Client(path, name=name)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="canceld-binding", daemon=True)

    @property
    def binding_id(self) -> str | None:
        """Give its name, by which another connection could hold it; None before `start`."""
        return self._wish.binding_id

    @property
    def refusal(self) -> Refused | None:
        """Say why the daemon ended it; None while it stands."""
        return self._wish.refusal

    def start(self) -> Self:
        """Bind, and keep the heartbeat from now on. Raises `NoDaemon`, `NoAnswer` or `Refused`."""
        self._wish.binding_id = str(self._client.call("bind", self._wish.params())["binding_id"])
        self._thread.start()
        return self

    def release(self) -> None:
        """Let the orders go: nothing is canceled. Raises `NoDaemon` or `NoAnswer` when the daemon was not told."""
        self._end()
        try:
            if self.refusal is None:
                self._client.call("bind", self._wish.params() | {"release": True})
        finally:
            self._client.close()

    def abandon(self) -> None:
        """Be as good as dead: the scope is canceled when the grace is over."""
        self._end()
        self._client.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.release()
        else:
            self.abandon()

    def _end(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _live(self) -> None:
        while not self._stop.wait(self._wish.every_s):
            try:
                self._client.call("bind", self._wish.params())
            except Refused as refusal:
                self._wish.refusal = refusal
                return
            except ClientError:
                continue  # the daemon is away: it counts from when it is back


class AsyncBinding:
    """As `Binding`, for one event loop."""

    def __init__(
        self,
        scope: Mapping[str, object],
        *,
        grace_ms: int,
        heartbeat_ms: int | None = None,
        path: str | os.PathLike[str] | None = None,
        name: str | None = None,
    ) -> None:
        self._wish = _Wish(scope, grace_ms, heartbeat_ms)
        self._client = AsyncClient(path, name=name)
        self._living: asyncio.Task[None] | None = None

    @property
    def binding_id(self) -> str | None:
        """Give its name, by which another connection could hold it; None before `start`."""
        return self._wish.binding_id

    @property
    def refusal(self) -> Refused | None:
        """Say why the daemon ended it; None while it stands."""
        return self._wish.refusal

    async def start(self) -> Self:
        """Bind, and keep the heartbeat from now on. Raises `NoDaemon`, `NoAnswer` or `Refused`."""
        self._wish.binding_id = str((await self._client.call("bind", self._wish.params()))["binding_id"])
        self._living = asyncio.create_task(self._live())
        return self

    async def release(self) -> None:
        """Let the orders go: nothing is canceled. Raises `NoDaemon` or `NoAnswer` when the daemon was not told."""
        await self._end()
        try:
            if self.refusal is None:
                await self._client.call("bind", self._wish.params() | {"release": True})
        finally:
            await self._client.close()

    async def abandon(self) -> None:
        """Be as good as dead: the scope is canceled when the grace is over."""
        await self._end()
        await self._client.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.release()
        else:
            await self.abandon()

    async def _end(self) -> None:
        living, self._living = self._living, None
        if living is not None:
            living.cancel()
            with suppress(asyncio.CancelledError):
                await living

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(self._wish.every_s)
            try:
                await self._client.call("bind", self._wish.params())
            except Refused as refusal:
                self._wish.refusal = refusal
                return
            except ClientError:
                continue  # the daemon is away: it counts from when it is back
