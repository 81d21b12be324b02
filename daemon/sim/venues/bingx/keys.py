"""The listen keys of a simulated BingX: given, extended, over.

BingX: Listen Key. A key is good for an hour from when it was given or last extended; each call gives another one. This
file knows no sockets.
"""

import random

from daemon.sim.venues.bingx.options import BingxOptions


class ListenKeys:
    """The keys that are good, and until when."""

    def __init__(self, options: BingxOptions) -> None:
        self._rng = random.Random(f"{options.seed}/listen keys")
        self._life_us = options.key_life_us
        self._until_us: dict[str, int] = {}

    def give(self, now_us: int) -> str:
        """A new key: 64 hexadecimal digits."""
        key = f"{self._rng.getrandbits(256):064x}"
        self._until_us[key] = now_us + self._life_us
        return key

    def extend(self, key: str, now_us: int) -> bool:
        """Let a key live on; False if it is over or was never given."""
        if not self.is_good(key, now_us):
            return False
        self._until_us[key] = now_us + self._life_us
        return True

    def end(self, key: str) -> bool:
        """End a key; whether it was one."""
        return self._until_us.pop(key, None) is not None

    def is_good(self, key: str, now_us: int) -> bool:
        """Whether a key counts now."""
        return self._until_us.get(key, 0) > now_us

    def until_us(self, key: str) -> int:
        """Until when a key is good; 0 for none."""
        return self._until_us.get(key, 0)
