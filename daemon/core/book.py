"""Every order that the venue spoke of, in a bounded map: the last word about each, kept light, for whoever asks later.

No order is foreign, since the daemon places none; so each push is kept here until the map is full, and then the oldest
ended orders make room before the oldest live ones. A terminal state known here by its *order id* answers a request at
once. What is found through a client id is only ever a hint to an order id, and never answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.order_view import heaviest
from protocols.evidence import Frame, OrderReported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protocols.fix import ClientOrderId, OrderId

ORDERS_MAX: Final = 100_000
"""Orders remembered per account: several times what any venue lets rest, at about half a kilobyte each."""

OrderKey = tuple[str, "OrderId"]


ALIAS_ORDERS_MAX: Final = 4
"""Orders remembered per client id, the newest ones: enough to see that the id was used again."""


class Known(msgspec.Struct, gc=False):
    """The best word about one order, and when the last one came."""

    report: OrderReported
    seen_us: int


class Book:
    """The map. Reports are kept without their raw frames."""

    def __init__(self, orders_max: int = ORDERS_MAX) -> None:
        self._orders_max = orders_max
        self._live: dict[OrderKey, Known] = {}
        self._ended: dict[OrderKey, Known] = {}
        self._by_alias: dict[tuple[str, ClientOrderId], list[tuple[int, OrderId]]] = {}
        self.is_complete = False
        """Whether a complete listing was read since the drop copy last came up, and nothing was forgotten since."""

    def see(self, report: OrderReported, now_us: int) -> bool:
        """Remember a report; say whether it told anything new about the order."""
        self._note_alias(report)
        key = report.product, report.order_id
        known = self._ended.get(key) or self._live.get(key)
        if known is not None and heaviest((known.report, report)) is known.report:
            known.seen_us = now_us
            return False
        entry = Known(_light(report), now_us)
        if report.status.is_terminal:
            self._live.pop(key, None)
            self._ended[key] = entry
        else:
            self._live[key] = entry
        self._make_room()
        return True

    def find(self, product: str, order_id: OrderId) -> Known | None:
        """Give what is remembered of an order."""
        key = product, order_id
        return self._ended.get(key) or self._live.get(key)

    def newest_of(self, product: str, client_order_id: ClientOrderId, until_ms: int) -> tuple[int, OrderId] | None:
        """Give the newest known order of a client id that was created until then, with its creation time."""
        known = self._by_alias.get((product, client_order_id), ())
        return max((entry for entry in known if entry[0] <= until_ms), default=None)

    def was_reused(self, product: str, client_order_id: ClientOrderId | None) -> bool:
        """Whether more than one order of a client id is known."""
        return client_order_id is not None and len(self._by_alias.get((product, client_order_id), ())) > 1

    def forget(self, product: str, order_id: OrderId) -> None:
        """Drop what is remembered of an order: it rested on what turned out to be wrong."""
        self._ended.pop((product, order_id), None)
        self._live.pop((product, order_id), None)

    def settle(self, listed: set[OrderKey], asked_us: int) -> None:
        """After a complete listing: stop showing as live what it lacks and nobody spoke of since it was asked.

        Absence proves nothing about an order; it only leaves the list of those that we call open.
        """
        absent = [key for key, known in self._live.items() if key not in listed and known.seen_us < asked_us]
        for key in absent:
            del self._live[key]
        self.is_complete = True

    def live(self) -> Iterator[OrderReported]:
        """Walk over the orders that were last heard of as live."""
        for known in self._live.values():
            yield known.report

    def __len__(self) -> int:
        return len(self._live) + len(self._ended)

    def _note_alias(self, report: OrderReported) -> None:
        if report.client_order_id is None or report.created_ms is None:
            return
        known = self._by_alias.setdefault((report.product, report.client_order_id), [])
        entry = report.created_ms, report.order_id
        if entry not in known:
            known.append(entry)
            known.sort()
            del known[:-ALIAS_ORDERS_MAX]
        if len(self._by_alias) > self._orders_max:
            del self._by_alias[next(iter(self._by_alias))]

    def _make_room(self) -> None:
        while len(self) > self._orders_max:
            if self._ended:
                del self._ended[next(iter(self._ended))]
            else:
                del self._live[next(iter(self._live))]
                self.is_complete = False


def _light(report: OrderReported) -> OrderReported:
    if report.frame is None or not report.frame.raw:
        return report
    return msgspec.structs.replace(report, frame=Frame(report.frame.digest, b""))
