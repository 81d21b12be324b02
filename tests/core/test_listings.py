"""A listing of many rows: taken in by small turns, between which others are heard, and concluded from at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.core.effects import Listed
from daemon.core.listings import ROWS_PER_TURN
from protocols.evidence import DropCopyState
from protocols.fix import OrderId, Outcome
from tests.core.bulk_story import BulkStory, row

if TYPE_CHECKING:
    from protocols.evidence import OrderReported

ORDERS = 3 * ROWS_PER_TURN


def asked() -> BulkStory:
    """A story in which the venue is asked for all that rests."""
    story = BulkStory()
    story.pass_ms(30_000)
    story.effects.clear()
    story._take(story.core.list_orders(story.now_us))
    return story


def known(story: BulkStory) -> int:
    return len(list(story.core.book.live()))


def heard(story: BulkStory) -> list[int]:
    """The lengths of the listings that were passed on."""
    return [len(effect.listing.reports) for effect in story.effects if isinstance(effect, Listed)]


def test_a_listing_of_many_rows_is_taken_in_by_small_turns_and_passed_on_with_its_last_row() -> None:
    story = asked()
    story.list_open(*[row(f"o{number}") for number in range(ORDERS)])
    assert (known(story), heard(story)) == (ROWS_PER_TURN, [])
    story.tick()
    assert (known(story), heard(story)) == (2 * ROWS_PER_TURN, [])
    story.tick()
    assert (known(story), heard(story)) == (ORDERS, [ORDERS])


def test_an_outcome_that_comes_meanwhile_is_told_before_the_rows_that_are_left() -> None:
    story = asked()
    story.submit("lone")
    story.forward()
    story.list_open(*[row(f"o{number}") for number in range(ORDERS)])
    story.push("canceled", order="lone", cum="0")
    assert story.outcome() is Outcome.CANCELED
    assert known(story) == ROWS_PER_TURN


def test_an_order_that_ends_before_its_row_is_taken_in_stays_ended() -> None:
    story = asked()
    rows = [row(f"o{number}") for number in range(ORDERS)]
    story.push("new", order=f"o{ORDERS - 1}")
    story.list_open(*rows)
    story.push("canceled", order=f"o{ORDERS - 1}", cum="0")
    story.pass_ms(1)
    assert heard(story) == [ORDERS]
    assert known(story) == ORDERS - 1


def test_a_listing_that_comes_while_another_is_taken_in_comes_after_it() -> None:
    story = asked()
    story.list_open(*[row(f"o{number}") for number in range(ORDERS)])
    story._take(story.core.list_orders(story.now_us))
    story.list_open(row("o1"))
    assert heard(story) == []
    story.pass_ms(1)
    assert heard(story) == [ORDERS, 1]
    assert {report.order_id for report in story.core.book.live()} >= {OrderId("o1")}


def test_a_row_that_meets_a_bug_of_ours_keeps_back_neither_the_others_nor_the_listings_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = asked()
    reported = story.core._listener.reported

    def stumble(row: OrderReported, now_us: int, asked_us: int | None = None) -> None:
        if row.order_id == "o7":
            raise ZeroDivisionError
        reported(row, now_us, asked_us)

    monkeypatch.setattr(story.core._listener, "reported", stumble)
    with pytest.raises(ZeroDivisionError):
        story.list_open(*[row(f"o{number}") for number in range(ORDERS)])
    for _ in range(4):
        story.tick()
    assert (known(story), heard(story)) == (ORDERS - 1, [ORDERS])


def test_a_listing_that_was_asked_for_before_pushes_told_of_everything_is_not_all_that_rests() -> None:
    story = asked()
    story.drop_copy_is(DropCopyState.DOWN)
    story.pass_ms(100)
    story.drop_copy_is(DropCopyState.LIVE)
    story.list_open(row("o1"))
    assert not story.core.book.is_complete
    story.list_open(row("o1"), row("placed meanwhile"))
    assert story.core.book.is_complete


@pytest.mark.parametrize("state", [DropCopyState.DOWN, DropCopyState.BLIND])
def test_without_pushes_no_listing_is_all_that_rests(state: DropCopyState) -> None:
    story = asked()
    story.drop_copy_is(state)
    story.list_open(row("o1"))
    assert not story.core.book.is_complete
