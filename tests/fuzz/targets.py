"""All targets, by name."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tests.fuzz import local, simulated, venues

if TYPE_CHECKING:
    from tests.fuzz.target import Target


@cache
def targets() -> dict[str, Target]:
    """Give them all, those of the venues first."""
    return {target.name: target for target in (*venues.targets(), *local.targets(), *simulated.targets())}
