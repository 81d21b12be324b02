"""Holds bindings against what was true: who died has its orders canceled, and who lives or took its leave keeps them.

What is right stands in its rules, each a function below, named as in a violation:

    binding_fired     the orders of a client that died bound are gone in the end
    binding_spared    nobody's orders are canceled whose client lived on, or had said goodbye in time to be written down
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.sim.book import EndedBy
from daemon.simulate.disk import PROBE_US

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.simulate.bound import BindingStory
    from daemon.simulate.chronicle import Chronicle

WRITTEN_US: Final = 200_000
"""At most so long takes it to write something down, with what waits before it."""
RETURN_US: Final = 400_000
"""At most so long takes a client to be back after the daemon is."""


def binding_fired(seen: Chronicle, story: BindingStory) -> Iterator[str]:
    """Its own orders that rested when its grace was over have ended, but for one whose cancel was refused for good."""
    if story.died_us is None or not story.bound_us or story.bound_us[0] >= story.died_us:
        return
    if story.lost_us and story.bound_us[-1] < story.lost_us[-1]:
        return  # it had not come back to this life: what the last one had bound may not have been written down
    for number in story.plan.orders:
        order = seen.books[story.plan.account].get(seen.order_ids.get(number, ""))
        is_live = order is not None and not order.ord_status.is_terminal
        if order is not None and is_live and not _may_be_given_up(seen, story, order.order_id):
            yield f"order {order.order_id} rests on, and its client died at {seen.after_s(story.died_us)}"


def _may_be_given_up(seen: Chronicle, story: BindingStory, order_id: str) -> bool:
    """Whether a cancel left for an order since its client died, and the venue may have said that no other one helps."""
    account = next(account for account in seen.plan.accounts if account.name == story.plan.account)
    has_left = any(at_us >= (story.died_us or 0) for at_us in seen.left_us.get(order_id, ()))
    return has_left and account.may_refuse_for_good


def binding_spared(seen: Chronicle, story: BindingStory) -> Iterator[str]:
    """Its own orders that nobody else asked for live."""
    if _may_have_fired(seen, story):
        return
    for number in story.plan.orders:
        order = seen.books[story.plan.account].get(seen.order_ids.get(number, ""))
        if order is not None and order.ended_by is EndedBy.USER and not is_asked_for(seen, number, besides=story):
            yield f"order {order.order_id} was canceled at {seen.after_s(order.updated_us)}, and its client was there"


BINDING_RULES: Final = (binding_fired, binding_spared)


def is_asked_for(seen: Chronicle, number: int, besides: BindingStory | None = None) -> bool:
    """Whether a bulk cancel, or a binding that may have fired, is about an order."""
    order = seen.plan.orders[number]
    if any(seen.covers(bulk, order) for bulk in seen.plan.bulks):
        return True
    return any(
        other.plan.covers(order) and _may_have_fired(seen, other) for other in seen.bindings if other is not besides
    )


def _may_have_fired(seen: Chronicle, story: BindingStory) -> bool:
    """Whether its client died, or had its goodbye lost with a life that died before the disk took it."""
    left_us = story.left_us
    if story.died_us is not None or left_us is None:
        return story.died_us is not None
    fails = [(seen.start_us + begin_us, seen.start_us + end_us) for begin_us, end_us in seen.plan.habits.fails]
    lasts_us = max((end_us for begin_us, end_us in fails if begin_us < left_us + WRITTEN_US), default=left_us)
    return any(left_us <= crash_us < max(left_us, lasts_us + PROBE_US) + WRITTEN_US for crash_us in seen.crashes_us)
