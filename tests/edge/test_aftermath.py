"""What is done with words once their askers have them: each is told to others, whatever becomes of one before it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from daemon.core.records import RequestKey
from daemon.edge.aftermath import STEP_BACK_S, STEPS_BACK_MAX, WORDS_MAX, Aftermath
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.life import SILENT
from daemon.simulate.ways import VirtualTime
from protocols.fix import AccountName, RequestId
from tests.desks import report

if TYPE_CHECKING:
    from daemon.core.records import Previous, Report
    from daemon.edge.desk import OrderRow, SessionRow

STEP_US = int(STEP_BACK_S * 1_000_000)
KEY = RequestKey(1, AccountName("a"), RequestId("r"))


class Stumbling:
    """A drop copy that fails over the word of number -1."""

    has_order_watchers = False

    def __init__(self) -> None:
        self.published: list[int] = []

    def expect(self, seq: int) -> None:
        pass

    def publish(self, report: Report, previous: Previous | None) -> None:
        if report.seq == -1:
            raise RuntimeError("a fault")
        self.published.append(report.seq)

    def order(self, row: OrderRow) -> None:
        raise AssertionError(row)

    def session(self, row: SessionRow) -> None:
        raise AssertionError(row)


def test_a_fault_in_one_word_keeps_none_of_those_behind_it_or_to_come_from_others() -> None:
    kernel, others = Kernel(0), Stumbling()
    aftermath = Aftermath(others, VirtualTime(Scope(kernel), Random(1)), SILENT, lambda: False)
    for seq in (-1, 2, 3):
        aftermath.of(KEY, None, report(seq=seq), None)
    with pytest.raises(RuntimeError, match="a fault"):
        kernel.run(1_000)
    kernel.run(2_000)
    assert others.published == [2, 3]
    aftermath.of(KEY, None, report(seq=4), None)
    kernel.run(3_000)
    assert others.published == [2, 3, 4]


class Pressed:
    """An aftermath beside work that somebody waits for, as long as ``is_pressed``."""

    def __init__(self) -> None:
        self.kernel, self.others = Kernel(0), Stumbling()
        self.is_pressed = True
        time = VirtualTime(Scope(self.kernel), Random(1))
        self._aftermath = Aftermath(self.others, time, SILENT, lambda: self.is_pressed)
        self.finish = self._aftermath.finish

    def tell(self, count: int) -> None:
        for seq in range(1, count + 1):
            self._aftermath.of(KEY, None, report(seq=seq), None)


def test_what_is_done_with_a_word_stands_back_while_there_is_more_to_take_in() -> None:
    scene = Pressed()
    scene.tell(100)
    scene.kernel.run(50_000)
    assert scene.others.published == []
    scene.is_pressed = False
    scene.kernel.run(60_000)
    assert scene.others.published == list(range(1, 101))


def test_it_stands_back_no_longer_than_its_bound_and_then_until_it_has_caught_up() -> None:
    scene = Pressed()
    scene.tell(100)
    scene.kernel.run(int(STEPS_BACK_MAX * STEP_BACK_S * 1_000_000))
    assert scene.others.published == list(range(1, 101))


def test_it_stands_back_with_no_more_words_than_its_bound() -> None:
    scene = Pressed()
    scene.tell(WORDS_MAX)
    scene.kernel.run(1)
    assert 0 < len(scene.others.published) < WORDS_MAX


def test_at_the_end_nothing_is_left_to_be_done_with_any_word() -> None:
    scene = Pressed()
    scene.tell(100)
    scene.finish()
    assert scene.others.published == list(range(1, 101))
    scene.kernel.run(STEP_US)
    scene.tell(100)
    scene.kernel.run(STEP_US + 1)
    assert scene.others.published == [*range(1, 101), *range(1, 101)]
