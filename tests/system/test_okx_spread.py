"""Spread orders canceled through the real daemon: between match and fill lies settlement, and no outcome is early."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venue import Credentials
from daemon.sim.venues.okx_spread.options import SpreadOptions
from daemon.sim.venues.okx_spread.venue import OkxSpreadVenue
from tests.system.rig import QUICK, told, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.system.rig import Client, Message, World

SPRD_ID = "BTC-USDT_BTC-USDT-SWAP"
ACCOUNT = "okx-main"


@asynccontextmanager
async def spreads(folder: Path, account: str = "", **options: Any) -> AsyncIterator[tuple[World, Client]]:
    """A daemon that is ready at a simulated OKX for spreads, and a client of it."""
    async with world(folder, account=account, venue=OkxSpreadVenue(SpreadOptions(seed=7, **options))) as it:
        yield it, await it.started()


async def rest(it: World, **more: str) -> str:
    (order_id,) = await it.door.place([{"instrument": SPRD_ID, "side": "buy", "price": "5", "qty": "3", **more}])
    return order_id


async def cancel(client: Client, **ids: str) -> Message:
    return await client.result("cancel", account=ACCOUNT, instrument=SPRD_ID, **ids)


@pytest.mark.parametrize("by", ["order_id", "client_order_id"])
async def test_a_spread_order_is_canceled_by_either_id(tmp_path: Path, by: str) -> None:
    async with spreads(tmp_path) as (it, client):
        order_id = await rest(it, client_order_id="tks1")
        named = {by: order_id if by == "order_id" else "tks1"}
        result = await cancel(client, **named)
        assert told(result) == ("canceled", "0", True)
        assert (result["order_id"], result[by], result["ended_by"]) == (order_id, named[by], "us")
        assert result["venue_response"] | {"id": ""} == {
            "id": "",
            "op": "sprd-cancel-order",
            "code": "0",
            "msg": "",
            "ordId": order_id,
            "clOrdId": "tks1",
            "sCode": "0",
            "sMsg": "",
        }
        assert it.truth_of(order_id) == ("canceled", "0")


async def test_what_was_matched_before_the_cancel_settles_and_is_told(tmp_path: Path) -> None:
    async with spreads(tmp_path, settle_delay_us=300 * MILLISECOND_US) as (it, client):
        order_id = await rest(it)
        await it.door.fill(order_id, "1")
        result = await cancel(client, order_id=order_id)
        assert told(result) == ("canceled", "1", True)
        assert it.truth_of(order_id) == ("canceled", "1")


async def test_an_order_that_is_all_matched_ends_filled_although_the_cancel_was_refused_as_under_way(
    tmp_path: Path,
) -> None:
    async with spreads(tmp_path, settle_delay_us=400 * MILLISECOND_US) as (it, client):
        order_id = await rest(it)
        await it.door.fill(order_id)
        result = await cancel(client, order_id=order_id)
        assert told(result) == ("filled", "3", True)
        assert (result["venue_code"], result["cxl_rej_reason"]) == ("51410", "0")
        assert (await it.door.stats()).cancels == {order_id: 1}


@pytest.mark.parametrize(
    ("faults", "ending"),
    [
        ("ACK_OK_THEN_FILL", ("filled", "3")),
        ("REJECT(51402)", ("filled", "3")),
        ("REJECT(51401)", ("canceled", "0")),
        ("FOREIGN_CANCEL(34)", ("canceled", "0")),
        ("NO_ACK", ("canceled", "0")),
        ("NO_ACK(lost)", ("canceled", "0")),
        ("ACK_OK_NO_PUSH", ("canceled", "0")),
        ("DISCONNECT(before_process)", ("canceled", "0")),
        ("DISCONNECT(before_ack),DROP_PUSH", ("canceled", "0")),
    ],
)
async def test_whatever_happens_to_the_answer_the_outcome_is_the_venues_truth(
    tmp_path: Path, faults: str, ending: tuple[str, str]
) -> None:
    async with spreads(tmp_path, QUICK) as (it, client):
        order_id = await rest(it)
        it.faults(faults)
        result = await cancel(client, order_id=order_id)
        assert told(result) == (*ending, True)
        assert it.truth_of(order_id) == ending
        if "NO_PUSH" in faults or "DROP_PUSH" in faults:
            assert result["evidence"]["source"] == "query"


async def test_every_order_of_a_fill_race_is_told_as_it_ended(tmp_path: Path) -> None:
    async with spreads(tmp_path, settle_delay_us=20 * MILLISECOND_US) as (it, client):
        await it.race(client, [await rest(it) for _ in range(15)])


async def test_wrong_credentials_are_said_and_nothing_is_sent(tmp_path: Path) -> None:
    venue = OkxSpreadVenue(SpreadOptions(credentials=Credentials(key="another")))
    async with world(tmp_path, venue=venue) as it:
        client = await it.begun()
        await it.until_state(client, "auth_failed")
        reply = await client.call("cancel", account=ACCOUNT, instrument=SPRD_ID, order_id="1")
        assert reply["error"]["data"]["reason"] == "account_not_ready"
        assert (await it.door.stats()).cancels == {}
