"""A few seeds at each venue, and those that once found something."""

from __future__ import annotations

import pytest

from daemon.sim.registry import VENUES
from daemon.simulate.sweep import run_seed


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_nothing_is_violated_at_a_venue(venue: str) -> None:
    found = [(seed, run_seed(seed, [venue]).result.violations) for seed in range(3)]
    assert [entry for entry in found if entry[1]] == []


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(5, id="an order is cancelled by both its ids at once, and only the answer to one names them both"),
        pytest.param(22, id="the clock is set ahead between two lives, and a client id was used twice"),
        pytest.param(
            71, id="a request is taken from an order for which a frame had left, since the venue's clock lies"
        ),
        pytest.param(206, id="sockets that are entered by a key die young"),
        pytest.param(301, id="the clock is set ahead by an hour, and every case that fits is in doubt"),
        pytest.param(328, id="two lives share a venue's error budget"),
        pytest.param(713, id="so do three, and requests have left the cases that met the errors"),
        pytest.param(1722, id="an account forgets that an order has two names, for want of room"),
        pytest.param(
            1814, id="a bulk cancel goes on for long, since an account has room for few of its orders at a time"
        ),
        pytest.param(1896, id="a life takes up more than it may begin, since an end was not written down in time"),
        pytest.param(1526, id="three lives share a venue's error budget, and the second one's clock was set ahead"),
        pytest.param(
            600000020463, id="a venue's limit on errors keeps a binding's cancel from listing for eight minutes"
        ),
        pytest.param(700000001305, id="an account cannot be asked in time what became of a bulk cancel before a crash"),
        pytest.param(287651826097, id="a client id is used twice within a moment, and the life that told its end dies"),
        pytest.param(287651829266, id="the cancel that a binding sends is refused for good"),
        pytest.param(868847634190, id="a client id changes hands beside a crash, and the clock is set ahead"),
        pytest.param(868847634587, id="the same where the clock is set back, and an old listing shows the older order"),
        pytest.param(349488522750, id="a disk fails before what was told is written, until its daemon is killed"),
        pytest.param(549368300796, id="the clock is set ahead while what a binding began is unfinished"),
    ],
)
def test_nothing_is_violated_where_something_once_was(seed: int) -> None:
    assert run_seed(seed).result.violations == []
