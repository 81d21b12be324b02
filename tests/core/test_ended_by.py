"""Who ended an order: it is us only if a cancel of ours can have done it, and somebody else only if none can."""

from __future__ import annotations

import pytest

from daemon.core.world import SWEPT_MAX
from protocols.evidence import Proof
from protocols.fix import EndedBy
from tests.core.story import Story
from tests.core.words import T0_MS, TIMINGS


@pytest.mark.parametrize(
    ("proof", "said", "ended_by"),
    [
        (Proof.ACCEPTED, EndedBy.US, EndedBy.US),
        (Proof.GONE, EndedBy.US, EndedBy.OTHER),
        (Proof.UNKNOWN, EndedBy.US, EndedBy.UNKNOWN),
        (Proof.ACCEPTED, EndedBy.OTHER, EndedBy.OTHER),
        (Proof.ACCEPTED, EndedBy.UNKNOWN, EndedBy.UNKNOWN),
    ],
)
def test_the_user_ended_the_order_only_if_a_cancel_of_ours_can_have(
    proof: Proof, said: EndedBy, ended_by: EndedBy
) -> None:
    story = Story()
    story.submit()
    story.refuse(proof)
    story.push("canceled", cum="0", ended_by=said)
    assert story.report().ended_by is ended_by


def ended_by_the_user(story: Story, updated_ms: int) -> EndedBy:
    """A cancel is refused since the order is gone, and the venue says that the user canceled it then."""
    story.submit()
    story.refuse(Proof.GONE)
    story.push("canceled", cum="0", ended_by=EndedBy.US, updated_ms=updated_ms)
    return story.report().ended_by


@pytest.mark.parametrize(
    ("updated_ms", "ended_by"),
    [
        (T0_MS - 1, EndedBy.UNKNOWN),
        (T0_MS + TIMINGS.settle_ms - 1, EndedBy.UNKNOWN),
        (T0_MS + TIMINGS.settle_ms, EndedBy.OTHER),
    ],
)
def test_what_may_have_left_before_this_life_may_have_ended_the_order(updated_ms: int, ended_by: EndedBy) -> None:
    story = Story()
    story.core.world.began_us = story.now_us
    assert ended_by_the_user(story, updated_ms) is ended_by


def test_where_nothing_is_known_of_an_earlier_life_it_is_somebody_else() -> None:
    assert ended_by_the_user(Story(), T0_MS - 1) is EndedBy.OTHER


def test_who_ended_an_order_is_not_known_where_nothing_left_for_this_request() -> None:
    story = Story()
    story.push("canceled", cum="0", ended_by=EndedBy.US)
    story.submit()
    assert story.sends == []
    assert story.report().ended_by is EndedBy.UNKNOWN


def test_nobody_else_ended_an_order_of_which_a_cancel_left_by_its_other_id() -> None:
    story = Story()
    story.submit(None, alias="y")
    story.submit("o1")
    story.refuse(Proof.GONE, story.sent[1])
    story.push("canceled", cum="0", ended_by=EndedBy.US, alias="y", created_ms=T0_MS + 1)
    assert story.case("r1") is not story.case("r2")
    assert story.report("r2").ended_by is EndedBy.UNKNOWN


def test_nobody_else_ended_an_order_of_which_a_cancel_left_under_another_instrument() -> None:
    story = Story()
    story.submit("o1", instrument="MIS-NAMED")
    story.submit("o1")
    story.ack()
    story.refuse(Proof.GONE)
    story.push("canceled", cum="0", ended_by=EndedBy.US)
    assert story.case("r1") is not story.case("r2")
    assert story.report("r2").ended_by is EndedBy.UNKNOWN


@pytest.mark.parametrize(
    ("apart_ms", "ended_by"),
    [
        (1 - TIMINGS.settle_ms, EndedBy.UNKNOWN),
        (TIMINGS.settle_ms - 1, EndedBy.UNKNOWN),
        (TIMINGS.settle_ms, EndedBy.OTHER),
        (-TIMINGS.settle_ms, EndedBy.OTHER),
    ],
)
def test_what_a_call_for_all_of_a_scope_may_have_swept_was_not_ended_by_somebody_else(
    apart_ms: int, ended_by: EndedBy
) -> None:
    story = Story()
    story.core.world.swept(story.now_us)
    assert ended_by_the_user(story, T0_MS + apart_ms) is ended_by


def test_of_what_ended_before_all_sweeps_that_are_remembered_nobody_is_blamed() -> None:
    story = Story()
    for _ in range(SWEPT_MAX):
        story.core.world.swept(story.now_us)
    assert ended_by_the_user(story, T0_MS - TIMINGS.settle_ms) is EndedBy.UNKNOWN
