"""Draws bulk cancels: several orders by name, or everything that fits a scope; and keeps what was told about each.

They are drawn from a stream of their own, over the orders that the rest of the workload has. What is right about them
stands in `bulk_audit`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.fix import AccountName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from daemon.core.records import BulkReport, Report
    from daemon.simulate.wishes import HasPlacings, OrderPlan

SEEDS_P: Final = 0.4
"""How many seeds have bulk cancels at all: they end many orders before anything else can happen to them."""
ALL_P: Final = 0.6
NAMED_MAX: Final = 30
Place = tuple[str | None, str]
"""A product, where the venue has several, and an instrument: spot and futures may trade one of the same name."""


class BulkPlan(msgspec.Struct, frozen=True):
    """One bulk cancel. ``orders`` are named one by one; without any it is about all of an account.

    ``placing`` narrows that to an instrument of a product, ``prefix`` to client ids that begin so.
    """

    name: str
    client: int
    account: AccountName
    at_us: int
    orders: tuple[int, ...] = ()
    placing: int | None = None
    prefix: str | None = None

    def covers(self, order: OrderPlan, places: Sequence[Place]) -> bool:
        """Whether it is about an order; ``places`` are those of its account's placings."""
        if self.orders:
            return order.number in self.orders
        return (
            order.account == self.account
            and (self.placing is None or places[self.placing] == places[order.placing])
            and (self.prefix is None or (order.client_order_id or "").startswith(self.prefix))
        )


@dataclass(slots=True)
class BulkWord:
    """An answer to a bulk cancel, as a client heard it."""

    at_us: int
    sink: int
    report: BulkReport


@dataclass(slots=True)
class BulkStory:
    """All that is known of one bulk cancel."""

    plan: BulkPlan
    asked_us: list[int] = field(default_factory=list)
    results: list[BulkWord] = field(default_factory=list)
    words: list[tuple[int, Report]] = field(default_factory=list)
    """What was told of single orders, and when."""
    corrections: list[tuple[int, BulkReport]] = field(default_factory=list)
    """What it was told later of an answer, and when."""
    refusals: list[str] = field(default_factory=list)


def draw_bulks(
    rng: Random, accounts: Sequence[HasPlacings], orders: Sequence[OrderPlan], clients: int, begin_us: int, end_us: int
) -> tuple[BulkPlan, ...]:
    """Draw them between two moments: none in most seeds."""
    if rng.random() > SEEDS_P:
        return ()
    drawn = (_one(rng, index, accounts, orders, clients, begin_us, end_us) for index in range(rng.choice((1, 1, 2, 3))))
    return tuple(bulk for bulk in drawn if bulk is not None)


def _one(
    rng: Random,
    index: int,
    accounts: Sequence[HasPlacings],
    orders: Sequence[OrderPlan],
    clients: int,
    begin_us: int,
    end_us: int,
) -> BulkPlan | None:
    account = rng.choice(accounts)
    at_us = rng.randint(begin_us, end_us)
    bulk = BulkPlan(f"bulk{index}", rng.randrange(clients), account.name, at_us)
    if rng.random() < ALL_P:
        placing = rng.randrange(len(account.placings)) if rng.random() < 0.5 else None
        names = [order.client_order_id for order in orders if order.client_order_id is not None]
        prefix = rng.choice(names)[:-1] if names and rng.random() < 0.2 else None
        return msgspec.structs.replace(bulk, placing=placing, prefix=prefix)
    there = [order.number for order in orders if order.at_us < at_us and order.account == account.name]
    named = rng.sample(there, min(len(there), rng.randint(1, NAMED_MAX)))
    return msgspec.structs.replace(bulk, orders=tuple(named)) if named else None
