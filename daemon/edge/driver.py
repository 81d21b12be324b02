"""Carries out what the correlator wants, for one account: bytes out first, records beside, words when they may be told.

It decides nothing about orders. What the venue sees (`Send`, `SendMany`, `Ask`) goes before anything else of the same
turn and waits for nothing. When a word may be told is `daemon.edge.askers`' to say.

Evidence that comes back while effects are being carried out waits until they are, so that records keep their order.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from daemon.core import effects as fx
from daemon.core.effects import Progress, Tell, Write
from daemon.core.records import Concluded, Record, Report, RequestKey
from daemon.edge.aftermath import Aftermath
from daemon.edge.alarms import Alarms
from daemon.edge.askers import Askers
from daemon.edge.clock import seconds_until
from daemon.edge.desk import SessionRow
from daemon.edge.inbox import Inbox, deference
from daemon.edge.order_rows import order_row
from daemon.edge.withheld import Withheld
from protocols.errors import BadRequest, JournalError
from protocols.evidence import (
    AccountIdentified,
    AccountRefused,
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    DropCopyChanged,
    Evidence,
    OrderReported,
    RoadChanged,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.core.case import Case, Ticket
    from daemon.core.correlator import Correlator
    from daemon.core.records import CancelRequest
    from daemon.core.sweep import Listing
    from daemon.edge.askers import Word
    from daemon.edge.beside import Announcer, Gateway
    from daemon.edge.clock import Clock
    from daemon.edge.desk import Sink
    from daemon.edge.footing import Footing
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Time, Timer
    from protocols.fix import SendId
    from protocols.mass import Everything

_TO_VENUE = (fx.Send, fx.SendMany, fx.Ask)
LATE_US: Final = 100_000
"""Who is called so late was held up by the host: its timers ring before its sockets are read, and a venue that had
answered long ago would be called silent."""
HEAR_FIRST_S: Final = 0.005
HEAR_FIRST_US_MAX: Final = 200_000
"""What is due then waits for what is unread, looking so often and so long at most: cancels that wait for budget are of
it, too."""
_OF_ORDERS = (OrderReported, CancelForwarded, CancelLost)
"""Nearly all evidence; it says nothing about the account."""
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Driver:
    """Drives one account's correlator. Everything happens on the event loop."""

    def __init__(
        self,
        correlator: Correlator,
        journal: Ledger,
        publisher: Announcer,
        clock: Clock,
        time: Time,
        *,
        is_strict: bool,
        logger: structlog.typing.FilteringBoundLogger | None = None,
    ) -> None:
        self.correlator = correlator
        self._log = (logger or log).bind(account=correlator.world.account, venue=correlator.world.traits.venue)
        self.alarms = Alarms(clock, self._log)
        self._inbox = Inbox(correlator.cases, time, self._hear, deference(journal, self.is_reading))
        self._aftermath = Aftermath(publisher, time, self._log, self._is_pressed)
        self.tally = self._aftermath.tally
        self.askers = Askers(journal, clock, time, self._aftermath, deference(journal, self.is_reading))
        self.on_account: Callable[[AccountIdentified | AccountRefused], None] = lambda _: None
        self.on_listed: Callable[[Listing], None] = lambda _: None
        """Called in the midst of a turn: let it only take note."""
        self._journal = journal
        self._withheld = Withheld(journal, time)
        self._publisher = publisher
        self._clock = clock
        self._time = time
        self._is_strict = is_strict
        self._gateway: Gateway | None = None
        self._listing = deference(journal)
        """By which a listing stands back that is being taken in."""
        self._is_busy = False
        self._timer: Timer | None = None
        self._timer_us = 0
        self._rings_us = 0
        self._held_up_us: int | None = None
        """Since when what is due waits for what is to be heard before."""

    def connect(self, gateway: Gateway) -> None:
        """Name the way to the venue. Once, before anything else."""
        self._gateway = gateway

    # ------------------------------------------------------------ inputs

    def submit(self, request: CancelRequest, sink: Sink) -> Ticket | None:
        """Take up a request, or attach ``sink`` to the one that holds its name. Raises `BadRequest`.

        Gives the ticket of a request whose first outcome was told in an earlier life: that is in the journal only.
        """
        submitted = self.correlator.submit(request, self._clock.now())
        if submitted.held is not None:
            return self.askers.attach(submitted.held, sink)
        self.askers.expect(request)
        self.askers.listen(request.key, sink)
        self._carry_out(submitted.effects, [request.key])
        return None

    def list_orders(self) -> None:
        """Ask for all open orders of the account; `on_listed` hears what comes of it."""
        self._carry_out(self.correlator.list_orders(self._clock.now()))

    def submit_many(
        self,
        wishes: Sequence[tuple[CancelRequest, Sink]],
        *,
        has_more: bool = False,
        everything: Everything | None = None,
        footing: Footing | None = None,
    ) -> list[Ticket | BadRequest | None]:
        """Take up several requests, each with its sink, which leave together as far as the venue lets them.

        Gives for each what `submit` gives, or the `BadRequest` that it would raise. ``has_more`` says that others of
        their kind follow at once: what is no full batch yet waits a moment for them. ``everything`` says of which scope
        they are all that rests; see `Correlator.submit_many`. With a ``footing`` the words rest on that, and nobody
        waits for receipts.
        """
        requests = [request for request, _ in wishes]
        now_us = self._clock.now()
        submitted = self.correlator.submit_many(requests, now_us, has_more=has_more, everything=everything)
        told: list[Ticket | BadRequest | None] = []
        opened: list[RequestKey] = []
        for (request, sink), held in zip(wishes, submitted.held, strict=True):
            if isinstance(held, BadRequest):
                told.append(held)
            elif held is not None:
                told.append(self.askers.attach(held, sink))
            else:
                self.askers.expect(request)
                self.askers.listen(request.key, sink)
                opened.append(request.key)
                told.append(None)
        self._carry_out(submitted.effects, opened, has_more=has_more, footing=footing)
        return told

    def observe(self, evidence: Sequence[Evidence]) -> None:
        """Take in evidence; it waits for its turn while effects are being carried out, and if it is of bulks alone."""
        if self._inbox.put(evidence) and not self._is_busy:
            try:
                self._carry_out([])
            finally:
                if self._inbox.ready:  # behind one that met a bug of ours
                    self._time.soon(self._hear)

    def _hear(self) -> None:
        """Take in what stood back."""
        while self._inbox.ready and not self._is_busy:
            try:
                self._carry_out([])
            except Exception as error:  # noqa: BLE001 - afraid of our own bugs, as the gateway's `Teller` is
                self._our_fault("what stood back", error)

    def restore(self, case: Case, *, waits_for_identity: bool) -> None:
        """Take up a case of an earlier life."""
        for ticket in case.tickets.values():
            self.askers.expect(ticket.request, is_durable=True)
        self._carry_out(self.correlator.restore(case, self._clock.now(), waits_for_identity=waits_for_identity))

    def identified(self) -> None:
        """The key is known to be the old one: cases of earlier lives may go on."""
        self._carry_out(self.correlator.identified(self._clock.now()))

    def account_changed(self, detail: str) -> None:
        """The key belongs to another user now."""
        self._carry_out([fx.Alarm("account_changed", detail)])
        self._carry_out(self.correlator.account_changed(self._clock.now()))

    def knows(self, key: RequestKey) -> bool:
        """Whether a request's case is in memory, so that `submit` attaches to it."""
        return self.correlator.cases.of_request(key) is not None

    def say_all(self) -> None:
        """Let nothing that was heard or may be told wait: those who wait for it are about to leave."""
        self._inbox.let_all_come()
        self._hear()
        self._withheld.let_go()
        for finish in (self.askers.finish, self._aftermath.finish):
            try:
                finish()
            except ExceptionGroup as faults:
                for fault in faults.exceptions:
                    self._our_fault("the last words", fault)

    def stop(self) -> None:
        """Let no timer fire any more, and nothing that was heard or may be told wait."""
        self.say_all()
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        """Let time pass; after a time in which the host held us up, what came meanwhile is heard before.

        A listing stands back for a receipt that is being written, what is due beside it does not. A bug about one case
        costs no other, nor the next appointment.
        """
        now_us = self._clock.now()
        if self._hears_first(now_us):
            self._timer = self._time.later(HEAR_FIRST_S, self._tick)
            return
        stands_back = self.correlator.next_tick_us() == 0 and self._listing.stands_back()
        if stands_back and not self.correlator.is_due(now_us):
            self._timer = self._listing.again(self._time, self._tick)
            return
        self._timer = self._held_up_us = None
        try:
            effects = self.correlator.tick(now_us, reads_on=not stands_back)
        except Exception as error:  # noqa: BLE001 - afraid of our own bugs, as the gateway's `Teller` is
            self._our_fault("what was due", error)
            effects = self.correlator.take_effects()
        self._carry_out(effects)

    def _hears_first(self, now_us: int) -> bool:
        if self._held_up_us is None:
            is_late = now_us >= self._rings_us + LATE_US
            self._held_up_us = now_us if is_late else None
            return is_late
        return self.is_reading() and now_us < self._held_up_us + HEAR_FIRST_US_MAX

    # ------------------------------------------------------------ effects

    def _carry_out(
        self,
        effects: list[fx.Effect],
        opened: Sequence[RequestKey] = (),
        *,
        has_more: bool | None = None,
        footing: Footing | None = None,
    ) -> None:
        """Carry out effects, by which requests may be ``opened`` that wait for their commit; then what was heard."""
        if self._is_busy:
            raise RuntimeError("effects are carried out one turn at a time")
        self._is_busy = True
        try:
            if effects:
                self._turn(effects, opened, has_more=has_more, footing=footing)
            while self._inbox.ready:
                self._take_in()
        finally:
            self._is_busy = False
        self._set_timer()

    def _take_in(self) -> None:
        """Take in what is ready, in one turn; a bug about one piece costs no other."""
        now_us = self._clock.now()
        try:
            try:
                while self._inbox.ready:
                    evidence = self._inbox.ready.popleft()
                    if isinstance(evidence, CancelAnswered):
                        self._note_answer(evidence.send_id, now_us)
                    elif not isinstance(evidence, _OF_ORDERS):
                        self._note(evidence)
                    self.correlator.hear(evidence, now_us)
            finally:
                self.correlator.catch_up(now_us)
        finally:
            self._turn(self.correlator.take_effects())

    def _turn(
        self,
        effects: list[fx.Effect],
        opened: Sequence[RequestKey] = (),
        *,
        has_more: bool | None = None,
        footing: Footing | None = None,
    ) -> None:
        """One turn: the venue first, then the words and one group of records, then what is beside.

        Of requests that belong together (``has_more`` says whether others follow at once) the records wait for the last
        as long as nothing leaves for any of them. With a ``footing`` those ``opened`` wait for that.
        """
        has_left = False
        records: list[Record] = []
        progress: list[Progress] = []
        words: list[Word] = []
        beside: list[fx.Effect] = []
        now_us = self._clock.now()
        for effect in effects:  # `isinstance` takes a third of what `match` does, and a request has a dozen effects
            if isinstance(effect, Write):
                records.append(effect.record)
            elif isinstance(effect, Progress):
                progress.append(effect)
            elif isinstance(effect, _TO_VENUE):
                has_left = True
                effects += self._leave(effect)  # that is of this turn too
            elif isinstance(effect, Tell):
                report = self._numbered(effect)
                records.append(Concluded(now_us, effect.case, effect.key, report, effect.previous))
                words.append((effect, report))
            elif not isinstance(effect, fx.OrderNews) or self._publisher.has_order_watchers:
                beside.append(effect)
        late = self._say(progress, words)
        if records:
            # Only those are told of a commit for whom something waits: the others need no fsync of their own.
            by_it = opened if footing is None else ()
            waits = partial(self.askers.committed, by_it, late) if by_it or late else None
            if has_more and not has_left and not words:
                self._withheld.hold(records, waits)
            else:
                if self._withheld and (has_more is False or self._withheld.is_about(records)):
                    self._withheld.let_go()
                self._journal.append(records, waits)
            if footing is not None:
                footing.when_known(partial(self.askers.committed, opened, ()))
        for effect in beside:  # last, so that a fault there costs no record and no word
            self._do_beside(effect)

    def _say(self, progress: list[Progress], words: list[Word]) -> list[Word]:
        """Have said what there is to say; gives the words that wait for the commit of their own records."""
        late: list[Word] = []
        for made in progress:
            self.askers.progress(made.key, made.state)
        for tell, report in words:
            is_late = tell.after_commit or self._is_strict
            self.askers.tell(tell, report, is_late=is_late)
            if is_late:
                late.append((tell, report))
        return late

    def _leave(self, effect: fx.Send | fx.SendMany | fx.Ask) -> list[fx.Effect]:
        """Carry out what the venue sees; gives what follows from what is known of it at once."""
        if isinstance(effect, fx.Send):
            return self._departed(self._to_venue.send(effect.wire))
        if isinstance(effect, fx.SendMany):
            return self._departed(self._to_venue.send_batch(effect.wires, effect.everything))
        self._to_venue.ask(effect.question)
        return []

    def _departed(self, evidence: Sequence[Evidence]) -> list[fx.Effect]:
        """Hear what became of cancels that were to leave. A bug about one costs no other, and no record."""
        now_us = self._clock.now()
        for piece in evidence:
            try:
                self.correlator.hear(piece, now_us)
            except Exception as error:  # noqa: BLE001 - afraid of our own bugs, as the gateway's `Teller` is
                self._our_fault("what departed", error)
        return self.correlator.take_effects()

    def _is_pressed(self) -> bool:
        """Whether somebody waits for what this account has still to take in or to tell."""
        return self._inbox.is_behind or self.askers.is_behind

    def is_reading(self) -> bool:
        """Whether something came from the venue that is not read yet: others' answers may be among it."""
        return self._gateway is not None and self._gateway.is_behind

    def _do_beside(self, effect: fx.Effect) -> None:
        """Carry out what neither the venue nor the journal sees."""
        match effect:
            case fx.OrderNews(news):
                self._publisher.order(order_row(self.correlator.world, news))
            case fx.Suspect(road, why):
                self._to_venue.suspect(road, why)
            case fx.Alarm():
                self._alarm(effect)
            case fx.Listed(listing):
                self.on_listed(listing)

    @property
    def _to_venue(self) -> Gateway:
        if self._gateway is None:
            raise RuntimeError("a driver without a gateway")
        return self._gateway

    def _numbered(self, tell: Tell) -> Report:
        try:
            seq = self._journal.next_seq()
        except JournalError:
            return tell.report
        self._publisher.expect(seq)
        return msgspec.structs.replace(tell.report, seq=seq)

    def _set_timer(self) -> None:
        """Wake at the next appointment. A later one is found when an earlier one rings."""
        due_us = self.correlator.next_tick_us()
        if due_us is None or (self._timer is not None and self._timer_us <= due_us):
            return
        if self._timer is not None:
            self._timer.cancel()
        now_us = self._clock.now()
        self._timer_us, self._rings_us = due_us, max(due_us, now_us)
        self._timer = self._time.later(seconds_until(due_us, now_us), self._tick)

    # ------------------------------------------------------------ beside

    def _note(self, evidence: Evidence) -> None:
        """Take note of what is said of the account itself."""
        match evidence:
            case AccountIdentified() | AccountRefused():
                self.on_account(evidence)
            case RoadChanged(road, is_open, why):
                self._session(f"order_entry_{road.value}", "open" if is_open else "closed", why)
            case DropCopyChanged(state, why):
                self._session("drop_copy", state.value, why)
            case _:
                pass

    def _note_answer(self, send_id: SendId, now_us: int) -> None:
        """Count how long a wire cancel's first answer took."""
        case = self.correlator.cases.of_send(send_id)
        send = case.send_of(send_id) if case is not None else None
        if send is not None and send.forwarded_us is not None and send.answer is None:
            self.tally.acked(now_us - send.forwarded_us)

    def _our_fault(self, where: str, error: Exception) -> None:
        self._log.error("internal_error", where=where, kind=type(error).__name__)
        self.alarms.sound("internal_error", f"{where}: {type(error).__name__}")

    def _session(self, channel: str, state: str, detail: str) -> None:
        self.tally.changed(channel, state)
        self._publisher.session(SessionRow(self.correlator.world.account, channel, state, detail))

    def _alarm(self, alarm: fx.Alarm) -> None:
        if alarm.is_over:
            self.alarms.clear(alarm.name)
        else:
            self.alarms.sound(alarm.name, alarm.detail)
