"""Where cases are worked on: what policy wants done is done here, as far as the rate budgets let it, and else waits.

`work` looks at one case as it stands and emits the effects that follow. What cannot go for want of budget stands in a
line of its kind and is let through when a slot comes free, the urgent first, then client by client; cancels then leave
together where that is sooner (`daemon.core.dispatch`). What only time can change gets an appointment. The bench also
asks for the account-wide listings of a resync.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from daemon.core import answers, policy, shortcuts, telling
from daemon.core.agenda import Agenda
from daemon.core.case import Asked, Case, SendState, Ticket, is_settled
from daemon.core.casefile import has_work_left
from daemon.core.effects import Ask, Effect, Suspect, Tell, Write
from daemon.core.limits import Limits
from daemon.core.lines import Line
from daemon.core.records import Asked as AskedRecord
from daemon.core.records import AskFailed, CaseId
from daemon.core.sending import Sending, name_of, party_of
from protocols.asks import Question, WireCancel
from protocols.evidence import QuestionAnswered, QuestionFailed, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from daemon.core.buckets import BucketKey, Buckets
    from daemon.core.casefile import CaseFile
    from daemon.core.departures import Departures
    from daemon.core.ids import Ids
    from daemon.core.order_view import Verdict
    from daemon.core.policy import Conclusion
    from daemon.core.records import Dealing
    from daemon.core.world import World
    from protocols.evidence import CancelAnswered
    from protocols.fix import QueryId, SendId
    from protocols.mass import Everything

LISTING_RETRY_US: Final = 1_000_000
"""Between two tries at the listing of a resync."""
KEEP_CLOSED_US: Final = 3_600_000_000
"""Closed cases stay this long in memory, for corrections and for those who ask again; the journal has them longer."""
TURN_MAX: Final = 25
"""Cases worked on in one turn: about two milliseconds, in which a new cancel may have to wait."""
QUESTIONS_MAX: Final = 20
"""Questions about orders under way at once, below what the gateway takes, so that none is turned away and has to back
off: who is one too many stands in line."""
CONFIRMATIONS_MAX: Final = 10
"""Past so many none is put that only confirms an end: after a restart there may be thousands of those, and a request
without an outcome must not wait behind them."""
ASKING, CONFIRMING = 2, 3
"""The ranks of questions."""
QUESTIONS_LOOK_US: Final = 100_000
"""When a line of questions is looked at again while too many are under way; each answer lets one go at once."""
UNHEARD_LOOK_US: Final = 10_000
"""When a case is looked at again of which evidence came that is not taken in yet: it takes a tenth of a second."""
TIDY_US: Final = 60_000_000
"""Between two looks for rate buckets that nothing leaves through any more."""
_LISTING: Final = CaseId("")
_CANCELS: Final[BucketKey] = "", ""


class Bench:
    """Works on the cases of one account and gathers effects in ``out``."""

    def __init__(
        self,
        world: World,
        cases: CaseFile,
        ids: Ids,
        address: Buckets | None = None,
        departures: Departures | None = None,
    ) -> None:
        self.out: list[Effect] = []
        self._world = world
        self._cases = cases
        self._ids = ids
        self._limits = Limits(world, address, departures)
        self._sending = Sending(
            world, cases, ids, self._limits, self.out.append, self._appoint_cancels, self.work, self._settle
        )
        self._agenda: Agenda[CaseId | BucketKey] = Agenda()
        self.next_us = self._agenda.next_us
        self._lines: dict[BucketKey, Line[CaseId]] = {}
        self._let_through: tuple[BucketKey, CaseId] | None = None
        self._listing: tuple[QueryId, int] | None = None
        self._listing_again = False
        self._later: dict[CaseId, Case] = {}
        self._listing_waits = False
        """For a slot: it goes before every question that shares one of its limits."""
        self._tidy_us = 0

    # ------------------------------------------------------------ inputs

    def take_effects(self) -> list[Effect]:
        """Hand over what was gathered."""
        effects = self.out.copy()
        self.out.clear()  # the list stays: others add to it too
        return effects

    def _appoint_cancels(self, at_us: int | None) -> None:
        self._agenda.set(_CANCELS, at_us)

    def tick(self, now_us: int) -> None:
        """Work on those whose time has come, so many at once that nobody else waits long; the rest is due still."""
        if self._listing_waits:
            self.want_listing(now_us)
        for key in islice(self._agenda.due(now_us), TURN_MAX):
            if key == _CANCELS:
                self._sending.serve(now_us)
            elif isinstance(key, tuple):
                self._serve(key, now_us)
            elif key == _LISTING:
                self.want_listing(now_us)
            elif (case := self._cases.get(key)) is not None:
                if case.unheard:
                    self._agenda.set(key, now_us + UNHEARD_LOOK_US)
                else:
                    self.work(case, now_us)
        self._cases.evict(now_us - KEEP_CLOSED_US)
        if now_us >= self._tidy_us:
            self._limits.budget.forget_idle(now_us)
            self._world.gaps.forget(now_us - self._world.gap_us)
            self._tidy_us = now_us + TIDY_US

    def recall(self, dealings: Sequence[Dealing], now_us: int) -> None:
        """Count the errors that earlier lives were answered: the venue counts them still."""
        self._limits.recall_errors(dealings, now_us)

    def gathering(self, now_us: int, *, has_more: bool, everything: Everything | None) -> AbstractContextManager[None]:
        """Let no cancel leave until all of several are there; see `Sending.gathering`."""
        return self._sending.gathering(now_us, has_more=has_more, everything=everything)

    def work_all(self, cases: Iterable[Case], now_us: int) -> None:
        """Work on many cases, on the first ones now and on the rest as soon as others have had their turn."""
        for case in cases:
            self._agenda.set(case.case_id, now_us)
        self.tick(now_us)

    def forget(self, case: Case) -> None:
        """Cancel a case's appointment: it is no more, or nothing more becomes of it."""
        self._agenda.set(case.case_id, None)
        self._later.pop(case.case_id, None)

    def budget_wait_us(self, now_us: int) -> int:
        """How long the longest line of cancels waits for its next slot."""
        return self._sending.wait_us(now_us)

    @property
    def cancels_waiting(self) -> int:
        """How many cancels stand in line for budget now."""
        return self._sending.waiting

    @property
    def cancels_delayed(self) -> int:
        """How many cancels could not leave at once for want of budget, over this life."""
        return self._sending.delayed

    def hold_cancels(self, wire: WireCancel, answer: CancelAnswered, now_us: int) -> None:
        """The venue said "too many" to a cancel."""
        self._limits.hold_cancels(wire, answer, now_us)

    def hold_questions(self, question: Question, failed: QuestionFailed, now_us: int) -> None:
        """The venue said "too many" to a question."""
        self._limits.hold_questions(question, failed, now_us)

    def ended(
        self, name: SendId | QueryId, end: CancelAnswered | QuestionAnswered | QuestionFailed | None, now_us: int
    ) -> None:
        """Count the end of a send or a question against the venue's limits (None: it was not answered)."""
        if not self._limits.ended(name, end, now_us):
            return
        self._sending.serve_at(now_us)  # who waits may go another way
        for key in self._lines:
            if key[0] in self._limits.errors.spared(now_us):
                self._agenda.set(key, now_us)

    # ------------------------------------------------------------ one case

    def work_later(self, case: Case) -> None:
        """Work on a case as soon as all is taken in that came with what changed it, unless that does so before."""
        self._later[case.case_id] = case

    def look_by(self, case: Case, at_us: int) -> None:
        """Work on a case then at the latest."""
        self._agenda.set_by(case.case_id, at_us)

    def catch_up(self, now_us: int) -> None:
        """Work on those that were left for later."""
        while self._later:
            self.work(next(iter(self._later.values())), now_us)

    def begin(self, case: Case, now_us: int) -> None:
        """Do what follows from a request that came just now; from most that is a cancel, and nothing else yet."""
        self._world.spared = self._limits.errors.spared(now_us)
        ticket = shortcuts.begun_by(case, self._world, now_us)
        if ticket is not None and self._sending.begin(case, ticket, now_us):
            self._agenda.set(case.case_id, shortcuts.look_again_us(ticket, self._world, now_us))
        else:
            self.work(case, now_us)

    def heard(self, case: Case, before: Verdict, now_us: int) -> None:
        """Do what follows from a report about the order of a case, whose verdict was `before` until then."""
        if self._cases.is_closed(case) and shortcuts.stays_over(case, before):
            self.forget(case)
        else:
            self.work(case, now_us)

    def _settle(self, case: Case, now_us: int) -> None:
        """Look at a case whose cancel left just now: most then rest."""
        if not self._rests(case, now_us):
            self.work(case, now_us)

    def work(self, case: Case, now_us: int) -> None:
        """Do what follows from a case as it stands, and make the next appointment."""
        self._later.pop(case.case_id, None)
        self._world.spared = self._limits.errors.spared(now_us)
        self._sending.note_gap(case, now_us)
        if not case.verdict.is_terminal and self._rests(case, now_us):
            return
        for ticket in list(case.tickets.values()):
            self._conclude(ticket, case, now_us)
        if shortcuts.is_over(case):
            self._agenda.set(case.case_id, None)
            self._cases.close(case, now_us)
            return
        self._suspect_the_silent(case, now_us)
        self._stop_waiting(case, now_us)
        made = len(case.sends)
        send_us = self._sending.send(case, now_us)
        if self._rests(case, now_us):
            return
        if len(case.sends) > made:
            # Another request of this case may want other parameters, or time passes until the answer is overdue.
            send_us = policy.wants_send(case, self._world, now_us)[1]
        appointments = [send_us, self._ask(case, now_us), *self._due_times(case, now_us)]
        if case.unheard:
            appointments.append(now_us + UNHEARD_LOOK_US)
        self._agenda.set(case.case_id, min((at for at in appointments if at is not None), default=None))
        if has_work_left(case) and not policy.is_abandoned(case, self._world, now_us):
            self._cases.reopen(case)
        else:
            self._cases.close(case, now_us)

    def _rests(self, case: Case, now_us: int) -> bool:
        """Whether a case waits as most do, and then make its appointment."""
        until_us = shortcuts.rests_until_us(case, self._world, now_us)
        if until_us is None:
            return False
        self._agenda.set_by(case.case_id, until_us)
        self._cases.reopen(case)
        return True

    def _conclude(self, ticket: Ticket, case: Case, now_us: int) -> None:
        found = policy.conclude(ticket, case, self._world, now_us)
        if found is None or (not found.outcome.is_derivable and case.unheard):
            return  # what is not taken in yet may be the end of the order
        adds = ticket.told is not None and telling.adds_to(ticket.told, ticket, case, found)
        if adds or policy.supersedes(ticket, case, found):
            self._tell(ticket, case, found)

    def _tell(self, ticket: Ticket, case: Case, found: Conclusion) -> None:
        report = telling.report_of(ticket, case, self._world, self._cases, found)
        previous = telling.previous_of(ticket.told) if ticket.told is not None else None
        ticket.told = report
        after_commit = ticket.is_inferred or not found.outcome.is_derivable
        self.out.append(Tell(case.case_id, ticket.request.key, report, previous, after_commit))

    def _suspect_the_silent(self, case: Case, now_us: int) -> None:
        for send in case.sends:
            overdue_us = send.made_us + self._world.ack_wait_us
            if send.state is SendState.IN_FLIGHT and not send.is_suspected and now_us >= overdue_us:
                send.is_suspected = True
                self.out.append(Suspect(send.wire.road, f"no answer to {send.wire.send_id} in time"))

    def _stop_waiting(self, case: Case, now_us: int) -> None:
        """Wait for no answer for ever: whoever puts questions may lose one."""
        asked = case.question
        if asked is None or now_us < asked.at_us + policy.ANSWER_WAIT_US:
            return
        self._cases.take_question(asked.question.query_id)
        self._limits.ended(asked.question.query_id, None, now_us)
        answers.note_failure(case, now_us)
        failed = QuestionFailed(asked.question.query_id, asked.question.step, "no answer came")
        self.out.append(Write(AskFailed(now_us, case.case_id, failed)))

    def _due_times(self, case: Case, now_us: int) -> list[int]:
        """The moments at which a case changes by the clock alone."""
        times: list[int] = []
        for ticket in case.tickets.values():
            if ticket.told is None:
                times.append(ticket.horizon_us)
            if ticket.request.deadline_us is not None and not is_settled(ticket):
                times.append(ticket.request.deadline_us)
        wait_us = self._world.ack_wait_us
        if has_work_left(case):
            times.append(policy.abandoned_us(case, self._world))
        times += [s.made_us + wait_us for s in case.sends if s.state is SendState.IN_FLIGHT and not s.is_suspected]
        return [at for at in times if at > now_us]

    # ------------------------------------------------------------ asking

    def _ask(self, case: Case, now_us: int) -> int | None:
        step, later_us = policy.wants_question(case, self._world, now_us)
        if step is None:
            is_walking = case.round is not None and case.question is None
            if is_walking and not policy.needs_asking(case, self._world, now_us):
                case.round = None  # Who asks again later starts from the first question.
            return later_us
        operation = self._world.traits.question_operations[step]
        asker = next(iter(case.open_tickets() or case.tickets.values()))
        free_us = self._slot_us(operation, case, asker, ASKING if has_work_left(case) else CONFIRMING, now_us)
        if free_us is None or free_us > now_us:
            return free_us
        question = Question(self._ids.query(), step, case.product, case.instrument, case.order_id, case.client_order_id)
        answers.note_question(case, Asked(question, now_us), self._world.traits.ladder)
        self._limits.left(operation, [(case.instrument, name_of(case))], [question.query_id], now_us)
        self._cases.asked(question.query_id, case)
        self.out += [Ask(case.case_id, question), Write(AskedRecord(now_us, case.case_id, question))]
        return now_us + policy.ANSWER_WAIT_US

    def want_listing(self, now_us: int) -> None:
        """Ask for all open orders of the account, for a resync. One listing is under way at a time."""
        if self._listing is not None and now_us < self._listing[1] + policy.ANSWER_WAIT_US:
            self._listing_again = True
            return
        operation = self._world.traits.question_operations[Step.OPEN_ORDERS]
        free_us = self._limits.question_free_us(operation, "", now_us)
        self._listing_waits = free_us > now_us
        if self._listing_waits:
            self._agenda.set(_LISTING, free_us)
            return
        question = Question(self._ids.query(), Step.OPEN_ORDERS, "", "")
        self._limits.left(operation, [("", "")], [question.query_id], now_us)
        self._listing = question.query_id, now_us
        self._agenda.set(_LISTING, now_us + policy.ANSWER_WAIT_US)
        self.out.append(Ask(_LISTING, question))

    def take_listing(self, query_id: QueryId, now_us: int, *, has_failed: bool) -> int | None:
        """If this was the listing's question, say when it was asked, and see to the next one if one is wanted."""
        if self._listing is None or self._listing[0] != query_id:
            return None
        asked_us, self._listing = self._listing[1], None
        self._agenda.set(_LISTING, None)
        if has_failed:
            self._agenda.set(_LISTING, now_us + LISTING_RETRY_US)
        elif self._listing_again:
            self.want_listing(now_us)
        self._listing_again = False
        return asked_us

    # ------------------------------------------------------------ budget

    def _slot_us(self, operation: str, case: Case, ticket: Ticket, rank: int, now_us: int) -> int | None:
        """Say ``now_us`` if there is a slot for a question, or when the order's own limit has one; None: it waits."""
        if self._listing_waits:
            self.want_listing(now_us)
        order = name_of(case)
        own_us = self._limits.budget.free_of_order_us(operation, order, now_us)
        if own_us > now_us:
            return own_us
        key = self._limits.budget.line_of(operation, case.instrument)
        line = self._lines.get(key)
        is_next = not line or self._let_through == (key, case.case_id)
        free_us = self._limits.question_free_us(operation, case.instrument, now_us)
        if is_next and free_us <= now_us and not self._is_enough(rank):
            return now_us
        line = self._lines.setdefault(key, Line())
        line.join(case.case_id, rank, party_of(ticket))
        self._agenda.set(key, max(free_us, self._look_again_us(line, now_us)))
        return None

    def _look_again_us(self, line: Line[CaseId], now_us: int) -> int:
        """When to look at a line again, as far as its first one and the questions under way are concerned."""
        head = line.first()
        return now_us + (QUESTIONS_LOOK_US if head is not None and self._is_enough(head[0]) else 1)

    def _is_enough(self, rank: int) -> bool:
        """Whether so many questions are under way that none of this rank is to be put."""
        return self._cases.questions_under_way >= (QUESTIONS_MAX if rank <= ASKING else CONFIRMATIONS_MAX)

    def question_ended(self, now_us: int) -> None:
        """Let one of those go who wait since too many questions were under way."""
        for key in self._lines:
            self._agenda.set(key, self._limits.question_free_us(*key, now_us))

    def _serve(self, key: BucketKey, now_us: int) -> None:
        """Let through as many of a line of questions as have a slot now; who no longer wants one takes none."""
        line = self._lines.get(key)
        operation, instrument = key
        for _ in range(len(line) if line else 0):
            head = line.first() if line else None
            if line is None or head is None or self._is_enough(head[0]):
                break
            goes_another_way = operation in self._limits.errors.spared(now_us)
            if not goes_another_way and self._limits.question_free_us(operation, instrument, now_us) > now_us:
                break
            case = self._cases.get(line.pop())
            if case is not None:
                self._let_through = key, case.case_id
                self.work(case, now_us)
                self._let_through = None
        if line:
            free_us = self._limits.question_free_us(operation, instrument, now_us)
            self._agenda.set(key, max(free_us, self._look_again_us(line, now_us)))
        else:
            self._lines.pop(key, None)
