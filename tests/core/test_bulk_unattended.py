"""A bulk cancel that a policy began, at a venue that does not say what rests: nobody would ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.core.roll import TOO_OLD
from daemon.core.unattended import LOOK_AGAIN_US, UNATTENDED_US
from tests.core.bulk_story import BulkStory, heard_for_long, row
from tests.core.story import ACCOUNT

if TYPE_CHECKING:
    from daemon.core.bulk import Bulk

SECOND_US = 1_000_000
NOT_LISTED = {ACCOUNT: "the venue does not list its open orders"}
AGE_MAX_S = 300


def fail_for(story: BulkStory, bulk: Bulk, seconds: int) -> None:
    """Let the venue answer no listing for so long, or until the bulk cancel is over."""
    until_us = story.now_us + seconds * SECOND_US
    while story.now_us < until_us and bulk.report is None:
        for _ in story.listings():
            story.fail_listing()
        story.pass_ms(1_000)


def listed(story: BulkStory, *, created_ms: int | None) -> None:
    """Let the venue list an order at last."""
    while not story.listings():
        story.pass_ms(100)
    story.list_open(row("o1", created_ms=created_ms))


def test_while_the_wish_may_cancel_what_is_placed_meanwhile_is_taken_along() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(is_unattended=True)
    fail_for(story, bulk, 100)
    listed(story, created_ms=story.now_us // 1000)
    assert story.canceled_orders() == ["o1"]


@pytest.mark.parametrize("after_s", [400, 1_700])
def test_later_what_is_older_than_the_wish_is_canceled_still(after_s: int) -> None:
    story = heard_for_long()
    before_ms = story.now_us // 1000 - 1
    bulk = story.cancel_all(is_unattended=True)
    fail_for(story, bulk, after_s)
    listed(story, created_ms=before_ms)
    assert story.canceled_orders() == ["o1"]
    story.end("o1")
    while story.listings():
        story.list_open()
        story.pass_ms(25_000)
    assert story.finished(bulk).complete


@pytest.mark.parametrize("age_ms", [0, -60_000, None], ids=["as old", "younger", "of no age"])
def test_later_what_is_not_known_to_be_older_is_left_and_named(age_ms: int | None) -> None:
    story = heard_for_long()
    began_ms = story.now_us // 1000
    bulk = story.cancel_all(is_unattended=True)
    fail_for(story, bulk, 400)
    listed(story, created_ms=None if age_ms is None else began_ms - age_ms)
    assert story.sends == []
    report = story.finished(bulk)
    assert [(left.order.order_id, left.why) for left in report.survivors] == [("o1", TOO_OLD)]


def test_what_the_clocks_leave_open_is_not_older() -> None:
    story = heard_for_long()
    story.measure_clock(offset_ms=0, uncertainty_ms=50)
    began_ms = story.now_us // 1000
    bulk = story.cancel_all(is_unattended=True)
    fail_for(story, bulk, 400)
    listed(story, created_ms=began_ms - 50)
    assert story.sends == []
    assert not story.finished(bulk).complete


def test_an_order_that_is_found_so_late_is_canceled_as_often_as_any_other() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(is_unattended=True)
    fail_for(story, bulk, 400)
    listed(story, created_ms=story.now_us // 1000 - 500_000)
    (ticket,) = story.case("R/0").tickets.values()
    assert ticket.request.received_us >= bulk.intent.received_us + 400 * SECOND_US


def test_half_an_hour_later_it_is_given_up() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(is_unattended=True)
    fail_for(story, bulk, 1_795)
    assert bulk.report is None
    fail_for(story, bulk, 100)
    assert story.finished(bulk).reasons == NOT_LISTED
    assert story.now_us <= bulk.intent.received_us + UNATTENDED_US + story.core.world.horizon_us


def test_it_is_overdue_from_when_it_may_cancel_nothing_new_and_says_so_now_and_then() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(is_unattended=True)
    fail_for(story, bulk, AGE_MAX_S - 1)
    late_us = bulk.intent.received_us + AGE_MAX_S * SECOND_US
    assert bulk.overdue(late_us - 1) == []
    assert (bulk.next_us(late_us - 1), bulk.overdue(late_us)) == (late_us, [ACCOUNT])
    assert (bulk.next_us(late_us) or 0) <= late_us + LOOK_AGAIN_US


def test_one_that_a_client_asked_for_is_never_overdue() -> None:
    story = heard_for_long()
    bulk = story.cancel_all()
    assert bulk.overdue(story.now_us + UNATTENDED_US) == []


@pytest.mark.parametrize("is_told", [True, False], ids=["by the venue's clock", "by ours alone"])
def test_in_a_later_life_only_what_was_written_down_of_the_venues_clock_says_what_is_older(*, is_told: bool) -> None:
    """The host's clock may have been set: by as much as the life before lasted, say."""
    story = heard_for_long()
    before_ms = story.now_us // 1000 - 1
    bulk = story.cancel_all(is_unattended=True, began_ms={ACCOUNT: before_ms + 1} if is_told else {})
    again = story.restart_with(bulk)
    story.pass_ms(100)
    fail_for(story, again, 400)
    listed(story, created_ms=before_ms)
    assert story.canceled_orders() == (["o1"] if is_told else [])


def test_orders_that_go_on_appearing_are_followed_for_so_many_rounds_then_too() -> None:
    story = heard_for_long()
    old_ms = story.now_us // 1000 - 1
    bulk = story.cancel_all(is_unattended=True, rounds_max=2)
    fail_for(story, bulk, 400)
    for number in range(1, 4):
        while not story.listings():
            story.pass_ms(100)
        story.list_open(row(f"o{number}", created_ms=old_ms))
        if number < 3:
            story.end(f"o{number}")
    assert story.canceled_orders() == ["o1", "o2"]
    assert [left.order.order_id for left in story.finished(bulk).survivors] == ["o3"]
