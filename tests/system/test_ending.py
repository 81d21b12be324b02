"""How a daemon ends: with exit code 0 and soon, whatever the venue does, and nothing is forgotten by the next life."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

import pytest

from daemon.sim.shell import serve
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.system.rig import QUICK, WAIT_S, Daemon, World, configure, until, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, Message

GRACE = "stop_grace_s = 0.5\n"
SOON_S = 30.0
"""The grace, a last word to clients, a polite close of the venue's sockets; far below what a service manager allows."""
SILENT = "NO_ACK(lost):1,QUERY_NOTFOUND:1"


async def ends(it: World, number: signal.Signals = signal.SIGTERM) -> None:
    async with asyncio.timeout(SOON_S):
        assert await it.daemon.stop(number) == 0
    assert not it.daemon.socket.exists()
    assert it.daemon.log[-1]["event"] == "stopped"
    assert not [row for row in it.daemon.log if row["level"] == "error"]


async def told(client: Client, order_id: str, it: World, request_id: str) -> str:
    said = await it.canceled(client, order_id, request_id=request_id)
    outcome: str = said["outcome"]
    return outcome


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_by_either_signal_while_clients_and_subscribers_are_there(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with world(tmp_path, extra=GRACE) as it:
        client = await it.started()
        await client.result("subscribe", topics=["outcomes", "orders", "sessions"], from_seq=0)
        await ends(it, number)


async def test_what_is_under_way_at_the_end_is_still_proven_and_told(tmp_path: Path) -> None:
    async with world(tmp_path, extra="stop_grace_s = 10\n") as it:
        client = await it.started()
        orders = await it.rest(6)
        it.faults("ACK_OK_NO_PUSH:1,ACK_LATE(50):1")
        replies = [it.cancel(client, order_id) for order_id in orders]
        await until(lambda: all(it.cancels_of(order_id) for order_id in orders))
        await ends(it)
        said = [(await reply)["result"] for reply in replies]
        assert {one["outcome"] for one in said} == {"canceled"}


@pytest.mark.parametrize("trouble", ["silent", "gone", "half open"])
async def test_a_dead_venue_does_not_keep_it_and_the_next_life_finishes_the_work(tmp_path: Path, trouble: str) -> None:
    venue = OkxVenue(OkxOptions(seed=7))
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(venue, "127.0.0.1", 0))
        configure(tmp_path, server.url, GRACE)
        it = World(venue, server.url, Daemon(tmp_path))
        client = await it.started()
        orders = await it.rest(4)
        it.faults(SILENT)
        if trouble == "half open":
            venue.fault_at_once(venue.faults.parse_json({"HALF_OPEN": {"now": True}})[0], 0)
            await it.door.truths()  # at the door the venue's actions are carried out
        replies = [it.cancel(client, order_id, request_id=f"r-{n}") for n, order_id in enumerate(orders)]
        if trouble == "silent":
            await until(lambda: all(it.cancels_of(order_id) for order_id in orders))
        await client.result("ping")
        await it.leave()
        await it.door.close()
        if trouble == "gone":
            await stack.aclose()
        await ends(it)
        assert all(reply.cancelled() or "result" not in reply.result() for reply in replies if reply.done())

        venue.faults.clear()
        if trouble == "gone":
            server = await stack.enter_async_context(serve(venue, "127.0.0.1", 0))
            configure(tmp_path, server.url, GRACE)
        it = World(venue, server.url, Daemon(tmp_path))
        stack.push_async_callback(it.close)
        client = await it.started()
        await until(lambda: all(it.truth_of(order_id)[0] == "canceled" for order_id in orders))
        for n, order_id in enumerate(orders):
            assert await told(client, order_id, it, f"r-{n}") == "canceled"


async def test_while_it_ends_new_requests_are_refused_and_old_ones_answered(tmp_path: Path) -> None:
    async with world(tmp_path, extra="stop_grace_s = 10\n", account=QUICK) as it:
        client = await it.started()
        one, two = await it.rest(2)
        it.faults("NO_ACK(lost):1,QUERY_NOTFOUND:1")
        old = it.cancel(client, one, request_id="old")
        await until(lambda: it.cancels_of(one))
        assert it.daemon.process is not None
        os.kill(it.daemon.process.pid, signal.SIGTERM)
        refused: list[Message] = []
        while not refused:
            await client.result("ping")
            new = it.cancel(client, two)
            await client.result("ping")  # what is refused is refused before this answer
            refused = [new.result()] if new.done() else []
        assert refused[0]["error"]["data"]["reason"] == "shutting_down"
        os.kill(it.daemon.process.pid, signal.SIGTERM)  # an impatient operator changes nothing
        it.venue.faults.clear()
        async with asyncio.timeout(WAIT_S):
            assert (await old)["result"]["outcome"] == "canceled"
        assert await it.daemon.ended() == 0


async def test_it_ends_before_its_venue_has_answered_at_all(tmp_path: Path) -> None:
    async with world(tmp_path, extra=GRACE) as it:
        configure(tmp_path, "http://127.0.0.1:9", GRACE)
        await it.daemon.start()
        client = await it.client()
        reply = client.send("cancel", account="okx-main", instrument="BTC-USDT", order_id="1")
        await client.result("ping")
        await ends(it)
        assert reply.cancelled() or not reply.done()
