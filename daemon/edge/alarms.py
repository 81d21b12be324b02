"""What a person should look at, per account: named, with when it began and what it is about.

Some alarms last as long as their cause and are cleared by whoever raised them. Others report an event (a contradiction, a
refusal that retrying cannot mend): those stay for `EVENT_ALARM_HOLD_US`, so that they are seen and do not stay for ever.
"""

from __future__ import annotations

from typing import Final

import msgspec

EVENT_ALARM_HOLD_US: Final = 900_000_000
"""A quarter of an hour: longer than any screen's refresh and any alert rule's window, shorter than a shift."""
LASTING: Final = frozenset({"drop_copy_blind", "journal", "account_changed", "auth_failed", "credentials_not_read"})
"""Alarms that end when their cause does."""


class Raised(msgspec.Struct, frozen=True):
    """An alarm that stands. ``since_us`` is when it was first raised."""

    name: str
    since_us: int
    detail: str
    last_us: int


class Alarms:
    """The alarms of one account, at most one a name."""

    def __init__(self) -> None:
        self._raised: dict[str, Raised] = {}

    def raise_(self, name: str, detail: str, now_us: int) -> bool:
        """Raise an alarm; say whether it is new."""
        standing = self._raised.get(name)
        since_us = standing.since_us if standing else now_us
        self._raised[name] = Raised(name, since_us, detail, now_us)
        return standing is None

    def clear(self, name: str) -> bool:
        """End an alarm; say whether it stood."""
        return self._raised.pop(name, None) is not None

    def standing(self, now_us: int) -> list[Raised]:
        """Give the alarms that stand, those of past events left out once they were long enough to be seen."""
        for name, alarm in list(self._raised.items()):
            if name not in LASTING and now_us - alarm.last_us > EVENT_ALARM_HOLD_US:
                del self._raised[name]
        return sorted(self._raised.values(), key=lambda alarm: alarm.since_us)
