"""What stands beside a driver: the way to the venue and the local drop copy, in the words in which it uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.core.records import Previous, Report
    from daemon.edge.desk import OrderRow, SessionRow
    from protocols.asks import Question, WireCancel
    from protocols.evidence import Evidence
    from protocols.fix import Road
    from protocols.mass import Everything


class Gateway(Protocol):
    """The way to the venue, as the driver uses it."""

    @property
    def is_behind(self) -> bool:
        """Whether something came from the venue that is not read yet."""
        ...

    def send(self, wire: WireCancel) -> Sequence[Evidence]:
        """Put a wire cancel on its road. Gives what is known at once; what else becomes of it comes as evidence."""
        ...

    def send_batch(self, wires: tuple[WireCancel, ...], everything: Everything | None = None) -> Sequence[Evidence]:
        """Put several wire cancels on their one road together, as with `send`.

        With ``everything``, by the call that cancels all of that.
        """
        ...

    def ask(self, question: Question) -> None:
        """Put a question; its answer comes back as evidence."""
        ...

    def suspect(self, road: Road, why: str) -> None:
        """Probe a road."""
        ...


class Announcer(Protocol):
    """The local drop copy, as the driver uses it; see `daemon.edge.publisher.Publisher`."""

    @property
    def has_order_watchers(self) -> bool:
        """Whether anybody wants to hear of orders."""
        ...

    def expect(self, seq: int) -> None:
        """A word has this number and will come."""
        ...

    def publish(self, report: Report, previous: Previous | None) -> None:
        """A word may be told now."""
        ...

    def order(self, row: OrderRow) -> None:
        """An order changed."""
        ...

    def session(self, row: SessionRow) -> None:
        """A channel of an account came or went."""
        ...
