"""What happens in a demonstration: orders rest, each is canceled through the Unix socket, some trade meanwhile.

Cancels begin at the pace of the venue's plan, so what is shown is how long a cancel takes, not how long a queue is. The
seed decides the orders, which of them are named by client id, which trade in part beforehand and which trade away in a
race with their own cancel. What the daemon says is gathered as any client would: results, and corrections.
"""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.client import ClientError, Result, Wish
from daemon.client_async import AsyncClient
from daemon.demo.door import Door
from daemon.demo.score import Judged, Said, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.demo.host import Host
    from daemon.sim.demo_plan import DemoPlan

PARTIAL_SHARE: Final = 0.10
RACE_SHARE: Final = 0.12
"""Of the orders, how many trade away while their own cancel goes out."""
RACE_START_S: Final = 0.003
"""At most so long before or after its cancel such a trade begins: about what either takes to reach the venue."""
ALIAS_SHARE: Final = 0.25
"""Of the orders, how many carry a client id and are canceled by it."""
PLACE_AT_ONCE: Final = 100
READY_S: Final = 60.0
ANSWER_S: Final = 45.0
"""Well past the daemon's horizon: an outcome that has not come by then will not come."""
SETTLE_S: Final = 1.0
"""How long corrections may still come after the last outcome."""


class Resting(msgspec.Struct, frozen=True):
    """An order that rests, and how the demonstration will name it."""

    order_id: str
    instrument: str
    product: str | None
    client_order_id: str | None
    qty: str


class Told:
    """All that was said of one request."""

    def __init__(self) -> None:
        self.first: list[Result] = []
        self.latest: Result | None = None

    def said(self) -> Said | None:
        """Sum it up; None if nothing was said. How long it took, and what proved it, are the first outcome's."""
        if self.latest is None or not self.first:
            return None
        times, evidence = self.first[0].raw["times"], self.first[0].raw["evidence"]
        if not isinstance(times, dict) or not isinstance(evidence, dict):
            return None
        return Said(
            first=tuple(result.outcome for result in self.first),
            outcome=self.latest.outcome,
            cum_qty=None if self.latest.cum_qty is None else str(self.latest.cum_qty),
            cum_qty_final=self.latest.cum_qty_final,
            source=str(evidence["source"]),
            us=(times["reported"] or 0) - times["received"],
        )


class VenuePlay:
    """One venue's part. ``on_outcome`` is called for each outcome as it is told."""

    def __init__(
        self, host: Host, venue: str, plan: DemoPlan, orders: int, seed: int, on_outcome: Callable[[str, str], None]
    ) -> None:
        self.venue = venue
        self.breaches: dict[str, int] = {}
        self.faults: dict[str, int] = {}
        self.troubles: list[str] = []
        self._account = host.account_of(venue)
        self._door = Door(host.urls[venue])
        self._client = AsyncClient(host.socket, name="demo")
        self._plan = plan
        self._pace_s = 1 / (plan.per_second * (plan.share_with_faults if host.misbehaves(venue) else 1))
        self._count = orders
        self._draw = random.Random(f"{seed}/{venue}")
        self._on_outcome = on_outcome
        self._told: dict[str, Told] = {}

    async def perform(self) -> list[Judged]:
        """Play it, and hold everything that was said against the venue's books."""
        try:
            await self._wait_until_ready()
            resting = await self._place()
            await self._trade_in_part(resting)
            hearing = asyncio.create_task(self._hear_corrections())
            await self._cancel_all(resting)
            await asyncio.sleep(SETTLE_S)
            hearing.cancel()
            return await self._judge(resting)
        finally:
            await self._client.close()
            await self._door.close()

    async def _wait_until_ready(self) -> None:
        async with asyncio.timeout(READY_S):
            while True:
                accounts = (await self._client.status())["accounts"]
                state = accounts[self._account] if isinstance(accounts, dict) else {}
                if state["cancel_ready"] and state["drop_copy"] == "live":
                    return
                await asyncio.sleep(0.05)

    async def _place(self) -> list[Resting]:
        wanted: list[dict[str, str]] = []
        for number in range(self._count):
            placing = self._plan.placings[number % len(self._plan.placings)]
            order = {
                "instrument": placing.instrument,
                "side": self._draw.choice(("buy", "sell")),
                "price": placing.price,
                "qty": placing.qty,
            }
            if placing.product is not None:
                order["product"] = placing.product
            if self._draw.random() < ALIAS_SHARE:
                order["client_order_id"] = f"{self._draw.randrange(10**9, 10**10)}{number}"  # digits suit every venue
            wanted.append(order)
        ids: list[str] = []
        for start in range(0, len(wanted), PLACE_AT_ONCE):
            ids += await self._door.place(wanted[start : start + PLACE_AT_ONCE])
        return [
            Resting(order_id, order["instrument"], order.get("product"), order.get("client_order_id"), order["qty"])
            for order_id, order in zip(ids, wanted, strict=True)
        ]

    async def _trade_in_part(self, resting: list[Resting]) -> None:
        for order in resting:
            if self._draw.random() < PARTIAL_SHARE:
                await self._door.fill(order.order_id, str(Decimal(order.qty) / 4))

    async def _cancel_all(self, resting: list[Resting]) -> None:
        """Begin the cancels at the venue's pace, and wait for every outcome."""
        racing = set(self._draw.sample(range(len(resting)), k=int(len(resting) * RACE_SHARE)))
        heads = {number: self._draw.uniform(-RACE_START_S, RACE_START_S) for number in sorted(racing)}
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        async with asyncio.TaskGroup() as group:
            for number, order in enumerate(resting):
                await asyncio.sleep(started_s + number * self._pace_s - loop.time())
                if number in heads:
                    group.create_task(self._trade_away(order, heads[number]))
                group.create_task(self._cancel(f"{self.venue}-{number:05}", order, -heads.get(number, 0.0)))

    async def _trade_away(self, order: Resting, later_s: float) -> None:
        """Let an order trade; which is first, this or its cancel, is not known beforehand, and that is the point."""
        await asyncio.sleep(later_s)
        await self._door.fill(order.order_id)

    async def _cancel(self, request_id: str, order: Resting, later_s: float) -> None:
        await asyncio.sleep(later_s)
        told = self._told.setdefault(request_id, Told())
        try:
            result = await self._client.cancel(
                self._account, order.instrument, request_id=request_id, timeout=ANSWER_S, **_wish(order)
            )
        except ClientError as error:
            self.troubles.append(str(error))
            return
        told.first.append(result)
        told.latest = result.latest or result
        self._on_outcome(self.venue, result.outcome)

    async def _hear_corrections(self) -> None:
        async for notification in self._client.notifications():
            if notification.method == "correction":
                name = str(notification.params.get("request_id"))
                if name in self._told:
                    self._told[name].latest = Result.of(notification.params)

    async def _judge(self, resting: list[Resting]) -> list[Judged]:
        truths, stats = await self._door.truths(), await self._door.stats()
        self.breaches, self.faults = stats.breaches, stats.faults
        judged = []
        for number, order in enumerate(resting):
            told = self._told.get(f"{self.venue}-{number:05}")
            said = told.said() if told is not None else None
            judged.append(judge(truths[order.order_id], said, stats.cancels.get(order.order_id, 0)))
        return judged


def _wish(order: Resting) -> Wish:
    wish: Wish = {} if order.product is None else {"product": order.product}
    if order.client_order_id is not None:
        wish["client_order_id"] = order.client_order_id
    else:
        wish["order_id"] = order.order_id
    return wish
