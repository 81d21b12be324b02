"""A bulk cancel: what it takes in, when it is over, and what it says then."""

from __future__ import annotations

from daemon.core.bulk import Bulk
from daemon.core.records import BulkIntent, Caller, CaseId
from daemon.core.sweep import RELIST_US, Listing
from protocols.evidence import DropCopyState, Proof
from protocols.fix import Outcome, RequestId
from tests.core.bulk_story import ROUNDS_MAX, BulkStory, heard_for_long, order, row, scope
from tests.core.story import ACCOUNT, UID


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
