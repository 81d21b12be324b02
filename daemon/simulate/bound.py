"""Clients that bind orders to their own life: they stay, take their leave, or die, and come back to a daemon that died.

Each has a client id prefix of its own, and orders under it that nobody else asks about. It knows what it bound and what
it was told of that; whether the right orders were canceled is `binding_audit`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.simulate.wishes import SECOND_US, OrderPlan
from protocols.control.params import BindParams, BoundScope
from protocols.errors import BadRequest
from protocols.fix import AccountName, ClientOrderId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from daemon.edge.desk import Peer
    from daemon.simulate.clients import Office
    from daemon.simulate.wishes import HasPlacings

SEEDS_P: Final = 0.35
ORDERS: Final = 6
UID: Final = 2001
AGAIN_US: Final = 500_000
"""Between two tries to bind: it is refused while nothing can be written, say."""
GRACES_MS: Final = (500, 1_500, 5_000)


class BindingPlan(msgspec.Struct, frozen=True):
    """One such client. ``dies_us`` None: it stays to the end. ``says_bye``: it ends politely, and nothing is canceled.

    ``is_all``: it binds all of its account, else what its own prefix names.
    """

    index: int
    account: AccountName
    prefix: str
    orders: tuple[int, ...]
    grace_ms: int
    is_all: bool
    dies_us: int | None
    says_bye: bool

    def covers(self, order: OrderPlan) -> bool:
        """Whether it has bound an order."""
        return order.account == self.account and (self.is_all or (order.client_order_id or "").startswith(self.prefix))


@dataclass(slots=True)
class BindingStory:
    """What such a client was told, and when it died, if it did: by the true time."""

    plan: BindingPlan
    bound_us: list[int] = field(default_factory=list)
    """When it was told that its binding is written down."""
    lost_us: list[int] = field(default_factory=list)
    """When the daemon died under it, so that it had to come back."""
    died_us: int | None = None
    left_us: int | None = None
    """When it said goodbye."""


def draw_bindings(
    rng: Random, accounts: Sequence[HasPlacings], first: int, begin_us: int, end_us: int
) -> tuple[tuple[BindingPlan, ...], tuple[OrderPlan, ...]]:
    """Draw such clients and their orders, numbered from ``first`` on: none in most seeds."""
    bindings: list[BindingPlan] = []
    orders: list[OrderPlan] = []
    for index in range(rng.choice((1, 1, 2)) if rng.random() < SEEDS_P else 0):
        account = rng.choice(accounts)
        prefix = f"{70 + index}{rng.randrange(10**8):08d}"
        own = [
            OrderPlan(
                first + len(orders) + n, account.name, rng.randrange(len(account.placings)),
                begin_us - rng.randint(0, SECOND_US), f"{prefix}{n:05d}",
            )
            for n in range(ORDERS)
        ]  # fmt: skip
        orders += own
        dies_us = rng.choice((None, rng.randint(begin_us, end_us)))
        bindings.append(
            BindingPlan(
                index, account.name, prefix, tuple(order.number for order in own), rng.choice(GRACES_MS),
                rng.random() < 0.15, dies_us, rng.random() < 0.4,
            )
        )  # fmt: skip
    return tuple(bindings), tuple(orders)


class BoundClient:
    """One of them: it comes in when there is a daemon, binds once, and takes its binding over in each further life."""

    def __init__(self, office: Office, story: BindingStory) -> None:
        self.story = story
        self._office = office
        self._peer: Peer | None = None
        self._binding: str | None = None
        self._is_over = False

    def connect(self) -> None:
        """Come in."""
        life = self._office.life
        if life is None or self._peer is not None or self._is_over:
            return
        self._peer = life.connect(UID + self.story.plan.index)
        self._bind()

    def lost(self) -> None:
        """The daemon died."""
        if self._peer is not None:
            self.story.lost_us.append(self._office.kernel.now_us)
        self._peer = None

    def die(self) -> None:
        """End: politely, or as by kill -9."""
        self._is_over = True
        peer, self._peer = self._peer, None
        if peer is None or self._office.life is None:
            self.story.died_us = self._office.kernel.now_us
            return
        if self.story.plan.says_bye:
            self.story.left_us = self._office.kernel.now_us
            self._office.life.desk.goodbye(peer.connection)
        else:
            self.story.died_us = self._office.kernel.now_us
        self._office.life.desk.drop(peer.connection)

    def _bind(self) -> None:
        life, peer, plan = self._office.life, self._peer, self.story.plan
        if life is None or peer is None:
            return
        prefix = None if plan.is_all else ClientOrderId(plan.prefix)
        scope = BoundScope(account=plan.account, client_id_prefix=prefix, all=plan.is_all)
        wanted = BindParams(binding_id=self._binding) if self._binding else BindParams(scope, plan.grace_ms)
        try:
            life.desk.bind(wanted, peer, partial(self._bound, peer))
        except BadRequest:
            self._binding = None
            self._office.kernel.after(AGAIN_US, self._bind, life.scope)

    def _bound(self, peer: Peer, binding: str, is_durable: bool) -> None:
        if self._peer is peer:
            self._binding = binding
            if is_durable:
                self.story.bound_us.append(self._office.kernel.now_us)
