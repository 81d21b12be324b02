"""Long work in bites: in its order, a part in each turn of the loop, and whatever becomes of a piece of it."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest

from daemon.edge.bites import AWAITED_EARNED, AWAITED_MAX, AWAITED_S, Bites, Deference
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.ways import VirtualTime


class Table:
    """Bites of two calls each, and a loop that does other work between them."""

    def __init__(self) -> None:
        self.kernel = Kernel(0)
        self.done: list[object] = []
        self._scope = Scope(self.kernel)
        self.bites = Bites(VirtualTime(self._scope, Random(1)), 2)

    def take(self, *things: object) -> None:
        self.bites.take(partial(self.done.append, thing) for thing in things)

    def put_between(self, thing: object) -> None:
        self._scope.soon(partial(self.done.append, thing))


def test_calls_are_made_in_their_order_and_other_work_is_done_between_the_bites() -> None:
    table = Table()
    table.take(1, 2, 3)
    assert table.done == [1, 2]
    assert table.bites
    table.put_between("other")
    table.take(4, 5)
    assert table.done == [1, 2]
    table.kernel.run(1)
    assert table.done == [1, 2, 3, 4, "other", 5]
    assert not table.bites


def test_a_fault_in_one_call_keeps_back_none_of_those_behind_it() -> None:
    table = Table()
    with pytest.raises(ZeroDivisionError):
        table.bites.take([lambda: 1 // 0, partial(table.done.append, 2)])
    assert table.done == []
    table.kernel.run(1)
    assert table.done == [2]


def test_at_the_end_too_a_fault_in_one_call_keeps_back_none_of_those_behind_it() -> None:
    table = Table()
    table.take(1, 2)
    table.put_between("other")
    with pytest.raises(ZeroDivisionError):
        table.bites.take([lambda: 1 // 0, partial(table.done.append, 3), lambda: 2 // 0, partial(table.done.append, 4)])
    with pytest.raises(ExceptionGroup) as raised:
        table.bites.finish()
    assert [type(fault) for fault in raised.value.exceptions] == [ZeroDivisionError]
    assert table.done == [1, 2, 3, 4]


def test_a_call_that_is_put_is_not_made_in_the_same_turn() -> None:
    table = Table()
    for thing in (1, 2, 3):
        table.bites.put(partial(table.done.append, thing))
    assert table.done == []
    table.put_between("other")
    table.kernel.run(1)
    assert table.done == [1, 2, "other", 3]


@pytest.mark.parametrize("pause_s", [0.0, 0.01])
def test_calls_stand_back_for_what_cannot_wait_so_often_and_no_more_until_all_are_made(pause_s: float) -> None:
    table = Table()
    asked: list[int] = []

    def is_pressed() -> bool:
        asked.append(table.kernel.now_us)
        return True

    table.bites = Bites(VirtualTime(Scope(table.kernel), Random(1)), 2, Deference(is_pressed, 3, pause_s), 10)
    for _ in range(2):
        asked.clear()
        began_us = table.kernel.now_us
        table.take(1, 2, 3, 4)
        table.kernel.run(began_us + 1_000_000)
        assert [us - began_us for us in asked] == [number * pause_s * 1_000_000 for number in range(3)]
        assert table.done == [1, 2, 3, 4]
        table.done.clear()


def test_calls_leave_the_core_to_a_thread_that_somebody_waits_for_until_it_is_done() -> None:
    table = Table()
    until_us = 5_000
    deference = Deference(lambda: False, 0, is_awaited=lambda: table.kernel.now_us < until_us)
    table.bites = Bites(VirtualTime(Scope(table.kernel), Random(1)), 2, deference, 10)
    table.take(1, 2, 3)
    table.kernel.run(until_us - 1)
    assert table.done == []
    table.kernel.run(until_us)
    assert table.done == [1, 2, 3]


def test_where_somebody_always_waits_for_a_thread_the_calls_have_most_of_the_time_all_the_same() -> None:
    table = Table()
    deference = Deference(lambda: False, 0, is_awaited=lambda: True)
    table.bites = Bites(VirtualTime(Scope(table.kernel), Random(1)), 1, deference, 10_000)
    made_us: list[int] = []
    turns = 1_000
    table.bites.take([lambda: made_us.append(table.kernel.now_us)] * turns)
    table.kernel.run(60_000_000)
    assert len(made_us) == turns
    pauses = made_us[-1] / (AWAITED_S * 1_000_000)
    assert AWAITED_MAX < pauses <= AWAITED_MAX + AWAITED_EARNED * turns


def test_who_has_nothing_to_do_stands_back_for_nobody() -> None:
    table = Table()
    asked: list[int] = []

    def is_awaited() -> bool:
        asked.append(table.kernel.now_us)
        return True

    deference = Deference(lambda: False, 0, is_awaited=is_awaited)
    table.bites = Bites(VirtualTime(Scope(table.kernel), Random(1)), 2, deference, 10)
    table.bites.take([])
    table.kernel.run(60_000)
    assert asked == []


def test_more_calls_than_their_bound_do_not_stand_back() -> None:
    table = Table()
    table.bites = Bites(VirtualTime(Scope(table.kernel), Random(1)), 2, Deference(lambda: True, 3), 4)
    table.take(1, 2, 3)
    assert table.done == []
    table.take(4)
    table.kernel.run(0)
    assert table.done == [1, 2, 3, 4]
    table.take(5, 6, 7, 8)
    assert table.done[4:] == [5, 6]


def test_at_the_end_nothing_waits_for_a_turn_that_was_to_come() -> None:
    table = Table()
    table.take(1, 2, 3)
    table.bites.finish()
    table.take(4)
    assert table.done == [1, 2, 3, 4]
    table.kernel.run(1)
    assert table.done == [1, 2, 3, 4]


def test_at_the_end_nothing_is_left() -> None:
    table = Table()
    table.take(1, 2, 3, 4, 5)
    table.bites.finish()
    assert table.done == [1, 2, 3, 4, 5]
    table.kernel.run(1)
    table.take(6, 7, 8)
    assert table.done == [1, 2, 3, 4, 5, 6, 7, 8]
