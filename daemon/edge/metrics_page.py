"""Serves the metrics page on loopback: one GET, one page, bounded in every way, and never at the cost of a cancel.

The page is made on the event loop, since what it reads is the loop's own, but in small turns: other work comes first
after each account and each metric. A page serves everybody who asks within `PAGE_AGE_S`, so that a scraper gone wrong
costs little. Whoever is slow, loud or too many is cut off. An address that cannot be had is tried again: a port that
somebody else holds must not keep cancels from being sent.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import structlog
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from daemon.config.model import Address
    from daemon.edge.metrics import Collector

CONNECTIONS_MAX: Final = 16
"""Scrapers and curious people; the descriptors belong to clients and venues."""
REQUEST_BYTES_MAX: Final = 8192
EXCHANGE_S: Final = 5.0
"""From the connect to the last byte of the page."""
PAGE_AGE_S: Final = 0.5
RETRY_S: Final = 5.0
BACKLOG: Final = 16
PATHS: Final = frozenset({b"/metrics", b"/"})
HEAD: Final = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class MetricsPage:
    """The page at ``address``. Run `run` as a task; its cancellation closes it."""

    def __init__(self, address: Address, collector: Collector) -> None:
        self._address = address
        self._collector = collector
        self._open: set[_Exchange] = set()
        self._making: asyncio.Task[bytes] | None = None
        self._made: bytes = b""
        self._made_s = float("-inf")

    async def run(self) -> None:
        """Serve for ever."""
        server = await self._listen()
        log.info("metrics_served", address=str(self._address))
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            if self._making is not None:
                self._making.cancel()
            for exchange in tuple(self._open):
                exchange.abort()

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        was_told = False
        while True:
            try:
                return await loop.create_server(
                    lambda: _Exchange(self), self._address.host, self._address.port, backlog=BACKLOG
                )
            except OSError as error:  # somebody else's port
                if not was_told:
                    log.warning("metrics_not_served", address=str(self._address), detail=error.strerror or str(error))
                was_told = True
            await asyncio.sleep(RETRY_S)

    async def page(self) -> bytes:
        """Give the page, not older than `PAGE_AGE_S`. All who wait share one."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._made_s <= PAGE_AGE_S:
            return self._made
        if self._making is None:
            self._making = loop.create_task(self._make())
        return await asyncio.shield(self._making)

    async def _make(self) -> bytes:
        try:
            seen = []
            for account in self._collector.look():
                seen.append(account)
                await asyncio.sleep(0)
            parts = []
            for family in self._collector.families(seen):
                parts.append(generate_latest(_Only(family)))
                await asyncio.sleep(0)
            self._made = b"".join(parts)
            self._made_s = asyncio.get_running_loop().time()
            return self._made
        finally:
            self._making = None

    # ------------------------------------------------------------ for its exchanges

    def enter(self, exchange: _Exchange) -> bool:
        """Take a connection in, or say that there are too many."""
        if len(self._open) >= CONNECTIONS_MAX:
            return False
        self._open.add(exchange)
        return True

    def leave(self, exchange: _Exchange) -> None:
        """Forget a connection."""
        self._open.discard(exchange)


@dataclass(frozen=True, slots=True)
class _Only:
    """A registry of one metric, so that the loop has its turn between two."""

    family: Metric

    def collect(self) -> Iterator[Metric]:
        yield self.family


class _Exchange(asyncio.Protocol):
    """One connection: one request, one answer, the end."""

    _transport: asyncio.Transport
    _deadline: asyncio.TimerHandle

    def __init__(self, page: MetricsPage) -> None:
        self._page = page
        self._asked = bytearray()
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give it its time."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by class
        self._deadline = asyncio.get_running_loop().call_later(EXCHANGE_S, self.abort)
        if not self._page.enter(self):
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Read up to the empty line that ends a request."""
        if self._answering is not None:
            return
        self._asked += data
        if b"\r\n\r\n" in self._asked:
            self._answering = asyncio.get_running_loop().create_task(self._answer(bytes(self._asked)))
        elif len(self._asked) > REQUEST_BYTES_MAX:
            self._say(b"431 Request Header Fields Too Large", b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._deadline.cancel()
        self._page.leave(self)
        if self._answering is not None:
            self._answering.cancel()

    def abort(self) -> None:
        """Cut it."""
        self._transport.abort()

    async def _answer(self, asked: bytes) -> None:
        method, _, rest = asked.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in {b"GET", b"HEAD"}:
            self._say(b"405 Method Not Allowed", b"")
        elif path not in PATHS:
            self._say(b"404 Not Found", b"")
        else:
            try:
                page = await self._page.page()
            except Exception:
                log.exception("metrics_page_failed")
                self._say(b"500 Internal Server Error", b"")
            else:
                self._say(b"200 OK", page, is_head=method == b"HEAD")

    def _say(self, status: bytes, body: bytes, *, is_head: bool = False) -> None:
        if self._transport.is_closing():
            return
        head = HEAD % (status, CONTENT_TYPE_PLAIN_0_0_4.encode(), len(body))
        self._transport.write(head if is_head else head + body)
        self._transport.close()
