"""How long a word waits for its commit: a disk that hangs must not keep a client waiting as long as it likes.

A flush that does not return raises nothing and cannot be interrupted, so the writer's thread is left in it and the
event loop looks at the clock. Once the oldest word has waited too long, every word that waits is told False, and each
new one at once, in their order, until the disk answers again: until no word that is still unanswered is that old. What
the writer says later about a word that was told is passed over; its records are written all the same, when they are.

A process that stood still (stopped, or on a host that did) waits anew when it goes on: its writer stood still, too, and
the disk may have answered long ago.

It knows words and their age, and nothing of records, files or what is failing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Verdict = Callable[[bool], None]

STOOD_STILL_S: Final = 1.0
"""A timer that is later than that was not held up by work."""


class Word:
    """What somebody waits for: whether something became durable. It is told once, whoever knows first."""

    __slots__ = ("_hear", "is_told", "since_s")

    def __init__(self, hear: Verdict, since_s: float) -> None:
        self._hear = hear
        self.since_s = since_s
        self.is_told = False

    def __call__(self, is_durable: bool) -> None:
        """Tell it, if it was not told yet."""
        if not self.is_told:
            self.is_told = True
            self._hear(is_durable)


class Patience:
    """The words that wait, the oldest first. ``on_change`` is called when `is_over` changes by the clock alone."""

    def __init__(self, wait_s: float, on_change: Callable[[], None]) -> None:
        self.is_over = False
        """Whether the oldest word has waited too long, so that no word waits any more."""
        self.wait_s = wait_s
        self._on_change = on_change
        self._waiting: OrderedDict[Verdict, Word] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0

    def expect(self, hear: Verdict) -> Verdict:
        """Wait for a word; give what is to be told it. To be called in the event loop."""
        loop = asyncio.get_running_loop()
        word = Word(hear, loop.time())
        self._waiting[word] = word
        if self.is_over:
            loop.call_soon(word, False)
        elif self._timer is None:
            self._look_at(word.since_s + self.wait_s)
        return word

    def untold(self) -> list[Word]:
        """Give the words that nobody was told yet, the oldest first."""
        return [word for word in self._waiting.values() if not word.is_told]

    def answered(self, verdicts: Iterable[Verdict]) -> None:
        """Take note that these words have their answer, in whatever order. They are for the caller to tell."""
        for verdict in verdicts:
            self._waiting.pop(verdict, None)
        self._judge()

    def end(self) -> None:
        """Let no clock run any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at(self, due_s: float) -> None:
        self._due_s = due_s
        self._timer = asyncio.get_running_loop().call_at(due_s, self._look)

    def _look(self) -> None:
        self._timer = None
        now_s = asyncio.get_running_loop().time()
        if now_s - self._due_s > STOOD_STILL_S:
            for word in self._waiting.values():
                word.since_s = now_s
        was_over = self.is_over
        self._judge()
        if self.is_over != was_over:
            self._on_change()

    def _judge(self) -> None:
        """Say whether the oldest word is too old, and if not, when to look again."""
        if not self._waiting:
            self.is_over = False
            return  # a clock that runs on finds nothing, which costs less than to stop it for each word
        loop = asyncio.get_running_loop()
        due_s = next(iter(self._waiting.values())).since_s + self.wait_s
        self.is_over = due_s <= loop.time()
        if self.is_over:
            self.end()
            for word in self._waiting:
                loop.call_soon(word, False)
        elif self._timer is None:
            self._look_at(due_s)
