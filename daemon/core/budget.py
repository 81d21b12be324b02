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
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from daemon.core.buckets import Bucket, BucketKey
    from protocols.dialect import RateRule
    from protocols.evidence import Allowance

CANCEL_SHARE: Final = 0.25
"""The share of a bucket that only cancels may use, where they share one with something else."""

Order = tuple[str, str]
"""What the rules count an order by: its instrument and its name."""


class _Applied:
    """A rule as it binds one operation: which bucket counts it, how much that holds of it, and what a call takes."""

    __slots__ = ("_buckets", "by_instrument", "by_order", "calls", "counts_orders", "is_told", "limit", "rule")

    def __init__(self, rule: RateRule, buckets: Buckets, limit: int, calls: int) -> None:
        self.rule = rule
        self.limit = limit
        self.calls = calls
        self.is_told = rule.is_told
        self.counts_orders = rule.counts is Counts.ORDERS
        self.by_instrument = rule.scope is Scope.INSTRUMENT
        self.by_order = rule.scope is Scope.ORDER
        self._buckets = buckets

    def scope_of(self, instrument: str, order: str) -> str:
        """Name what the rule tells apart."""
        if self.by_instrument:
            return instrument
        return order if self.by_order else ""

    def bucket(self, scope: str) -> Bucket:
        """Find the bucket of a scope."""
        return self._buckets.by_key.get((self.rule.name, scope)) or self._buckets.make(self.rule, scope)

    def units(self, orders: int) -> int:
        """How much one call about so many orders takes."""
        return orders if self.counts_orders else self.calls

    def by_scope(self, orders: Sequence[Order]) -> Mapping[str, int]:
        """Count the orders of a request by what the rule tells apart."""
        if len(orders) == 1:
            return {self.scope_of(*orders[0]): 1}
        if self.by_instrument:
            return Counter([instrument for instrument, _ in orders])
        return Counter([order for _, order in orders]) if self.by_order else {"": len(orders)}


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
        self._own = own if own is not None else Buckets()  # an empty one counts as false
        self._address = address if address is not None else Buckets()
        self._rules: dict[str, list[_Applied]] = {}
        for rule in rules:
            buckets = self._address if rule.scope is Scope.ADDRESS else self._own
            for operation in rule.operations:
                applied = _Applied(rule, buckets, _limit(rule, operation, cancels), calls.get(operation, 1))
                self._rules.setdefault(operation, []).append(applied)
        self._per_order = {operation for operation, found in self._rules.items() if any(a.by_order for a in found)}
        self._per_instrument = {name for name, found in self._rules.items() if any(a.by_instrument for a in found)}

    def free_us(self, operation: str, instrument: str, order: str, now_us: int, orders: int = 1) -> int:
        """When one more ``operation`` may leave, with all its calls: ``now_us`` or later. Order "" is any order.

        A batch is given by how many ``orders`` of one instrument it is to hold.
        """
        free_us = now_us
        for applied, bucket in self._of(operation, instrument, order):
            free_us = max(free_us, bucket.free_us(applied.limit, applied.units(orders), now_us))
        return free_us

    def free_of_order_us(self, operation: str, order: str, now_us: int) -> int:
        """When the limits per order alone let one more ``operation`` leave: ``now_us`` or later."""
        free_us = now_us
        if operation in self._per_order:
            for applied in self._rules[operation]:
                if applied.by_order:
                    free_us = max(free_us, applied.bucket(order).free_us(applied.limit, 1, now_us))
        return free_us

    def fits(self, operation: str, instrument: str, planned: Mapping[str, int], now_us: int) -> bool:
        """Whether a batch that holds ``planned`` orders by instrument may hold one more of this, and leave now."""
        for applied, bucket in self._of(operation, instrument, ""):
            beside = 0
            if applied.counts_orders:
                beside = planned.get(instrument, 0) if applied.by_instrument else sum(planned.values())
            if bucket.room(applied.limit, now_us) <= beside:
                return False
        return True

    def calls_free(self, operation: str, instrument: str, now_us: int) -> int:
        """How many calls of an operation may leave now, each of one order or of as many as it holds."""
        rooms = [bucket.room(applied.limit, now_us) for applied, bucket in self._of(operation, instrument, "")]
        return max(0, min(rooms, default=NO_LIMIT))

    def take(self, operation: str, orders: Sequence[Order], now_us: int) -> Departure:
        """Count a departure: of one call about these orders, or of all calls of a question about one."""
        departure = Departure(now_us)
        for applied in self._rules.get(operation, ()):
            for scope, counted in applied.by_scope(orders).items():
                if scope or not applied.by_order:
                    applied.bucket(scope).take(departure, applied.units(counted))
        return departure

    def hold(self, operation: str, instrument: str, order: str, now_us: int, until_us: int = 0) -> None:
        """Close the buckets of an operation for a window, or longer, since the venue said "too many"."""
        for _, bucket in self._of(operation, instrument, order):
            bucket.hold(now_us, until_us)

    def told(self, operation: str, said: Allowance, until_us: int | None, now_us: int) -> None:
        """The venue said beside an answer what is left of an operation's limit, until ``until_us`` by our clock."""
        for applied, bucket in self._of(operation, "", ""):
            if applied.is_told:
                bucket.told(applied.rule.limit, said, until_us, now_us)

    def line_of(self, operation: str, instrument: str) -> BucketKey:
        """Name the line in which an operation waits: its own, and its instrument's where that matters."""
        return operation, instrument if operation in self._per_instrument else ""

    def counts_calls(self, operation: str) -> bool:
        """Whether some rule counts an operation by its calls, so that a fuller batch costs no more."""
        return any(not applied.counts_orders for applied in self._rules.get(operation, ()))

    def forget_idle(self, now_us: int) -> None:
        """Drop the buckets whose last departure no longer counts."""
        self._own.forget_idle(now_us)
        self._address.forget_idle(now_us)

    def __len__(self) -> int:
        return len(self._own) + len(self._address)

    def _of(self, operation: str, instrument: str, order: str) -> list[tuple[_Applied, Bucket]]:
        """The rules that bind an operation, each with its bucket; without an ``order`` not those per order."""
        return [
            (applied, applied.bucket(applied.scope_of(instrument, order)))
            for applied in self._rules.get(operation, ())
            if order or not applied.by_order
        ]


def _limit(rule: RateRule, operation: str, cancels: AbstractSet[str]) -> int:
    """How much of a rule's bucket an operation may use: cancels all of it, others leave a share to cancels."""
    if operation in cancels or not rule.operations & cancels:
        return rule.limit
    return max(1, rule.limit - max(1, int(rule.limit * CANCEL_SHARE)))
