"""Turns what is known of live orders into the rows of ``orders``, for whoever shows them. It judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.edge.desk import OrderRow
from protocols.fix import OrdStatus

if TYPE_CHECKING:
    from daemon.core.correlator import Correlator
    from daemon.core.world import World
    from protocols.evidence import OrderReported

LIVE: Final = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.PENDING_CANCEL})


def order_row(world: World, report: OrderReported) -> OrderRow:
    """Turn a report into a row."""
    return OrderRow(
        account=world.account,
        venue=world.traits.venue,
        product=report.product or None,
        instrument=report.instrument,
        order_id=report.order_id,
        client_order_id=report.client_order_id,
        ord_status=report.status,
        side=report.side,
        order_qty=report.order_qty,
        cum_qty=report.cum_qty,
        venue_time=report.venue_time,
    )


def live_rows(correlator: Correlator) -> list[OrderRow]:
    """Give the orders of an account that are known as live."""
    return [order_row(correlator.world, report) for report in correlator.book.live() if report.status in LIVE]
