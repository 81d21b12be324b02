"""Records that wait until something leaves: in their order, not long, and not behind what goes on with their story."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from daemon.core.records import Caller, CancelRequest, CaseId, Moved, Record, RequestKey, RequestOpened, SendForwarded
from daemon.edge.withheld import HELD_MAX_S, RECORDS_MAX, Withheld
from daemon.simulate.disk import Disk, Habits, VirtualJournal
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.ways import VirtualTime
from protocols.evidence import CancelForwarded
from protocols.fix import AccountName, OrderId, RequestId, Road, SendId
from tests.core.words import INSTRUMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Journal(VirtualJournal):
    """It notes the cases of each group that is appended."""

    def __init__(self, kernel: Kernel, life: Scope) -> None:
        super().__init__(Disk(kernel, Habits((500, 500)), Random(1)), life)
        self.groups: list[list[CaseId]] = []

    def append(self, records: Sequence[Record], on_commit: Callable[[bool], None] | None = None) -> None:
        self.groups.append([record.case for record in records])
        super().append(records, on_commit)


class Bench:
    def __init__(self) -> None:
        self.kernel = Kernel(0)
        life = Scope(self.kernel)
        self.journal = Journal(self.kernel, life)
        self.withheld = Withheld(self.journal, VirtualTime(life, Random(2)))
        self.told: list[bool] = []

    def hold(self, *cases: str) -> None:
        self.withheld.hold([opened(case) for case in cases], self.told.append)


def opened(case: str) -> RequestOpened:
    key = RequestKey(1, AccountName("a"), RequestId(f"R/{case}"))
    return RequestOpened(0, CaseId(case), CancelRequest(key, Caller(1, 1, 1), "", INSTRUMENT, OrderId(case), None, 0))


def test_groups_that_wait_are_appended_in_their_order_and_each_is_told_of_its_commit() -> None:
    bench = Bench()
    bench.hold("c1", "c2")
    bench.hold("c3")
    assert bench.withheld
    assert bench.journal.groups == []
    bench.withheld.let_go()
    assert not bench.withheld
    assert bench.journal.groups == [["c1", "c2"], ["c3"]]
    bench.kernel.run(1_000_000)
    assert (bench.journal.groups, bench.told) == ([["c1", "c2"], ["c3"]], [True, True])


def test_what_is_not_let_go_goes_by_itself_after_a_while() -> None:
    bench = Bench()
    bench.hold("c1")
    bench.kernel.run(int(HELD_MAX_S * 1_000_000) - 1)
    assert bench.journal.groups == []
    bench.hold("c2")
    bench.kernel.run(int(HELD_MAX_S * 1_000_000))
    assert bench.journal.groups == [["c1"], ["c2"]]


def test_no_more_than_its_bound_waits() -> None:
    bench = Bench()
    for number in range(RECORDS_MAX + 1):
        bench.hold(f"c{number}")
    assert len(bench.journal.groups) == RECORDS_MAX + 1
    bench.hold("later")
    assert len(bench.journal.groups) == RECORDS_MAX + 1


def test_it_knows_whose_stories_wait() -> None:
    bench = Bench()
    bench.hold("c1")
    left = [SendForwarded(1, CaseId(case), CancelForwarded(SendId("s"), Road.WS)) for case in ("c1", "c2")]
    assert bench.withheld.is_about(left)
    assert not bench.withheld.is_about(left[1:])
    bench.withheld.let_go()
    assert not bench.withheld.is_about(left)


def test_a_request_that_moves_into_a_case_goes_on_with_its_story() -> None:
    bench = Bench()
    moved = [Moved(1, CaseId("c0"), CaseId("c1"), RequestKey(1, AccountName("a"), RequestId("lone")))]
    bench.hold("c1")
    assert bench.withheld.is_about(moved)
    bench.withheld.let_go()
    bench.withheld.hold(moved, None)
    assert bench.withheld.is_about([opened("c1")])
