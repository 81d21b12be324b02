"""A dry run: what the listing and the pushes show together, and what it says when a venue does not list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.book import Book
from daemon.core.bulk import Site
from daemon.core.glance import WAIT_US, Glance
from daemon.core.sweep import Listing
from daemon.core.world import World
from tests.core.bulk_story import row, scope
from tests.core.story import ACCOUNT
from tests.core.words import T0, TRAITS, report

if TYPE_CHECKING:
    from daemon.core.scope import Scope


def a_glance(*seen: str, of: Scope | None = None) -> tuple[Glance, Book]:
    """A look at an account of which pushes showed some orders live."""
    book = Book()
    for order in seen:
        book.see(report("new", order=order), T0)
    world = World(ACCOUNT, TRAITS, TRAITS.timings)
    return Glance([of or scope()], {ACCOUNT: Site(world, book)}, T0), book


def found(glance: Glance) -> list[str]:
    return sorted(report.order_id for report in glance.found[ACCOUNT])


def test_what_the_listing_and_what_the_pushes_show_are_told_together_and_once() -> None:
    glance, _ = a_glance("o1", "o2")
    assert not glance.listed(ACCOUNT, Listing(T0, (row("o2"), row("o3")), is_complete=True))
    assert glance.is_over
    assert (found(glance), glance.reasons) == (["o1", "o2", "o3"], {})


def test_an_order_that_ended_is_none_whatever_a_stale_listing_says() -> None:
    glance, book = a_glance("o1")
    book.see(report("filled", order="o1", cum="10"), T0)
    glance.listed(ACCOUNT, Listing(T0, (row("o1"),), is_complete=True))
    assert found(glance) == []


def test_a_listing_that_was_asked_before_says_nothing() -> None:
    glance, _ = a_glance()
    glance.listed(ACCOUNT, Listing(T0 - 1, (), is_complete=True))
    assert not glance.is_over


def test_a_listing_that_is_cut_short_is_asked_again_and_at_last_told_as_a_guess() -> None:
    glance, _ = a_glance("o1")
    assert glance.listed(ACCOUNT, Listing(T0, (row("o2"),)))
    assert not glance.is_over
    glance.give_up()
    assert (found(glance), glance.reasons) == (["o1"], {ACCOUNT: "the venue's listing is cut short"})
    assert glance.gives_up_us == T0 + WAIT_US


def test_an_account_that_does_not_answer_is_told_of_by_the_pushes() -> None:
    glance, _ = a_glance("o1")
    assert not glance.listed(ACCOUNT, Listing(T0, has_failed=True))
    glance.give_up()
    assert (found(glance), glance.reasons) == (["o1"], {ACCOUNT: "the venue does not list its open orders"})


def test_an_order_of_which_it_is_not_said_whether_it_is_meant_is_a_reason_to_doubt() -> None:
    glance, _ = a_glance(of=scope(side="buy"))
    glance.listed(ACCOUNT, Listing(T0, (row("o1", side=None), row("o2", side="buy")), is_complete=True))
    assert found(glance) == ["o2"]
    assert list(glance.reasons) == [ACCOUNT]
