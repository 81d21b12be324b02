"""When to dial again: at once after a long life, else with growing, jittered waits, and never faster than venues allow.

It knows time and chance only.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.edge.clock import Clock


class Backoff:
    """The waits of one socket. The jitter keeps the accounts of a host from coming back in step."""

    def __init__(self, first_s: float, max_s: float, draw: Callable[[], float] = random.random) -> None:
        self.failures = 0
        self._first_s = first_s
        self._max_s = max_s
        self._draw = draw

    def delay_s(self) -> float:
        """How long to wait before the next try: not at all after one failure, then half to all of a doubling wait."""
        if self.failures <= 1:
            return 0.0
        whole = min(self._max_s, self._first_s * 2.0 ** min(self.failures - 2, 32))
        return whole * (0.5 + self._draw() / 2)

    def failed(self) -> None:
        """Count a failure."""
        self.failures += 1

    def succeeded(self) -> None:
        """Forget the failures."""
        self.failures = 0


class Pacer:
    """A venue's limit on new connections: a gap between two dials, over all who share this pacer."""

    def __init__(self, clock: Clock, gap_s: float) -> None:
        self._clock = clock
        self._gap_us = int(gap_s * 1e6)
        self._next_us = 0

    def take_turn(self) -> float:
        """Take the next free moment, and say in how many seconds it is."""
        now_us = self._clock.now()
        turn_us = max(now_us, self._next_us)
        self._next_us = turn_us + self._gap_us
        return (turn_us - now_us) / 1e6
