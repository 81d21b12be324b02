"""Bulk cancels in a story: they hear what the core does, and what they want is done as their owner would do it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daemon.core.bulk import Bulk, RecoveredBulk, RecoveredMember, Site
from daemon.core.effects import Effect, Listed, Tell
from daemon.core.records import BulkIntent, BulkListed, BulkMeant, Caller, CaseId, RequestKey
from daemon.core.scope import NamedOrder, Scope
from daemon.core.unattended import of_the_past
from protocols.errors import BadRequest
from protocols.evidence import Source
from protocols.fix import AccountName, ClientOrderId, OrderId, RequestId, Side
from tests.core.story import ACCOUNT, UID, Put, Story
from tests.core.words import INSTRUMENT, report

if TYPE_CHECKING:
    from daemon.core.records import BulkReport, CancelRequest
    from protocols.evidence import OrderReported
    from protocols.fix import OrdStatus

ROUNDS_MAX = 5


def scope(**narrowed: object) -> Scope:
    """All orders of the story's account, narrowed."""
    side = narrowed.pop("side", None)
    return Scope(ACCOUNT, side=Side(str(side)) if side is not None else None, **narrowed)  # type: ignore[arg-type]  # by name


def order(order_id: str | None, alias: str | None = None, instrument: str = INSTRUMENT) -> NamedOrder:
    """An order by its name."""
    return NamedOrder(
        "",
        instrument,
        OrderId(order_id) if order_id is not None else None,
        ClientOrderId(alias) if alias is not None else None,
    )


def row(order_id: str, status: str = "new", **said: object) -> OrderReported:
    """A row of a listing."""
    return report(status, order=order_id, source=Source.QUERY, channel="open_orders", **said)  # type: ignore[arg-type]  # by name


@dataclass
class BulkStory(Story):
    """A story with bulk cancels in it."""

    bulks: list[Bulk] = field(default_factory=list)
    bulk_names: int = 0
    listed: list[BulkListed] = field(default_factory=list)
    meant: list[BulkMeant] = field(default_factory=list)
    at_most: int = 1000

    def cancel_all(
        self,
        *scopes: Scope,
        name: str = "R",
        rounds_max: int = ROUNDS_MAX,
        deadline_ms: int | None = None,
        is_unattended: bool = False,
        began_ms: dict[AccountName, int] | None = None,
    ) -> Bulk:
        """Ask for a bulk cancel, of everything if nothing else is said."""
        self.bulk_names += 1
        intent = BulkIntent(
            CaseId(f"b{self.bulk_names}"),
            RequestId(name),
            Caller(UID, UID, 1),
            "cancel_all",
            scopes or (scope(),),
            self.now_us,
            None if deadline_ms is None else self.now_us + deadline_ms * 1000,
            is_unattended=is_unattended,
            began_ms=began_ms or {},
        )
        bulk = Bulk(intent, self.sites, rounds_max=rounds_max)
        self.bulks.append(bulk)
        for account in bulk.accounts:
            bulk.begin(account, self.now_us)
        self.work(bulk)
        return bulk

    @property
    def sites(self) -> dict[AccountName, Site]:
        return {ACCOUNT: Site(self.core.world, self.core.book)}

    def restart_with(self, bulk: Bulk, *requests: CancelRequest, upto: int | None = None) -> Bulk:
        """Begin a new life, in which a bulk is taken up again with the requests and notes that it had by then.

        Of other records the first ``upto`` are there, or all.
        """
        known = {key: told[-1].report for key, told in self.told.items()}
        members = [
            RecoveredMember(
                request.key,
                NamedOrder(request.product, request.instrument, request.order_id, request.client_order_id),
                known[request.key.request_id].outcome if request.key.request_id in known else None,
                known[request.key.request_id].ord_status if request.key.request_id in known else None,
            )
            for request in requests
        ]
        self.bulks.remove(bulk)
        self.restart(upto=upto)
        again = Bulk(of_the_past(bulk.intent, self.now_us), self.sites, rounds_max=ROUNDS_MAX)
        self.bulks.append(again)
        again.restore(RecoveredBulk(bulk.intent, tuple(members), tuple(self.listed), tuple(self.meant)), self.now_us)
        if bulk.intent.is_unattended:
            self.core.renew(again.has, self.now_us)
        for account in again.accounts:
            again.begin(account, self.now_us)
        self.work(again)
        return again

    def work(self, bulk: Bulk) -> None:
        """Do what a bulk wants, until it wants nothing more now."""
        while True:
            work = bulk.work(self.now_us, self.at_most)
            self.meant += work.meant
            for request in work.requests:
                try:
                    self._take(self.core.submit(request, self.now_us).effects)
                except BadRequest as why:
                    bulk.refused(request.key, str(why), self.now_us)
            if work.ask:
                self._take(self.core.list_orders(self.now_us))
            if not work.requests and not work.has_more and not work.ask:
                return

    def tick_all(self) -> None:
        """Let what is due happen."""
        self.tick()
        for bulk in list(self.bulks):
            self.work(bulk)

    def pass_ms(self, ms: float) -> None:
        """Let time pass, the timers of the bulks firing too; nobody answers meanwhile."""
        end_us = self.now_us + int(ms * 1000)
        while True:
            times = [self.core.next_tick_us(), *(bulk.next_us(self.now_us) for bulk in self.bulks)]
            due_us = min((at_us for at_us in times if at_us is not None), default=None)
            if due_us is None or due_us > end_us:
                self.now_us = end_us
                return
            self.now_us = max(self.now_us, due_us)
            self.tick_all()

    # ------------------------------------------------------------ the venue

    def listings(self) -> list[Put]:
        """The account-wide listings that are not answered."""
        return [p for p in self.open_questions() if p.question.order_id is None and p.question.client_order_id is None]

    def list_open(self, *rows: OrderReported, complete: bool = True) -> None:
        """Answer the listing under way."""
        self.answer(self.listings()[0], rows, complete=complete)

    def fail_listing(self) -> None:
        """Leave the listing under way without an answer."""
        self.fail_question(self.listings()[0])

    def end(self, order_id: str, status: OrdStatus | str = "canceled", cum: str | None = "0") -> None:
        """Push an order's end; a moment passes."""
        self.push(status, order=order_id, cum=cum)
        self.pass_ms(1)

    # ------------------------------------------------------------ readers

    def canceled_orders(self) -> list[str]:
        """The orders of which a cancel left, in order."""
        return [wire.order_id or "" for wire in self.sends]

    def named(self, bulk: Bulk) -> dict[str, str]:
        """The requests of a bulk: name to order."""
        found = self.finished(bulk).items or ()
        return {str(item.request_id): item.order_id or "" for item in found}

    def finished(self, bulk: Bulk) -> BulkReport:
        """The report of a bulk that is over."""
        assert bulk.report is not None
        return bulk.report

    def _take(self, effects: list[Effect]) -> None:
        super()._take(effects)
        touched = False
        for effect in effects:
            if isinstance(effect, Listed):
                touched = True
                for bulk in self.bulks:
                    self.listed += bulk.listed(ACCOUNT, effect.listing, self.now_us)
            elif isinstance(effect, Tell):
                key = RequestKey(UID, ACCOUNT, effect.key.request_id)
                for bulk in self.bulks:
                    if bulk.has(key):
                        touched = True
                        bulk.told(key, effect.report, self.now_us)
        if touched:
            for bulk in list(self.bulks):
                self.work(bulk)


def heard_for_long() -> BulkStory:
    """A story whose drop copy has been live for longer than any answer of the venue is old."""
    story = BulkStory()
    story.pass_ms(30_000)
    return story
