"""Everything that a venue limits, for one account: rate budgets, error budgets, and what it says of them itself.

Whatever leaves is noted here by name, and so is its end. An answer corrects the budgets: what was answered had arrived
by then, an error counts among those that the venue bears, "too many" closes what it was said to, and what it says to be
left of a limit is what others have left of it, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.core.buckets import Buckets
from daemon.core.budget import Budget
from daemon.core.error_budget import ErrorBudget
from daemon.core.records import Asked, SendAnswered, SendMade
from protocols.evidence import CancelAnswered, QuestionAnswered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.core.buckets import Departure
    from daemon.core.budget import Order
    from daemon.core.departures import Departures
    from daemon.core.records import Dealing
    from daemon.core.world import World
    from protocols.asks import Question, WireCancel
    from protocols.evidence import Allowance, QuestionFailed
    from protocols.fix import QueryId, SendId

HOLD_MAX_US: Final = 1_800_000_000
"""A venue that wants no more of a call for longer than this is asked again all the same: an order may be at risk."""


class Limits:
    """The limits of one account. ``address`` holds what is limited per address, for all accounts of the venue.

    What leaves is noted in ``departures``, and what earlier lives noted there counts.
    """

    def __init__(self, world: World, address: Buckets | None = None, departures: Departures | None = None) -> None:
        traits = world.traits
        calls = {traits.question_operations[step]: calls for step, calls in traits.question_calls.items()}
        own = Buckets(f"account {world.account}", departures)
        self.budget = Budget(traits.rate_rules, traits.cancel_operations, calls, address, own)
        self.errors = ErrorBudget(traits.error_rules)
        self._world = world
        self._departures: dict[SendId | QueryId, tuple[str, Departure]] = {}
        """With the operation that each left by."""

    def left(
        self, operation: str, orders: Sequence[Order], names: Sequence[SendId] | Sequence[QueryId], now_us: int
    ) -> None:
        """Count one request that leaves now: the orders that it is about, and the names of what it holds."""
        departure = self.budget.take(operation, orders, now_us)
        for name in names:
            self._departures[name] = operation, departure
        self.errors.left(operation, names[0])  # one request, so one error at the most

    def ended(
        self, name: SendId | QueryId, end: CancelAnswered | QuestionAnswered | QuestionFailed | None, now_us: int
    ) -> bool:
        """Count the end of a send or a question (None: it was not answered); says whether errors became scarcer."""
        left = self._departures.pop(name, None)
        if left is not None:
            left[1].has_ended = True
        if left is not None and end is not None:
            operation, departure = left
            departure.answered_us = now_us
            if isinstance(end, CancelAnswered) and end.allowance is not None:
                self._told(operation, end.allowance, now_us)
        is_error = end is not None and end.counts_as_error
        until_us = 0 if end is None or isinstance(end, QuestionAnswered) else self._held_until_us(end, now_us)
        ended = self.errors.ended(name, now_us, is_error=is_error, banned_until_us=until_us)
        return ended is not None and bool(self.errors.spared(now_us))

    def _told(self, operation: str, said: Allowance, now_us: int) -> None:
        until_us = None if said.reset_ms is None else self._world.ours_us(said.reset_ms)
        self.budget.told(operation, said, until_us, now_us)

    def hold_cancels(self, wire: WireCancel, answer: CancelAnswered, now_us: int) -> None:
        """The venue said "too many" to a cancel: let none of its kind go for a window, or for as long as it says."""
        order = wire.order_id or wire.client_order_id or ""
        self.budget.hold(self.operation_of(wire), wire.instrument, order, now_us, self._held_until_us(answer, now_us))

    def hold_questions(self, question: Question, failed: QuestionFailed, now_us: int) -> None:
        """The venue said "too many" to a question."""
        operation = self._world.traits.question_operations[question.step]
        order = question.order_id or question.client_order_id or ""
        self.budget.hold(operation, question.instrument, order, now_us, self._held_until_us(failed, now_us))

    def question_free_us(self, operation: str, instrument: str, now_us: int) -> int:
        """When one more question may leave, by rates and by the errors that the venue bears: ``now_us`` or later."""
        free_us = self.budget.free_us(operation, instrument, "", now_us)
        return max(free_us, self.errors.free_us(operation, now_us))

    def recall_errors(self, dealings: Sequence[Dealing], now_us: int) -> None:
        """Count the errors among what earlier lives dealt with the venue, given by rising time.

        They count as if the last thing that was written down had just happened: the host's clock may have been set
        ahead since, and then they would seem to be out of every window. After a rest that was really long some calls
        are spared for a while without need.
        """
        operations: dict[SendId | QueryId, str] = {}
        since_then_us = now_us - max((made.t for made in dealings), default=now_us)
        for made in dealings:
            match made:
                case SendMade() if made.wire.batch in {"", made.wire.send_id}:  # the first of a batch stands for all
                    operations[made.wire.send_id] = self.operation_of(made.wire)
                case SendMade():
                    pass
                case Asked():
                    operations[made.question.query_id] = self._world.traits.question_operations[made.question.step]
                case _:
                    name = made.what.send_id if isinstance(made, SendAnswered) else made.what.query_id
                    if made.what.counts_as_error and name in operations:
                        self.errors.recall(operations[name], made.t + since_then_us)

    def operation_of(self, wire: WireCancel) -> str:
        """Name the call by which a cancel leaves."""
        return wire.operation or self._world.traits.cancel_operation

    def _held_until_us(self, end: CancelAnswered | QuestionFailed, now_us: int) -> int:
        """Until when the venue wants no more of an operation; 0 if it does not say."""
        until_us = now_us + end.hold_ms * 1000 if end.hold_ms else 0
        if end.hold_until_ms is not None:
            until_us = max(until_us, self._world.ours_us(end.hold_until_ms))
        return min(until_us, now_us + HOLD_MAX_US)
