"""The REST side of one account: signs a dialect's call with its credentials, for the venue's clock, and makes it.

It knows neither what a call asks nor what an answer means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.edge.clock import Clock
    from daemon.edge.outside import CallFailed, Flight, Pool
    from protocols.dialect import Dialect
    from protocols.rest import RestCall, RestResponse
    from protocols.secret import Credentials


class VenueRest:
    """Who signs and calls. ``offset_us`` is the venue's clock minus ours; whoever measures it sets it."""

    def __init__(self, dialect: Dialect, pool: Pool, credentials: Credentials, clock: Clock) -> None:
        self.dialect = dialect
        self.credentials = credentials
        self.offset_us = 0
        self._pool = pool
        self._clock = clock

    def venue_now(self) -> int:
        """Microseconds since the epoch by the venue's clock, as far as it is known."""
        return self._clock.now() + self.offset_us

    async def fetch(self, call: RestCall, total_s: float, flight: Flight | None = None) -> RestResponse | CallFailed:
        """Sign and make one call; see `Pool.call`."""
        signed = self.dialect.sign(call, self.credentials, self.venue_now())
        return await self._pool.call(signed, total_s, flight)
