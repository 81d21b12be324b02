"""What stands on a disk about bulk cancels by a filter: which orders they found, and how they ended.

An order is found there once a record names it: that of what the filter found, or that of its own request. Nothing is
judged here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from daemon.core.bulk_names import is_of_bulk
from daemon.core.records import BulkEnded, BulkLooked, BulkMeant, BulkOpened, RequestKey, RequestOpened
from protocols.fix import RequestId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from daemon.core.records import BulkIntent, BulkReport, CaseId, Record
    from protocols.fix import OrderId


class Finding(msgspec.Struct, frozen=True):
    """What a daemon that died had on its disk as found by a bulk cancel that was not over.

    ``asked_us`` is when the newest of the requests was made that this daemon wrote down for it, by its own clock.
    """

    name: str
    died_us: int
    orders: frozenset[str]
    asked_us: int | None = None


def found_on(records: Sequence[Record], died_us: int, former: int = 0) -> list[Finding]:
    """Find what each bulk cancel found that is not over; the first ``former`` records are of earlier lives."""
    over = {record.case for record in records if isinstance(record, BulkEnded)}
    running = {case: intent for case, intent in _filtering(records).items() if case not in over}
    names = {key: intent.name for intent in running.values() for key in intent.names_held()}
    found: dict[str, set[str]] = {intent.name: set() for intent in running.values()}
    asked_us: dict[str, int] = {}
    for index, record in enumerate(records):
        if isinstance(record, BulkMeant) and record.case in running:
            found[running[record.case].name].update(order.order_id for order in record.orders if order.order_id)
        elif isinstance(record, RequestOpened) and record.request.order_id is not None:
            key = record.request.key
            name = names.get(RequestKey(key.uid, key.account, RequestId(key.request_id.rpartition("/")[0])))
            if name is not None:
                found[name].add(record.request.order_id)
                if index >= former:
                    asked_us[name] = max(record.t, asked_us.get(name, 0))
    return [Finding(name, died_us, frozenset(orders), asked_us.get(name)) for name, orders in found.items()]


def ended_on(records: Sequence[Record]) -> Iterator[tuple[str, BulkReport]]:
    """Give how bulk cancels ended, by their names."""
    intents = _filtering(records)
    for record in records:
        if isinstance(record, BulkEnded) and record.case in intents:
            yield intents[record.case].name, record.report


def asked_for_on(records: Sequence[Record]) -> Iterator[tuple[RequestId, OrderId | None]]:
    """Give the requests of bulk cancels, each with the order that it names."""
    for record in records:
        if isinstance(record, RequestOpened) and is_of_bulk(record.request.key.request_id):
            yield record.request.key.request_id, record.request.order_id


def looked_on(records: Sequence[Record]) -> Iterator[tuple[str, BulkLooked]]:
    """Give what was seen of bulk cancels that had been called complete, by their names."""
    intents = _filtering(records)
    for record in records:
        if isinstance(record, BulkLooked) and record.case in intents:
            yield intents[record.case].name, record


def _filtering(records: Sequence[Record]) -> dict[CaseId, BulkIntent]:
    opened = (record.intent for record in records if isinstance(record, BulkOpened))
    return {intent.bulk: intent for intent in opened if any(not scope.names_orders for scope in intent.scopes)}
