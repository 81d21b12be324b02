"""Published rate limits, enforced and counted: more than N in any window of W is a breach.

What is limited and by which key is the venue's table; this file only keeps the windows. A refused request does not
count into the window that refused it. A request exactly W after another one is outside its window.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

BROKEN_KEPT: Final = 1_000
"""Breaches of which more than the number is kept, the newest ones: for whoever asks whose they were."""


@dataclass(frozen=True, slots=True)
class RateRule:
    """One published limit: at most `limit` units in any `window_us` microseconds, counted for each key apart."""

    name: str
    limit: int
    window_us: int


@dataclass(frozen=True, slots=True)
class Breach:
    """One request too many under the rule of this name, for this key."""

    rule: str
    key: str
    at_us: int


@dataclass(slots=True)
class _Window:
    taken: deque[tuple[int, int]] = field(default_factory=deque)
    units: int = 0


class RateBook:
    """The windows of every rule and key, and the count of breaches by the rule's name."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], _Window] = {}
        self.breaches: dict[str, int] = {}
        self.broken: deque[Breach] = deque(maxlen=BROKEN_KEPT)

    def take(self, rule: RateRule, key: str, now_us: int, units: int = 1) -> bool:
        """Whether `units` more fit now; if they do not, the breach is counted and nothing is taken."""
        window = self._window(rule, key, now_us)
        if window.units + units > rule.limit:
            self.breaches[rule.name] = self.breaches.get(rule.name, 0) + 1
            self.broken.append(Breach(rule.name, key, now_us))
            return False
        window.taken.append((now_us, units))
        window.units += units
        return True

    def left(self, rule: RateRule, key: str, now_us: int) -> int:
        """How many units fit now."""
        return rule.limit - self._window(rule, key, now_us).units

    def forget(self, key: str) -> None:
        """Drop the windows of a key that will not come again, such as a closed connection's."""
        for name, owner in [each for each in self._windows if each[1] == key]:
            del self._windows[(name, owner)]

    def _window(self, rule: RateRule, key: str, now_us: int) -> _Window:
        window = self._windows.get((rule.name, key))
        if window is None:
            window = self._windows[(rule.name, key)] = _Window()
        while window.taken and window.taken[0][0] <= now_us - rule.window_us:
            window.units -= window.taken.popleft()[1]
        return window
