"""Which order a client id means: a client id is an alias, bound per request, and only by what cannot be about another.

Venues let client ids be reused, forget them, or answer with an older order of the same id. So a request by client id
is bound to an order by the answer to our own frame, or by a report that names both ids and whose creation time is not
after the request. A terminal report about an order that ended before our first send may be about an older order of that
id: it counts only after a complete listing, asked later, shows no live order with it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from daemon.core.book import Book
    from daemon.core.case import Case, Ticket
    from daemon.core.world import World
    from protocols.evidence import OrderReported

FOR_EVER_MS: Final = 1 << 62
PLACING_MAX_US: Final = 5_000_000
"""How long an order may take from its client to the venue's books: a cancel may overtake it."""

WELL_KNOWN_US: Final = 50_000
"""How uncertain clocks are, at the most, of which that is said: within so short a time a client id is hardly ever used
again and canceled, and both pushes about the other order would have to be lost."""


class Fit(Enum):
    """How well a report fits a case that knows its order by client id only."""

    BINDS = auto()
    PROVISIONAL = auto()
    """It may be about an older order: a complete listing has to confirm it."""
    NO = auto()


def fit(report: OrderReported, case: Case, world: World, book: Book, latest_us: int | None = None) -> Fit:
    """Judge whether a report that carries the case's client id names the case's order.

    What the book knows counts too: that the order has ended is not forgotten over a late live report. Where it knows
    that the client id was used again, an order that ended before may only be the one meant if the venue names it as the
    latest of that id when asked (``latest_us``) a replica lag after the request: a newer one would be known by then.
    """
    if report.instrument and report.instrument != case.instrument:
        return Fit.NO
    if not any(may_mean(report, ticket, case, world, book) for ticket in case.tickets.values()):
        return Fit.NO
    known = book.find(report.product, report.order_id)
    best = known.report if known is not None and known.report.status.is_terminal else report
    if not best.status.is_terminal or not ended_before(best, _first_send_us(case, world), world):
        return Fit.BINDS
    if book.was_reused(case.product, case.client_order_id):
        newest_us = max(ticket.request.received_us for ticket in case.tickets.values())
        is_late_enough = latest_us is not None and latest_us >= newest_us + world.replica_lag_us
        return Fit.PROVISIONAL if is_late_enough else Fit.NO
    return Fit.PROVISIONAL


def _first_send_us(case: Case, world: World) -> int | None:
    """When a cancel first left for a case; None also while that cannot be compared with the venue's times.

    That is before its clock was measured, and after a restart, since our clock may have been set meanwhile.
    """
    if not world.is_clock_measured or any(ticket.is_recovered for ticket in case.tickets.values()):
        return None
    return case.first_send_us()


def may_mean(report: OrderReported, ticket: Ticket, case: Case, world: World, book: Book) -> bool:
    """Whether a request by client id may mean an order: it was there, and no newer one of that id is known of.

    A venue lets no two live orders have one client id, so the newest of them is the only one that can have been live.
    """
    if not is_old_enough(report, ticket, case, world):
        return False
    if report.client_order_id is None or report.created_ms is None:
        return True
    asked_ms = world.venue_ms_at_least(ticket.request.received_us)
    newest = book.newest_of(report.product, report.client_order_id, asked_ms)
    return newest is None or newest[0] <= report.created_ms


def is_old_enough(report: OrderReported, ticket: Ticket, case: Case, world: World) -> bool:
    """Whether the order existed when a request was made, as far as the two clocks can be compared.

    Where the client said that it had placed an order of this client id before it asked, an order counts that the venue
    created while its placing was under way, or that has no creation time.
    """
    received_us = ticket.request.received_us
    is_tracked = case.tracked_us is not None and case.tracked_us <= received_us
    if report.created_ms is None:
        return is_tracked
    if is_tracked and case.tracked_us is not None:
        received_us = max(received_us, case.tracked_us + PLACING_MAX_US)
    return report.created_ms <= world.venue_ms(received_us)


def may_mean_younger(held: OrderReported, rows: list[OrderReported], case: Case, world: World, book: Book) -> bool:
    """Whether a request may mean an order that is younger than the one that is held, although it seems to be too young.

    Of a request of an earlier life that is whatever came before this one, since our clock may have been set ahead
    meanwhile; and of any request every younger order, while nobody knows how the venue's clock stands to ours.
    """
    began_us = max((ticket.recovered_us for ticket in case.tickets.values()), default=0)
    if held.created_ms is None or case.client_order_id is None or not (began_us or not world.is_clock_measured):
        return False
    until_ms = world.venue_ms(began_us) if world.is_clock_measured else FOR_EVER_MS
    newest = book.newest_of(case.product, case.client_order_id, until_ms)
    shown = [row.created_ms for row in rows if row.created_ms is not None and row.created_ms <= until_ms]
    return max([*shown, newest[0] if newest is not None else 0]) > held.created_ms


def may_have_ended_since(report: OrderReported, case: Case, world: World) -> bool:
    """Whether an order may have ended only after a case's requests and first cancel, by clocks that are known well.

    Where it `ended_before` too, by what they leave open, whoever means another order of its client id has placed that
    and asked for its cancel within some milliseconds.
    """
    sent_us = _first_send_us(case, world)
    if sent_us is None or report.updated_ms is None or world.clock_uncertainty_us > WELL_KNOWN_US:
        return False
    newest_us = max(ticket.request.received_us for ticket in case.tickets.values())
    return report.updated_ms >= world.venue_ms_at_least(max(sent_us, newest_us))


def ended_before(report: OrderReported, ours_us: int | None, world: World) -> bool:
    """Whether an order may have ended before a time of ours (None: of no known clock).

    What the clocks leave open counts against the report.
    """
    if ours_us is None or report.updated_ms is None:
        return True
    return report.updated_ms < world.venue_ms(ours_us)
