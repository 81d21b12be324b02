"""Rate budgets: how many requests of which kind may leave when, by the venue's published rules.

Theory of operation. Each rule and scope has a bucket of what left in its window (`daemon.core.buckets`). A unit is a
call, or an order where the rule counts the orders of a batch. Where cancels share a bucket with anything else, a share
of it is kept for cancels. What leaves is noted for the daemon's next life before it leaves.

Rules per address are kept once for all accounts of a venue on this host, if they are given the same `Buckets`.
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from daemon.core.buckets import NO_LIMIT, Buckets, Departure
from protocols.dialect import Counts, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from daemon.core.buckets import Bucket, BucketKey
    from protocols.dialect import RateRule
    from protocols.evidence import Allowance

CANCEL_SHARE: Final = 0.25
"""The share of a bucket that only cancels may use, where they share one with something else."""

Order = tuple[str, str]
"""What the rules count an order by: its instrument and its name."""


class Budget:
    """All limits of one account, whose buckets are ``own``; of rules per address, those of every account that has the
    same ``address``.

    ``cancels`` are the operations that cancel, which may use the whole of a bucket. ``calls`` says which other
    operations are of more than one call.
    """

    def __init__(
        self,
        rules: tuple[RateRule, ...],
        cancels: AbstractSet[str],
        calls: Mapping[str, int] = MappingProxyType({}),
        address: Buckets | None = None,
        own: Buckets | None = None,
    ) -> None:
        self._cancels = cancels
        self._calls = calls
        self._rules: dict[str, list[RateRule]] = {}
        for rule in rules:
            for operation in rule.operations:
                self._rules.setdefault(operation, []).append(rule)
        self._own = own if own is not None else Buckets()  # an empty one counts as false
        self._address = address if address is not None else Buckets()

    def free_us(self, operation: str, instrument: str, order: str, now_us: int, orders: int = 1) -> int:
        """When one more ``operation`` may leave, with all its calls: ``now_us`` or later. Order "" is any order.

        A batch is given by how many ``orders`` of one instrument it is to hold.
        """
        free_us = now_us
        for rule, bucket in self._of(operation, instrument, order):
            units = self._units(rule, operation, orders)
            free_us = max(free_us, bucket.free_us(self._limit(rule, operation), units))
        return free_us

    def free_of_order_us(self, operation: str, order: str, now_us: int) -> int:
        """When the limits per order alone let one more ``operation`` leave: ``now_us`` or later."""
        free_us = now_us
        for rule in self._rules.get(operation, ()):
            if rule.scope is Scope.ORDER:
                free_us = max(free_us, self._bucket(rule, order).free_us(rule.limit, 1))
        return free_us

    def fits(self, operation: str, instrument: str, planned: Mapping[str, int], now_us: int) -> bool:
        """Whether a batch that holds ``planned`` orders by instrument may hold one more of this, and leave now."""
        for rule, bucket in self._of(operation, instrument, ""):
            beside = 0
            if rule.counts is Counts.ORDERS:
                beside = planned.get(instrument, 0) if rule.scope is Scope.INSTRUMENT else sum(planned.values())
            if bucket.room(self._limit(rule, operation), now_us) <= beside:
                return False
        return True

    def calls_free(self, operation: str, instrument: str, now_us: int) -> int:
        """How many calls of an operation may leave now, each of one order or of as many as it holds."""
        rooms = [
            bucket.room(self._limit(rule, operation), now_us) for rule, bucket in self._of(operation, instrument, "")
        ]
        return max(0, min(rooms, default=NO_LIMIT))

    def take(self, operation: str, orders: Sequence[Order], now_us: int) -> Departure:
        """Count a departure: of one call about these orders, or of all calls of a question about one."""
        departure = Departure(now_us)
        for rule in self._rules.get(operation, ()):
            for scope, counted in _by_scope(rule, orders).items():
                if rule.scope is not Scope.ORDER or scope:
                    self._bucket(rule, scope).take(departure, self._units(rule, operation, counted))
        return departure

    def hold(self, operation: str, instrument: str, order: str, now_us: int, until_us: int = 0) -> None:
        """Close the buckets of an operation for a window, or longer, since the venue said "too many"."""
        for _, bucket in self._of(operation, instrument, order):
            bucket.hold(now_us, until_us)

    def told(self, operation: str, said: Allowance, until_us: int | None, now_us: int) -> None:
        """The venue said beside an answer what is left of an operation's limit, until ``until_us`` by our clock."""
        for rule, bucket in self._of(operation, "", ""):
            if rule.is_told:
                bucket.told(rule.limit, said, until_us, now_us)

    def line_of(self, operation: str, instrument: str) -> BucketKey:
        """Name the line in which an operation waits: its own, and its instrument's where that matters."""
        per_instrument = any(rule.scope is Scope.INSTRUMENT for rule in self._rules.get(operation, ()))
        return operation, instrument if per_instrument else ""

    def counts_calls(self, operation: str) -> bool:
        """Whether some rule counts an operation by its calls, so that a fuller batch costs no more."""
        return any(rule.counts is Counts.CALLS for rule in self._rules.get(operation, ()))

    def forget_idle(self, now_us: int) -> None:
        """Drop the buckets whose last departure no longer counts."""
        self._own.forget_idle(now_us)
        self._address.forget_idle(now_us)

    def __len__(self) -> int:
        return len(self._own) + len(self._address)

    def _units(self, rule: RateRule, operation: str, orders: int) -> int:
        return orders if rule.counts is Counts.ORDERS else self._calls.get(operation, 1)

    def _of(self, operation: str, instrument: str, order: str) -> Iterator[tuple[RateRule, Bucket]]:
        for rule in self._rules.get(operation, ()):
            if rule.scope is Scope.ORDER and not order:
                continue
            yield rule, self._bucket(rule, _scope_of(rule, instrument, order))

    def _bucket(self, rule: RateRule, scope: str) -> Bucket:
        buckets = self._address if rule.scope is Scope.ADDRESS else self._own
        return buckets.by_key.get((rule.name, scope)) or buckets.make(rule, scope)

    def _limit(self, rule: RateRule, operation: str) -> int:
        if operation in self._cancels or not rule.operations & self._cancels:
            return rule.limit
        return max(1, rule.limit - max(1, int(rule.limit * CANCEL_SHARE)))


def _scope_of(rule: RateRule, instrument: str, order: str) -> str:
    """Name what the rule tells apart."""
    if rule.scope is Scope.INSTRUMENT:
        return instrument
    return order if rule.scope is Scope.ORDER else ""


def _by_scope(rule: RateRule, orders: Sequence[Order]) -> Mapping[str, int]:
    """Count the orders of a request by what the rule tells apart."""
    if len(orders) == 1:
        return {_scope_of(rule, *orders[0]): 1}
    match rule.scope:
        case Scope.INSTRUMENT:
            return Counter(instrument for instrument, _ in orders)
        case Scope.ORDER:
            return Counter(order for _, order in orders)
        case _:
            return Counter("" for _ in orders)
