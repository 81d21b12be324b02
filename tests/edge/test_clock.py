"""The one clock, and the waits that are counted by it."""

import pytest

from daemon.edge.clock import Clock, seconds_until
from daemon.edge.pacing import Backoff, Pacer


class Hands:
    """A realtime and a monotonic clock, moved by hand."""

    def __init__(self) -> None:
        self.realtime_ns = 1_763_600_000_000_000_000
        self.monotonic_ns = 5_000_000_000

    def clock(self) -> Clock:
        return Clock(lambda: self.realtime_ns, lambda: self.monotonic_ns)

    def wait(self, seconds: float) -> None:
        self.monotonic_ns += int(seconds * 1e9)


def test_the_clock_counts_from_its_anchor_whatever_becomes_of_the_hosts() -> None:
    hands = Hands()
    clock = hands.clock()
    began = clock.now()
    assert began == 1_763_600_000_000_000
    hands.realtime_ns -= 3_600_000_000_000
    hands.wait(2.5)
    assert clock.now() - began == 2_500_000


@pytest.mark.parametrize(
    ("due_us", "seconds"), [(1_000, 0.001), (1_001, 0.002), (1, 0.001), (0, 0.0), (-5_000, 0.0), (2_500_000, 2.5)]
)
def test_one_wakes_at_the_deadline_or_just_after(due_us: int, seconds: float) -> None:
    assert seconds_until(1_000_000 + due_us, 1_000_000) == seconds


def test_the_first_failure_costs_no_wait_and_then_they_double_to_a_bound() -> None:
    backoff = Backoff(0.25, 15.0, draw=lambda: 1.0)
    waits = []
    for _ in range(12):
        backoff.failed()
        waits.append(backoff.delay_s())
    assert waits[:5] == [0.0, 0.25, 0.5, 1.0, 2.0]
    assert waits[-1] == 15.0
    backoff.succeeded()
    assert backoff.delay_s() == 0.0


def test_the_jitter_takes_away_at_most_half() -> None:
    backoff = Backoff(1.0, 15.0, draw=lambda: 0.0)
    backoff.failed()
    backoff.failed()
    assert backoff.delay_s() == 0.5


def test_dials_keep_the_venues_gap_between_them() -> None:
    hands = Hands()
    pacer = Pacer(hands.clock(), 0.34)
    assert [round(pacer.take_turn(), 2) for _ in range(3)] == [0.0, 0.34, 0.68]
    hands.wait(10)
    assert pacer.take_turn() == 0.0
