"""Scraping a daemon as Prometheus does: over TCP, and read by prometheus_client's own parser."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.system.rig import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Sample

PORT_MIN = 10_000
"""Below lie ports of well-known services."""


def free_port() -> int:
    """Give a port that nobody has just now, and that the system gives to nobody who takes any: it lies below those."""
    first_of_any = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    draw = random.SystemRandom()  # the common one draws the same in each process of a run
    while True:
        number = draw.randrange(PORT_MIN, first_of_any)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", number))
            return number


async def fetch(port: int, request: bytes = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") -> tuple[bytes, bytes]:
    """Ask, and give the head and the body of what came until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(WAIT_S):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


class Page:
    """A page, read."""

    def __init__(self, text: str) -> None:
        self.families: dict[str, Metric] = {family.name: family for family in text_string_to_metric_families(text)}

    def value(self, sample: str, **labels: str) -> float:
        """Give the one sample of a name that has these labels."""
        (found,) = self._of(sample, labels)
        return found

    def total(self, sample: str, **labels: str) -> float:
        """Add up the samples of a name that have these labels."""
        return sum(self._of(sample, labels))

    def names(self) -> set[str]:
        """Give the names of all samples, and of histograms that of the whole."""
        return {each.name for each in self._samples()} | set(self.families)

    def _of(self, name: str, labels: dict[str, str]) -> list[float]:
        return [
            float(each.value) for each in self._samples() if each.name == name and labels.items() <= each.labels.items()
        ]

    def _samples(self) -> list[Sample]:
        return [sample for family in self.families.values() for sample in family.samples]


async def scrape_until(port: int, holds: Callable[[Page], object]) -> Page:
    """Scrape until something holds of the page: it tells what was so up to half a second ago."""
    async with asyncio.timeout(WAIT_S):
        while not holds(page := await scrape(port)):
            await asyncio.sleep(0.05)
    return page


async def scrape(port: int) -> Page:
    """Fetch the page and read it; the daemon may be coming up."""
    async with asyncio.timeout(WAIT_S):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                head, body = await fetch(port)
                break
            await asyncio.sleep(0.01)
    assert head.startswith(b"HTTP/1.1 200 "), head
    return Page(body.decode())
