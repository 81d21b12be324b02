"""Rate budgets: how many requests of which kind may leave when, by the venue's published rules.

Theory of operation. A rule allows ``limit`` units in *any* window of ``window_ms``, so a bucket remembers what left in
the last window, and the next may leave when enough of it is a window old. A unit is a call, or an order where the rule
counts the orders of a batch. Where cancels share a bucket with anything else, a share of it is kept for cancels.

The venue counts arrivals, not departures. So each window is stretched by a little (`SLACK`), and what was answered
later than that allows for counts from its answer: it had certainly arrived by then, however busy the host was. A venue
that says "too many" in spite of it closes the bucket for a window (`hold`).

Rules per address are kept once for all accounts of a venue on this host, if they are given the same `Buckets`.
"""

from __future__ import annotations

from collections import Counter, deque
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from protocols.dialect import Counts, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from protocols.dialect import RateRule

SLACK: Final = 1.1
"""Windows are stretched by a tenth: frames that left apart may arrive closer together, off a busy host above all."""
CANCEL_SHARE: Final = 0.25
"""The share of a bucket that only cancels may use, where they share one with something else."""

NO_LIMIT: Final = 1_000_000
"""Calls that may leave where no rule says how many."""

BucketKey = tuple[str, str]
Order = tuple[str, str]
"""What the rules count an order by: its instrument and its name."""


class Departure:
    """One request that left, in every bucket where it counts. Who learns of its answer says so by ``answered_us``."""

    __slots__ = ("answered_us", "left_us")

    def __init__(self, left_us: int) -> None:
        self.left_us = left_us
        self.answered_us = left_us

    def counts_until_us(self, window_us: int) -> int:
        """When it is certainly out of every window of that length."""
        return max(self.left_us + int(window_us * SLACK), self.answered_us + window_us)


class Bucket:
    """What left under one rule and scope, the oldest first."""

    __slots__ = ("_left", "_units", "held_until_us", "window_us")

    def __init__(self, window_us: int) -> None:
        self.window_us = window_us
        self.held_until_us = 0
        self._left: deque[tuple[Departure, int]] = deque()
        self._units = 0

    def take(self, departure: Departure, units: int) -> None:
        """Count a departure."""
        self._left.append((departure, units))
        self._units += units

    def room(self, limit: int, now_us: int) -> int:
        """How many units may leave now, if at most ``limit`` may stand in a window."""
        if self.held_until_us > now_us:
            return 0
        while self._left and self._left[0][0].counts_until_us(self.window_us) <= now_us:
            self._units -= self._left.popleft()[1]
        return limit - self._units

    def free_us(self, limit: int, units: int) -> int:
        """When the next ``units`` may leave together; what asks for more than fits goes when the bucket is empty."""
        excess = min(self._units + units - limit, self._units)
        free_us = self.held_until_us
        for departure, counted in self._left:
            if excess <= 0:
                break
            excess -= counted
            free_us = max(free_us, departure.counts_until_us(self.window_us))
        return free_us

    def hold(self, now_us: int, until_us: int) -> None:
        """Close it for a window, or longer."""
        self.held_until_us = max(self.held_until_us, now_us + int(self.window_us * SLACK), until_us)

    def is_idle(self, now_us: int) -> bool:
        """Whether nothing that left counts any more."""
        return self.held_until_us <= now_us and self.room(0, now_us) == 0


Buckets = dict[BucketKey, Bucket]
"""By rule and scope."""


class Budget:
    """All buckets of one account; of rules per address, those of every account that has the same ``address``.

    ``cancels`` are the operations that cancel, which may use the whole of a bucket. ``calls`` says which other
    operations are of more than one call.
    """

    def __init__(
        self,
        rules: tuple[RateRule, ...],
        cancels: AbstractSet[str],
        calls: Mapping[str, int] = MappingProxyType({}),
        address: Buckets | None = None,
    ) -> None:
        self._cancels = cancels
        self._calls = calls
        self._rules: dict[str, list[RateRule]] = {}
        for rule in rules:
            for operation in rule.operations:
                self._rules.setdefault(operation, []).append(rule)
        self._buckets: Buckets = {}
        self._address = address if address is not None else {}
        self.window_max_us = max((int(rule.window_ms * 1000 * SLACK) for rule in rules), default=0)
        """Departures longer ago than this count nowhere any more."""

    def free_us(self, operation: str, instrument: str, order: str, now_us: int, orders: int = 1) -> int:
        """When one more ``operation`` may leave, with all its calls: ``now_us`` or later. Order "" is any order.

        A batch is given by how many ``orders`` of one instrument it is to hold.
        """
        return max(
            [
                now_us,
                *(
                    bucket.free_us(self._limit(rule, operation), self._units(rule, operation, orders))
                    for rule, bucket in self._of(operation, instrument, order)
                ),
            ]
        )

    def free_of_order_us(self, operation: str, order: str, now_us: int) -> int:
        """When the limits per order alone let one more ``operation`` leave: ``now_us`` or later."""
        rules = [rule for rule in self._rules.get(operation, ()) if rule.scope is Scope.ORDER]
        return max([now_us, *(self._bucket(rule, order).free_us(rule.limit, 1) for rule in rules)])

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

    def line_of(self, operation: str, instrument: str) -> BucketKey:
        """Name the line in which an operation waits: its own, and its instrument's where that matters."""
        per_instrument = any(rule.scope is Scope.INSTRUMENT for rule in self._rules.get(operation, ()))
        return operation, instrument if per_instrument else ""

    def counts_calls(self, operation: str) -> bool:
        """Whether some rule counts an operation by its calls, so that a fuller batch costs no more."""
        return any(rule.counts is Counts.CALLS for rule in self._rules.get(operation, ()))

    def forget_idle(self, now_us: int) -> None:
        """Drop the buckets whose last departure no longer counts."""
        for buckets in (self._buckets, self._address):
            for key in [key for key, bucket in buckets.items() if bucket.is_idle(now_us)]:
                del buckets[key]

    def __len__(self) -> int:
        return len(self._buckets) + len(self._address)

    def _units(self, rule: RateRule, operation: str, orders: int) -> int:
        return orders if rule.counts is Counts.ORDERS else self._calls.get(operation, 1)

    def _of(self, operation: str, instrument: str, order: str) -> Iterator[tuple[RateRule, Bucket]]:
        for rule in self._rules.get(operation, ()):
            if rule.scope is Scope.ORDER and not order:
                continue
            scope = {Scope.INSTRUMENT: instrument, Scope.ORDER: order}.get(rule.scope, "")
            yield rule, self._bucket(rule, scope)

    def _bucket(self, rule: RateRule, scope: str) -> Bucket:
        buckets = self._address if rule.scope is Scope.ADDRESS else self._buckets
        key = rule.name, scope
        bucket = buckets.get(key)
        if bucket is None:
            bucket = buckets[key] = Bucket(rule.window_ms * 1000)
        return bucket

    def _limit(self, rule: RateRule, operation: str) -> int:
        if operation in self._cancels or not rule.operations & self._cancels:
            return rule.limit
        return max(1, rule.limit - max(1, int(rule.limit * CANCEL_SHARE)))


def _by_scope(rule: RateRule, orders: Iterable[Order]) -> Counter[str]:
    """Count the orders of a request by what the rule tells apart."""
    match rule.scope:
        case Scope.INSTRUMENT:
            return Counter(instrument for instrument, _ in orders)
        case Scope.ORDER:
            return Counter(order for _, order in orders)
        case _:
            return Counter("" for _ in orders)
