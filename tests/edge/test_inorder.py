"""Words that go in the order of their numbers, in whatever order they become ready."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.edge.inorder import InOrder


@given(st.permutations(range(8)), st.integers(0, 8))
def test_a_word_goes_once_when_all_before_it_are_ready_and_one_that_nobody_announced_at_once(
    ready: list[int], announced: int
) -> None:
    words: InOrder[str] = InOrder()
    for number in range(announced):
        words.expect(number)
    heard: set[int] = set()
    went: list[str] = []
    for number in ready:
        going = words.ready(number, f"word {number}")
        if number >= announced:
            assert going == [f"word {number}"]
            continue
        heard.add(number)
        went += going
        due = next((awaited for awaited in range(announced) if awaited not in heard), announced)
        assert went == [f"word {gone}" for gone in range(due)]
    assert not words
