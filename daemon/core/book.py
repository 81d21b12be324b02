"""Every order that the venue spoke of, in a bounded map: the last word about each, kept light, for whoever asks later.

No order is foreign, since the daemon places none; so each push is kept here until the map is full, and then the oldest
ended orders make room before the oldest live ones. A terminal state known here by its *order id* answers a request at
once. What is found through a client id is only ever a hint to an order id, and never answers.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.order_view import outweighs
from daemon.core.shelves import Shelves
from protocols.evidence import Frame, OrderReported
from protocols.fix import OrderId

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from protocols.fix import ClientOrderId

ORDERS_MAX: Final = 100_000
"""Orders remembered per account: several times what any venue lets rest, at about half a kilobyte each."""

OrderKey = tuple[str, OrderId]


ALIAS_ORDERS_MAX: Final = 4
"""Orders remembered per client id, the newest ones: enough to see that the id was used again."""


class Known(msgspec.Struct, gc=False):
    """The best word about one order, and when the last one came."""

    report: OrderReported
    seen_us: int


class Naming(msgspec.Struct, frozen=True, gc=False):
    """An order that had a client id, and the one that had it before: nearly always none.

    A hundred thousand of them stand here, and as tuples within a tuple they would take three times the bytes.
    """

    created_ms: int
    order_id: OrderId
    before: Naming | None

    def newest_first(self) -> Iterator[Naming]:
        """Walk over the orders of the client id."""
        naming: Naming | None = self
        while naming is not None:
            yield naming
            naming = naming.before


class Book:
    """The map. Reports are kept without their raw frames."""

    def __init__(self, orders_max: int = ORDERS_MAX) -> None:
        self._orders_max = orders_max
        self._live: Shelves[OrderId, Known] = Shelves()
        self._ended: Shelves[OrderId, Known] = Shelves()
        self._by_alias: Shelves[ClientOrderId, Naming] = Shelves()
        self._forgot_us = -1
        """When a live order was forgotten last, for want of room."""
        self._followed_us: int | None = 0
        self.is_complete = False
        """Whether a complete listing was read that was asked for while the drop copy was up, as it has been since, and
        nothing was forgotten since then."""

    def see(self, report: OrderReported, now_us: int) -> bool:
        """Remember a report; say whether it told anything new about the order."""
        self._note_alias(report)
        product, order_id = report.product, report.order_id
        known = self.find(product, order_id)
        if known is not None and not outweighs(report, known.report):
            known.seen_us = now_us
            return False
        entry = Known(_light(report), now_us)
        if report.status.is_terminal:
            self._live.pop(product, order_id)
            self._ended.put(product, order_id, entry)
        else:
            self._live.put(product, order_id, entry)
        if known is None:
            self._make_room(now_us)
        return True

    def follow(self, since_us: int | None) -> None:
        """Take note that since then every order that is placed is heard of, or (None) that this is not so."""
        self._followed_us = since_us
        self.is_complete = False

    def find(self, product: str, order_id: OrderId) -> Known | None:
        """Give what is remembered of an order."""
        return self._ended.get(product, order_id) or self._live.get(product, order_id)

    def has_ended(self, product: str, order_id: OrderId) -> bool:
        """Whether an order is known to have ended."""
        known = self.find(product, order_id)
        return known is not None and known.report.status.is_terminal

    def newest_of(self, product: str, client_order_id: ClientOrderId, until_ms: int) -> tuple[int, OrderId] | None:
        """Give the newest known order of a client id that was created until then, with its creation time."""
        for naming in self._namings(product, client_order_id):
            if naming.created_ms <= until_ms:
                return naming.created_ms, naming.order_id
        return None

    def orders_of(self, product: str, client_order_id: ClientOrderId) -> list[OrderId]:
        """Give the orders that are known to have had a client id, also such as are no longer listed here."""
        return [naming.order_id for naming in self._namings(product, client_order_id)]

    def was_reused(self, product: str, client_order_id: ClientOrderId | None) -> bool:
        """Whether more than one order of a client id is known."""
        newest = None if client_order_id is None else self._by_alias.get(product, client_order_id)
        return newest is not None and newest.before is not None

    def forget(self, product: str, order_id: OrderId) -> None:
        """Drop what is remembered of an order: it rested on what turned out to be wrong."""
        self._ended.pop(product, order_id)
        self._live.pop(product, order_id)

    def settle(self, listed: set[OrderKey], asked_us: int) -> None:
        """After a complete listing: stop showing as live what it lacks and nobody spoke of since it was asked.

        Absence proves nothing about an order; it only leaves the list of those that we call open.
        """
        absent = [key for key, known in self._live.items() if key not in listed and known.seen_us < asked_us]
        for key in absent:
            self._live.pop(*key)
        was_followed = self._followed_us is not None and self._followed_us <= asked_us
        self.is_complete = was_followed and self._forgot_us < asked_us

    def live(self) -> Iterator[OrderReported]:
        """Walk over the orders that were last heard of as live."""
        for known in self._live.values():
            yield known.report

    def has_order_on(self, instrument: str) -> bool:
        """Whether some order on an instrument is remembered: of a hundred thousand, that is looked for in ten ms."""
        if any(known.report.instrument == instrument for known in self._live.values()):
            return True
        return any(known.report.instrument == instrument for known in self._ended.values())

    def __len__(self) -> int:
        return len(self._live) + len(self._ended)

    def _namings(self, product: str, client_order_id: ClientOrderId) -> Iterable[Naming]:
        """Walk over the known orders of a client id, the newest first."""
        newest = self._by_alias.get(product, client_order_id)
        return () if newest is None else newest.newest_first()

    def _note_alias(self, report: OrderReported) -> None:
        if report.client_order_id is None or report.created_ms is None:
            return
        entry = report.created_ms, report.order_id
        newest = self._by_alias.get(report.product, report.client_order_id)
        if newest is not None and (newest.created_ms, newest.order_id) == entry:
            return  # as with every word about an order but the first
        known = [] if newest is None else [(naming.created_ms, naming.order_id) for naming in newest.newest_first()]
        if entry not in known:
            first, *later = sorted((*known, entry))[-ALIAS_ORDERS_MAX:]
            newest = Naming(*first, None)
            for each in later:
                newest = Naming(*each, newest)
            self._by_alias.put(report.product, report.client_order_id, newest)
        if len(self._by_alias) > self._orders_max:
            self._by_alias.drop_oldest()

    def _make_room(self, now_us: int) -> None:
        while len(self) > self._orders_max:
            if self._ended:
                self._ended.drop_oldest()
            else:
                self._live.drop_oldest()
                self.is_complete = False
                self._forgot_us = now_us


def _light(report: OrderReported) -> OrderReported:
    """Leave out the raw frame, and hold once the words that many orders have in common: two fifths less bytes.

    Their quantities are held once already, since they were read (`protocols.jsonread`).
    """
    frame = report.frame
    return msgspec.structs.replace(
        report,
        channel=sys.intern(report.channel),
        product=sys.intern(report.product),
        instrument=sys.intern(report.instrument),
        word=sys.intern(report.word),
        frame=None if frame is None else Frame(frame.digest, b""),
    )
