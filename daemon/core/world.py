"""What a case has to know about everything outside it: the venue's data, the open roads, the drop copy, the clocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daemon.core.gaps import Gaps
from protocols.evidence import DropCopyState

if TYPE_CHECKING:
    from protocols.dialect import Timings, Traits
    from protocols.fix import AccountName, Road


@dataclass(slots=True)
class World:
    """The account as its cases see it. Only the correlator writes here, and only from evidence.

    ``timings`` are the effective ones (configuration over the venue's). ``clock_offset_us`` is venue minus ours, known
    to ``clock_uncertainty_us``. ``spared`` are the operations of which the venue bears few more errors.
    ``drop_copy_us`` is since when the drop copy is as it is.
    """

    account: AccountName
    traits: Traits
    timings: Timings
    open_roads: set[Road] = field(default_factory=set)
    drop_copy: DropCopyState = DropCopyState.DOWN
    drop_copy_us: int = 0
    clock_offset_us: int = 0
    clock_uncertainty_us: int = 1_000_000
    account_changed: bool = False
    spared: frozenset[str] = frozenset()
    gaps: Gaps = field(default_factory=Gaps)

    @property
    def heard_since_us(self) -> int | None:
        """Since when every order that is placed is heard of by a push; None while that is not so."""
        return self.drop_copy_us if self.drop_copy is DropCopyState.LIVE else None

    @property
    def replica_lag_us(self) -> int:
        """How old a venue's answer may be."""
        return self.timings.replica_lag_ms * 1000

    @property
    def gap_us(self) -> int:
        """How long lies between two cancels of one order."""
        return self.timings.per_order_gap_ms * 1000

    @property
    def horizon_us(self) -> int:
        """How long until a request without evidence is called in doubt."""
        return int(self.timings.horizon_s * 1_000_000)

    def costs_errors(self, operation: str) -> bool:
        """Whether the venue counts the errors that it answers to an operation."""
        return any(operation in rule.operations for rule in self.traits.error_rules)

    def ours_us(self, venue_ms: int) -> int:
        """Turn a time of the venue's, in milliseconds, into our clock."""
        return venue_ms * 1000 - self.clock_offset_us

    def venue_ms_at_least(self, ours_us: int) -> int:
        """Turn a time of ours into the venue's clock, milliseconds, rounded to what the measurement allows: early."""
        return (ours_us + self.clock_offset_us - self.clock_uncertainty_us) // 1000

    def venue_ms(self, ours_us: int) -> int:
        """Turn a time of ours into the venue's clock, milliseconds, rounded to what the measurement allows: late."""
        return -(-(ours_us + self.clock_offset_us + self.clock_uncertainty_us) // 1000)
