"""What is drawn of fleets, and what stands on a disk of the bulk cancels of them."""

from __future__ import annotations

import pytest

from daemon.core.records import BulkEnded, BulkReport, Record
from daemon.simulate.findings import Finding, ended_on, found_on
from daemon.simulate.plan import BEGIN_US, Plan, draw
from protocols.fix import AccountName, RequestId
from tests.simulate.findings import meant, opened, wish
from tests.simulate.scene import BULK

SEEDS = range(120)
A = AccountName("a")
DIED_US = 7


def fleets() -> list[Plan]:
    return [plan for plan in map(draw, SEEDS) if any(bulk.name == "fleet" for bulk in plan.bulks)]


def test_a_fleet_rests_before_its_bulk_cancel_and_nobody_asks_for_one_of_its_orders() -> None:
    assert fleets()
    for plan in fleets():
        (bulk,) = [bulk for bulk in plan.bulks if bulk.name == "fleet"]
        wanted = {wish.order for wish in plan.wishes}
        own = [order for order in plan.orders if (order.client_order_id or "").startswith("5")]
        assert len(own) >= 40
        for order in own:
            assert order == plan.orders[order.number]
            assert order.number not in wanted
            assert (order.account, order.at_us <= BEGIN_US <= bulk.at_us) == (bulk.account, True)
            assert all(at_us >= order.at_us for at_us, _ in order.fills)
            assert bulk.prefix is None or (order.client_order_id or "").startswith(bulk.prefix)


def test_most_daemons_die_in_the_midst_of_it_and_some_twice() -> None:
    deaths = []
    for plan in fleets():
        (bulk,) = [bulk for bulk in plan.bulks if bulk.name == "fleet"]
        deaths.append(sum(0 <= crash.at_us - bulk.at_us < 15_000_000 for crash in plan.crashes))
    assert sum(map(bool, deaths)) > len(deaths) / 2
    assert max(deaths) > 1


def found(*records: Record) -> dict[str, set[str]]:
    return {finding.name: set(finding.orders) for finding in found_on(records, DIED_US)}


def test_what_a_record_names_is_found_be_it_of_what_the_filter_found_or_of_a_request() -> None:
    records: list[Record] = [wish(A), meant(A, "o1", "o2"), opened(A, 1, "o2"), opened(A, 2, "o3"), meant(A, "o4")]
    assert found_on(records, DIED_US) == [Finding(BULK, DIED_US, frozenset({"o1", "o2", "o3", "o4"}), 0)]


def test_when_the_newest_request_was_made_counts_by_those_of_the_life_that_died() -> None:
    records: list[Record] = [wish(A), opened(A, 0, "o1", at_us=9), opened(A, 1, "o2", at_us=5), meant(A, "o3")]
    assert [finding.asked_us for finding in found_on(records, DIED_US)] == [9]
    assert [finding.asked_us for finding in found_on(records, DIED_US, 2)] == [5]
    assert [finding.asked_us for finding in found_on(records, DIED_US, 3)] == [None]


@pytest.mark.parametrize(
    "other",
    [
        opened(A, 1, "o9", of="another"),
        opened(A, 1, "o9", uid=1002),
        opened(AccountName("b"), 1, "o9"),
        opened(A, 1, None),
        meant(A, "o9", of="another"),
    ],
)
def test_what_is_of_others_is_not_found_by_a_bulk_cancel(other: Record) -> None:
    assert found(wish(A), opened(A, 0, "o1"), other) == {BULK: {"o1"}}


def test_where_orders_are_named_one_by_one_nothing_is_found() -> None:
    assert found(wish(A, BULK, "o1"), opened(A, 0, "o1")) == {}


def test_what_is_over_has_found_nothing_that_is_not_told() -> None:
    report = BulkReport(RequestId(BULK), (), 0, {}, 0, True, (), 0, {})
    records: list[Record] = [wish(A), meant(A, "o1"), BulkEnded(1, wish(A).case, report)]
    assert found(*records) == {}
    assert list(ended_on(records)) == [(BULK, report)]
