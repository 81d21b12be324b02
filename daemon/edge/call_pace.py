"""Keeps all calls but cancels inside the venue's rate rules, call by call: questions, keys of sockets, whose key it is;
and the opening of sockets, where a venue limits that.

The core counts questions against the rules before it puts them, and cannot know of how many calls an answer will be: a
listing has as many pages as there are orders. So each call takes its turn here as well, by the operation that the call
itself names. A question that is one call never waits here, since the core let it through by the same rules; but for
those that count addresses, and so the calls of other accounts too. Cancels do not come here: their budget is the core's
alone, and nothing may stand before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.core.buckets import Buckets
from daemon.core.budget import Budget
from protocols.dialect import DIAL

if TYPE_CHECKING:
    from daemon.core.departures import Departures
    from daemon.edge.clock import Clock
    from daemon.edge.outside import Time
    from protocols.dialect import RateRule
    from protocols.rest import RestCall

BUCKETS_MAX: Final = 4096
"""Rules that count by instrument have a bucket for each; past this many the idle ones are dropped."""


class AddressLimits:
    """What counts by address, kept once for all accounts of a venue on this host: of what the core lets leave, and of
    the calls of questions, which are counted where they are made.

    ``address`` names it over the lives of the daemon, in which ``departures`` keep what left.
    """

    __slots__ = ("calls", "core")

    def __init__(self, address: str = "", departures: Departures | None = None) -> None:
        self.core = Buckets(f"address {address}", departures)
        self.calls = Buckets(f"calls of address {address}", departures)


class CallPace:
    """The turns of one account's questions. What is limited by address counts in ``address``, the rest in ``own``."""

    def __init__(
        self,
        rules: tuple[RateRule, ...],
        clock: Clock,
        time: Time,
        address: Buckets | None = None,
        own: Buckets | None = None,
    ) -> None:
        self._budget = Budget(rules, frozenset(), address=address, own=own)
        self._clock = clock
        self._time = time

    async def turn(self, call: RestCall) -> None:
        """Wait until this call may leave, and count it."""
        await self._turn(call.operation, call.instrument)

    async def turn_to_dial(self) -> None:
        """Wait until a WebSocket may be opened, and count that."""
        await self._turn(DIAL, "")

    async def _turn(self, operation: str, instrument: str) -> None:
        while (free_us := self._free_us(operation, instrument)) > (now_us := self._clock.now()):
            await self._time.sleep((free_us - now_us) / 1e6)
        self._budget.take(operation, [(instrument, "")], self._clock.now()).has_ended = True
        if len(self._budget) > BUCKETS_MAX:
            self._budget.forget_idle(self._clock.now())

    def _free_us(self, operation: str, instrument: str) -> int:
        return self._budget.free_us(operation, instrument, "", self._clock.now())
