"""Which order a client id means: a client id is an alias, bound per request, and only by what cannot be about another.

Venues let client ids be reused, forget them, or answer with an older order of the same id. So a request by client id
is bound to an order by the answer to our own frame, or by a report that names both ids and whose creation time is not
after the request. A terminal answer about an order that ended before our first send may be about an older order of that
id: it counts only after a complete listing, asked later, shows no live order with it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from protocols.evidence import Source

if TYPE_CHECKING:
    from daemon.core.case import Case, Ticket
    from daemon.core.world import World
    from protocols.evidence import OrderReported


class Fit(Enum):
    """How well a report fits a case that knows its order by client id only."""

    BINDS = auto()
    PROVISIONAL = auto()
    """It may be about an older order: a complete listing has to confirm it."""
    NO = auto()


def fit(report: OrderReported, case: Case, world: World) -> Fit:
    """Judge whether a report that carries the case's client id names the case's order."""
    if not any(is_old_enough(report, ticket, case, world) for ticket in case.tickets.values()):
        return Fit.NO
    if report.status.is_terminal and report.source is Source.QUERY and _ended_before_first_send(report, case, world):
        return Fit.PROVISIONAL
    return Fit.BINDS


def is_old_enough(report: OrderReported, ticket: Ticket, case: Case, world: World) -> bool:
    """Whether the order existed when a request was made, as far as the two clocks can be compared."""
    if case.tracked_us is not None and case.tracked_us <= ticket.request.received_us:
        return True
    if report.created_ms is None:
        return False
    return report.created_ms <= world.venue_ms(ticket.request.received_us)


def _ended_before_first_send(report: OrderReported, case: Case, world: World) -> bool:
    first_send_us = case.first_send_us()
    if first_send_us is None or report.updated_ms is None:
        return True
    # The uncertainty of the clocks counts against the report: when in doubt, it ended before.
    earliest_ms = (first_send_us + world.clock_offset_us + world.clock_uncertainty_us) // 1000
    return report.updated_ms < earliest_ms
