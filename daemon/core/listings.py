"""What the account's listings of open orders show: taken in some rows at a time, and what follows from the whole.

A listing may have a thousand rows, as in the midst of a bulk cancel, and somebody else's answer would wait behind all
of them. So some are taken in at once and the others in the turns that follow, as if the venue had answered later. What
is concluded from a listing (that it does not show an order) waits for its last row. Listings are taken in in the order
of their coming. Which question they answered, and when to put it, is the bench's to know.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from daemon.core.effects import Listed
from daemon.core.sweep import Listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.core.bench import Bench
    from daemon.core.book import Book
    from daemon.core.case import Case
    from daemon.core.listener import Listener
    from protocols.evidence import QuestionAnswered
    from protocols.fix import OrderId

ROWS_PER_TURN: Final = 20
"""About a millisecond of the loop, where the orders are being canceled."""


@dataclass(slots=True)
class Unread:
    """A listing, and how many of its rows are taken in."""

    answer: QuestionAnswered
    asked_us: int
    taken: int = 0


class Listings:
    """The account-wide listings of one account. ``confirm`` hears of each complete one, and when it was asked."""

    def __init__(
        self,
        book: Book,
        bench: Bench,
        listener: Listener,
        confirm: Callable[[QuestionAnswered, int, int], None],
    ) -> None:
        self._book = book
        self._bench = bench
        self._listener = listener
        self._confirm = confirm
        self.unread: deque[Unread] = deque()
        """Listings that are not all taken in; then `read_on` is wanted at once."""
        self.resyncing: list[Case] | None = None
        """Those who wait for the listing of a resync."""
        self.resync_us = 0

    def resync(self, waiting: list[Case], now_us: int) -> None:
        """Ask for a listing, and then for each of those who wait and are not on it."""
        self.resyncing, self.resync_us = waiting, now_us
        self._bench.want_listing(now_us)

    def told(self, answer: QuestionAnswered, asked_us: int, now_us: int) -> None:
        """Take in a listing: the first rows of it now, if none before it is being taken in."""
        self.unread.append(Unread(answer, asked_us))
        if len(self.unread) == 1:
            self.read_on(now_us)

    def failed(self, asked_us: int, now_us: int) -> None:
        """Take note that a listing was not answered."""
        self._bench.out.append(Listed(Listing(asked_us, has_failed=True)))
        self._ask_unlisted(set(), now_us)

    def read_on(self, now_us: int) -> None:
        """Take in some more rows; what follows from a listing with its last one."""
        left = ROWS_PER_TURN
        while self.unread and left > 0:
            listing = self.unread[0]
            for row in listing.answer.reports[listing.taken : listing.taken + left]:
                listing.taken += 1  # before it is taken in: a row that meets a bug of ours must not come again for ever
                left -= 1
                self._listener.reported(row, now_us, listing.asked_us)
            if listing.taken == len(listing.answer.reports):
                self.unread.popleft()
                self._end(listing.answer, listing.asked_us, now_us)

    def _end(self, answer: QuestionAnswered, asked_us: int, now_us: int) -> None:
        listed = {(row.product, row.order_id) for row in answer.reports}
        if answer.complete:
            self._book.settle(listed, asked_us)
            self._confirm(answer, asked_us, now_us)
        self._bench.out.append(Listed(Listing(asked_us, answer.reports, answer.complete)))
        if asked_us >= self.resync_us:
            self._ask_unlisted(listed, now_us)

    def _ask_unlisted(self, listed: set[tuple[str, OrderId]], now_us: int) -> None:
        """After the listing of a resync: put the order's own question for each case that the listing did not show."""
        unlisted = [
            case
            for case in self.resyncing or ()
            if case.order_id is None or (case.product, case.order_id) not in listed
        ]
        for case in unlisted:
            case.trouble_us = now_us
            case.asks = 0
        self.resyncing = None
        self._bench.work_all(unlisted, now_us)
