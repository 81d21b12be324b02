"""A rate limit is kept in every window of its length, wherever the window starts."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.sim.rates import RateBook, RateRule

RULE = RateRule("three in ten", 3, 10)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 2)), max_size=60))
def test_no_window_ever_holds_more_than_the_limit_and_no_request_is_refused_without_need(
    steps: list[tuple[int, int]],
) -> None:
    book, now_us = RateBook(), 0
    taken: list[tuple[int, int]] = []
    for gap, units in steps:
        now_us += gap
        in_window = sum(each for at_us, each in taken if at_us > now_us - RULE.window_us)
        fits = in_window + units <= RULE.limit
        assert book.take(RULE, "k", now_us, units) == fits
        if fits:
            taken.append((now_us, units))
    assert book.breaches.get(RULE.name, 0) == len(steps) - len(taken)


def test_keys_are_counted_apart() -> None:
    book = RateBook()
    assert all(book.take(RULE, key, 0) for key in "abc" for _ in range(3))
    assert not book.take(RULE, "a", 0)
    assert book.breaches == {"three in ten": 1}


def test_a_forgotten_key_starts_anew() -> None:
    book = RateBook()
    for _ in range(3):
        book.take(RULE, "a", 0)
    book.forget("a")
    assert book.take(RULE, "a", 0)


def test_what_is_left_is_what_fits() -> None:
    book = RateBook()
    assert book.left(RULE, "a", 0) == 3
    book.take(RULE, "a", 0, units=2)
    assert book.left(RULE, "a", 9) == 1
    assert book.left(RULE, "a", 10) == 3
