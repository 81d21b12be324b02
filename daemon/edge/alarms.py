"""What a person should look at, per account: named, with since when it stands and what it is about.

Some alarms last as long as their cause and are cleared by whoever sounded them. Others report an event (a
contradiction, a refusal that retrying cannot mend): those stay for `EVENT_HOLD_US` after they were last sounded, so
that they are seen and do not stay for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger
    from structlog.typing import FilteringBoundLogger

    from daemon.edge.clock import Clock

EVENT_HOLD_US: Final = 900_000_000
"""A quarter of an hour: longer than any screen's refresh and any alert rule's window, shorter than a shift."""
EVENTS: Final = frozenset(
    {
        "bulk_incomplete",
        "cancel_loop",
        "cancel_refused",
        "contradictory_evidence",
        "evidence_struck",
        "internal_error",
        "dead_man_fired",
    }
)
"""Alarms that nobody clears, since they report what has happened."""
LASTING: Final = frozenset(
    {
        "drop_copy_blind",
        "journal",
        "sent_file",
        "account_changed",
        "auth_failed",
        "credentials_not_read",
        "dead_man_switch",
        "dead_man_contested",
    }
)
"""Some of those that end when their cause does: the ones that an operator has to know by name."""


class Alarm(msgspec.Struct, frozen=True):
    """Something that a human should look at, since when and when last (microseconds since the epoch)."""

    name: str
    since_us: int
    detail: str
    last_us: int


class Alarms:
    """The alarms that stand now, one a name. Sounding one that stands only renews its detail."""

    def __init__(self, clock: Clock, log: FilteringBoundLogger | BoundLogger) -> None:
        self._clock = clock
        self._log = log
        self._standing: dict[str, Alarm] = {}

    def sound(self, name: str, detail: str) -> None:
        """Raise an alarm."""
        now_us = self._clock.now()
        held = self._standing.get(name)
        self._standing[name] = Alarm(name, held.since_us if held else now_us, detail, now_us)
        if held is None:
            self._log.warning("alarm", alarm=name, detail=detail)

    def clear(self, name: str) -> None:
        """End an alarm, if it stands."""
        if self._standing.pop(name, None) is not None:
            self._log.info("alarm_over", alarm=name)

    def standing(self) -> tuple[Alarm, ...]:
        """List them, the oldest first; those of past events are left out once they were long enough to be seen."""
        seen_us = self._clock.now() - EVENT_HOLD_US
        past = [alarm for alarm in self._standing.values() if alarm.name in EVENTS and alarm.last_us < seen_us]
        for alarm in past:
            del self._standing[alarm.name]
        return tuple(sorted(self._standing.values(), key=lambda alarm: alarm.since_us))
