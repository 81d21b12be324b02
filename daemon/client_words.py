"""What both clients say and understand: calls, answers, notifications and errors, with no socket in it.

A `Call` is asked until it is answered, perhaps over several connections; a `Talk` is one client's half of the
conversation. What an outcome means is the daemon's to say, not this file's.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    OnProgress = Callable[[str], None]
    OnOutcome = Callable[["Result"], None]
    Script = Generator[tuple[str, "Json"], "Json", "Json"]

SOCKET_DEFAULT: Final = "/run/canceld/canceld.sock"
CANCEL_TIMEOUT_S: Final = 90.0  # past the daemon's horizon (60 by default), so that its own in_doubt comes first
BULK_TIMEOUT_S: Final = 400.0  # past the time for which a bulk cancel takes orders along, and the horizon after it
TIMEOUT_S: Final = 10.0
RETRY_FIRST_S, RETRY_MAX_S = 0.05, 1.0
NOTIFICATIONS_MAX: Final = 4096  # kept until they are read; then the oldest make room, and a gap says which
RECEIVE_BYTES: Final = 65536
LINE_BYTES_MAX: Final = 1_048_576  # the daemon keeps far below
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
    """No answer in time. A request named ``request_id`` may be under way: ask again under the same name.

    ``turned_away`` says why the daemon closed the last connection, if it said so: it has too many, say.
    """

    def __init__(self, method: str, waited_s: float, request_id: str | None, turned_away: str = "") -> None:
        self.method, self.waited_s, self.request_id, self.turned_away = method, waited_s, request_id, turned_away
        why = f" ({turned_away})" if turned_away else ""
        named = f"; ask again with request_id {request_id}" if request_id else ""
        super().__init__(f"no answer to {method} in {waited_s:g} s{why}{named}")


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
class BulkResult:
    """What became of a bulk cancel. ``raw`` is the daemon's whole answer.

    ``items`` is empty where there are too many for one answer; ``total`` and ``counts`` (by outcome) have them all.
    ``complete``: as far as the venues tell, nothing that was meant rests any more; else ``survivors`` are orders that
    may, and ``reasons`` says by account why it is not known. ``not_covered`` names by venue what is out of reach.
    ``warnings`` say what may be wrong with the wish: an instrument of which nobody has heard.
    """

    request_id: str
    items: list[Json]
    total: int
    counts: dict[str, int]
    complete: bool
    survivors: list[Json]
    not_covered: dict[str, list[str]]
    reasons: dict[str, str]
    warnings: list[str]
    raw: Json

    @classmethod
    def of(cls, raw: Json) -> BulkResult:
        """Read a bulk cancel's result, or a dry run's, whose items have no outcome."""
        return cls(
            request_id=_text(raw, "request_id") or "",
            items=_objects(raw, "items"),
            total=_number(raw, "total"),
            counts={name: _number(_object(raw, "counts"), name) for name in _object(raw, "counts")},
            complete=raw.get("complete") is True,
            survivors=_objects(raw, "survivors"),
            not_covered={
                venue: [str(what) for what in _list(_object(raw, "not_covered"), venue)]
                for venue in _object(raw, "not_covered")
            },
            reasons={account: str(why) for account, why in _object(raw, "reasons").items()},
            warnings=[str(what) for what in _list(raw, "warnings")],
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


class Filters(TypedDict, total=False):
    """Which open orders of a bulk cancel: those that fit each member that is given. ``side`` is ``buy`` or ``sell``.

    With ``all_accounts`` no account is named. With ``dry_run`` the orders are listed and nothing is sent.
    """

    all_accounts: bool
    product: str
    instrument: str
    side: str
    client_id_prefix: str
    dry_run: bool
    deadline_ms: int
    priority: str


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
        self.turned_away = ""
        """Why, as the daemon said."""
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
        return NoAnswer(self.method, self._timeout or 0, _text(self._params, "request_id"), self.turned_away)

    def lost(self, turned_away: str) -> None:
        """Take note that a connection was lost, and why if that was said: the last that was said counts."""
        self.was_lost, self.turned_away = True, turned_away or self.turned_away

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
        self.outcomes: dict[str, OnOutcome] = {}
        self.turned_away = ""
        """Why the daemon ended the last connection, if it said so."""
        self._name = name or sys.argv[0].rpartition("/")[2] or "python"
        self._last_id = 0
        self._half = b""
        self._kept: deque[Notification] = deque()
        self._lost: dict[str, tuple[int, int]] = {}
        self._wanted: list[object] = []
        self._next_seq = 0

    def opening(self) -> bytes:
        """Begin a connection: say who we are, without waiting for an answer."""
        self._half, self.turned_away = b"", ""
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
        if len(self._half) > LINE_BYTES_MAX:
            raise ConnectionError("no canceld writes such lines")
        try:
            messages = [message for message in map(json.loads, lines) if isinstance(message, dict)]
        except (ValueError, RecursionError):
            raise ConnectionError("another program than canceld answers on this socket") from None
        for message in messages:
            if message.get("id") is None and "error" in message:  # to nothing that was asked: its last word
                self.turned_away = str(_object(message, "error").get("message", ""))
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

    @contextmanager
    def listening_to_all(self, params: Json, on_outcome: OnOutcome | None) -> Iterator[None]:
        """Pass the outcomes of a bulk cancel's orders on, as long as this lasts."""
        name = str(params.get("request_id"))
        if on_outcome is not None:
            self.outcomes[name] = on_outcome
        try:
            yield
        finally:
            self.outcomes.pop(name, None)

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
        if notification.method == "outcome":
            on_outcome = self.outcomes.get(str(notification.params.get("request_id")).rpartition("/")[0])
            if on_outcome is not None:
                on_outcome(Result.of(notification.params))
                if "outcomes" not in self._wanted:
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


def bulk_params(account: str | None, request_id: str | None, **scope: object) -> Json:
    """Give the params of a bulk cancel, with a name for it; a dry run has none."""
    name = None if scope.get("dry_run") else request_id or new_request_id()
    return given(account=account, request_id=name, **scope)


def batch_params(items: Sequence[Mapping[str, object]], request_id: str | None) -> Json:
    """Give the params of a batch, with a name for it."""
    return {"items": [given(**item) for item in items], "request_id": request_id or new_request_id()}


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


def _object(source: Json, key: str) -> Json:
    value = source.get(key)
    return value if isinstance(value, dict) else {}


def _objects(source: Json, key: str) -> list[Json]:
    return [value for value in _list(source, key) if isinstance(value, dict)]
