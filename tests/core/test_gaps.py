"""The gap that a venue wants between two cancels of one order holds under whichever name the order goes."""

from __future__ import annotations

import pytest

from daemon.core.gaps import Gaps
from daemon.core.records import SendMade
from protocols.evidence import Proof
from protocols.fix import OrderId, Road
from tests.core.aliases import OURS
from tests.core.story import Story
from tests.core.words import T0_MS

GAP_MS = 1_100


def a_story() -> Story:
    return Story.with_timings(per_order_gap_ms=GAP_MS)


def test_a_cancel_by_order_id_waits_for_one_by_the_client_id_that_the_order_is_known_to_have() -> None:
    story = a_story()
    story.push("new", **OURS)
    story.submit(None, alias="y")
    story.submit("o1")
    story.advance(GAP_MS - 1)
    assert [wire.client_order_id for wire in story.sends] == ["y"]


def test_a_cancel_by_client_id_waits_for_one_by_the_order_id_that_a_push_tells_to_be_its_own() -> None:
    story = a_story()
    story.submit("o1")
    story.push("new", **OURS)
    story.submit(None, alias="y")
    story.advance(GAP_MS - 1)
    assert [wire.order_id for wire in story.sends] == ["o1"]


def test_a_cancel_by_client_id_waits_where_the_answer_to_one_by_order_id_named_both() -> None:
    story = a_story()
    story.submit("o1")
    story.refuse(Proof.ACCEPTED, order="o1", alias="y")
    story.submit(None, alias="y")
    story.advance(GAP_MS - 1)
    assert [wire.order_id for wire in story.sends] == ["o1"]


def test_a_cancel_waits_for_one_that_left_in_the_moment_in_which_another_one_could_not() -> None:
    story = a_story()
    story.push("new", **OURS)
    story.submit("o1")
    story.never_left()
    assert [wire.road for wire in story.sends] == [Road.WS, Road.REST]
    story.submit(None, alias="y")
    story.advance(GAP_MS - 1)
    assert len(story.sends) == 2


def test_a_client_id_that_an_earlier_answer_named_is_known_when_the_next_cancel_leaves() -> None:
    story = a_story()
    story.submit("o1")
    story.refuse(Proof.UNCHANGED_RETRY, order="o1", alias="y")
    story.advance(GAP_MS)
    assert [wire.order_id for wire in story.sends] == ["o1", "o1"]
    story.submit(None, alias="y")
    story.advance(GAP_MS - 1, story.fail_question)
    assert len(story.sends) == 2


@pytest.mark.parametrize("first", ["y", "o1"])
def test_that_an_order_had_a_client_id_is_remembered_after_a_listing_lacked_it(first: str) -> None:
    story = a_story()
    story.push("new", **OURS)
    story.core.book.settle(set(), story.now_us + 1)
    assert story.core.book.find("", OrderId("o1")) is None
    for name in sorted(("y", "o1"), key=lambda name: name != first):
        story.submit("o1" if name == "o1" else None, alias="y" if name == "y" else None)
    story.advance(GAP_MS - 1)
    assert [wire.client_order_id or wire.order_id for wire in story.sends] == [first]


def test_cancels_of_orders_that_have_no_name_in_common_do_not_wait_for_one_another() -> None:
    story = a_story()
    story.push("new", order="o2", alias="z", created_ms=T0_MS - 10)
    story.submit("o1", alias="y")
    story.submit("o2")
    assert len(story.sends) == 2


def test_a_cancel_that_left_just_before_a_kill_and_stands_in_no_journal_keeps_the_next_life_waiting() -> None:
    story = a_story()
    story.submit(None, alias="y")
    requested = len(story.shelf.records) - sum(isinstance(record, SendMade) for record in story.shelf.records)
    story.advance(100)
    story.restart(upto=requested)
    assert not any(isinstance(record, SendMade) for record in story.shelf.records)
    story.answer_live(alias="y")
    story.advance(GAP_MS - 101)
    assert len(story.sends) == 1
    story.advance(1)
    assert len(story.sends) == 2


def test_what_left_longer_ago_than_the_gap_is_forgotten() -> None:
    story = a_story()
    story.submit("o1", alias="y")
    gaps = Gaps()
    gaps.note(story.case(), T0_MS * 1000)
    assert (len(gaps), gaps.last_us(story.case())) == (2, T0_MS * 1000)
    gaps.forget(T0_MS * 1000 + 1)
    assert (len(gaps), gaps.last_us(story.case())) == (0, 0)


def test_a_cancel_that_never_left_does_not_hide_the_one_that_left_in_its_place() -> None:
    story = a_story()
    story.submit(None, alias="y")
    story.never_left()
    assert [sent.may_have_left for sent in story.case().sends] == [False, True]
    assert story.core.world.gaps.last_us(story.case()) == T0_MS * 1000
