"""A bulk cancel beside somebody's receipt that is being written: its work leaves the core to that, for a while."""

import pytest

from daemon.core.listings import ROWS_PER_TURN
from daemon.core.records import CancelRequest, Concluded, RequestKey
from daemon.edge.bites import AWAITED_MAX
from daemon.edge.bulks import REQUESTS_PER_TURN
from daemon.simulate.disk import VirtualJournal
from protocols.fix import OrderId, Outcome, RequestId
from tests.core.words import INSTRUMENT, report
from tests.edge.test_bulks import ACCOUNT, CALLER, Bench, everything, heard_of_three_turns
from tests.edge.test_driver import Ear

WRITES_US = 5_000
TURNS_US = 1_000_000
"""More than it can stand back altogether."""


def while_a_receipt_is_written(bench: Bench, monkeypatch: pytest.MonkeyPatch, for_us: int = WRITES_US) -> None:
    until_us = bench.kernel.now_us + for_us
    is_writing = property(lambda _: bench.kernel.now_us < until_us)
    monkeypatch.setattr(VirtualJournal, "has_receipts_under_way", is_writing)


def listing_while_a_receipt_is_written(monkeypatch: pytest.MonkeyPatch, for_us: int = WRITES_US) -> Bench:
    """Ask for a listing that is taken in in three turns."""
    bench = Bench()
    bench.rests = tuple(report("new", order=f"o{number}") for number in range(3 * ROWS_PER_TURN))
    bench.hear_pushes()
    while_a_receipt_is_written(bench, monkeypatch, for_us)
    bench.driver.list_orders()
    return bench


def taken_up(bench: Bench) -> int:
    return bench.driver.correlator.cases.open_count()


def test_no_more_orders_are_taken_up_until_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = heard_of_three_turns()
    while_a_receipt_is_written(bench, monkeypatch)
    bench.bulks.start(everything(), CALLER, None, "cancel_all")
    bench.pass_us(WRITES_US - 1)
    assert taken_up(bench) == REQUESTS_PER_TURN
    bench.pass_us(1)
    assert taken_up(bench) == 3 * REQUESTS_PER_TURN


def test_no_more_of_a_listing_is_taken_in_until_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = listing_while_a_receipt_is_written(monkeypatch)
    bench.pass_us(WRITES_US - 1)
    assert len([*bench.driver.correlator.book.live()]) == ROWS_PER_TURN
    bench.pass_us(1_000)
    assert len([*bench.driver.correlator.book.live()]) == 3 * ROWS_PER_TURN


def test_where_one_is_always_being_written_all_orders_are_taken_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = heard_of_three_turns()
    while_a_receipt_is_written(bench, monkeypatch, TURNS_US)
    bench.bulks.start(everything(), CALLER, None, "cancel_all")
    bench.pass_us((AWAITED_MAX + 1) * 1_000)
    assert taken_up(bench) == 3 * REQUESTS_PER_TURN


def test_where_several_run_they_stand_back_for_no_longer_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = heard_of_three_turns()
    while_a_receipt_is_written(bench, monkeypatch, TURNS_US)
    bulks = 4
    for _ in range(bulks):
        bench.bulks.start(everything(), CALLER, None, "cancel_all")
    bench.pass_us((AWAITED_MAX + 1) * 1_000)
    asked = sum(len(case.tickets) for case in bench.driver.correlator.cases)
    assert asked == bulks * 3 * REQUESTS_PER_TURN


def test_what_is_due_waits_for_no_listing_that_stands_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that cannot leave is answered at its deadline; a part of a listing is taken in by then."""
    bench = listing_while_a_receipt_is_written(monkeypatch, TURNS_US)
    now_us = bench.kernel.now_us
    due_us = now_us + 5_000
    key = RequestKey(1, ACCOUNT, RequestId("lone"))
    request = CancelRequest(key, CALLER, "", INSTRUMENT, OrderId("lone"), None, now_us, due_us)
    bench.driver.submit(request, Ear())
    bench.pass_us((AWAITED_MAX + 2) * 1_000)
    (ended,) = [record for record in bench.disk.records if isinstance(record, Concluded)]
    assert ended.report.outcome is Outcome.NOT_SENT
    assert due_us <= ended.t <= due_us + 1_000


def test_what_is_due_is_done_without_taking_in_more_of_a_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = listing_while_a_receipt_is_written(monkeypatch)
    bench.pass_us(WRITES_US - 1)
    correlator, read = bench.driver.correlator, []
    for reads_on in (False, True):
        correlator.tick(bench.kernel.now_us, reads_on=reads_on)
        read.append(len([*correlator.book.live()]))
    assert read == [ROWS_PER_TURN, 2 * ROWS_PER_TURN]
