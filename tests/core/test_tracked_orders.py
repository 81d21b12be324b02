"""Orders that a client told of when it placed them: their ids are bound early, and their age is known."""

from __future__ import annotations

from protocols.evidence import Proof
from protocols.fix import Outcome
from tests.core.aliases import NEWER, by_alias
from tests.core.story import Story
from tests.core.words import T0_MS


def test_a_tracked_client_id_goes_out_by_order_id() -> None:
    story = Story()
    story.track("y", "o1")
    story.advance(1)
    story.submit(None, alias="y")
    assert [wire.order_id for wire in story.sends] == ["o1"]
    story.push("canceled", order="o1", cum="0")
    assert story.outcomes() == [Outcome.CANCELED]


def test_a_tracked_time_stands_for_a_creation_time_that_the_venue_does_not_say() -> None:
    story = Story()
    story.track("y")
    story.advance(1)
    story.submit(None, alias="y")
    story.push("new", order="o1", alias="y", created_ms=None)
    assert story.case().order_id == "o1"


def test_a_tracked_time_does_not_bind_an_order_newer_than_the_request() -> None:
    story = Story()
    story.track("y")
    story.advance(1)
    story.submit(None, alias="y")
    story.push("canceled", **NEWER)
    assert story.case().order_id is None


def test_a_cancel_that_overtakes_its_tracked_order_is_sent_again_once_the_order_appears() -> None:
    story = Story()
    story.track("y")
    story.submit(None, alias="y")
    story.refuse(Proof.GONE)
    story.advance(300)
    story.push("new", order="o1", alias="y", cum="0", created_ms=T0_MS + 250)
    assert story.case().order_id == "o1"
    story.advance(200)
    assert [wire.order_id for wire in story.sends] == [None, "o1"]


def test_an_order_may_be_tracked_after_its_cancel_was_asked_for() -> None:
    story = by_alias()
    story.advance(200)
    story.track("y", placed_us=T0_MS * 1000)
    story.push("new", order="o1", alias="y", cum="0", created_ms=T0_MS + 150)
    assert story.case().order_id == "o1"


def test_what_was_tracked_as_placed_later_says_nothing_about_a_request() -> None:
    story = Story()
    story.track("y", "o1", placed_us=story.now_us + 1)
    story.submit(None, alias="y")
    assert [wire.client_order_id for wire in story.sends] == ["y"]


def test_a_tracked_order_that_has_ended_answers_no_request_by_client_id() -> None:
    story = Story()
    story.track("y", "o1")
    story.push("filled", order="o1", alias="y", cum="10")
    story.advance(1)
    story.submit(None, alias="y")
    assert story.outcomes() == []
    assert [wire.client_order_id for wire in story.sends] == ["y"]


def test_tracking_the_same_id_again_counts_as_the_newest() -> None:
    story = Story()
    story.track("y", "o1")
    story.track("y", "o2")
    story.submit(None, alias="y")
    assert [wire.order_id for wire in story.sends] == ["o2"]
