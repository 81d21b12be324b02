"""One account's part of a bulk cancel by a filter: which orders match, and whether any of them still rests.

Theory of operation. What rests is known from two sides: the venue's listing of open orders, which may be stale or cut
short, and the pushes, which the book remembers. Absence from either proves nothing, so both count: whatever either
shows live and in the scope is canceled by a request of its own, each once. While pushes are heard the book is right
already, and the cancels of all that it shows leave before the listing is even asked for.

When each of those requests has its outcome the venue is asked again. An order that appeared meanwhile is taken along,
for so many rounds. The sweep is over when a complete listing, asked late enough, shows nothing in the scope that we did
not see end. Late enough is at once while pushes are heard (a new order would have been pushed), and else a replica lag
after the last news. It is over too, and says what may rest, when the rounds or the time are used up.

Where nobody would ask again it goes on for longer than its wish may cancel anything new (`OldOnes`): then it takes
along only what is known to be older than the wish, since what came later may be of a program that was started again.

It holds facts and decides; it neither sends nor asks. Its owner (`daemon.core.bulk`) tells it of outcomes and listings,
calls `work`, and does what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.age import is_older
from daemon.core.roll import NO_OUTCOME, TOO_OLD, Rest, survivor_of
from daemon.core.scope import NamedOrder
from protocols.evidence import OrderReported

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.core.book import Book
    from daemon.core.roll import Member
    from daemon.core.scope import Scope
    from daemon.core.world import World
    from protocols.fix import OrderId

LISTING_PATIENCE_US: Final = 1_000_000
"""Where pushes cannot be relied on, the listing says first what rests; after so long what is known goes without it."""
RELIST_US: Final = 1_000_000
"""Between two listings of which the first was cut short, showed an order that we saw end, or one that was refused."""
MEMBERS_MAX: Final = 100_000
"""Orders of one sweep: many times what a venue lets rest, and what five digits can number."""
OrderKey = tuple[str, "OrderId"]


class OldOnes(msgspec.Struct, frozen=True):
    """Until when a sweep goes on where nobody would ask again, and which orders it takes along in the end.

    Those are the ones that the venue created before ``before_ms()``, by its own clock; None: that is not known.
    """

    until_us: int
    before_ms: Callable[[], int | None]


class Listing(msgspec.Struct, frozen=True):
    """An account-wide listing of open orders, asked at ``asked_us``. ``has_failed``: it was not answered."""

    asked_us: int
    reports: tuple[OrderReported, ...] = ()
    is_complete: bool = False
    has_failed: bool = False


class Heard(msgspec.Struct, frozen=True):
    """What a listing told a sweep: how many live orders are in the scope, and how many of them are new to it."""

    matching: int
    taken: int


class Sweep:
    """See the module's first paragraphs. ``sends_until_us`` is when the wish is too old to cancel anything new.

    ``held`` are the orders that have a request of an earlier life; ``meant`` those that had been found by then.
    """

    def __init__(
        self,
        scope: Scope,
        world: World,
        book: Book,
        held: Iterable[Member] = (),
        meant: Iterable[NamedOrder] = (),
        *,
        sends_until_us: int,
        rounds_max: int,
        now_us: int,
    ) -> None:
        self.scope = scope
        self.members: dict[OrderKey, Member] = {}
        self.left: list[OrderReported] = []
        """Orders in the scope that were not canceled, because the rounds or the time were used up."""
        self.undecided: list[OrderReported] = []
        """Live orders of which the last listing did not say whether they are in the scope."""
        self.reason: str | None = None
        """Why it is not known what rests; None when it is."""
        self.is_over = False
        self._world = world
        self._book = book
        self._sends_until_us = sends_until_us
        self.old_ones: OldOnes | None = None
        """Set where nobody would ask again."""
        self._rounds_max = rounds_max
        self._rounds = 0
        self._has_counted = False
        """Whether the last listing counts as a round."""
        self._again_us = 0
        """Before this nothing is listed for the sake of orders that were refused."""
        self._began_us = now_us
        self._last_us = now_us
        self._shown: frozenset[OrderKey] = frozenset()
        self.listed_us: int | None = None
        """When the listing was asked by which it goes."""
        self._wanted_us: int | None = now_us
        self._give_up_us = now_us + world.horizon_us
        self._is_asked = False
        self._trouble = "no answer came"
        self._patience_us: int | None = None
        self._fresh: list[NamedOrder] = []
        self._found: list[NamedOrder] = []
        """Orders that `take_found` has not given yet."""
        self._unanswered_us = now_us
        self._pending = 0
        """Requests without an outcome."""
        for member in held:
            self.hold(member, now_us)
        owed = ((order_key(order), order) for order in meant)
        self._owed = {key: order for key, order in owed if key is not None and key not in self.members}
        """Orders of an earlier life that may be on no listing any more, since its cancels may have ended them."""
        if now_us < sends_until_us:
            self._fresh += self._owed.values()
        if book.is_complete and world.heard_since_us is not None:
            self._take(book.live(), now_us)
        else:
            self._patience_us = now_us + LISTING_PATIENCE_US

    # ------------------------------------------------------------ facts

    def take_fresh(self, at_most: int) -> list[NamedOrder]:
        """Give orders for which a request is wanted, each once; the owner makes it and calls `hold`."""
        taken, self._fresh = self._fresh[:at_most], self._fresh[at_most:]
        return taken

    def take_found(self) -> tuple[NamedOrder, ...]:
        """Give the orders, each once, for which a request is or was wanted since this was asked last."""
        found, self._found = tuple(self._found), []
        return found

    @property
    def fresh(self) -> int:
        """For how many orders a request is wanted."""
        return len(self._fresh)

    @property
    def has_fresh(self) -> bool:
        """Whether a request is wanted for some order."""
        return bool(self._fresh)

    def hold(self, member: Member, now_us: int) -> None:
        """An order has its request, of this life or an earlier one."""
        if (key := order_key(member.order)) is not None:
            self.members[key] = member
        self._pending += member.outcome is None
        self._unanswered_us = now_us + 2 * self._world.horizon_us

    def refused(self, member: Member, now_us: int) -> None:
        """No request came of an order: if it is listed again, in a while, it is taken again.

        Most likely there was no room for it, so that was no round.
        """
        if (key := order_key(member.order)) is not None:
            self.members.pop(key, None)
        self._pending -= member.outcome is None
        self._last_us = now_us + 1
        self._again_us = now_us + RELIST_US
        self._rounds -= self._has_counted
        self._has_counted = False

    def told(self, now_us: int, *, is_first: bool) -> None:
        """One of its requests was told an outcome, or another one than before: a listing has to be asked later."""
        self._pending -= is_first
        self._last_us = now_us + 1

    def listed(self, listing: Listing, now_us: int) -> Heard:
        """The venue was asked for the account's open orders; the book has heard of the answer already."""
        rows = [row for row in listing.reports if not self._has_ended((row.product, row.order_id))]
        rows += self._book.live()
        before = len(self._fresh)
        shown = self._take(rows, now_us)
        taken = len(self._fresh) - before
        self._patience_us = None
        if self._wanted_us is not None and listing.asked_us >= self._wanted_us:
            self._heard(listing, shown, taken, now_us)
        return Heard(len(shown), taken)

    def _heard(self, listing: Listing, shown: frozenset[OrderKey], taken: int, now_us: int) -> None:
        if listing.has_failed:
            self._trouble = "the venue does not list its open orders"
        elif not listing.is_complete:
            self._trouble = "the venue's listing is cut short"
            self._wanted_us, self._is_asked = now_us + RELIST_US, False
        else:
            self._has_counted = taken > 0
            self._rounds += self._has_counted
            self._wanted_us, self.listed_us, self._shown = None, listing.asked_us, shown

    def _take(self, reports: Iterable[OrderReported], now_us: int) -> frozenset[OrderKey]:
        """Note which orders are wanted; give all live ones that are in the scope, known ones too.

        It is all done in one turn, however many rest: what is looked up here for each order is felt by everybody else.
        """
        fresh = {order_key(order) for order in self._fresh}
        has_rounds = self._rounds < self._rounds_max
        may_take = now_us < self._sends_until_us and has_rounds
        before_ms = self.old_ones.before_ms() if self.old_ones is not None and has_rounds and not may_take else None
        meant: dict[OrderKey, bool] = {}
        undecided: dict[OrderKey, OrderReported] = {}
        found: list[NamedOrder] = []
        self.left = []
        for report in reports:
            key = report.product, report.order_id
            if key in meant or not report.is_state or report.status.is_terminal:
                continue
            is_in = self.scope.matches(report)
            if is_in is None:
                undecided[key] = report
                continue
            meant[key] = is_in
            if is_in and key not in self.members and key not in fresh:
                is_wanted = may_take or (before_ms is not None and is_older(report, before_ms))
                if is_wanted and len(self.members) < MEMBERS_MAX:
                    found.append(named(report))
                else:
                    self.left.append(report)
        if may_take:  # there was no room for them
            self._fresh += [
                order
                for key, order in self._owed.items()
                if key not in self.members and key not in fresh and key not in meant
            ]
        self._fresh += found
        self._found += found
        self.undecided = [report for key, report in undecided.items() if key not in meant]
        return frozenset(key for key, is_in in meant.items() if is_in)

    def _has_ended(self, key: OrderKey) -> bool:
        """Whether an order that no request of ours is about is known to have ended, whatever a stale row says."""
        return key not in self.members and self._book.has_ended(*key)

    # ------------------------------------------------------------ decisions

    def work(self, now_us: int) -> bool:
        """Decide what follows from the facts; True when the venue is to be asked for its open orders now."""
        if self.is_over:
            return False
        if self._world.account_changed:
            self._end("account_changed")
            return False
        if self._patience_us is not None and now_us >= self._patience_us:
            self._patience_us = None
            self._take(self._book.live(), now_us)
        self._settle(now_us)
        return self._is_due(now_us)

    def _settle(self, now_us: int) -> None:
        """End it, or want another listing, if every order that is known has its outcome."""
        if self._fresh:
            return
        if self._pending:
            if now_us >= self._unanswered_us:
                self._end(NO_OUTCOME)
        elif self._wanted_us is None:
            self._conclude(now_us)
        elif now_us >= self._give_up_us:
            if self.old_ones is not None and now_us < self.old_ones.until_us:
                self._want(now_us, now_us)
            else:
                self._end(self._trouble)

    def _is_due(self, now_us: int) -> bool:
        """Whether a listing is wanted by now that was not asked for yet; it counts as asked for from here on."""
        if self.is_over or self._wanted_us is None or self._is_asked or now_us < self._wanted_us:
            return False
        if self._fresh:  # they leave first: what left is mostly on no listing any more, whose rows all have to be read
            return False
        self._is_asked = True
        return True

    def _conclude(self, now_us: int) -> None:
        """Every request is answered and a listing came: is it late enough, and does it show nothing that rests?"""
        if self.listed_us is None or self.listed_us < self._late_enough_us():
            self._want(max(now_us, self._late_enough_us(), self._again_us), now_us)
        elif any(now_us < self.members[key].told_us + self._world.replica_lag_us for key in self._ended_but_shown()):
            self._want(now_us + RELIST_US, now_us)
        else:
            self._end(None)

    def _late_enough_us(self) -> int:
        """The earliest time at which a listing has to be asked that shows what rests after the last outcome."""
        news_us = max(self._began_us, self._last_us)
        heard_us = self._world.heard_since_us
        return max(news_us, (news_us if heard_us is None else heard_us) + self._world.replica_lag_us)

    def _ended_but_shown(self) -> list[OrderKey]:
        """Orders that ended, by evidence, and that the venue's last listing shows live all the same."""
        return [key for key in self._shown if key in self.members and not self.members[key].may_rest]

    def _want(self, at_us: int, now_us: int) -> None:
        self._wanted_us, self._is_asked = at_us, False
        self._give_up_us = max(at_us, now_us) + self._world.horizon_us

    def _end(self, reason: str | None) -> None:
        self.is_over, self.reason = True, reason

    def give_up(self, reason: str) -> None:
        """End it as it stands."""
        if not self.is_over:
            self._end(reason)

    def next_us(self, now_us: int) -> int | None:
        """When `work` is wanted next, if nothing happens before."""
        if self.is_over:
            return None
        times = [self._unanswered_us, self._give_up_us, self._patience_us or 0, self._wanted_us or 0]
        return min((at_us for at_us in times if at_us > now_us), default=None)

    def survivors(self) -> list[Rest]:
        """Say which orders may rest on."""
        found = [survivor_of(member) for member in self.members.values() if member.may_rest]
        shown = self._ended_but_shown() if self.reason is None else []
        found += [(self.members[key].order, self.members[key], "listed as open after its end") for key in shown]
        left = {(report.product, report.order_id): named(report) for report in self.left}
        found += [(order, None, TOO_OLD) for key, order in (self._owed | left).items() if key not in self.members]
        found += [(named(report), None, "the venue does not say whether it is meant") for report in self.undecided]
        return found


def order_key(order: NamedOrder) -> OrderKey | None:
    """Tell an order from others of its account; None where its order id is not known."""
    return None if order.order_id is None else (order.product, order.order_id)


def named(report: OrderReported) -> NamedOrder:
    """Name an order as its report does."""
    return NamedOrder(report.product, report.instrument, report.order_id, report.client_order_id)
