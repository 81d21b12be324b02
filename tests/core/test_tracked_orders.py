"""Orders that a client told of when it placed them: their ids are bound early, and their age is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from protocols.evidence import Absence, Proof, Step
from protocols.fix import Outcome
from tests.core.aliases import NEWER, by_alias
from tests.core.story import Story
from tests.core.words import T0, T0_MS, TRAITS

if TYPE_CHECKING:
    from protocols.dialect import Traits


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


# ---------------------------------------------------------------- where a venue forgets client ids

WINDOW_MS = 3_600_000
HORIZON_MS = int(TRAITS.timings.horizon_s * 1000)
FORGETFUL = msgspec.structs.replace(TRAITS, alias_window_ms=WINDOW_MS)
"""By client id this venue finds no ended order; its history names the ids of young ones."""


def answer_as_the_forgetful(story: Story) -> None:
    """Answer that there is none, as far as such a venue can say that of a client id."""
    put = story.open_questions()[0]
    worth = {Step.OPEN_ORDERS: Absence.DENIES, Step.HISTORY: Absence.DENIES_RECENT}
    story.answer_not_found(put, absence=worth.get(put.question.step, Absence.BLIND))


def asked_in_vain(story: Story, name: str = "r1") -> list[Outcome]:
    """Tell how a request by client id ends of which the venue knows nothing."""
    if story.open_sends():
        story.refuse(Proof.GONE)
    story.advance(HORIZON_MS, lambda: answer_as_the_forgetful(story))
    return story.outcomes(name)


@pytest.mark.parametrize("age_ms", [0, 1_000, WINDOW_MS - HORIZON_MS])
def test_a_client_id_that_was_placed_lately_by_its_clients_word_can_be_denied(age_ms: int) -> None:
    story = Story(FORGETFUL)
    story.track("y", placed_us=T0 - age_ms * 1000)
    story.submit(None, alias="y")
    assert asked_in_vain(story) == [Outcome.UNKNOWN_ORDER]
    assert story.asked[-1] is Step.OPEN_ORDERS


def test_it_is_denied_only_twice_a_lag_apart_and_never_once_it_was_seen() -> None:
    story = Story(FORGETFUL)
    story.track("y")
    story.submit(None, alias="y")
    story.refuse(Proof.GONE)
    story.advance(TRAITS.timings.replica_lag_ms - 1, lambda: answer_as_the_forgetful(story))
    assert story.outcomes() == []
    story.push("new", order="o1", alias="y", cum="0", created_ms=T0_MS)
    assert asked_in_vain(story) == [Outcome.IN_DOUBT]


def test_a_client_id_that_nobody_dated_is_in_doubt() -> None:
    for said in (None, False):
        story = Story(FORGETFUL)
        if said is not None:
            story.track("y", is_said=said)
        story.submit(None, alias="y")
        assert asked_in_vain(story) == [Outcome.IN_DOUBT]


def test_a_client_id_of_an_order_past_the_venues_window_is_in_doubt() -> None:
    story = Story(FORGETFUL)
    story.track("y", placed_us=T0 - WINDOW_MS * 1000)
    story.submit(None, alias="y")
    assert asked_in_vain(story) == [Outcome.IN_DOUBT]


@pytest.mark.parametrize("ahead_ms", [WINDOW_MS, -WINDOW_MS])
def test_a_client_id_that_was_dated_by_a_clock_which_is_not_ours_any_more_is_in_doubt(ahead_ms: int) -> None:
    story = Story(FORGETFUL)
    story.measure_clock(ahead_ms, 100)
    story.track("y")
    story.submit(None, alias="y")
    assert asked_in_vain(story) == [Outcome.IN_DOUBT]


def test_a_request_that_was_made_before_the_placing_means_an_older_order_and_is_in_doubt() -> None:
    story = Story(FORGETFUL)
    story.submit(None, alias="y")
    story.advance(1)
    story.track("y")
    assert asked_in_vain(story) == [Outcome.IN_DOUBT]


def test_a_later_life_knows_too_which_order_was_tracked_by_who_joined_another_in_its_cancel() -> None:
    story = Story()
    story.submit("o1")
    story.track("y", "o1")
    story.submit(None, alias="y")
    story.restart()
    story.answer_ended("canceled", order="o1", alias="y", cum="0", updated_ms=T0_MS - 1)
    assert story.outcomes("r2") == [Outcome.CANCELED]
    assert story.case("r2").order_id == "o1"


def test_what_one_client_tracked_makes_nobody_else_sure_in_a_later_life() -> None:
    story = Story()
    story.submit(None, alias="y")
    story.push("new", order="o1", alias="y")
    story.track("y", "o1")
    story.advance(1)
    story.submit(None, alias="y")
    story.restart()
    story.answer_ended("canceled", order="o1", alias="y", cum="0", updated_ms=T0_MS - 1)
    assert (story.outcomes("r1"), story.outcomes("r2")) == ([], [Outcome.CANCELED])


def test_what_a_client_dated_in_an_earlier_life_is_in_doubt_since_the_clock_may_have_been_set() -> None:
    story = Story(FORGETFUL)
    story.track("y", placed_us=T0)
    story.submit(None, alias="y")
    story.refuse(Proof.GONE)
    story.restart()
    story.track("y", placed_us=T0)
    assert asked_in_vain(story)[-1] is Outcome.IN_DOUBT


def test_a_client_id_that_a_push_has_named_before_is_in_doubt_whatever_the_venue_denies() -> None:
    story = Story(FORGETFUL)
    story.track("y")
    story.advance(1)
    story.push("filled", order="o1", alias="y", cum="10", created_ms=T0_MS)
    story.advance(1)
    story.submit(None, alias="y")
    assert asked_in_vain(story) == [Outcome.IN_DOUBT]


def test_a_history_that_could_not_be_read_to_its_end_denies_nothing() -> None:
    story = Story(FORGETFUL)
    story.track("y")
    story.submit(None, alias="y")
    story.refuse(Proof.GONE)
    story.advance(HORIZON_MS, lambda: story.answer_not_found(absence=Absence.BLIND))
    assert story.outcomes() == [Outcome.IN_DOUBT]


def test_a_client_id_that_rests_at_the_venue_is_never_unknown_even_if_it_seems_to_be_a_newer_orders() -> None:
    story = Story(FORGETFUL)
    story.track("y")
    story.submit(None, alias="y")

    def answer_of_one_placed_slowly() -> None:
        put = story.open_questions()[0]
        if put.question.step in {Step.ORDER, Step.OPEN_ORDERS}:
            story.answer_live(put, order="o1", alias="y", cum="0", created_ms=T0_MS + 6_000)
        else:
            answer_as_the_forgetful(story)

    story.refuse(Proof.GONE)
    story.advance(6_000, lambda: answer_as_the_forgetful(story))
    story.advance(HORIZON_MS, answer_of_one_placed_slowly)
    assert story.outcomes() == [Outcome.IN_DOUBT]


@pytest.mark.parametrize(("traits", "worth"), [(FORGETFUL, Absence.DENIES_RECENT), (TRAITS, Absence.DENIES)])
def test_a_client_id_that_rests_on_another_instrument_is_not_unknown(traits: Traits, worth: Absence) -> None:
    story = Story(traits)
    story.track("y")
    story.submit(None, alias="y")
    story.refuse(Proof.GONE)

    def answer_by_listing() -> None:
        put = story.open_questions()[0]
        if put.question.step is Step.OPEN_ORDERS:
            story.answer_live(put, order="o1", alias="y", cum="0", instrument="OTHER")
        else:
            story.answer_not_found(put, absence=worth if put.question.step is Step.ORDER else Absence.BLIND)

    story.advance(HORIZON_MS, answer_by_listing)
    assert story.outcomes() == [Outcome.IN_DOUBT]
