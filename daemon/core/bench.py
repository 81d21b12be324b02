"""Where cases are worked on: what policy wants done is done here, as far as the rate budgets let it, and else waits.

`work` looks at one case as it stands and emits the effects that follow. What cannot go for want of budget stands in a
line of its kind and is let through when a slot comes free, the urgent first, then client by client. What only time can
change gets an appointment. The bench also asks for the account-wide listings of a resync.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from daemon.core import answers, policy, telling
from daemon.core.agenda import Agenda
from daemon.core.budget import BucketKey, Budget, Line
from daemon.core.case import Asked, Case, SendState, Ticket, WireSend, is_settled
from daemon.core.casefile import has_work_left
from daemon.core.effects import Ask, Effect, Send, Suspect, Tell, Write
from daemon.core.error_budget import ErrorBudget
from daemon.core.records import Asked as AskedRecord
from daemon.core.records import AskFailed, CaseId, SendMade
from protocols.dialect import Question, WireCancel
from protocols.evidence import QuestionAnswered, QuestionFailed, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.core.casefile import CaseFile
    from daemon.core.ids import Ids
    from daemon.core.policy import Conclusion, SendPlan
    from daemon.core.world import World
    from protocols.evidence import CancelAnswered
    from protocols.fix import QueryId, SendId

LISTING_RETRY_US: Final = 1_000_000
"""Between two tries at the listing of a resync."""
KEEP_CLOSED_US: Final = 3_600_000_000
"""Closed cases stay this long in memory, for corrections and for those who ask again; the journal has them longer."""
HOLD_MAX_US: Final = 1_800_000_000
"""A venue that wants no more of a call for longer than this is asked again all the same: an order may be at risk."""
TURN_MAX: Final = 256
"""Cases worked on in one turn: some tens of milliseconds, in which a new cancel may have to wait."""
TIDY_US: Final = 60_000_000
"""Between two looks for rate buckets that nothing leaves through any more."""
_LISTING: Final = CaseId("")


class Bench:
    """Works on the cases of one account and gathers effects in ``out``."""

    def __init__(self, world: World, cases: CaseFile, ids: Ids) -> None:
        self.out: list[Effect] = []
        self.cancels_delayed = 0
        """Cancels that could not leave at once for want of budget, over this life."""
        self._world = world
        self._cases = cases
        self._ids = ids
        calls = {world.traits.question_operations[step]: calls for step, calls in world.traits.question_calls.items()}
        self._budget = Budget(world.traits.rate_rules, world.traits.cancel_operation, calls)
        self._errors = ErrorBudget(world.traits.error_rules)
        sparing = world.traits.sparing_cancel
        self._cancel_operations = {world.traits.cancel_operation, sparing.operation if sparing is not None else ""}
        self._agenda: Agenda[CaseId | BucketKey] = Agenda()
        self._lines: dict[BucketKey, Line[CaseId]] = {}
        self._let_through: tuple[BucketKey, CaseId] | None = None
        self._listing: tuple[QueryId, int] | None = None
        self._listing_again = False
        self._tidy_us = 0

    # ------------------------------------------------------------ inputs

    def take_effects(self) -> list[Effect]:
        """Hand over what was gathered."""
        out, self.out = self.out, []
        return out

    def tick(self, now_us: int) -> None:
        """Work on those whose time has come, so many at once that nobody else waits long; the rest is due still."""
        for key in islice(self._agenda.due(now_us), TURN_MAX):
            if isinstance(key, tuple):
                self._serve(key, now_us)
            elif key == _LISTING:
                self.want_listing(now_us)
            else:
                case = self._cases.get(key)
                if case is not None:
                    self.work(case, now_us)
        self._cases.evict(now_us - KEEP_CLOSED_US)
        if now_us >= self._tidy_us:
            self._budget.forget_idle(now_us)
            self._world.gaps.forget(now_us - self._world.gap_us)
            self._tidy_us = now_us + TIDY_US

    def recall(self, departures: Iterable[SendMade | AskedRecord], now_us: int) -> None:
        """Count what earlier lives sent and asked a moment ago, given in its order: the venue counts it still."""
        since_us = now_us - self._budget.window_max_us
        for made in departures:
            if made.t <= since_us:
                continue
            if isinstance(made, SendMade):
                operation = made.wire.operation or self._world.traits.cancel_operation
                instrument, order = made.wire.instrument, made.wire.order_id
            else:
                operation = self._world.traits.question_operations[made.question.step]
                instrument, order = made.question.instrument, made.question.order_id
            self._budget.take(operation, instrument, order or "", min(made.t, now_us))

    def work_all(self, cases: Iterable[Case], now_us: int) -> None:
        """Work on many cases, on the first ones now and on the rest as soon as others have had their turn."""
        for case in cases:
            self._agenda.set(case.case_id, now_us)
        self.tick(now_us)

    def next_us(self) -> int | None:
        """When the next appointment is."""
        return self._agenda.next_us()

    def forget(self, case: Case) -> None:
        """Cancel a case's appointment: it is no more."""
        self._agenda.set(case.case_id, None)

    def budget_wait_us(self, now_us: int) -> int:
        """How long the longest line of cancels waits for its next slot."""
        waits = [
            self._budget.free_us(operation, instrument, "", now_us) - now_us
            for (operation, instrument), line in self._lines.items()
            if operation in self._cancel_operations and line
        ]
        return max(waits, default=0)

    @property
    def cancels_waiting(self) -> int:
        """How many cancels stand in line for budget now."""
        return sum(len(line) for (operation, _), line in self._lines.items() if operation in self._cancel_operations)

    def hold_cancels(self, case: Case, wire: WireCancel, answer: CancelAnswered, now_us: int) -> None:
        """The venue said "too many" to a cancel: let none of its kind go for a window, or for as long as it says."""
        operation = wire.operation or self._world.traits.cancel_operation
        self._budget.hold(operation, case.instrument, _order_name(case), now_us, self._held_until_us(answer, now_us))

    def hold_questions(self, question: Question, failed: QuestionFailed, now_us: int) -> None:
        """The venue said "too many" to a question."""
        operation = self._world.traits.question_operations[question.step]
        order = question.order_id or question.client_order_id or ""
        self._budget.hold(operation, question.instrument, order, now_us, self._held_until_us(failed, now_us))

    def ended(
        self, name: SendId | QueryId, end: CancelAnswered | QuestionAnswered | QuestionFailed | None, now_us: int
    ) -> None:
        """Count the end of a send or a question among the errors that the venue bears (None: it was not answered)."""
        is_error = end is not None and end.counts_as_error
        until_us = 0 if end is None or isinstance(end, QuestionAnswered) else self._held_until_us(end, now_us)
        if self._errors.ended(name, now_us, is_error=is_error, banned_until_us=until_us) is None:
            return
        for key in self._lines:
            if key[0] in self._errors.spared(now_us):
                self._agenda.set(key, now_us)  # who waits there may go another way

    def _held_until_us(self, end: CancelAnswered | QuestionFailed, now_us: int) -> int:
        """Until when the venue wants no more of an operation; 0 if it does not say."""
        until_us = now_us + end.hold_ms * 1000 if end.hold_ms else 0
        if end.hold_until_ms is not None:
            until_us = max(until_us, self._world.ours_us(end.hold_until_ms))
        return min(until_us, now_us + HOLD_MAX_US)

    # ------------------------------------------------------------ one case

    def work(self, case: Case, now_us: int) -> None:
        """Do what follows from a case as it stands, and make the next appointment."""
        self._world.spared = self._errors.spared(now_us)
        self._note_gap(case, now_us)
        for ticket in list(case.tickets.values()):
            self._conclude(ticket, case, now_us)
        self._suspect_the_silent(case, now_us)
        self._stop_waiting(case, now_us)
        appointments = [self._send(case, now_us), self._ask(case, now_us), *self._due_times(case, now_us)]
        self._agenda.set(case.case_id, min((at for at in appointments if at is not None), default=None))
        if has_work_left(case) and not policy.is_abandoned(case, self._world, now_us):
            self._cases.reopen(case)
        else:
            self._cases.close(case, now_us)

    def _conclude(self, ticket: Ticket, case: Case, now_us: int) -> None:
        found = policy.conclude(ticket, case, self._world, now_us)
        if found is None:
            return
        if policy.supersedes(ticket, case, found):
            self._tell(ticket, case, found)
        elif ticket.told is not None and ticket.told.outcome is found.outcome:
            self._tell(ticket, case, found, only_news=True)

    def _tell(self, ticket: Ticket, case: Case, found: Conclusion, *, only_news: bool = False) -> None:
        report = telling.report_of(ticket, case, self._world, found)
        if only_news and ticket.told is not None and telling.says_the_same(report, ticket.told):
            return
        previous = telling.previous_of(ticket.told) if ticket.told is not None else None
        ticket.told = report
        after_commit = not found.outcome.is_derivable
        self.out.append(Tell(case.case_id, ticket.request.key, report, previous, after_commit))

    def _suspect_the_silent(self, case: Case, now_us: int) -> None:
        for send in case.sends:
            overdue_us = send.made_us + self._world.timings.ack_wait_ms * 1000
            if send.state is SendState.IN_FLIGHT and not send.is_suspected and now_us >= overdue_us:
                send.is_suspected = True
                self.out.append(Suspect(send.wire.road, f"no answer to {send.wire.send_id} in time"))

    def _stop_waiting(self, case: Case, now_us: int) -> None:
        """Wait for no answer for ever: whoever puts questions may lose one."""
        asked = case.question
        if asked is None or now_us < asked.at_us + policy.ANSWER_WAIT_US:
            return
        self._cases.take_question(asked.question.query_id)
        self._errors.ended(asked.question.query_id, now_us)
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
        wait_us = self._world.timings.ack_wait_ms * 1000
        if has_work_left(case):
            times.append(policy.abandoned_us(case, self._world))
        times += [s.made_us + wait_us for s in case.sends if s.state is SendState.IN_FLIGHT and not s.is_suspected]
        return [at for at in times if at > now_us]

    # ------------------------------------------------------------ sending

    def _send(self, case: Case, now_us: int) -> int | None:
        plan, later_us = policy.wants_send(case, self._world, now_us)
        if plan is None:
            return later_us
        ticket = list(case.tickets.values())[plan.ticket_index]
        rank = 0 if policy.is_urgent(case, self._world, now_us) else 1
        operation = self._cancel_operation(ticket)
        free_us = self._slot_us(operation, case, ticket, rank, now_us)
        if free_us is None or free_us > now_us:
            return free_us
        self._make_send(case, ticket, plan, operation, now_us)
        # Another request of this case may want other parameters, or time passes until the answer is overdue.
        return policy.wants_send(case, self._world, now_us)[1]

    def _cancel_operation(self, ticket: Ticket) -> str:
        """Choose the call that cancels: the usual one, unless its errors are scarce and another can carry this."""
        traits = self._world.traits
        sparing = traits.sparing_cancel
        if sparing is None or traits.cancel_operation not in self._world.spared:
            return traits.cancel_operation
        can_carry = ticket.request.venue_params.keys() <= sparing.venue_params
        return sparing.operation if can_carry else traits.cancel_operation

    def _make_send(self, case: Case, ticket: Ticket, plan: SendPlan, operation: str, now_us: int) -> None:
        request = ticket.request
        by_order_id = case.order_id is not None
        wire = WireCancel(
            send_id=self._ids.send(),
            road=plan.road,
            product=case.product,
            instrument=request.instrument,
            order_id=case.order_id,
            client_order_id=None if by_order_id else case.client_order_id,
            venue_params=request.venue_params,
            operation="" if operation == self._world.traits.cancel_operation else operation,
        )
        self._errors.left(operation, wire.send_id)
        params = wire.venue_params
        wanting = [t for t in case.tickets.values() if t.request.venue_params == params and not is_settled(t)]
        send = WireSend(wire, now_us, frozenset(ticket.request.key for ticket in wanting))
        case.sends.append(send)
        self._cases.sent(send, case)
        self._note_gap(case, now_us)
        for other in wanting:
            other.first_send = other.first_send or wire.send_id
        self.out += [Send(case.case_id, wire), Write(SendMade(now_us, case.case_id, wire))]

    def _note_gap(self, case: Case, now_us: int) -> None:
        if self._world.gap_us:
            self._world.gaps.note(case, now_us - self._world.gap_us)

    # ------------------------------------------------------------ asking

    def _ask(self, case: Case, now_us: int) -> int | None:
        step, later_us = policy.wants_question(case, self._world, now_us)
        if step is None:
            if case.question is None and not policy.needs_asking(case, self._world, now_us):
                case.round = None  # Who asks again later starts from the first question.
            return later_us
        operation = self._world.traits.question_operations[step]
        asker = next(iter(case.open_tickets() or case.tickets.values()))
        free_us = self._slot_us(operation, case, asker, 2 if has_work_left(case) else 3, now_us)
        if free_us is None or free_us > now_us:
            return free_us
        question = Question(self._ids.query(), step, case.product, case.instrument, case.order_id, case.client_order_id)
        answers.note_question(case, Asked(question, now_us), self._world.traits.ladder)
        self._errors.left(operation, question.query_id)
        self._cases.asked(question.query_id, case)
        self.out += [Ask(case.case_id, question), Write(AskedRecord(now_us, case.case_id, question))]
        return now_us + policy.ANSWER_WAIT_US

    def want_listing(self, now_us: int) -> None:
        """Ask for all open orders of the account, for a resync. One listing is under way at a time."""
        if self._listing is not None and now_us < self._listing[1] + policy.ANSWER_WAIT_US:
            self._listing_again = True
            return
        operation = self._world.traits.question_operations[Step.OPEN_ORDERS]
        free_us = self._budget.free_us(operation, "", "", now_us)
        if free_us > now_us:
            self._agenda.set(_LISTING, free_us)
            return
        self._budget.take(operation, "", "", now_us)
        question = Question(self._ids.query(), Step.OPEN_ORDERS, "", "")
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
        """Take a slot of the budget and say ``now_us``, or when the order's own limit has one; None: it waits."""
        order = _order_name(case)
        own_us = self._budget.free_of_order_us(operation, order, now_us)
        if own_us > now_us:
            return own_us
        key = self._budget.line_of(operation, case.instrument)
        line = self._lines.get(key)
        is_next = not line or self._let_through == (key, case.case_id)
        free_us = self._budget.free_us(operation, case.instrument, "", now_us)
        if is_next and free_us <= now_us:
            self._budget.take(operation, case.instrument, order, now_us)
            return now_us
        line = self._lines.setdefault(key, Line())
        others = len(line)
        line.join(case.case_id, rank, _party(ticket))
        if operation in self._cancel_operations:
            self.cancels_delayed += len(line) - others  # who stood there already is counted once
        self._agenda.set(key, max(free_us, now_us + 1))
        return None

    def _serve(self, key: BucketKey, now_us: int) -> None:
        """Let through as many of a line as have a slot now; who no longer wants one takes none."""
        line = self._lines.get(key)
        operation, instrument = key
        for _ in range(len(line) if line else 0):
            if line is None or not line:
                break
            goes_another_way = operation in self._errors.spared(now_us)
            if not goes_another_way and self._budget.free_us(operation, instrument, "", now_us) > now_us:
                break
            case = self._cases.get(line.pop())
            if case is not None:
                self._let_through = key, case.case_id
                self.work(case, now_us)
                self._let_through = None
        if line:
            self._agenda.set(key, max(self._budget.free_us(operation, instrument, "", now_us), now_us + 1))
        else:
            self._lines.pop(key, None)


def _order_name(case: Case) -> str:
    return case.order_id or case.client_order_id or ""


def _party(ticket: Ticket) -> tuple[int, int, str]:
    """Name who has turns of its own in a line: a client's process, and each of its bulk cancels (``NAME/3``) beside."""
    request = ticket.request
    return request.caller.uid, request.caller.pid, request.key.request_id.rpartition("/")[0]
