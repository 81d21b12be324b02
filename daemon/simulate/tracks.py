"""Draws what clients say of the orders that they place: under which client id, when, and which order that is (`track`).

They speak the truth, as early as one does: when they begin to place an order, when the venue has named it, or both. Who
speaks of one order of a client id speaks of all of them, but may be away when it should. Some orders never reach their
venue: ghosts, which are asked about by client id alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.simulate.wishes import SECOND_US, WishPlan
from protocols.fix import AccountName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from daemon.simulate.wishes import HasPlacings, OrderPlan

SEEDS_P: Final = 0.6
TRACKED_P: Final = 0.5
DATED_P: Final = 0.6
GHOSTS: Final = (1, 2, 4)
BEFORE_US: Final = (0, 500, 3_000)
"""Before the order rests its client says that it begins to place it."""
NAMED_US: Final = (300, 5_000, 200_000)
"""After it rests its client says which order it is."""
APART_US: Final = 5_000
"""What is said of an order is said so long before the next one of its client id is placed."""


class TrackPlan(msgspec.Struct, frozen=True):
    """What a client says of an order. ``said``: when, and whether the order is named then.

    ``order`` is the plan's number, None for a ghost; ``is_dated``: when it began to be placed is said too.
    """

    client: int
    account: AccountName
    placing: int
    client_order_id: str
    order: int | None
    placed_us: int
    is_dated: bool
    said: tuple[tuple[int, bool], ...]


def draw_tracks(rng: Random, orders: Sequence[OrderPlan], clients: int) -> tuple[TrackPlan, ...]:
    """Draw what is said of orders: nothing in many seeds."""
    alike: dict[tuple[AccountName, str], list[OrderPlan]] = {}
    for order in orders:
        if order.client_order_id is not None:
            alike.setdefault((order.account, order.client_order_id), []).append(order)
    if rng.random() > SEEDS_P:
        return ()
    tracks: list[TrackPlan] = []
    for own in alike.values():
        if rng.random() < TRACKED_P:
            client, is_dated = rng.randrange(clients), rng.random() < DATED_P
            own.sort(key=lambda order: order.at_us)
            ends = [younger.at_us - APART_US for _, younger in pairwise(own)]
            for order, until_us in zip(own, [*ends, None], strict=True):
                tracks.append(_of_order(rng, order, client, until_us, is_dated=is_dated, is_first=order is own[0]))
    return tuple(tracks)


def _of_order(
    rng: Random, order: OrderPlan, client: int, until_us: int | None, *, is_dated: bool, is_first: bool
) -> TrackPlan:
    """Draw what is said of an order: of a younger one of its client id always something at once."""
    placed_us = max(0, order.at_us - rng.choice(BEFORE_US))
    named_us = order.at_us + rng.choice(NAMED_US)
    how = rng.choice(("before", "after", "both")) if is_first else rng.choice(("before", "both"))
    said = [(placed_us, False)] if how != "after" else []
    if how != "before" and (until_us is None or named_us < until_us):
        said.append((named_us, True))
    return TrackPlan(
        client, order.account, order.placing, order.client_order_id or "", order.number, placed_us, is_dated,
        tuple(said),
    )  # fmt: skip


def draw_ghosts(
    rng: Random, accounts: Sequence[HasPlacings], clients: int, begin_us: int, end_us: int
) -> tuple[tuple[TrackPlan, ...], tuple[WishPlan, ...]]:
    """Draw orders that never reach their venue, what is said of them, and who wants them canceled."""
    tracks: list[TrackPlan] = []
    wishes: list[WishPlan] = []
    for index in range(rng.choice(GHOSTS) if rng.random() < SEEDS_P else 0):
        account = rng.choice(accounts)
        alias = f"3{index}{rng.randrange(10**13):013d}"
        client, placing = rng.randrange(clients), rng.randrange(len(account.placings))
        at_us = rng.randint(begin_us, end_us)
        placed_us = at_us - rng.choice((0, 2_000, SECOND_US))
        wishes.append(
            WishPlan(
                f"g{index}", rng.randrange(clients), account.name, at_us, None, placing, by_order_id=False,
                by_client_id=True, ghost=alias,
            )
        )  # fmt: skip
        if rng.random() < TRACKED_P + DATED_P / 2:
            is_dated, said = rng.random() < DATED_P, ((placed_us, False),)
            tracks.append(TrackPlan(client, account.name, placing, alias, None, placed_us, is_dated, said))
    return tuple(tracks), tuple(wishes)
