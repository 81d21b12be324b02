"""More cancels at once than singles may leave: the rest leaves in batches, within every limit, each with its proof."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from typing import TYPE_CHECKING

import orjson
import pytest

from daemon.sim.registry import DEMOS, build
from daemon.sim.venues.bingx.venue import BingxVenue
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.venue import BitgetVenue
from daemon.sim.venues.htx.venue import HtxVenue
from daemon.sim.venues.okx.venue import OkxVenue
from tests.system.rig import WAIT_S, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.sim.venue import SimVenue
    from tests.system.rig import Client, Message, World

VENUES: dict[str, tuple[Callable[[], SimVenue], int]] = {
    "okx": (OkxVenue, 200),
    "bitget": (lambda: BitgetVenue(BitgetOptions()), 120),
    "bitget_uta": (lambda: BitgetVenue(BitgetOptions(is_unified=True)), 80),
    "htx": (HtxVenue, 120),
    "bingx": (BingxVenue, 30),
}
"""How to make each that takes batches, and how many orders are more than leave alone at once."""
EVERY = pytest.mark.parametrize("name", VENUES)


async def ready(it: World) -> Client:
    """Start the daemon and wait until it hears pushes and cancels by the road that comes first."""
    await it.daemon.start()
    client = await it.client()
    await it.status(client, it.is_ready_by("rest" if it.venue.name == "bingx" else "ws"))
    return client


async def rest_in_one(it: World, count: int) -> list[str]:
    placing = DEMOS[it.venue.name].placings[0]
    order = {"instrument": placing.instrument, "side": "buy", "price": placing.price, "qty": placing.qty}
    if placing.product is not None:
        order["product"] = placing.product
    return await it.door.place([order] * count)


def requests_left(it: World) -> set[str]:
    """In which requests to the venue cancels left, by the journal: a batch is one."""
    with contextlib.closing(sqlite3.connect(it.daemon.folder / "journal.sqlite")) as db:
        found = db.execute("SELECT body FROM steps WHERE kind = 'send_made'").fetchall()
    wires = [orjson.loads(body)["wire"] for (body,) in found]
    return {wire.get("batch") or wire["send_id"] for wire in wires}


async def flood(it: World, client: Client, orders: list[str]) -> list[Message]:
    product = DEMOS[it.venue.name].placings[0].product
    named = {"product": product} if product is not None else {}
    replies = [it.cancel(client, order_id, **named) for order_id in orders]
    async with asyncio.timeout(WAIT_S):
        return [reply["result"] for reply in await asyncio.gather(*replies)]


@EVERY
async def test_a_flood_in_one_instrument_leaves_alone_and_in_batches(tmp_path: Path, name: str) -> None:
    make, count = VENUES[name]
    async with world(tmp_path, venue=make()) as it:
        client = await ready(it)
        orders = await rest_in_one(it, count)
        said = await flood(it, client, orders)
        assert {result["outcome"] for result in said} == {"canceled"}
        assert it.venue.floor.rates.breaches == {}
        assert set(Counter(it.venue.floor.stats.cancels).values()) == {1}
        await it.daemon.stop()
        assert 1 < len(requests_left(it)) < count


@EVERY
@pytest.mark.parametrize("how", ["", "(reorder)"])
async def test_what_an_answer_leaves_out_is_asked_about_and_costs_the_others_nothing(
    tmp_path: Path, name: str, how: str
) -> None:
    make, count = VENUES[name]
    async with world(tmp_path, venue=make()) as it:
        client = await ready(it)
        orders = await rest_in_one(it, count)
        it.faults(f"PARTIAL_BATCH{how}x2")
        said = await flood(it, client, orders)
        for order_id, result in zip(orders, said, strict=True):
            assert (result["outcome"], result["cum_qty"]) == it.truth_of(order_id)
        assert {result["outcome"] for result in said} == {"canceled"}
        assert it.venue.faults.fired["PARTIAL_BATCH"] > 0


MASSES = {"okx_spread": 60, "bitget_uta": 130, "bingx": 40}
"""Where one call for everything is sooner, and for how many orders."""


@pytest.mark.parametrize("name", MASSES)
async def test_everything_leaves_by_one_call_where_that_is_sooner_and_each_order_is_proven(
    tmp_path: Path, name: str
) -> None:
    async with world(tmp_path, venue=build(name)) as it:
        client = await ready(it)
        orders = await rest_in_one(it, MASSES[name])
        async with asyncio.timeout(WAIT_S):
            while len((await client.result("orders"))["orders"]) < len(orders):
                pass  # its pushes are on their way
        stats = it.venue.floor.stats
        said = await client.result("cancel_all", account="okx-main")
        assert (said["complete"], said["counts"]) == (True, {"canceled": len(orders)} | _others(said["counts"]))
        assert {it.truth_of(order_id)[0] for order_id in orders} == {"canceled"}
        assert it.venue.floor.rates.breaches == {}
        assert len(stats.cancels) < len(orders)  # some were never named: what was known first may leave in batches


def _others(counts: dict[str, int]) -> dict[str, int]:
    """The outcomes that nothing ended with."""
    return {outcome: 0 for outcome, count in counts.items() if not count}
