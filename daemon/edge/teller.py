"""Tells evidence to one listener: all there is at once, in order, never inside a call of its own nor inside itself.

It knows nothing of what it tells. What the listener raises is handed to whoever keeps faults, and costs nothing that is
told later; that it costs nothing else that was told with it is the listener's to see to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.edge.outside import Time
    from protocols.evidence import Evidence


class Teller:
    """The way from a gateway to its driver, in whose calls it is entered as a context."""

    def __init__(
        self, report: Callable[[Sequence[Evidence]], None], time: Time, on_fault: Callable[[str, Exception], None]
    ) -> None:
        self.told = 0
        """How many pieces, over this life."""
        self._report = report
        self._time = time
        self._on_fault = on_fault
        self._outbox: list[Evidence] = []
        self._is_called = False
        self._is_scheduled = False
        self._is_delivering = False

    def tell(self, *evidence: Evidence) -> None:
        """Tell now, or, while the listener is calling, as soon as it is done."""
        self._outbox += evidence
        if self._is_called:
            self._deliver_soon()
        else:
            self.deliver()

    def tell_soon(self, evidence: Evidence) -> None:
        """Tell what may have come about inside a call of the listener's: after it, and before anything newer."""
        self._outbox.append(evidence)
        self._deliver_soon()

    def __enter__(self) -> None:
        """Hold back what is told while the listener is calling."""
        self._is_called = True

    def __exit__(self, *_: object) -> None:
        """The listener is done."""
        self._is_called = False

    def deliver(self) -> None:
        """Tell all that is held back."""
        self._is_scheduled = False
        if self._is_delivering:
            return
        self._is_delivering = True
        try:
            while self._outbox:
                evidence, self._outbox = self._outbox, []
                self.told += len(evidence)
                self._report_all(evidence)
        finally:
            self._is_delivering = False

    def _deliver_soon(self) -> None:
        if not self._is_scheduled and not self._is_delivering:  # who is delivering takes it along
            self._is_scheduled = True
            self._time.soon(self.deliver)

    def _report_all(self, evidence: Sequence[Evidence]) -> None:
        try:
            self._report(evidence)
        except Exception as error:  # noqa: BLE001 - afraid of the reader's bug: it must not cost the socket that brought this
            self._on_fault(f"report of {type(evidence[0]).__name__}", error)
