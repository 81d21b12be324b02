"""The venue's codes for instruments: loaded at the start, now and then, and when a refusal says that they are stale.

It knows names and codes. Without a code the WebSocket cannot carry a cancel, and REST does; so nothing waits for this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.edge.outside import CallFailed
from protocols.errors import RemoteError

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from daemon.edge.alarms import Alarms
    from daemon.edge.call_pace import CallPace
    from daemon.edge.outside import Time
    from daemon.edge.settings import Waits
    from daemon.edge.venue_rest import VenueRest
    from protocols.dialect import Reference

RETRY_MAX_S: Final = 60.0


class ReferenceBook:
    """``codes`` is replaced as a whole; what one load did not bring is kept from the last."""

    def __init__(
        self, rest: VenueRest, pace: CallPace, waits: Waits, alarms: Alarms, log: FilteringBoundLogger, outside: Time
    ) -> None:
        self.codes: Reference = {}
        self.loads = 0
        self._rest = rest
        self._pace = pace
        self._waits = waits
        self._alarms = alarms
        self._log = log
        self._outside = outside
        self._wanted = outside.bell()

    def want(self) -> None:
        """Ask for a refresh. However many ask, there is one load at a time and a gap between loads."""
        self._wanted.ring()

    async def run(self) -> None:
        """Load, and load again, for ever; returns at once where the venue needs nothing of the kind."""
        if not self._rest.dialect.reference_calls():
            return
        retry_s = self._waits.retry_s
        while True:
            self._wanted.clear()
            if await self._load():
                retry_s = self._waits.retry_s
                await self._outside.sleep(self._waits.reference_gap_s)
                await self._wanted.wait(self._waits.reference_every_s)
            else:
                await self._outside.sleep(retry_s)
                retry_s = min(2 * retry_s, RETRY_MAX_S)

    async def _load(self) -> bool:
        """Make the calls one after another. False when one of them failed; what the others brought counts."""
        found: Reference = {}
        troubles = []
        for call in self._rest.dialect.reference_calls():
            await self._pace.turn(call)
            response = await self._rest.fetch(call, self._waits.rest_reference_s)
            if isinstance(response, CallFailed):
                troubles.append(response.why)
                continue
            try:
                found |= self._rest.dialect.read_reference(response)
            except RemoteError as error:
                troubles.append(str(error))
        self.codes = self.codes | found
        self.loads += 1
        if troubles:
            self._alarms.sound("no_reference", troubles[0])
        else:
            self._alarms.clear("no_reference")
            self._log.debug("reference_loaded", instruments=len(self.codes))
        return not troubles
