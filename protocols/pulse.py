"""When to ping a socket and when to call it dead: the heartbeat of one socket, by deadline.

It knows no frame and no socket. Its owner tells it what was heard and asks what to do when a deadline comes. Two kinds
of hearing are kept apart, since a socket can be alive and yet deaf to us: any inbound frame puts off the next ping, but
only an answer to a ping settles an outstanding one.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from protocols.dialect import Heartbeat

PROBE_WAIT_MS: Final = 1000
"""A suspect socket has this long to answer: two of a venue's usual ack waits, and far less than its own heartbeat."""
PROVEN_MS: Final = 500
"""An answer this young settles a doubt. Whoever doubts comes once for each silent cancel, and venues count frames."""


class Beat(Enum):
    """What a heartbeat asks of its owner."""

    NOTHING = "nothing"
    PING = "ping"
    DEAD = "dead"


class Pulse:
    """The heartbeat of one open socket. Times are microseconds by one clock."""

    def __init__(self, heartbeat: Heartbeat, now_us: int) -> None:
        self._idle_us = heartbeat.idle_ms * 1000
        self._dead_us = heartbeat.dead_ms * 1000
        self._every_us = heartbeat.every_ms * 1000
        self._can_ping = heartbeat.ping is not None
        self._pinged_us = now_us
        self._ping_due_us = now_us + self._idle_us
        self._dead_due_us: int | None = None
        self._proven_us: int | None = None
        self.heard(now_us)

    def heard(self, now_us: int) -> None:
        """Take note of any inbound frame. Where we cannot ping it is the only sign of life there is."""
        self._ping_due_us = now_us + self._idle_us
        if self._every_us:
            self._ping_due_us = min(self._ping_due_us, self._pinged_us + self._every_us)
        if not self._can_ping:
            self._dead_due_us = self._ping_due_us + self._dead_us

    def answered(self, now_us: int) -> None:
        """Take note of an answer to a ping (or of the venue's own ping)."""
        if self._can_ping:
            self._dead_due_us = None
            self._proven_us = now_us

    def probe(self, now_us: int) -> Beat:
        """Doubt the socket: it is dead unless it answers within `PROBE_WAIT_MS`. One ping is enough to be answered."""
        if self._proven_us is not None and now_us < self._proven_us + PROVEN_MS * 1000:
            return Beat.NOTHING
        due = now_us + PROBE_WAIT_MS * 1000
        is_asked = self._dead_due_us is not None
        self._dead_due_us = due if self._dead_due_us is None else min(due, self._dead_due_us)
        if not self._can_ping or is_asked:
            return Beat.NOTHING
        self._pinged_us = now_us
        return Beat.PING

    def tick(self, now_us: int) -> Beat:
        """Say what is due."""
        if self._dead_due_us is not None:
            return Beat.DEAD if now_us >= self._dead_due_us else Beat.NOTHING
        if now_us < self._ping_due_us:
            return Beat.NOTHING
        self._dead_due_us = now_us + self._dead_us
        self._pinged_us = now_us
        return Beat.PING

    @property
    def deadline_us(self) -> int:
        """When `tick` will have something to say."""
        return self._ping_due_us if self._dead_due_us is None else self._dead_due_us
