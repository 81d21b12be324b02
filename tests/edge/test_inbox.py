"""What of the evidence is taken in at once, and what waits its turn: a driver's inbox in virtual time."""

from __future__ import annotations

from random import Random

import pytest

from daemon.core.case import Case, Ticket
from daemon.core.casefile import CaseFile
from daemon.core.order_view import OrderView
from daemon.core.records import Caller, CancelRequest, CaseId, RequestKey
from daemon.edge.bites import Deference
from daemon.edge.inbox import BACK_MAX, PIECES_PER_TURN, TURNS_BACK_MAX, Inbox
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.ways import VirtualTime
from protocols.evidence import DropCopyChanged, DropCopyState, Evidence, OrderReported
from protocols.fix import AccountName, ClientOrderId, OrderId, RequestId
from tests.core.words import INSTRUMENT, report

ORDERS = 3 * PIECES_PER_TURN


class Bench:
    """An inbox of an account on which a bulk cancel of some orders is under way; ``turns`` are what was taken in."""

    def __init__(self, orders: int = ORDERS) -> None:
        self.kernel = Kernel(0)
        self.cases = CaseFile()
        self.turns: list[list[Evidence]] = []
        self.turns_to_read = 0
        self.unread_when_taken_in: list[int] = []
        self.inbox = Inbox(
            self.cases,
            VirtualTime(Scope(self.kernel), Random(1)),
            self._take,
            Deference(self._is_reading, TURNS_BACK_MAX),
        )
        for number in range(orders):
            self.ask(f"bulk/{number}", f"o{number}")

    def ask(self, name: str, order: str, alias: str | None = None) -> None:
        key = RequestKey(1, AccountName("a"), RequestId(name))
        named = None if alias is None else ClientOrderId(alias)
        request = CancelRequest(key, Caller(1, 1, 1), "", INSTRUMENT, OrderId(order), named, 0)
        case = self.cases.of_order_on("", OrderId(order), INSTRUMENT)
        if case is None:
            case = Case(CaseId(name), "", INSTRUMENT, OrderId(order), named, OrderView(INSTRUMENT))
            self.cases.add(case)
        self.cases.take_ticket(case, Ticket(request, 1), replica_lag_us=0)

    def hear(self, evidence: Evidence) -> Evidence:
        if self.inbox.put([evidence]):
            self._take()
        return evidence

    def _is_reading(self) -> bool:
        """Read what one turn allows, and say whether something is left."""
        self.turns_to_read = max(0, self.turns_to_read - 1)
        return self.turns_to_read > 0

    def _take(self) -> None:
        self.unread_when_taken_in.append(self.turns_to_read)
        self.turns.append(list(self.inbox.ready))
        self.inbox.ready.clear()

    @property
    def taken(self) -> list[Evidence]:
        return [piece for turn in self.turns for piece in turn]


def pushed(order: str, alias: str | None = None) -> OrderReported:
    return report("canceled", order=order, alias=alias)


def test_what_a_bulk_cancel_brings_is_taken_in_by_small_turns_in_its_order() -> None:
    bench = Bench()
    heard = [bench.hear(pushed(f"o{number}")) for number in range(ORDERS)]
    assert bench.turns == []
    bench.kernel.run(0)
    assert bench.taken == heard
    assert [len(turn) for turn in bench.turns] == [PIECES_PER_TURN] * 3


@pytest.mark.parametrize(
    "other",
    [
        pushed("single"),
        pushed("somebody's"),
        pushed("o1", alias="single's"),
        DropCopyChanged(DropCopyState.BLIND),
    ],
)
def test_what_anybody_else_may_wait_for_is_taken_in_at_once_before_all_that_stands_back(other: Evidence) -> None:
    bench = Bench()
    bench.ask("r1", "single", "single's")
    for number in range(ORDERS):
        bench.hear(pushed(f"o{number}"))
    bench.hear(other)
    assert bench.turns == [[other]]


def test_an_order_of_a_bulk_that_somebody_asks_for_by_itself_too_stands_back_no_more() -> None:
    bench = Bench()
    bench.hear(pushed("o1"))
    bench.ask("r1", "o1")
    assert bench.turns == []
    last = bench.hear(pushed("o1"))
    assert bench.turns == [[last]]


def test_who_reads_has_to_wait_for_those_who_take_in_once_too_much_stands_back() -> None:
    bench = Bench()
    heard = [bench.hear(pushed(f"o{number % ORDERS}")) for number in range(BACK_MAX + 2)]
    assert bench.turns == [[heard[0]], [heard[1]]]
    bench.kernel.run(0)
    assert bench.taken == heard


def test_at_the_end_nothing_stands_back() -> None:
    bench = Bench()
    heard = [bench.hear(pushed(f"o{number}")) for number in range(ORDERS)]
    bench.inbox.let_all_come()
    assert list(bench.inbox.ready) == heard
    bench.inbox.ready.clear()
    bench.kernel.run(0)
    assert bench.taken == []
    assert not any(case.unheard for case in bench.cases)


def test_a_case_of_which_something_stands_back_is_known_to_be_unheard_until_that_is_taken_in() -> None:
    bench = Bench()
    for number in range(PIECES_PER_TURN + 1):
        bench.hear(pushed(f"o{number}"))
        bench.hear(pushed(f"o{number}"))
    unheard = {case.case_id: case.unheard for case in bench.cases if case.unheard}
    assert unheard == {CaseId(f"bulk/{number}"): 2 for number in range(PIECES_PER_TURN + 1)}
    bench.kernel.run(0)
    assert not any(case.unheard for case in bench.cases)


def test_as_long_as_something_is_not_read_yet_nothing_that_stands_back_is_taken_in() -> None:
    bench = Bench()
    bench.turns_to_read = TURNS_BACK_MAX - 1
    heard = [bench.hear(pushed(f"o{number}")) for number in range(ORDERS)]
    bench.kernel.run(0)
    assert bench.taken == heard
    assert bench.turns_to_read == 0
    assert bench.unread_when_taken_in == [0] * 3


def test_where_there_is_always_something_to_read_what_stands_back_is_taken_in_after_a_while() -> None:
    bench = Bench()
    bench.turns_to_read = 2 * TURNS_BACK_MAX
    heard = [bench.hear(pushed(f"o{number}")) for number in range(ORDERS)]
    bench.kernel.run(0)
    assert bench.taken == heard
    assert bench.unread_when_taken_in == [TURNS_BACK_MAX] * 3
