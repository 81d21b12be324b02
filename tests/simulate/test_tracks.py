"""What is drawn of tracked orders: it is true, and told in the order of the placings."""

from __future__ import annotations

from random import Random

import pytest

from daemon.simulate.plan import BEGIN_US, draw
from daemon.simulate.tracks import APART_US, draw_tracks

SEEDS = range(40)


def test_who_speaks_of_one_order_of_a_client_id_speaks_of_the_next_before_it_rests() -> None:
    reused = 0
    for seed in SEEDS:
        plan = draw(seed)
        for track in plan.tracks:
            if track.order is None:
                continue
            order = plan.orders[track.order]
            assert (order.account, order.client_order_id) == (track.account, track.client_order_id)
            assert all(at_us >= order.at_us for at_us, is_named in track.said if is_named)
            later = [
                other
                for other in plan.tracks
                if other.order is not None
                and other.client_order_id == track.client_order_id
                and plan.orders[other.order].at_us > order.at_us
            ]
            reused += bool(later)
            for other in later:
                assert other.client == track.client
                assert other.said[0][0] <= plan.orders[other.order or 0].at_us
                assert all(at_us < other.said[0][0] + APART_US for at_us, _ in track.said)
    assert reused


def test_a_ghost_is_placed_nowhere_and_asked_for_by_client_id_alone() -> None:
    found = 0
    for seed in SEEDS:
        plan = draw(seed)
        placed = {order.client_order_id for order in plan.orders}
        for wish in plan.wishes:
            if wish.ghost is not None:
                found += 1
                assert (wish.order, wish.by_order_id, wish.by_client_id) == (None, False, True)
                assert wish.ghost not in placed
                assert wish.at_us >= BEGIN_US
    assert found


def test_orders_without_a_client_id_are_not_spoken_of() -> None:
    orders = [order for order in draw(0).orders if order.client_order_id is None]
    assert orders
    assert [draw_tracks(Random(seed), orders, 1) for seed in SEEDS] == [()] * len(SEEDS)


@pytest.mark.parametrize(("at_us", "is_new"), [(0, False), (999, False), (1_000, True)])
def test_the_clock_is_another_one_from_the_next_life_on(*, at_us: int, is_new: bool) -> None:
    plan = next(plan for plan in map(draw, SEEDS) if plan.crashes)
    crash = plan.crashes[0]
    begins_us = crash.at_us + crash.down_us
    offset_us = plan.clock_offset_at(begins_us - 1_000 + at_us)
    assert offset_us == (crash.clock_offset_us if is_new else plan.clock_offset_us)
