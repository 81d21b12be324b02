"""The records of a bulk cancel's requests as long as nothing leaves for any of them: written down when it does.

Where one call cancels a whole scope, a thousand requests are made in many turns of the loop before that call can leave,
and to write each of them down meanwhile would take the processor from making the next. So their records wait here, in
their order, until something leaves, but not long. A crash before that costs nothing: the wish itself is written down,
nothing has left and nobody was told.

It knows nothing of what a record says but its case, whose story is to be written in its order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.core.records import Moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from daemon.core.records import CaseId, Record
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Time, Timer

HELD_MAX_S: Final = 0.1
"""So long at most, whatever becomes of the turns that were to follow."""
RECORDS_MAX: Final = 4_000
"""More than one call for a thousand orders brings."""


class Withheld:
    """Groups of records that are to be appended a little later."""

    def __init__(self, journal: Ledger, time: Time) -> None:
        self._journal = journal
        self._time = time
        self._groups: list[tuple[Sequence[Record], Callable[[bool], None] | None]] = []
        self._cases: set[CaseId] = set()
        self._count = 0
        self._timer: Timer | None = None

    def __bool__(self) -> bool:
        return bool(self._groups)

    def hold(self, records: Sequence[Record], on_commit: Callable[[bool], None] | None) -> None:
        """Keep a group back."""
        self._groups.append((records, on_commit))
        self._cases.update(_cases_of(records))
        self._count += len(records)
        if self._count > RECORDS_MAX:
            self.let_go()
        elif self._timer is None:
            self._timer = self._time.later(HELD_MAX_S, self.let_go)

    def is_about(self, records: Sequence[Record]) -> bool:
        """Whether records go on with a story that waits here."""
        return not self._cases.isdisjoint(_cases_of(records))

    def let_go(self) -> None:
        """Append all, in its order."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        groups, self._groups, self._cases, self._count = self._groups, [], set(), 0
        for records, on_commit in groups:
            self._journal.append(records, on_commit)


def _cases_of(records: Sequence[Record]) -> Iterator[CaseId]:
    """The cases whose story records go on with: of a request that moves both."""
    for record in records:
        yield record.case
        if isinstance(record, Moved):
            yield record.into
