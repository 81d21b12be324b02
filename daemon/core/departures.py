"""What left over the lives of the daemon: noted as it leaves, counted again by the life that comes after a kill.

The venue counts on while the daemon dies and comes back, and the last requests before a kill may stand in no journal:
the wire does not wait for the disk. So each departure is noted, bucket by bucket, in something that outlives the
process (`Store`), before it leaves. A bucket is named by its *mark*, a hash of its owner, rule and scope, so that a
note has one small size whatever it is about; a new life's bucket of the same mark takes over what its forerunner held.
The gap between two cancels of one order (`daemon.core.gaps`) is kept in the same way, by the order's names. What is
noted is a departure alone: that a venue said "too many", or answered late, is not.

It knows neither rules nor windows, and not what the store is made of.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple, NewType, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Mark = NewType("Mark", int)
"""Names a bucket over the lives of the daemon: 64 bits, of which two buckets hardly ever share one; if they did, each
would for a window count what left through the other, and be too careful."""

COUNTED_MAX_US: Final = 15_000_000
"""What left longer ago counts nowhere: a half more than the longest window of any venue here, ten seconds."""
ARRIVAL_US: Final = 1_000_000
"""What had not arrived when its life ended was with the host's kernel, which sends it at once, or once more a little
later."""


class Departed(NamedTuple):
    """So many units that left through the bucket of a mark, and when."""

    mark: Mark
    units: int
    left_us: int


class Former(NamedTuple):
    """So many units that left in an earlier life, when that was, and when they had arrived for certain."""

    units: int
    left_us: int
    arrived_us: int


class Store(Protocol):
    """Keeps notes of bounded number when the process dies. Times are microseconds of this life's clock."""

    def note(self, mark: Mark, units: int, left_us: int) -> None:
        """Keep a note, in place of the oldest one if it is full. Never fails, never waits."""
        ...

    def take_former(self, since_us: int) -> Iterable[Departed]:
        """Hand over, once, what was noted since then in earlier lives, as far as it is there, the oldest first."""
        ...


class Departures:
    """What leaves now goes to the store; what left before this life, which began at ``now_us``, is handed out once."""

    def __init__(self, store: Store, now_us: int) -> None:
        self.note = store.note
        self._former: dict[Mark, list[Former]] = {}
        self._until_us = now_us + COUNTED_MAX_US
        for mark, units, left_us in store.take_former(now_us - COUNTED_MAX_US):
            at_us = min(left_us, now_us)
            self._former.setdefault(mark, []).append(Former(units, at_us, min(at_us + ARRIVAL_US, now_us)))

    def take_former(self, mark: Mark) -> Sequence[Former]:
        """Hand over what left in earlier lives through the bucket of a mark, the oldest first."""
        return self._former.pop(mark, ())

    def forget_old(self, now_us: int) -> None:
        """Drop what nobody took over, once it counts nowhere any more."""
        if now_us >= self._until_us:
            self._former.clear()

    @property
    def has_former(self) -> bool:
        """Whether there is anything left to take over."""
        return bool(self._former)


def mark_of(owner: str, rule: str, scope: str) -> Mark:
    """Name the bucket of a rule and scope: the same in every life."""
    digest = blake2b("\0".join((owner, rule, scope)).encode(), digest_size=8).digest()
    return Mark(int.from_bytes(digest, "little"))
