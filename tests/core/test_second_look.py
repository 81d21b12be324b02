"""A second look after a bulk cancel that was called complete: what it takes for overlooked, and what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from daemon.core.records import BulkIntent, BulkReport, Caller, CaseId
from daemon.core.second_look import (
    ASK_AGAIN_US,
    NOT_ASKED,
    PATIENCE_US,
    SecondLook,
    corrected,
    made_good,
    sends_until_us,
)
from daemon.core.sweep import RELIST_US, Listing
from protocols.fix import OrdStatus, RequestId
from tests.core.bulk_story import BulkStory, heard_for_long, order, row, scope
from tests.core.story import ACCOUNT, UID

if TYPE_CHECKING:
    from daemon.core.scope import Scope
    from protocols.evidence import OrderReported

SECOND_US = 1_000_000
LAG_US = 20 * SECOND_US


class Looked:
    """A look that was begun now, when the last listing had been asked; ``listed`` answers the next one in time."""

    def __init__(self, story: BulkStory | None = None, among: Scope | None = None, **known: int | None) -> None:
        self.story = story or heard_for_long()
        self.began_us = self.story.now_us
        when: dict[str, int | None] = {"listed_us": self.began_us, "listed_ms": None}
        core = self.story.core
        self.look = SecondLook(
            [among or scope()],
            core.world,
            core.book,
            core.cases,
            now_us=self.began_us,
            **(when | known),
        )

    @property
    def began_ms(self) -> int:
        return self.began_us // 1000

    def row(self, order_id: str, age_ms: int = 1, **said: object) -> OrderReported:
        """A row of an order that was created so long before the last listing was asked."""
        return row(order_id, **{"created_ms": self.began_ms - age_ms, **said})  # type: ignore[arg-type]  # by name

    def listed(self, *rows: OrderReported, after_us: int = LAG_US, complete: bool = True) -> bool:
        listing = Listing(self.began_us + after_us, rows, is_complete=complete)
        return self.look.listed(listing, self.began_us + after_us)

    def told(self) -> tuple[list[str | None], list[str | None]]:
        return [o.order_id for o in self.look.found], [o.order_id for o in self.look.unsure]


def test_the_account_is_asked_a_replica_lag_later_and_not_before() -> None:
    it = Looked()
    assert it.look.next_us() == it.began_us + LAG_US
    assert not it.look.work(it.began_us + LAG_US - 1)
    assert it.look.work(it.began_us + LAG_US)
    assert not it.look.work(it.began_us + LAG_US)


def test_what_was_there_when_the_last_listing_was_asked_was_overlooked_and_what_is_younger_is_left() -> None:
    it = Looked()
    assert it.listed(it.row("o1"), it.row("o2", age_ms=0), it.row("o3", age_ms=-5_000))
    assert it.told() == (["o1"], [])
    assert it.look.is_over


def test_what_the_clocks_leave_open_is_not_overlooked() -> None:
    it = Looked()
    it.story.measure_clock(offset_ms=0, uncertainty_ms=50)
    it.listed(it.row("o1", age_ms=50), it.row("o2", age_ms=51))
    assert it.told() == (["o2"], [])


def test_an_order_of_no_known_age_is_named_and_left() -> None:
    it = Looked()
    it.listed(it.row("o1", created_ms=None))
    assert it.told() == ([], ["o1"])


@pytest.mark.parametrize(("listed_us", "listed_ms", "found"), [(None, None, []), (None, 5, ["o1"])])
def test_of_an_earlier_life_only_the_venues_clock_says_what_was_there(
    listed_us: int | None, listed_ms: int | None, found: list[str]
) -> None:
    it = Looked(listed_us=listed_us, listed_ms=listed_ms)
    it.listed(it.row("o1", created_ms=4))
    assert it.told() == (found, [] if found else ["o1"])


def test_an_order_out_of_the_scope_is_not_looked_at() -> None:
    it = Looked(among=scope(client_id_prefix="mm-"))
    it.listed(it.row("o1", alias="mm-1"), it.row("o2", alias="else"))
    assert it.told() == (["o1"], [])


def test_an_order_of_which_the_venue_does_not_say_whether_it_is_meant_is_left() -> None:
    it = Looked(among=scope(side="buy"))
    it.listed(it.row("o1", side=None))
    assert it.told() == ([], ["o1"])


def test_what_is_known_to_have_ended_does_not_rest_whatever_the_listing_shows() -> None:
    it = Looked()
    it.story.push("canceled", order="o1")
    it.listed(it.row("o1"), row("o2", OrdStatus.FILLED))
    assert it.told() == ([], [])


def test_what_somebody_cancels_already_is_left_to_him() -> None:
    it = Looked()
    it.story.submit("o1")
    it.listed(it.row("o1"), it.row("o2"))
    assert it.told() == (["o2"], [])


def test_what_a_push_showed_counts_too() -> None:
    it = Looked()
    it.story.push("new", order="o1", created_ms=it.began_ms - 10)
    it.listed()
    assert it.told() == (["o1"], [])


def test_a_listing_that_may_be_too_old_fails_or_is_cut_short_ends_nothing() -> None:
    it = Looked()
    assert not it.listed(it.row("o1"), after_us=LAG_US - 1)
    assert not it.look.listed(Listing(it.began_us + LAG_US, has_failed=True), it.began_us + LAG_US)
    assert it.look.work(it.began_us + LAG_US)
    assert not it.listed(it.row("o1"), complete=False)
    assert not it.look.work(it.began_us + LAG_US + RELIST_US - 1)
    assert it.look.work(it.began_us + LAG_US + RELIST_US)
    assert it.told() == ([], [])


def test_it_is_given_up_when_the_account_could_not_be_asked_for_long() -> None:
    it = Looked()
    assert it.look.work(it.began_us + LAG_US)
    assert it.look.next_us() == it.began_us + LAG_US + ASK_AGAIN_US
    assert it.look.work(it.began_us + LAG_US + PATIENCE_US - 1)
    assert not it.look.work(it.began_us + LAG_US + PATIENCE_US)
    assert (it.look.is_over, it.look.why, it.look.next_us()) == (True, NOT_ASKED, None)


def test_an_account_whose_key_became_another_users_is_not_asked() -> None:
    it = Looked()
    it.story.change_account()
    assert not it.look.work(it.began_us + LAG_US)
    assert it.look.why == "account_changed"


COMPLETE = BulkReport(RequestId("R"), (), 0, {}, 0, True, (), 0, {})


def test_a_correction_names_what_rested_and_the_next_one_says_that_it_is_gone() -> None:
    found = order("o1"), order("o2")
    first = corrected(COMPLETE, ACCOUNT, found, "it rested")
    assert (first.complete, first.revision, first.survivors_total) == (False, 1, 2)
    assert [(left.order.order_id, left.why) for left in first.survivors] == [("o1", "it rested"), ("o2", "it rested")]
    one_left = corrected(COMPLETE, ACCOUNT, found[1:], "in_doubt")
    then = made_good(first, ACCOUNT, found, one_left)
    assert (then.complete, then.revision, then.survivors_total) == (False, 2, 1)
    assert [left.order.order_id for left in then.survivors] == ["o2"]
    last = made_good(first, ACCOUNT, found, COMPLETE)
    assert (last.complete, last.revision, last.survivors, last.survivors_total) == (True, 2, (), 0)


def test_a_follow_up_may_send_for_as_long_as_the_wish_itself_and_for_one_that_nobody_would_repeat_always() -> None:
    world = heard_for_long().core.world
    intent = BulkIntent(CaseId("b"), RequestId("R"), Caller(UID, UID, 1), "cancel_all", (scope(),), 1)
    assert sends_until_us(intent, world) == 1 + world.resend_max_age_us
    assert sends_until_us(msgspec.structs.replace(intent, deadline_us=7), world) == 7
    assert sends_until_us(msgspec.structs.replace(intent, is_unattended=True), world) is None


@pytest.mark.parametrize("names_orders", [False, True])
def test_a_bulk_cancel_says_when_the_listings_were_asked_on_which_it_is_called_complete(*, names_orders: bool) -> None:
    story = heard_for_long()
    story.push("new", order="o1")
    bulk = story.cancel_all(scope(orders=(order("o1"),)) if names_orders else scope())
    assert bulk.listed_us() == {}
    for _ in range(3):
        if story.listings():
            story.list_open()
        story.end("o1")
    assert story.finished(bulk).complete
    assert list(bulk.listed_us()) == ([] if names_orders else [ACCOUNT])
    assert all(story.now_us - SECOND_US < at_us <= story.now_us for at_us in bulk.listed_us().values())


def test_one_that_is_not_complete_is_not_looked_at_again() -> None:
    story = heard_for_long()
    bulk = story.cancel_all(scope(side="buy"))
    story.list_open(row("o1", side=None))
    assert not story.finished(bulk).complete
    assert bulk.listed_us() == {}
