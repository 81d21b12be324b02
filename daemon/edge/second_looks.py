"""Has each account asked once more what rests, a replica lag after a bulk cancel was called complete.

What follows from the answer is decided in `daemon.core.second_look`; this room carries it out. An order that was
overlooked is canceled by a bulk cancel of its own, the follow-up, unless the wish is too old for it; what was said of
the first one is corrected, in the journal and where it was told, and again when the follow-up is over. Who waited for
the bulk cancel has its answer since long, and nothing here keeps a stop of the daemon waiting: a new life looks again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from daemon.core.age import venue_ms_of
from daemon.core.records import BulkCorrected, BulkLooked
from daemon.core.scope import Scope
from daemon.core.second_look import SecondLook, corrected, made_good, sends_until_us
from daemon.core.unattended import of_the_past
from daemon.edge.bulk_alarms import ALARM
from daemon.edge.bulk_running import INSIDE, Terms
from daemon.edge.clock import seconds_until
from daemon.edge.desk import SessionRow
from protocols.errors import BadRequest
from protocols.fix import RequestId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.core.records import BulkIntent, BulkReport, Previous, Record, Report
    from daemon.core.scope import NamedOrder
    from daemon.core.second_look import RecoveredEnd
    from daemon.core.sweep import Listing
    from daemon.edge.account import Account
    from daemon.edge.bulk_running import Running
    from daemon.edge.clock import Clock
    from daemon.edge.desk import BulkSink, Preview
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Time, Timer
    from protocols.fix import AccountName, RequestState

WATCHED_MAX: Final = 1024
"""Bulk cancels that are looked at again at a time: as many as there may be bindings, which may fire in one second."""
CHANNEL: Final = "bulk"
"""The channel of `session` notifications about bulk cancels."""
NAMED_MAX: Final = 20
"""Orders that a line of the log names; the journal and the report name more."""
RESTED: Final = "it rested a replica lag later"
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Watched:
    """A bulk cancel that was called complete; ``running`` None if an earlier life did so."""

    __slots__ = ("intent", "looks", "report", "running", "timer")

    def __init__(
        self, intent: BulkIntent, report: BulkReport, looks: dict[AccountName, SecondLook], running: Running | None
    ) -> None:
        self.intent = intent
        self.report = report
        self.looks = looks
        self.running = running
        self.timer: Timer | None = None


class SecondLooks:
    """All second looks under way. ``start`` begins a bulk cancel, as `Bulks.start`; set it before anything is begun."""

    def __init__(self, accounts: Mapping[AccountName, Account], journal: Ledger, clock: Clock, time: Time) -> None:
        self.start: Callable[[Scope, BulkIntent, RequestId, Terms, BulkSink], object]
        self.on_session: Callable[[SessionRow], None] = lambda _: None
        self._accounts = accounts
        self._journal = journal
        self._clock = clock
        self._time = time
        self._watched: list[Watched] = []

    @property
    def are_under_way(self) -> bool:
        """Whether some account is to be looked at still."""
        return bool(self._watched)

    # ------------------------------------------------------------ beginning

    def listed_ms(self, listed_us: Mapping[AccountName, int]) -> dict[AccountName, int | None]:
        """Turn times of this life into the venues' clocks, where those are known."""
        return {
            name: venue_ms_of(at_us, self._accounts[name].driver.correlator.world)
            for name, at_us in listed_us.items()
            if name in self._accounts
        }

    def begin(self, running: Running, report: BulkReport, listed_us: Mapping[AccountName, int]) -> None:
        """A bulk cancel is called complete, on listings that were asked at these times."""
        intent = running.bulk.intent
        listed_ms = self.listed_ms(listed_us)  # by the clock that it has now: it may be set until the look
        looks = {name: self._look(intent, name, at_us, listed_ms.get(name)) for name, at_us in listed_us.items()}
        self._watch(Watched(intent, report, looks, running))

    def restore(self, ends: Sequence[RecoveredEnd]) -> None:
        """Look at what earlier lives called complete a short time ago."""
        for end in ends:
            intent = of_the_past(end.intent, self._clock.now())
            looks = {
                name: self._look(intent, name, None, at_ms)
                for name, at_ms in end.listed_ms.items()
                if name in self._accounts
            }
            self._watch(Watched(intent, end.report, looks, None))

    def _look(self, intent: BulkIntent, name: AccountName, listed_us: int | None, listed_ms: int | None) -> SecondLook:
        core = self._accounts[name].driver.correlator
        return SecondLook(
            [scope for scope in intent.scopes if scope.account == name and not scope.names_orders],
            core.world,
            core.book,
            core.cases,
            listed_us=listed_us,
            listed_ms=listed_ms,
            now_us=self._clock.now(),
        )

    def _watch(self, watched: Watched) -> None:
        if not watched.looks:
            return
        if len(self._watched) >= WATCHED_MAX:
            log.warning("bulk_cancel_not_looked_at_again", request_id=watched.intent.name, why="there are too many")
            return
        self._watched.append(watched)
        self._set_timer(watched)

    # ------------------------------------------------------------ looking

    def listed(self, account: AccountName, listing: Listing) -> None:
        """An account was asked for its open orders. Called in the midst of a driver's turn."""
        for watched in self._watched:
            look = watched.looks.get(account)
            if look is not None and look.listed(listing, self._clock.now()):
                self._time.soon(partial(self._work, watched))

    def _work(self, watched: Watched) -> None:
        now_us = self._clock.now()
        for name, look in list(watched.looks.items()):
            account = self._accounts[name]
            if look.work(now_us) and account.is_known and account.gateway is not None:
                account.driver.list_orders()
            if look.is_over:
                del watched.looks[name]
                self._conclude(watched, name, look)
        if watched.looks:
            self._set_timer(watched)
        elif watched in self._watched:
            self._watched.remove(watched)

    def _set_timer(self, watched: Watched) -> None:
        now_us = self._clock.now()
        times = [at_us for at_us in (look.next_us() for look in watched.looks.values()) if at_us is not None]
        if watched.timer is not None:
            watched.timer.cancel()
            watched.timer = None
        if times:
            watched.timer = self._time.later(seconds_until(min(times), now_us), partial(self._work, watched))

    # ------------------------------------------------------------ what was seen

    def _conclude(self, watched: Watched, name: AccountName, look: SecondLook) -> None:
        """Write down what was seen, and make good what was overlooked."""
        now_us, intent = self._clock.now(), watched.intent
        follow_up, why = self._follow_up(watched, name, look.found, now_us) if look.found else (None, look.why)
        seen = BulkLooked(now_us, intent.bulk, name, look.asked_us, look.found, look.unsure, follow_up, why)
        say = log.warning if look.found or look.unsure or look.why else log.debug
        say(
            "bulk_cancel_looked_at_again",
            request_id=intent.name,
            account=name,
            overlooked=[order.order_id for order in look.found[:NAMED_MAX]],
            unsure=[order.order_id for order in look.unsure[:NAMED_MAX]],
            follow_up=follow_up,
            why=why,
        )
        if not look.found:
            self._journal.append((seen,))
            return
        fate = f"{follow_up} cancels it" if follow_up is not None else why
        report = corrected(watched.report, name, look.found, f"{RESTED}; {fate}")
        detail = f"{intent.name}: {len(look.found)} orders rested a replica lag later; {fate}"
        self._accounts[name].driver.alarms.sound(ALARM, detail)
        self._correct(watched, name, report, detail, (seen,))

    def _follow_up(
        self, watched: Watched, name: AccountName, found: tuple[NamedOrder, ...], now_us: int
    ) -> tuple[RequestId | None, str]:
        """Cancel what was overlooked, if the wish is not too old: gives the name under which, or why not."""
        intent = watched.intent
        until_us = sends_until_us(intent, self._accounts[name].driver.correlator.world)
        if until_us is not None and now_us >= until_us:
            return None, "the wish is too old to cancel it"
        follow_up = RequestId(f"look.{intent.bulk}.{self._journal.boot}")  # one of an earlier life is of other orders
        terms = Terms(None, until_us, intent.priority, is_unattended=intent.is_unattended)
        scope = Scope(name, orders=found)
        try:
            self.start(scope, intent, follow_up, terms, FollowUp(partial(self._made_good, watched, name, found)))
        except BadRequest as error:
            return None, str(error)
        return follow_up, ""

    def _made_good(self, watched: Watched, name: AccountName, found: tuple[NamedOrder, ...], then: BulkReport) -> None:
        """A follow-up is over."""
        report = made_good(watched.report, name, found, then)
        rest = f"{report.survivors_total} orders may rest" if report.survivors_total else "nothing rests any more"
        self._correct(watched, name, report, f"{watched.intent.name}: {rest}", ())

    def _correct(
        self, watched: Watched, name: AccountName, report: BulkReport, detail: str, seen: tuple[Record, ...]
    ) -> None:
        """Write down what is to be said from now on, and tell it then."""
        previous, watched.report = watched.report, report
        if watched.running is not None:
            watched.running.bulk.report = report
        state = "complete" if report.complete else "incomplete"
        self._accounts[name].driver.tally.changed(CHANNEL, state)
        row = SessionRow(name, CHANNEL, state, detail)
        record = BulkCorrected(self._clock.now(), watched.intent.bulk, report)
        self._journal.append((*seen, record), partial(self._tell, watched, report, previous, row))

    def _tell(
        self, watched: Watched, report: BulkReport, previous: BulkReport, row: SessionRow, is_durable: bool
    ) -> None:
        if watched.running is not None:
            for sink in watched.running.sinks:
                sink.bulk_correction(report, previous, is_durable=is_durable)
        self.on_session(row)


class FollowUp:
    """The `BulkSink` of a follow-up: it hears how it ended, for the daemon itself."""

    connection = INSIDE
    wants_progress = False

    def __init__(self, ended: Callable[[BulkReport], None]) -> None:
        self._ended = ended

    def progress(self, request_id: RequestId, state: RequestState) -> None:
        """Not asked for."""

    def outcome(self, report: Report) -> None:
        """Its own journal has it."""

    def correction(self, report: Report, previous: Previous) -> None:
        """So it has."""

    def result(self, report: BulkReport, *, is_durable: bool) -> None:
        """Take note of its end."""
        self._ended(report)

    def bulk_correction(self, report: BulkReport, previous: BulkReport, *, is_durable: bool) -> None:
        """It names its orders, so nobody looks again."""

    def preview(self, found: Preview) -> None:
        """It is no dry run."""

    def refuse(self, why: BadRequest) -> None:
        """Take note that the journal could not be asked about its name."""
        log.warning("bulk_cancel_not_followed_up", detail=str(why))
