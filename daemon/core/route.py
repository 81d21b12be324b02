"""Which road a cancel takes. Pure, small, and the only place that decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from protocols.fix import Road


def choose(preferred: tuple[Road, ...], is_open: AbstractSet[Road], avoid: Road | None = None) -> Road | None:
    """Pick the first open road in the venue's order of preference, any other one before ``avoid``.

    None when no road is open: the cancel waits until one is.
    """
    found = None
    for road in preferred:
        if road in is_open:
            if road is not avoid:
                return road
            found = road
    return found


def choose_together(batch: tuple[Road, ...], is_open: AbstractSet[Road], avoid: Road | None = None) -> Road | None:
    """Pick the first open road of those that carry a batch, never ``avoid``: alone another road may be better."""
    for road in batch:
        if road in is_open and road is not avoid:
            return road
    return None


def has_other(preferred: tuple[Road, ...], is_open: AbstractSet[Road], than: Road) -> bool:
    """Say whether a road of the venue's other than ``than`` is open."""
    return any(road is not than and road in is_open for road in preferred)
