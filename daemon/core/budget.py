"""Rate budgets: how many requests of which kind may leave when, by the venue's published rules.

Theory of operation. A rule allows ``limit`` requests in *any* window of ``window_ms``, so a bucket remembers the last
``limit`` departures and the next may leave when the oldest of them is a window old. Requests that cannot leave yet wait
in a line of their own kind and instrument; when a slot comes free exactly as many as fit are let through, the urgent
first, then the parties in turn, so that one's flood delays another's single cancel by one slot. Where cancels share a
bucket with anything else, a share of it is kept for cancels.

The venue counts arrivals, not departures, so each window is stretched by a little (`SLACK`). A venue that says "too
many" in spite of it closes the bucket for a window (`hold`).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from protocols.dialect import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from protocols.dialect import RateRule

SLACK: Final = 1.1
"""Windows are stretched by a tenth: frames that left apart may arrive closer together, off a busy host above all."""
CANCEL_SHARE: Final = 0.25
"""The share of a bucket that only cancels may use, where they share one with something else."""

PARTIES_MIN: Final = 64
"""So many parties are remembered that were served a moment ago: more than a host has clients that cancel at once."""

Waiting = TypeVar("Waiting")
Party = Hashable
"""Whoever is to have a turn of its own where many wait: a client, say."""
ANYBODY: Final = ""
BucketKey = tuple[str, str]


class _Bucket:
    """The last departures under one rule and scope."""

    __slots__ = ("departures", "held_until_us", "limit", "window_us")

    def __init__(self, limit: int, window_us: int) -> None:
        self.limit = limit
        self.window_us = window_us
        self.departures: deque[int] = deque(maxlen=limit)
        self.held_until_us = 0

    def free_us(self, limit: int, calls: int) -> int:
        """When the next ``calls`` requests may leave together, if at most ``limit`` may stand in a window."""
        room = max(limit - calls, 0)  # what asks for more than fits goes when the bucket is empty
        if len(self.departures) <= room:
            return self.held_until_us
        return max(self.held_until_us, self.departures[-room - 1] + self.window_us)


class Budget:
    """All buckets of one account. ``calls`` says which operations are of more than one call."""

    def __init__(
        self, rules: tuple[RateRule, ...], cancel_operation: str, calls: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._cancel_operation = cancel_operation
        self._calls = calls
        self._rules: dict[str, list[RateRule]] = {}
        for rule in rules:
            for operation in rule.operations:
                self._rules.setdefault(operation, []).append(rule)
        self._buckets: dict[BucketKey, _Bucket] = {}
        self.window_max_us = max((_window_us(rule) for rule in rules), default=0)
        """Departures longer ago than this count nowhere any more."""

    def free_us(self, operation: str, instrument: str, order: str, now_us: int) -> int:
        """When one more ``operation`` may leave, with all its calls: ``now_us`` or later. Order "" is any order."""
        return self._free_us(operation, self._of(operation, instrument, order), now_us)

    def free_of_order_us(self, operation: str, order: str, now_us: int) -> int:
        """When the limits per order alone let one more ``operation`` leave: ``now_us`` or later."""
        rules = [rule for rule in self._rules.get(operation, ()) if rule.scope is Scope.ORDER]
        return self._free_us(operation, ((rule, self._bucket(rule, order)) for rule in rules), now_us)

    def take(self, operation: str, instrument: str, order: str, now_us: int) -> None:
        """Count a departure, as many times as it has calls."""
        for _, bucket in self._of(operation, instrument, order):
            bucket.departures.extend([now_us] * self._calls.get(operation, 1))

    def hold(self, operation: str, instrument: str, order: str, now_us: int, until_us: int = 0) -> None:
        """Close the buckets of an operation for a window, or longer, since the venue said "too many"."""
        for _, bucket in self._of(operation, instrument, order):
            bucket.held_until_us = max(bucket.held_until_us, now_us + bucket.window_us, until_us)

    def line_of(self, operation: str, instrument: str) -> BucketKey:
        """Name the line in which an operation waits: its own, and its instrument's where that matters."""
        per_instrument = any(rule.scope is Scope.INSTRUMENT for rule in self._rules.get(operation, ()))
        return operation, instrument if per_instrument else ""

    def forget_idle(self, now_us: int) -> None:
        """Drop the buckets whose last departure no longer counts."""
        idle = [
            key
            for key, bucket in self._buckets.items()
            if bucket.held_until_us <= now_us
            and (not bucket.departures or bucket.departures[-1] + bucket.window_us <= now_us)
        ]
        for key in idle:
            del self._buckets[key]

    def __len__(self) -> int:
        return len(self._buckets)

    def _free_us(self, operation: str, buckets: Iterable[tuple[RateRule, _Bucket]], now_us: int) -> int:
        calls = self._calls.get(operation, 1)
        return max([now_us, *(bucket.free_us(self._limit(rule, operation), calls) for rule, bucket in buckets)])

    def _of(self, operation: str, instrument: str, order: str) -> Iterator[tuple[RateRule, _Bucket]]:
        for rule in self._rules.get(operation, ()):
            if rule.scope is Scope.ORDER and not order:
                continue
            scope = {Scope.INSTRUMENT: instrument, Scope.ORDER: order}.get(rule.scope, "")
            yield rule, self._bucket(rule, scope)

    def _bucket(self, rule: RateRule, scope: str) -> _Bucket:
        key = rule.name, scope
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(rule.limit, _window_us(rule))
        return bucket

    def _limit(self, rule: RateRule, operation: str) -> int:
        shared = self._cancel_operation in rule.operations
        if not shared or operation == self._cancel_operation:
            return rule.limit
        return max(1, rule.limit - max(1, int(rule.limit * CANCEL_SHARE)))


def _window_us(rule: RateRule) -> int:
    return int(rule.window_ms * 1000 * SLACK)


class Line(Generic[Waiting]):
    """Those who wait for one kind of slot: the urgent first, then party by party, each party's by arrival.

    A party that joins late does not wait behind all of another's flood, only for its own turn. Each stands in line at
    most once.
    """

    __slots__ = ("_heap", "_n", "_now", "_places", "_turns")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, Waiting]] = []
        self._places: dict[Waiting, tuple[int, int]] = {}
        """The rank of each, and the number under which it stands in the heap; other entries there are stale."""
        self._turns: dict[tuple[int, Party], int] = {}
        """The last turn that a party took in a rank."""
        self._now: dict[int, int] = {}
        """The turn that a rank has come to."""
        self._n = 0

    def join(self, who: Waiting, rank: int, party: Party = ANYBODY) -> None:
        """Stand in line; a lower ``rank`` goes first. Who stands in it already may move forward, never back."""
        if rank >= self._places.get(who, (rank + 1, 0))[0]:
            return
        turn = max(self._now.get(rank, 0), self._turns.get((rank, party), -1) + 1)
        self._turns[rank, party] = turn
        self._n += 1
        self._places[who] = rank, self._n
        heapq.heappush(self._heap, (rank, turn, self._n, who))

    def pop(self) -> Waiting:
        """Take the first out of the line, which is not empty."""
        while True:
            rank, turn, n, who = heapq.heappop(self._heap)
            if self._places.get(who) == (rank, n):
                del self._places[who]
                self._now[rank] = turn
                self._forget_idle_parties()
                return who

    @property
    def parties_remembered(self) -> int:
        """How many parties' turns are kept."""
        return len(self._turns)

    def _forget_idle_parties(self) -> None:
        """Keep no turn that lies behind, and of those of the present turn the newest: the others start afresh."""
        if len(self._turns) <= 2 * (PARTIES_MIN + len(self._places)):
            return
        ahead = {key: turn for key, turn in self._turns.items() if turn > self._now.get(key[0], 0)}
        present = [(key, turn) for key, turn in self._turns.items() if turn == self._now.get(key[0], 0)]
        self._turns = dict(present[-PARTIES_MIN:]) | ahead

    def __len__(self) -> int:
        return len(self._places)
