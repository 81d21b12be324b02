"""A tiny world around one correlator, in domain verbs: clients ask, the venue speaks, links fall, time passes.

Nothing here decides anything about an order and nothing does I/O: effects are kept, and shown by readers. A verb about
a wire cancel means the oldest one not answered yet, one about a question the oldest open one, unless one is named.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

import msgspec

from daemon.core.correlator import Correlator
from daemon.core.departures import Departures
from daemon.core.effects import Alarm, Ask, Effect, OrderNews, Progress, Send, SendMany, Suspect, Tell, Write
from daemon.core.ids import Ids
from daemon.core.records import Caller, CancelRequest, Concluded, RequestKey
from daemon.core.recovery import dealings, rebuild
from daemon.core.world import World
from protocols.errors import BadRequest
from protocols.evidence import (
    Absence,
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    ClockMeasured,
    DropCopyChanged,
    DropCopyState,
    OrderReported,
    Proof,
    QuestionAnswered,
    QuestionFailed,
    Remedy,
    RoadChanged,
    Source,
    Step,
)
from protocols.fix import AccountName, ClientOrderId, OrderId, OrdStatus, Outcome, Priority, RequestId, Road
from tests.core.notes import Notes
from tests.core.shelf import Shelf
from tests.core.words import INSTRUMENT, T0, TRAITS, Said, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from daemon.core.book import Book
    from daemon.core.case import Case, Ticket
    from daemon.core.records import CaseId, Report
    from protocols.asks import Question, WireCancel
    from protocols.dialect import RateRule, Traits
    from protocols.evidence import Evidence
    from protocols.mass import Everything

ACCOUNT = AccountName("main")
UID = 1000
BOTH = (Road.WS, Road.REST)


@dataclass
class Sent:
    """A wire cancel as the outside sees it."""

    wire: WireCancel
    at_us: int
    case: CaseId
    is_open: bool = True
    is_in_flight: bool = True
    """Nothing is known of what became of it; a lost one may still be answered."""


@dataclass
class Put:
    """A question as the outside sees it."""

    question: Question
    at_us: int
    case: CaseId
    is_open: bool = True


@dataclass
class Story:
    """One account's life, or several lives of it."""

    traits: Traits = TRAITS
    roads: Iterable[Road] = BOTH
    drop_copy: DropCopyState = DropCopyState.LIVE
    open_max: int = 20_000
    book: Book | None = None
    now_us: int = T0
    sent: list[Sent] = field(default_factory=list)
    batches: list[list[Sent]] = field(default_factory=list)
    masses: list[list[Sent]] = field(default_factory=list)
    put: list[Put] = field(default_factory=list)
    told: dict[str, list[Tell]] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    suspected: list[Road] = field(default_factory=list)
    news: list[OrderReported] = field(default_factory=list)
    shelf: Shelf = field(default_factory=Shelf)
    noted: Notes = field(default_factory=Notes)
    """What left, as the next life finds it."""
    held: Ticket | None = None
    boot: int = 1
    refused: list[BadRequest] = field(default_factory=list)
    _names: int = 0
    _gathered: list[CancelRequest] | None = None

    def __post_init__(self) -> None:
        self.core = self._life()
        self._come_up(self.roads, self.drop_copy)

    @staticmethod
    def with_timings(traits: Traits = TRAITS, **changed: float) -> Story:
        """Begin a story at a venue with other timings."""
        return Story(msgspec.structs.replace(traits, timings=msgspec.structs.replace(traits.timings, **changed)))

    @staticmethod
    def with_rules(*rules: RateRule, **changed: float) -> Story:
        """Begin a story at a venue with published limits."""
        return Story.with_timings(msgspec.structs.replace(TRAITS, rate_rules=rules), **changed)

    def _life(self) -> Correlator:
        world = World(ACCOUNT, self.traits, self.traits.timings, clock_uncertainty_us=0, is_clock_measured=True)
        departures = Departures(self.noted, self.now_us)
        return Correlator(world, Ids(self.boot), open_max=self.open_max, book=self.book, departures=departures)

    def _come_up(self, roads: Iterable[Road], drop_copy: DropCopyState) -> None:
        for road in roads:
            self.see(RoadChanged(road, True))
        if drop_copy is not DropCopyState.DOWN:
            self.see(DropCopyChanged(drop_copy))
            for listing in self.open_questions():
                if not _is_about_an_order(listing.question):
                    self.answer(listing, ())

    # ------------------------------------------------------------ clients

    def submit(
        self,
        order: str | None = "o1",
        *,
        alias: str | None = None,
        name: str | None = None,
        deadline_ms: int | None = None,
        params: dict[str, str] | None = None,
        urgent: bool = False,
        instrument: str = INSTRUMENT,
        product: str = "",
        pid: int = 1,
    ) -> str:
        """Ask for a cancel, by order id, or by ``alias`` with ``order`` None; give the request's name."""
        if name is None:
            self._names += 1
            name = f"r{self._names}"
        request = CancelRequest(
            RequestKey(UID, ACCOUNT, RequestId(name)),
            Caller(UID, UID, pid),
            product,
            instrument,
            OrderId(order) if order is not None else None,
            ClientOrderId(alias) if alias is not None else None,
            self.now_us,
            self.now_us + deadline_ms * 1000 if deadline_ms is not None else None,
            Priority.URGENT if urgent else Priority.NORMAL,
            params or {},
        )
        if self._gathered is not None:
            self._gathered.append(request)
            return name
        submitted = self.core.submit(request, self.now_us)
        self.held = submitted.held
        self._take(submitted.effects)
        return name

    @contextmanager
    def together(self, *, has_more: bool = False, everything: Everything | None = None) -> Iterator[None]:
        """Submit all that is asked for inside as one."""
        self._gathered = []
        yield
        requests, self._gathered = self._gathered, None
        submitted = self.core.submit_many(requests, self.now_us, has_more=has_more, everything=everything)
        self.refused = [held for held in submitted.held if isinstance(held, BadRequest)]
        self._take(submitted.effects)

    def track(
        self, alias: str, order: str | None = None, placed_us: int | None = None, *, is_said: bool = True
    ) -> None:
        """Say that the client placed an order under a client id, and when, unless ``is_said`` is False."""
        placed = self.now_us if placed_us is None else placed_us
        order_id = OrderId(order) if order is not None else None
        self.core.track("", ClientOrderId(alias), order_id, placed, is_said=is_said)

    # ------------------------------------------------------------ the venue about an order

    def see(self, evidence: Evidence) -> None:
        """Let the core hear something."""
        self.core.hear(evidence, self.now_us)
        self.core.catch_up(self.now_us)
        self._take(self.core.take_effects())

    def push(self, status: OrdStatus | str, **how: Unpack[Said]) -> OrderReported:
        """Push an order's state."""
        pushed = report(status, **how)
        self.see(pushed)
        return pushed

    # ------------------------------------------------------------ the venue about a wire cancel

    def forward(self, sent: Sent | None = None) -> None:
        """Hand a wire cancel's bytes to the transport."""
        target = sent or self.open_sends()[0]
        self.see(CancelForwarded(target.wire.send_id, target.wire.road))

    def ack(self, sent: Sent | None = None, *, order: str | None = None) -> None:
        """Accept a wire cancel."""
        self.refuse(Proof.ACCEPTED, sent, order=order, code="0")

    def refuse(
        self,
        proof: Proof,
        sent: Sent | None = None,
        *,
        order: str | None = None,
        alias: str | None = None,
        code: str = "1",
        remedy: Remedy = Remedy.NONE,
    ) -> None:
        """Answer a wire cancel with a code that proves ``proof``."""
        target = sent or self.open_sends()[0]
        target.is_open = target.is_in_flight = False
        order_id = OrderId(order) if order is not None else None
        named = ClientOrderId(alias) if alias is not None else None
        wire, fields = target.wire, {"c": code}
        self.see(CancelAnswered(wire.send_id, wire.road, proof, code, "", order_id, named, remedy, fields))

    def lose_reply(self, sent: Sent | None = None) -> None:
        """Lose the answer to a wire cancel that was handed over; its answer may come late all the same."""
        target = sent or self.open_sends()[0]
        target.is_in_flight = False
        self.see(CancelLost(target.wire.send_id, target.wire.road, True, "link lost"))

    def never_left(self, sent: Sent | None = None) -> None:
        """Find out that no byte of a wire cancel left."""
        target = sent or self.open_sends()[0]
        target.is_open = target.is_in_flight = False
        self.see(CancelLost(target.wire.send_id, target.wire.road, False, "no road"))

    # ------------------------------------------------------------ the venue about a question

    def answer(
        self,
        put: Put | None,
        rows: Iterable[OrderReported],
        absence: Absence | None = None,
        *,
        complete: bool = True,
    ) -> None:
        """Answer a question with rows, or with none."""
        target = put or self.open_questions()[0]
        target.is_open = False
        asked = target.question
        self.see(QuestionAnswered(asked.query_id, asked.step, tuple(rows), absence, complete))

    def answer_live(self, put: Put | None = None, **how: Unpack[Said]) -> None:
        """Show the order live."""
        is_new = how.get("cum") in {None, "0"}
        self.answer_ended(OrdStatus.NEW if is_new else OrdStatus.PARTIALLY_FILLED, put, **how)

    def answer_ended(self, status: OrdStatus | str = "canceled", put: Put | None = None, **how: Unpack[Said]) -> None:
        """Show the order with a status, an ended one as a rule."""
        target = put or self.open_questions()[0]
        asked = target.question
        how.setdefault("order", asked.order_id or "o1")
        how.setdefault("alias", asked.client_order_id)
        how.setdefault("channel", asked.step.value)
        self.answer(target, [report(status, source=Source.QUERY, **how)])

    def answer_not_found(
        self, put: Put | None = None, *, absence: Absence = Absence.DENIES, complete: bool = True
    ) -> None:
        """Say that the asked order is not there."""
        self.answer(put, (), absence, complete=complete)

    def fail_question(self, put: Put | None = None, *, limited: bool = False) -> None:
        """Leave a question without an answer."""
        target = put or self.open_questions()[0]
        target.is_open = False
        self.see(QuestionFailed(target.question.query_id, target.question.step, "no answer", limited))

    def deny_a_round(self, absence: Absence = Absence.DENIES) -> None:
        """Answer "not found" to each question of the round under way, to its end."""
        walked = [put.question.step for put in self.open_questions()]
        assert walked, "no round is under way"
        for _ in range(len(self.traits.ladder) + 2):
            if not self.open_questions():
                return
            self.answer_not_found(absence=absence)
            self.tick()
        raise AssertionError("the round has no end")

    # ------------------------------------------------------------ links and clocks

    def cut_link(self, road: Road = Road.WS) -> None:
        """Close a road; what was in flight on it loses its answer."""
        self.see(RoadChanged(road, False))
        for sent in self.open_sends():
            if sent.wire.road is road and sent.is_in_flight:
                self.lose_reply(sent)

    def restore_link(self, road: Road = Road.WS) -> None:
        """Open a road."""
        self.see(RoadChanged(road, True))

    def drop_copy_is(self, state: DropCopyState) -> None:
        """Change what the stream of pushes is worth."""
        self.see(DropCopyChanged(state))

    def measure_clock(self, offset_ms: int, uncertainty_ms: int) -> None:
        """Measure the venue's clock against ours."""
        self.see(ClockMeasured(offset_ms * 1000, uncertainty_ms * 1000))

    # ------------------------------------------------------------ time

    def tick(self) -> None:
        """Let the timer fire if it is due."""
        due_us = self.core.next_tick_us()
        if due_us is not None and due_us <= self.now_us:
            self._take(self.core.tick(self.now_us))

    def run_to_next_timer(self) -> bool:
        """Let time pass until the next appointment; False when there is none."""
        due_us = self.core.next_tick_us()
        if due_us is None:
            return False
        self.now_us = max(self.now_us, due_us)
        self._take(self.core.tick(self.now_us))
        return True

    def advance(self, ms: float, answering: Callable[[], object] | None = None) -> None:
        """Let time pass, timers firing; with ``answering`` each question is answered so as soon as it is put."""
        end_us = self.now_us + int(ms * 1000)
        for _ in range(100_000):
            if answering is not None and self.open_questions():
                answering()
                continue
            due_us = self.core.next_tick_us()
            if due_us is None or due_us > end_us:
                self.now_us = end_us
                return
            self.run_to_next_timer()
        raise AssertionError("the timers never rest")

    # ------------------------------------------------------------ lives

    def restart(
        self,
        *,
        upto: int | None = None,
        roads: Iterable[Road] = BOTH,
        drop_copy: DropCopyState = DropCopyState.LIVE,
        waits_for_identity: bool = False,
    ) -> None:
        """End this life and begin the next one from the journal, of which the first ``upto`` records were committed."""
        found = self.shelf.found(upto)
        del self.shelf.records[len(self.shelf.records) if upto is None else upto :]
        for sent in self.sent:
            sent.is_open = False
        for put in self.put:
            put.is_open = False
        self.boot += 1
        self.core = self._life()
        self.core.recall(dealings(found), self.now_us)
        for case in found:
            rebuilt = rebuild(case, self.core.world, self.now_us)
            self._take(self.core.restore(rebuilt, self.now_us, waits_for_identity=waits_for_identity))
        self._come_up(roads, drop_copy)

    def change_account(self) -> None:
        """Find that the key belongs to another user now."""
        self._take(self.core.account_changed(self.now_us))

    def see_identified(self) -> None:
        """Find that the key is still the same user's."""
        self._take(self.core.identified(self.now_us))

    # ------------------------------------------------------------ readers

    def open_sends(self) -> list[Sent]:
        """Wire cancels that are not answered."""
        return [sent for sent in self.sent if sent.is_open]

    def open_questions(self) -> list[Put]:
        """Questions that are not answered."""
        return [put for put in self.put if put.is_open]

    @property
    def sends(self) -> list[WireCancel]:
        """All wire cancels so far."""
        return [sent.wire for sent in self.sent]

    @property
    def asked(self) -> list[Step]:
        """The steps of all questions about an order so far."""
        return [put.question.step for put in self.put if _is_about_an_order(put.question)]

    def outcome(self, name: str = "r1") -> Outcome | None:
        """The latest outcome that a request was told."""
        return self.report(name).outcome if self.told.get(name) else None

    def outcomes(self, name: str = "r1") -> list[Outcome]:
        """All that a request was told, corrections included."""
        return [tell.report.outcome for tell in self.told.get(name, [])]

    def report(self, name: str = "r1") -> Report:
        """The latest report that a request was told."""
        return self.told[name][-1].report

    def case(self, name: str = "r1") -> Case:
        """The case that works on a request."""
        case = self.core.cases.of_request(RequestKey(UID, ACCOUNT, RequestId(name)))
        assert case is not None, name
        return case

    def progress(self, name: str = "r1") -> list[str]:
        """The states of progress that a request was told."""
        return [e.state.value for e in self.effects if isinstance(e, Progress) and e.key.request_id == name]

    # ------------------------------------------------------------ inside

    def _take(self, effects: list[Effect]) -> None:
        for effect in effects:
            self.effects.append(effect)
            match effect:
                case Send(case, wire):
                    self.sent.append(Sent(wire, self.now_us, case))
                case SendMany(cases, wires, everything):
                    together = [Sent(wire, self.now_us, case) for case, wire in zip(cases, wires, strict=True)]
                    self.sent += together
                    (self.batches if everything is None else self.masses).append(together)
                case Ask(case, question):
                    self.put.append(Put(question, self.now_us, case))
                case Write(record):
                    self.shelf.put(record)
                case Tell():
                    self.told.setdefault(effect.key.request_id, []).append(effect)
                    concluded = Concluded(self.now_us, effect.case, effect.key, effect.report, effect.previous)
                    self.shelf.put(concluded)
                case Alarm():
                    if not effect.is_over:
                        self.alarms.append(effect.name)
                case Suspect():
                    self.suspected.append(effect.road)
                case OrderNews(told):
                    self.news.append(told)
                case _:
                    pass


def _is_about_an_order(question: Question) -> bool:
    return question.order_id is not None or question.client_order_id is not None
