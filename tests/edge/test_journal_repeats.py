"""What repeats itself in a story is told once; what was asked of us, what left and what was concluded every time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.edge.journal.repeats import FOLDED, PERIOD_MAX, StepTold, folded, shortened

OPENED, SENT = "request_opened", "send_made"


def steps(*kinds: str, detail: str = "") -> list[StepTold]:
    """Tell a step of each kind, one after the other."""
    return [StepTold(number, number * 10, kind, detail) for number, kind in enumerate(kinds)]


def told(found: list[StepTold]) -> list[str]:
    return [step.detail if step.kind == "repeated" else step.kind for step in found]


def test_a_run_that_comes_three_times_is_told_once_with_when_it_came_last() -> None:
    found = folded(steps(OPENED, *["asked", "told"] * 4, "concluded"))
    again = "the 2 steps before came 3 times more, for the last time now"
    assert told(found) == [OPENED, "asked", "told", again, "concluded"]
    assert (found[3].t, found[4].t) == (80, 90)


def test_a_run_that_comes_twice_is_told_twice() -> None:
    story = steps(OPENED, *["asked", "told"] * 2)
    assert folded(story) == story


def test_a_single_step_is_folded_too() -> None:
    assert told(folded(steps(*["observed"] * 5))) == [
        "observed", "the step before came 4 times more, for the last time now"
    ]  # fmt: skip


def test_what_is_no_question_is_told_each_time() -> None:
    story = steps(*[SENT, "send_answered", "asked", "told"] * 5)
    assert folded(story) == story


def test_numbers_of_questions_make_no_difference_and_what_was_said_does() -> None:
    asked = [StepTold(n, n, "asked", f"question q1x{n} (order) was put") for n in range(5)]
    assert len(folded(asked)) == 2
    denied = [StepTold(n, n, "told", f"question q1x{n} (order): code {n}") for n in range(5)]
    assert folded(denied) == denied


def test_another_run_after_it_is_folded_for_itself() -> None:
    story = steps(*["asked", "told"] * 3, *["asked", "ask_failed"] * 3)
    assert told(folded(story)) == [
        "asked", "told", "the 2 steps before came 2 times more, for the last time now",
        "asked", "ask_failed", "the 2 steps before came 2 times more, for the last time now",
    ]  # fmt: skip


def test_a_run_longer_than_is_looked_for_is_told_each_time() -> None:
    run = [StepTold(n, n, "told", str(n % (PERIOD_MAX + 1))) for n in range(3 * (PERIOD_MAX + 1))]
    assert folded(run) == run


@given(st.lists(st.sampled_from([OPENED, SENT, *sorted(FOLDED)]), max_size=60))
def test_no_step_gets_lost(kinds: list[str]) -> None:
    """What is folded is unfolded again by what is said of it."""
    whole: list[str] = []
    for step in folded(steps(*kinds)):
        if step.kind != "repeated":
            whole.append(step.kind)
            continue
        words = step.detail.split()
        length, count = (1, words[4]) if words[1] == "step" else (int(words[1]), words[5])
        whole += whole[-length:] * int(count)
    assert whole == kinds


@pytest.mark.parametrize(("count", "kept"), [(20, 20), (21, 20), (500, 20)])
def test_the_middle_of_a_long_story_is_left_out_and_counted(count: int, kept: int) -> None:
    story = steps(*[SENT] * count)
    found = shortened(story, 20)
    assert len(found) == kept
    if count > kept:
        assert found[:2] == story[:2]
        assert found[3:] == story[-17:]
        assert (found[2].kind, found[2].detail) == ("left_out", f"{count - 19} steps that the journal has")
