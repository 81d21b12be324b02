"""What a simulated venue means to do later: a heap of due times, so that delays never need an event loop.

It knows neither a clock nor what it runs. Whoever drives the venue asks for the next due time and says when it has
come, in real time or in virtual time alike.
"""

import heapq
from collections.abc import Callable

Action = Callable[[int], None]
"""Called with the time at which it is run, in microseconds since the epoch."""

SECOND_US = 1_000_000


def seconds_us(seconds: str) -> int:
    """The microseconds of a number of seconds in text, as a fault's argument has it."""
    return round(float(seconds) * SECOND_US)


MILLISECOND_US = 1_000


class Timers:
    """Due actions in order of time; of two with the same due time, the one that was set first runs first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Action]] = []
        self._set = 0

    def at(self, due_us: int, action: Action) -> None:
        """Run `action` as soon as `run` is told a time not before `due_us`."""
        self._set += 1
        heapq.heappush(self._heap, (due_us, self._set, action))

    def due(self) -> int | None:
        """When `run` must be called next, in microseconds since the epoch; None if nothing waits."""
        return self._heap[0][0] if self._heap else None

    def run(self, now_us: int) -> None:
        """Run everything that is due, that which becomes due meanwhile included."""
        while self._heap and self._heap[0][0] <= now_us:
            _, _, action = heapq.heappop(self._heap)
            action(now_us)
