"""Carries cancels by REST. Each ends in exactly one evidence, whatever happens to the coroutine that carried it.

It knows calls and answers; whether to send, and what an answer means for the order, is decided elsewhere.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from daemon.edge.outside import CallFailed, Flight
from protocols.evidence import CancelAnswered, CancelForwarded, CancelLost
from protocols.fix import Road

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from daemon.edge.outside import Running
    from daemon.edge.settings import Waits
    from daemon.edge.venue_rest import VenueRest
    from protocols.dialect import WireCancel

CANCELS_MAX: Final = 512
"""Under way at once: more than any rate rule lets through in the time-out of one."""

Ending = CancelAnswered | CancelLost


T = TypeVar("T")


class Spawn(Protocol[T]):
    """Makes a task that somebody owns."""

    def __call__(self, coroutine: Coroutine[object, object, T], /) -> Running[T]:
        """Make it."""
        ...


class RestSends:
    """The cancels that are on their way by REST. ``report`` is never called inside `start`."""

    def __init__(
        self,
        rest: VenueRest,
        waits: Waits,
        report_soon: Callable[[CancelForwarded | Ending], None],
        on_fault: Callable[[str, Exception], None],
    ) -> None:
        self._rest = rest
        self._waits = waits
        self._report = report_soon
        self._on_fault = on_fault
        self.under_way = 0

    def start(self, wire: WireCancel, spawn: Spawn[Ending]) -> None:
        """Set a cancel on its way, as a task that ``spawn`` makes."""
        if self.under_way >= CANCELS_MAX:
            self._report(lost(wire, "too many cancels under way"))
            return
        flight = Flight(partial(self._report, CancelForwarded(wire.send_id, Road.REST)))
        self.under_way += 1
        spawn(self._carry(wire, flight)).add_done_callback(partial(self._ended, wire, flight))

    async def _carry(self, wire: WireCancel, flight: Flight) -> Ending:
        try:
            response = await self._rest.fetch(self._rest.dialect.cancel_call(wire), self._waits.rest_cancel_s, flight)
            if isinstance(response, CallFailed):
                return lost(wire, response.why, handed_over=response.handed_over)
            return self._rest.dialect.read_cancel(wire, response)
        except Exception as error:  # noqa: BLE001 - afraid of a dialect's bug: a send without an end would hang its case
            self._on_fault("cancel by REST", error)
            return lost(wire, f"internal: {type(error).__name__}", handed_over=flight.is_sent)

    def _ended(self, wire: WireCancel, flight: Flight, carried: Running[Ending]) -> None:
        self.under_way -= 1
        if carried.cancelled():
            self._report(lost(wire, "the daemon stops", handed_over=flight.is_sent))
        else:
            self._report(carried.result())


def lost(wire: WireCancel, why: str, *, handed_over: bool = False) -> CancelLost:
    """Say that a cancel did not leave, or that its answer will not come."""
    return CancelLost(wire.send_id, wire.road, handed_over, why)
