"""BingX spot orders canceled through the real daemon: by REST alone, pushes behind a key, and errors that are counted.

The venue bans a call that answers too many errors; no test here lets that happen unless it says so.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from daemon.sim.timers import SECOND_US
from daemon.sim.venue import Credentials
from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.venues.bingx.venue import BingxVenue
from tests.system.rig import QUICK, told_in_the_end, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.system.rig import Client, Message, World

ACCOUNT = "okx-main"
SYMBOL = "BTC-USDT"
CANCEL = "/openApi/spot/v1/trade/cancel"


@asynccontextmanager
async def spot(
    folder: Path, account: str = "", *, is_ready: bool = True, **options: Any
) -> AsyncIterator[tuple[World, Client]]:
    """A daemon that runs at a simulated BingX, as a rule ready, and a client of it."""
    async with world(folder, account=account, venue=BingxVenue(BingxOptions(seed=7, **options))) as it:
        yield it, await it.started("rest") if is_ready else await it.begun()


async def rest(it: World, symbol: str = SYMBOL, **more: str) -> str:
    (order_id,) = await it.door.place([{"instrument": symbol, "side": "buy", "price": "5", "qty": "8", **more}])
    return order_id


async def cancel(client: Client, symbol: str = SYMBOL, **params: object) -> Message:
    return await client.result("cancel", account=ACCOUNT, instrument=symbol, **params)


def breaches(it: World) -> dict[str, int]:
    return it.venue.floor.rates.breaches


# ---------------------------------------------------------------- cancels


@pytest.mark.parametrize("symbol", [SYMBOL, "OTHR#99961-USDT"])
@pytest.mark.parametrize("by", ["order_id", "client_order_id"])
async def test_an_order_is_canceled_by_either_id(tmp_path: Path, by: str, symbol: str) -> None:
    async with spot(tmp_path) as (it, client):
        order_id = await rest(it, symbol, client_order_id="oms_7")
        result = await cancel(client, symbol, **{by: order_id if by == "order_id" else "oms_7"})
        assert (result["outcome"], result["order_id"], result["venue"]) == ("canceled", order_id, "bingx")
        assert await told_in_the_end(client, result) == ("canceled", "0", True)
        assert it.truth_of(order_id) == ("canceled", "0")
        assert (await it.door.stats()).cancels == {order_id: 1}


async def test_the_venues_answer_is_passed_on_field_by_field(tmp_path: Path) -> None:
    async with spot(tmp_path) as (it, client):
        order_id = await rest(it, client_order_id="oms_7")
        it.faults("ACK_OK_NO_PUSH")  # a push might be read before the answer, and the outcome waits for none
        params = {"cancelRestrictions": "PENDING", "recvWindow": "4000"}
        result = await cancel(client, order_id=order_id, venue_params=params)
        assert result["venue_response"] == {
            "code": "0",
            "msg": "",
            "debugMsg": "",
            "symbol": SYMBOL,
            "orderId": order_id,
            "price": "5",
            "stopPrice": "0",
            "origQty": "8",
            "executedQty": "0",
            "cummulativeQuoteQty": "0",
            "status": "CANCELED",
            "type": "LIMIT",
            "side": "BUY",
            "clientOrderID": "oms_7",
        }


async def test_a_restriction_that_excludes_the_order_is_a_rejection_once_it_is_seen_to_live(tmp_path: Path) -> None:
    async with spot(tmp_path) as (it, client):
        order_id = await rest(it)
        result = await cancel(client, order_id=order_id, venue_params={"cancelRestrictions": "PARTIALLY_FILLED"})
        assert (result["outcome"], result["venue_code"]) == ("rejected", "100400")
        assert it.truth_of(order_id) == ("new", "0")


async def test_what_was_filled_before_the_cancel_is_told(tmp_path: Path) -> None:
    async with spot(tmp_path) as (it, client):
        order_id = await rest(it)
        await it.door.fill(order_id, "3")
        result = await cancel(client, order_id=order_id)
        assert await told_in_the_end(client, result) == ("canceled", "3", True)
        assert it.truth_of(order_id) == ("canceled", "3")


@pytest.mark.parametrize(
    ("faults", "ending"),
    [
        ("ACK_OK_THEN_FILL", ("filled", "8")),
        ("BURST_PUSH(1)", ("canceled", "4")),
        ("REJECT(100404)", None),
        ("FOREIGN_CANCEL", ("canceled", "0")),
        ("CANCELING_STATE(0.4)", ("canceled", "0")),
        ("NO_ACK", ("canceled", "0")),
        ("NO_ACK(lost)", ("canceled", "0")),
        ("ACK_LATE(600)", ("canceled", "0")),
        ("ACK_OK_NO_PUSH", ("canceled", "0")),
        ("DISCONNECT(before_process)", ("canceled", "0")),
        ("DISCONNECT(before_ack),DROP_PUSH", ("canceled", "0")),
        ("DISCONNECT(after_ack)", ("canceled", "0")),
        ("HALF_OPEN", ("canceled", "0")),
        ("ZOMBIE", ("canceled", "0")),
        ("KEY_EXPIRE(told)", ("canceled", "0")),
        ("KEY_EXPIRE(silent)", ("canceled", "0")),
        ("ID_ECHO_MISSING,TYPE_FLIPx9", ("canceled", "0")),
        ("RATE_LIMIT", ("canceled", "0")),
        ("REJECT(100500)", ("canceled", "0")),
    ],
)
async def test_whatever_happens_to_the_answer_the_outcome_is_the_venues_truth(
    tmp_path: Path, faults: str, ending: tuple[str, str] | None
) -> None:
    async with spot(tmp_path, QUICK) as (it, client):
        order_id = await rest(it)
        it.faults(faults)
        result = await cancel(client, order_id=order_id)
        word, cum_qty, _ = await told_in_the_end(client, result)
        assert (word, cum_qty) == it.truth_of(order_id)
        assert ending is None or (word, cum_qty) == ending
        assert breaches(it) == {}


async def test_a_cancel_without_a_push_is_proven_by_a_query(tmp_path: Path) -> None:
    async with spot(tmp_path) as (it, client):
        order_id = await rest(it)
        it.faults("ACK_OK_NO_PUSH")
        result = await cancel(client, order_id=order_id)
        assert (result["outcome"], result["evidence"]["source"], result["cum_qty_final"]) == ("canceled", "query", True)


async def test_a_clock_that_is_off_is_measured_and_signed_by(tmp_path: Path) -> None:
    async with spot(tmp_path, faults="SKEW(-3600)") as (it, client):
        order_id = await rest(it)
        result = await cancel(client, order_id=order_id)
        assert (result["outcome"], it.truth_of(order_id)) == ("canceled", ("canceled", "0"))


async def test_one_order_gets_one_cancel_in_a_second_however_many_ask(tmp_path: Path) -> None:
    async with spot(tmp_path, QUICK) as (it, client):
        order_id = await rest(it)
        it.faults("NO_ACK(lost)")
        results = await asyncio.gather(*(cancel(client, order_id=order_id) for _ in range(5)))
        assert {result["outcome"] for result in results} == {"canceled"}
        assert (await it.door.stats()).cancels == {order_id: 2}
        assert breaches(it) == {}


# ---------------------------------------------------------------- the key


async def test_a_listen_key_that_expires_gets_a_successor_and_pushes_go_on(tmp_path: Path) -> None:
    async with spot(tmp_path) as (it, client):
        await client.result("subscribe", topics=["sessions"])
        it.faults("KEY_EXPIRE(told)")
        await rest(it)  # whose push finds the key over
        await client.notification(  # the status may be asked too seldom to see it
            lambda word: word["method"] == "session" and word["params"]["state"] == "blind"
        )
        await it.status(client, lambda account: account["drop_copy"] == "live")
        order_id = await rest(it)
        result = await cancel(client, order_id=order_id)
        assert (result["outcome"], result["evidence"]["source"]) == ("canceled", "push")


async def test_wrong_credentials_are_told_and_not_hammered(tmp_path: Path) -> None:
    wrong = Credentials("another-key", "sim-secret", "")
    async with spot(tmp_path, is_ready=False, credentials=wrong) as (it, client):
        account = await it.until_state(client, "auth_failed")
        assert not account["cancel_ready"]
        refused = await client.call("cancel", account=ACCOUNT, instrument=SYMBOL, order_id="1")
        assert refused["error"]["data"]["reason"] == "account_not_ready"
        assert refused["error"]["data"]["state"] == "auth_failed"
        assert it.venue.floor.stats.rest_calls < 12


async def test_a_key_that_is_refused_while_calls_are_not_closes_the_account_too(tmp_path: Path) -> None:
    async with spot(tmp_path, is_ready=False, faults="AUTH_FAIL(key)x99") as (it, client):
        await it.until_state(client, "auth_failed")


# ---------------------------------------------------------------- the errors that the venue counts


async def test_orders_that_are_gone_do_not_get_the_account_banned(tmp_path: Path) -> None:
    """Thirty cancels of orders that somebody else cancelled unheard: ten errors, then lists that do not fail."""
    async with spot(tmp_path) as (it, client):
        orders = [await rest(it) for _ in range(30)]
        it.faults("DROP_PUSHx30,FOREIGN_CANCELx30")
        results = await asyncio.gather(*(cancel(client, order_id=order_id) for order_id in orders))
        assert {result["outcome"] for result in results} == {"canceled"}
        assert breaches(it) == {}
        codes = [result["venue_code"] for result in results]
        assert codes.count("100404") <= 20
        assert codes.count("0") >= 10  # a row of a list's answer


async def test_unknown_orders_cost_few_errors_and_are_called_unknown(tmp_path: Path) -> None:
    async with spot(tmp_path) as (it, client):
        results = await asyncio.gather(*(cancel(client, order_id=str(number)) for number in range(1, 5)))
        assert {result["outcome"] for result in results} == {"unknown_order"}
        assert breaches(it) == {}


async def test_a_client_id_of_which_its_client_says_when_it_was_placed_can_be_unknown(tmp_path: Path) -> None:
    async with spot(tmp_path) as (it, client):
        tracked = {"account": ACCOUNT, "instrument": SYMBOL, "client_order_id": "oms_8"}
        assert await client.result("track", orders=[tracked | {"placed_at": time.time_ns() // 1000 - 1_000_000}])
        result = await cancel(client, client_order_id="oms_8")
        assert (result["outcome"], result["cxl_rej_reason"]) == ("unknown_order", "1")
        assert breaches(it) == {}


async def test_a_ban_is_honoured_to_its_end_and_cancels_go_another_way(tmp_path: Path) -> None:
    async with spot(tmp_path, errors_max=1, ban_us=600 * SECOND_US) as (it, client):
        gone = [await rest(it) for _ in range(3)]
        for order_id in gone[:2]:
            it.faults("DROP_PUSH,FOREIGN_CANCEL")
            await cancel(client, order_id=order_id)  # the second one is one error too many
        assert breaches(it) == {"errors": 1}
        result = await cancel(client, order_id=gone[2])  # answered by the ban, and sent by the other call
        assert result["outcome"] == "canceled"
        others = [await rest(it) for _ in range(3)]
        for order_id in others:
            assert (await cancel(client, order_id=order_id))["outcome"] == "canceled"
        assert breaches(it) == {"errors": 1, "called while banned": 1}
