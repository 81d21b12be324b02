"""How many frames a venue still takes from one socket: a sliding window over what was sent on it.

It knows no frame. Venues that count frames cut the socket for one too many, and then nobody knows of any cancel in
flight; so cancels stop a little short of the limit and leave the rest to pings and subscriptions, which cannot wait.
"""

from __future__ import annotations

from collections import deque
from typing import Final

FRAMES_KEPT: Final = 2
"""Of a window, what cancels leave alone: a ping, and a probe."""


class Outflow:
    """The frames of one socket. ``frames_max`` 0: the venue does not count. Times are microseconds by one clock."""

    def __init__(self, frames_max: int, window_ms: int) -> None:
        self._cancels_max = max(1, frames_max - FRAMES_KEPT) if frames_max else 0
        self._window_us = window_ms * 1000
        self._sent_us: deque[int] = deque(maxlen=self._cancels_max or 1)

    def sent(self, now_us: int) -> None:
        """Count a frame, whatever it is."""
        self._sent_us.append(now_us)

    def takes_cancel(self, now_us: int) -> bool:
        """Whether one more cancel may be sent now."""
        if not self._cancels_max or len(self._sent_us) < self._cancels_max:
            return True
        return self._sent_us[0] <= now_us - self._window_us
