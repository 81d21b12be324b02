"""The real process on real sockets, killed at random and at points: nothing lost, nothing doubled, it always opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import FIGURES
from tests.system.rig import QUICK, world
from tests.system.storm import Figures, Storm
from tests.system.wrong_daemon import WRONG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FAULTS = "ACK_OK_NO_PUSH:0.15,ACK_OK_THEN_FILL:0.15,NO_ACK(lost):0.05,DUP_PUSH:0.1,REORDER:0.1"
"""Some outcomes need a question or another send, and some orders trade, so that lives end in the middle of these."""
KILLS = 60
SOAK_KILLS = 1_000


async def storm(
    folder: Path, tell: Callable[[str, object], None], seed: int, kills: int, durability: str = "receipt"
) -> Figures:
    extra = f'durability = "{durability}"\n'
    async with world(folder, faults=FAULTS, module="tests.system.crashing", extra=extra, account=QUICK) as it:
        figures = await Storm(it, seed, kills, is_strict=durability == "strict").blow()
        tell(FIGURES, f"seed {seed}: {figures}")
        assert not [rule for rule in it.venue.floor.rates.breaches if "cancel" in rule]
    return figures


def hold(figures: Figures, kills: int) -> None:
    assert sum(figures.kills.values()) == kills
    assert (figures.lost, figures.doubled, figures.wrong, figures.unsound) == ([], [], [], []), str(figures)
    assert sum(figures.outcomes.values()) == figures.asked > kills
    assert figures.opened > kills // 2  # some die before they come to it
    assert set(figures.kills) == {"at a point", "from outside", "while it starts"}


@pytest.mark.timeout(600)  # some hundred starts, on a machine that has other work
async def test_sixty_crashes_lose_no_request_and_double_no_outcome(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    hold(await storm(tmp_path, record_property, 60, KILLS), KILLS)


@pytest.mark.soak
@pytest.mark.parametrize("durability", ["receipt", "strict"])
async def test_a_thousand_crashes_lose_no_request_and_double_no_outcome(
    tmp_path: Path, record_property: Callable[[str, object], None], durability: str
) -> None:
    kills = SOAK_KILLS // 2
    hold(await storm(tmp_path, record_property, 1_000, kills, durability), kills)


@pytest.mark.soak
@pytest.mark.parametrize("way", WRONG)
async def test_a_storm_sees_what_a_wrong_daemon_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("CANCELD_TEST_WRONG", way)
    async with world(tmp_path, faults=FAULTS, module="tests.system.wrong_daemon", account=QUICK) as it:
        figures = await Storm(it, 5, KILLS // 4).blow()
    assert getattr(figures, WRONG[way][1]), str(figures)
