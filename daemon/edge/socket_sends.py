"""Carries cancels by WebSocket, alone or in batches: written by the dialect, handed to the first link that takes them.

Whoever calls is told at once, for each cancel, whether its bytes are with the transport. What becomes of them then is
the link's session's to say. It decides nothing about an order, nor which road a cancel takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.edge.sends import lost
from protocols.evidence import CancelForwarded, CancelLost
from protocols.fix import Road

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from daemon.edge.outside import Link
    from daemon.edge.reference import ReferenceBook
    from protocols.asks import WireCancel
    from protocols.dialect import Dialect

Departed = CancelForwarded | CancelLost


class SocketSends:
    """The way to the venue by socket. ``links`` are those that carry orders, the best first."""

    def __init__(
        self,
        dialect: Dialect,
        reference: ReferenceBook,
        links: Callable[[], Iterator[Link]],
        on_fault: Callable[[str, Exception], None],
    ) -> None:
        self._dialect = dialect
        self._reference = reference
        self._links = links
        self._on_fault = on_fault

    def send(self, wire: WireCancel) -> Departed:
        """Hand over a cancel that leaves alone."""
        try:
            frame = self._dialect.cancel_frame(wire, self._reference.codes)
        except Exception as error:  # noqa: BLE001 - afraid of a dialect's bug: the other road may still carry it
            self._on_fault("cancel_frame", error)
            return lost(wire, f"internal: {type(error).__name__}")
        if frame is None:
            self._reference.want()
            return lost(wire, "no_code")
        for link in self._links():
            if link.cancel(frame, wire.send_id):
                return CancelForwarded(wire.send_id, Road.WS)
        return lost(wire, "no socket took it")

    def send_batch(self, wires: Sequence[WireCancel]) -> list[Departed]:
        """Hand over a batch. Those that cannot go by this road stay behind, and cost the others nothing."""
        try:
            frame = self._dialect.batch_frame(wires, self._reference.codes)
            if frame is None:
                return self._without_the_unwritable(wires)
        except Exception as error:  # noqa: BLE001 - afraid of a dialect's bug: the other road may still carry them
            self._on_fault("batch_frame", error)
            return [lost(wire, f"internal: {type(error).__name__}") for wire in wires]
        for link in self._links():
            if link.cancel_batch(frame, wires):
                return [CancelForwarded(wire.send_id, Road.WS) for wire in wires]
        return [lost(wire, "no socket took it") for wire in wires]

    def _without_the_unwritable(self, wires: Sequence[WireCancel]) -> list[Departed]:
        self._reference.want()
        writable = [wire for wire in wires if self._dialect.cancel_frame(wire, self._reference.codes) is not None]
        left = [wire for wire in wires if wire not in writable]
        departed: list[Departed] = [lost(wire, "no_code") for wire in left]
        if len(writable) == 1:
            departed.append(self.send(writable[0]))
        elif writable and left:
            departed += self.send_batch(writable)
        elif writable:  # each alone can be written and all together cannot: a dialect's mistake
            departed += [lost(wire, "no batch can be written") for wire in writable]
        return departed
