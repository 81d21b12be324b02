"""The simulated journal in a crash: what it may have written, and in what order."""

from __future__ import annotations

from random import Random

import pytest

from daemon.core.records import BulkOpened
from daemon.simulate.disk import Disk, Habits, VirtualJournal
from daemon.simulate.kernel import Kernel, Scope
from tests.edge.test_bulks import START_US, intent

COMMIT_US = 1_000


@pytest.mark.parametrize(("fails_us", "counts"), [(0, {0, 1}), (COMMIT_US + 1, {0})])
def test_nothing_is_written_before_what_a_failing_disk_has_not_taken_yet(fails_us: int, counts: set[int]) -> None:
    """The first commit fails or not, the disk heals, and the daemon dies in the second."""
    found: set[int] = set()
    for seed in range(20):
        kernel = Kernel(START_US)
        habits = Habits((COMMIT_US, COMMIT_US), ((START_US, START_US + fails_us),) if fails_us else ())
        disk = Disk(kernel, habits, Random(seed))
        scope = Scope(kernel)
        journal = VirtualJournal(disk, scope)
        opened = BulkOpened(START_US, intent().bulk, intent())
        journal.append((opened,))
        kernel.run(START_US + COMMIT_US + 10)
        journal.append((opened,))
        kernel.run(kernel.now_us + COMMIT_US // 2)
        scope.kill()
        written = len(disk.records)
        journal.crashed()
        found.add(len(disk.records) - written)
    assert found == counts
