"""A second look at one account, a replica lag after a bulk cancel by a filter was called complete.

Theory of operation. While pushes are heard the last listing of a bulk cancel is believed at once, though it may be a
replica lag old: what it lacks would have been pushed. An order whose push was lost, and that was placed so shortly
before that an old listing lacks it, is then overlooked. A listing that is asked a replica lag later has it.

What rests then is held against the time at which the last listing was asked, by the venue's clock. What was created
before was meant, and overlooked. What came later is somebody's new order, and none of the bulk cancel's business. Where
nobody can tell, it is named as unsure, and left. Orders that somebody cancels already are left to him.

The look is one: it ends with the first complete listing, or when the account could not be asked for `PATIENCE_US`. It
holds facts and decides; it neither sends nor asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.age import is_older, venue_ms_of
from daemon.core.bulk import SURVIVORS_MAX, item_of
from daemon.core.casefile import has_work_left
from daemon.core.records import BulkIntent, BulkReport, Survivor
from daemon.core.sweep import RELIST_US, named
from daemon.core.unattended import young_until_us
from protocols.fix import AccountName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.core.book import Book
    from daemon.core.casefile import CaseFile
    from daemon.core.scope import NamedOrder, Scope
    from daemon.core.sweep import Listing, OrderKey
    from daemon.core.world import World

PATIENCE_US: Final = 600_000_000
"""So long at most a listing is waited for: a venue's limit on errors keeps us from one for eight minutes."""
ASK_AGAIN_US: Final = 60_000_000
"""When a listing is asked for again that did not come; one that failed is tried again by who puts the questions."""
YOUNG_US: Final = 600_000_000
"""How old an end may be of which a new life of the daemon makes good the second look."""
NOT_ASKED: Final = "the account could not be asked"


class RecoveredEnd(msgspec.Struct, frozen=True):
    """A bulk cancel that an earlier life called complete; ``listed_ms`` as in `BulkEnded`, where nobody looked yet."""

    intent: BulkIntent
    report: BulkReport
    listed_ms: dict[AccountName, int | None]


class SecondLook:
    """See the module's first paragraphs. The orders of the account's ``scopes`` are looked for.

    ``listed_us`` is when the last listing was asked in this life, ``listed_ms`` the same by the venue's clock: where
    neither is known, or only the first and that clock not yet, nothing is older.
    """

    def __init__(
        self,
        scopes: Sequence[Scope],
        world: World,
        book: Book,
        cases: CaseFile,
        *,
        listed_us: int | None,
        listed_ms: int | None,
        now_us: int,
    ) -> None:
        self.is_over = False
        self.asked_us = 0
        """When the listing was asked that it ended with; 0 if there was none."""
        self.found: tuple[NamedOrder, ...] = ()
        """What rested when the bulk cancel was called complete."""
        self.unsure: tuple[NamedOrder, ...] = ()
        """What rests and may be younger."""
        self.why = ""
        """Why nothing is known."""
        self._scopes = scopes
        self._world = world
        self._book = book
        self._cases = cases
        self._listed_us = listed_us
        self._listed_ms = listed_ms
        self._due_us = now_us + world.replica_lag_us
        self._ask_us = self._due_us
        self._gives_up_us = self._due_us + PATIENCE_US

    # ------------------------------------------------------------ facts

    def listed(self, listing: Listing, now_us: int) -> bool:
        """The account was asked for its open orders, and the book has heard of the answer; True: this ends it."""
        if self.is_over or listing.asked_us < self._due_us or listing.has_failed:
            return False
        if listing.is_complete:
            self._look(listing)
        else:
            self._ask_us = now_us + RELIST_US
        return self.is_over

    def _look(self, listing: Listing) -> None:
        before_ms = self._before_ms()
        rows = [row for row in listing.reports if not self._book.has_ended(row.product, row.order_id)]
        live = {(row.product, row.order_id): row for row in (*self._book.live(), *rows) if not row.status.is_terminal}
        found: list[NamedOrder] = []
        unsure: list[NamedOrder] = []
        for key, row in live.items():
            matches = [scope.matches(row) for scope in self._scopes]
            if not any(match is not False for match in matches) or self._is_canceled(key):
                continue
            if before_ms is None or row.created_ms is None or True not in matches:
                unsure.append(named(row))
            elif is_older(row, before_ms):
                found.append(named(row))
        self.found, self.unsure = tuple(found), tuple(unsure)
        self.asked_us, self.is_over = listing.asked_us, True

    def _before_ms(self) -> int | None:
        if self._listed_ms is None and self._listed_us is not None:
            return venue_ms_of(self._listed_us, self._world)
        return self._listed_ms

    def _is_canceled(self, key: OrderKey) -> bool:
        return any(has_work_left(case) for case in self._cases.of_order(*key))

    # ------------------------------------------------------------ decisions

    def work(self, now_us: int) -> bool:
        """Decide what follows from the time; True when the account is to be asked for its open orders now."""
        if self.is_over:
            return False
        if self._world.account_changed:
            self.give_up("account_changed")
        elif now_us >= self._gives_up_us:
            self.give_up(NOT_ASKED)
        elif now_us >= self._ask_us:
            self._ask_us = now_us + ASK_AGAIN_US
            return True
        return False

    def give_up(self, why: str) -> None:
        """End it without having looked."""
        self.is_over, self.why = True, why

    def next_us(self) -> int | None:
        """When `work` is wanted next, if nothing happens before."""
        return None if self.is_over else min(self._ask_us, self._gives_up_us)


def corrected(report: BulkReport, account: AccountName, found: Sequence[NamedOrder], why: str) -> BulkReport:
    """Say of a bulk cancel that was called complete what rested all the same."""
    survivors = [Survivor(item_of(account, order, None), why) for order in found]
    return msgspec.structs.replace(
        report,
        complete=False,
        survivors=(*report.survivors, *survivors)[:SURVIVORS_MAX],
        survivors_total=report.survivors_total + len(survivors),
        revision=report.revision + 1,
    )


def made_good(report: BulkReport, account: AccountName, found: Sequence[NamedOrder], then: BulkReport) -> BulkReport:
    """Say of one that was corrected what rests of the orders that were ``found``, after their own bulk cancel's end."""
    rest = {survivor.order.order_id for survivor in then.survivors}
    ended = {(account, order.order_id) for order in found if order.order_id not in rest}
    total = report.survivors_total - (len(found) - then.survivors_total)
    return msgspec.structs.replace(
        report,
        complete=not total and not report.reasons,
        survivors=tuple(left for left in report.survivors if (left.order.account, left.order.order_id) not in ended),
        survivors_total=total,
        revision=report.revision + 1,
    )


def sends_until_us(intent: BulkIntent, world: World) -> int | None:
    """Until when something may be sent for a wish; None: nobody else would send it, so there is no end."""
    return None if intent.is_unattended else young_until_us(intent, world)
