"""Orders on Bitget canceled through the real daemon, on classic and unified accounts, product by product."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from daemon.sim.venue import Credentials
from daemon.sim.venues.bitget import limits
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.venue import BitgetVenue
from tests.system.rig import QUICK, WAIT_S, told, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.system.rig import Client, Message, World

ACCOUNT = "okx-main"
FUTURES = "USDT-FUTURES"
BOTH = pytest.mark.parametrize("is_unified", [False, True], ids=["classic", "unified"])


@asynccontextmanager
async def trading(
    folder: Path, *, is_unified: bool, account: str = "", **options: Any
) -> AsyncIterator[tuple[World, Client]]:
    """A daemon that is ready at a simulated Bitget, and a client of it."""
    venue = BitgetVenue(BitgetOptions(seed=7, is_unified=is_unified, **options))
    async with world(folder, venue=venue, account=account) as it:
        yield it, await it.started()


async def rest(it: World, product: str = FUTURES, instrument: str = "BTCUSDT", **more: str) -> str:
    asked = {"instrument": instrument, "product": product, "side": "buy", "price": "90000", "qty": "3", **more}
    (order_id,) = await it.door.place([asked])
    return order_id


async def cancel(client: Client, product: str = FUTURES, instrument: str = "BTCUSDT", **named: object) -> Message:
    return await client.result("cancel", account=ACCOUNT, instrument=instrument, product=product, **named)


# ---------------------------------------------------------------- by either id, on every product line


@BOTH
@pytest.mark.parametrize("by", ["order_id", "client_order_id"])
async def test_an_order_is_canceled_by_either_id(tmp_path: Path, is_unified: bool, by: str) -> None:
    async with trading(tmp_path, is_unified=is_unified) as (it, client):
        order_id = await rest(it, client_order_id="mm-1")
        result = await cancel(client, **{by: order_id if by == "order_id" else "mm-1"})
        assert told(result) == ("canceled", "0", True)
        assert (result["order_id"], result["product"], result["ended_by"]) == (order_id, FUTURES, "us")
        assert (result["cancel_reason"], result["evidence"]["source"]) == ("normal_cancel", "push")
        assert it.truth_of(order_id) == ("canceled", "0")
        assert (await it.door.stats()).breaches == {}


async def test_the_answer_has_every_field_of_the_classic_page(tmp_path: Path) -> None:
    async with trading(tmp_path, is_unified=False) as (it, client):
        order_id = await rest(it)
        answer = (await cancel(client, order_id=order_id))["venue_response"]
        assert answer | {"id": "", "ts": ""} == {
            "event": "trade",
            "id": "",
            "instType": FUTURES,
            "instId": "BTCUSDT",
            "channel": "cancel-order",
            "orderId": order_id,
            "code": "0",
            "msg": "Success",
            "ts": "",
        }


@BOTH
async def test_every_product_line_has_its_own_orders(tmp_path: Path, is_unified: bool) -> None:
    lines = [(FUTURES, "BTCUSDT"), ("COIN-FUTURES", "BTCUSD"), ("USDC-FUTURES", "BTCPERP"), ("SPOT", "BTCUSDT")]
    lines += [("MARGIN", "BTCUSDT")] if is_unified else []
    async with trading(tmp_path, is_unified=is_unified) as (it, client):
        for product, instrument in lines:
            order_id = await rest(it, product, instrument)
            result = await cancel(client, product, instrument, order_id=order_id)
            assert (result["product"], result["outcome"]) == (product, "canceled")
            assert it.truth_of(order_id) == ("canceled", "0")
        reply = await client.call("cancel", account=ACCOUNT, instrument="BTCUSDT", order_id="1")
        assert reply["error"]["data"]["path"] == "product"


async def test_an_account_of_one_product_line_need_not_name_it(tmp_path: Path) -> None:
    async with trading(tmp_path, is_unified=False, account='products = ["SPOT"]\n') as (it, client):
        order_id = await rest(it, "SPOT")
        result = await client.result("cancel", account=ACCOUNT, instrument="BTCUSDT", order_id=order_id)
        assert (result["product"], result["outcome"]) == ("SPOT", "canceled")


# ---------------------------------------------------------------- fills


@BOTH
async def test_what_was_filled_before_the_cancel_is_told(tmp_path: Path, is_unified: bool) -> None:
    async with trading(tmp_path, is_unified=is_unified) as (it, client):
        order_id = await rest(it, "SPOT")
        await it.door.fill(order_id, "1")
        result = await cancel(client, "SPOT", order_id=order_id)
        assert told(result) == ("canceled", "1", True)
        assert (result["order_qty"], result["leaves_qty"], result["avg_px"]) == ("3", "0", "90000")


@BOTH
async def test_every_order_of_a_fill_race_is_told_as_it_ended(tmp_path: Path, is_unified: bool) -> None:
    async with trading(tmp_path, is_unified=is_unified) as (it, client):
        await it.race(client, [await rest(it) for _ in range(14)], product=FUTURES)


# ---------------------------------------------------------------- what can happen to an answer


BAD_DAYS = {
    "ACK_OK_THEN_FILL": ("filled", "3"),
    "FOREIGN_CANCEL": ("canceled", "0"),
    "CANCELING_STATE(0.5)": ("canceled", "0"),
    "RATE_LIMIT": ("canceled", "0"),
    "REJECT(45024)": ("canceled", "0"),
    "REJECT(30016)": ("canceled", "0"),
    "NO_ACK": ("canceled", "0"),
    "NO_ACK(lost)": ("canceled", "0"),
    "ACK_OK_NO_PUSH": ("canceled", "0"),
    "ID_ECHO_MISSING(error)": ("canceled", "0"),
    "TYPE_FLIP:1,DUP_PUSH:1,REORDER:1,BIG_INT(number):1,UNKNOWN_EVENT:1": ("canceled", "0"),
    "HALF_OPEN": ("canceled", "0"),
    "DISCONNECT(before_process)": ("canceled", "0"),
    "DISCONNECT(before_ack),DROP_PUSH": ("canceled", "0"),
}


@BOTH
async def test_whatever_happens_to_the_answer_the_outcome_is_the_venues_truth(tmp_path: Path, is_unified: bool) -> None:
    async with trading(tmp_path, is_unified=is_unified, account=QUICK) as (it, client):
        for faults, ending in BAD_DAYS.items():
            await it.ready(client)
            order_id = await rest(it)
            it.faults(faults)
            result = await cancel(client, order_id=order_id)
            assert told(result) == (*ending, True), faults
            assert it.truth_of(order_id) == ending, faults
            if "NO_PUSH" in faults or "DROP_PUSH" in faults:
                assert result["evidence"]["source"] == "query"
            it.venue.faults.clear()
        assert (await it.door.stats()).breaches == {}


@BOTH
async def test_an_order_that_was_modified_meanwhile_is_replaced(tmp_path: Path, is_unified: bool) -> None:
    async with trading(tmp_path, is_unified=is_unified) as (it, client):
        order_id = await rest(it)
        it.faults("FOREIGN_CANCEL(modify_limit_order)")
        result = await cancel(client, order_id=order_id)
        assert (result["outcome"], result["ord_status"]) == ("canceled", "replaced")


@BOTH
async def test_what_another_program_has_taken_of_the_limit_is_left_to_it_before_anything_is_refused(
    tmp_path: Path, is_unified: bool
) -> None:
    rule = limits.UTA_CANCEL if is_unified else limits.MIX_CANCEL
    venue = BitgetVenue(BitgetOptions(seed=7, is_unified=is_unified))
    async with world(tmp_path, venue=venue, account='order_entry = "rest"\n') as it:
        client = await it.started("rest")
        first, *others = [await rest(it) for _ in range(8)]
        assert it.venue.floor.rates.take(rule, "uid", time.time_ns() // 1_000, units=7)
        it.faults("ACK_OK_NO_PUSH")  # so that its answer has been read, which says that two more fit
        results = [await cancel(client, order_id=first)]
        results += await asyncio.gather(*(cancel(client, order_id=order_id) for order_id in others))
        assert {result["outcome"] for result in results} == {"canceled"}
        assert (await it.door.stats()).breaches == {}


@BOTH
async def test_an_order_that_never_was_is_unknown_only_after_two_looks(tmp_path: Path, is_unified: bool) -> None:
    async with trading(tmp_path, is_unified=is_unified) as (it, client):
        result = await cancel(client, order_id="1376999173366317057")
        assert (result["outcome"], result["cxl_rej_reason"], result["cum_qty"]) == ("unknown_order", "1", None)
        assert (await it.door.stats()).breaches == {}


@BOTH
async def test_a_service_upgrade_opens_the_next_socket_before_the_old_one_goes(
    tmp_path: Path, is_unified: bool
) -> None:
    async with trading(tmp_path, is_unified=is_unified) as (it, client):
        orders = [await rest(it) for _ in range(3)]
        it.faults("NOTICE_CLOSE(4)")  # more than a login takes on a busy machine
        assert (await cancel(client, order_id=orders[0]))["outcome"] == "canceled"
        await _sockets(it, 2)
        assert (await cancel(client, order_id=orders[1]))["outcome"] == "canceled"
        await _sockets(it, 1)
        await it.ready(client)
        assert (await cancel(client, order_id=orders[2]))["outcome"] == "canceled"
        assert (await it.door.stats()).cancels == dict.fromkeys(orders, 1)


@BOTH
async def test_a_listing_of_many_pages_keeps_the_venues_limits(tmp_path: Path, is_unified: bool) -> None:
    venue = BitgetVenue(BitgetOptions(seed=7, is_unified=is_unified))
    async with world(tmp_path, venue=venue) as it:
        asked = {"instrument": "BTCUSDT", "product": FUTURES, "side": "buy", "price": "1", "qty": "1"}
        await it.door.place([asked] * 450)
        client = await it.begun()
        async with asyncio.timeout(WAIT_S):
            while not (await client.result("orders", account=ACCOUNT, instrument="BTCUSDT"))["complete"]:
                await asyncio.sleep(0.05)
        assert (await it.door.stats()).breaches == {}


# ---------------------------------------------------------------- keys and accounts


@BOTH
@pytest.mark.parametrize("by_session", [False, True], ids=["by an answer", "by the session"])
async def test_a_key_without_the_permission_for_the_channel_goes_on_by_rest(
    tmp_path: Path, is_unified: bool, by_session: bool
) -> None:
    async with trading(tmp_path, is_unified=is_unified, takes_ws_trades=False, refuses_by_session=by_session) as (
        it,
        client,
    ):
        first, second = await rest(it), await rest(it)
        assert told(await cancel(client, order_id=first)) == ("canceled", "0", True)
        account = await it.until_state(client, "ready")
        assert account["order_entry"] == "rest"
        (alarm,) = (alarm for alarm in account["alarms"] if alarm["name"] == "road_left")
        assert alarm["detail"].startswith("cancels do not go by ws any more: ")
        result = await cancel(client, order_id=second)
        assert result["outcome"] == "canceled"
        assert (await it.door.stats()).cancels == {first: 2, second: 1}


@BOTH
async def test_wrong_credentials_are_said_and_nothing_is_sent(tmp_path: Path, is_unified: bool) -> None:
    venue = BitgetVenue(BitgetOptions(credentials=Credentials(key="another"), is_unified=is_unified))
    async with world(tmp_path, venue=venue) as it:
        client = await it.begun()
        await it.until_state(client, "auth_failed")
        reply = await client.call("cancel", account=ACCOUNT, instrument="BTCUSDT", product=FUTURES, order_id="1")
        assert reply["error"]["data"]["reason"] == "account_not_ready"
        assert (await it.door.stats()).cancels == {}


@BOTH
async def test_an_account_of_the_other_mode_is_named_as_such(tmp_path: Path, is_unified: bool) -> None:
    venue = BitgetVenue(BitgetOptions(is_unified=is_unified))
    named = venue.name
    venue.name = "bitget" if is_unified else "bitget_uta"  # what the configuration says
    async with world(tmp_path, venue=venue) as it:
        client = await it.begun()
        await it.until_state(client, "auth_failed")
        reply = await client.call("cancel", account=ACCOUNT, instrument="BTCUSDT", product=FUTURES, order_id="1")
        assert reply["error"]["data"]["reason"] == "account_not_ready"
        assert f'configure venue = "{named}"' in reply["error"]["message"]
        assert (await it.door.stats()).cancels == {}


async def _sockets(it: World, count: int) -> None:
    """Wait until so many sockets are open and logged in at the venue."""
    assert isinstance(it.venue, BitgetVenue)
    async with asyncio.timeout(WAIT_S):
        while len(it.venue.logged_in()) != count:
            await asyncio.sleep(0.01)
