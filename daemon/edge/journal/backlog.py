"""What waits to be written, and what of it goes next: the latency of every receipt is decided here.

Groups are of two kinds. Somebody *waits* for a receipt (a new request's record), a doubtful outcome, a binding. Nobody
waits for the rest, most of all records: what was sent, what the venue said, an outcome that was told already. Those
stay *behind* for a while, until no more of them come (`LINGER_S`, `LINGER_MAX_S`), as they came, and are then written
many at a time; a crash loses what is behind, and the venue is asked again. So a receipt neither queues behind a flood's
records nor carries them to the disk.

A receipt of few requests is *quick*: it overtakes those of a bulk cancel, which come by the hundred.

**The order that is kept.** What is quick goes in the order in which it came, and so does the rest for which somebody
waits, and what is behind. Only a receipt overtakes what came before it, and only what is of other cases: the story of a
case is never written out of order. It overtakes no wish of a bulk cancel, whose requests it may open, and if it opens
such a request, no record of what a bulk cancel found either. An outcome overtakes nothing, since the numbers of
outcomes may have no hole after a crash.

Nothing here knows a disk or a thread. The caller says what time it is.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from daemon.core.bulk_names import is_of_bulk
from daemon.core.records import BulkMeant, BulkOpened, Concluded, Moved, RequestOpened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from daemon.core.records import CaseId, Record
    from daemon.edge.journal.rows import Rows

    Verdict = Callable[[bool], None]

LINGER_S: Final = 0.04
"""Records that nobody waits for stay behind until no more of them came for so long: a flood's answers are told first
and written down then. What a crash loses of them has to be asked of the venue again, and is told again under another
number."""
LINGER_MAX_S: Final = 0.25
"""So long at most: a bulk cancel of a thousand orders is over by then, and to write beside it took two fifths of its
time where one core does both."""
TRANSACTION_RECORDS_MAX: Final = 500
"""Past that a group waits for the next commit: about 10 ms, so that a receipt never waits long for those before it."""
QUICK_RECORDS_MAX: Final = 8
"""A receipt of more records than two requests have is not quick."""
HEAVY_RECORDS_MAX: Final = 128
"""So many records of such receipts make a transaction: three milliseconds, since a quick one may come meanwhile."""
BEHIND_RECORDS_MAX: Final = 32
"""The same of what is behind and nobody waits for: half a millisecond, since a receipt that comes meanwhile has to wait
for all of them. These have no fsync of their own, so that small ones cost little more than great ones."""
LATE_S: Final = 0.25
"""What should have gone so long ago goes as much at a time as a transaction takes: the disk is slower than what comes
in small ones, and what is behind would grow as long as that lasts."""


@dataclass(slots=True)
class Group:
    """Records that become durable together, and who waits for the word. ``rows`` is set where no record tells it.

    ``came_s`` is when it came, by the monotonic clock, if that is longer ago than its handing over. ``receipt`` is its
    number in the intake (`daemon.edge.journal.intake`), where that has taken it in; 0 if it has not.
    """

    records: Sequence[Record]
    on_commit: Verdict | None
    bytes_held: int
    is_dropped: bool = False
    rows: Rows | None = None
    came_s: float | None = None
    receipt: int = 0
    is_settled: bool = False
    """Whether it is on disk, or refused."""
    is_wish: bool = field(init=False)
    """Whether it opens a bulk cancel."""
    is_find: bool = field(init=False)
    """Whether it says which orders a bulk cancel found."""
    is_receipt: bool = field(init=False)
    """Whether it opens requests and says no outcome."""

    def __post_init__(self) -> None:
        kinds = set(map(type, self.records))  # looked at once: each group is asked for it several times on its way
        self.is_wish = BulkOpened in kinds
        self.is_find = BulkMeant in kinds
        self.is_receipt = RequestOpened in kinds and Concluded not in kinds

    @property
    def may_stay_behind(self) -> bool:
        """Whether nobody waits for it, and nothing that is waited for rests on it, as on a wish and what that found."""
        if self.receipt:
            return True
        return self.on_commit is None and bool(self.records) and not (self.is_wish or self.is_find)

    @property
    def is_light(self) -> bool:
        """Whether it is a receipt of so few requests that it had better wait for no others."""
        return len(self.records) <= QUICK_RECORDS_MAX and self.is_receipt

    @property
    def is_heavy(self) -> bool:
        """Whether it opens so many requests that others' receipts had better not wait for it."""
        return len(self.records) > QUICK_RECORDS_MAX and self.is_receipt

    @property
    def is_of_bulk(self) -> bool:
        """Whether it opens a request of a bulk cancel: only the names of those have a slash."""
        return any(
            isinstance(record, RequestOpened) and is_of_bulk(record.request.key.request_id) for record in self.records
        )

    def settle(self) -> None:
        """Note that it is on disk, or refused, and let go what is only needed to write it."""
        self.is_settled = True
        self.records, self.rows = (), None

    def cases(self) -> Iterator[CaseId]:
        """The cases whose story it goes on with."""
        for record in self.records:
            yield record.case
            if isinstance(record, Moved):
                yield record.into


Waiting = TypeVar("Waiting", bound=Group)


class Backlog(Generic[Waiting]):
    """Groups by the order of their coming. `take` gives those of the next transaction."""

    def __init__(self) -> None:
        self._came = 0
        self._quick: deque[tuple[int, Waiting]] = deque()
        self._waited_for: deque[tuple[int, Waiting]] = deque()
        self._behind: deque[tuple[int, float, Waiting]] = deque()
        self._waited_of: Counter[CaseId] = Counter()
        """How many groups are waited for and not quick, by the cases that they are of."""
        self._wishes = 0
        """How many of them open a bulk cancel."""
        self._finds = 0
        """How many of them say what one found."""
        self._behind_of: dict[CaseId, deque[int]] = {}
        """The numbers of the groups behind, by the cases that they are of."""
        self._last_came_s = 0.0
        self._turn = 0
        """Whose it is to be asked first by the next `take`."""

    def __bool__(self) -> bool:
        return bool(self._quick or self._waited_for or self._behind)

    def put(self, group: Waiting, now_s: float) -> None:
        """Let a group wait for its turn."""
        self._came += 1
        if group.may_stay_behind:
            self._last_came_s = now_s if group.came_s is None else group.came_s
            self._behind.append((self._came, self._last_came_s, group))
            for case in group.cases():
                self._behind_of.setdefault(case, deque()).append(self._came)
        elif self._is_quick(group):
            self._quick.append((self._came, group))
        else:
            self._waited_for.append((self._came, group))
            self._waited_of.update(group.cases())
            self._wishes += group.is_wish
            self._finds += group.is_find

    def _is_quick(self, group: Waiting) -> bool:
        if not group.is_light or self._wishes or (self._finds and group.is_of_bulk):
            return False
        return not any(case in self._behind_of or case in self._waited_of for case in group.cases())

    def due_s(self) -> float | None:
        """When there is something to take: in the past where somebody waits, None where there is nothing at all."""
        if self._quick or self._waited_for:
            return 0.0
        return self._behind_due_s() if self._behind else None

    def _behind_due_s(self) -> float:
        return min(self._behind[0][1] + LINGER_MAX_S, self._last_came_s + LINGER_S)

    def take(self, now_s: float, *, is_last: bool = False) -> list[Waiting]:
        """Take out a transaction's worth of what is to be written now; with ``is_last`` nothing lingers any more.

        What is quick, what else is waited for, and what is behind and due take turns, so that none of them starves.
        """
        turns = (self._take_quick, self._take_waited_for, lambda: self._take_due(now_s, is_last=is_last))
        for _ in turns:
            take = turns[self._turn]
            self._turn = (self._turn + 1) % len(turns)  # who takes a turn that nobody else wants has had it, too
            if taken := take():
                return taken
        return []

    def _take_quick(self) -> list[Waiting]:
        taken: list[Waiting] = []
        records = 0
        while self._quick and records < TRANSACTION_RECORDS_MAX:
            group = self._quick.popleft()[1]
            taken.append(group)
            records += len(group.records)
        return taken

    def _take_waited_for(self) -> list[Waiting]:
        """Take what is waited for, and what is quick before it, or else what keeps it from going."""
        if not self._waited_for:
            return []
        if self._is_blocked():
            return self._take_behind(self._first_waited_for(), TRANSACTION_RECORDS_MAX)
        taken = self._take_quick()  # since the story of a quick one's case may go on here
        if self._quick:
            return taken
        records = heavy = 0
        while (
            self._waited_for
            and records < TRANSACTION_RECORDS_MAX
            and heavy < HEAVY_RECORDS_MAX
            and not self._is_blocked()
        ):
            group = self._next_waited_for()
            taken.append(group)
            records += len(group.records)
            heavy += len(group.records) if group.is_heavy else 0
        return taken

    def _next_waited_for(self) -> Waiting:
        group = self._waited_for.popleft()[1]
        self._wishes -= group.is_wish
        self._finds -= group.is_find
        for case in group.cases():
            self._waited_of[case] -= 1
            if not self._waited_of[case]:
                del self._waited_of[case]
        return group

    def _take_due(self, now_s: float, *, is_last: bool) -> list[Waiting]:
        """Take what is behind, if it has lingered for long enough."""
        if not self._behind or not (is_last or now_s >= self._behind_due_s()):
            return []
        is_late = is_last or now_s >= self._behind_due_s() + LATE_S
        most = TRANSACTION_RECORDS_MAX if is_late else BEHIND_RECORDS_MAX
        return self._take_behind(self._first_waited_for(), most)

    def _first_waited_for(self) -> int:
        """Give the number of the first group that somebody waits for, or of the next one to come."""
        return min(lane[0][0] if lane else self._came + 1 for lane in (self._quick, self._waited_for))

    def _take_behind(self, before: int, most: int) -> list[Waiting]:
        """Take what is behind and came before a certain group, in its order: until there are ``most`` records."""
        taken: list[Waiting] = []
        records = 0
        while self._behind and self._behind[0][0] < before and records < most:
            group = self._behind.popleft()[2]
            for case in group.cases():
                numbers = self._behind_of[case]
                numbers.popleft()
                if not numbers:
                    del self._behind_of[case]
            taken.append(group)
            records += len(group.records)
        return taken

    def _is_blocked(self) -> bool:
        """Whether the first one that is waited for has to let something go before that came before."""
        number, group = self._waited_for[0]
        if not self._behind or self._behind[0][0] > number:
            return False
        if not group.is_receipt:
            return True
        return any(case in self._behind_of and self._behind_of[case][0] < number for case in group.cases())
