"""Draws fleets: many orders that rest at one account, a bulk cancel of them, and the death of the daemon in its midst.

That is when much has been found and canceled of which nothing is on the disk yet. Some of the orders fill then, or
while the daemon is down. A fleet is drawn from a stream of its own, and nobody else asks for one of its orders. What is
right about it stands in `bulk_audit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.simulate.bulks import BulkPlan
from daemon.simulate.wishes import SECOND_US, OrderPlan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from daemon.simulate.wishes import HasPlacings

SEEDS_P: Final = 0.12
"""How many seeds have one: it takes as long as all else of a seed."""
ORDERS: Final = (40, 160, 160)
"""More than are taken up in one turn of the loop, and than are written down in one commit."""
DIES_P: Final = 0.85
COMMITS_MAX: Final = 3
"""So long after the wish, at most, in the longest commits: of some requests nothing is on the disk then."""
DOWN_US: Final = (200_000, 600_000, 3_500_000)
AGAIN_US: Final = (60_000, 2 * SECOND_US)
"""A second death comes so soon after the next life began: it has connected by then, or is about to."""
FILLED_P: Final = 0.15
TAKEN_OFF_P: Final = 0.05


class Death(msgspec.Struct, frozen=True):
    """The daemon dies, and comes back later."""

    at_us: int
    down_us: int


class Fleet(msgspec.Struct, frozen=True):
    """What was drawn; nothing in most seeds."""

    orders: tuple[OrderPlan, ...] = ()
    bulks: tuple[BulkPlan, ...] = ()
    deaths: tuple[Death, ...] = ()


def draw_fleet(
    rng: Random,
    accounts: Sequence[HasPlacings],
    first: int,
    clients: int,
    commit_us: tuple[int, int],
    begin_us: int,
    end_us: int,
) -> Fleet:
    """Draw one, whose orders are numbered from ``first`` on, for a disk that takes ``commit_us`` for a commit."""
    if rng.random() > SEEDS_P:
        return Fleet()
    account = rng.choice(accounts)
    at_us = rng.randint(begin_us, end_us)
    alias = f"5{rng.randrange(10**9):09d}"
    prefix = alias if rng.random() < 0.6 else None
    placing = rng.randrange(len(account.placings)) if rng.random() < 0.3 else None
    bulk = BulkPlan("fleet", rng.randrange(clients), account.name, at_us, placing=placing, prefix=prefix)
    deaths = _deaths(rng, at_us, commit_us) if rng.random() < DIES_P else ()
    over_us = max([at_us, *(death.at_us + death.down_us for death in deaths)])
    orders = []
    for n in range(rng.choice(ORDERS)):
        rests_us = begin_us - rng.randint(0, SECOND_US)
        at_place = placing if placing is not None else rng.randrange(len(account.placings))
        order = OrderPlan(first + n, account.name, at_place, rests_us, f"{alias}{n:05d}")
        ends_us = rng.choice((rng.randint(at_us - 2_000, at_us + 20_000), rng.randint(at_us, over_us)))
        ends_us = max(rests_us, ends_us)
        if rng.random() < FILLED_P:
            order = msgspec.structs.replace(order, fills=((ends_us, None),))
        elif rng.random() < TAKEN_OFF_P:
            order = msgspec.structs.replace(order, taken_off_us=ends_us)
        orders.append(order)
    return Fleet(tuple(orders), (bulk,), deaths)


def _deaths(rng: Random, at_us: int, commit_us: tuple[int, int]) -> tuple[Death, ...]:
    """Draw the first while the disk is at it, and now and then another in the midst of what follows."""
    first = Death(at_us + rng.randint(0, COMMITS_MAX * commit_us[1]), rng.choice(DOWN_US))
    if rng.random() < 0.7:
        return (first,)
    up_us = first.at_us + first.down_us
    return first, Death(up_us + rng.randint(*AGAIN_US), rng.choice(DOWN_US))
