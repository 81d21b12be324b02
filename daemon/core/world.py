"""What a case has to know about everything outside it: the venue's data, the open roads, the drop copy, the clocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from daemon.core.gaps import Gaps
from protocols.evidence import DropCopyState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.core.case import Case
    from protocols.dialect import Timings, Traits
    from protocols.fix import AccountName, Road

SWEPT_MAX: Final = 64
"""Calls that cancel all of a scope, of which it is remembered when they left: a venue lets a few a second through."""


@dataclass(slots=True)
class World:
    """The account as its cases see it. Only the correlator writes here, and only from evidence.

    ``timings`` are the effective ones (configuration over the venue's). ``clock_offset_us`` is venue minus ours, known
    to ``clock_uncertainty_us`` as soon as it is measured. ``spared`` are the operations of which the venue bears few
    more errors, with when one may leave that can wait.
    ``drop_copy_us`` is since when the drop copy is as it is, ``began_us`` when this life of the daemon began (0: there
    was none before), ``swept_us`` when calls of ours left that cancel all of a scope, the last ones.
    """

    account: AccountName
    traits: Traits
    timings: Timings
    open_roads: set[Road] = field(default_factory=set)
    drop_copy: DropCopyState = DropCopyState.DOWN
    drop_copy_us: int = 0
    clock_offset_us: int = 0
    clock_uncertainty_us: int = 1_000_000
    is_clock_measured: bool = False
    account_changed: bool = False
    spared: Mapping[str, int] = field(default_factory=dict)
    gaps: Gaps = field(default_factory=Gaps)
    began_us: int = 0
    swept_us: tuple[int, ...] = ()

    @property
    def heard_since_us(self) -> int | None:
        """Since when every order that is placed is heard of by a push; None while that is not so."""
        return self.drop_copy_us if self.drop_copy is DropCopyState.LIVE else None

    # The timings in the clock's unit, once: a case looks at them some fifty times in its life.
    replica_lag_us: int = field(init=False)
    """How old a venue's answer may be."""
    horizon_us: int = field(init=False)
    """How long until a request without evidence is called in doubt."""
    ack_wait_us: int = field(init=False)
    push_wait_us: int = field(init=False)
    gap_us: int = field(init=False)
    """How long lies between two cancels of one order."""
    resend_max_age_us: int = field(init=False)
    abandon_after_us: int = field(init=False)

    def __post_init__(self) -> None:
        timings = self.timings
        self.replica_lag_us = timings.replica_lag_ms * 1000
        self.horizon_us = int(timings.horizon_s * 1_000_000)
        self.ack_wait_us = timings.ack_wait_ms * 1000
        self.push_wait_us = timings.push_wait_ms * 1000
        self.gap_us = timings.per_order_gap_ms * 1000
        self.resend_max_age_us = int(timings.resend_max_age_s * 1_000_000)
        self.abandon_after_us = int(timings.abandon_after_h * 3_600_000_000)

    def swept(self, now_us: int) -> None:
        """Remember that a call leaves that cancels all of a scope."""
        self.swept_us = (*self.swept_us, now_us)[-SWEPT_MAX:]

    def costs_errors(self, operation: str) -> bool:
        """Whether the venue counts the errors that it answers to an operation."""
        return any(operation in rule.operations for rule in self.traits.error_rules)

    def gap_end_us(self, case: Case) -> int:
        """When the venue's gap after the last cancel of what may be a case's order is over; 0 where it wants none."""
        last_us = self.gaps.last_us(case) if self.gap_us else 0
        return last_us + self.gap_us if last_us else 0

    def ours_us(self, venue_ms: int) -> int:
        """Turn a time of the venue's, in milliseconds, into our clock."""
        return venue_ms * 1000 - self.clock_offset_us

    def venue_ms_at_least(self, ours_us: int) -> int:
        """Turn a time of ours into the venue's clock, milliseconds, rounded to what the measurement allows: early."""
        return (ours_us + self.clock_offset_us - self.clock_uncertainty_us) // 1000

    def venue_ms(self, ours_us: int) -> int:
        """Turn a time of ours into the venue's clock, milliseconds, rounded to what the measurement allows: late."""
        return -(-(ours_us + self.clock_offset_us + self.clock_uncertainty_us) // 1000)
