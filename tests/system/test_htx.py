"""HTX futures canceled through the real daemon: two sockets, two margin modes, words that come before the numbers."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from daemon.sim.venue import Credentials
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.venues.htx.venue import HtxVenue
from tests.system.rig import QUICK, told_in_the_end, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.system.rig import Client, Message, World

ACCOUNT = "okx-main"
CROSS, ISOLATED = "BTC-USDT", "ETH-USDT"


@asynccontextmanager
async def futures(folder: Path, account: str = "", **options: Any) -> AsyncIterator[tuple[World, Client]]:
    """A daemon that runs at a simulated HTX, and a client of it."""
    async with world(folder, account=account, venue=HtxVenue(HtxOptions(seed=7, **options))) as it:
        yield it, await it.begun()


@asynccontextmanager
async def ready(folder: Path, account: str = "") -> AsyncIterator[tuple[World, Client]]:
    """The same, when it can cancel and hears pushes."""
    async with futures(folder, account) as (it, client):
        await it.ready(client)
        yield it, client


async def rest(it: World, instrument: str = CROSS, **more: str) -> str:
    (order_id,) = await it.door.place([{"instrument": instrument, "side": "buy", "price": "5", "qty": "8", **more}])
    return order_id


async def cancel(client: Client, instrument: str = CROSS, **ids: str) -> Message:
    return await client.result("cancel", account=ACCOUNT, instrument=instrument, **ids)


@pytest.mark.parametrize("by", ["order_id", "client_order_id"])
async def test_an_order_is_canceled_by_either_id_and_every_field_of_the_page_is_shown(tmp_path: Path, by: str) -> None:
    async with ready(tmp_path) as (it, client):
        order_id = await rest(it, client_order_id="77")
        it.faults("ACK_OK_NO_PUSH")  # a push might be read before the answer, and the outcome waits for none
        named = {by: order_id if by == "order_id" else "77"}
        result = await cancel(client, **named)
        assert await told_in_the_end(client, result) == ("canceled", "0", True)
        assert (result["order_id"], result[by], result["ended_by"]) == (order_id, named[by], "us")
        assert result["venue_response"] | {"ts": "", "cid": ""} == {
            "code": "200",
            "message": "Success",
            "order_id": order_id,
            "client_order_id": "77",
            "ts": "",
            "unknownException": "false",
            "cid": "",
        }
        assert it.truth_of(order_id) == ("canceled", "0")


async def test_what_traded_before_the_cancel_is_told(tmp_path: Path) -> None:
    async with ready(tmp_path) as (it, client):
        order_id = await rest(it)
        await it.door.fill(order_id, "3")
        result = await cancel(client, order_id=order_id)
        assert await told_in_the_end(client, result) == ("canceled", "3", True)
        assert result["evidence"]["source"] == "push"


@pytest.mark.parametrize(
    ("faults", "ending"),
    [
        ("ACK_OK_THEN_FILL", ("filled", "8")),
        ("REJECT(1063)", ("filled", "8")),
        ("REJECT(1071),DROP_PUSH", ("canceled", "0")),
        ("FOREIGN_CANCEL", ("canceled", "0")),
        ("NO_ACK", ("canceled", "0")),
        ("NO_ACK(lost)", ("canceled", "0")),
        ("ACK_OK_NO_PUSH", ("canceled", "0")),
        ("ID_ECHO_MISSING(error)", ("canceled", "0")),
        ("HALF_OPEN", ("canceled", "0")),
        ("DISCONNECT(before_process)", ("canceled", "0")),
        ("DISCONNECT(before_ack),DROP_PUSH", ("canceled", "0")),
        ("BURST_PUSH,DROP_PUSH(3)", ("canceled", "4")),
    ],
)
async def test_whatever_happens_to_the_answer_the_outcome_is_the_venues_truth(
    tmp_path: Path, faults: str, ending: tuple[str, str]
) -> None:
    """Of an isolated order, so that every question has to look in the second mode as well."""
    async with ready(tmp_path, QUICK) as (it, client):
        order_id = await rest(it, ISOLATED)
        it.faults(faults)
        result = await cancel(client, ISOLATED, order_id=order_id)
        assert await told_in_the_end(client, result) == (*ending, True)
        assert it.truth_of(order_id) == ending
        if "NO_PUSH" in faults or "DROP_PUSH" in faults:
            assert result["evidence"]["source"] == "query"


async def test_a_client_id_that_died_with_its_order_is_found_in_history(tmp_path: Path) -> None:
    async with ready(tmp_path, QUICK) as (it, client):
        order_id = await rest(it, ISOLATED, client_order_id="77")
        it.faults("NO_ACK,DROP_PUSH")
        result = await cancel(client, ISOLATED, client_order_id="77")
        assert await told_in_the_end(client, result) == ("canceled", "0", True)
        assert (result["order_id"], result["evidence"]["source"]) == (order_id, "query")


async def test_without_pushes_cancels_go_on_and_are_confirmed_by_query(tmp_path: Path) -> None:
    async with ready(tmp_path) as (it, client):
        orders = [await rest(it) for _ in range(3)]
        it.faults("ZOMBIE:1")
        results = [await cancel(client, order_id=each) for each in orders]
        assert {each["evidence"]["source"] for each in results} == {"query"}


async def test_by_rest_alone(tmp_path: Path) -> None:
    async with futures(tmp_path, account='order_entry = "rest"\n') as (it, client):
        order_id = await rest(it)
        it.faults("ACK_OK_NO_PUSH")  # else the push may be read before the answer, which is then in no result
        result = await cancel(client, order_id=order_id)
        assert await told_in_the_end(client, result) == ("canceled", "0", True)
        assert result["venue_response"]["order_id"] == order_id
        assert "cid" not in result["venue_response"]


async def test_every_order_of_a_fill_race_is_told_as_it_ended(tmp_path: Path) -> None:
    async with ready(tmp_path) as (it, client):
        await it.race(client, [await rest(it) for _ in range(15)])


async def test_an_order_that_never_was_is_unknown_after_two_rounds_in_both_modes(tmp_path: Path) -> None:
    async with ready(tmp_path) as (_, client):
        result = await cancel(client, order_id="1550600000000000001")
        assert (result["outcome"], result["cxl_rej_reason"], result["venue_code"]) == ("unknown_order", "1", "1061")


async def test_a_client_id_of_which_its_client_says_when_it_was_placed_can_be_unknown(tmp_path: Path) -> None:
    async with ready(tmp_path, QUICK) as (it, client):
        ended = await rest(it, ISOLATED, client_order_id="77")
        placed_at = time.time_ns() // 1000 - 1_000_000
        for number, instrument in (("77", ISOLATED), ("78", CROSS)):
            tracked = {"account": ACCOUNT, "instrument": instrument, "client_order_id": number, "placed_at": placed_at}
            assert await client.result("track", orders=[tracked])
        it.faults("NO_ACK,DROP_PUSH")
        assert (await cancel(client, ISOLATED, client_order_id="77"))["order_id"] == ended
        result = await cancel(client, CROSS, client_order_id="78")
        assert (result["outcome"], result["cxl_rej_reason"]) == ("unknown_order", "1")


async def test_the_account_is_bound_to_the_user_that_the_login_names(tmp_path: Path) -> None:
    async with ready(tmp_path) as (it, client):
        await cancel(client, order_id=await rest(it))
        assert await it.daemon.stop() == 0
    async with futures(tmp_path, uid="200000002") as (it, client):
        await it.until_state(client, "account_changed")


async def test_wrong_credentials_are_said_and_nothing_is_sent(tmp_path: Path) -> None:
    async with futures(tmp_path, credentials=Credentials(key="another")) as (it, client):
        await it.until_state(client, "auth_failed")
        reply = await client.call("cancel", account=ACCOUNT, instrument=CROSS, order_id="1")
        assert reply["error"]["data"]["reason"] == "account_not_ready"
        assert (await it.door.stats()).cancels == {}
