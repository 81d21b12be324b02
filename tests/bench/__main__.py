"""`make bench`: the round trip of a confirmed cancel, one after the other, and where its time goes.

A simulated OKX without added delay and a daemon run as processes of their own; one client cancels resting orders one by
one, over enough instruments that no published limit binds. Medians over the rounds are printed, and the whole goes to
``.bench/latest.json`` with the machine and the versions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

from daemon.client_async import AsyncClient
from daemon.demo.door import Door
from daemon.demo.host import Host
from daemon.sim.registry import DEMOS

VENUE = "okx"
STAGES = ("forwarded", "recorded", "acked", "evidence", "reported")
PLACED_AT_ONCE = 100
READY_S = 20.0
Figures = dict[str, float]


async def rest(door: Door, count: int) -> list[tuple[str, str]]:
    """Let orders rest, spread over the instruments that go by WebSocket; gives ids with their instruments."""
    placings = [placing for placing in DEMOS[VENUE].placings if placing.instrument != "ODD-USDT"]
    orders = [
        {"instrument": placing.instrument, "side": "buy", "price": placing.price, "qty": placing.qty}
        for placing in (placings[n % len(placings)] for n in range(count))
    ]
    ids: list[str] = []
    for start in range(0, count, PLACED_AT_ONCE):
        ids += await door.place(orders[start : start + PLACED_AT_ONCE])
    return [(order_id, order["instrument"]) for order_id, order in zip(ids, orders, strict=True)]


async def round_of(client: AsyncClient, account: str, orders: list[tuple[str, str]]) -> Figures:
    """Cancel orders one by one; gives percentiles in microseconds, for the whole and by stage."""
    whole: list[float] = []
    stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for order_id, instrument in orders:
        began = time.perf_counter_ns()
        result = await client.cancel(account, instrument, order_id=order_id)
        whole.append((time.perf_counter_ns() - began) / 1000)
        times = result.raw["times"]
        if not isinstance(times, dict) or result.outcome != "canceled":
            raise SystemExit(f"a cancel did not end canceled: {result.raw}")
        for stage in STAGES:
            if times[stage] is not None:
                stages[stage].append(times[stage] - times["received"])
    figures = {"p50_us": quantile(whole, 0.5), "p99_us": quantile(whole, 0.99), "n": float(len(whole))}
    return figures | {f"{stage}_p50_us": quantile(found, 0.5) for stage, found in stages.items() if found}


def quantile(values: list[float], share: float) -> float:
    """Give the value below which ``share`` of all lie."""
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 1)


async def measure(rounds: int, orders: int) -> dict[str, Figures]:
    """Run the rounds; gives the median of each figure and its spread over the rounds."""
    async with Host((VENUE,), 1, {}) as host:
        door, client = Door(host.urls[VENUE]), AsyncClient(host.socket, name="bench")
        account = host.account_of(VENUE)
        async with asyncio.timeout(READY_S):
            while (await client.status())["accounts"][account]["drop_copy"] != "live":  # type: ignore[index] # JSON
                await asyncio.sleep(0.05)
        found = [await round_of(client, account, await rest(door, orders)) for _ in range(rounds)]
        breaches = (await door.stats()).breaches
        await client.close()
        await door.close()
    if breaches:
        raise SystemExit(f"the venue's limits bound, so the figures say nothing: {breaches}")
    return {
        name: {"median": statistics.median(values), "least": min(values), "most": max(values)}
        for name in found[0]
        if (values := [figures[name] for figures in found])
    }


def main() -> None:
    """Measure, print a table, keep the figures."""
    parser = argparse.ArgumentParser(prog="make bench", description="time confirmed cancels")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=500, help="cancels a round")
    options = parser.parse_args()
    serial = asyncio.run(measure(options.rounds, options.orders))
    print(f"serial confirmed cancel, {options.rounds} rounds of {options.orders}")
    for name, figure in serial.items():
        print(
            f"  {name:>18}  median {figure['median']:>9.1f}  least {figure['least']:>9.1f}  most {figure['most']:>9.1f}"
        )
    folder = Path(".bench")
    folder.mkdir(exist_ok=True)
    versions = {name: version(name) for name in ("uvloop", "websockets", "orjson", "msgspec", "aiohttp")}
    machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
    document = {"machine": machine, "versions": versions, "serial": {"daemon": serial}}
    (folder / "latest.json").write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
