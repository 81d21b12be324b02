"""How many lines a client may say in a second: a bucket that holds a second's worth and fills evenly.

So a burst of one second's lines passes at once, and a program that asks in a loop is told so. It knows nothing of what
the lines say.
"""

from __future__ import annotations

from typing import Final

US_PER_S: Final = 1_000_000


class LinePace:
    """The pace of one connection. Times are microseconds on a clock that does not go back."""

    __slots__ = ("_left_us", "_per_s", "_seen_us")

    def __init__(self, per_s: int, now_us: int) -> None:
        self._per_s = per_s
        self._left_us = per_s * US_PER_S
        """Lines that may pass, in millionths of one."""
        self._seen_us = now_us

    def lets_pass(self, now_us: int) -> bool:
        """Count a line; whether it may pass. One that may not costs nothing."""
        self._left_us = min(self._per_s * US_PER_S, self._left_us + (now_us - self._seen_us) * self._per_s)
        self._seen_us = now_us
        if self._left_us < US_PER_S:
            return False
        self._left_us -= US_PER_S
        return True
