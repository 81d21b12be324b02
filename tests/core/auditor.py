"""An auditor of one request: it hears what the core hears, sees what it does, and holds each deed against the rules.

It shares no code with what it checks. It keeps its own short book of facts (which wire cancels left and what came of
them, which reports were given, which questions were answered how), and says by `Breach` which rule an outcome, a
correction, a wire cancel or a strike breaks. ``facts`` is that book with times relative to now: it tells states apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from daemon.core.effects import Ask, Effect, Send, SendMany, Tell, Write
from daemon.core.records import Moved, Observed, RequestOpened, Struck
from protocols.evidence import (
    Absence,
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    OrderReported,
    Proof,
    QuestionAnswered,
    Source,
    Step,
)
from protocols.fix import TERMINAL, OrdStatus, Outcome

if TYPE_CHECKING:
    from daemon.core.records import CancelRequest
    from protocols.asks import Question, WireCancel
    from protocols.dialect import Timings
    from protocols.evidence import Evidence

UNCHANGED: Final = {Proof.UNCHANGED_RETRY, Proof.UNCHANGED_FINAL}
SENDS_MAX: Final = 40


class Breach(AssertionError):
    """A rule was broken."""


@dataclass
class Frame:
    """A wire cancel."""

    wire: WireCancel
    made_us: int
    life: int
    forwarded: bool = False
    never_left: bool = False
    proof: Proof | None = None
    last_us: int = 0
    """When it was answered or lost, else when it was made."""


@dataclass
class Heard:
    """A report about an order, with when it came and, for an answer, when it was asked for."""

    piece: OrderReported
    at_us: int
    asked_us: int | None


@dataclass
class Auditor:
    """The book of one request and of the orders that it may mean."""

    request: CancelRequest
    timings: Timings
    life: int = 1
    life_began_us: int = 0
    frames: dict[str, Frame] = field(default_factory=dict)
    questions: dict[str, tuple[Question, int]] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    acked_orders: set[str] = field(default_factory=set)
    listings: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    """Complete listings of open orders: when each was asked for, and the client ids and order ids of orders on it that
    were there when the request was made."""
    denials: list[int] = field(default_factory=list)
    """When each question for the order was asked that was answered "not found, and I would know"."""
    case: str = ""
    written: dict[str, set[str]] = field(default_factory=dict)
    """What was written down as seen, by case; ``case`` is the request's own."""
    answered_this_life: bool = False
    told: list[Tell] = field(default_factory=list)

    # ------------------------------------------------------------ hearing

    def hear(self, evidence: Evidence, now_us: int) -> None:
        """Take note of what the core is about to hear."""
        match evidence:
            case OrderReported():
                self._note(evidence, now_us, None)
            case CancelForwarded():
                self.frames[evidence.send_id].forwarded = True
            case CancelLost():
                frame = self.frames[evidence.send_id]
                if frame.proof is None:
                    frame.never_left = not evidence.handed_over and not frame.forwarded
                    frame.last_us = now_us
            case CancelAnswered():
                self._answered(evidence, now_us)
            case QuestionAnswered():
                self._question_answered(evidence, now_us)
            case _:
                pass

    def restarted(self, now_us: int) -> None:
        """A new life of the daemon began: what was in flight is lost."""
        self.life += 1
        self.life_began_us = now_us
        self.answered_this_life = False
        self.questions.clear()
        # What was not written down in the request's own case is not known to the next life.
        known = self.written.get(self.case, set())
        self.heard = [h for h in self.heard if h.piece.frame is not None and h.piece.frame.digest in known]
        for frame in self.frames.values():
            if frame.proof is None and not frame.never_left:
                frame.last_us = now_us

    def _answered(self, answer: CancelAnswered, now_us: int) -> None:
        frame = self.frames[answer.send_id]
        if frame.proof in {None, Proof.UNKNOWN}:
            frame.proof, frame.last_us, frame.never_left = answer.proof, now_us, False
        if answer.order_id is not None and frame.wire.order_id is None:
            self.acked_orders.add(answer.order_id)

    def _question_answered(self, answer: QuestionAnswered, now_us: int) -> None:
        question, asked_us = self.questions.pop(answer.query_id)
        self.answered_this_life = True
        for row in answer.reports:
            self._note(row, now_us, asked_us)
        if answer.step is Step.OPEN_ORDERS and answer.complete:
            live = [row for row in answer.reports if row.status not in TERMINAL and not self._is_newer(row)]
            names = {str(row.client_order_id) for row in live} | {row.order_id for row in live}
            self.listings.append((asked_us, frozenset(names)))
        about = {question.order_id, question.client_order_id} - {None}
        is_shown = any({row.order_id, row.client_order_id} & about for row in answer.reports)
        if answer.step is Step.ORDER and answer.absence is Absence.DENIES and not is_shown:
            self.denials.append(asked_us)

    def _is_newer(self, piece: OrderReported) -> bool:
        """Whether an order was created after the request."""
        return piece.created_ms is not None and piece.created_ms > -(-self.request.received_us // 1000)

    def _note(self, piece: OrderReported, now_us: int, asked_us: int | None) -> None:
        self.heard.append(Heard(piece, now_us, asked_us))

    # ------------------------------------------------------------ watching

    def watch(self, effects: list[Effect], now_us: int) -> None:
        """Hold each deed against the rules."""
        for effect in effects:
            match effect:
                case Ask(_, question):
                    self.questions[question.query_id] = (question, now_us)
                case Send(_, wire):
                    self._take_send(wire, now_us)
                case SendMany(_, wires, _):
                    for wire in wires:
                        self._take_send(wire, now_us)
                case Tell():
                    self._check_word(effect, now_us)
                    self.told.append(effect)
                case Write(Struck() as struck):
                    self._check_strike(struck, now_us)
                case Write(Observed(case=case, report=piece)):
                    digest = piece.frame.digest if piece.frame is not None else ""
                    self.written.setdefault(case, set()).add(digest)
                case Write(RequestOpened(case=case) | Moved(into=case)):
                    self.case = case
                case _:
                    pass

    def check_all_is_told(self) -> None:
        """After an event: what is known of the order's end has been told, whole."""
        order_id = self.request.order_id
        ends = {h.piece.status for h in self._about(order_id) if h.piece.is_state} & TERMINAL
        if order_id is None or not ends or self._is_not_sent:
            return
        known = [h.piece.cum_qty for h in self._about(order_id) if h.piece.cum_qty is not None]
        outcome = Outcome.FILLED if OrdStatus.FILLED in ends else Outcome.CANCELED
        last = self.told[-1].report if self.told else None
        is_told = last is not None and (last.outcome, last.cum_qty) == (outcome, max(known, default=None))
        _require(is_told, "the end of an order is told at once", (outcome, known))

    @property
    def _is_not_sent(self) -> bool:
        return bool(self.told) and self.told[-1].report.outcome is Outcome.NOT_SENT

    # ------------------------------------------------------------ outcomes

    def _check_word(self, tell: Tell, now_us: int) -> None:
        report, previous = tell.report, tell.previous
        last = self.told[-1].report if self.told else None
        _require(report.revision == len(self.told), "corrections are numbered 1, 2, 3", report.revision)
        _require((previous is None) == (last is None), "one first outcome", report.outcome)
        if last is not None and previous is not None:
            same = (previous.outcome, previous.cum_qty) == (last.outcome, last.cum_qty)
            _require(same, "a correction names what was said before", previous)
        order_id = self._meant(report.order_id)
        ends = {h.piece.status for h in self._about(order_id) if h.piece.is_state} & TERMINAL
        known = [h.piece.cum_qty for h in self._about(order_id) if h.piece.cum_qty is not None]
        _require(report.cum_qty == max(known, default=None), "cum_qty is the largest credible one", report.cum_qty)
        match report.outcome:
            case Outcome.FILLED:
                _require(OrdStatus.FILLED in ends, "filled only on evidence", ends)
            case Outcome.CANCELED:
                _require(bool(ends) and OrdStatus.FILLED not in ends, "canceled only on evidence", ends)
            case Outcome.REJECTED:
                _require(not ends, "rejected only while live", ends)
                self._check_rejected(order_id, now_us)
            case Outcome.UNKNOWN_ORDER:
                self._check_unknown_order(order_id)
            case Outcome.NOT_SENT:
                self._check_not_sent(now_us)
            case Outcome.IN_DOUBT:
                _require(not ends, "in doubt only without terminal evidence", ends)
                began_us = max(self.request.received_us, self.life_began_us)
                is_late = now_us >= began_us + int(self.timings.horizon_s * 1_000_000)
                _require(is_late or self._takes_back(order_id), "in doubt only from the horizon on", now_us - began_us)

    def _takes_back(self, order_id: str | None) -> bool:
        """Whether the last word has lost its ground."""
        was = self.told[-1].report.outcome if self.told else None
        if was is Outcome.UNKNOWN_ORDER:
            return bool(self._about(order_id))
        return was in {Outcome.CANCELED, Outcome.FILLED} or was is Outcome.IN_DOUBT

    def _left(self) -> list[Frame]:
        return [frame for frame in self.frames.values() if not frame.never_left]

    def _check_rejected(self, order_id: str | None, now_us: int) -> None:
        left = self._left()
        _require(bool(left), "rejected only after a cancel left", left)
        _require(all(frame.proof in UNCHANGED for frame in left), "rejected only if all were unchanged", left)
        if left[-1].proof is Proof.UNCHANGED_RETRY:
            _require(not self._may_repeat(now_us), "rejected only when retrying is used up", len(left))
        pushes = [h.at_us for h in self._about(order_id) if h.piece.source is Source.PUSH]
        since_us = max([*(frame.last_us for frame in left), *pushes]) + self._lag_us
        shown = [h.asked_us for h in self._about(order_id) if h.asked_us is not None and h.piece.status not in TERMINAL]
        _require(any(asked >= since_us for asked in shown), "rejected only on a late enough live answer", shown)

    def _check_unknown_order(self, order_id: str | None) -> None:
        _require(not self._about(order_id), "unknown_order only if it never was seen", order_id)
        left = self._left()
        _require(bool(left), "unknown_order only after a cancel left", left)
        rounds = [at for at in self.denials if at >= left[0].made_us]
        since_us = max(frame.last_us for frame in left) + self._lag_us
        names = {self.request.order_id, self.request.client_order_id, order_id} - {None}
        is_proven = any(
            second >= max(first + self._lag_us, since_us)
            and any(asked >= second and not names & listed for asked, listed in self.listings)
            for first in rounds
            for second in rounds
        )
        _require(is_proven, "unknown_order only after two denials a lag apart and a listing", rounds)

    def _check_not_sent(self, now_us: int) -> None:
        deadline_us = self.request.deadline_us
        _require(deadline_us is not None and now_us >= deadline_us, "not_sent only past the deadline", deadline_us)
        _require(self.life == 1, "not_sent never for a request of an earlier life", self.life)
        _require(not self._left(), "not_sent only if nothing left", self._left())

    # ------------------------------------------------------------ wire cancels

    def _take_send(self, wire: WireCancel, now_us: int) -> None:
        self._check_send(wire, now_us)
        self.frames[wire.send_id] = Frame(wire, now_us, self.life, last_us=now_us)

    def _check_send(self, wire: WireCancel, now_us: int) -> None:
        request = self.request
        _require(request.deadline_us is None or now_us < request.deadline_us, "no send past the deadline", now_us)
        ends = {h.piece.status for h in self._about(wire.order_id)} & TERMINAL
        _require(wire.order_id is None or not ends, "no send for an order that ended", ends)
        _require(self.life == 1 or self.answered_this_life, "a new life asks before it sends", self.life)
        if request.order_id is None and wire.order_id is not None:
            self._check_binding(wire.order_id)
        left = self._left()
        if not left and self.life == 1:
            return
        _require(all(f.proof is not Proof.IN_PROGRESS for f in left), "no send while one is in progress", left)
        _require(len(left) < SENDS_MAX, "no more sends than the bound", len(left))
        _require(self._is_young(now_us), "no second send for an old request", now_us)
        gap_us = self.timings.per_order_gap_ms * 1000
        _require(not left or now_us >= left[-1].made_us + gap_us, "no send inside the gap", now_us)
        _require(wire.order_id is not None, "nothing is sent again by client id", wire)

    def _is_young(self, now_us: int) -> bool:
        return now_us < self.request.received_us + int(self.timings.resend_max_age_s * 1_000_000)

    def _may_repeat(self, now_us: int) -> bool:
        deadline_us = self.request.deadline_us
        in_time = deadline_us is None or now_us < deadline_us
        return in_time and self._is_young(now_us) and len(self._left()) < SENDS_MAX

    # ------------------------------------------------------------ evidence

    @property
    def _lag_us(self) -> int:
        return self.timings.replica_lag_ms * 1000

    def _meant(self, order_id: str | None) -> str | None:
        """The order that a word is about; by client id its binding has to be sound."""
        if self.request.order_id is None and order_id is not None:
            self._check_binding(order_id)
        return self.request.order_id or order_id

    def _about(self, order_id: str | None) -> list[Heard]:
        return [h for h in self.heard if h.piece.order_id == order_id]

    def _check_binding(self, order_id: str | None) -> None:
        if order_id in self.acked_orders:
            return
        alias = self.request.client_order_id
        naming = [
            h
            for h in self._about(order_id)
            if h.piece.client_order_id == alias and h.piece.created_ms is not None and not self._is_newer(h.piece)
        ]
        _require(bool(naming), "a client id is bound only to an order as old as the request", order_id)
        if all(self._may_be_older(h) for h in naming):
            first_us = min(h.at_us for h in naming)
            closed = any(asked >= first_us and str(alias) not in listed for asked, listed in self.listings)
            _require(closed, "an order that ended before counts only after a listing", order_id)

    def _may_be_older(self, heard: Heard) -> bool:
        left = self._left()
        if heard.piece.status not in TERMINAL:
            return False
        if not left or heard.piece.updated_ms is None:
            return True
        return heard.piece.updated_ms < -(-left[0].made_us // 1000)

    def _check_strike(self, struck: Struck, now_us: int) -> None:
        doomed = [h for h in self.heard if h.piece.frame is not None and h.piece.frame.digest == struck.digest]
        _require(bool(doomed), "only what was heard is struck", struck.digest)
        order_id = doomed[0].piece.order_id
        rest = [h for h in self._about(order_id) if h not in doomed]
        words = [h.at_us for h in doomed] + [h.at_us for h in rest if h.piece.source is Source.PUSH]
        is_fill = doomed[0].piece.status is OrdStatus.FILLED
        against = [
            h.asked_us
            for h in rest
            if h.asked_us is not None
            and (h.piece.status not in TERMINAL or (h.piece.status is OrdStatus.FILLED) != is_fill)
        ]
        late = [asked for asked in against if asked >= max(words) + self._lag_us]
        _require(bool(late), "evidence is struck only by a late enough answer", (words, against, now_us))
        self.heard = [h for h in self.heard if h not in doomed]

    # ------------------------------------------------------------ telling states apart

    def facts(self, now_us: int) -> tuple[object, ...]:
        """Give the book, with times relative to now."""
        return (
            self.life,
            self.life_began_us - now_us,
            self._frames(now_us),
            tuple((question.step, asked - now_us) for question, asked in self.questions.values()),
            tuple(sorted({_said(h, now_us) for h in self.heard})),
            tuple(sorted(self.acked_orders)),
            tuple(sorted({(asked - now_us, tuple(sorted(listed))) for asked, listed in self.listings})),
            tuple(sorted({asked - now_us for asked in self.denials})),
            self.answered_this_life,
            tuple((t.report.outcome, str(t.report.cum_qty)) for t in self.told[-1:]),
            len(self.told),
        )

    def _frames(self, now_us: int) -> tuple[object, ...]:
        """Of frames that are done with only count what they prove together, how many there are, and the last one."""
        left = self._left()
        waiting = [
            (f.wire.road, f.made_us - now_us, f.life)
            for f in self.frames.values()
            if f.proof is None and not f.never_left
        ]
        last = (left[-1].proof, left[-1].made_us - now_us) if left else None
        first = left[0].made_us - now_us if left else 0
        times = max((f.last_us for f in left), default=now_us) - now_us
        return tuple(waiting), frozenset(f.proof for f in left), len(left), first, last, times


def _said(heard: Heard, now_us: int) -> tuple[str, int, int]:
    digest = heard.piece.frame.digest if heard.piece.frame is not None else ""
    return digest, heard.at_us - now_us, heard.asked_us - now_us if heard.asked_us is not None else 1


def _require(is_so: bool, rule: str, detail: object) -> None:
    if not is_so:
        raise Breach(f"{rule}: {detail}")
