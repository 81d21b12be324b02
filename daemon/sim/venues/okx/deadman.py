"""OKX's cancel-all-after, of trading and of spreads: the calls that set the account's dead-man switch.

OKX: Trade / POST Cancel All After; Spread Trading / POST Cancel All After. What follows is `sim.switch`'s.
"""

import re

from daemon.sim import wire
from daemon.sim.clock import VenueClock
from daemon.sim.rates import RateRule
from daemon.sim.switch import Switch
from daemon.sim.timers import SECOND_US
from daemon.sim.venue import Floor
from daemon.sim.venues.okx.front import Call, Front, Route, Routes
from daemon.sim.venues.okx.queries import QueryRefused
from daemon.sim.wire import text

LEAST_S, MOST_S = 10, 120
TAGS_MAX = 20
_TAG = re.compile(r"[A-Za-z0-9]{0,16}")


class CancelAllAfter:
    """Answers the call. ``has_tags``: it may be narrowed to the orders of a tag."""

    def __init__(
        self, floor: Floor, front: Front, clock: VenueClock, switch: Switch, rule: RateRule, *, has_tags: bool
    ) -> None:
        self._floor = floor
        self._front = front
        self._clock = clock
        self._switch = switch
        self._rule = rule
        self._has_tags = has_tags

    def routes(self, path: str) -> Routes:
        """The table of its one call."""
        return {f"POST {path}": Route(self._set)}

    def _set(self, call: Call) -> None:
        fields = wire.parse_object(call.request.body)
        tag, timeout = text(fields, "tag") if self._has_tags else "", text(fields, "timeOut")
        if not _TAG.fullmatch(tag):
            raise QueryRefused("51000", "tag")
        if not self._floor.rates.take(self._rule, tag, call.now_us):
            raise QueryRefused("50011")
        if self._switch.refuses_with:
            raise QueryRefused(self._switch.refuses_with)
        seconds = int(timeout) if timeout.isascii() and timeout.isdigit() else -1
        if seconds != 0 and not LEAST_S <= seconds <= MOST_S:
            raise QueryRefused("51000", "timeOut")
        tags = {each for each in self._switch.due if each}
        if seconds and tag and tag not in tags and len(tags) >= TAGS_MAX:
            raise QueryRefused("51071")
        due_us = self._switch.set(tag, seconds * SECOND_US, call.now_us)
        trigger = "0" if due_us is None else self._clock.ms_text(due_us)
        self._front.data(call, [{"triggerTime": trigger, "tag": tag, "ts": self._clock.ms_text(call.now_us)}])
