"""When a venue's dead-man switch is set, refreshed and ended, and when somebody has to be told that it will fire.

Theory of operation. The switch counts down at the venue, and we know when it may fire only from below: a refresh that
was answered moves that moment to so long after the call *left*, one that was not answered may have done so or not. The
moment that is told is never later than the true one. Refreshes come at a quarter of the time-out, as long as the
account can cancel and its journal commits; when it cannot, the switch is left to run down, since nobody would be there
to cancel. That is its purpose, and it is said aloud, with the time that is left. A call that failed is repeated sooner.

An end is wanted once, when the daemon stops in order. What may be armed is ended: also what was never answered.

Inputs are whether refreshing is allowed, answers, and time; outputs are what to call and what to say. It awaits
nothing and knows neither venue nor road.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.dialect import Scope

if TYPE_CHECKING:
    from protocols.dialect import RateRule

GAP_US: Final = 1_100_000
"""Between two calls at least: venues allow one a second."""
NEWS_US: Final = 1_000_000
"""Between two words about a switch that is running down, so that the time left in them is about right."""
REFRESHES: Final = 4
"""In one time-out: three may be lost before it fires."""
ALARM: Final = "dead_man_switch"
ALARM_FIRED: Final = "dead_man_fired"


class SwitchState(StrEnum):
    """How the switch is, as far as can be known here."""

    NOT_OWNED = "not_owned"
    """It is left to another daemon."""
    OFF = "off"
    """Never set, or ended."""
    ARMED = "armed"
    RUNNING_DOWN = "running_down"
    """It is set and was not refreshed when it should have been."""
    FIRED = "fired"
    """Its time is up, and it could not be set anew since."""


class Call(msgspec.Struct, frozen=True):
    """Set the switch to so many seconds, or with 0 end it. Its end comes back by `Switch.done` or `Switch.failed`."""

    timeout_s: int


class Sound(msgspec.Struct, frozen=True):
    """Raise an alarm, or renew its words."""

    name: str
    detail: str


class Clear(msgspec.Struct, frozen=True):
    """End an alarm."""

    name: str


SwitchEffect = Call | Sound | Clear


class Switch:
    """One timer of one account. All times are microseconds since the epoch, on the daemon's clock.

    Made at ``now_us``: an earlier life may have called the venue just before that, so the first call waits its gap.
    """

    def __init__(self, timeout_s: int, now_us: int) -> None:
        self.failures = 0
        """Calls that failed since the last that did not."""
        self.refreshes = 0
        """Calls that set it, in this life."""
        self._timeout_s = timeout_s
        self._timeout_us = timeout_s * 1_000_000
        self._every_us = self._timeout_us // REFRESHES
        self._why_not = ""
        self._why_failed = ""
        self._called_us: int | None = None
        self._due_us = now_us + GAP_US
        self._news_us = 0
        self.is_ending = False
        """It is wanted ended, since the daemon stops."""
        self._under_way: int | None = None
        self._possible: list[int] = []
        """When it may fire, rising: by the last call that was answered, and by each since that may have worked."""
        self._has_fired = False
        self._is_alarmed = False

    # ------------------------------------------------------------ inputs

    def allow(self, why_not: str) -> None:
        """Say whether it may be refreshed: "" that it may, else why it may not."""
        self._why_not = why_not

    def end(self) -> None:
        """Want it ended, once and for all."""
        self.is_ending = True
        self._due_us = 0

    def done(self, now_us: int) -> None:
        """The call under way was answered: it is as was asked for."""
        if self._under_way:
            self._possible = [(self._called_us or now_us) + self._timeout_us]
            self.refreshes += 1
            self._has_fired = False
        else:
            self._possible = []
        self.failures, self._why_failed = 0, ""
        self._over(now_us, (self._called_us or now_us) + self._every_us)

    def failed(self, why: str, now_us: int, *, may_have_worked: bool) -> None:
        """The call under way was refused, or not answered: then it may have worked all the same."""
        if self._under_way and may_have_worked:
            self._possible.append((self._called_us or now_us) + self._timeout_us)
        self.failures += 1
        self._why_failed = why
        self._over(now_us, now_us + min(GAP_US << min(self.failures - 1, 10), max(self._every_us, GAP_US)))

    def tick(self, now_us: int) -> list[SwitchEffect]:
        """Let time pass; what to do now. At most one call is under way."""
        effects: list[SwitchEffect] = []
        if self.fires_us is not None and now_us >= self.fires_us and not self.is_ending:
            self._possible = [at for at in self._possible if at > now_us]
            self._has_fired = True
            effects.append(Sound(ALARM_FIRED, f"its time is up, the venue cancels all it covers: {self._trouble()}"))
        call = self._wanted
        if call is not None and self.is_due(now_us):
            self._under_way, self._called_us = call.timeout_s, now_us
            effects.append(call)
        self._news_us = now_us + NEWS_US
        return effects + self._words(now_us)

    # ------------------------------------------------------------ what it is like

    @property
    def fires_us(self) -> int | None:
        """The earliest moment at which it may fire; None when it is not set, as far as is known."""
        return self._possible[0] if self._possible else None

    @property
    def is_ended(self) -> bool:
        """Whether an end was wanted and nothing is left to be ended."""
        return self.is_ending and self.fires_us is None and self._under_way is None

    def is_due(self, now_us: int) -> bool:
        """Whether it is time for a call, if one is wanted and allowed."""
        return self._under_way is None and now_us >= max(self._due_us, self._gap_end_us)

    def next_us(self, now_us: int) -> int:
        """When `tick` is wanted next, at the latest."""
        times = [self._news_us]
        if self._wanted is not None and self._under_way is None:
            times.append(max(self._due_us, self._gap_end_us))
        if self.fires_us is not None and not self.is_ending:
            times.append(self.fires_us)
        return max(min(times), now_us)

    def state(self, now_us: int) -> SwitchState:
        """Say how it is."""
        if self.fires_us is not None and now_us < self.fires_us:
            return SwitchState.RUNNING_DOWN if self._is_late(now_us) else SwitchState.ARMED
        return SwitchState.FIRED if self._has_fired or self.fires_us is not None else SwitchState.OFF

    # ------------------------------------------------------------ inside

    def _over(self, now_us: int, due_us: int) -> None:
        """The call under way is over, and the next is due then: an end that was wanted meanwhile, at once."""
        self._news_us = now_us
        self._due_us = 0 if self.is_ending and self._under_way else due_us
        self._under_way = None

    @property
    def _gap_end_us(self) -> int:
        return 0 if self._called_us is None else self._called_us + GAP_US

    @property
    def _wanted(self) -> Call | None:
        """The call that is wanted, as soon as it is time for one."""
        if self.is_ending:
            return Call(0) if self.fires_us is not None else None
        return None if self._why_not else Call(self._timeout_s)

    def _is_late(self, now_us: int) -> bool:
        """Whether a refresh failed, or is overdue because it is not allowed."""
        return self.failures > 0 or (bool(self._why_not) and now_us >= self._due_us)

    def _trouble(self) -> str:
        return self._why_failed or self._why_not or "this daemon stood still"

    def _words(self, now_us: int) -> list[SwitchEffect]:
        """Say what is the matter, with the time that is left, or that it is over."""
        if not self._is_late(now_us) or (self.fires_us is None and not self.failures and not self._has_fired):
            was_alarmed, self._is_alarmed = self._is_alarmed, False
            return [Clear(ALARM)] if was_alarmed else []
        self._is_alarmed = True
        if self.fires_us is not None:
            left_s = max(0, self.fires_us - now_us) / 1e6
            what = "not ended" if self.is_ending else "not refreshed"
            return [Sound(ALARM, f"{what}: {self._trouble()}; it fires in {left_s:.1f} s")]
        return [Sound(ALARM, f"not set: {self._trouble()}; nothing watches over this account's orders")]


def room_left(rules: tuple[RateRule, ...], operation: str) -> tuple[RateRule, ...]:
    """Keep room for the switch's calls in the rules that count them with others, which are lowered by as many.

    It is called at most once a second, whatever cancels are under way: a switch that is not refreshed for want of
    budget would cancel everything.
    """
    return tuple(_lowered(rule, operation) for rule in rules)


def _lowered(rule: RateRule, operation: str) -> RateRule:
    if operation not in rule.operations or len(rule.operations) == 1 or rule.scope is Scope.ORDER:
        return rule
    calls = rule.window_ms * 1000 // GAP_US + 1
    return msgspec.structs.replace(rule, operations=rule.operations - {operation}, limit=max(1, rule.limit - calls))
