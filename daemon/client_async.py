"""The client library with ``await``: many cancels in flight over one connection.

    from daemon.client_async import AsyncClient

    async with AsyncClient() as canceld:
        result = await canceld.cancel("okx-main", "BTC-USDT", order_id="590908157585625111")

It is `daemon.client` on asyncio, and knows nothing that that one does not: names, asking again and errors are the same.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from daemon.client_words import (
    BULK_TIMEOUT_S,
    CANCEL_TIMEOUT_S,
    RECEIVE_BYTES,
    TIMEOUT_S,
    BulkResult,
    Call,
    Json,
    NoDaemon,
    Notification,
    Result,
    Talk,
    all_orders,
    batch_params,
    bulk_params,
    cancel_params,
    default_socket,
    given,
    much_history,
    whole_story,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from typing import Self, Unpack

    from daemon.client_words import Filters, OnOutcome, OnProgress, Script, Wish


class AsyncClient:
    """As `daemon.client.Client`, for one event loop; any number of tasks may share it."""

    def __init__(self, path: str | os.PathLike[str] | None = None, *, name: str | None = None) -> None:
        self.path = os.fspath(path or default_socket())
        self._talk = Talk(name)
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._told = asyncio.Event()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; what was asked goes on without us."""
        self._is_closed = True
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.wait([reading])

    async def cancel(
        self,
        account: str,
        instrument: str,
        *,
        request_id: str | None = None,
        timeout: float | None = CANCEL_TIMEOUT_S,  # noqa: ASYNC109 - as the blocking client's
        on_progress: OnProgress | None = None,
        **wish: Unpack[Wish],
    ) -> Result:
        """Cancel an order and wait for what became of it; see `Wish`. ``on_progress`` is told each state."""
        params = cancel_params(account, instrument, request_id, progress=on_progress is not None, **wish)
        loop = asyncio.get_running_loop()

        def tell(state: str) -> None:
            if on_progress is not None:
                loop.call_soon(on_progress, state)  # its errors are the loop's to report, and end nobody's connection

        with self._talk.listening(params, tell):
            return Result.of(await self.call("cancel", params, timeout))

    async def cancel_all(
        self,
        account: str | None = None,
        *,
        request_id: str | None = None,
        timeout: float | None = BULK_TIMEOUT_S,  # noqa: ASYNC109 - as the blocking client's
        on_outcome: OnOutcome | None = None,
        **scope: Unpack[Filters],
    ) -> BulkResult:
        """Cancel every open order of an account (or ``all_accounts=True``) that fits; see `Filters`.

        ``on_outcome`` is told what becomes of each order, as it comes.
        """
        params = bulk_params(account, request_id, **scope)
        with self._talk.listening_to_all(params, _soon(on_outcome)):
            return BulkResult.of(await self.call("cancel_all", params, timeout))

    async def cancel_batch(
        self,
        items: Sequence[Mapping[str, object]],
        *,
        request_id: str | None = None,
        timeout: float | None = BULK_TIMEOUT_S,  # noqa: ASYNC109 - as the blocking client's
        on_outcome: OnOutcome | None = None,
    ) -> BulkResult:
        """Cancel orders (at most 256), each named as `cancel` takes it: account, instrument, and what is in `Wish`.

        ``on_outcome`` is told what becomes of each order, as it comes.
        """
        params = batch_params(items, request_id)
        with self._talk.listening_to_all(params, _soon(on_outcome)):
            return BulkResult.of(await self.call("cancel_batch", params, timeout))

    async def status(self) -> Json:
        """Ask how the daemon and its accounts are."""
        return await self.call("status", {})

    async def ping(self) -> Json:
        """Ask for a sign of life: the daemon's clock."""
        return await self.call("ping", {})

    async def track(self, orders: Sequence[Mapping[str, object]]) -> Json:
        """Name your own orders (at most 256), so that their client ids are bound early."""
        return await self.call("track", {"orders": list(orders)})

    async def orders(self, **which: str) -> Json:
        """List the known orders, all pages: those that match ``account``, ``product``, ``instrument``, if given."""
        return await self._run(all_orders(which))

    async def history(self, from_seq: int | None = None, limit: int = 100, **which: str | int) -> Json:
        """Read back ``limit`` outcomes and corrections of an ``account``, ``order_id``, ``request_id``, or of all."""
        return await self._run(much_history(which, from_seq, limit))

    async def explain(self, request_id: str, account: str | None = None) -> Json:
        """Read one request's story, all of it."""
        return await self._run(whole_story(request_id, account))

    async def subscribe(self, topics: Sequence[str], from_seq: int | None = None) -> Json:
        """Be told of ``outcomes``, ``corrections``, ``orders``, ``sessions``; read them by `notifications`."""
        result = await self.call("subscribe", given(topics=list(topics), from_seq=from_seq))
        self._talk.subscribed(result, topics)
        return result

    async def notifications(self) -> AsyncIterator[Notification]:
        """Give notifications as they come, for ever. A lost connection is made again, with its subscription."""
        call = Call("subscribe", {}, None)
        while True:
            while (notification := self._talk.next()) is not None:
                yield notification
            self._told.clear()
            try:
                await self._connected()
                await self._told.wait()
                call = Call("subscribe", {}, None)
            except (OSError, NoDaemon):
                await asyncio.sleep(call.pause())

    async def call(
        self,
        method: str,
        params: Json,
        timeout: float | None = TIMEOUT_S,  # noqa: ASYNC109 - as the blocking client's
    ) -> Json:
        """Call any method of the socket, and give its result."""
        call = Call(method, params, timeout)
        while True:
            result = None
            try:
                async with asyncio.timeout(call.left()):
                    writer = await self._connected()
                    result = call.settle(await self._exchange(writer, method, call.params()))
            except TimeoutError:
                raise call.unanswered() from None
            except NoDaemon:
                if not call.was_lost or self._is_closed:
                    raise
            except BlockingIOError:
                pass  # no room in the queue yet: nothing was asked, and so nothing lost
            except OSError:
                call.lost(self._talk.turned_away)
            if result is not None:
                return result
            await asyncio.sleep(call.pause())

    async def _run(self, script: Script) -> Json:
        try:
            ask = next(script)
            while True:
                ask = script.send(await self.call(*ask))
        except StopIteration as done:
            return dict(done.value)

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None:
                self._writer = await self._connect()
            return self._writer

    async def _connect(self) -> asyncio.StreamWriter:
        if self._is_closed:
            raise NoDaemon(self.path, "this client was closed")
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            made.connect(self.path)  # here and not by the loop: asyncio's own takes want of room for a connection made
            reader, writer = await asyncio.open_unix_connection(sock=made)
        except BlockingIOError:  # so many connect at once that there is no room in the queue: it is asked again
            made.close()
            raise
        except OSError as error:
            made.close()
            raise NoDaemon(self.path, error.strerror or str(error)) from None
        self._reading = asyncio.create_task(self._read(reader, writer))
        try:
            writer.write(self._talk.opening())
            if (again := self._talk.subscription()) is not None:
                self._talk.subscribed_again(await self._exchange(writer, "subscribe", again))
        except BaseException:  # cancelled, refused or lost: half a connection is none
            writer.close()
            raise
        if writer.is_closing():
            raise ConnectionResetError("the daemon closed the connection")
        return writer

    async def _exchange(self, writer: asyncio.StreamWriter, method: str, params: Json) -> Json:
        call_id, line = self._talk.ask(method, params)
        waiting: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[call_id] = waiting
        try:
            writer.write(line)
            return await waiting
        finally:
            self._waiting.pop(call_id, None)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand answers to who waits for them, until the connection is lost: then each of them learns that."""
        try:
            while data := await reader.read(RECEIVE_BYTES):
                for answer in self._talk.feed(data):
                    call_id = answer.get("id")
                    waiting = self._waiting.get(call_id) if isinstance(call_id, int) else None
                    if waiting is not None and not waiting.done():
                        waiting.set_result(answer)
                self._told.set()
        except OSError:
            pass  # as good as its end
        finally:
            self._lose(writer)

    def _lose(self, writer: asyncio.StreamWriter) -> None:
        self._writer = None
        writer.close()
        self._told.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the daemon closed the connection"))


def _soon(on_outcome: OnOutcome | None) -> OnOutcome | None:
    """Have the caller's function called by the loop: its errors are the loop's to report, and end no connection."""
    if on_outcome is None:
        return None
    loop = asyncio.get_running_loop()

    def tell(result: Result) -> None:
        loop.call_soon(on_outcome, result)

    return tell
