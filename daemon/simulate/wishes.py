"""Draws the workload: orders that rest, fill and are taken off, and the wishes that they be canceled.

It is written for trouble: cancels of orders that are ended, unknown or not yet acknowledged, by client ids that were
used before, several at a time for one order, in bursts above every rate limit. It knows no venue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from protocols.fix import AccountName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from daemon.sim.demo_plan import Placing

UNITS: Final = 8
"""An order's size, in the least sizes that its instrument is placed with."""
WISHES: Final = (80, 110)
CALM_WISHES: Final = 6
SECOND_US: Final = 1_000_000


class OrderPlan(msgspec.Struct, frozen=True):
    """An order, and what happens to it at its venue: fills of so many units (None: all), a cancel by somebody else."""

    number: int
    account: AccountName
    placing: int
    at_us: int
    client_order_id: str | None
    fills: tuple[tuple[int, int | None], ...] = ()
    taken_off_us: int | None = None


class WishPlan(msgspec.Struct, frozen=True):
    """A request. ``order`` is the plan's number of an order, None for one that never was.

    ``ghost`` is a client id under which none ever was.
    """

    name: str
    client: int
    account: AccountName
    at_us: int
    order: int | None
    placing: int
    by_order_id: bool
    by_client_id: bool
    deadline_ms: int | None = None
    is_urgent: bool = False
    is_calm: bool = False
    ghost: str | None = None


class HasPlacings(Protocol):
    """An account, as far as orders are concerned."""

    @property
    def name(self) -> AccountName:
        """Its name."""

    @property
    def placings(self) -> tuple[Placing, ...]:
        """What orders it places."""


class _Drawing:
    def __init__(self, rng: Random, accounts: Sequence[HasPlacings], clients: int) -> None:
        self.rng = rng
        self.accounts = accounts
        self.clients = clients
        self.orders: list[OrderPlan] = []
        self.wishes: list[WishPlan] = []
        self.client_ids = 10**14 + rng.randrange(10**6) * 10**6

    def order(self, at_us: int, asked_us: int, *, reuses: str | None = None, rests: bool = False) -> OrderPlan:
        """Draw an order and what happens to it around the moment at which its cancel is asked for."""
        rng = self.rng
        account = rng.choice(self.accounts)
        self.client_ids += 1
        fills: list[tuple[int, int | None]] = []
        taken_off_us = None
        if not rests:
            around = (asked_us - 2_000, asked_us + 20_000)
            fills += [(rng.randint(at_us, asked_us), 1) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
            fills += [(max(at_us, rng.randint(*around)), 1) for _ in range(rng.choice((0, 0, 0, 1)))]
            if rng.random() < 0.12:
                fills.append((max(at_us, rng.randint(*around)), None))
            elif rng.random() < 0.06:
                taken_off_us = max(at_us, rng.randint(*around))
        client_id = reuses or (str(self.client_ids) if rng.random() < 0.8 else None)
        order = OrderPlan(
            len(self.orders), account.name, rng.randrange(len(account.placings)), at_us, client_id,
            tuple(sorted(fills, key=lambda fill: fill[0])), taken_off_us,
        )  # fmt: skip
        self.orders.append(order)
        return order

    def wish(self, order: OrderPlan, at_us: int, *, is_calm: bool = False, by_alias: bool | None = None) -> None:
        """Draw a request for an order."""
        rng = self.rng
        alias = rng.random() < 0.25 if by_alias is None else by_alias
        alias = alias and order.client_order_id is not None
        self.wishes.append(
            WishPlan(
                name=f"w{len(self.wishes)}",
                client=rng.randrange(self.clients),
                account=order.account,
                at_us=at_us,
                order=order.number,
                placing=order.placing,
                by_order_id=not alias,
                by_client_id=alias or (order.client_order_id is not None and rng.random() < 0.2),
                deadline_ms=rng.choice((50, 500, 2_000)) if not is_calm and rng.random() < 0.12 else None,
                is_urgent=rng.random() < 0.1,
                is_calm=is_calm,
            )
        )

    def bogus(self, at_us: int, *, is_calm: bool = False) -> None:
        """Draw a request for an order that never was."""
        account = self.rng.choice(self.accounts)
        self.wishes.append(
            WishPlan(
                name=f"w{len(self.wishes)}",
                client=self.rng.randrange(self.clients),
                account=account.name,
                at_us=at_us,
                order=None,
                placing=self.rng.randrange(len(account.placings)),
                by_order_id=True,
                by_client_id=False,
                is_calm=is_calm,
            )
        )


def draw_wishes(
    rng: Random, accounts: Sequence[HasPlacings], clients: int, begin_us: int, heal_us: int, calm_us: int
) -> tuple[tuple[OrderPlan, ...], tuple[WishPlan, ...]]:
    """Draw orders and wishes: a storm between two moments, and a few wishes in the calm afterwards."""
    drawing = _Drawing(rng, accounts, clients)
    is_burst = rng.random() < 0.2
    end_us = begin_us + SECOND_US if is_burst else heal_us
    wanted = rng.randint(*WISHES)
    while len(drawing.wishes) < wanted:
        _one(drawing, rng.randint(begin_us, end_us), begin_us)
    for index in range(CALM_WISHES):
        at_us = calm_us + index * SECOND_US
        drawing.wish(drawing.order(at_us - 500_000, at_us, rests=True), at_us, is_calm=True, by_alias=index == 1)
    return tuple(drawing.orders), tuple(sorted(drawing.wishes, key=lambda wish: (wish.at_us, wish.name)))


def _one(drawing: _Drawing, at_us: int, begin_us: int) -> None:
    """Draw one occasion."""
    rng = drawing.rng
    kinds = ("plain", "fresh", "again", "reused", "heir", "late", "bogus")
    kind = rng.choices(kinds, (60, 8, 12, 5, 3, 8, 4))[0]
    earlier_us = rng.randint(max(0, begin_us - SECOND_US), at_us)
    match kind:
        case "plain":
            drawing.wish(drawing.order(earlier_us, at_us), at_us)
        case "fresh":
            drawing.wish(drawing.order(at_us - rng.choice((0, 200, 3_000)), at_us), at_us, by_alias=rng.random() < 0.7)
        case "again":
            order = drawing.order(earlier_us, at_us)
            for _ in range(rng.choice((2, 2, 3, 5))):
                drawing.wish(order, at_us + rng.choice((0, rng.randint(0, 5_000), rng.randint(0, 3 * SECOND_US))))
        case "reused":
            first = drawing.order(begin_us - 2 * SECOND_US, begin_us - SECOND_US)
            if first.client_order_id is not None:
                placed_us = rng.choice((rng.randint(begin_us, at_us), at_us - rng.randint(0, 5_000)))
                gone_us = rng.choice((begin_us - SECOND_US, placed_us - rng.randint(1, 20_000)))
                drawing.orders[first.number] = msgspec.structs.replace(first, fills=(), taken_off_us=gone_us)
                drawing.wish(_again(drawing, first, placed_us, at_us), at_us, by_alias=True)
        case "heir":
            first = drawing.order(earlier_us, at_us)
            if first.client_order_id is not None:
                gone_us = at_us + rng.randint(0, SECOND_US)
                drawing.orders[first.number] = msgspec.structs.replace(first, fills=(), taken_off_us=gone_us)
                drawing.wish(first, at_us, by_alias=False)
                placed_us = gone_us + rng.randint(1, 50_000)
                _again(drawing, first, placed_us, placed_us + SECOND_US)
        case "late":
            order = drawing.order(earlier_us, at_us)
            ended = (earlier_us + at_us) // 2
            how = {"fills": ((ended, None),)} if rng.random() < 0.5 else {"taken_off_us": ended}
            drawing.orders[order.number] = order = msgspec.structs.replace(order, **how)
            drawing.wish(order, at_us)
        case _:
            drawing.bogus(at_us)


def _again(drawing: _Drawing, first: OrderPlan, placed_us: int, asked_us: int) -> OrderPlan:
    """Draw another order of an earlier one's client id, which must have ended by then."""
    again = drawing.order(placed_us, asked_us, reuses=first.client_order_id)
    again = msgspec.structs.replace(again, account=first.account, placing=first.placing)
    drawing.orders[again.number] = again
    return again
