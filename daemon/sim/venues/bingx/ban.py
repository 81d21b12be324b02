"""The error budget of a simulated BingX: a call that answered too many errors is banned for a while.

BingX: Error codes, 100410: "over 20 error code requests within 480000 ms for this api". Each error answer of a call
counts, whatever its code, except those of limits themselves. This file knows no orders.
"""

from daemon.sim.rates import RateBook, RateRule
from daemon.sim.venues.bingx.options import BingxOptions

NOT_COUNTED = frozenset({"0", "100410"})


class Bans:
    """Which calls are banned, and until when."""

    def __init__(self, options: BingxOptions, rates: RateBook) -> None:
        self._ban_us = options.ban_us
        self._rates = rates
        self._rule = RateRule("errors", options.errors_max, options.errors_window_us)
        self._until_us: dict[str, int] = {}

    def until_us(self, call: str, now_us: int) -> int:
        """Until when a call is banned; 0 if it is not."""
        until_us = self._until_us.get(call, 0)
        return until_us if until_us > now_us else 0

    def answered(self, call: str, code: str, now_us: int) -> None:
        """Count an answer; one error too many is a breach, and bans the call."""
        if code in NOT_COUNTED or self._rates.take(self._rule, call, now_us):
            return
        self._until_us[call] = now_us + self._ban_us
        self._rates.forget(call)
