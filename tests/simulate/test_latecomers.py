"""Orders that are placed just before a bulk cancel, when nothing shows them."""

from __future__ import annotations

from daemon.core.records import BulkLooked
from daemon.simulate.latecomers import FOR_US, OLD_MS
from daemon.simulate.plan import draw
from daemon.simulate.world import World

SEED = 13
"""It has some, and the daemon overlooks them at first."""


def test_they_are_asked_for_in_bulk_while_their_pushes_are_lost_and_the_listings_are_older_than_they_are() -> None:
    plan = draw(SEED)
    (bulk,) = (bulk for bulk in plan.bulks if bulk.name == "late")
    orders = [
        order for order in plan.orders if (order.client_order_id or "").startswith("3") and order.at_us < bulk.at_us
    ]
    late = [order for order in orders if bulk.at_us - order.at_us < OLD_MS * 1000 and order.account == bulk.account]
    (account,) = (account for account in plan.accounts if account.name == bulk.account)
    lost, old = account.spans[-2:]
    assert late
    assert all(lost.begin_us < order.at_us < lost.end_us for order in late)
    assert (old.begin_us, old.end_us) == (lost.begin_us, bulk.at_us + FOR_US)
    assert account.timings.replica_lag_ms > OLD_MS
    assert len({order.number for order in plan.orders}) == len(plan.orders)


def test_a_second_look_finds_them() -> None:
    world = World(draw(SEED), None)
    assert world.run().violations == []
    assert any(record.found for record in world.disk.records if isinstance(record, BulkLooked))
    world.close()
