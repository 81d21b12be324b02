"""Ten clients share a daemon, of which four are as nobody wants them (`bad_clients`).

The other six get what they get without those four: the same outcomes, each with the venue's truth behind it, after at
most twice the time. Time is compared, not measured: the four are stopped and let go in turns, so that whatever else the
machine does falls on both sides alike, and they run at the lowest priority, so that it is the daemon that is shared
and not the processor. One odd turn does not decide: the median of several does, and the best of three attempts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.scraping import free_port, scrape_until
from tests.system.bad_clients import CONNECTS
from tests.system.rig import ROOT, WAIT_S, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.system.rig import Client, World

GOOD = 6
ORDERS = 18
"""Of each of the six; every sixth trades before it is canceled."""
TURNS = 5
ATTEMPTS = 3
LEAST_PRIORITY = 19


class BadOnes:
    """The process of the four."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.done: dict[str, int] = {}

    async def have(self, **least: int) -> None:
        """Wait until they have done so much."""
        assert self._process.stdout is not None
        async with asyncio.timeout(2 * WAIT_S):
            while any(self.done.get(what, 0) < count for what, count in least.items()):
                self.done = json.loads(await self._process.stdout.readline())

    def let_others_first(self) -> None:
        """Leave the processor to whoever else wants it."""
        os.setpriority(os.PRIO_PROCESS, self._process.pid, LEAST_PRIORITY)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Keep them from running."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    async def go_on(self) -> None:
        """Wait until the flood is on its way again."""
        await self.have(floods=self.done["floods"] + 1)


@contextlib.asynccontextmanager
async def four_bad_ones(path: Path) -> AsyncIterator[BadOnes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.system.bad_clients", str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield BadOnes(process)
    finally:
        process.terminate()
        await process.communicate()


async def six_at_work(
    it: World, clients: list[Client], life: str, count: int = ORDERS
) -> tuple[Counter[str], list[int]]:
    """Let each of the six cancel ``count`` orders, three at a time; give the outcomes, and how long each took (us)."""
    outcomes: Counter[str] = Counter()
    took: list[int] = []

    async def work(number: int, client: Client) -> None:
        orders = await it.rest(count)
        for order_id in orders[::6]:
            await it.door.fill(order_id)
        for start in range(0, count, 3):
            names = [f"{life}-{number}-{start + n}" for n in range(3)]
            batch = orders[start : start + 3]
            results: list[dict[str, Any]] = await asyncio.gather(
                *(it.canceled(client, order_id, request_id=name) for order_id, name in zip(batch, names, strict=True))
            )
            for order_id, result in zip(batch, results, strict=True):
                assert it.truth_of(order_id) == (result["outcome"], result["cum_qty"])
                outcomes[result["outcome"]] += 1
                took.append(result["times"]["reported"] - result["times"]["received"])

    await asyncio.gather(*(work(number, client) for number, client in enumerate(clients)))
    return outcomes, took


async def test_six_clients_get_the_same_outcomes_beside_four_bad_ones(tmp_path: Path) -> None:
    port = free_port()
    async with world(tmp_path, extra=f'metrics = "127.0.0.1:{port}"') as it:
        await it.started()
        clients = [await it.client() for _ in range(GOOD)]
        alone, _ = await six_at_work(it, clients, "alone")
        async with four_bad_ones(it.daemon.socket) as bad:
            await bad.have(floods=1, flood_read=1, never_read=1, half_lines=1, connects=1)
            beside, _ = await six_at_work(it, clients, "beside")
            await bad.have(connects=CONNECTS, half_lines=6)

        assert alone == {"canceled": GOOD * ORDERS * 5 // 6, "filled": GOOD * ORDERS // 6}
        assert beside == alone
        assert [client.notified for client in clients] == [[]] * GOOD

        # it is well, and says what it saw: of the last who connected, too, when it has taken them
        page = await scrape_until(port, lambda page: page.value("canceld_connections_total") >= CONNECTS)
        assert page.value("canceld_refusals_total", reason="unknown_account") > 0
        assert page.value("canceld_refusals_total", reason="line_too_long") > 0
        assert page.value("canceld_refusals_total", reason="parse_error") > 0
        assert page.value("canceld_internal_errors_total") == 0
        newcomer = await it.client()
        (order_id,) = await it.rest(1)
        assert (await it.canceled(newcomer, order_id))["outcome"] == "canceled"


async def test_six_clients_wait_at_most_twice_as_long_beside_four_bad_ones(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.started()
        clients = [await it.client() for _ in range(GOOD)]
        async with four_bad_ones(it.daemon.socket) as bad:
            bad.let_others_first()
            await bad.have(floods=1, flood_read=1, never_read=1, half_lines=1, connects=1)
            ratios = []
            for attempt in range(ATTEMPTS):
                ratios.append(await longer_beside(it, clients, bad, f"{attempt}"))
                if ratios[-1] <= 2:
                    break
    print(f"beside the four, a cancel takes {ratios} times as long")
    assert min(ratios) <= 2


async def longer_beside(it: World, clients: list[Client], bad: BadOnes, name: str) -> float:
    """Let the six work beside the four and without them in turns; give how many times longer a cancel takes beside."""
    ratios = []
    for turn in range(TURNS):
        with bad.stopped():
            _, alone = await six_at_work(it, clients, f"alone-{name}-{turn}", count=6)
        await bad.go_on()
        _, beside = await six_at_work(it, clients, f"beside-{name}-{turn}", count=6)
        ratios.append(median(beside) / median(alone))
    return median(ratios)
