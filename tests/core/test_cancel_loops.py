"""A program that asks for a dead order over and over costs the venue next to nothing, and no live order its cancel."""

from __future__ import annotations

import pytest

from daemon.core.policy import FRUITLESS_MAX
from protocols.evidence import Proof, Step
from protocols.fix import Outcome
from tests.core.story import Story
from tests.core.words import TIMINGS

LAG_MS = TIMINGS.replica_lag_ms
MINUTE_MS = 60_000


def gone(story: Story) -> None:
    """The venue knows no such order, whatever it is asked."""
    for sent in story.open_sends():
        story.refuse(Proof.GONE, sent=sent)
    while story.open_questions():
        story.answer_not_found()
        story.tick()


def ask_in_a_loop(story: Story, times: int, every_ms: float, **how: str | None) -> None:
    for _ in range(times):
        story.submit(**how)  # type: ignore[arg-type] # an order or an alias
        gone(story)
        story.advance(every_ms, lambda: gone(story))


@pytest.mark.parametrize("how", [{"order": "o1"}, {"order": None, "alias": "c1"}])
def test_a_loop_over_an_order_that_is_not_there_costs_no_more_however_fast_it_turns(how: dict[str, str | None]) -> None:
    costs = []
    for times in (60, 600):
        story = Story()
        ask_in_a_loop(story, times, MINUTE_MS / times, **how)
        assert len(story.sends) <= FRUITLESS_MAX + 7
        assert "cancel_loop" in story.alarms
        costs.append(len(story.asked))
    assert costs[1] <= 1.2 * costs[0]


def test_an_ended_order_that_is_known_costs_nothing_at_all() -> None:
    story = Story()
    story.push("canceled", order="o1", cum="0")
    for _ in range(100):
        story.submit("o1")
    assert (story.sends, story.asked) == ([], [])
    assert [story.outcome(f"r{n}") for n in range(1, 101)] == [Outcome.CANCELED] * 100
    assert "cancel_loop" not in story.alarms


def test_the_first_requests_of_an_order_wait_for_nothing() -> None:
    story = Story()
    for count in range(1, FRUITLESS_MAX + 1):
        story.submit()
        assert len(story.sends) == count
        story.refuse(Proof.GONE)
    story.submit()
    assert len(story.sends) == FRUITLESS_MAX
    story.advance(1000)
    assert len(story.sends) == FRUITLESS_MAX + 1


def test_what_waits_is_one_cancel_for_all_who_wait() -> None:
    story = Story()
    for _ in range(FRUITLESS_MAX):
        story.submit()
        story.refuse(Proof.GONE)
    names = [story.submit() for _ in range(20)]
    story.advance(1000)
    assert len(story.sends) == FRUITLESS_MAX + 1
    story.ack()
    story.push("canceled", cum="0")
    assert {story.outcome(name) for name in names} == {Outcome.CANCELED}


def test_a_sign_of_life_ends_the_waiting_at_once() -> None:
    story = Story()
    for _ in range(FRUITLESS_MAX + 1):
        story.submit()
        if story.open_sends():
            story.refuse(Proof.GONE)
    sent = len(story.sends)
    story.advance(1)
    story.push("new", cum="0")
    assert len(story.sends) > sent


def test_a_client_id_that_is_used_for_order_after_order_is_no_loop() -> None:
    story = Story()
    for number in range(10):
        story.submit(None, alias="mine")
        story.ack(order=f"o{number}")
        story.push("canceled", order=f"o{number}", alias="mine", cum="0")
        story.advance(10)
    assert len(story.sends) == 10
    assert "cancel_loop" not in story.alarms


def test_another_order_does_not_wait_with_it() -> None:
    story = Story()
    ask_in_a_loop(story, 20, 10)
    story.submit("o2")
    assert story.sends[-1].order_id == "o2"
    assert Step.ORDER in story.asked


def test_a_deadline_that_passes_while_it_waits_is_an_honest_not_sent() -> None:
    story = Story()
    for _ in range(FRUITLESS_MAX):
        story.submit()
        story.refuse(Proof.GONE)
    name = story.submit(deadline_ms=500)
    story.advance(500)
    assert story.outcome(name) is Outcome.NOT_SENT
