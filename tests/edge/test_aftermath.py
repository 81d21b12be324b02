"""What is done with words once their askers have them: each is told to others, whatever becomes of one before it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from daemon.core.records import RequestKey
from daemon.edge.aftermath import Aftermath
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.life import SILENT
from daemon.simulate.ways import VirtualTime
from protocols.fix import AccountName, RequestId
from tests.desks import report

if TYPE_CHECKING:
    from daemon.core.records import Previous, Report
    from daemon.edge.desk import OrderRow, SessionRow

KEY = RequestKey(1, AccountName("a"), RequestId("r"))


class Stumbling:
    """A drop copy that fails over the word of one number."""

    has_order_watchers = False

    def __init__(self) -> None:
        self.published: list[int] = []

    def expect(self, seq: int) -> None:
        pass

    def publish(self, report: Report, previous: Previous | None) -> None:
        if report.seq == 1:
            raise RuntimeError("a fault")
        self.published.append(report.seq)

    def order(self, row: OrderRow) -> None:
        raise AssertionError(row)

    def session(self, row: SessionRow) -> None:
        raise AssertionError(row)


def test_a_fault_in_one_word_keeps_none_of_those_behind_it_or_to_come_from_others() -> None:
    kernel, others = Kernel(0), Stumbling()
    aftermath = Aftermath(others, VirtualTime(Scope(kernel), Random(1)), SILENT)
    for seq in (1, 2, 3):
        aftermath.of(KEY, None, report(seq=seq), None)
    with pytest.raises(RuntimeError, match="a fault"):
        kernel.run(1_000)
    kernel.run(2_000)
    assert others.published == [2, 3]
    aftermath.of(KEY, None, report(seq=4), None)
    kernel.run(3_000)
    assert others.published == [2, 3, 4]
