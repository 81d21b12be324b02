"""The outside as it is: beside the loop's time and tasks, the REST pool and the links of one account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.edge.link import Link
from daemon.edge.loop import LoopTime
from daemon.edge.net import Egress, tls_context
from daemon.edge.rest import RestPool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.edge import outside
    from daemon.edge.clock import Clock
    from daemon.edge.settings import GatewaySettings, Waits
    from protocols.session import Event, Session


class DialedLink(Link):
    """A link that knows its way out."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        venue_now: Callable[[], int],
        report: Callable[[outside.Link, Sequence[Event]], None],
        waits: Waits,
        egress: Egress,
    ) -> None:
        super().__init__(session, clock, venue_now, lambda _, events: report(self, events), waits)
        self._egress = egress

    async def open(self, url: str) -> None:
        """Connect and shake hands; see `Link.dial`."""
        await self.dial(url, self._egress)


class LoopOutside(LoopTime):
    """What `daemon.edge.outside.Outside` says. Raises `OSError` for an unreadable ``ca_file``."""

    def __init__(self, account: GatewaySettings, clock: Clock) -> None:
        super().__init__()
        self._settings = account
        self._clock = clock
        self._egress = Egress(tls_context(account.ca_file), account.proxy, account.source_address)

    def pool(self) -> RestPool:
        """Make the way by REST."""
        return RestPool(self._settings.endpoints.rest, self._egress, self._settings.waits)

    def link(
        self, session: Session, venue_now: Callable[[], int], report: Callable[[outside.Link, Sequence[Event]], None]
    ) -> DialedLink:
        """Make a link that is not open yet."""
        return DialedLink(session, self._clock, venue_now, report, self._settings.waits, self._egress)
