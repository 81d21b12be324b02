"""What became of each subscription of one socket: unanswered, accepted, refused, or to be tried again.

It knows keys, frames and times only. A venue may refuse because it is busy, and such a subscription is tried again,
slowly and a bounded number of times (venues count subscriptions per hour); every other refusal stands until there is a
new socket.
"""

from __future__ import annotations

from typing import Final

RETRIES_MS: Final = (5_000, 15_000, 60_000, 60_000, 60_000)
"""The waits before a busy venue is asked again. Past the last one the socket stays blind."""


class Subscriptions:
    """The subscriptions of one socket: pairs of a key and a frame. Times are microseconds by one clock."""

    def __init__(self, wanted: tuple[tuple[str, str], ...], answer_wait_ms: int) -> None:
        self._frames = dict(wanted)
        self._wait_us = answer_wait_ms * 1000
        self._unanswered: dict[str, int] = {}
        self._retry_at: dict[str, int] = {}
        self._retries: dict[str, int] = {}
        self._accepted: set[str] = set()

    def begin(self, now_us: int) -> list[str]:
        """Give the frames to send."""
        self._unanswered = dict.fromkeys(self._frames, now_us + self._wait_us)
        return list(self._frames.values())

    def accepted(self, key: str) -> None:
        """Take an acceptance, however late. A key that was never asked for changes nothing."""
        if key in self._frames:
            self._accepted.add(key)
            self._unanswered.pop(key, None)
            self._retry_at.pop(key, None)

    def refused(self, key: str, now_us: int, *, may_retry: bool) -> bool:
        """Take a refusal; without a key it is that of every unanswered subscription. False when it concerned none."""
        names = [key] if key in self._frames else list(self._unanswered)
        for name in names:
            self._accepted.discard(name)
            self._unanswered.pop(name, None)
            done = self._retries.get(name, 0)
            if may_retry and done < len(RETRIES_MS):
                self._retries[name] = done + 1
                self._retry_at[name] = now_us + RETRIES_MS[done] * 1000
        return bool(names)

    def overdue(self, now_us: int) -> list[str]:
        """Give up waiting for what is overdue, and name it."""
        late = [key for key, due in self._unanswered.items() if now_us >= due]
        for key in late:
            self.refused(key, now_us, may_retry=True)
        return late

    def again(self, now_us: int) -> list[str]:
        """Give the frames that are to be sent again now."""
        due = [key for key, at in self._retry_at.items() if now_us >= at]
        for key in due:
            del self._retry_at[key]
            self._unanswered[key] = now_us + self._wait_us
        return [self._frames[key] for key in due]

    @property
    def are_settled(self) -> bool:
        """Whether no answer is awaited."""
        return not self._unanswered

    @property
    def are_live(self) -> bool:
        """Whether every subscription stands."""
        return len(self._accepted) == len(self._frames)

    @property
    def deadline_us(self) -> int | None:
        """When `overdue` or `again` will have something to say."""
        if not self._unanswered and not self._retry_at:  # as nearly always
            return None
        return min([*self._unanswered.values(), *self._retry_at.values()])
