"""Where many wait for budget, each client has its turn: a flood delays another's cancel by one slot, not by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.lines import PARTIES_MIN, Line
from protocols.dialect import RateRule, Scope
from tests.core.story import Story

RULE = RateRule("cancels", frozenset({"cancel"}), 1, 1000, Scope.USER, "somewhere")
SLOT_MS = 1100


def left_for(story: Story) -> list[str | None]:
    return [wire.order_id for wire in story.sends]


def serve(story: Story, slots: int) -> None:
    for _ in range(slots):
        for sent in story.open_sends():
            story.ack(sent)
        story.advance(SLOT_MS)


def test_a_single_cancel_waits_for_one_slot_behind_another_clients_flood() -> None:
    story = Story.with_rules(RULE)
    for number in range(50):
        story.submit(f"flood{number}", pid=1)
    story.submit("lone", pid=2)
    serve(story, 2)
    assert "lone" in left_for(story)


def test_two_floods_take_turns_and_each_keeps_its_order() -> None:
    story = Story.with_rules(RULE)
    for pid in (1, 2):
        for number in range(4):
            story.submit(f"{pid}-{number}", pid=pid)
    serve(story, 8)
    assert left_for(story) == ["1-0", "1-1", "2-0", "1-2", "2-1", "1-3", "2-2", "2-3"]


def test_the_items_of_a_bulk_cancel_take_one_turn_together_beside_their_clients_other_cancels() -> None:
    story = Story.with_rules(RULE)
    for number in range(50):
        story.submit(f"bulk{number}", name=f"flatten/{number}")
    story.submit("lone", name="mine")
    serve(story, 2)
    assert "lone" in left_for(story)


def test_an_urgent_cancel_of_the_flooding_client_goes_before_anothers_turn() -> None:
    story = Story.with_rules(RULE)
    for number in range(10):
        story.submit(f"flood{number}", pid=1)
    story.submit("lone", pid=2)
    story.submit("urgent", pid=1, urgent=True)
    serve(story, 2)
    assert left_for(story)[1] == "urgent"


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(0, 20))
def test_nobody_waits_longer_than_for_one_of_each_other_party_per_own_place(floods: list[int], served: int) -> None:
    line: Line[tuple[int, int]] = Line()
    for party, size in enumerate(floods):
        for number in range(size):
            line.join((party, number), 1, party)
    for _ in range(min(served, len(line) - 1)):
        line.pop()
    late = (len(floods), 0)
    line.join(late, 1, len(floods))
    place = next(place for place in range(len(line)) if line.pop() == late)
    assert place <= len(floods)


def test_a_party_that_comes_back_again_and_again_does_not_pass_those_who_wait() -> None:
    line: Line[str] = Line()
    for number in range(3):
        line.join(f"flood{number}", 1, "flood")
    line.join("again", 1, "again")
    order = []
    for _ in range(6):
        order.append(line.pop())
        if order[-1] == "again":
            line.join("again", 1, "again")
    assert order == ["flood0", "again", "flood1", "again", "flood2", "again"]


def test_a_line_that_never_empties_does_not_remember_everybody_for_ever() -> None:
    line: Line[int] = Line()
    line.join(-1, 1, "last")
    for number in range(20 * PARTIES_MIN):
        line.join(number, 1, number)
        line.pop()
    assert line.parties_remembered <= 2 * PARTIES_MIN + 2
