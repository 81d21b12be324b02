"""Holds bulk cancels against what was true: each order of one, and what its answer says of all of them.

What is right stands in its rules, each a function below, named as in a violation:

    bulk_open         each call is answered once, and after the heal every bulk cancel has its answer
    bulk_truth        what is said of an order of it is in the venue's book at that moment
    bulk_scope        no order is in it that was not asked for; named ones are there in their order, or left over
    bulk_counts       each order has one name and one place, and the counts are theirs
    bulk_complete     what is called complete left no order of the scope that was there when it was asked for
    bulk_found        what a daemon that died had on its disk as found has its outcome, or is named as resting
    bulk_kept         a word about an order that is called durable is of a request that is on the disk in the end
    bulk_overlooked   what was called complete and looked at again leaves no order that was there when it was asked for
    bulk_spared       no order is canceled for its sake that was placed after it was called complete
    bulk_written      an order of which a cancel left is on the disk before another that was asked for as late or later
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from daemon.sim.book import EndedBy as Ender
from daemon.sim.book import OrdStatus
from protocols.fix import EndedBy, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from daemon.core.records import BulkItem, BulkReport, Report
    from daemon.simulate.bulks import BulkStory
    from daemon.simulate.chronicle import Chronicle
    from daemon.simulate.findings import Finding
    from daemon.simulate.wishes import OrderPlan
    from protocols.fix import AccountName

FORGOTTEN_US: Final = 4_000_000
"""A daemon that dies so soon after it told an answer may not have it on its disk, and begins anew."""
FOREVER_US: Final = 1 << 62
ENDED: Final = frozenset({Outcome.CANCELED, Outcome.FILLED})


def bulk_open(_: Chronicle, story: BulkStory) -> Iterator[str]:
    """It is answered, and each call once."""
    if not story.results:
        yield f"no answer; refused with {story.refusals[-3:]}" if story.refusals else "no answer"
    for sink, count in Counter(word.sink for word in story.results).items():
        if count > 1:
            yield f"call {sink} was answered {count} times"


def bulk_truth(seen: Chronicle, story: BulkStory) -> Iterator[str]:
    """Each word about an order, and each item of an answer, is true when it is told."""
    for at_us, report in story.words:
        yield from blamed_wrongly(seen, story.plan.account, report)
        if report.order_id is not None and report.outcome is not None:
            yield from _false(seen, story, report.order_id, report.outcome, at_us)
    for word in story.results:
        for item in word.report.items or ():
            if item.order_id is not None and item.outcome is not None:
                yield from _false(seen, story, item.order_id, item.outcome, word.at_us)


def bulk_scope(seen: Chronicle, story: BulkStory) -> Iterator[str]:
    """It is about what was asked for."""
    numbers = {order_id: number for number, order_id in seen.order_ids.items()}
    for word in story.results:
        items = word.report.items or ()
        orders = [numbers.get(item.order_id) for item in items if item.order_id is not None]
        for number in orders:
            if number is not None and not seen.covers(story.plan, seen.plan.orders[number]):
                yield f"order {seen.order_id(number)} was not asked for"
        if story.plan.orders and word.report.items is not None:
            asked = _asked(seen, story)
            left = {survivor.order.order_id for survivor in word.report.survivors}
            if [item.order_id for item in items] != [name for name in asked if name not in left or name in _of(items)]:
                yield "the items are not those that were asked for, in their order"


def bulk_counts(_: Chronicle, story: BulkStory) -> Iterator[str]:
    """The numbers of an answer agree with one another."""
    for word in story.results:
        report = word.report
        names = [item.request_id for item in report.items or () if item.request_id is not None]
        orders = [item.order_id for item in report.items or () if not story.plan.orders]
        if len(names) != len(set(names)) or len(orders) != len(set(orders)):
            yield "two items have one name, or one order"
        told = {outcome: count for outcome, count in report.counts.items() if count}
        if report.items is not None:
            counted = Counter(item.outcome for item in report.items if item.outcome is not None)
            if counted != told or report.total != len(report.items):
                yield f"{report.total} orders with {told}, and the items are {len(report.items)} with {dict(counted)}"
        if report.complete and (sum(told.values()) != report.total or report.survivors_total):
            yield f"complete, with {told} of {report.total} orders, and {report.survivors_total} that may rest"


def bulk_complete(seen: Chronicle, story: BulkStory) -> Iterator[str]:
    """Orders that an old listing may still lack are not counted against it."""
    asked_us = min(story.asked_us, default=0)
    for word in story.results:
        if not word.report.complete:
            continue
        for order in seen.plan.orders:
            if seen.covers(story.plan, order) and _rests(seen, order, asked_us, word.at_us):
                yield f"order {seen.order_id(order.number)} rests on at {seen.after_s(word.at_us)}"


def bulk_found(seen: Chronicle, story: BulkStory) -> Iterator[str]:
    """However often the daemon died, and whether the next life was shown the order or not."""
    for word in story.results:
        found = [finding for finding in seen.findings if finding.died_us < word.at_us]
        yield from unheard_of(story.plan.name, word.report, found)


def bulk_written(seen: Chronicle, story: BulkStory) -> Iterator[str]:
    """What one look found is written down together, and before what a later one did."""
    for finding in seen.findings:
        if finding.name != story.plan.name or finding.asked_us is None:
            continue
        born_us = max((at_us for at_us in seen.crashes_us if at_us < finding.died_us), default=0)
        asked_us = finding.asked_us - seen.plan.clock_offset_at(finding.died_us - 1 - seen.start_us)
        own = [order_id for order_id in _own(seen, story, finding.died_us) if order_id not in finding.orders]
        lost = [each for each in own if any(born_us <= at <= asked_us for at in seen.left_us.get(each, ()))]
        if lost:
            yield f"{len(lost)} orders are not on the disk at {seen.after_s(finding.died_us)}: {lost[0]}"


def bulk_kept(seen: Chronicle, story: BulkStory) -> Iterator[str]:
    """However soon after it the daemon died, and however late the next life came."""
    for _, report in story.words:
        if report.durable and seen.bulk_requests.get(report.request_id, "") not in {None, report.order_id}:
            yield f"{report.request_id} was told of order {report.order_id}, and is on no disk"


def bulk_overlooked(seen: Chronicle, story: BulkStory) -> Iterator[str]:
    """In the end each of them is gone, but for one whose cancel may have been refused for good."""
    looks = seen.second_looks.get(story.plan.name, [])
    if not looks or any(look.why for look in looks) or not any(word.report.complete for word in story.results):
        return
    account = next(account for account in seen.plan.accounts if account.name == story.plan.account)
    unsure = {order.order_id for look in looks for order in look.unsure}
    for order in seen.plan.orders:
        in_book = seen.books[order.account].get(seen.order_ids.get(order.number, ""))
        if in_book is None or in_book.ord_status.is_terminal or not seen.covers(story.plan, order):
            continue
        was_there = in_book.created_us < min(story.asked_us)
        has_left = account.may_refuse_for_good and in_book.order_id in seen.left_us
        if was_there and not has_left and in_book.order_id not in unsure:
            yield f"order {in_book.order_id} rests in the end"


def bulk_spared(seen: Chronicle, story: BulkStory) -> Iterator[str]:
    """Nobody else asked for it, nor is the bulk cancel begun anew."""
    heard_us = [word.at_us for word in story.results if word.report.complete]
    if not heard_us:
        return
    for order_id in _own(seen, story, FOREVER_US):
        order = seen.books[story.plan.account].get(order_id)
        if order is None or order.ended_by is not Ender.USER or order.created_us <= heard_us[0]:
            continue
        told_us = max(at_us for at_us in heard_us if at_us < order.created_us)
        begun_anew = any(told_us < at_us <= order.updated_us for at_us in story.asked_us)
        may_be_forgotten = any(told_us < at_us <= told_us + FORGOTTEN_US for at_us in seen.crashes_us)
        if not begun_anew and not may_be_forgotten:
            yield f"order {order_id} was placed at {seen.after_s(order.created_us)} and canceled"


BULK_RULES: Final = (
    bulk_open, bulk_truth, bulk_scope, bulk_counts, bulk_complete, bulk_found, bulk_kept, bulk_overlooked,
    bulk_spared, bulk_written,
)  # fmt: skip


def unheard_of(name: str, report: BulkReport, findings: Sequence[Finding]) -> Iterator[str]:
    """Say which orders an answer passes over, of those that were on the disk as found.

    It may count more than it names; what it does not name may be among these.
    """
    found = {order_id for finding in findings if finding.name == name for order_id in finding.orders}
    found -= {survivor.order.order_id for survivor in report.survivors}
    found -= {item.order_id for item in report.items or () if item.outcome is not None}
    unnamed = report.survivors_total - len(report.survivors) + (report.total if report.items is None else 0)
    if len(found) > unnamed:
        yield f"{len(found)} orders were found, of which the answer passes over {len(found) - unnamed}: {min(found)}"


def blamed_wrongly(seen: Chronicle, account: AccountName, report: Report) -> Iterator[str]:
    """Say where a word about an order names the wrong one as who ended it."""
    order = None if report.order_id is None else seen.books[account].get(report.order_id)
    if order is None or report.ended_by is EndedBy.UNKNOWN:
        return
    if (report.ended_by is EndedBy.US) != (order.ended_by is Ender.USER):
        yield f"order {report.order_id} was ended by {report.ended_by}, and the book says {order.ended_by}"


def _own(seen: Chronicle, story: BulkStory, until_us: int) -> Iterator[str]:
    """Give the orders that nobody else had asked to have canceled by then, nor another order of their client ids."""
    wanted = {wish.order for wish in seen.plan.wishes}
    named = seen.plan.names_wished()
    asked = [other.plan for other in seen.bulks.values() if min(other.asked_us, default=until_us) < until_us]
    for order in seen.plan.orders:
        bulks = [bulk for bulk in asked if seen.covers(bulk, order)]
        is_bound = any(binding.covers(order) for binding in seen.plan.bindings)
        is_wanted = order.number in wanted or (order.account, order.client_order_id) in named
        if bulks == [story.plan] and order.number in seen.order_ids and not is_wanted and not is_bound:
            yield seen.order_id(order.number)


def _false(seen: Chronicle, story: BulkStory, order_id: str, outcome: Outcome, at_us: int) -> Iterator[str]:
    book = seen.books[story.plan.account]
    then = book.as_of(order_id, at_us)
    if outcome is Outcome.UNKNOWN_ORDER and book.get(order_id) is not None:
        yield f"order {order_id} is called unknown, and the venue held it"
    if outcome not in ENDED:
        return
    if then is None or not then.ord_status.is_terminal:
        yield f"order {order_id}: {outcome} at {seen.after_s(at_us)}, when it was {then.ord_status if then else 'not'}"
    elif (outcome is Outcome.FILLED) != (then.ord_status is OrdStatus.FILLED):
        yield f"order {order_id}: {outcome}, and the book says {then.ord_status}"


def _rests(seen: Chronicle, order: OrderPlan, asked_us: int, at_us: int) -> bool:
    account = next(account for account in seen.plan.accounts if account.name == order.account)
    order_id = seen.order_ids.get(order.number)
    then = seen.books[order.account].as_of(order_id, at_us) if order_id is not None else None
    was_listed = then is not None and then.created_us < asked_us - account.timings.replica_lag_ms * 1000
    return was_listed and then is not None and not then.ord_status.is_terminal


def _of(items: Sequence[BulkItem]) -> set[str | None]:
    return {item.order_id for item in items}


def _asked(seen: Chronicle, story: BulkStory) -> tuple[str, ...]:
    return tuple(seen.order_id(number) for number in story.plan.orders)
