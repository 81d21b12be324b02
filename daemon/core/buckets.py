"""Rate buckets: what left under one rule and scope, and how long it counts.

Theory of operation. A rule allows ``limit`` units in *any* window of ``window_ms``, so a bucket remembers what left in
the last window, and the next may leave when enough of it is a window old. The venue counts arrivals, not departures. So
each window is stretched by a little (`SLACK`), and what was answered later than that allows for counts from its answer:
it had certainly arrived by then, however busy the host was. A venue that says "too many" in spite of it closes the
bucket for a window (`hold`).

A venue may say ahead how much more it takes (`told`). What is less than we left it, others with a key of the same user
have taken, or a window of it is smaller than its page says. Such a word only ever makes the room smaller: what of ours
had not arrived when it was said is counted as arrived, and more than the page grants is never used.

A bucket is made when it is first looked at, and then holds what left through it in an earlier life of the daemon
(`daemon.core.departures`). Those of connections begin empty: a new life makes its own. Limits, and who may use how much
of them, are `daemon.core.budget`'s.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from daemon.core.departures import Mark, mark_of
from protocols.dialect import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.core.departures import Departures
    from protocols.dialect import RateRule
    from protocols.evidence import Allowance

SLACK: Final = 1.1
"""Windows are stretched by a tenth: frames that left apart may arrive closer together, off a busy host above all."""

NO_LIMIT: Final = 1_000_000
"""Calls that may leave where nothing says how many."""

BucketKey = tuple[str, str]
"""The names of a rule and of a scope."""


class Departure:
    """One request that left, in every bucket where it counts. Who learns of its answer says so by ``answered_us``.

    ``has_ended``: nobody waits for an answer any more.
    """

    __slots__ = ("answered_us", "has_ended", "left_us")

    def __init__(self, left_us: int, *, has_ended: bool = False) -> None:
        self.left_us = left_us
        self.answered_us = left_us
        self.has_ended = has_ended


class Bucket:
    """What left under one rule and scope, the oldest first."""

    __slots__ = ("_left", "_limit_said", "_mark", "_note", "_stretched_us", "_units", "held_until_us", "window_us")

    def __init__(self, window_us: int) -> None:
        self.window_us = window_us
        self._stretched_us = int(window_us * SLACK)
        self.held_until_us = 0
        self._left: deque[tuple[Departure, int]] = deque()
        self._units = 0
        self._mark = Mark(0)
        self._note: Callable[[Mark, int, int], None] | None = None
        self._limit_said = NO_LIMIT

    def remember(self, mark: Mark, departures: Departures) -> None:
        """Take over what left through the bucket of this mark before this life, and note from now on what does."""
        for units, left_us, arrived_us in departures.take_former(mark):
            departure = Departure(left_us, has_ended=True)
            departure.answered_us = arrived_us
            self.take(departure, units)
        self._mark, self._note = mark, departures.note

    def take(self, departure: Departure, units: int) -> None:
        """Count a departure."""
        if self._note is not None:
            self._note(self._mark, units, departure.left_us)
        self._count(departure, units)

    def _count(self, departure: Departure, units: int) -> None:
        self._left.append((departure, units))
        self._units += units

    def told(self, limit: int, said: Allowance, until_us: int | None, now_us: int) -> None:
        """The venue says what remains of it until a time (None: for a window), and perhaps how much a window takes.

        ``limit`` is what we hold it to. A time of long ago or far ahead is of another unit or clock: a window, then.
        """
        if said.limit is not None:
            self._limit_said = said.limit
        if until_us is None or abs(until_us - now_us) > self._stretched_us:
            until_us = now_us + self._stretched_us
        others = min(limit, self._limit_said) - said.remaining - self._counted(now_us)
        if others > 0 and until_us > now_us:
            departure = Departure(until_us - self._stretched_us, has_ended=True)
            departure.answered_us = until_us - self.window_us
            self._count(departure, others)

    def _counted(self, now_us: int) -> int:
        """How many units stand in the window."""
        while self._left and self._counts_until_us(self._left[0][0]) <= now_us:
            self._units -= self._left.popleft()[1]
        return self._units

    def _counts_until_us(self, departure: Departure) -> int:
        """When a departure is certainly out of every window."""
        return max(departure.left_us + self._stretched_us, departure.answered_us + self.window_us)

    def room(self, limit: int, now_us: int) -> int:
        """How many units may leave now, if at most ``limit`` may stand in a window."""
        if self.held_until_us > now_us:
            return 0
        return min(limit, self._limit_said) - self._counted(now_us)

    def free_us(self, limit: int, units: int, now_us: int) -> int:
        """When the next ``units`` may leave together; what asks for more than fits goes when the bucket is empty."""
        self._forget_the_ended(now_us)
        excess = min(self._units + units - min(limit, self._limit_said), self._units)
        free_us = self.held_until_us
        if excess <= 0:
            return free_us
        window_us, stretched_us = self.window_us, self._stretched_us
        for departure, counted in self._left:  # dozens of a full bucket: `_counts_until_us` would be called for each
            free_us = max(free_us, departure.left_us + stretched_us, departure.answered_us + window_us)
            excess -= counted
            if excess <= 0:
                break
        return free_us

    def _forget_the_ended(self, now_us: int) -> None:
        """Drop the oldest that count no more and cannot count again: a late answer lets one count from then on."""
        while self._left:
            departure, units = self._left[0]
            if not departure.has_ended or self._counts_until_us(departure) > now_us:
                return
            self._left.popleft()
            self._units -= units

    def hold(self, now_us: int, until_us: int) -> None:
        """Close it for a window, or longer."""
        self.held_until_us = max(self.held_until_us, now_us + self._stretched_us, until_us)

    def is_idle(self, now_us: int) -> bool:
        """Whether nothing that left counts any more, and nothing is known of it but what its page says."""
        is_as_published = self._limit_said == NO_LIMIT
        return is_as_published and self.held_until_us <= now_us and self._counted(now_us) == 0


class Buckets:
    """All buckets of one owner: what an account may do itself, or what an address may, for all its accounts.

    ``owner`` is a name that nobody else's buckets have and that means the same in every life. Without ``departures``
    nothing outlives the process.
    """

    def __init__(self, owner: str = "", departures: Departures | None = None) -> None:
        self.departures = departures
        self.by_key: dict[BucketKey, Bucket] = {}
        self._owner = owner

    def make(self, rule: RateRule, scope: str) -> Bucket:
        """Make the bucket of a rule and scope, with what left through it before this life."""
        bucket = self.by_key[rule.name, scope] = Bucket(rule.window_ms * 1000)
        if self.departures is not None and rule.scope is not Scope.CONNECTION:
            bucket.remember(mark_of(self._owner, rule.name, scope), self.departures)
        return bucket

    def forget_idle(self, now_us: int) -> None:
        """Drop the buckets whose last departure no longer counts."""
        for key in [key for key, bucket in self.by_key.items() if bucket.is_idle(now_us)]:
            del self.by_key[key]
        if self.departures is not None:
            self.departures.forget_old(now_us)

    def __len__(self) -> int:
        return len(self.by_key)
