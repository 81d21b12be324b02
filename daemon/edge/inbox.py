"""What was heard and is still to be taken in: what somebody waits for first, what bulk cancels wait for in small turns.

A venue answers a bulk cancel with hundreds of frames at once. Each costs little, all of them together hold the loop for
a tenth of a second, and the answer to another's cancel may come behind them. So evidence that is of bulk cancels
alone stands back here, in its order, and is taken in some pieces at a time, between which the loop does other work.
Nothing is lost or thrown away, where too much stands back whoever reads has to wait until some of it is taken in, and
nothing is concluded from the silence of a case of which something stands back (`Case.unheard`). As long as something
is not even read yet it stands back altogether, for a while: among that may be the answer that somebody else waits for.

It knows nothing of what evidence says, and the verdict about an order does not rest on its order.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from daemon.core.bulk import bulk_cases
from daemon.edge.bites import Deference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from daemon.core.case import Case
    from daemon.core.casefile import CaseFile
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Time
    from protocols.evidence import Evidence

PIECES_PER_TURN: Final = 8
"""Less than half a millisecond of the loop."""
BACK_MAX: Final = 4_000
"""Pieces that stand back: more than one call for a thousand orders brings, and about a tenth of a second."""
TURNS_BACK_MAX: Final = 128
"""Turns of the loop in which nothing that stands back is taken in, while more comes in than is read: a tenth of a
second, in which two megabytes are read."""


def deference(journal: Ledger, is_reading: Callable[[], bool] = lambda: False) -> Deference:
    """Give by what the work of bulk cancels stands back: while something of an account is unread, or a receipt of
    somebody else is being written.
    """
    return Deference(is_reading, TURNS_BACK_MAX, is_awaited=lambda: journal.has_receipts_under_way)


class Inbox:
    """The evidence of one account. ``wake`` is called when something is `ready` of which `put` did not say so.

    What stands back does so by the ``deference``, too: while something came of this account that is not read yet.
    """

    __slots__ = ("_back", "_cases", "_deference", "_is_scheduled", "_time", "_wake", "ready")

    def __init__(self, cases: CaseFile, time: Time, wake: Callable[[], None], deference: Deference) -> None:
        self._cases = cases
        self._time = time
        self._wake = wake
        self._deference = deference
        self.ready: deque[Evidence] = deque()
        """What is to be taken in now."""
        self._back: deque[tuple[Evidence, list[Case]]] = deque()
        self._is_scheduled = False

    @property
    def is_behind(self) -> bool:
        """Whether something stands back."""
        return bool(self._back)

    def put(self, evidence: Iterable[Evidence]) -> bool:
        """Keep what came; says whether something is ready by now."""
        for piece in evidence:
            about = bulk_cases(piece, self._cases)
            if not about:
                self.ready.append(piece)
                continue
            self._back.append((piece, about))
            for case in about:
                case.unheard += 1
        if len(self._back) > BACK_MAX:
            self._let_come(len(self._back) - BACK_MAX)
        if self._back:
            self._schedule()
        return bool(self.ready)

    def let_all_come(self) -> None:
        """Let nothing stand back any more: this is the end."""
        self._let_come(len(self._back))

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._time.soon(self._let_some_come)

    def _let_some_come(self) -> None:
        self._is_scheduled = False
        if self._back and self._deference.stands_back():
            self._is_scheduled = True
            self._deference.again(self._time, self._let_some_come)
            return
        self._let_come(PIECES_PER_TURN)
        if self._back:
            self._schedule()
        else:
            self._deference.is_done()
        self._wake()

    def _let_come(self, at_most: int) -> None:
        for _ in range(min(at_most, len(self._back))):
            evidence, about = self._back.popleft()
            self.ready.append(evidence)
            for case in about:
                case.unheard -= 1
