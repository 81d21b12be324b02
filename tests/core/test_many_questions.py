"""Many questions at once: no more are under way than the gateway takes, and none about an open request waits behind
those that only confirm an end.
"""

from __future__ import annotations

from daemon.core import bench
from daemon.edge import questions
from protocols.evidence import DropCopyState
from tests.core.story import Story

ENDED = 60
OPEN = 5


def about_orders(story: Story) -> list[str]:
    """The orders that questions without an answer are about."""
    return [str(put.question.order_id) for put in story.open_questions() if put.question.order_id is not None]


def test_no_more_are_put_than_the_gateway_takes_and_each_answer_lets_the_next_one_go() -> None:
    story = Story(drop_copy=DropCopyState.DOWN)
    for number in range(ENDED):
        story.submit(f"o{number}", name=f"r{number}")
        story.ack(story.open_sends()[-1])
    story.tick()
    assert len(about_orders(story)) == bench.QUESTIONS_MAX < questions.QUESTIONS_MAX
    for _ in range(ENDED):
        story.answer_ended("canceled", put=next(put for put in story.open_questions() if put.question.order_id))
        story.tick()
        assert len(about_orders(story)) <= bench.QUESTIONS_MAX
    assert {story.outcome(f"r{number}") for number in range(ENDED)} == {"canceled"}
    assert len(story.asked) == ENDED  # none was turned away and put again


def test_after_a_restart_the_open_are_asked_about_at_once_however_many_ended_ones_are_to_be_confirmed() -> None:
    story = Story()
    for number in range(ENDED):
        story.submit(f"o{number}", name=f"r{number}")
        story.push("canceled", order=f"o{number}")
    for number in range(ENDED, ENDED + OPEN):
        story.submit(f"o{number}", name=f"r{number}")
    story.restart()
    story.advance(1)
    asked = about_orders(story)
    assert {f"o{number}" for number in range(ENDED, ENDED + OPEN)} <= set(asked)
    assert len(asked) == bench.CONFIRMATIONS_MAX + OPEN
    for _ in range(ENDED + OPEN):
        story.answer_ended("canceled", put=next(put for put in story.open_questions() if put.question.order_id))
        story.tick()
    assert about_orders(story) == []
    assert {story.outcome(f"r{number}") for number in range(ENDED + OPEN)} == {"canceled"}
