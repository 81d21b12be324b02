"""A bulk cancel: what it takes in, when it is over, and what it says then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.core.bulk import Bulk
from daemon.core.records import BulkIntent, Caller, CaseId, RequestOpened
from daemon.core.roll import TOO_OLD
from daemon.core.sweep import RELIST_US, Listing
from protocols.evidence import DropCopyState, Proof
from protocols.fix import Outcome, RequestId
from tests.core.bulk_story import ROUNDS_MAX, BulkStory, order, row, scope
from tests.core.story import ACCOUNT, UID

if TYPE_CHECKING:
    from daemon.core.records import CancelRequest


def heard_for_long() -> BulkStory:
    """A story whose drop copy has been live for longer than any answer of the venue is old."""
    story = BulkStory()
    story.pass_ms(30_000)
    return story


def requests_of(story: BulkStory, count: int) -> list[CancelRequest]:
    """The first so many requests that a bulk made."""
    return [t.request for number in range(count) for t in story.case(f"R/{number}").tickets.values()]


def test_what_pushes_showed_is_canceled_before_the_venue_has_listed_anything() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    story.push("partially_filled", order="o2", cum="1")
    story.cancel_all()
    assert story.canceled_orders() == ["o1", "o2"]
    assert len(story.listings()) == 1


def test_an_order_that_only_the_listing_shows_is_canceled_too() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    bulk = story.cancel_all()
    story.list_open(row("o1"), row("o2"))
    assert story.canceled_orders() == ["o1", "o2"]
    assert bulk.report is None


def test_an_order_that_the_listing_lacks_and_a_push_showed_is_canceled_too() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    story.cancel_all()
    story.list_open()
    assert story.canceled_orders() == ["o1"]


def test_it_is_over_when_every_order_has_its_outcome_and_the_venue_was_asked_again() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    story.push("new", order="o2")
    bulk = story.cancel_all()
    story.list_open(row("o1"), row("o2"))
    story.end("o1")
    story.end("o2", "filled", "10")
    assert bulk.report is None
    story.list_open()
    report = story.finished(bulk)
    assert report.counts == {Outcome.CANCELED: 1, Outcome.FILLED: 1}
    assert (report.complete, report.total, report.survivors) == (True, 2, ())
    assert story.named(bulk) == {"R/0": "o1", "R/1": "o2"}


def test_nothing_to_cancel_is_said_after_one_listing() -> None:
    story = heard_for_long()
    bulk = story.cancel_all()
    story.list_open()
    assert story.finished(bulk).complete
    assert story.finished(bulk).total == 0
    assert story.sends == []


def test_an_order_that_appears_meanwhile_is_taken_along() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    bulk = story.cancel_all()
    story.list_open(row("o1"))
    story.end("o1")
    story.list_open(row("o2"))
    assert story.canceled_orders() == ["o1", "o2"]
    story.end("o2")
    story.list_open()
    assert story.finished(bulk).complete
    assert story.named(bulk) == {"R/0": "o1", "R/1": "o2"}


def test_orders_that_there_was_no_room_for_are_tried_again_and_cost_no_round() -> None:
    story = BulkStory()
    bulk = story.cancel_all(rounds_max=2)
    story.bulks.remove(bulk)  # worked by hand, as long as there is no room
    for _ in range(5):
        listing = Listing(story.now_us, (row("o1"), row("o2")), is_complete=True)
        bulk.listed(ACCOUNT, listing, story.now_us)
        work = bulk.work(story.now_us, 1000)
        assert len(work.requests) == 2
        for request in work.requests:
            bulk.refused(request.key, "25 orders are being canceled already", story.now_us)
        refused_us, asked = story.now_us, bulk.work(story.now_us, 1000).ask
        while not asked:
            story.now_us = bulk.next_us(story.now_us) or 0
            asked = bulk.work(story.now_us, 1000).ask
        assert story.now_us >= refused_us + RELIST_US
    assert bulk.report is None


def test_orders_that_go_on_appearing_are_followed_for_so_many_rounds_and_then_named() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(rounds_max=3)
    for number in range(1, 4):
        story.list_open(row(f"o{number}"))
        story.end(f"o{number}")
    story.list_open(row("o4", alias="mm-4"))
    report = story.finished(bulk)
    assert story.canceled_orders() == ["o1", "o2", "o3"]
    assert not report.complete
    assert [(s.order.order_id, s.order.client_order_id, s.order.request_id) for s in report.survivors] == [
        ("o4", "mm-4", None)
    ]


def test_orders_outside_of_the_scope_are_left_alone() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(scope(instrument="ABC-XYZ", side="buy", client_id_prefix="mm-"))
    story.list_open(
        row("o1", alias="mm-1"),
        row("o2", alias="mm-2", side="sell"),
        row("o3", alias="other"),
        row("o4"),
        row("o5", alias="mm-5", instrument="OTHER"),
    )
    assert story.canceled_orders() == ["o1"]
    story.end("o1")
    story.list_open(row("o4"), row("o5", alias="mm-5", instrument="OTHER"))
    assert story.finished(bulk).complete


def test_an_order_of_which_the_venue_does_not_say_the_side_is_left_alone_and_named() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(scope(side="buy"))
    story.list_open(row("o1", side=None))
    report = story.finished(bulk)
    assert story.sends == []
    assert (report.complete, [s.order.order_id for s in report.survivors]) == (False, ["o1"])


def test_an_order_that_could_not_be_canceled_survives() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    bulk = story.cancel_all()
    story.list_open(row("o1"))
    for _ in range(8):
        if story.open_sends():
            story.refuse(Proof.UNCHANGED_FINAL)
        story.advance(25_000, answering=story.answer_live)
        if story.outcome("R/0") is not None:
            break
    assert story.outcome("R/0") is Outcome.REJECTED
    story.tick_all()
    story.list_open(row("o1"))
    report = story.finished(bulk)
    assert not report.complete
    assert [(s.order.request_id, s.why) for s in report.survivors] == [("R/0", "rejected")]


def test_named_orders_get_their_requests_and_nobody_is_asked_what_rests() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(scope(orders=(order("o1"), order("o2"))))
    assert story.canceled_orders() == ["o1", "o2"]
    assert story.listings() == []
    story.end("o2")
    assert bulk.report is None
    story.end("o1")
    assert story.finished(bulk).complete
    assert story.named(bulk) == {"R/0": "o1", "R/1": "o2"}


def test_without_a_drop_copy_the_listing_says_what_rests_and_is_asked_again_a_replica_lag_later() -> None:
    story = BulkStory(drop_copy=DropCopyState.DOWN)
    bulk = story.cancel_all()
    assert story.sends == []
    story.list_open(row("o1"))
    assert story.canceled_orders() == ["o1"]
    story.end("o1")
    assert story.listings() == []
    story.pass_ms(20_100)
    story.list_open()
    assert story.finished(bulk).complete


def test_what_pushes_showed_does_not_wait_long_for_a_listing_that_does_not_come() -> None:
    story = BulkStory()
    story.push("new", order="o1")
    story.drop_copy_is(DropCopyState.DOWN)
    story.cancel_all()
    assert story.sends == []
    story.pass_ms(1_100)
    assert story.canceled_orders() == ["o1"]


def test_a_listing_that_fails_lets_go_what_pushes_showed_and_is_asked_again() -> None:
    story = BulkStory()
    story.push("new", order="o1")
    story.drop_copy_is(DropCopyState.DOWN)
    story.cancel_all()
    story.fail_listing()
    assert story.canceled_orders() == ["o1"]
    story.pass_ms(1_100)
    assert len(story.listings()) == 1


def test_a_venue_that_lists_nothing_until_the_horizon_leaves_it_incomplete() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    bulk = story.cancel_all()
    story.end("o1")
    for _ in range(200):
        if bulk.report is not None:
            break
        if story.listings():
            story.fail_listing()
        story.pass_ms(1_000)
    report = story.finished(bulk)
    assert not report.complete
    assert report.reasons == {"main": "the venue does not list its open orders"}
    assert report.survivors == ()


def test_a_listing_that_is_cut_short_takes_in_what_it_shows_and_is_not_the_last_word() -> None:
    story = heard_for_long()
    bulk = story.cancel_all()
    story.list_open(row("o1"), complete=False)
    assert story.canceled_orders() == ["o1"]
    story.end("o1")
    story.pass_ms(1_100)
    story.list_open(complete=False)
    assert bulk.report is None
    story.pass_ms(1_100)
    story.list_open()
    assert story.finished(bulk).complete


def test_a_listing_that_was_asked_before_the_last_outcome_is_not_the_last_word() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    bulk = story.cancel_all()
    story.end("o1")
    story.list_open()
    assert bulk.report is None
    story.pass_ms(1)
    story.list_open()
    assert story.finished(bulk).complete


def test_an_order_that_is_listed_after_its_end_is_asked_about_until_the_listing_cannot_be_stale() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    bulk = story.cancel_all()
    story.list_open(row("o1"))
    story.end("o1")
    story.list_open(row("o1"))
    assert not bulk.is_over
    for _ in range(30):
        story.pass_ms(1_000)
        if story.listings():
            story.list_open(row("o1"))
    report = story.finished(bulk)
    assert (report.complete, [s.why for s in report.survivors]) == (False, ["listed as open after its end"])


def test_a_stale_listing_brings_back_no_order_that_ended() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    story.end("o1", "filled", "10")
    bulk = story.cancel_all()
    story.list_open(row("o1"))
    assert story.sends == []
    assert story.finished(bulk).complete


def test_after_its_deadline_nothing_new_is_taken() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(deadline_ms=500)
    story.pass_ms(600)
    story.list_open(row("o1"))
    assert story.sends == []
    assert [s.order.order_id for s in story.finished(bulk).survivors] == ["o1"]


def test_requests_are_made_a_few_at_a_time() -> None:
    story = heard_for_long()
    story.at_most = 10
    for number in range(25):
        story.push("new", order=f"o{number}")
    story.cancel_all()
    assert len(story.sends) == 25


def test_the_venue_is_asked_what_rests_once_the_cancels_of_all_that_pushes_showed_have_left() -> None:
    story = heard_for_long()
    for number in range(25):
        story.push("new", order=f"o{number}")
    intent = BulkIntent(CaseId("b"), RequestId("R"), Caller(UID, UID, 1), "cancel_all", (scope(),), story.now_us)
    bulk = Bulk(intent, story.sites, rounds_max=ROUNDS_MAX)
    bulk.begin(ACCOUNT, story.now_us)
    works = [bulk.work(story.now_us, 10) for _ in range(3)]
    assert [len(work.requests) for work in works] == [10, 10, 5]
    assert [work.ask for work in works] == [(), (), (ACCOUNT,)]


def test_of_many_orders_the_report_has_the_counts_alone() -> None:
    story = heard_for_long()
    for number in range(257):
        story.push("new", order=f"o{number}")
    bulk = story.cancel_all()
    for number in range(257):
        story.end(f"o{number}")
    story.list_open()
    story.list_open()
    report = story.finished(bulk)
    assert (report.items, report.total, report.counts) == (None, 257, {Outcome.CANCELED: 257})


def test_after_a_restart_between_intent_and_listing_it_is_taken_up() -> None:
    story = heard_for_long()
    bulk = story.cancel_all()
    again = story.restart_with(bulk)
    story.pass_ms(100)
    story.list_open(row("o1"))
    assert story.canceled_orders() == ["o1"]
    assert again.report is None


def test_after_a_restart_in_the_middle_no_order_is_asked_for_under_another_name() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    story.push("new", order="o2")
    bulk = story.cancel_all()
    made = [story.case("R/0").tickets, story.case("R/1").tickets]
    requests = [ticket.request for tickets in made for ticket in tickets.values()]
    story.end("o1")
    again = story.restart_with(bulk, *requests)
    story.pass_ms(100)
    while story.listings():
        story.list_open(row("o2"), row("o3"))
    assert set(story.canceled_orders()) == {"o1", "o2", "o3"}
    assert story.case("R/2").order_id == "o3"
    assert again.has(requests[0].key)


def crashed_after_the_first_request(story: BulkStory, *, away_ms: int = 0) -> Bulk:
    """Three orders were found, a cancel left for each and ended it, and a crash kept the first request alone."""
    story.at_most = 1
    for order_id in ("o1", "o2", "o3"):
        story.push("new", order=order_id)
    bulk = story.cancel_all()
    (_, second, _) = [place for place, record in enumerate(story.shelf.records) if isinstance(record, RequestOpened)]
    (first,) = requests_of(story, 1)
    story.now_us += away_ms * 1000
    return story.restart_with(bulk, first, upto=second)


def test_after_a_crash_what_was_found_has_its_outcome_though_no_request_was_on_disk_and_no_listing_shows_it() -> None:
    story = heard_for_long()
    again = crashed_after_the_first_request(story)
    story.pass_ms(100)
    assert story.canceled_orders()[3:] == ["o2", "o3"]
    assert again.progress == (3, 0)
    for order_id, status in [("o1", "canceled"), ("o2", "filled"), ("o3", "canceled")]:
        story.end(order_id, status, "1" if status == "filled" else "0")
    while story.listings():
        story.list_open()
        story.pass_ms(25_000)
    report = story.finished(again)
    assert (report.complete, report.counts) == (True, {Outcome.CANCELED: 2, Outcome.FILLED: 1})
    assert story.named(again) == {"R/0": "o1", "R/1": "o2", "R/2": "o3"}


def test_what_was_found_before_a_crash_and_rests_has_one_request_however_often_it_is_shown() -> None:
    story = heard_for_long()
    again = crashed_after_the_first_request(story)
    story.push("new", order="o2")
    story.pass_ms(100)
    while story.listings():
        story.list_open(row("o2"), row("o3"))
    assert story.canceled_orders()[3:] == ["o2", "o3"]
    assert again.progress == (3, 0)


def test_what_was_found_before_a_crash_is_said_to_rest_when_the_wish_is_too_old_to_ask_for_it() -> None:
    story = heard_for_long()
    again = crashed_after_the_first_request(story, away_ms=400_000)
    story.pass_ms(100)
    story.end("o1")
    while story.listings():
        story.list_open(row("o3"))
        story.pass_ms(25_000)
    report = story.finished(again)
    assert (report.complete, report.total) == (False, 1)
    assert [(s.order.order_id, s.why) for s in report.survivors] == [("o2", TOO_OLD), ("o3", TOO_OLD)]


def test_what_has_its_request_at_once_is_not_written_down_before() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    story.push("new", order="o2")
    story.cancel_all()
    assert story.meant == []


def test_after_a_restart_an_old_wish_cancels_nothing_that_it_had_not_asked_for() -> None:
    story = heard_for_long()
    bulk = story.cancel_all()
    story.pass_ms(400_000)
    again = story.restart_with(bulk)
    story.pass_ms(25_000)
    while story.listings():
        story.list_open(row("o1"))
    assert story.sends == []
    report = story.finished(again)
    assert (report.complete, [s.order.order_id for s in report.survivors]) == (False, ["o1"])


@pytest.mark.parametrize(
    "away_ms",
    [400_000, 3_600_000, 10_800_000, 604_800_000, -3_600_000],
    ids=["down", "set ahead", "down for hours", "down for days", "set back"],
)
def test_after_a_restart_what_nobody_would_ask_for_again_goes_on_however_old_it_is(away_ms: int) -> None:
    """So do the requests that it had made: the venue is asked, and what still rests is canceled again."""
    story = heard_for_long()
    story.push("new", order="o1")
    bulk = story.cancel_all(is_unattended=True)
    story.now_us += away_ms * 1000
    again = story.restart_with(bulk, *requests_of(story, 1))
    story.pass_ms(100)
    assert story.asked
    while story.listings():
        story.list_open(row("o1"), row("o2"))
    story.pass_ms(100)
    assert set(story.canceled_orders()[1:]) == {"o1", "o2"}
    assert again.progress == (2, 0)


def test_what_a_client_asked_for_is_not_repeated_after_a_long_time() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    bulk = story.cancel_all()
    story.now_us += 400_000_000
    story.restart_with(bulk, *requests_of(story, 1))
    story.pass_ms(100)
    while story.listings():
        story.list_open(row("o1"), row("o2"))
    story.pass_ms(100)
    assert story.canceled_orders() == ["o1"]


def test_however_many_lives_take_part_in_it_orders_that_go_on_appearing_are_followed_for_so_many_rounds() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(is_unattended=True)
    for number in range(1, ROUNDS_MAX + 3):
        story.list_open(row(f"o{number}"))
        story.end(f"o{number}")
        story.now_us += 400_000_000
        bulk = story.restart_with(bulk, *requests_of(story, min(number, ROUNDS_MAX)))
        story.pass_ms(100)
    assert story.canceled_orders() == [f"o{number}" for number in range(1, ROUNDS_MAX + 1)]


def test_nothing_is_done_for_an_account_whose_key_became_another_users() -> None:
    story = heard_for_long()
    bulk = story.cancel_all()
    story.change_account()
    story.work(bulk)
    assert story.finished(bulk).reasons == {"main": "account_changed"}


def test_an_order_of_an_earlier_life_that_a_listing_shows_live_is_canceled_again_without_a_question_of_its_own() -> (
    None
):
    """A flatten that was cut off has hundreds of them, and questions about single orders are few a second."""
    story = heard_for_long()
    story.push("new", order="o1")
    story.submit()
    sends = len(story.sends)
    story.restart()
    story.cancel_all(scope(instrument="ANOTHER"))  # whoever asks for a listing, it shows the whole account
    assert len(story.sends) == sends
    story.list_open(row("o1"))
    assert len(story.sends) == sends + 1
