"""Long work in bites: calls that are made in their order, some in each turn of the loop, between which it does others.

What a bulk cancel brings about comes by the hundred, and each piece costs little; all of them in one turn would keep
the answer to another's cancel waiting. Work that can wait may also stand back while there is some that cannot, for so
long and no longer. It knows nothing of what is called.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from daemon.edge.outside import Time, Timer

AWAITED_S: Final = 0.001
"""How long a thread is left the core at a time: a loop cannot wait for less."""
AWAITED_MAX: Final = 16
"""So many times in a row at most."""
AWAITED_EARNED: Final = 0.1
"""How often again for each turn of the work, of about half a millisecond: that takes a sixth longer at the most."""


class Deference:
    """Whether some work stands back: while others are ``is_pressed``, and at most so many times until it is done.

    ``pause_s`` is how long it stands back each time, by default for a turn of the loop. While something ``is_awaited``
    of another thread it stands back as well, for a part of the time, and leaves the core to that.
    """

    __slots__ = ("_credit", "_is_awaited", "_is_pressed", "_pause_s", "_times", "_times_max", "_wait_s")

    def __init__(
        self,
        is_pressed: Callable[[], bool],
        times_max: int,
        pause_s: float = 0.0,
        is_awaited: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_pressed = is_pressed
        self._times_max = times_max
        self._times = 0
        self._pause_s = self._wait_s = pause_s
        self._is_awaited = is_awaited
        self._credit: float = AWAITED_MAX

    def stands_back(self) -> bool:
        """Say, and count, whether it stands back once more."""
        if self._times < self._times_max and self._is_pressed():
            self._times += 1
            self._wait_s = self._pause_s
            return True
        if self._credit >= 1 and self._is_awaited():
            self._credit -= 1
            self._wait_s = AWAITED_S
            return True
        self._credit = min(self._credit + AWAITED_EARNED, AWAITED_MAX)
        return False

    def again(self, time: Time, call: Callable[[], object]) -> Timer | None:
        """Have the work called when it stood back for long enough; gives the timer, if there is one."""
        if self._wait_s:
            return time.later(self._wait_s, call)
        time.soon(call)
        return None

    def is_done(self) -> None:
        """Nothing is left of the work: the next may stand back as often again."""
        self._times = 0


class Bites:
    """Calls to make, at most ``at_once`` in a turn. What one of them raises keeps back none of those behind it.

    With a ``deference`` they stand back by it, as long as fewer than ``waiting_max`` wait.
    """

    __slots__ = ("_at_once", "_calls", "_deference", "_is_ending", "_is_scheduled", "_time", "_waiting_max")

    def __init__(self, time: Time, at_once: int, deference: Deference | None = None, waiting_max: int = 0) -> None:
        self._time = time
        self._at_once = at_once
        self._deference = deference
        self._waiting_max = waiting_max
        self._calls: deque[Callable[[], object]] = deque()
        self._is_scheduled = False
        self._is_ending = False

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take(self, calls: Iterable[Callable[[], object]]) -> None:
        """Make these calls after all that were taken before: the first of them now, unless some wait or stand back."""
        self._calls.extend(calls)
        if self._calls and not self._is_scheduled:
            self._make_some()

    def put(self, call: Callable[[], object]) -> None:
        """Make this call after all that were taken before, and not in this turn."""
        self._calls.append(call)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._time.soon(self._make_some)

    def finish(self) -> None:
        """Make all that wait, now, and what still comes in the turn in which it comes: this is the end.

        What they raise comes when all are made, as an `ExceptionGroup`.
        """
        self._is_ending = True
        self._is_scheduled = False  # what comes now waits for no turn that was to come
        faults: list[Exception] = []
        while self._calls:
            try:
                self._calls.popleft()()
            except Exception as fault:  # noqa: BLE001 - whatever it was, those behind it are to be made
                faults.append(fault)
        if faults:
            raise ExceptionGroup("some of the last calls failed", faults)

    def _make_some(self) -> None:
        calls, deference = self._calls, self._deference
        if deference is not None and len(calls) < self._waiting_max and not self._is_ending and deference.stands_back():
            self._is_scheduled = True
            deference.again(self._time, self._make_some)
            return
        self._is_scheduled = False
        try:
            for _ in range(len(calls) if self._is_ending else min(self._at_once, len(calls))):
                calls.popleft()()
        finally:
            if calls:
                self._is_scheduled = True
                self._time.soon(self._make_some)
            elif deference is not None:
                deference.is_done()
