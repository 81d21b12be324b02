"""How many lines pass in a second: a second's worth at once, and then as many as time brings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.edge.line_pace import LinePace

SECOND_US = 1_000_000


@given(st.integers(1, 50), st.lists(st.integers(0, 400_000), max_size=300))
def test_no_second_lets_more_pass_than_twice_its_worth_and_none_less_than_is_due(per_s: int, waits: list[int]) -> None:
    pace, now_us, passed = LinePace(per_s, 0), 0, []
    for wait_us in waits:
        now_us += wait_us
        if pace.lets_pass(now_us):
            passed.append(now_us)
    for start_us in passed:
        assert sum(start_us <= at_us < start_us + SECOND_US for at_us in passed) <= 2 * per_s
    assert len(passed) >= min(len(waits), per_s)


def test_a_pace_that_is_kept_is_never_refused() -> None:
    pace = LinePace(10, 0)
    assert all(pace.lets_pass(n * 100_000) for n in range(1000))


def test_what_was_refused_costs_nothing() -> None:
    pace = LinePace(1, 0)
    assert [pace.lets_pass(0) for _ in range(5)] == [True, False, False, False, False]
    assert pace.lets_pass(SECOND_US)
