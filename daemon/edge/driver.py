"""Carries out what the correlator wants, for one account: bytes out first, records beside, words when they may be told.

It decides nothing about orders. It knows three rules, all about time:

* what the venue sees (`Send`, `SendMany`, `Ask`) goes before anything else of the same turn and waits for nothing;
* no word about a request leaves before the request's own record is committed, and those words that could not be derived
  from the venue again (or, with strict durability, all) wait for their own commit too, and with them those after them:
  the words about a request are told in their order;
* when the journal fails, words are told all the same and say ``durable: false``.

Evidence that comes back while effects are being carried out waits until they are, so that records keep their order.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from daemon.core import effects as fx
from daemon.core.effects import Progress, Tell, Write
from daemon.core.records import Concluded, Previous, Record, Report, RequestKey, RequestOpened
from daemon.edge.aftermath import Aftermath
from daemon.edge.alarms import Alarms
from daemon.edge.clock import seconds_until
from daemon.edge.desk import Reattached, SessionRow
from daemon.edge.inbox import Inbox
from daemon.edge.inorder import InOrder
from daemon.edge.journal import JournalState
from daemon.edge.order_rows import order_row
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
from protocols.fix import RequestState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.core.case import Case, Ticket
    from daemon.core.correlator import Correlator
    from daemon.core.records import Caller, CancelRequest
    from daemon.core.sweep import Listing
    from daemon.edge.beside import Announcer, Gateway
    from daemon.edge.clock import Clock
    from daemon.edge.desk import ConnectionId, Sink
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Time, Timer
    from protocols.fix import SendId
    from protocols.mass import Everything

REMEMBERED_MAX: Final = 20_000
"""Requests whose words are kept in memory for those who ask again; the journal has the rest."""
_TO_VENUE = (fx.Send, fx.SendMany, fx.Ask)
_OF_ORDERS = (OrderReported, CancelAnswered, CancelForwarded, CancelLost)
"""Nearly all evidence; it says nothing about the account."""
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Told(msgspec.Struct, frozen=True, gc=False):
    """A word as it was told."""

    report: Report
    previous: Previous | None


class Waiting:
    """One request's listeners, and the words that wait for its record or for their own."""

    __slots__ = ("first_is_due", "held", "in_order", "is_durable", "recorded_us", "sinks", "told")

    def __init__(self) -> None:
        self.sinks: list[Sink] = []
        self.recorded_us: int | None = None
        self.is_durable: bool | None = None
        """Whether its record is committed; None while that is not known."""
        self.held: list[Callable[[], None]] = []
        self.told: list[Told] = []
        self.first_is_due = False
        """The first outcome is decided in this life and waits for a commit."""
        self.in_order: InOrder[Callable[[], None]] | None = None
        """Words that wait for their own commits, and those that wait for these, by revision; few requests have any."""


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
        self._aftermath = Aftermath(publisher, time, self._log)
        self.tally = self._aftermath.tally
        self.on_account: Callable[[AccountIdentified | AccountRefused], None] = lambda _: None
        self.on_listed: Callable[[Listing], None] = lambda _: None
        """Called in the midst of a turn: let it only take note."""
        self._journal = journal
        self._publisher = publisher
        self._clock = clock
        self._time = time
        self._is_strict = is_strict
        self._gateway: Gateway | None = None
        self._waiting: OrderedDict[RequestKey, Waiting] = OrderedDict()
        self._heard_by: dict[ConnectionId, set[RequestKey]] = {}
        self._inbox = Inbox(correlator.cases, time, self._hear)
        self._is_busy = False
        self._timer: Timer | None = None
        self._timer_us = 0

    def connect(self, gateway: Gateway) -> None:
        """Name the way to the venue. Once, before anything else."""
        self._gateway = gateway

    # ------------------------------------------------------------ inputs

    def submit(self, request: CancelRequest, sink: Sink) -> Ticket | None:
        """Take up a request, or attach ``sink`` to the one that holds its name. Raises `BadRequest`.

        Gives the ticket of a request whose first outcome was told in an earlier life: that is in the journal only.
        """
        submitted = self.correlator.submit(request, self._clock.now())
        waiting = self._waiting.get(request.key)
        if submitted.held is not None:
            return self._attach(submitted.held, waiting or self._wait_for(request.key, is_durable=True), sink)
        self._wait_for(request.key)
        self.listen(request.key, sink)
        self._carry_out(submitted.effects)
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
    ) -> list[Ticket | BadRequest | None]:
        """Take up several requests, each with its sink, which leave together as far as the venue lets them.

        Gives for each what `submit` gives, or the `BadRequest` that it would raise. ``has_more`` says that others of
        their kind follow at once: what is no full batch yet waits a moment for them. ``everything`` says of which scope
        they are all that rests; see `Correlator.submit_many`.
        """
        requests = [request for request, _ in wishes]
        now_us = self._clock.now()
        submitted = self.correlator.submit_many(requests, now_us, has_more=has_more, everything=everything)
        told: list[Ticket | BadRequest | None] = []
        for (request, sink), held in zip(wishes, submitted.held, strict=True):
            if isinstance(held, BadRequest):
                told.append(held)
            elif held is not None:
                waiting = self._waiting.get(request.key)
                told.append(self._attach(held, waiting or self._wait_for(request.key, is_durable=True), sink))
            else:
                self._wait_for(request.key)
                self.listen(request.key, sink)
                told.append(None)
        self._carry_out(submitted.effects)
        return told

    def observe(self, evidence: Evidence) -> None:
        """Take in evidence; it waits for its turn while effects are being carried out, and if it is of bulks alone."""
        if self._inbox.put(evidence) and not self._is_busy:
            self._carry_out([])

    def _hear(self) -> None:
        """Take in what stood back."""
        while self._inbox.ready and not self._is_busy:
            try:
                self._carry_out([])
            except Exception as error:  # noqa: BLE001 - afraid of our own bugs, as the gateway's `Teller` is
                self._log.error("internal_error", where="what stood back", kind=type(error).__name__)
                self.alarms.sound("internal_error", f"what stood back: {type(error).__name__}")

    def restore(self, case: Case, *, waits_for_identity: bool) -> None:
        """Take up a case of an earlier life."""
        for ticket in case.tickets.values():
            self._wait_for(ticket.request.key, is_durable=True)
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

    def told_after(self, key: RequestKey, revision: int) -> list[Told]:
        """Give the words about a request that are newer than a revision, as far as this life told them."""
        waiting = self._waiting.get(key)
        return [] if waiting is None else [told for told in waiting.told if told.report.revision > revision]

    def listen(self, key: RequestKey, sink: Sink) -> None:
        """Have ``sink`` told what is still to be said of a request."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.sinks.append(sink)
            self._heard_by.setdefault(sink.connection, set()).add(key)

    def drop(self, connection: ConnectionId) -> None:
        """Forget a client: its requests go on."""
        for key in self._heard_by.pop(connection, ()):
            waiting = self._waiting.get(key)
            if waiting is not None:
                waiting.sinks = [sink for sink in waiting.sinks if sink.connection != connection]

    def stop(self) -> None:
        """Let no timer fire any more, and nothing that was heard wait."""
        self._inbox.let_all_come()
        self._hear()
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self._timer = None
        self._carry_out(self.correlator.tick(self._clock.now()))

    # ------------------------------------------------------------ effects

    def _carry_out(self, effects: list[fx.Effect]) -> None:
        if self._is_busy:
            raise RuntimeError("effects are carried out one turn at a time")
        self._is_busy = True
        try:
            self._turn(effects)
            while self._inbox.ready:
                self._take_in()
        finally:
            self._is_busy = False
        self._set_timer()

    def _take_in(self) -> None:
        """Take in what is ready, in one turn; a bug about one piece costs no other."""
        effects: list[fx.Effect] = []
        now_us = self._clock.now()
        try:
            while self._inbox.ready:
                evidence = self._inbox.ready.popleft()
                self._note(evidence)
                effects += self.correlator.observe(evidence, now_us)
        finally:
            self._turn(effects)

    def _turn(self, effects: list[fx.Effect]) -> None:
        """One turn: the venue first, then the words and one group of records, then what is beside."""
        for effect in effects:
            if isinstance(effect, _TO_VENUE):
                self._leave(effect)
        records: list[Record] = []
        opened: list[RequestKey] = []
        late: list[tuple[Tell, Report]] = []
        beside: list[fx.Effect] = []
        for effect in effects:  # `isinstance` takes a third of what `match` does, and a request has a dozen effects
            if isinstance(effect, Write):
                records.append(effect.record)
                if isinstance(effect.record, RequestOpened):
                    opened.append(effect.record.request.key)
            elif isinstance(effect, Progress):
                self._tell_progress(effect.key, effect.state)
            elif isinstance(effect, Tell):
                report = self._numbered(effect)
                is_late = effect.after_commit or self._is_strict
                self._note_due(effect, is_late=is_late)
                records.append(Concluded(self._clock.now(), effect.case, effect.key, report, effect.previous))
                if is_late:
                    late.append((effect, report))
                else:
                    self._when_recorded(effect.key, partial(self._tell, effect, report))
            elif not isinstance(effect, _TO_VENUE):
                beside.append(effect)
        if records:
            # Only those are told of a commit for whom something waits: the others need no fsync of their own.
            self._journal.append(records, partial(self._committed, opened, late) if opened or late else None)
        for effect in beside:  # last, so that a fault there costs no record and no word
            self._do_beside(effect)

    def _leave(self, effect: fx.Send | fx.SendMany | fx.Ask) -> None:
        """Carry out what the venue sees."""
        if isinstance(effect, fx.Send):
            self._to_venue.send(effect.wire)
        elif isinstance(effect, fx.SendMany):
            self._to_venue.send_batch(effect.wires, effect.everything)
        else:
            self._to_venue.ask(effect.question)

    def _do_beside(self, effect: fx.Effect) -> None:
        """Carry out what neither the venue nor the journal sees."""
        match effect:
            case fx.OrderNews(news):
                if self._publisher.has_order_watchers:
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

    def _committed(self, opened: list[RequestKey], late: list[tuple[Tell, Report]], is_durable: bool) -> None:
        now_us = self._clock.now()
        for key in opened:
            waiting = self._waiting.get(key)
            if waiting is None:
                continue
            waiting.is_durable = is_durable
            if is_durable:
                waiting.recorded_us = now_us
                self._tell_progress(key, RequestState.RECORDED)
            held, waiting.held = waiting.held, []
            for word in held:
                word()
        for tell, report in late:
            self._tell(tell, report, is_committed=is_durable)

    def _when_recorded(self, key: RequestKey, word: Callable[[], None]) -> None:
        waiting = self._waiting.get(key)
        if waiting is not None and waiting.is_durable is None:
            waiting.held.append(word)
        else:
            word()

    def _set_timer(self) -> None:
        """Wake at the next appointment. A later one is found when an earlier one rings."""
        due_us = self.correlator.next_tick_us()
        if due_us is None or (self._timer is not None and self._timer_us <= due_us):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_us = due_us
        self._timer = self._time.later(seconds_until(due_us, self._clock.now()), self._tick)

    # ------------------------------------------------------------ words

    def _wait_for(self, key: RequestKey, *, is_durable: bool | None = None) -> Waiting:
        waiting = Waiting()
        waiting.is_durable = is_durable
        self._waiting[key] = waiting
        self._waiting.move_to_end(key)
        self._forget_the_oldest()
        return waiting

    def _forget_the_oldest(self) -> None:
        """Keep the memory of words bounded: of those who have their outcome, the oldest go."""
        excess = len(self._waiting) - REMEMBERED_MAX
        if excess <= 0:
            return
        answered = (key for key, waiting in self._waiting.items() if waiting.told and not waiting.in_order)
        for key in list(islice(answered, excess)):
            for sink in self._waiting.pop(key).sinks:
                self._heard_by.get(sink.connection, set()).discard(key)

    def _note_due(self, tell: Tell, *, is_late: bool) -> None:
        waiting = self._waiting.get(tell.key)
        if waiting is None:
            return
        if tell.previous is None:
            waiting.first_is_due = True
        if is_late or waiting.in_order:
            waiting.in_order = waiting.in_order or InOrder()
            waiting.in_order.expect(tell.report.revision)

    def _attach(self, ticket: Ticket, waiting: Waiting, sink: Sink) -> Ticket | None:
        has_first = waiting.first_is_due or (bool(waiting.told) and waiting.told[0].previous is None)
        if ticket.told is not None and not has_first:
            return ticket
        if waiting.told:
            first, *later = waiting.told
            corrections = tuple((told.report, told.previous) for told in later if told.previous is not None)
            sink.result(first.report, Reattached(waiting.told[-1].report, corrections))
        self.listen(ticket.request.key, sink)
        return None

    def _tell_progress(self, key: RequestKey, state: RequestState) -> None:
        """Tell how far a request has come, once its record is committed, and nothing after its outcome."""
        waiting = self._waiting.get(key)
        if waiting is None or waiting.told or waiting.is_durable is False:
            return
        if waiting.is_durable is None:
            waiting.held.append(partial(self._tell_progress, key, state))
            return
        for sink in waiting.sinks:
            sink.progress(key.request_id, state)

    def _tell(self, tell: Tell, report: Report, *, is_committed: bool | None = None) -> None:
        """Tell a word as soon as those before it about the same request are told."""
        waiting = self._waiting.get(tell.key)
        if waiting is None or not waiting.in_order:
            self._say(tell, report, is_committed=is_committed)
            return
        for word in waiting.in_order.ready(
            report.revision, partial(self._say, tell, report, is_committed=is_committed)
        ):
            word()

    def _say(self, tell: Tell, report: Report, *, is_committed: bool | None) -> None:
        """Tell a word. ``is_committed`` None: it is told on the strength of the request's receipt.

        While the journal fails no word is called durable, since what it rests on is not written down.
        """
        waiting = self._waiting.get(tell.key)
        receipt = waiting.is_durable is not False if waiting is not None else True
        is_durable = receipt and self._journal.state is JournalState.OK if is_committed is None else is_committed
        times = msgspec.structs.replace(
            report.times, recorded=waiting.recorded_us if waiting else None, reported=self._clock.now()
        )
        final = msgspec.structs.replace(report, durable=is_durable, times=times)
        if waiting is not None:
            waiting.first_is_due = waiting.first_is_due and tell.previous is not None
            waiting.told.append(Told(final, tell.previous))
            for sink in waiting.sinks:
                if tell.previous is None:
                    sink.result(final)
                else:
                    sink.correction(final, tell.previous)
        self._aftermath.of(tell.key, self._caller_of(tell.key), final, tell.previous)

    def _caller_of(self, key: RequestKey) -> Caller | None:
        case = self.correlator.cases.of_request(key)
        ticket = case.tickets.get(key) if case is not None else None
        return ticket.request.caller if ticket is not None else None

    # ------------------------------------------------------------ beside

    def _note(self, evidence: Evidence) -> None:
        if isinstance(evidence, CancelAnswered):
            self._note_answer(evidence.send_id)
        if isinstance(evidence, _OF_ORDERS):
            return
        match evidence:
            case AccountIdentified() | AccountRefused():
                self.on_account(evidence)
            case RoadChanged(road, is_open, why):
                self._session(f"order_entry_{road.value}", "open" if is_open else "closed", why)
            case DropCopyChanged(state, why):
                self._session("drop_copy", state.value, why)
            case _:
                pass

    def _note_answer(self, send_id: SendId) -> None:
        """Count how long a wire cancel's first answer took."""
        case = self.correlator.cases.of_send(send_id)
        send = case.send_of(send_id) if case is not None else None
        if send is not None and send.forwarded_us is not None and send.answer is None:
            self.tally.acked(self._clock.now() - send.forwarded_us)

    def _session(self, channel: str, state: str, detail: str) -> None:
        self.tally.changed(channel, state)
        self._publisher.session(SessionRow(self.correlator.world.account, channel, state, detail))

    def _alarm(self, alarm: fx.Alarm) -> None:
        if alarm.is_over:
            self.alarms.clear(alarm.name)
        else:
            self.alarms.sound(alarm.name, alarm.detail)
