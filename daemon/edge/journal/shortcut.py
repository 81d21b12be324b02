"""Which receipts go by the intake, and when it is tried again: the event loop's side of `daemon.edge.journal.intake`.

A receipt goes there if nothing that came before it has to be on disk first: nothing of its cases, since the story of a
case is read in its order, no wish of a bulk cancel, whose requests it may open, and before such a request nothing that
a bulk cancel found. It goes there only while the journal is well; then every word that says otherwise is the journal's
own.

It knows groups and whether they are on disk, and nothing of files.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from daemon.edge.journal.intake import LIFE_BITS, Receipt

if TYPE_CHECKING:
    from daemon.core.records import CaseId
    from daemon.edge.journal.backlog import Group
    from daemon.edge.journal.intake import Intake

CASES_MAX: Final = 4_096
"""Past that, and then past twice what is left, it is looked which cases have nothing any more that is not on disk."""


class Shortcut:
    """Knows what is not on disk yet, by case. ``retry_s`` is how long after a failure the intake is tried again.

    ``boot`` is the number of this life of the daemon.
    """

    def __init__(self, intake: Intake, boot: int, retry_s: float) -> None:
        self.under_way = 0
        """How many receipts the intake has not answered yet."""
        self._intake = intake
        self._retry_s = retry_s
        self._numbers = boot << LIFE_BITS
        self._cases_max = CASES_MAX
        self._last_of: dict[CaseId, Group] = {}
        self._last_wish: Group | None = None
        self._last_find: Group | None = None
        self._renewal_due_s = 0.0

    def take(self, group: Group) -> bool:
        """Have a receipt made durable by the intake, if it may go there; then nobody waits for the journal's word."""
        number = self._numbers + 1
        if group.on_commit is None or self._intake.is_out or not group.is_light or not self._may_go(group):
            return False
        self._numbers = group.receipt = number
        on_commit, group.on_commit = group.on_commit, None
        self.under_way += 1
        self._intake.jobs.put(Receipt(number, group.records, on_commit))
        return True

    def note(self, group: Group) -> None:
        """Remember what goes to the journal, so that nothing that rests on it goes by the intake before."""
        for case in group.cases():
            self._last_of[case] = group
        if group.is_wish:
            self._last_wish = group
        if group.is_find:
            self._last_find = group
        if len(self._last_of) > self._cases_max:
            self._last_of = {case: last for case, last in self._last_of.items() if not last.is_settled}
            self._cases_max = max(CASES_MAX, 2 * len(self._last_of))

    def renew(self) -> None:
        """Have the intake tried again, if it is out. The journal has to be well."""
        if self._intake.is_out and time.monotonic() >= self._renewal_due_s:
            self._renewal_due_s = time.monotonic() + self._retry_s
            self._intake.jobs.put("renew")

    def _may_go(self, group: Group) -> bool:
        if self._last_wish is not None and not self._last_wish.is_settled:
            return False
        if self._last_find is not None and not self._last_find.is_settled and group.is_of_bulk:
            return False
        lasts = (self._last_of.get(case) for case in group.cases())
        return all(last is None or last.is_settled for last in lasts)
