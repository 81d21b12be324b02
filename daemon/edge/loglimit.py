"""A bound on how often one event is logged: the first few of a window, and then a count of the rest.

Theory of operation. A key is (level, event, account). Its window opens with its first event; `REPEATS_MAX` of them pass
and the rest are counted. The count is told by an event of its own, with the first event of any kind after the window
has ended, or at the close. So a loop gone wrong costs a few lines a window, and no repetition goes untold.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import EventDict, WrappedLogger

REPEATS_MAX: Final = 20  # an account's few sockets may all go down at once, and that is to be seen in full
WINDOW_S: Final = 10.0
KEYS_MAX: Final = 1024  # events are named by constants; accounts multiply them

_Key = tuple[str, str, str]


class Limiter:
    """A structlog processor, to stand first. It raises `structlog.DropEvent` for what is only counted."""

    def __init__(
        self, tell: Callable[[EventDict], None], now_s: Callable[[], float], unlimited: frozenset[str] = frozenset()
    ) -> None:
        self._tell = tell
        self._now_s = now_s
        self._unlimited = unlimited
        self._lock = threading.Lock()  # the journal's thread logs too
        self._windows: OrderedDict[_Key, _Window] = OrderedDict()  # the oldest first

    def __call__(self, _: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Let an event pass or count it."""
        with self._lock:
            return self._passed(method, event)

    def tell_all(self) -> None:
        """Tell every count, at the close."""
        with self._lock:
            while self._windows:
                self._close_oldest()

    def _passed(self, method: str, event: EventDict) -> EventDict:
        now_s = self._now_s()
        self._close_windows(ended_before_s=now_s - WINDOW_S)
        if event.get("event") in self._unlimited:
            return event
        key = (method, str(event.get("event")), str(event.get("account", "")))
        window = self._windows.get(key)
        if window is None:
            self._make_room()
            window = self._windows[key] = _Window(now_s)
        window.seen += 1
        if window.seen > REPEATS_MAX:
            raise structlog.DropEvent
        return event

    def _close_windows(self, ended_before_s: float) -> None:
        while self._windows and next(iter(self._windows.values())).opened_s <= ended_before_s:
            self._close_oldest()

    def _make_room(self) -> None:
        if len(self._windows) >= KEYS_MAX:
            self._close_oldest()

    def _close_oldest(self) -> None:
        (level, event, account), window = self._windows.popitem(last=False)
        if window.seen > REPEATS_MAX:
            told = {"event": "log_repeats_left_out", "of": event, "of_level": level}
            self._tell(told | {"left_out": window.seen - REPEATS_MAX} | ({"account": account} if account else {}))


class _Window:
    """How often a key was seen since its window opened."""

    __slots__ = ("opened_s", "seen")

    def __init__(self, opened_s: float) -> None:
        self.opened_s = opened_s
        self.seen = 0
