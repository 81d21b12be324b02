"""The book keeps the truth: what orders go through, what it refuses, and what it remembers of the past."""

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.sim.book import (
    BadFill,
    Book,
    CapReached,
    EndedBy,
    NewOrder,
    Order,
    OrderEnded,
    OrdStatus,
    Side,
    UnknownOrder,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def a_book(seed: int = 1, *, per_instrument_max: int = 10, total_max: int = 100) -> Book:
    return Book(seed, per_instrument_max=per_instrument_max, total_max=total_max)


def rest(book: Book, now_us: int = 0, *, instrument: str = "BTC-USDT", client_order_id: str | None = None) -> Order:
    new = NewOrder(
        instrument=instrument,
        side=Side.BUY,
        price=Decimal(100),
        qty=Decimal(1),
        client_order_id=client_order_id,
    )
    return book.place(new, now_us)


def test_ids_have_19_digits_stand_above_2_to_the_53_grow_and_are_fixed_by_the_seed() -> None:
    ids = [rest(book).order_id for book in [a_book(per_instrument_max=100)] for _ in range(50)]
    again = [rest(book).order_id for book in [a_book(per_instrument_max=100)] for _ in range(50)]
    assert ids == again
    assert ids == sorted(set(ids), key=int)
    assert {len(each) for each in ids} == {19}
    assert int(ids[0]) > 2**53
    assert rest(a_book(seed=2)).order_id != ids[0]


def test_fills_add_up_to_filled() -> None:
    book = a_book()
    order = rest(book)
    partly = book.fill(order.order_id, Decimal("0.4"), 5)
    assert (partly.ord_status, partly.leaves_qty, partly.avg_price) == (
        OrdStatus.PARTIALLY_FILLED,
        Decimal("0.6"),
        Decimal(100),
    )
    filled = book.fill(order.order_id, None, 6)
    assert (filled.ord_status, filled.cum_qty, filled.leaves_qty) == (OrdStatus.FILLED, Decimal(1), Decimal(0))
    assert len({fill.trade_id for fill in filled.fills}) == 2


@pytest.mark.parametrize("qty", ["0", "-1", "1.0001"])
def test_a_fill_is_above_zero_and_at_most_what_is_left(qty: str) -> None:
    book = a_book()
    with pytest.raises(BadFill):
        book.fill(rest(book).order_id, Decimal(qty), 1)


def test_an_ended_order_stays_as_it_ended() -> None:
    book = a_book()
    canceled = book.cancel(rest(book).order_id, EndedBy.OTHER, 3, "20")
    expired = book.expire(rest(book).order_id, 4)
    changes: list[Callable[[str], Order]] = [
        lambda order_id: book.fill(order_id, None, 9),
        lambda order_id: book.cancel(order_id, EndedBy.USER, 9),
        lambda order_id: book.expire(order_id, 9),
    ]
    for ended in (canceled, expired):
        for change in changes:
            with pytest.raises(OrderEnded):
                change(ended.order_id)
        assert book.get(ended.order_id) == ended
    assert (canceled.ended_by, canceled.cancel_source) == (EndedBy.OTHER, "20")
    assert (expired.ord_status, expired.ended_by) == (OrdStatus.EXPIRED, EndedBy.VENUE)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(UnknownOrder):
        a_book().cancel("1", EndedBy.USER, 0)


def test_the_caps_count_live_orders_only() -> None:
    book = a_book(per_instrument_max=2, total_max=3)
    first, _ = rest(book), rest(book)
    with pytest.raises(CapReached, match="BTC-USDT"):
        rest(book)
    book.cancel(first.order_id, EndedBy.USER, 1)
    rest(book)
    rest(book, instrument="ETH-USDT")
    with pytest.raises(CapReached, match="all instruments"):
        rest(book, instrument="SOL-USDT")


def test_by_client_id_the_latest_order_is_found() -> None:
    book = a_book()
    first = rest(book, client_order_id="a")
    book.cancel(first.order_id, EndedBy.USER, 1)
    second = rest(book, client_order_id="a")
    assert book.by_client_id("a") == second
    assert book.by_client_id("b") is None


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(-1, 60))
def test_the_past_is_what_it_was(gaps: list[int], asked_us: int) -> None:
    book = a_book()
    order = rest(book, 0)
    now_us, history = 0, [(0, order)]
    for gap in gaps:
        now_us += gap
        history.append((now_us, book.fill(order.order_id, Decimal("0.1"), now_us)))
    expected = [state for at_us, state in history if at_us <= asked_us]
    assert book.as_of(order.order_id, asked_us) == (expected[-1] if expected else None)
    assert book.states(order.order_id) == tuple(state for _, state in history)


def test_listings_run_in_the_order_of_placing() -> None:
    book = a_book()
    orders = [rest(book) for _ in range(4)]
    ended = book.cancel(orders[1].order_id, EndedBy.USER, 1)
    assert [each.order_id for each in book.newest_first()] == [each.order_id for each in reversed(orders)]
    assert list(book.orders())[1] == ended
    assert book.live() == (orders[0], orders[2], orders[3])


def test_the_oldest_ended_orders_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.sim.book.ENDED_KEPT_MAX", 2)
    book = a_book()
    live = rest(book, client_order_id="live")
    ended = [rest(book, client_order_id=name) for name in "abca"]
    for order in ended:
        book.cancel(order.order_id, EndedBy.USER, 1)
    assert [book.get(order.order_id) is None for order in ended] == [True, True, False, False]
    assert [book.by_client_id(name) is None for name in "abc"] == [False, True, False]
    assert book.get(live.order_id) == live


def test_the_venues_own_terms_change_without_the_order_changing() -> None:
    book = a_book()
    order = rest(book)
    noted = book.note(order.order_id, {"pending": "1"}, 7)
    assert (noted.ord_status, noted.cum_qty, noted.updated_us) == (order.ord_status, order.cum_qty, 7)
    assert (dict(noted.terms), dict(order.terms)) == ({**order.terms, "pending": "1"}, {})
    assert book.as_of(order.order_id, 6) == order
    assert [live.terms for live in book.live()] == [noted.terms]
    book.fill(order.order_id, None, 8)
    with pytest.raises(OrderEnded):
        book.note(order.order_id, {"pending": "2"}, 9)
