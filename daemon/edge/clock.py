"""The daemon's one clock: microseconds since the epoch that never run backwards while the daemon lives.

CLOCK_REALTIME is read once, as an anchor; from there CLOCK_MONOTONIC counts. So two times of one life can always be
subtracted, whatever happens to the host's clock. It knows nothing of venues: their offset is `daemon.edge.clockwork`'s.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

US_PER_S: Final = 1_000_000
NS_PER_US: Final = 1000


class Clock:
    """Tells the time. Make one per daemon life and hand it to everybody."""

    def __init__(
        self,
        realtime_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._anchor_ns = realtime_ns() - monotonic_ns()

    def now(self) -> int:
        """Microseconds since the epoch."""
        return (self._anchor_ns + self._monotonic_ns()) // NS_PER_US


def seconds_until(due_us: int, now_us: int) -> float:
    """How long to sleep to wake at ``due_us`` or just after: whole milliseconds, since that is what loops count in."""
    return max(0, -((now_us - due_us) // 1000)) / 1000
