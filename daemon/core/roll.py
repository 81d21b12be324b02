"""A bulk cancel's part whose orders are named one by one: each gets its request, and that is all.

Nobody is asked what matches, and nothing is looked for afterwards: each order's own outcome says what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from protocols.fix import Outcome

if TYPE_CHECKING:
    from daemon.core.scope import NamedOrder, Scope
    from protocols.fix import OrdStatus, RequestId

NOT_ENDED: Final = frozenset({Outcome.REJECTED, Outcome.IN_DOUBT, Outcome.NOT_SENT})
"""Outcomes after which the order may rest."""
NO_OUTCOME: Final = "some requests have no outcome"
TOO_OLD: Final = "not asked for: the rounds or the time were used up"


@dataclass(slots=True, eq=False)
class Member:
    """An order that a bulk cancels by a request of its own; ``outcome`` None until that was told, at ``told_us``."""

    order: NamedOrder
    request_id: RequestId
    outcome: Outcome | None = None
    ord_status: OrdStatus | None = None
    told_us: int = 0

    @property
    def may_rest(self) -> bool:
        """Whether it is not known to have ended."""
        return self.outcome is None or self.outcome in NOT_ENDED


Rest = tuple["NamedOrder", Member | None, str]
"""An order that may rest on, the request that was made for it, and why nothing better is known."""


def survivor_of(member: Member) -> Rest:
    """Say why an order whose request did not end it may rest."""
    return member.order, member, "no outcome" if member.outcome is None else member.outcome.value


class Roll:
    """The orders of a scope that names them, numbered from ``first`` on.

    After ``sends_until_us`` nothing more is asked for, after ``gives_up_us`` no outcome is waited for.
    """

    def __init__(self, scope: Scope, first: int, *, sends_until_us: int, gives_up_us: int) -> None:
        self.scope = scope
        self.reason: str | None = None
        self.is_over = False
        self._members: dict[int, Member] = {}
        self._first = first
        self._sends_until_us = sends_until_us
        self._gives_up_us = gives_up_us
        self._fresh = dict(enumerate(scope.orders, first))
        self._refused: dict[int, str] = {}

    def take_fresh(self, at_most: int) -> list[tuple[int, NamedOrder]]:
        """Give orders for which a request is wanted, each once, with their numbers; the owner calls `hold`."""
        return [(number, self._fresh.pop(number)) for number in list(self._fresh)[:at_most]]

    @property
    def has_fresh(self) -> bool:
        """Whether a request is wanted for some order."""
        return bool(self._fresh)

    def hold(self, number: int, member: Member) -> None:
        """An order has its request, of this life or an earlier one."""
        self._fresh.pop(number, None)
        self._members[number] = member

    def refused(self, number: int, why: str) -> None:
        """No request came of an order."""
        self._members.pop(number, None)
        self._refused[number] = why

    def work(self, now_us: int) -> None:
        """See whether every order has its outcome; for a wish that is too old nothing more is asked."""
        if now_us >= self._sends_until_us:
            self._refused |= dict.fromkeys(self._fresh, TOO_OLD)
            self._fresh.clear()
        if not self._fresh and all(member.outcome is not None for member in self._members.values()):
            self.is_over = True
        elif now_us >= self._gives_up_us:
            self.is_over, self.reason = True, NO_OUTCOME

    def next_us(self, now_us: int) -> int | None:
        """When `work` is wanted next, if no outcome comes before."""
        return None if self.is_over or now_us >= self._gives_up_us else self._gives_up_us

    def survivors(self) -> list[Rest]:
        """Say which orders may rest on."""
        found = [survivor_of(member) for member in self._members.values() if member.may_rest]
        return found + [(self.scope.orders[number - self._first], None, why) for number, why in self._refused.items()]
