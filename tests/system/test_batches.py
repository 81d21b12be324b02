"""More cancels at once than singles may leave: the rest leaves in batches, within every limit, each with its proof."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.system.rig import WAIT_S, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, Message, World

ORDERS = 200
PATIENT = "ack_wait_ms = 5000\n"
"""However slow this machine, an answer is not called late: who waits for it sends nothing again."""


async def flood(it: World, client: Client, orders: list[str]) -> list[Message]:
    replies = [it.cancel(client, order_id) for order_id in orders]
    async with asyncio.timeout(WAIT_S):
        return [reply["result"] for reply in await asyncio.gather(*replies)]


async def rest_in_one(it: World, count: int) -> list[str]:
    return await it.door.place([{"instrument": "BTC-USDT", "side": "buy", "price": "0.1", "qty": "2"}] * count)


async def test_a_flood_in_one_instrument_leaves_alone_and_in_batches_side_by_side(tmp_path: Path) -> None:
    async with world(tmp_path, account=PATIENT) as it:
        client = await it.started()
        orders = await rest_in_one(it, ORDERS)
        before = it.venue.floor.stats.frames_in
        said = await flood(it, client, orders)
        assert {result["outcome"] for result in said} == {"canceled"}
        assert it.venue.floor.rates.breaches == {}
        assert it.venue.floor.stats.frames_in - before < ORDERS
        assert set(Counter(it.venue.floor.stats.cancels).values()) == {1}


@pytest.mark.parametrize("fault", ["PARTIAL_BATCHx4", "PARTIAL_BATCH(51400)x3", "PARTIAL_BATCH(50013)x3"])
async def test_what_an_answer_leaves_out_or_refuses_is_asked_about_and_costs_the_others_nothing(
    tmp_path: Path, fault: str
) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await rest_in_one(it, ORDERS)
        it.faults(fault)
        said = await flood(it, client, orders)
        for order_id, result in zip(orders, said, strict=True):
            assert (result["outcome"], result["cum_qty"]) == it.truth_of(order_id)
        assert {result["outcome"] for result in said} == {"canceled"}
        assert it.venue.faults.fired["PARTIAL_BATCH"] > 0
