"""How far the venue's clock is from ours, measured by a cheap call that keeps a REST connection warm as well.

A sample is the venue's time against the middle of the call; it is uncertain by half the round trip and the venue's
resolution. The least uncertain among the recent ones counts. When a new sample contradicts it, by more than both their
uncertainties, a clock has been moved and the past is forgotten. It knows nothing of what the offset is used for.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.edge.outside import CallFailed
from protocols.errors import RemoteError
from protocols.evidence import ClockMeasured

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.edge.alarms import Alarms
    from daemon.edge.call_pace import CallPace
    from daemon.edge.clock import Clock
    from daemon.edge.outside import Time
    from daemon.edge.settings import Waits
    from daemon.edge.venue_rest import VenueRest

SAMPLES: Final = 3
"""For one measurement: the first opens the connection, and its round trip says little."""
RECENT_MAX: Final = 12
"""Samples that can still count: two minutes of them, in which a quartz drifts some milliseconds."""
RESOLUTION_US: Final = 1000
"""Venues tell whole milliseconds."""
FAILURES_TO_ALARM: Final = 3
OFFSET_ALARM_US: Final = 5_000_000
"""Signatures use the venue's clock, so this does no harm here; but something is wrong with this host's."""


class Sample(msgspec.Struct, frozen=True):
    """One answer, in microseconds."""

    offset_us: int
    uncertainty_us: int


class Clockwork:
    """Measures, keeps measuring, and tells ``report`` what it finds."""

    def __init__(
        self,
        rest: VenueRest,
        pace: CallPace,
        clock: Clock,
        waits: Waits,
        alarms: Alarms,
        report: Callable[[ClockMeasured], None],
        outside: Time,
    ) -> None:
        self.best: Sample | None = None
        self._rest = rest
        self._pace = pace
        self._clock = clock
        self._waits = waits
        self._alarms = alarms
        self._report = report
        self._recent: deque[Sample] = deque(maxlen=RECENT_MAX)
        self._outside = outside
        self._wanted = outside.bell()
        self._is_doubted = False
        self._failures = 0
        self._told_us: int | None = None

    def want(self) -> None:
        """Ask for a fresh measurement soon: the venue did not like our time."""
        self._is_doubted = True
        self._wanted.ring()

    def probe(self) -> None:
        """Make the cheap call now: somebody doubts the way to the venue."""
        self._wanted.ring()

    async def measure(self) -> bool:
        """Measure anew, from several samples. False when the venue did not answer at all."""
        self._is_doubted = False
        self._recent.clear()
        for _ in range(SAMPLES):
            await self._sample()
            if not self._recent:  # not even one answer: the rest would only cost time
                break
        return bool(self._recent)

    async def run(self) -> None:
        """Keep the connection warm and the offset fresh, for ever."""
        while True:
            await self._wanted.wait(self._waits.warm_every_s)
            self._wanted.clear()
            if self._is_doubted:
                await self.measure()
            else:
                await self._sample()
            await self._outside.sleep(self._waits.clock_gap_s)

    async def _sample(self) -> None:
        dialect = self._rest.dialect
        call = dialect.clock_call()
        await self._pace.turn(call)
        began_us = self._clock.now()
        answer = await self._rest.fetch(call, self._waits.clock_s)
        ended_us = self._clock.now()
        if isinstance(answer, CallFailed):
            self._failed(answer.why)
            return
        try:
            venue_us = dialect.read_clock(answer)
        except RemoteError as error:
            self._failed(str(error))
            return
        self._failures = 0
        self._alarms.clear("clock_unknown")
        self._take(Sample(venue_us - (began_us + ended_us) // 2, (ended_us - began_us + 1) // 2 + RESOLUTION_US))

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self.best is None or self._failures >= FAILURES_TO_ALARM:
            self._alarms.sound("clock_unknown", why)

    def _take(self, sample: Sample) -> None:
        best = self.best
        if best is not None and abs(sample.offset_us - best.offset_us) > sample.uncertainty_us + best.uncertainty_us:
            self._recent.clear()
        self._recent.append(sample)
        self.best = min(self._recent, key=lambda one: one.uncertainty_us)
        self._rest.offset_us = self.best.offset_us
        if abs(self.best.offset_us) >= OFFSET_ALARM_US:
            way = "behind" if self.best.offset_us > 0 else "ahead of"
            off_s = abs(self.best.offset_us) / 1e6
            what = f"this host's clock is {off_s:.1f} s {way} the venue's, by which signatures go; set it right"
            self._alarms.sound("clock_offset", what)
        else:
            self._alarms.clear("clock_offset")
        now_us = self._clock.now()
        is_due = self._told_us is None or now_us - self._told_us >= self._waits.clock_every_s * 1e6
        if self.best != best or is_due:
            self._told_us = now_us
            self._report(ClockMeasured(self.best.offset_us, self.best.uncertainty_us))
