"""A bulk cancel: one wish that many orders be canceled, and one answer when each of them has its own outcome.

Theory of operation. A bulk has a part for each scope of its intent. A scope that names orders is a `Roll`: each gets a
request, and that is all. A scope that filters is a `Sweep`: it asks what rests, and again at the end. Both only say
which orders want a request; here each gets one, named after the bulk (``name/0``, ``name/1`` …), so that every order
has its own outcome, evidence and story like any other. Nothing about an order is decided here.

The bulk is over when all of its parts are. Its report counts the outcomes, names what may rest, and says whether that
is all: ``complete``.

After a restart the same intent makes the same bulk again: `restore` tells it which requests it had made by then, with
what came of them, and how many rounds it had used, and it goes on. Orders that have a request are not asked for under
another name, and nothing new is asked for once the wish is older than what a single request may be sent at. An
unattended one goes on for longer (`daemon.core.unattended`) where a venue does not say what rests, for the sake of
orders that are older than the wish.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.age import venue_ms_of
from daemon.core.book import Book
from daemon.core.bulk_names import Numbers, number_of
from daemon.core.bulk_requests import request_for
from daemon.core.records import (
    BulkIntent,
    BulkItem,
    BulkListed,
    BulkMeant,
    BulkReport,
    CancelRequest,
    RequestKey,
    Survivor,
)
from daemon.core.roll import Member, Roll
from daemon.core.scope import NamedOrder, Scope
from daemon.core.sweep import OldOnes, Sweep, order_key
from daemon.core.unattended import LOOK_AGAIN_US, UNATTENDED_US, young_until_us
from daemon.core.world import World
from protocols.evidence import CancelAnswered, CancelForwarded, CancelLost, OrderReported
from protocols.fix import AccountName, OrdStatus, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from daemon.core.case import Case
    from daemon.core.casefile import CaseFile
    from daemon.core.records import Report
    from daemon.core.roll import Rest
    from daemon.core.sweep import Listing
    from protocols.evidence import Evidence

ITEMS_MAX: Final = 256
"""Items of a batch, and items that a report lists; of more it has the counts alone, so that it fits a line."""
SURVIVORS_MAX: Final = 100
"""Survivors that a report names; it counts the others."""
MEANT_MAX: Final = 1_000
"""Orders that one record of what was found names: a tenth of a megabyte, which takes a tenth of a millisecond to write
down. As one row, what a sweep takes at most would keep the interpreter from the event loop for twenty."""


def bulk_cases(evidence: Evidence, cases: CaseFile) -> list[Case]:
    """Find the cases that evidence is about, if nobody but bulk cancels waits to hear of them; else none."""
    if isinstance(evidence, OrderReported):
        about = cases.of_order(evidence.product, evidence.order_id)
        if evidence.client_order_id is not None:
            about += [case for case in cases.of_alias(evidence.product, evidence.client_order_id) if case not in about]
    elif isinstance(evidence, CancelAnswered | CancelForwarded | CancelLost):
        case = cases.of_send(evidence.send_id)
        about = [] if case is None else [case]
    else:
        return []
    for case in about:
        for key in case.tickets:
            if "/" not in key.request_id:
                return []
    return about


class Site(msgspec.Struct, frozen=True):
    """What a bulk looks at of an account."""

    world: World
    book: Book


class RecoveredMember(msgspec.Struct, frozen=True):
    """A request that an earlier life made for a bulk, by what was written down; ``outcome`` is the latest word."""

    key: RequestKey
    order: NamedOrder
    outcome: Outcome | None
    ord_status: OrdStatus | None


class RecoveredBulk(msgspec.Struct, frozen=True):
    """A bulk that earlier lives left unfinished; ``listings`` and ``meant`` are what they wrote down of those."""

    intent: BulkIntent
    members: tuple[RecoveredMember, ...] = ()
    listings: tuple[BulkListed, ...] = ()
    meant: tuple[BulkMeant, ...] = ()


class Work(msgspec.Struct, frozen=True):
    """What a bulk wants done: requests submitted, accounts asked for their open orders, and its report if it is over.

    ``has_more``: further requests are wanted in the next turn. ``meant`` is to be written down before any of them
    leaves: the orders for which they will be. Requests that are ``named`` by what was written down so need no receipt
    of their own: a life that finds that has the same requests (`daemon.core.bulk_requests`).
    """

    meant: tuple[BulkMeant, ...] = ()
    requests: tuple[CancelRequest, ...] = ()
    named: frozenset[RequestKey] = frozenset()
    ask: tuple[AccountName, ...] = ()
    has_more: bool = False
    report: BulkReport | None = None


@dataclass(slots=True, eq=False)
class _Part:
    """What a scope of the intent is worked on by; ``body`` None until its account may be spoken to.

    ``meant`` are the orders that an earlier life had found for it, if it is a filter.
    """

    scope: Scope
    first: int
    body: Roll | Sweep | None = None
    meant: list[NamedOrder] = field(default_factory=list)
    lost: str | None = None
    """Why it was given up before it began."""

    @property
    def is_over(self) -> bool:
        return self.lost is not None or (self.body is not None and self.body.is_over)


class Bulk:
    """See the module's first paragraphs. Its owner tells it what happens, calls `work`, and does what comes out."""

    def __init__(self, intent: BulkIntent, sites: Mapping[AccountName, Site], *, rounds_max: int) -> None:
        self.intent = intent
        self.report: BulkReport | None = None
        self.resting: Counter[AccountName] = Counter()
        """How many orders of each account may rest, when it is over; the report names the first of them alone."""
        self._sites = sites
        self._rounds_max = rounds_max
        self._members: dict[RequestKey, tuple[_Part, Member]] = {}
        self._parts: list[_Part] = []
        self._numbers = Numbers()
        self._rounds_used: Counter[AccountName] = Counter()
        self._since_us = intent.received_us
        self._is_restored = False
        for scope in intent.scopes:
            lost = None if scope.account in sites else "the account is not configured any more"
            self._parts.append(_Part(scope, self._numbers.next, lost=lost))
            self._numbers.next += len(scope.orders)

    @property
    def is_over(self) -> bool:
        """Whether it has its report."""
        return self.report is not None

    @property
    def accounts(self) -> list[AccountName]:
        """The accounts that it is about."""
        return list(dict.fromkeys(part.scope.account for part in self._parts))

    @property
    def progress(self) -> tuple[int, int]:
        """How many requests it has made, and how many of them have their outcome."""
        return len(self._members), sum(member.outcome is not None for _, member in self._members.values())

    def has(self, key: RequestKey) -> bool:
        """Whether a request is one of its own."""
        return key in self._members

    # ------------------------------------------------------------ facts

    def restore(self, earlier: RecoveredBulk, now_us: int) -> None:
        """Take note of the requests that earlier lives made, and of their rounds; once, before anything else."""
        self._since_us, self._is_restored = now_us, True
        self._rounds_used.update(heard.account for heard in earlier.listings if heard.complete and heard.taken)
        for meant in earlier.meant:
            part = self._part_of(meant.account, None)
            if part is not None:
                part.meant += meant.orders
            self._numbers.strike(meant.account, meant.orders)
            if meant.first is not None:
                self._numbers.keep(meant.account, meant.orders, meant.first)
        for found in earlier.members:
            number = number_of(self.intent.name, found.key.request_id)
            part = self._part_of(found.key.account, number)
            if number is None or part is None:
                continue
            member = Member(found.order, found.key.request_id, found.outcome, found.ord_status)
            member.told_us = now_us if found.outcome is not None else 0
            self._members[found.key] = part, member
            self._numbers.pass_over(number)

    def _part_of(self, account: AccountName, number: int | None) -> _Part | None:
        mine = [part for part in self._parts if part.scope.account == account]
        named = (p for p in mine if p.scope.orders and number in range(p.first, p.first + len(p.scope.orders)))
        return next(named, next((part for part in mine if not part.scope.names_orders), None))

    def begin(self, account: AccountName, now_us: int) -> None:
        """An account may be spoken to: its parts begin, with what earlier lives asked for."""
        for part in self._parts:
            if part.scope.account != account or part.body is not None or part.lost is not None:
                continue
            site = self._sites[account]
            until_us = self._sends_until_us(site.world)
            if part.scope.names_orders:
                gives_up_us = now_us + 2 * site.world.horizon_us
                part.body = Roll(part.scope, part.first, sends_until_us=until_us, gives_up_us=gives_up_us)
            else:
                rounds = self._rounds_max - self._rounds_used[account]
                held = [member for mine, member in self._members.values() if mine is part]
                part.body = Sweep(
                    part.scope,
                    site.world,
                    site.book,
                    held,
                    part.meant,
                    sends_until_us=until_us,
                    rounds_max=rounds,
                    now_us=now_us,
                )
                if self.intent.is_unattended:
                    part.body.old_ones = self._old_ones(site.world)
            for key, (mine, member) in self._members.items():
                if mine is part and isinstance(part.body, Roll):
                    part.body.hold(number_of(self.intent.name, key.request_id) or 0, member)

    def _sends_until_us(self, world: World) -> int:
        """Until when orders that have no request yet get one."""
        return young_until_us(self.intent, world)

    def _goes_on_until_us(self, world: World) -> int:
        """Until when an account is asked that does not say what rests, past a horizon; or waited for."""
        until_us = self._sends_until_us(world)
        return max(until_us, self.intent.received_us + UNATTENDED_US) if self.intent.is_unattended else until_us

    def _old_ones(self, world: World) -> OldOnes:
        return OldOnes(self._goes_on_until_us(world), partial(self._began_ms, world))

    def _began_ms(self, world: World) -> int | None:
        """When the wish came, by the venue's clock; of an earlier life's as far as it was written down."""
        if self._is_restored or world.account in self.intent.began_ms:
            return self.intent.began_ms.get(world.account)
        return venue_ms_of(self.intent.received_us, world)

    def overdue(self, now_us: int) -> list[AccountName]:
        """Name the accounts of an unattended bulk of which it is not known by now what rests there.

        For new orders the wish is too old, and a person should look.
        """
        unsure = [part.scope.account for part in self._parts if self.intent.is_unattended and not part.is_over]
        return [name for name in dict.fromkeys(unsure) if now_us >= self._sends_until_us(self._sites[name].world)]

    def _waits_until_us(self, part: _Part) -> int:
        """Until when a part waits for its account."""
        world = self._sites[part.scope.account].world
        return max(self._goes_on_until_us(world), self._since_us) + world.horizon_us

    def lose(self, account: AccountName, why: str) -> None:
        """An account cannot be spoken to: its parts that have not begun never will."""
        for part in self._parts:
            if part.scope.account == account and part.body is None:
                part.lost = part.lost or why

    def told(self, key: RequestKey, report: Report, now_us: int) -> None:
        """A request of this bulk was told an outcome, or a correction."""
        part, member = self._members[key]
        before, member.outcome, member.ord_status = member.outcome, report.outcome, report.ord_status
        if before is not member.outcome:
            member.told_us = now_us
            if isinstance(part.body, Sweep):
                part.body.told(now_us, is_first=before is None)

    def without_names(self, account: AccountName, keys: Sequence[RequestKey], now_us: int) -> BulkMeant:
        """Say what is to be written down of orders whose named requests are about to be `refused`: they are found."""
        return BulkMeant(now_us, self.intent.bulk, account, tuple(self._members[key][1].order for key in keys))

    def refused(self, key: RequestKey, why: str, now_us: int) -> None:
        """A request that `work` gave was not taken up: it does not exist."""
        part, member = self._members.pop(key)
        if isinstance(part.body, Sweep):
            part.body.refused(member, now_us)
        elif part.body is not None:
            part.body.refused(number_of(self.intent.name, key.request_id) or 0, why)

    def listed(self, account: AccountName, listing: Listing, now_us: int) -> list[BulkListed]:
        """An account's open orders were asked for; the book has heard of the answer already. Gives what to record."""
        records = []
        for part in self._parts:
            if part.scope.account == account and isinstance(part.body, Sweep) and not part.body.is_over:
                heard = part.body.listed(listing, now_us)
                records.append(
                    BulkListed(
                        now_us, self.intent.bulk, account, listing.asked_us,
                        listing.is_complete and not listing.has_failed, heard.matching, heard.taken,
                    )
                )  # fmt: skip
        return records

    # ------------------------------------------------------------ decisions

    def work(self, now_us: int, at_most: int) -> Work:
        """Decide what follows from the facts: so many requests at most, and whom to ask."""
        if self.report is not None:
            return Work()
        ask: dict[AccountName, None] = {}
        requests: list[CancelRequest] = []
        meant: list[BulkMeant] = []
        named: set[RequestKey] = set()
        for part in self._parts:
            room = at_most - len(requests)
            if isinstance(part.body, Roll):
                part.body.work(now_us)
                fresh = part.body.take_fresh(room)
                requests += [self._request(part, number, order, now_us) for number, order in fresh]
            elif part.body is not None:
                found = part.body.take_found()
                if found and part.body.fresh > room:  # else each of them has its request in this turn
                    meant += self._meant(part.scope.account, found, now_us)
                for order in part.body.take_fresh(room):
                    number = self._numbers.take(part.scope.account, order)
                    request = self._request(part, number, order, now_us)
                    requests.append(request)
                    if number is not None:
                        named.add(request.key)
                if part.body.work(now_us):
                    ask[part.scope.account] = None
        has_more = any(part.body is not None and part.body.has_fresh for part in self._parts)
        for part in self._parts:
            if part.body is None and part.lost is None and now_us >= self._waits_until_us(part):
                part.lost = "the account could not be asked in time"
        if all(part.is_over for part in self._parts):
            self.report = self._report()
        return Work(tuple(meant), tuple(requests), frozenset(named), tuple(ask), has_more, self.report)

    def _meant(self, account: AccountName, found: tuple[NamedOrder, ...], now_us: int) -> Iterator[BulkMeant]:
        new = self._numbers.without(account, found)
        for begin in range(0, len(new), MEANT_MAX):
            orders, first = tuple(new[begin : begin + MEANT_MAX]), self._numbers.next
            self._numbers.keep(account, orders, first)
            yield BulkMeant(now_us, self.intent.bulk, account, orders, first)

    def _request(self, part: _Part, number: int | None, order: NamedOrder, now_us: int) -> CancelRequest:
        """Make the request for one order; its times count from when the bulk was asked for.

        That of an order which an overdue bulk finds counts from now: it is no older, and a refusal must not end it.
        """
        intent = self.intent
        is_late = intent.is_unattended and now_us >= self._sends_until_us(self._sites[part.scope.account].world)
        if number is None:
            number = self._numbers.give()
        received_us = now_us if is_late else intent.received_us
        request = request_for(intent, part.scope.account, number, order, received_us)
        member = Member(order, request.key.request_id)
        self._members[request.key] = part, member
        if isinstance(part.body, Sweep):
            part.body.hold(member, now_us)
        elif part.body is not None:
            part.body.hold(number, member)
        return request

    def next_us(self, now_us: int) -> int | None:
        """When `work` is wanted next, if nothing happens before."""
        if self.report is not None:
            return None
        bodies = [part.body for part in self._parts if part.body is not None]
        times = [at_us for at_us in (body.next_us(now_us) for body in bodies) if at_us is not None]
        times += [self._waits_until_us(part) for part in self._parts if part.body is None and part.lost is None]
        if self.intent.is_unattended:
            times += [self._overdue_us(part, now_us) for part in self._parts if not part.is_over]
        return min(times, default=None)

    def _overdue_us(self, part: _Part, now_us: int) -> int:
        """When a part is overdue, or is to be reminded of again."""
        late_us = self._sends_until_us(self._sites[part.scope.account].world)
        return late_us if now_us < late_us else now_us + LOOK_AGAIN_US

    # ------------------------------------------------------------ the report

    def listed_us(self) -> dict[AccountName, int]:
        """Say when the listings were asked on which it is called complete, by account; none of what it only named."""
        asked = [(part.scope.account, part.body.listed_us) for part in self._parts if isinstance(part.body, Sweep)]
        found: dict[AccountName, int] = {}
        for account, at_us in asked:
            if at_us is not None and self.report is not None and self.report.complete:
                found[account] = min(at_us, found.get(account, at_us))
        return found

    def warn(self, warnings: tuple[str, ...]) -> BulkReport:
        """Put into its report, of which there is one by now, what may be wrong with the wish itself."""
        report = self.report or self._report()
        self.report = msgspec.structs.replace(report, warnings=warnings)
        return self.report

    def _report(self) -> BulkReport:
        members = [member for _, member in self._members.values()]
        survivors = [survivor for part in self._parts for survivor in self._survivors(part)]
        self.resting = Counter(survivor.order.account for survivor in survivors)
        counts = Counter([member.outcome for member in members if member.outcome is not None])
        reasons = {part.scope.account: why for part in self._parts if (why := _reason(part)) is not None}
        sweeping = [part for part in self._parts if not part.scope.names_orders and part.scope.account in self._sites]
        not_covered: dict[str, dict[str, None]] = {}
        for part in sweeping:
            traits = self._sites[part.scope.account].world.traits
            not_covered.setdefault(traits.venue, {}).update(dict.fromkeys(traits.not_covered))
        return BulkReport(
            request_id=self.intent.name,
            items=self._items() if len(members) <= ITEMS_MAX else None,
            total=len(members),
            counts=dict(counts),
            replaced=sum([member.ord_status is OrdStatus.REPLACED for member in members]),
            complete=not survivors and not reasons,
            survivors=tuple(survivors[:SURVIVORS_MAX]),
            survivors_total=len(survivors),
            not_covered={venue: tuple(what) for venue, what in not_covered.items()},
            reasons=reasons,
        )

    def _survivors(self, part: _Part) -> list[Survivor]:
        rests = self._unbegun(part) if part.body is None else part.body.survivors()
        return [Survivor(item_of(part.scope.account, order, member), why) for order, member, why in rests]

    def _unbegun(self, part: _Part) -> list[Rest]:
        """Say what may rest of a part that was not begun in this life: what earlier ones knew and did not see end."""
        made = [(key.request_id, member) for key, (mine, member) in self._members.items() if mine is part]
        if part.scope.names_orders:
            numbers = {number_of(self.intent.name, name): member for name, member in made}
            asked: list[tuple[NamedOrder, Member | None]] = [
                (order, numbers.get(number)) for number, order in enumerate(part.scope.orders, part.first)
            ]
        else:
            asked = [(member.order, member) for _, member in made]
            names = {order_key(member.order) for _, member in made}
            asked += [(order, None) for order in part.meant if order_key(order) not in names]
        return [(order, member, part.lost or "") for order, member in asked if member is None or member.may_rest]

    def _items(self) -> tuple[BulkItem, ...]:
        """List its requests by their numbers."""
        members = sorted(self._members.items(), key=lambda held: number_of(self.intent.name, held[0].request_id) or 0)
        return tuple(item_of(key.account, member.order, member) for key, (_, member) in members)


def _reason(part: _Part) -> str | None:
    return part.lost if part.body is None else part.body.reason


def item_of(account: AccountName, order: NamedOrder, member: Member | None) -> BulkItem:
    """Name an order in a report, with what came of its request, if it has one."""
    return BulkItem(
        None if member is None else member.request_id,
        account,
        order.product,
        order.instrument,
        order.order_id,
        order.client_order_id,
        None if member is None else member.outcome,
        None if member is None else member.ord_status,
    )
