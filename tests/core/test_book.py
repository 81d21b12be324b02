"""What is remembered of the orders that had a client id."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.book import ALIAS_ORDERS_MAX, Book
from protocols.fix import ClientOrderId
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
