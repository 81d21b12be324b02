"""Error budgets: how many errors the venue still bears, for venues that ban a call after too many of them.

Theory of operation. A rule bears ``limit`` error answers to its operations in any window. What is on its way may come
back as an error too, so it counts as well, though less: an operation is *spared* from the moment when half of the limit
has come back as errors, or all of it would have if everything on its way did. It is also spared while the venue itself
bans it. Whoever plans then takes another operation that does not fail; where there is none, the budget alone changes
nothing for a first cancel, since that must leave. A question that is spared and put all the same goes alone, and after
each further error the next one waits twice as long as the last time (`free_us`); so does a cancel that is repeated. So
no number of errors that they meet comes up to the limit, and what fails for a minute is tried again a minute later.

What was not answered may have been an error too, which nobody can know: a ban that comes of it is honoured like any
other.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protocols.dialect import ErrorRule

SLACK: Final = 1.05
"""Windows are stretched by a twentieth: the venue's may begin later than ours."""
WAIT_FIRST_US: Final = 1_000_000
"""After the first error at which questions are spared; doubles with each further one."""
SPARED_SHARE: Final = 0.5
"""The share of a rule's limit after which its operations are spared: the rest is for what has no other way."""

LOOK_AGAIN_US: Final = 100_000
"""When one that has to go alone is looked at again while another one is under way."""

NONE_SPARED: Final[Mapping[str, int]] = {}


class _Rule:
    """The errors of one rule, and what is on its way."""

    __slots__ = ("banned_until_us", "errors", "limit", "under_way", "window_us")

    def __init__(self, rule: ErrorRule) -> None:
        self.limit = rule.limit
        self.window_us = int(rule.window_ms * 1000 * SLACK)
        self.errors: deque[int] = deque(maxlen=rule.limit)
        self.under_way = 0
        self.banned_until_us = 0

    def is_spared(self, now_us: int) -> bool:
        while self.errors and self.errors[0] + self.window_us <= now_us:
            self.errors.popleft()
        came = len(self.errors)
        is_low = came >= self.limit * SPARED_SHARE or came + self.under_way >= self.limit
        return is_low or now_us < self.banned_until_us

    def free_us(self, now_us: int) -> int:
        """When one more may leave that may wait: ``now_us`` or later."""
        if not self.is_spared(now_us):
            return now_us
        beyond = len(self.errors) - int(self.limit * SPARED_SHARE)
        waits_until_us = self.errors[-1] + (WAIT_FIRST_US << beyond) if beyond >= 0 else 0
        if len(self.errors) >= self.limit:
            waits_until_us = self.errors[0] + self.window_us
        alone_us = now_us + LOOK_AGAIN_US if self.under_way else now_us
        return max(alone_us, self.banned_until_us, waits_until_us)


class ErrorBudget:
    """The error budgets of one account. ``name`` is that of a send or a question, each of which ends once."""

    def __init__(self, rules: tuple[ErrorRule, ...]) -> None:
        self._rules: dict[str, list[_Rule]] = {}
        for rule in rules:
            kept = _Rule(rule)
            for operation in rule.operations:
                self._rules.setdefault(operation, []).append(kept)
        self._under_way: dict[str, str] = {}

    def left(self, operation: str, name: str) -> None:
        """Count a departure: it may come back as an error."""
        if operation in self._rules:
            self._under_way[name] = operation
            for rule in self._rules[operation]:
                rule.under_way += 1

    def ended(self, name: str, now_us: int, *, is_error: bool = False, banned_until_us: int = 0) -> str | None:
        """Count its end, whatever it was; gives the operation if one of ours ended."""
        operation = self._under_way.pop(name, None)
        if operation is None:
            return None
        for rule in self._rules[operation]:
            rule.under_way -= 1
            if is_error:
                rule.errors.append(now_us)
            rule.banned_until_us = max(rule.banned_until_us, banned_until_us)
        return operation

    def recall(self, operation: str, at_us: int) -> None:
        """Count an error that an earlier life was answered; by rising time."""
        for rule in self._rules.get(operation, ()):
            rule.errors.append(at_us)

    def spared(self, now_us: int) -> Mapping[str, int]:
        """The operations instead of which others are to be taken now, if there are any; with when one may leave."""
        if not self._rules:  # as with most venues, and asked at every turn
            return NONE_SPARED
        return {
            operation: max([rule.free_us(now_us) for rule in rules])
            for operation, rules in self._rules.items()
            if True in [rule.is_spared(now_us) for rule in rules]
        }

    def free_us(self, operation: str, now_us: int) -> int:
        """When one more of a question's operation may leave: ``now_us`` or later."""
        return max((rule.free_us(now_us) for rule in self._rules.get(operation, ())), default=now_us)

    def __len__(self) -> int:
        return sum(len(rule.errors) for rule in dict.fromkeys(chain.from_iterable(self._rules.values())))
