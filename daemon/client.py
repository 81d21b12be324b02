"""The client library: ask canceld for cancels, and be told what really became of the orders.

    from daemon.client import Client

    with Client() as canceld:
        result = canceld.cancel("okx-main", "BTC-USDT", order_id="590908157585625111")
    print(result.outcome, result.cum_qty)

`daemon.client_async` is the same with ``await``. Both use the standard library alone: copy them into any program.

A request has a name (``request_id``; one is made if you give none). If the connection is lost before the answer, the
client connects again and asks under the same name: the daemon then attaches it to the request that it knows. Asking
again never retries, and never makes a second request. What an outcome means is the daemon's to say, not this file's.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from typing import Self, Unpack

    OnProgress = Callable[[str], None]
    Script = Generator[tuple[str, "Json"], "Json", "Json"]

SOCKET_DEFAULT: Final = "/run/canceld/canceld.sock"
CANCEL_TIMEOUT_S: Final = 90.0  # past the daemon's horizon (60 by default), so that its own in_doubt comes first
TIMEOUT_S: Final = 10.0
RETRY_FIRST_S, RETRY_MAX_S = 0.05, 1.0
NOTIFICATIONS_MAX: Final = 4096  # kept until they are read; then the oldest make room, and a gap says which
RECEIVE_BYTES: Final = 65536
NOT_NOW: Final = frozenset("account_not_ready journal_unavailable shutting_down too_fast too_many_in_flight".split())
"""Refusals that a daemon gives while it comes up: after a lost connection they are waited out."""

Json = dict[str, object]


class ClientError(Exception):
    """The root: `NoDaemon`, `NoAnswer` and `Refused` are all that this library raises on purpose."""


class NoDaemon(ClientError):
    """Nobody listens on the socket at ``path``. Nothing was asked."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"no canceld on {path}: {why}")


class NoAnswer(ClientError):
    """No answer in time. A request named ``request_id`` may be under way: ask again under the same name."""

    def __init__(self, method: str, waited_s: float, request_id: str | None) -> None:
        self.method, self.waited_s, self.request_id = method, waited_s, request_id
        named = f"; ask again with request_id {request_id}" if request_id else ""
        super().__init__(f"no answer to {method} in {waited_s:g} s{named}")


class Refused(ClientError):
    """The daemon's error: no request exists and nothing was sent. ``data`` has ``reason``, often ``path``."""

    def __init__(self, code: int, message: str, data: Json) -> None:
        self.code, self.message, self.data = code, message, data
        self.reason = str(data.get("reason", ""))
        super().__init__(f"{self.reason or code}: {message}")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a cancel. Quantities are None when unknown. ``raw`` is the daemon's whole answer.

    ``latest`` is set when the request had been answered before: the result that stands now, after corrections.
    """

    request_id: str
    outcome: str
    order_id: str | None
    ord_status: str | None
    cum_qty: Decimal | None
    cum_qty_final: bool
    reason: str | None
    seq: int
    revision: int
    latest: Result | None
    raw: Json

    @classmethod
    def of(cls, raw: Json) -> Result:
        """Read a result, or the params of an ``outcome`` or ``correction`` notification."""
        cum_qty, latest = _text(raw, "cum_qty"), raw.get("latest")
        return cls(
            request_id=_text(raw, "request_id") or "",
            outcome=_text(raw, "outcome") or "",
            order_id=_text(raw, "order_id"),
            ord_status=_text(raw, "ord_status"),
            cum_qty=None if cum_qty is None else Decimal(cum_qty),
            cum_qty_final=raw.get("cum_qty_final") is True,
            reason=_text(raw, "reason"),
            seq=_number(raw, "seq"),
            revision=_number(raw, "revision"),
            latest=cls.of(latest) if isinstance(latest, dict) else None,
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class Notification:
    """What the daemon says unasked: ``outcome``, ``correction``, ``order``, ``session`` or ``gap``, and its params."""

    method: str
    params: Json


class Wish(TypedDict, total=False):
    """Which order, by either id or both, and how. ``deadline_ms`` (1 to 60000) bounds the sending of the cancel;
    ``priority`` is ``normal`` or ``urgent``; ``venue_params`` are what only that venue has.
    """

    order_id: str
    client_order_id: str
    product: str
    deadline_ms: int
    priority: str
    venue_params: dict[str, str]


def default_socket() -> str:
    """Give ``$CANCELD_SOCKET``, or else where a packaged daemon listens."""
    return os.environ.get("CANCELD_SOCKET") or SOCKET_DEFAULT


def new_request_id() -> str:
    """Make a name for a request that no other has."""
    return f"c-{secrets.token_hex(10)}"


class Call:
    """One call, asked perhaps over several connections until it is answered or its time is up."""

    def __init__(self, method: str, params: Json, timeout: float | None) -> None:
        self.method = method
        self.was_lost = False
        self._params = params
        self._timeout = timeout
        self._started = time.monotonic()
        self._pause = RETRY_FIRST_S

    def params(self) -> Json:
        """Give the params as of now: a deadline runs from the first asking."""
        deadline_ms = self._params.get("deadline_ms")
        if not isinstance(deadline_ms, int):
            return self._params
        return self._params | {"deadline_ms": max(1, deadline_ms - int((time.monotonic() - self._started) * 1000))}

    def left(self) -> float | None:
        """Give the seconds that are left, None for any number; raises `NoAnswer` when there are none."""
        if self._timeout is None:
            return None
        left = self._started + self._timeout - time.monotonic()
        if left <= 0:
            raise self.unanswered()
        return left

    def pause(self) -> float:
        """Give how long to wait before asking again; raises `NoAnswer` when the time is up."""
        left, pause = self.left(), self._pause
        self._pause = min(2 * pause, RETRY_MAX_S)
        return pause if left is None else min(pause, left)

    def unanswered(self) -> NoAnswer:
        """Write the error for time that is up."""
        return NoAnswer(self.method, self._timeout or 0, _text(self._params, "request_id"))

    def settle(self, answer: Json) -> Json | None:
        """Give the result, None to ask again; raises `Refused`."""
        try:
            return _settled(answer)
        except Refused as refusal:
            if self.was_lost and refusal.reason in NOT_NOW:
                return None
            raise


class Talk:
    """One client's half of the conversation: ids, lines, notifications kept, and where a subscription goes on."""

    def __init__(self, name: str | None) -> None:
        self.topics: list[str] = []
        self.progress: dict[str, OnProgress] = {}
        self._name = name or sys.argv[0].rpartition("/")[2] or "python"
        self._last_id = 0
        self._half = b""
        self._kept: deque[Notification] = deque()
        self._lost: dict[str, tuple[int, int]] = {}
        self._wanted: list[object] = []
        self._next_seq = 0

    def opening(self) -> bytes:
        """Begin a connection: say who we are, without waiting for an answer."""
        self._half = b""
        name = "".join(char if " " <= char <= "~" else "?" for char in self._name)[:64]
        return _line({"method": "hello", "params": {"client": name, "version": "1"}})

    def ask(self, method: str, params: Json) -> tuple[int, bytes]:
        """Give a call's id and line."""
        if method == "subscribe":
            self._wanted, self._next_seq = _list(params, "topics"), _number(params, "from_seq")
        self._last_id += 1
        return self._last_id, _line({"id": self._last_id, "method": method, "params": params})

    def feed(self, data: bytes) -> list[Json]:
        """Take bytes in and give the answers among them; notifications are kept, progress is passed on."""
        *lines, self._half = (self._half + data).split(b"\n")
        messages = [message for message in map(json.loads, lines) if isinstance(message, dict)]
        for message in messages:
            params = message.get("params")
            if "method" in message and isinstance(params, dict):
                self._keep(Notification(str(message["method"]), params))
        return [message for message in messages if "method" not in message]

    @contextmanager
    def listening(self, params: Json, on_progress: OnProgress | None) -> Iterator[None]:
        """Pass the progress of a request on, as long as this lasts."""
        name = str(params["request_id"])
        if on_progress is not None:
            self.progress[name] = on_progress
        try:
            yield
        finally:
            self.progress.pop(name, None)

    def subscription(self) -> Json | None:
        """Give the params that take a subscription up again where it stopped; None if there is none."""
        return {"topics": self.topics, "from_seq": self._next_seq} if self.topics else None

    def subscribed(self, result: Json, topics: Sequence[str]) -> None:
        """Take note of a subscription."""
        self.topics, self._next_seq = list(topics), max(self._next_seq, _number(result, "next_seq"))

    def subscribed_again(self, answer: Json) -> None:
        """Take note of one that was taken up again; raises `Refused`."""
        topics, self.topics = self.topics, []  # forgotten if it is refused
        self.subscribed(_settled(answer), topics)

    def next(self) -> Notification | None:
        """Give the oldest notification that was kept; before it, what had to make room for it."""
        if self._lost:
            topic, (from_seq, to_seq) = self._lost.popitem()
            return Notification("gap", {"topic": topic, "from_seq": from_seq, "to_seq": to_seq})
        return self._kept.popleft() if self._kept else None

    def _keep(self, notification: Notification) -> None:
        if notification.method == "progress":
            on_progress = self.progress.get(str(notification.params.get("request_id")))
            if on_progress is not None:
                on_progress(str(notification.params.get("state")))
            return
        if notification.method in {"outcome", "correction"} and f"{notification.method}s" in self._wanted:
            self._next_seq = max(self._next_seq, _number(notification.params, "seq") + 1)
        if len(self._kept) >= NOTIFICATIONS_MAX:
            oldest = self._kept.popleft()
            topic, seq = f"{oldest.method}s", _number(oldest.params, "seq")
            low, high = self._lost.get(topic, (seq, seq))
            self._lost[topic] = min(low, seq), max(high, seq)
        self._kept.append(notification)


def cancel_params(account: str, instrument: str, request_id: str | None, **wish: object) -> Json:
    """Give the params of a cancel, with a name for it."""
    return given(account=account, instrument=instrument, request_id=request_id or new_request_id(), **wish)


def all_orders(filters: Mapping[str, object]) -> Script:
    """Ask for every page of ``orders``: yields calls, is sent their results, returns the whole."""
    rows: list[object] = []
    after: object = None
    while True:
        page = yield "orders", given(**filters, after=after)
        rows += _list(page, "orders")
        after = page.get("next")
        if after is None:
            return {"orders": rows, "complete": page.get("complete") is True}


def much_history(filters: Mapping[str, object], from_seq: int | None, limit: int) -> Script:
    """Ask for pages of ``history`` that hold ``limit`` entries: on from ``from_seq``, else back from the newest."""
    rows: list[object] = []
    next_seq, where = from_seq, given(from_seq=from_seq)
    while True:
        page = yield "history", given(**filters, **where, limit=min(limit - len(rows), 1000))
        rows += _list(page, "requests")
        if from_seq is not None or next_seq is None:  # going back, the first page knows what follows all of them
            next_seq = _number(page, "next_seq")
        where = given(before_seq=page.get("before_seq")) if from_seq is None else given(from_seq=next_seq)
        if not page.get("requests") or not where or len(rows) >= limit:
            return {"requests": rows, "next_seq": next_seq}


def whole_story(request_id: str, account: str | None) -> Script:
    """Ask for every page of ``explain``."""
    steps: list[object] = []
    from_step: object = None
    while True:
        page = yield "explain", given(request_id=request_id, account=account, from_step=from_step)
        steps += _list(page, "steps")
        from_step = page.get("next_step")
        if from_step is None:
            return {"request": page.get("request"), "steps": steps}


def given(**members: object) -> Json:
    """Give the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def _line(call: Json) -> bytes:
    return json.dumps({"jsonrpc": "2.0"} | call, separators=(",", ":")).encode() + b"\n"


def _settled(answer: Json) -> Json:
    result, error = answer.get("result"), answer.get("error")
    if isinstance(result, dict):
        return result
    error = error if isinstance(error, dict) else {}
    data = error.get("data")
    raise Refused(_number(error, "code"), str(error.get("message", "")), data if isinstance(data, dict) else {})


def _text(source: Json, key: str) -> str | None:
    value = source.get(key)
    return None if value is None else str(value)


def _number(source: Json, key: str) -> int:
    value = source.get(key)
    return value if isinstance(value, int) else 0


def _list(source: Json, key: str) -> list[object]:
    value = source.get(key)
    return value if isinstance(value, list) else []


class Client:
    """A blocking client. It connects when it is first used; one thread at a time.

    ``name`` is what the daemon's log and journal call you. A ``timeout`` is in seconds, None for ever. Every method
    raises `NoDaemon`, `NoAnswer` or `Refused`.
    """

    def __init__(self, path: str | None = None, *, name: str | None = None) -> None:
        self.path = path or default_socket()
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
            except OSError:
                self.close()
                call.was_lost = True
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
