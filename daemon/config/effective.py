"""The effective value of each number that an account may override, and what must hold between them.

The account's value goes over the daemon's, and the daemon's over the venue's. Two numbers that are each within bounds
can still make no sense together; that is judged here, once the venue's are known, and a message says where each of the
two comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from daemon.config.settings import (
    ABANDON_AFTER_H,
    ACK_WAIT_MS,
    CORRECTION_WINDOW_H,
    HORIZON_S,
    OVERRIDABLE,
    PUSH_WAIT_MS,
    REQUEST_RETENTION_H,
    SETTLE_MS,
    TIMINGS,
    Number,
)
from protocols.dialect import Timings

if TYPE_CHECKING:
    from daemon.config.table import Table

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "h": 3600.0}


class NotAbove(NamedTuple):
    """``low`` must not be above ``high``, since otherwise ``else_``."""

    low: Number
    high: Number
    else_: str


ORDERED: Final = (
    NotAbove(SETTLE_MS, HORIZON_S, "requests would be called in doubt before a healthy venue has settled them"),
    NotAbove(ACK_WAIT_MS, HORIZON_S, "a lost answer would not be noticed before the horizon"),
    NotAbove(PUSH_WAIT_MS, HORIZON_S, "a missing push would not be noticed before the horizon"),
    NotAbove(HORIZON_S, ABANDON_AFTER_H, "asking would stop before the horizon"),
    NotAbove(CORRECTION_WINDOW_H, REQUEST_RETENTION_H, "a correction could come for a request that is forgotten"),
)


class Sourced(NamedTuple):
    """A value, the table of the file that sets it (None: nobody's, a default), and whether it could be read."""

    value: float | None
    table: Table | None
    is_mistaken: bool = False


class Effective:
    """The numbers of one account, or of ``[daemon]`` as the defaults of all accounts."""

    def __init__(self, numbers: dict[str, Sourced]) -> None:
        self._numbers = numbers

    @classmethod
    def read(cls, daemon: Table) -> Effective:
        """Read every number that an account may override from ``[daemon]``."""
        return cls({setting.name: _sourced(setting, daemon) for setting in OVERRIDABLE})

    def overridden_by(self, account: Table) -> Effective:
        """Read an account's numbers, over these."""
        own = {setting.name: _sourced(setting, account) for setting in OVERRIDABLE}
        return Effective(self._numbers | {name: number for name, number in own.items() if number.table})

    def over(self, timings: Timings) -> Effective:
        """Fill what nobody set with a venue's own values."""
        numbers = dict(self._numbers)
        for setting in TIMINGS:
            if numbers[setting.name].value is None:
                numbers[setting.name] = numbers[setting.name]._replace(value=getattr(timings, setting.name))
        return Effective(numbers)

    def value(self, setting: Number) -> float:
        """Give an effective number. A ``correction_window_h`` that nobody set gives way to the retention."""
        value, table, _ = self._numbers[setting.name]
        if value is None:
            raise ValueError(f"{setting.name} has no value before a venue's timings are known")
        if setting is CORRECTION_WINDOW_H and table is None:
            return min(value, self.value(REQUEST_RETENTION_H))
        return value

    def timings(self) -> Timings:
        """Give the effective timings; each is of the type that `Timings` has it in."""
        return msgspec.convert({setting.name: self.value(setting) for setting in TIMINGS}, Timings)

    def refuse_disorder(self, account: Table) -> None:
        """Note each pair that makes no sense together, at the setting of the file that is the nearest to blame."""
        for rule in ORDERED:
            low, high = self._numbers[rule.low.name], self._numbers[rule.high.name]
            if low.is_mistaken or high.is_mistaken or _seconds(self, rule.low) <= _seconds(self, rule.high):
                continue
            if blamed := self._blamed(rule, account):
                setting, table = blamed
                what = f"{self._told(rule.high)} is below {self._told(rule.low)} at {account.path}: {rule.else_}"
                table.mistake(setting.name, what, f"raise {rule.high.name} or lower {rule.low.name}")

    def _blamed(self, rule: NotAbove, account: Table) -> tuple[Number, Table] | None:
        """Find which of two settings the file sets nearest to the account; None when both are defaults."""
        settings = [(rule.high, self._numbers[rule.high.name].table), (rule.low, self._numbers[rule.low.name].table)]
        stated = [(setting, table) for setting, table in settings if table is not None]
        here = [(setting, table) for setting, table in stated if table is account]
        return next(iter(here + stated), None)

    def _told(self, setting: Number) -> str:
        """Tell a value with its unit, and whose it is."""
        table = self._numbers[setting.name].table
        whose = "the venue's" if setting in TIMINGS else "the default"
        whose = whose if table is None else f"set in [{table.path}]"
        return f"{setting.name} {self.value(setting):.10g} {setting.unit} ({whose})"


def _sourced(setting: Number, table: Table) -> Sourced:
    value = table.number(setting)
    is_set = setting.name in table
    return Sourced(value, table if is_set else None, is_mistaken=setting.name in table.mistaken)


def _seconds(effective: Effective, setting: Number) -> float:
    """Give a value in seconds, to the microsecond: 4100 ms are 4.1 s, whatever binary fractions make of it."""
    return round(effective.value(setting) * _SECONDS[setting.unit], 6)
