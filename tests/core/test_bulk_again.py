"""A bulk cancel that a crash or a stop cut off: what its next life goes on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.core.bulk import Bulk, RecoveredBulk, RecoveredMember
from daemon.core.records import BulkIntent, BulkMeant, Caller, CaseId, RequestKey, RequestOpened
from daemon.core.roll import TOO_OLD
from daemon.core.scope import Scope
from daemon.core.sweep import Listing
from protocols.fix import Outcome, RequestId
from tests.core.bulk_story import ROUNDS_MAX, BulkStory, heard_for_long, order, row, scope
from tests.core.story import ACCOUNT, UID

if TYPE_CHECKING:
    from daemon.core.records import CancelRequest


def requests_of(story: BulkStory, count: int) -> list[CancelRequest]:
    """The first so many requests that a bulk made."""
    return [t.request for number in range(count) for t in story.case(f"R/{number}").tickets.values()]


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


def crashed_after_the_first_request(story: BulkStory, *, away_ms: int = 0, open_max: int = 20_000) -> Bulk:
    """Three orders were found, a cancel left for each and ended it, and a crash kept the first request alone."""
    story.at_most = 1
    for order_id in ("o1", "o2", "o3"):
        story.push("new", order=order_id)
    bulk = story.cancel_all()
    (_, second, _) = [place for place, record in enumerate(story.shelf.records) if isinstance(record, RequestOpened)]
    (first,) = requests_of(story, 1)
    story.now_us += away_ms * 1000
    story.open_max = open_max
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


def crashed_before_the_first_request(story: BulkStory) -> tuple[dict[str, str], Bulk]:
    """Three orders were found, a cancel left for each, and a crash kept no request; gives the names that they had."""
    story.at_most = 1
    for order_id in ("o1", "o2", "o3"):
        story.push("new", order=order_id)
    bulk = story.cancel_all()
    names = names_now(story, 3)
    first = next(place for place, record in enumerate(story.shelf.records) if isinstance(record, RequestOpened))
    return names, story.restart_with(bulk, upto=first)


def names_now(story: BulkStory, count: int) -> dict[str, str]:
    return {str(request.key.request_id): request.order_id or "" for request in requests_of(story, count)}


def test_after_a_crash_that_kept_no_request_each_order_that_was_found_has_the_same_one_again() -> None:
    story = heard_for_long()
    names, again = crashed_before_the_first_request(story)
    story.push("new", order="o0")
    story.pass_ms(100)
    story.list_open(row("o0"), row("o3"), row("o2"), row("o1"))
    assert names == {"R/0": "o1", "R/1": "o2", "R/2": "o3"}
    assert names_now(story, 4) == {**names, "R/3": "o0"}
    assert again.progress == (4, 0)


def test_what_an_older_canceld_wrote_down_of_what_it_found_keeps_no_names() -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    bulk = story.cancel_all()
    story.meant = [BulkMeant(story.now_us, bulk.intent.bulk, ACCOUNT, (order("o2"), order("o3")))]
    story.restart_with(bulk, *requests_of(story, 1))
    assert {story.case(f"R/{number}").order_id for number in range(3)} == {"o1", "o2", "o3"}


def test_only_a_request_that_what_was_written_down_names_needs_no_receipt() -> None:
    story = heard_for_long()
    for order_id in ("o1", "o2"):
        story.push("new", order=order_id)
    for at_most, named in [(1, {"R/0"}), (2, set())]:
        intent = BulkIntent(CaseId("b"), RequestId("R"), Caller(UID, UID, 1), "cancel_all", (scope(),), story.now_us)
        bulk = Bulk(intent, story.sites, rounds_max=ROUNDS_MAX)
        bulk.begin(ACCOUNT, story.now_us)
        work = bulk.work(story.now_us, at_most)
        assert {key.request_id for key in work.named} == named
        assert [record.first for record in work.meant] == [0] * len(named)


def test_an_order_that_lost_its_name_has_none_in_the_next_life() -> None:
    story = heard_for_long()
    bulk = story.cancel_all()
    named = BulkMeant(story.now_us, bulk.intent.bulk, ACCOUNT, (order("o1"), order("o2")), 0)
    again = Bulk(bulk.intent, story.sites, rounds_max=ROUNDS_MAX)
    struck = BulkMeant(story.now_us, bulk.intent.bulk, ACCOUNT, (order("o2"),))
    again.restore(RecoveredBulk(bulk.intent, (), (), (named, struck)), story.now_us)
    again.begin(ACCOUNT, story.now_us)
    work = again.work(story.now_us, 10)
    assert {request.order_id for request in work.requests} == {"o1", "o2"}
    assert {key.request_id for key in work.named} == {"R/0"}


def test_an_order_that_two_filters_find_has_a_name_in_each() -> None:
    story = heard_for_long()
    story.at_most = 1
    for order_id in ("o1", "o2", "o3"):
        story.push("new", order=order_id)
    story.cancel_all(scope(), scope())
    names = names_now(story, 6)
    assert sorted(names.values()) == ["o1", "o1", "o2", "o2", "o3", "o3"]


def test_an_order_that_found_no_room_is_written_down_again_with_another_number() -> None:
    story = heard_for_long()
    story.at_most = 1
    story.core._open_max = 1
    for order_id in ("o1", "o2", "o3"):
        story.push("new", order=order_id)
    story.cancel_all()
    assert [(record.first, len(record.orders)) for record in story.meant] == [(0, 3)]
    for _ in range(60):
        for order_id in story.canceled_orders():
            story.end(order_id)
        if story.listings():
            story.list_open(*(row(name) for name in ("o2", "o3") if name not in story.canceled_orders()))
        story.pass_ms(1_000)
    assert [*dict.fromkeys(story.canceled_orders())] == ["o1", "o2", "o3"]
    numbers = [
        number
        for record in story.meant
        for number in range(record.first or 0, (record.first or 0) + len(record.orders))
    ]
    assert len(numbers) == len(set(numbers)) > 3


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


def test_what_two_listings_showed_before_a_request_was_made_is_all_written_down() -> None:
    story = heard_for_long()
    bulk = story.cancel_all()
    for shown in (("o1", "o2"), ("o3",)):
        bulk.listed(ACCOUNT, Listing(story.now_us, tuple(map(row, shown)), is_complete=True), story.now_us)
    (meant,) = bulk.work(story.now_us, 1).meant
    assert [order.order_id for order in meant.orders] == ["o1", "o2", "o3"]


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


def test_what_was_found_before_a_crash_and_finds_no_room_is_tried_again_though_no_listing_shows_it() -> None:
    story = heard_for_long()
    again = crashed_after_the_first_request(story, open_max=1)
    assert again.progress == (1, 0)
    story.end("o1")
    for _ in range(60):
        for order_id in story.canceled_orders()[3:]:
            story.end(order_id)
        if story.listings():
            story.list_open()
        story.pass_ms(1_000)
    assert sorted(story.named(again).values()) == ["o1", "o2", "o3"]
    report = story.finished(again)
    assert (report.complete, report.counts) == (True, {Outcome.CANCELED: 3})


@pytest.mark.parametrize(("most", "named"), [(1, [["o1"], ["o2"], ["o3"]]), (2, [["o1", "o2"], ["o3"]])])
def test_what_was_found_is_written_down_in_records_of_no_more_than_so_many_orders(
    monkeypatch: pytest.MonkeyPatch, most: int, named: list[list[str]]
) -> None:
    monkeypatch.setattr("daemon.core.bulk.MEANT_MAX", most)
    story = heard_for_long()
    again = crashed_after_the_first_request(story)
    assert [[order.order_id for order in record.orders] for record in story.meant] == named
    assert again.progress == (3, 0)


@pytest.mark.parametrize("names_orders", [False, True])
def test_of_an_account_that_cannot_be_asked_in_time_all_is_named_that_an_earlier_life_did_not_see_end(
    *, names_orders: bool
) -> None:
    story = BulkStory()
    orders = tuple(order(f"o{number}") for number in range(3))
    asked = Scope(ACCOUNT, orders=orders) if names_orders else scope()
    intent = BulkIntent(CaseId("b"), RequestId("R"), Caller(UID, UID, 1), "cancel_all", (asked,), story.now_us)
    outcomes = (Outcome.CANCELED, None)
    members = tuple(
        RecoveredMember(RequestKey(UID, ACCOUNT, RequestId(f"R/{number}")), orders[number], outcome, None)
        for number, outcome in enumerate(outcomes)
    )
    bulk = Bulk(intent, story.sites, rounds_max=ROUNDS_MAX)
    meant = () if names_orders else (BulkMeant(story.now_us, intent.bulk, ACCOUNT, orders),)
    bulk.restore(RecoveredBulk(intent, members, (), meant), story.now_us)
    bulk.lose(ACCOUNT, "it could not be asked")
    ended = bulk.work(story.now_us, 1000).report
    assert ended is not None
    assert [(s.order.order_id, s.order.request_id, s.why) for s in ended.survivors] == [
        ("o1", "R/1", "it could not be asked"), ("o2", None, "it could not be asked")
    ]  # fmt: skip
    assert (ended.complete, ended.survivors_total, bulk.resting[ACCOUNT]) == (False, 2, 2)
