"""What a client has said of its client ids binds the daemon, and the client: helps the auditor to judge by that.

Which order a client id is may be doubted of one of which nobody said so; and that there is none can be known of one
that was dated, at any venue. A client that gave an id to a new order, and did not say so, has only itself to blame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from daemon.simulate.chronicle import Ask, Chronicle, Story

FORGETS_IDS: Final = frozenset({"htx", "bingx"})
"""Where a "not found" by client id alone denies nothing, but of a young order (`alias_window_ms` of its dialect)."""
CLOCK_MAX_US: Final = 29 * 60_000_000
"""How far our clock may be off for what was dated by it to count: half of the shortest window, less a venue's skew."""


def names_its_order(seen: Chronicle, story: Story) -> bool:
    """Whether a request says which order it means: by its id, or since its client said before which one its id is.

    Of an order that has ended by then the id may have been given to another one since. Who asks again for what was
    recorded and told is told about the same order.
    """
    if story.wish.by_order_id or story.wish.order is None:
        return story.wish.by_order_id
    order_id = seen.order_id(story.wish.order)
    books = seen.books[story.wish.account]
    told_us = min((word.at_us for word in story.words), default=None)
    known_us = None if told_us is None or story.recorded_us is None else max(told_us, story.recorded_us)
    for ask in story.asks:
        if known_us is not None and ask.at_us > known_us:
            break
        then = books.as_of(order_id, ask.at_us)
        if ask.said is None or ask.said.order_id != order_id or not ask.is_placed_before:
            return False
        if then is None or then.ord_status.is_terminal:
            return False
    return bool(story.asks)


def was_misled(seen: Chronicle, story: Story, order_id: str | None) -> bool:
    """Whether its client had said that its client id is this order when it asked, and its end was not known.

    What was shown may be forgotten where there are more orders than the account may remember.
    """
    forgets = seen.forgets_orders(story.wish.account)
    return any(
        ask.said is not None and ask.said.order_id == order_id and (forgets or not ask.is_known_to_be_over)
        for ask in story.asks
    )


def is_ghost_that_may_be_doubted(seen: Chronicle, story: Story) -> bool:
    """Whether nobody can know that there is no order of a client id.

    A life that finds the request written down, and does not know whether a cancel left for it, sends none by client id
    before it has seen the order, and denies none for which none left. Where client ids are forgotten it is to be known
    of an order alone that was dated before it was asked for, by a clock that is about right.
    """
    if story.wish.ghost is None:
        return False
    asked_us = min((ask.at_us for ask in story.asks), default=0)
    if any(crash_us >= asked_us for crash_us in seen.crashes_us):
        return True
    account = next(account for account in seen.plan.accounts if account.name == story.wish.account)
    is_off = abs(seen.plan.clock_offset_at(asked_us - seen.start_us)) > CLOCK_MAX_US
    return account.venue in FORGETS_IDS and (is_off or not all(map(_is_dated, story.asks)))


def _is_dated(ask: Ask) -> bool:
    return ask.said is not None and ask.said.placed_at is not None and ask.is_placed_before
