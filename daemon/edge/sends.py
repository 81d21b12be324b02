"""Carries cancels by REST, alone or in batches. Each ends in exactly one evidence, whatever happens to its carrier.

It knows calls and answers; whether to send, and what an answer means for the order, is decided elsewhere.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from daemon.edge.outside import CallFailed, Flight
from protocols.batching import spread
from protocols.evidence import CancelAnswered, CancelForwarded, CancelLost
from protocols.fix import Road

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from daemon.edge.outside import Running
    from daemon.edge.settings import Waits
    from daemon.edge.venue_rest import VenueRest
    from protocols.asks import WireCancel
    from protocols.evidence import Frame
    from protocols.mass import Everything

CANCELS_MAX: Final = 4096
"""Under way at once: more than any rate rule lets through in the time-out of one."""

Ending = CancelAnswered | CancelLost
Endings = tuple[Ending, ...]


T = TypeVar("T")


class Spawn(Protocol[T]):
    """Makes a task that somebody owns."""

    def __call__(self, coroutine: Coroutine[object, object, T], /) -> Running[T]:
        """Make it."""
        ...


class Carry(Protocol):
    """Makes the call of some cancels, and gives each its ending."""

    async def __call__(self, wires: tuple[WireCancel, ...], flight: Flight, /) -> Endings:
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
        set_aside: Callable[[str, Frame], None],
    ) -> None:
        self._rest = rest
        self._waits = waits
        self._report = report_soon
        self._on_fault = on_fault
        self._set_aside = set_aside
        self.under_way = 0

    def start(self, wire: WireCancel, spawn: Spawn[Endings]) -> None:
        """Set a cancel on its way, as a task that ``spawn`` makes."""
        self._start((wire,), self._alone, spawn)

    def start_batch(
        self, wires: tuple[WireCancel, ...], spawn: Spawn[Endings], everything: Everything | None = None
    ) -> None:
        """Set several on their way in one call: a batch, or the one that cancels everything."""
        self._start(wires, partial(self._together, everything), spawn)

    def _start(self, wires: tuple[WireCancel, ...], carry: Carry, spawn: Spawn[Endings]) -> None:
        if self.under_way + len(wires) > CANCELS_MAX:
            for wire in wires:
                self._report(lost(wire, "too many cancels under way"))
            return
        flight = Flight(partial(self._forwarded, wires))
        self.under_way += len(wires)
        spawn(self._carry(wires, carry, flight)).add_done_callback(partial(self._ended, wires, flight))

    def _forwarded(self, wires: tuple[WireCancel, ...]) -> None:
        for wire in wires:
            self._report(CancelForwarded(wire.send_id, Road.REST))

    async def _carry(self, wires: tuple[WireCancel, ...], carry: Carry, flight: Flight) -> Endings:
        try:
            return await carry(wires, flight)
        except Exception as error:  # noqa: BLE001 - afraid of a dialect's bug: a send without an end would hang its case
            self._on_fault("cancel by REST", error)
            why = f"internal: {type(error).__name__}"
            return tuple(lost(wire, why, handed_over=flight.is_sent) for wire in wires)

    async def _alone(self, wires: tuple[WireCancel, ...], flight: Flight) -> Endings:
        (wire,) = wires
        response = await self._rest.fetch(self._rest.dialect.cancel_call(wire), self._waits.rest_cancel_s, flight)
        if isinstance(response, CallFailed):
            return (lost(wire, response.why, handed_over=response.handed_over),)
        return (self._rest.dialect.read_cancel(wire, response),)

    async def _together(self, everything: Everything | None, wires: tuple[WireCancel, ...], flight: Flight) -> Endings:
        """Make the call of several; each cancel has its own answer, and items of nobody are set aside."""
        dialect = self._rest.dialect
        if everything is None:
            call, read = dialect.batch_call(wires), dialect.read_batch
        else:
            call, read = dialect.mass_call(wires[0].operation, everything), dialect.read_mass
        response = await self._rest.fetch(call, self._waits.rest_cancel_s, flight)
        if isinstance(response, CallFailed):
            return tuple(lost(wire, response.why, handed_over=response.handed_over) for wire in wires)
        answer = read(wires, response)
        given = spread(wires, answer)
        if given.strangers and everything is None and answer.whole.frame is not None:
            self._set_aside(f"{len(given.strangers)} items of a batch that named no such orders", answer.whole.frame)
        return given.answers

    def _ended(self, wires: tuple[WireCancel, ...], flight: Flight, carried: Running[Endings]) -> None:
        self.under_way -= len(wires)
        if carried.cancelled():
            endings: Endings = tuple(lost(wire, "the daemon stops", handed_over=flight.is_sent) for wire in wires)
        else:
            endings = carried.result()
        for ending in endings:
            self._report(ending)


def lost(wire: WireCancel, why: str, *, handed_over: bool = False) -> CancelLost:
    """Say that a cancel did not leave, or that its answer will not come."""
    return CancelLost(wire.send_id, wire.road, handed_over, why)
