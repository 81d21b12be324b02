"""The client library: ask canceld for cancels, and be told what really became of the orders.

    from daemon.client import Client

    with Client() as canceld:
        result = canceld.cancel("okx-main", "BTC-USDT", order_id="590908157585625111")
    print(result.outcome, result.cum_qty)

`daemon.client_async` is the same with ``await``. Both use the standard library alone: ``canceld client-source`` prints
them as one module for programs whose environment has no canceld.

A request has a name (``request_id``; one is made if you give none). If the connection is lost before the answer, the
client connects again and asks under the same name: the daemon then attaches it to the request that it knows. Asking
again never retries, and never makes a second request. What an outcome means is the daemon's to say, not this file's.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from daemon.client_words import (
    BULK_TIMEOUT_S,
    CANCEL_TIMEOUT_S,
    RECEIVE_BYTES,
    TIMEOUT_S,
    BulkResult,
    Call,
    ClientError,
    Filters,
    Json,
    NoAnswer,
    NoDaemon,
    Notification,
    Refused,
    Result,
    Talk,
    Wish,
    all_orders,
    batch_params,
    bulk_params,
    cancel_params,
    default_socket,
    given,
    much_history,
    new_request_id,
    whole_story,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self, Unpack

    from daemon.client_words import OnOutcome, OnProgress, Script

__all__ = [
    "BULK_TIMEOUT_S",
    "CANCEL_TIMEOUT_S",
    "TIMEOUT_S",
    "BulkResult",
    "Client",
    "ClientError",
    "Filters",
    "Json",
    "NoAnswer",
    "NoDaemon",
    "Notification",
    "Refused",
    "Result",
    "Wish",
    "default_socket",
    "new_request_id",
]


class Client:
    """A blocking client. It connects when it is first used; one thread at a time.

    ``name`` is what the daemon's log and journal call you. A ``timeout`` is in seconds, None for ever. Every method
    raises `NoDaemon`, `NoAnswer` or `Refused`.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, name: str | None = None) -> None:
        self.path = os.fspath(path or default_socket())
        self._talk = Talk(name)
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; what was asked goes on without us."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def cancel(
        self,
        account: str,
        instrument: str,
        *,
        request_id: str | None = None,
        timeout: float | None = CANCEL_TIMEOUT_S,
        on_progress: OnProgress | None = None,
        **wish: Unpack[Wish],
    ) -> Result:
        """Cancel an order and wait for what became of it; see `Wish`. ``on_progress`` is told each state."""
        params = cancel_params(account, instrument, request_id, progress=on_progress is not None, **wish)
        with self._talk.listening(params, on_progress):
            return Result.of(self.call("cancel", params, timeout))

    def cancel_all(
        self,
        account: str | None = None,
        *,
        request_id: str | None = None,
        timeout: float | None = BULK_TIMEOUT_S,
        on_outcome: OnOutcome | None = None,
        **scope: Unpack[Filters],
    ) -> BulkResult:
        """Cancel every open order of an account (or ``all_accounts=True``) that fits; see `Filters`.

        ``on_outcome`` is told what becomes of each order, as it comes.
        """
        params = bulk_params(account, request_id, **scope)
        with self._talk.listening_to_all(params, on_outcome):
            return BulkResult.of(self.call("cancel_all", params, timeout))

    def cancel_batch(
        self,
        items: Sequence[Mapping[str, object]],
        *,
        request_id: str | None = None,
        timeout: float | None = BULK_TIMEOUT_S,
        on_outcome: OnOutcome | None = None,
    ) -> BulkResult:
        """Cancel orders (at most 256), each named as `cancel` takes it: account, instrument, and what is in `Wish`.

        ``on_outcome`` is told what becomes of each order, as it comes.
        """
        params = batch_params(items, request_id)
        with self._talk.listening_to_all(params, on_outcome):
            return BulkResult.of(self.call("cancel_batch", params, timeout))

    def status(self, timeout: float | None = TIMEOUT_S) -> Json:
        """Ask how the daemon and its accounts are."""
        return self.call("status", {}, timeout)

    def ping(self, timeout: float | None = TIMEOUT_S) -> Json:
        """Ask for a sign of life: the daemon's clock."""
        return self.call("ping", {}, timeout)

    def track(self, orders: Sequence[Mapping[str, object]], timeout: float | None = TIMEOUT_S) -> Json:
        """Name your own orders (at most 256), so that their client ids are bound early."""
        return self.call("track", {"orders": list(orders)}, timeout)

    def orders(self, timeout: float | None = TIMEOUT_S, **which: str) -> Json:
        """List the known orders, all pages: those that match ``account``, ``product``, ``instrument``, if given."""
        return self._run(all_orders(which), timeout)

    def history(
        self, from_seq: int | None = None, limit: int = 100, timeout: float | None = TIMEOUT_S, **which: str | int
    ) -> Json:
        """Read back what was told, on from ``from_seq`` or newest first. ``which`` filters, as the socket has it."""
        return self._run(much_history(which, from_seq, limit), timeout)

    def explain(self, request_id: str, account: str | None = None, timeout: float | None = TIMEOUT_S) -> Json:
        """Read one request's story, all of it."""
        return self._run(whole_story(request_id, account), timeout)

    def subscribe(self, topics: Sequence[str], from_seq: int | None = None, timeout: float | None = TIMEOUT_S) -> Json:
        """Be told of ``outcomes``, ``corrections``, ``orders``, ``sessions``; read them by `notifications`."""
        result = self.call("subscribe", given(topics=list(topics), from_seq=from_seq), timeout)
        self._talk.subscribed(result, topics)
        return result

    def notifications(self) -> Iterator[Notification]:
        """Give notifications as they come, for ever. A lost connection is made again, with its subscription."""
        call = Call("subscribe", {}, None)
        while True:
            yield from iter(self._talk.next, None)
            try:
                if self._socket is None:  # what is told while connecting is kept, so look there before waiting
                    self._connected(call)
                else:
                    self._receive(self._socket, None)
                    call = Call("subscribe", {}, None)
            except (OSError, NoDaemon):
                self.close()
                time.sleep(call.pause())

    def call(self, method: str, params: Json, timeout: float | None = TIMEOUT_S) -> Json:
        """Call any method of the socket, and give its result."""
        call = Call(method, params, timeout)
        while True:
            result = None
            try:
                result = call.settle(self._exchange(self._connected(call), call, method, call.params()))
            except TimeoutError:  # perhaps in the middle of a line
                self.close()
                raise call.unanswered() from None
            except NoDaemon:
                if not call.was_lost:
                    raise
            except BlockingIOError:
                pass  # no room in the queue yet: nothing was asked, and so nothing lost
            except OSError:
                self.close()
                call.lost(self._talk.turned_away)
            if result is not None:
                return result
            time.sleep(call.pause())

    def _run(self, script: Script, timeout: float | None) -> Json:
        try:
            ask = next(script)
            while True:
                ask = script.send(self.call(*ask, timeout))
        except StopIteration as done:
            return dict(done.value)

    def _connected(self, call: Call) -> socket.socket:
        if self._socket is None:
            left = call.left()
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                made.settimeout(left)
                made.connect(self.path)
            except BlockingIOError:  # so many connect at once that there is no room in the queue: it is asked again
                made.close()
                raise
            except OSError as error:
                made.close()
                raise NoDaemon(self.path, error.strerror or str(error)) from None
            self._socket = made
            made.sendall(self._talk.opening())
            if (again := self._talk.subscription()) is not None:
                self._talk.subscribed_again(self._exchange(made, call, "subscribe", again))
        return self._socket

    def _exchange(self, connected: socket.socket, call: Call, method: str, params: Json) -> Json:
        call_id, line = self._talk.ask(method, params)
        connected.settimeout(call.left())
        connected.sendall(line)
        while True:
            for answer in self._receive(connected, call.left()):
                if answer.get("id") == call_id:
                    return answer

    def _receive(self, connected: socket.socket, timeout: float | None) -> list[Json]:
        connected.settimeout(timeout)
        data = connected.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("the daemon closed the connection")
        return self._talk.feed(data)
