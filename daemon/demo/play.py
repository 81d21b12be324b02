"""What happens in a demonstration: orders rest, each is canceled through the Unix socket, some trade meanwhile.

The seed decides the orders, which of them are named by client id, which trade in part beforehand and which trade away
while the cancels are under way. What the daemon says is gathered as any client would: results, and corrections.
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
"""Of the orders, how many trade away while the cancels go out."""
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
        self.first: list[str] = []
        self.latest: Result | None = None

    def said(self) -> Said | None:
        """Sum it up; None if nothing was said."""
        if self.latest is None:
            return None
        raw = self.latest.raw
        times, evidence = raw["times"], raw["evidence"]
        if not isinstance(times, dict) or not isinstance(evidence, dict):
            return None
        cum_qty = None if self.latest.cum_qty is None else str(self.latest.cum_qty)
        took_us = (times["reported"] or 0) - times["received"]
        return Said(
            tuple(self.first), self.latest.outcome, cum_qty, self.latest.cum_qty_final, str(evidence["source"]), took_us
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
            await asyncio.gather(self._cancel_all(resting), self._race(resting))
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

    async def _race(self, resting: list[Resting]) -> None:
        """Let some orders trade away while their cancels are on the way."""
        for order in self._draw.sample(resting, k=int(len(resting) * RACE_SHARE)):
            await self._door.fill(order.order_id)

    async def _cancel_all(self, resting: list[Resting]) -> None:
        gate = asyncio.Semaphore(self._plan.at_once)

        async def cancel(number: int, order: Resting) -> None:
            async with gate:
                await self._cancel(f"{self.venue}-{number:05}", order)

        # The first orders race with the trades; what trades first is not known beforehand, and that is the point.
        await asyncio.gather(*(cancel(number, order) for number, order in enumerate(resting)))

    async def _cancel(self, request_id: str, order: Resting) -> None:
        told = self._told.setdefault(request_id, Told())
        try:
            result = await self._client.cancel(
                self._account, order.instrument, request_id=request_id, timeout=ANSWER_S, **_wish(order)
            )
        except ClientError as error:
            self.troubles.append(str(error))
            return
        told.first.append(result.outcome)
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
