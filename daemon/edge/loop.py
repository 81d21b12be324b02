"""The outside as it is: the running event loop's time and tasks, the REST pool and the links of one account."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, TypeVar

from daemon.edge.link import Link
from daemon.edge.net import Egress, tls_context
from daemon.edge.rest import RestPool

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from daemon.edge import outside
    from daemon.edge.clock import Clock
    from daemon.edge.settings import GatewaySettings, Waits
    from protocols.session import Event, Session

T = TypeVar("T")


class LoopBell:
    """An event of the loop, as a `daemon.edge.outside.Bell`."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake those who wait."""
        self._event.set()

    def clear(self) -> None:
        """Forget that it was rung."""
        self._event.clear()

    async def wait(self, limit_s: float | None = None) -> bool:
        """Wait until it is rung, at most so long; say whether it was."""
        try:
            async with asyncio.timeout(limit_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


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


class LoopTime:
    """What `daemon.edge.outside.Time` says, on the running loop."""

    def bell(self) -> LoopBell:
        """Make a bell."""
        return LoopBell()

    def group(self) -> asyncio.TaskGroup:
        """Make a group of tasks."""
        return asyncio.TaskGroup()

    def spawn(self, coroutine: Coroutine[object, object, T]) -> asyncio.Task[T]:
        """Set a coroutine running that the caller keeps hold of."""
        return asyncio.get_running_loop().create_task(coroutine)

    def soon(self, call: Callable[[], object]) -> None:
        """Have something called after what is running now."""
        asyncio.get_running_loop().call_soon(call)

    def later(self, seconds: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Have something called in a while."""
        return asyncio.get_running_loop().call_later(seconds, call)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def draw(self) -> float:
        """Draw a number from 0 up to 1, for jitter."""
        return random.random()  # noqa: S311 - jitter keeps no secret


class LoopOutside(LoopTime):
    """What `daemon.edge.outside.Outside` says. Raises `OSError` for an unreadable ``ca_file``."""

    def __init__(self, account: GatewaySettings, clock: Clock) -> None:
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
