"""What is remembered of orders: those that had a client id, and whether all that rest are known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.book import ALIAS_ORDERS_MAX, Book
from protocols.fix import ClientOrderId, OrderId
from tests.core.words import report

ALIAS = ClientOrderId("mine")
namings = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4)), max_size=12)


@given(namings, st.integers(0, 10))
def test_the_newest_orders_of_a_client_id_are_known_however_their_reports_came(
    seen: list[tuple[int, int]], until_ms: int
) -> None:
    book = Book()
    known: set[tuple[int, str]] = set()
    for created_ms, number in seen:
        book.see(report("new", order=f"o{number}", alias=ALIAS, created_ms=created_ms), 1)
        known = set(sorted(known | {(created_ms, f"o{number}")})[-ALIAS_ORDERS_MAX:])
    assert sorted(book.orders_of("", ALIAS)) == sorted(order for _, order in known)
    assert book.was_reused("", ALIAS) == (len(known) > 1)
    assert book.newest_of("", ALIAS, until_ms) == max((one for one in known if one[0] <= until_ms), default=None)


def shown(book: Book, count: int, *, asked_us: int) -> None:
    """Have a complete listing of so many orders read, a microsecond after it was asked for."""
    for number in range(count):
        book.see(report("new", order=f"o{number}"), asked_us + 1)
    book.settle({("", OrderId(f"o{number}")) for number in range(count)}, asked_us)


def test_of_a_listing_that_did_not_fit_not_all_is_known() -> None:
    book = Book(orders_max=3)
    shown(book, 3, asked_us=10)
    assert book.is_complete
    shown(book, 4, asked_us=20)
    assert not book.is_complete


def test_once_there_is_room_for_all_that_is_listed_all_is_known_again() -> None:
    book = Book(orders_max=3)
    shown(book, 4, asked_us=10)
    for number in range(4):
        book.see(report("canceled", order=f"o{number}"), 12)
    shown(book, 0, asked_us=20)
    assert book.is_complete
