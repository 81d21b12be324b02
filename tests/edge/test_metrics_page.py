"""The metrics page's door: what it answers, and that nobody who knocks wrongly, slowly or too often harms anything."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

import pytest
from prometheus_client.core import GaugeMetricFamily
from structlog.testing import capture_logs

from daemon.config.model import Address
from daemon.edge import metrics_page
from daemon.edge.metrics_page import CONNECTIONS_MAX, REQUEST_BYTES_MAX, MetricsPage
from tests.scraping import Page, fetch, free_port, scrape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from daemon.edge.metrics import Collector

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


class Counting:
    """A collector of one metric: how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.fault: Exception | None = None

    def look(self) -> Iterator[int]:
        self.asked += 1
        yield from (1, 2)

    def families(self, seen: Iterable[int]) -> Iterator[GaugeMetricFamily]:
        if self.fault is not None:
            raise self.fault
        yield GaugeMetricFamily("looked_at", "How many.", len(list(seen)))
        yield GaugeMetricFamily("asked", "How often.", self.asked)


@contextlib.asynccontextmanager
async def serving(collector: Counting, port: int) -> AsyncIterator[MetricsPage]:
    page = MetricsPage(Address("127.0.0.1", port), cast("Collector", cast("Any", collector)))
    task = asyncio.create_task(page.run())
    try:
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            await asyncio.sleep(0)
        yield page
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_scrape_gets_the_page() -> None:
    async with serving(Counting(), port := free_port()):
        page = await scrape(port)
        assert page.value("looked_at") == 2
        head, body = await fetch(port, b"HEAD /metrics HTTP/1.1\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4")
        assert body == b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /secrets HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\x16\x03\x01\r\n\r\n", b"405"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * REQUEST_BYTES_MAX, b"431"),
    ],
)
async def test_another_request_gets_its_error(request_: bytes, status: bytes) -> None:
    async with serving(Counting(), port := free_port()):
        head, body = await fetch(port, request_)
        assert head.split()[1] == status
        assert body == b""


async def test_those_who_ask_at_once_share_one_page() -> None:
    collector = Counting()
    async with serving(collector, port := free_port()):
        pages = await asyncio.gather(*(scrape(port) for _ in range(CONNECTIONS_MAX)))
        assert {page.value("asked") for page in pages} == {1}
        assert collector.asked == 1


async def test_an_older_page_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_page, "PAGE_AGE_S", -1.0)
    async with serving(Counting(), port := free_port()):
        assert [(await scrape(port)).value("asked") for _ in range(3)] == [1, 2, 3]


async def test_one_connection_too_many_is_cut_and_leaves_room_again() -> None:
    async with serving(Counting(), port := free_port()):
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_MAX)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        for _, one in [*idle, (reader, writer)]:
            one.transport.abort()
        while True:
            with contextlib.suppress(ConnectionError, AssertionError):
                assert (await scrape(port)).value("looked_at") == 2
                break


async def test_who_says_nothing_is_cut_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_page, "EXCHANGE_S", 0.01)
    async with serving(Counting(), port := free_port()):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /met")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_a_fault_in_a_metric_ends_that_exchange_alone() -> None:
    collector = Counting()
    async with serving(collector, port := free_port()):
        collector.fault = RuntimeError("a bug")
        head, _ = await fetch(port)
        assert head.split()[1] == b"500"
        collector.fault = None
        assert (await scrape(port)).value("looked_at") == 2


async def test_a_port_that_is_taken_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_page, "RETRY_S", 0.01)
    port = free_port()
    other = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    collector = Counting()
    page = MetricsPage(Address("127.0.0.1", port), cast("Collector", cast("Any", collector)))
    with capture_logs() as said:
        task = asyncio.create_task(page.run())
        while not said:
            await asyncio.sleep(0)
        assert [line["event"] for line in said] == ["metrics_not_served"]
        other.close()
        while said[-1]["event"] != "metrics_served":
            await asyncio.sleep(0)
    found: Page = await scrape(port)
    assert found.value("looked_at") == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
