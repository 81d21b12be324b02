"""Flatten: everything that rests is canceled by one bulk cancel, at each simulated venue with its limits enforced.

Gives ``{venue: {"one": {"orders", "s", "optimum_s", "naive_s", "breaches"}, "many": {…}}, "lone": {…}}``. ``one`` is
as many orders as the venue lets rest in one instrument, at most 1,000; ``many`` as many over up to 20. ``s`` is from
the call to the last proven outcome, as the client hears it. ``optimum_s`` is the soonest that the published limits
allow (`tests.bench.schedule`), ``breaches`` what the venue counted over the round. ``naive_s`` is a loop that cancels
one order after the other at the venue, without a daemon, a twentieth slower than the limit, measured on the first of
them and carried on to all.

``lone`` is a single cancel in another instrument, again and again, at rest and while 1,000 orders of OKX are canceled:
``{"idle_p50_ms", "idle_p99_ms", "during_p50_ms", "during_p99_ms", "n", "rounds"}``. One flatten lasts for about 40 of
them, of which the slowest would be the p99, so both are measured by turns, ``rounds`` times, and pooled; ``n`` counts
those during the flattens. Here the venue is the benchmark's (`tests.bench.venue`): under the shell that users get it
answers a flatten's frames for so long that a lone cancel waits ten milliseconds for the venue itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp
import orjson

from daemon.demo.door import Door
from daemon.sim.registry import DEMOS
from protocols.asks import WireCancel
from protocols.dialect import Endpoints, Profile
from protocols.fix import OrderId, Road, SendId
from protocols.secret import Credentials, Secret
from protocols.venues.registry import dialect_for
from tests.bench.pinning import BESIDE, MEASURED
from tests.bench.processes import ACCOUNT, Stage, Venue, stop
from tests.bench.schedule import LIMITS, naive_s, optimum_s
from tests.system.rig import account_table, write_credentials

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from daemon.sim.demo_plan import Placing
    from tests.bench.plan import Plan

ORDERS_MAX: Final = 1_000
MANY: Final = 20
CAPS: Final = {"okx": 500, "okx_spread": 500, "bitget": 500, "bitget_uta": 500}
"""What rests in one instrument at most, where that is less."""
TOTALS: Final = {"okx_spread": 500}
LAG_MS: Final = 1_000
"""So long the daemon waits before it asks the venue at the end whether anything rests: after the last outcome."""
NAIVE: Final = 12
"""Orders that the naive loop really cancels."""
NAIVE_SLACK: Final = 1.05
LONE_EVERY_S: Final = 0.05
LONE_ROUNDS: Final = 5
LONE_PER_ROUND: Final = 42
"""Single cancels: as many at rest as a flatten leaves time for."""
WAIT_S: Final = 120.0
HEARD: Final = (b'{"jsonrpc":"2.0","method":"outcome"', b'{"jsonrpc":"2.0","method":"gap"')
KEYS: Final = Credentials(Secret("sim-key"), Secret("sim-secret"), Secret("sim-pass"))


def run(plan: Plan) -> Any:
    """Flatten each venue twice, then OKX with a lone cancel beside it."""
    del plan  # a flatten is as large as the venue allows
    return asyncio.run(_run())


async def _run() -> Any:
    found: dict[str, Any] = {}
    for venue in LIMITS:
        with Stage() as stage:
            async with Scene(stage, venue) as scene:
                found[venue] = {"one": await _round(scene, 1), "many": await _round(scene, MANY)}
    with Stage() as stage:
        lean = Venue(stage)
        async with Scene(stage, "okx", lean.url) as scene:
            found["lone"] = await _beside(scene)
    return found


class Scene:
    """A simulated venue, a daemon that is ready at it, and a client of the daemon. ``url`` is that of one that runs."""

    def __init__(self, stage: Stage, venue: str, url: str | None = None) -> None:
        self.venue = venue
        self._room = stage.room(venue)
        self._stage = stage
        self._url = url
        self._processes: list[subprocess.Popen[bytes]] = []

    async def __aenter__(self) -> Self:
        """Start all of it."""
        self.url = self._url or self._start_venue()
        write_credentials(self._room / "okx.toml")
        (self._room / "canceld.toml").write_text(
            '[daemon]\nsocket = "./canceld.sock"\njournal = "./journal.sqlite"\n'
            f"replica_lag_ms = {LAG_MS}\nsettle_ms = {2 * LAG_MS}\n"
            + account_table(ACCOUNT, self.url, venue=self.venue)
        )
        run = (sys.executable, "-m", "daemon.cli", "run", "--config", str(self._room / "canceld.toml"))
        self._processes.append(self._stage.spawn(self._room, *run, core=MEASURED))
        self.door = Door(self.url)
        self.client = await Client.connect(self._room / "canceld.sock")
        await self.until(lambda account: account["cancel_ready"] and account["drop_copy"] == "live")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop what it started."""
        await self.client.close()
        await self.door.close()
        for process in reversed(self._processes):
            stop(process)

    def _start_venue(self) -> str:
        arguments = ("-m", "daemon.cli", "sim", "--venue", self.venue, "--listen", "127.0.0.1:0")
        process = self._stage.spawn(self._room, sys.executable, *arguments, core=BESIDE, has_pipes=True)
        self._processes.append(process)
        assert process.stdout is not None
        url: str = orjson.loads(process.stdout.readline())["listening"]
        return url

    async def until(self, holds: Any) -> None:
        """Wait until something holds of the account's status."""
        async with asyncio.timeout(WAIT_S):
            while not holds((await self.client.call("status"))["accounts"][ACCOUNT]):
                await asyncio.sleep(0.02)

    async def rest(self, count: int, placings: list[Placing]) -> list[tuple[str, Placing]]:
        """Let orders rest, round robin, and wait until the daemon has heard of all of them."""
        placed: list[tuple[str, Placing]] = []
        for start in range(0, count, 100):
            some = [placings[number % len(placings)] for number in range(start, min(start + 100, count))]
            ids = await self.door.place([_order(placing) for placing in some])
            placed += zip(ids, some, strict=True)
        async with asyncio.timeout(WAIT_S):
            while await self.client.live() < count:
                await asyncio.sleep(0.1)
        return placed

    async def forget_the_last_window(self) -> None:
        """Wait until nothing that was sent so far counts against a limit."""
        await asyncio.sleep(LIMITS[self.venue].window_s * 1.2)

    async def breaches(self) -> int:
        """Count how often the venue saw one of its limits passed, so far."""
        return sum((await self.door.stats()).breaches.values())


async def _round(scene: Scene, instruments: int) -> dict[str, float]:
    placings = _placings(scene.venue, instruments)
    count = min(ORDERS_MAX, TOTALS.get(scene.venue, ORDERS_MAX), CAPS.get(scene.venue, ORDERS_MAX) * len(placings))
    each = await _naive(scene, placings)
    placed = await scene.rest(count, placings)
    await scene.forget_the_last_window()
    before = await scene.breaches()
    began = time.perf_counter()
    ended = await scene.client.flatten(count)
    breaches = await scene.breaches() - before
    resting: dict[str, int] = {}
    for _, placing in placed:
        resting[placing.instrument] = resting.get(placing.instrument, 0) + 1
    return {
        "orders": count,
        "s": round(ended - began, 3),
        "optimum_s": optimum_s(scene.venue, resting),
        "naive_s": round(naive_s(scene.venue, count, each), 1),
        "breaches": breaches,
    }


def _placings(venue: str, instruments: int) -> list[Placing]:
    """Name the instruments: of one product line, by the road that is taken first."""
    of_venue = [placing for placing in DEMOS[venue].placings if placing.instrument != "ODD-USDT"]
    return [placing for placing in of_venue if placing.product == of_venue[0].product][:instruments]


def _order(placing: Placing) -> dict[str, str]:
    order = {"instrument": placing.instrument, "side": "buy", "price": placing.price, "qty": placing.qty}
    return order if placing.product is None else order | {"product": placing.product}


async def _naive(scene: Scene, placings: list[Placing]) -> float:
    """Cancel some orders as a plain loop does, each after the answer to the last; gives seconds an order."""
    placed = await scene.rest(NAIVE, placings[:1])
    dialect = dialect_for(scene.venue, Profile(endpoints=Endpoints(scene.url, scene.url)))
    pause_s = LIMITS[scene.venue].window_s / LIMITS[scene.venue].singles * NAIVE_SLACK
    await scene.forget_the_last_window()
    before = await scene.breaches()
    began = time.perf_counter()
    async with aiohttp.ClientSession(scene.url) as http:
        for number, (order_id, placing) in enumerate(placed):
            wire = WireCancel(
                SendId(f"n{number}"), Road.REST, placing.product or "", placing.instrument, OrderId(order_id), None
            )
            signed = dialect.sign(dialect.cancel_call(wire), KEYS, time.time_ns() // 1000)
            due = began + number * pause_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            async with http.request(
                signed.method, signed.target, data=signed.body, headers=dict(signed.headers)
            ) as answer:
                await answer.read()
    seconds = time.perf_counter() - began
    if await scene.breaches() != before:
        raise SystemExit(f"{scene.venue}: the naive loop passed a limit, so that it says nothing")
    async with asyncio.timeout(WAIT_S):
        while await scene.client.live():
            await asyncio.sleep(0.05)
    return seconds / len(placed)


# ---------------------------------------------------------------- a lone cancel beside a flatten


async def _beside(scene: Scene) -> dict[str, float]:
    """Cancel single orders of one instrument at rest, then while two others are flattened, by turns; gives p50, p99."""
    *both, alone = _placings(scene.venue, 3)
    other = await Client.connect(scene.client.path)
    idle: list[float] = []
    during: list[float] = []
    try:
        for turn in range(LONE_ROUNDS):
            await scene.forget_the_last_window()  # what a flatten leaves to be done is over by then, too
            idle += await _lone(scene, other, alone, asyncio.Event())
            await scene.rest(ORDERS_MAX, both)
            is_over = asyncio.Event()
            flattening = asyncio.create_task(_flatten_both(scene, both, f"both-{turn}", is_over))
            during += await _lone(scene, other, alone, is_over)
            await flattening
    finally:
        await other.close()
    return {
        "idle_p50_ms": _quantile(idle, 0.5),
        "idle_p99_ms": _quantile(idle, 0.99),
        "during_p50_ms": _quantile(during, 0.5),
        "during_p99_ms": _quantile(during, 0.99),
        "n": len(during),
        "rounds": LONE_ROUNDS,
    }


async def _flatten_both(scene: Scene, placings: list[Placing], name: str, is_over: asyncio.Event) -> None:
    calls = [
        scene.client.call("cancel_all", account=ACCOUNT, instrument=placing.instrument, request_id=f"{name}-{number}")
        for number, placing in enumerate(placings)
    ]
    await asyncio.gather(*calls)
    is_over.set()


async def _lone(scene: Scene, client: Client, placing: Placing, is_over: asyncio.Event) -> list[float]:
    """Cancel one order at a time, at a quiet pace, until enough were or it is over; gives milliseconds each."""
    times: list[float] = []
    while len(times) < LONE_PER_ROUND and not is_over.is_set():
        (order_id,) = await scene.door.place([_order(placing)])
        await asyncio.sleep(LONE_EVERY_S)
        began = time.perf_counter()
        await client.call("cancel", account=ACCOUNT, instrument=placing.instrument, order_id=order_id)
        times.append((time.perf_counter() - began) * 1000)
    return times


def _quantile(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 2)


class Client:
    """One connection to the daemon, which notes when each outcome of a bulk cancel is heard."""

    def __init__(self, path: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._last_heard = 0.0
        self._ids = 0
        self._pump = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Connect as soon as the daemon listens."""
        async with asyncio.timeout(WAIT_S):
            while True:
                with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                    return cls(path, *await asyncio.open_unix_connection(str(path), limit=1 << 22))
                await asyncio.sleep(0.02)

    async def call(self, method: str, **params: object) -> Any:
        """Call, and give the result; an error ends the run."""
        self._ids += 1
        self._replies[self._ids] = asyncio.get_running_loop().create_future()
        line = {"jsonrpc": "2.0", "id": self._ids, "method": method, "params": params}
        self._writer.write(orjson.dumps(line) + b"\n")
        async with asyncio.timeout(WAIT_S):
            reply = await self._replies[self._ids]
        if "error" in reply:
            raise SystemExit(f"{method}: {reply['error']}")
        return reply["result"]

    async def live(self) -> int:
        """Count the orders that the daemon knows as live."""
        page = await self.call("orders", account=ACCOUNT)
        count = len(page["orders"])
        while page["next"] is not None:
            page = await self.call("orders", account=ACCOUNT, after=page["next"])
            count += len(page["orders"])
        return count

    async def flatten(self, count: int) -> float:
        """Cancel everything, and give when the last of so many outcomes was heard.

        A client that reads too slowly hears of some by a ``gap`` alone, which counts like the outcomes in it.
        """
        result = await self.call("cancel_all", account=ACCOUNT)
        if not result["complete"] or result["counts"]["canceled"] != count:
            raise SystemExit(f"not all of {count} were canceled: {result['counts']}")
        return self._last_heard

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._pump

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await self._reader.readline():
                if line.startswith(HEARD):
                    self._last_heard = time.perf_counter()
                    continue
                message = orjson.loads(line)
                if "id" in message:
                    self._replies.pop(message["id"]).set_result(message)
