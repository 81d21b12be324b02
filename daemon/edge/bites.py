"""Long work in bites: calls that are made in their order, some in each turn of the loop, between which it does others.

What a bulk cancel brings about comes by the hundred, and each piece costs little; all of them in one turn would keep
the answer to another's cancel waiting. It knows nothing of what is called.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from daemon.edge.outside import Time


class Bites:
    """Calls to make, at most ``at_once`` in a turn. What one of them raises keeps back none of those behind it."""

    __slots__ = ("_at_once", "_calls", "_is_ending", "_is_scheduled", "_time")

    def __init__(self, time: Time, at_once: int) -> None:
        self._time = time
        self._at_once = at_once
        self._calls: deque[Callable[[], object]] = deque()
        self._is_scheduled = False
        self._is_ending = False

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take(self, calls: Iterable[Callable[[], object]]) -> None:
        """Make these calls after all that were taken before: the first of them now if none waits."""
        self._calls.extend(calls)
        if not self._is_scheduled:
            self._make_some()

    def finish(self) -> None:
        """Make all that wait, now, and what still comes at once: this is the end."""
        self._is_ending = True
        while self._calls:
            self._calls.popleft()()

    def _make_some(self) -> None:
        self._is_scheduled = False
        try:
            for _ in range(len(self._calls) if self._is_ending else min(self._at_once, len(self._calls))):
                self._calls.popleft()()
        finally:
            if self._calls:
                self._is_scheduled = True
                self._time.soon(self._make_some)
