"""A bulk cancel's report in the words of the socket: one line, whatever the number of its orders.

Past what a line holds the items' instruments are left out, then the items, and then survivors; the counts always stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET
from msgspec.structs import asdict, replace

from daemon.edge.words import ROWS_BYTES_MAX
from protocols.control.bulk_results import BulkCorrection, BulkItemSeen, BulkPrevious, BulkResult, SurvivorSeen
from protocols.control.encode import encoded, plain
from protocols.fix import Outcome

if TYPE_CHECKING:
    from daemon.core.records import BulkItem, BulkReport, Survivor
    from daemon.edge.desk import OrderRow, Preview
    from protocols.fix import AccountName


def result(report: BulkReport, *, is_durable: bool) -> bytes:
    """Write a report as the result of CONTRACT."""
    return _fitted(_result(report, is_durable=is_durable))


def correction(report: BulkReport, previous: BulkReport, *, is_durable: bool) -> bytes:
    """Write a ``bulk_correction`` notification: the result that stands now, and what was said before."""
    said = _result(report, is_durable=is_durable)
    before = BulkPrevious(previous.complete, previous.survivors_total)
    return _fitted(BulkCorrection(**asdict(said), previous=before))


def _result(report: BulkReport, *, is_durable: bool) -> BulkResult:
    return BulkResult(
        request_id=report.request_id,
        items=UNSET if report.items is None else [_item(item) for item in report.items],
        total=report.total,
        counts={outcome.value: report.counts.get(outcome, 0) for outcome in Outcome},
        replaced=report.replaced,
        complete=report.complete,
        survivors=[_survivor(survivor) for survivor in report.survivors],
        survivors_total=report.survivors_total,
        not_covered=_lists(report.not_covered),
        reasons=_by_account(report.reasons),
        warnings=list(report.warnings),
        durable=is_durable,
        revision=report.revision,
    )


def preview(found: Preview) -> bytes:
    """Write what a dry run found: the same shape, without a request."""
    return _fitted(
        BulkResult(
            request_id=None,
            items=[_match(row) for row in found.rows],
            total=len(found.rows),
            counts={outcome.value: 0 for outcome in Outcome},
            replaced=0,
            complete=not found.reasons,
            survivors=[],
            survivors_total=0,
            not_covered=_lists(found.not_covered),
            reasons=_by_account(found.reasons),
            warnings=list(found.warnings),
            dry_run=True,
        )
    )


def _fitted(result: BulkResult) -> bytes:
    """Leave out of a result what makes it longer than a line."""
    body = encoded(result)
    if len(body) > ROWS_BYTES_MAX and result.items is not UNSET and not result.dry_run:
        body = encoded(replace(result, items=[replace(item, product=UNSET, instrument=UNSET) for item in result.items]))
    if len(body) > ROWS_BYTES_MAX:
        body = encoded(replace(result, items=UNSET))
    count = len(result.survivors)
    while len(body) > ROWS_BYTES_MAX and count:
        count //= 2
        body = encoded(replace(result, items=UNSET, survivors=result.survivors[:count]))
    return body


def _item(item: BulkItem) -> BulkItemSeen:
    return BulkItemSeen(
        item.request_id,
        item.account,
        item.order_id,
        item.client_order_id if item.order_id is None else None,
        item.outcome,
        item.ord_status,
        item.product or UNSET,
        item.instrument,
    )


def _match(row: OrderRow) -> BulkItemSeen:
    return BulkItemSeen(
        None,
        row.account,
        row.order_id,
        row.client_order_id,
        None,
        row.ord_status,
        row.product,
        row.instrument,
        row.side,
        plain(row.order_qty),
        plain(row.cum_qty),
    )


def _survivor(survivor: Survivor) -> SurvivorSeen:
    order = survivor.order
    return SurvivorSeen(
        order.request_id,
        order.account,
        order.product or None,
        order.instrument,
        order.order_id,
        order.client_order_id,
        survivor.why,
    )


def _lists(by_venue: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {venue: list(what) for venue, what in by_venue.items()}


def _by_account(reasons: dict[AccountName, str]) -> dict[str, str]:
    return {str(account): why for account, why in reasons.items()}
