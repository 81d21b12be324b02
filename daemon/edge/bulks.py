"""Runs bulk cancels: writes each wish down, gives every order its request, and tells who asked how it ends.

What is to be canceled and when that is over is decided in `daemon.core.bulk`; this room carries it out. A bulk's
requests go through the account's driver like any other, a few in each turn of the loop, so that nobody else's cancel
waits for all of them. A bulk belongs to no connection: whoever asked is told while it listens, and may ask again under
the same name. Who may ask, and for what, was decided before.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final

import structlog

from daemon.core import names
from daemon.core.age import venues_ms_of
from daemon.core.bulk import Bulk, Site
from daemon.core.records import BulkEnded, BulkIntent, BulkOpened
from daemon.core.scope import Scope
from daemon.core.unattended import of_the_past
from daemon.edge.bites import Deference
from daemon.edge.bulk_alarms import BulkAlarms
from daemon.edge.bulk_running import Ear, Running, Terms
from daemon.edge.clock import seconds_until
from daemon.edge.glances import Glances
from daemon.edge.inbox import TURNS_BACK_MAX, deference
from daemon.edge.second_looks import SecondLooks
from daemon.edge.slips import warnings_of
from protocols.control.results import BulkSeen
from protocols.errors import BadRequest, JournalError
from protocols.mass import Everything

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from daemon.core.bulk import RecoveredBulk
    from daemon.core.ids import Ids
    from daemon.core.records import BulkReport, Caller, CancelRequest, Report, RequestKey
    from daemon.core.second_look import RecoveredEnd
    from daemon.core.sweep import Listing
    from daemon.edge.account import Account
    from daemon.edge.clock import Clock
    from daemon.edge.desk import BulkSink, ConnectionId
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Running as Task
    from daemon.edge.outside import Time
    from protocols.fix import AccountName, RequestId

ROUNDS_MAX: Final = 5
"""Listings that may bring orders which appeared meanwhile: a strategy that goes on placing is not chased for ever."""
REQUESTS_PER_TURN: Final = 10
"""Of one bulk in one turn of the loop: less than a millisecond of it, in which another's cancel has to wait: 20, with
twice the answers a turn, kept it waiting for a fifth longer (p99) and made a flatten a tenth shorter. What has been
answered is read between the turns, so that a bulk's answers do not pile up before another's."""
SHOWN_MAX: Final = 8
"""Bulk cancels that `status` names; more at a time are somebody's loop."""
LOOKUPS_MAX: Final = 16
"""Look-ups of old names in the journal at a time: past that somebody asks in a loop."""
FINISHED_MAX: Final = 64
"""Bulk cancels that are over and whose corrections are still passed on; the oldest make room."""
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Bulks:
    """All bulk cancels of a daemon."""

    def __init__(
        self,
        accounts: Mapping[AccountName, Account],
        journal: Ledger,
        clock: Clock,
        ids: Ids,
        time: Time,
        *,
        rounds_max: int = ROUNDS_MAX,
    ) -> None:
        self._accounts = accounts
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._time = time
        self._rounds_max = rounds_max
        self._held: dict[RequestKey, Running] = {}
        self._finished: list[Running] = []
        self._glances = Glances(accounts, clock, time)
        self._alarms = BulkAlarms(accounts)
        self.looks = SecondLooks(accounts, journal, clock, time)
        self.looks.start = self._follow_up
        self._over: dict[int, int] = {}
        """Names of bulk cancels that only the journal knows, by their hashes, with the times of their ends."""
        self._retention_us = 0
        self._lookups: set[Task[None]] = set()
        self._deference = deference(journal)
        self._awake: deque[Running] = deque()
        """Those to be worked on: one in each turn of the loop, however many run. They stand back by one deference."""
        self._is_going_on = False
        for name, account in accounts.items():
            account.driver.on_listed = partial(self._listed, name)
            account.on_known = partial(self._known, name)

    # ------------------------------------------------------------ starting

    def start(
        self,
        scope: Scope | Sequence[Scope],
        caller: Caller,
        name: RequestId | None,
        cause: str,
        *,
        terms: Terms | None = None,
        sink: BulkSink | None = None,
    ) -> RequestId:
        """Cancel everything in a scope (or several), each order by a request of its own; gives the bulk's name.

        The intent is written down first, and taken up again after a restart until it is over. Bytes of the first
        cancels may leave before this returns. Nothing is sent for orders that turn up later than an account's
        ``resend_max_age_s`` after the wish came.

        Asking again under a name that is held attaches to the bulk that holds it (of the same caller's uid, on the same
        accounts) and starts nothing; if that one has other scopes, `BadRequest` ``request_id_conflict`` is raised.

        A policy that starts one, with no client to answer, gives the caller whose policy it is, no ``sink``, ``terms``
        that say ``is_unattended``, as ``cause`` a few words about itself for the story and the log (``binding b7, whose
        client is gone,``), and a name that is the same each time the same firing is carried out, so that a policy which
        fires again after a restart attaches to what its first firing began. Names have at most
        `daemon.core.bulk_names.NAME_LENGTH_MAX` of the characters of request names. No role and no readiness is checked
        here: an account that cannot cancel now does so when it can, as long as the wish is not too old. What came of it
        is in the log and the journal, and an alarm of the account if something may rest.
        """
        scopes = (scope,) if isinstance(scope, Scope) else tuple(scope)
        terms = terms or Terms()
        now_us = self._clock.now()
        intent = BulkIntent(
            self._ids.bulk(),
            name or self._ids.request(),
            caller,
            cause,
            scopes,
            now_us if terms.received_us is None else terms.received_us,
            terms.deadline_us,
            terms.priority,
            terms.is_all_accounts,
            terms.is_unattended,
            self._clocks_at(now_us, scopes) if terms.is_unattended else {},
        )
        held = next((self._held[key] for key in intent.names_held() if key in self._held), None)
        if held is not None:
            names.require_same_bulk(intent, held.bulk.intent, now_us)
            self._attach(held, sink)
        elif any(self._is_over(key) for key in intent.names_held()):
            self._look_up(intent, terms, sink)
        else:
            self._begin(intent, terms, sink)
        return intent.name

    def _begin(self, intent: BulkIntent, terms: Terms, sink: BulkSink | None) -> None:
        """Write a new intent down, and send what can be sent at once."""
        now_us = self._clock.now()
        running = self._hold(intent)
        self._journal.append((BulkOpened(now_us, intent.bulk, intent),), running.footing.expect())
        self._attach(running, sink)
        scope = "; ".join(scope.described() for scope in intent.scopes)
        log.info("bulk_cancel", request_id=intent.name, cause=intent.cause, scope=scope)
        for lost, why in terms.lost.items():
            running.bulk.lose(lost, why)
        for name in running.bulk.accounts:
            account = self._accounts.get(name)
            if account is not None and account.gateway is not None:  # without credentials; it may get some yet
                running.bulk.begin(name, now_us)
        self._work(running)

    def _clocks_at(self, at_us: int, scopes: Sequence[Scope]) -> dict[AccountName, int]:
        """Say what the venues' clocks showed then, as far as that is known."""
        accounts = (self._accounts[scope.account] for scope in scopes if scope.account in self._accounts)
        return venues_ms_of(at_us, [account.driver.correlator.world for account in accounts])

    def _follow_up(self, scope: Scope, first: BulkIntent, name: RequestId, terms: Terms, sink: BulkSink) -> None:
        cause = f"a second look after {first.name}"
        self.start(scope, first.caller, name, cause, terms=terms, sink=sink)

    def holds(self, key: RequestKey) -> bool:
        """Whether a bulk has a name."""
        return key in self._held or self._is_over(key)

    def _is_over(self, key: RequestKey) -> bool:
        """Whether a bulk that only the journal knows had this name, not so long ago that it is forgotten."""
        ended_us = self._over.get(hash(key))
        return ended_us is not None and ended_us >= self._clock.now() - self._retention_us

    def require_free(self, key: RequestKey, now_us: int) -> None:
        """Check that no bulk holds a name, or raise ``request_id_conflict``."""
        held = self._held.get(key)
        if held is not None:
            raise names.bulk_conflict(held.bulk.intent, now_us)
        if self._is_over(key):
            raise names.old_bulk_conflict(key)

    def _hold(self, intent: BulkIntent) -> Running:
        bulk = Bulk(intent, self._sites(), rounds_max=self._rounds_max)
        running = Running(bulk, Deference(partial(self._is_reading, bulk), TURNS_BACK_MAX))
        for account in self._accounts_of(running):
            account.driver.tally.bulks_begun += 1
        self._held |= dict.fromkeys(intent.names_held(), running)
        return running

    def _sites(self) -> dict[AccountName, Site]:
        return {
            name: Site(account.driver.correlator.world, account.driver.correlator.book)
            for name, account in self._accounts.items()
        }

    def _attach(self, running: Running, sink: BulkSink | None) -> None:
        if sink is None:
            return
        running.sinks.append(sink)
        if running.is_told and running.bulk.report is not None:
            sink.result(running.bulk.report, is_durable=running.is_durable)

    def look(self, scopes: Sequence[Scope], sink: BulkSink) -> None:
        """Tell which orders a bulk cancel of these scopes, one an account, would be of; see `Glances`."""
        self._glances.look(scopes, self._sites(), sink)

    def drop(self, connection: ConnectionId) -> None:
        """Forget a client: its bulk cancels go on."""
        for running in self._held.values():
            running.sinks = [sink for sink in running.sinks if sink.connection != connection]
        self._glances.drop(connection)

    # ------------------------------------------------------------ earlier lives

    def restore(
        self,
        found: Sequence[RecoveredBulk],
        over: Iterable[tuple[RequestKey, int]],
        retention_us: int,
        ends: Sequence[RecoveredEnd] = (),
    ) -> None:
        """Take up what an earlier life left unfinished; after the accounts took up their cases, before any client.

        ``over`` are the names of those that ended, with the times of their ends; they are held for ``retention_us``.
        ``ends`` are those of them that are to be looked at again.
        """
        self._retention_us = retention_us
        self._over |= {hash(key): ended_us for key, ended_us in over}
        for each in found:
            self._restore(each)
        self.looks.restore(ends)

    def _restore(self, found: RecoveredBulk) -> None:
        now_us = self._clock.now()
        intent = of_the_past(found.intent, now_us)
        running = self._hold(intent)
        running.bulk.restore(found, now_us)
        if intent.is_unattended:
            self._renew(running, now_us)
        for member in found.members:
            if running.bulk.has(member.key) and member.key.account in self._accounts:
                driver = self._accounts[member.key.account].driver
                ear = Ear(self, running, member.key)
                driver.askers.listen(member.key, ear)
                for told in driver.askers.told_after(member.key, -1):
                    ear.result(told.report)
        log.info("bulk_cancel_again", request_id=intent.name, cause=intent.cause, orders=len(found.members))
        for name in running.bulk.accounts:
            if name in self._accounts and self._accounts[name].is_known:
                running.bulk.begin(name, now_us)
        self._wake(running)

    def _renew(self, running: Running, now_us: int) -> None:
        """Have the requests of earlier lives repeated too: nobody else would."""
        for account in self._accounts_of(running):
            account.driver.correlator.renew(running.bulk.has, now_us)

    def _known(self, account: AccountName) -> None:
        """An account may be asked for the sake of earlier lives: what waited for it begins."""
        for running in dict.fromkeys(self._held.values()):
            if account in running.bulk.accounts and not running.bulk.is_over:
                running.bulk.begin(account, self._clock.now())
                self._wake(running)

    def _look_up(self, intent: BulkIntent, terms: Terms, sink: BulkSink | None) -> None:
        """Attach to a bulk that only the journal knows. A policy has nothing to learn from one that is over."""
        if sink is None:
            return
        if len(self._lookups) >= LOOKUPS_MAX:
            raise BadRequest("too_fast", "too many old requests are being looked up; ask again in a moment")
        task = self._time.spawn(self._attach_from_journal(intent, terms, sink))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)

    async def _attach_from_journal(self, intent: BulkIntent, terms: Terms, sink: BulkSink) -> None:
        wanted = set(intent.names_held())
        try:
            stored = [
                old for old in await self._journal.find_bulks(intent.name) if wanted & set(old.intent.names_held())
            ]
            if stored:
                names.require_same_bulk(intent, stored[0].intent, self._clock.now())
        except JournalError as error:
            sink.refuse(BadRequest("journal_unavailable", str(error)))
            return
        except BadRequest as error:
            sink.refuse(error)
            return
        if stored and stored[0].report is not None:
            sink.result(stored[0].report, is_durable=True)
        else:
            self._begin(intent, terms, sink)

    # ------------------------------------------------------------ how they are

    @property
    def has_waiting(self) -> bool:
        """Whether some bulk is not over."""
        return any(not running.bulk.is_over for running in self._held.values())

    def status(self, accounts: frozenset[AccountName], now_us: int) -> list[BulkSeen]:
        """List the oldest of those that are not over, of these accounts and no others."""
        running = {id(each): each.bulk for each in self._held.values() if not each.bulk.is_over}
        seen = [bulk for bulk in running.values() if accounts.issuperset(bulk.accounts)]
        return [
            BulkSeen(
                bulk.intent.name,
                bulk.intent.cause,
                [str(name) for name in bulk.accounts],
                *bulk.progress,
                (now_us - bulk.intent.received_us) // 1000,
            )
            for bulk in sorted(seen, key=lambda bulk: bulk.intent.received_us)[:SHOWN_MAX]
        ]

    # ------------------------------------------------------------ what happens

    def heard(self, running: Running, key: RequestKey, report: Report) -> None:
        """One order's request has an outcome, or another one than before."""
        running.bulk.told(key, report, self._clock.now())
        self._wake(running)

    def refused(self, running: Running, key: RequestKey, why: BadRequest) -> None:
        """No request came of an order."""
        running.bulk.refused(key, str(why), self._clock.now())
        log.warning("bulk_cancel_failed", request_id=running.bulk.intent.name, detail=str(why))
        self._wake(running)

    def _listed(self, account: AccountName, listing: Listing) -> None:
        now_us = self._clock.now()
        for running in dict.fromkeys(self._held.values()):
            if running.bulk.report is None and account in running.bulk.accounts:
                records = running.bulk.listed(account, listing, now_us)
                if records:
                    self._journal.append(records)
                    self._wake(running)
        self._glances.listed(account, listing)
        self.looks.listed(account, listing)

    # ------------------------------------------------------------ working

    def _wake(self, running: Running) -> None:
        """Have a bulk worked on after what is running now: a driver does one thing at a time."""
        if not running.is_awake and running.bulk.report is None:
            running.is_awake = True
            self._awake.append(running)
            if not self._is_going_on:
                self._is_going_on = True
                self._time.soon(self._go_on)

    def _go_on(self) -> None:
        """Work on one bulk, as soon as all is read that came of its accounts: others' answers may be among it."""
        running = self._awake[0]
        if not (is_reading := running.deference.stands_back()) and self._deference.stands_back():
            self._deference.again(self._time, self._go_on)
            return
        self._awake.popleft()
        try:
            if is_reading:
                self._awake.append(running)
            else:
                self._work(running)
        finally:
            self._is_going_on = bool(self._awake)
            if self._is_going_on:
                self._time.soon(self._go_on)

    def _is_reading(self, bulk: Bulk) -> bool:
        return any(name in self._accounts and self._accounts[name].driver.is_reading() for name in bulk.accounts)

    def _work(self, running: Running, at_most: int = REQUESTS_PER_TURN) -> None:
        running.is_awake = False
        now_us = self._clock.now()
        work = running.bulk.work(now_us, at_most)
        if work.meant:
            self._journal.append(work.meant, running.footing.expect())
        for (account, is_named), requests in groupby(
            work.requests, lambda request: (request.key.account, request.key in work.named)
        ):
            try:
                self._submit(running, account, list(requests), has_more=work.has_more, is_named=is_named)
            except Exception as error:  # noqa: BLE001 - afraid of our own bugs: one costs neither the rest nor its end
                self._our_fault(running, account, error)
        for name in work.ask:
            self._accounts[name].driver.list_orders()
        self._alarms.goes_on(running.bulk, now_us)
        if work.report is not None:
            self._end(running, work.report)
        elif work.has_more:
            self._wake(running)
        else:
            running.deference.is_done()
        self._set_timer(running, now_us)

    def _submit(
        self,
        running: Running,
        account: AccountName,
        requests: list[CancelRequest],
        *,
        has_more: bool,
        is_named: bool,
    ) -> None:
        wishes = [(request, Ear(self, running, request.key)) for request in requests]
        everything = _everything(running.bulk.intent, account)
        footing = running.footing if is_named and running.footing.carries else None
        held = self._accounts[account].driver.submit_many(
            wishes, has_more=has_more, everything=everything, footing=footing
        )
        refused = {request.key: why for request, why in zip(requests, held, strict=True) if isinstance(why, BadRequest)}
        if refused and is_named:
            self._journal.append((running.bulk.without_names(account, [*refused], self._clock.now()),))
        for key, why in refused.items():
            self.refused(running, key, why)

    def _our_fault(self, running: Running, account: AccountName, error: Exception) -> None:
        """Say that a bug of ours met some requests: they have no outcome, so their orders are called resting."""
        name, kind = running.bulk.intent.name, type(error).__name__
        log.error("internal_error", where="a bulk cancel", request_id=name, account=account, kind=kind)
        self._accounts[account].driver.alarms.sound("internal_error", f"bulk cancel {name}: {kind}")

    def _set_timer(self, running: Running, worked_us: int) -> None:
        """Have it worked on when it wants that next: after ``worked_us``, even if that has come meanwhile."""
        due_us = running.bulk.next_us(worked_us)
        if running.timer is not None:
            running.timer.cancel()
            running.timer = None
        if due_us is not None:
            running.timer = self._time.later(seconds_until(due_us, self._clock.now()), partial(self._work, running))

    # ------------------------------------------------------------ ending

    def _end(self, running: Running, report: BulkReport) -> None:
        """Write the report down, then tell it; a failing journal does not keep it back."""
        intent = running.bulk.intent
        if not report.total:
            report = running.bulk.warn(warnings_of(intent.scopes, self._accounts))
        self._alarms.ended(running.bulk, report)
        say = log.info if report.complete and not report.warnings else log.warning
        say(
            "bulk_cancel_over",
            request_id=intent.name,
            cause=intent.cause,
            orders=report.total,
            complete=report.complete,
            survivors=report.survivors_total,
            warnings=list(report.warnings),
            us=self._clock.now() - intent.received_us,
            **{outcome.value: count for outcome, count in report.counts.items()},
        )
        running.ended_us = self._clock.now()
        listed_us = running.bulk.listed_us()
        record = BulkEnded(running.ended_us, intent.bulk, report, self.looks.listed_ms(listed_us))
        self._journal.append((record,), partial(self._tell, running, report))
        self.looks.begin(running, report, listed_us)

    def _tell(self, running: Running, report: BulkReport, is_durable: bool) -> None:
        running.is_told, running.is_durable = True, is_durable
        for sink in running.sinks:
            sink.result(report, is_durable=is_durable)
        self._finished.append(running)
        while len(self._finished) > FINISHED_MAX:
            self._let_go(self._finished.pop(0))

    def _let_go(self, running: Running) -> None:
        for key in running.bulk.intent.names_held():
            if self._held.get(key) is running:
                del self._held[key]
                self._over[hash(key)] = running.ended_us

    def _accounts_of(self, running: Running) -> list[Account]:
        """Give the accounts that a bulk is about and that are configured still."""
        return [self._accounts[name] for name in running.bulk.accounts if name in self._accounts]


def _everything(intent: BulkIntent, account: AccountName) -> Everything | None:
    """Say what of an account is meant as a whole, if it is: a scope that only narrows what venues can narrow too."""
    scopes = [scope for scope in intent.scopes if scope.account == account]
    if len(scopes) != 1 or scopes[0].names_orders or scopes[0].client_id_prefix is not None:
        return None
    return Everything(scopes[0].product, scopes[0].instrument, scopes[0].side)
