"""Bitget's countdown-cancel-all: the call that sets a unified account's dead-man switch.

Bitget: Unified account / Trade / Countdown cancel all. What happens when it fires is `sim.switch`'s.
"""

from daemon.sim.switch import Switch
from daemon.sim.timers import SECOND_US
from daemon.sim.venues.bitget import limits
from daemon.sim.venues.bitget.front import Call, Front, Route
from daemon.sim.venues.bitget.queries import QueryRefused
from daemon.sim.wire import text

PATH = "/api/v3/trade/countdown-cancel-all"
LEAST_S, MOST_S = 5, 60


class Countdown:
    """Answers the call. ``is_permitted``: the key may make it."""

    def __init__(self, front: Front, switch: Switch, *, is_permitted: bool) -> None:
        self._front = front
        self._switch = switch
        self._is_permitted = is_permitted

    def routes(self) -> dict[str, Route]:
        """The table of its one call."""
        return {f"POST {PATH}": Route(self._set, limits.UTA_COUNTDOWN)}

    def _set(self, call: Call) -> None:
        if not self._is_permitted:
            raise QueryRefused("40014")
        if self._switch.refuses_with:
            raise QueryRefused(self._switch.refuses_with)
        written = text(call.body, "countdown")
        seconds = int(written) if written.isascii() and written.isdigit() else -1
        if seconds != 0 and not LEAST_S <= seconds <= MOST_S:
            raise QueryRefused("40808", "countdown")
        self._switch.set("", seconds * SECOND_US, call.now_us)
        self._front.data(call, None)
