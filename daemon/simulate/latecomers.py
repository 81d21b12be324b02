"""Draws latecomers: orders placed just before a bulk cancel, whose pushes are lost while the venue lists what is old.

Nothing shows them until the listings are younger, so a bulk cancel that believes its last listing passes them over.
They are drawn from a stream of their own. What is right about them stands in `bulk_audit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.simulate.bulks import BulkPlan
from daemon.simulate.swarm import Span
from daemon.simulate.wishes import SECOND_US, OrderPlan
from protocols.fix import AccountName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from daemon.simulate.wishes import HasPlacings

SEEDS_P: Final = 0.1
ORDERS: Final = (1, 3, 6)
BEFORE_US: Final = (50_000, 400_000)
"""So long before the bulk cancel they are placed."""
OLD_MS: Final = 1_500
"""So old are the venue's answers at least then: no older than any account takes them for."""
FOR_US: Final = 3 * SECOND_US
"""So long they are."""


class Latecomers(msgspec.Struct, frozen=True):
    """What was drawn; nothing in most seeds. ``spans`` are the faults of their ``account``."""

    account: AccountName | None = None
    orders: tuple[OrderPlan, ...] = ()
    bulks: tuple[BulkPlan, ...] = ()
    spans: tuple[Span, ...] = ()


def draw_latecomers(
    rng: Random, accounts: Sequence[HasPlacings], first: int, clients: int, begin_us: int, end_us: int
) -> Latecomers:
    """Draw some, whose orders are numbered from ``first`` on."""
    if rng.random() > SEEDS_P:
        return Latecomers()
    account = rng.choice(accounts)
    at_us = rng.randint((begin_us + end_us) // 2, end_us)
    alias = f"3{rng.randrange(10**9):09d}"
    orders = tuple(
        OrderPlan(
            first + n, account.name, rng.randrange(len(account.placings)), at_us - rng.randint(*BEFORE_US),
            f"{alias}{n:05d}",
        )
        for n in range(rng.choice(ORDERS))
    )  # fmt: skip
    begins_us = at_us - BEFORE_US[1] - 1
    spans = (
        Span(begins_us, at_us - 1, "DROP_PUSH:1"),
        Span(begins_us, at_us + FOR_US, f"STALE_QUERY({OLD_MS / 1000}):1"),
    )
    prefix = alias if rng.random() < 0.5 else None
    bulk = BulkPlan("late", rng.randrange(clients), account.name, at_us, prefix=prefix)
    return Latecomers(account.name, orders, (bulk,), spans)
