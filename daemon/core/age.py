"""Which of two came first: an order, by the venue's word on when it was created, or a moment of ours.

The two clocks are compared as well as they have been measured, and what that leaves open is never called older. A
moment of ours is worth nothing in another life of the daemon, whose host's clock may have been set: so what has to
outlive this one is kept in the venue's time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.core.world import World
    from protocols.evidence import OrderReported
    from protocols.fix import AccountName


def venue_ms_of(at_us: int, world: World) -> int | None:
    """Turn a moment of this life into the venue's clock, milliseconds, not too late; None: it is not measured."""
    return world.venue_ms_at_least(at_us) if world.is_clock_measured else None


def venues_ms_of(at_us: int, worlds: Iterable[World]) -> dict[AccountName, int]:
    """Do so for several accounts, for those where it can be told."""
    told = ((world.account, venue_ms_of(at_us, world)) for world in worlds)
    return {account: at_ms for account, at_ms in told if at_ms is not None}


def is_older(report: OrderReported, than_ms: int) -> bool:
    """Whether an order is known to have been created before a moment of the venue's clock."""
    return report.created_ms is not None and report.created_ms < than_ms
