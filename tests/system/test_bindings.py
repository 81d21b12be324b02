"""Cancel on disconnect, on the real process: a client that dies has its bound orders proven closed, and only those."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from tests.system.rig import ROOT, WAIT_S, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, Message, World

SOON_MS = 200
LATER_MS = 60_000


class BoundClient:
    """The program of `tests.system.bound_client`, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, binding_id: str) -> None:
        self.process = process
        self.binding_id = binding_id

    @classmethod
    async def start(
        cls, it: World, scope: Message, grace_ms: int, heartbeat_ms: int | None = None, ping_s: float = 0
    ) -> BoundClient:
        bind = {"scope": {"account": "okx-main", **scope}, "grace_ms": grace_ms}
        if heartbeat_ms is not None:
            bind["heartbeat_ms"] = heartbeat_ms
        hello = json.dumps({"client": "mm", "version": "1", "bind": bind})
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.system.bound_client", str(it.daemon.socket), hello, str(ping_s),
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(WAIT_S):
            name = (await process.stdout.readline()).decode().strip()
        assert name
        return cls(process, name)

    async def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def say_goodbye(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        async with asyncio.timeout(WAIT_S):
            assert await self.process.stdout.readline() == b"bye\n"
            await self.process.wait()


async def rest(it: World, count: int, prefix: str) -> list[str]:
    """Let orders with client ids rest, over some instruments."""
    bases = ("BTC", "ETH", "SOL", "XRP", "ADA")
    return await it.door.place(
        [
            {
                "instrument": f"{bases[n % len(bases)]}-USDT", "side": "buy", "price": "0.1", "qty": "2",
                "client_order_id": f"{prefix}{n}",
            }
            for n in range(count)
        ]
    )  # fmt: skip


def named(it: World, order_ids: list[str]) -> Message:
    return {"orders": [{"instrument": it.instrument_of(order_id), "order_id": order_id} for order_id in order_ids]}


def states(it: World, order_ids: list[str]) -> set[str]:
    return {it.truth_of(order_id)[0] for order_id in order_ids}


async def bound(client: Client, count: int) -> list[Message]:
    """Wait until so many bindings stand; gives them."""
    async with asyncio.timeout(WAIT_S):
        while True:
            found: list[Message] = (await client.result("status"))["bindings"]
            if len(found) == count:
                return found
            await asyncio.sleep(0.01)


async def outcomes(client: Client, name: str, count: int) -> list[str]:
    """Wait until a bulk cancel's orders have their outcomes; gives them."""
    async with asyncio.timeout(WAIT_S):
        while True:
            found = (await client.result("history", request_id=name, limit=200))["requests"]
            if len(found) >= count:
                return [row["outcome"] for row in found]
            await asyncio.sleep(0.02)


async def has_fired(watcher: Client, client: BoundClient) -> str:
    """Wait until a subscriber to sessions hears that a client's binding has fired; gives what is said of it."""

    def is_it(note: Message) -> bool:
        told = note["params"]
        return (note["method"], told.get("state")) == ("session", "fired") and client.binding_id in told["detail"]

    return str((await watcher.notification(is_it))["params"]["detail"])


async def test_fifty_bound_orders_of_a_killed_client_are_proven_closed_and_no_other(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        watcher = await it.started()
        await watcher.result("subscribe", topics=["sessions", "outcomes"])
        mine, others = await rest(it, 50, "mine"), await rest(it, 20, "others")
        neighbour = await BoundClient.start(it, {"client_id_prefix": "others"}, SOON_MS)
        victim = await BoundClient.start(it, named(it, mine), SOON_MS)
        await bound(watcher, 2)
        await victim.kill()
        assert await outcomes(watcher, f"bind.{victim.binding_id}", 50) == ["canceled"] * 50
        assert (states(it, mine), states(it, others)) == ({"canceled"}, {"new"})
        assert "its connection is gone" in await has_fired(watcher, victim)
        told = await watcher.notification(lambda note: note["method"] == "outcome")
        assert told["params"]["request_id"].startswith(f"bind.{victim.binding_id}/")
        assert [seen["binding_id"] for seen in await bound(watcher, 1)] == [neighbour.binding_id]
        await neighbour.say_goodbye()
        await bound(watcher, 0)
        assert states(it, others) == {"new"}
        assert it.venue.floor.rates.breaches == {}


async def test_after_a_goodbye_nothing_is_canceled(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        watcher = await it.started()
        mine = await rest(it, 5, "mine")
        client = await BoundClient.start(it, {"client_id_prefix": "mine"}, 0)
        await bound(watcher, 1)
        await client.say_goodbye()
        await bound(watcher, 0)
        assert await it.daemon.stop() == 0
        await it.started()
        assert states(it, mine) == {"new"}
        assert [it.cancels_of(order) for order in mine] == [0] * 5


async def test_a_client_killed_while_the_daemon_is_down_is_missed_by_the_next_life(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        watcher = await it.started()
        mine, others = await rest(it, 50, "mine"), await rest(it, 10, "others")
        client = await BoundClient.start(it, {"client_id_prefix": "mine"}, SOON_MS)
        await bound(watcher, 1)
        await it.daemon.stop(signal.SIGKILL)
        await client.kill()
        watcher = await it.started()
        assert await outcomes(watcher, f"bind.{client.binding_id}", 50) == ["canceled"] * 50
        assert (states(it, mine), states(it, others)) == ({"canceled"}, {"new"})
        await bound(watcher, 0)


async def test_back_within_the_grace_nothing_is_canceled_over_a_restart_too(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        watcher = await it.started()
        mine = await rest(it, 5, "mine")
        client = await BoundClient.start(it, {"client_id_prefix": "mine"}, LATER_MS)
        await bound(watcher, 1)
        await client.kill()
        async with asyncio.timeout(WAIT_S):
            while (await bound(watcher, 1))[0]["state"] != "grace":
                await asyncio.sleep(0.01)
        await watcher.result("bind", binding_id=client.binding_id)
        assert (await bound(watcher, 1))[0]["state"] == "held"
        assert await it.daemon.stop() == 0
        watcher = await it.started()
        assert (await bound(watcher, 1))[0]["state"] in {"waiting", "grace"}
        await watcher.result("bind", binding_id=client.binding_id)
        assert (await bound(watcher, 1))[0]["state"] == "held"
        await watcher.result("bye")
        await bound(await it.client(), 0)
        assert states(it, mine) == {"new"}


async def test_a_client_that_stands_still_misses_its_heartbeat_though_its_connection_is_open(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        watcher = await it.started()
        await watcher.result("subscribe", topics=["sessions"])
        mine = await rest(it, 5, "mine")
        scope = {"instrument": "BTC-USDT"}
        client = await BoundClient.start(it, scope, SOON_MS, heartbeat_ms=400, ping_s=0.05)
        os.kill(client.process.pid, signal.SIGSTOP)
        (outcome,) = await outcomes(watcher, f"bind.{client.binding_id}", 1)
        assert outcome == "canceled"
        fired = await has_fired(watcher, client)
        assert "its heartbeat was missed" in fired
        assert {order for order in mine if it.truth_of(order)[0] == "canceled"} == {
            order for order in mine if it.instrument_of(order) == "BTC-USDT"
        }
        os.kill(client.process.pid, signal.SIGCONT)
        await client.kill()


async def test_a_binding_is_checked_before_it_is_made(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        for params, path in (
            ({"scope": {"account": "nope", "all": True}, "grace_ms": 1}, "scope.account"),
            ({"scope": {"account": "okx-main"}, "grace_ms": 1}, "scope"),
            ({"scope": {"account": "okx-main", "all": True, "instrument": "X"}, "grace_ms": 1}, "scope"),
            ({"scope": {"account": "okx-main", "all": True}}, "grace_ms"),
            ({"scope": {"account": "okx-main", "instrument": "no such"}, "grace_ms": 1}, "scope.instrument"),
            ({"scope": {"account": "okx-main", "all": True, "product": "SPOT"}, "grace_ms": 1}, "scope.product"),
            (
                {
                    "scope": {"account": "okx-main", "orders": [{"instrument": "BTC-USDT", "order_id": "x"}]},
                    "grace_ms": 1,
                },
                "scope.orders[0].order_id",
            ),
            ({"binding_id": "t9"}, "binding_id"),
            ({}, "scope"),
        ):
            reply = await client.call("bind", **params)
            assert reply["error"]["data"]["path"] == path, params
        assert (await client.result("status"))["bindings_total"] == 0


async def test_one_binding_is_released_by_its_name(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        made = await client.result("bind", scope={"account": "okx-main", "all": True}, grace_ms=0)
        assert made["durable"] is True
        await client.result("bind", binding_id=made["binding_id"], release=True)
        assert (await client.result("status"))["bindings_total"] == 0
