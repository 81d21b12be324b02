"""Each wrong daemon is found out by its recorded seed or one of the next, and the right one passes the same seed."""

from __future__ import annotations

import pytest

from daemon.simulate.sweep import run_seed
from tests.simulate.canaries import CANARIES, Canary
from tests.simulate.hunt import hunt

AFTER_MAX = 150
"""Seeds after the recorded one that may find a canary too: what a seed comes to changes with each part of the world."""


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name)
def test_a_wrong_daemon_is_found_out(canary: Canary) -> None:
    caught = hunt(canary, range(canary.seed, canary.seed + AFTER_MAX))
    assert caught is not None, f"not found by seeds from {canary.seed} on: run make canaries and record what it says"
    assert run_seed(caught[0]).result.violations == []


def test_there_are_canaries_of_twelve_kinds_and_more() -> None:
    assert len({canary.name for canary in CANARIES}) == len(CANARIES) >= 12
