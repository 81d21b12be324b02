"""Long work in bites: in its order, a part in each turn of the loop, and whatever becomes of a piece of it."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest

from daemon.edge.bites import Bites
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


def test_at_the_end_nothing_is_left() -> None:
    table = Table()
    table.take(1, 2, 3, 4, 5)
    table.bites.finish()
    assert table.done == [1, 2, 3, 4, 5]
    table.kernel.run(1)
    table.take(6, 7, 8)
    assert table.done == [1, 2, 3, 4, 5, 6, 7, 8]
