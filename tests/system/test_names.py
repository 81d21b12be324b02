"""A request's name, over restarts: asking again under it makes no second cancel and gets what was said, and what since.

Corrections too: what was in doubt and is known later is told unasked, numbered, and found again under the name.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from tests.system.rig import HASTY, WAIT_S, until, world, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, Message, World

SILENT = "NO_ACK(lost):1,QUERY_NOTFOUND:1"
"""The venue processes no cancel and denies the order."""


async def in_doubt(it: World, client: Client, order_id: str, **ids: str) -> Message:
    """Bring a request in doubt."""
    it.faults(SILENT)
    said = await it.canceled(client, order_id, request_id="r", **ids)
    assert (said["outcome"], said["revision"]) == ("in_doubt", 0)
    return said


async def next_life(it: World, number: signal.Signals = signal.SIGKILL) -> Client:
    await it.daemon.stop(number)
    return await it.started()


def corrections(client: Client) -> list[Message]:
    return [message["params"] for message in client.notified if message["method"] == "correction"]


async def corrected(client: Client) -> Message:
    word: Message = (await client.notification(lambda message: message["method"] == "correction"))["params"]
    return word


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_the_same_name_after_a_restart_gets_the_same_outcome_and_sends_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        first = await it.canceled(client, order_id, request_id="r")
        await written(client, "r")
        client = await next_life(it, number)
        again = await it.canceled(client, order_id, request_id="r")
        assert {key: again[key] for key in ("outcome", "cum_qty", "seq", "revision")} == {
            "outcome": "canceled", "cum_qty": "0", "seq": first["seq"], "revision": 0
        }  # fmt: skip
        assert again["latest"]["outcome"] == "canceled"
        assert again["corrections"] == []
        assert it.cancels_of(order_id) == 1


@pytest.mark.parametrize("ending", ["canceled", "filled"])
async def test_what_was_in_doubt_is_corrected_unasked_to_who_asked_and_to_subscribers(
    tmp_path: Path, ending: str
) -> None:
    async with world(tmp_path, account=HASTY) as it:
        client, watcher, other = await it.started(), await it.client(), await it.client()
        await watcher.result("subscribe", topics=["outcomes", "corrections"])
        (order_id,) = await it.rest(1)
        await it.door.fill(order_id, "0.5")
        first = await in_doubt(it, client, order_id)
        if ending == "filled":
            await it.door.fill(order_id)
        else:
            await it.door._call("POST", f"/_sim/orders/{order_id}/cancel", None)
        for hears in (client, watcher):
            word = await corrected(hears)
            assert (word["outcome"], word["cum_qty"]) == it.truth_of(order_id)
            assert word["outcome"] == ending
            assert word["revision"] == 1
            assert word["seq"] > first["seq"]
            assert word["previous"]["outcome"] == "in_doubt"
        again = await it.canceled(other, order_id, request_id="r")
        assert (again["outcome"], again["revision"], again["seq"]) == ("in_doubt", 0, first["seq"])
        assert (again["latest"]["outcome"], again["latest"]["revision"]) == (ending, 1)
        assert [one["previous"]["outcome"] for one in again["corrections"]] == ["in_doubt"]
        assert [row["outcome"] for row in await written(other, "r", 2)] == ["in_doubt", ending]
        assert len(corrections(client)) == len(corrections(watcher)) == 1


async def test_a_correction_of_the_next_life_comes_after_the_first_outcome_of_the_last_one(tmp_path: Path) -> None:
    async with world(tmp_path, account=HASTY) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        first = await in_doubt(it, client, order_id)
        client = await next_life(it)
        early = await it.canceled(client, order_id, request_id="r")
        assert (early["outcome"], early["revision"], early["seq"]) == ("in_doubt", 0, first["seq"])
        assert (early["latest"]["revision"], early["corrections"]) == (0, [])
        await it.door.fill(order_id)
        word = await corrected(client)
        assert (word["outcome"], word["revision"], word["previous"]["outcome"]) == ("filled", 1, "in_doubt")
        for _ in range(2):
            late = await it.canceled(client, order_id, request_id="r")
            assert (late["outcome"], late["revision"], late["seq"]) == ("in_doubt", 0, first["seq"])
            assert (late["latest"]["outcome"], late["latest"]["revision"]) == ("filled", 1)
            assert [one["revision"] for one in late["corrections"]] == [1]
            assert late["latest"]["seq"] == word["seq"]
            rows = await written(client, "r", 2)
            assert [row["outcome"] for row in rows] == ["in_doubt", "filled"]
            client = await next_life(it)


async def test_a_request_taken_up_by_the_next_life_answers_all_who_ask_under_its_name(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        it.faults(SILENT)
        held = it.cancel(client, order_id, request_id="r")
        await until(lambda: it.cancels_of(order_id))
        await it.daemon.stop(signal.SIGKILL)
        assert held.cancelled() or not held.done()
        it.venue.faults.clear()
        await it.daemon.start()
        clients = [await it.client() for _ in range(4)]
        async with asyncio.timeout(WAIT_S):
            replies = await asyncio.gather(*(it.cancel(one, order_id, request_id="r") for one in clients * 2))
        said = [reply["result"] for reply in replies]
        assert {one["outcome"] for one in said} == {"canceled"}
        assert len({one["seq"] for one in said}) == 1


async def test_a_name_that_is_taken_is_refused_at_once_and_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        one, two = await it.rest(2)
        await it.canceled(client, one, request_id="r")
        await written(client, "r")
        for _ in range(2):
            for wish in (two, one):
                instrument = {} if wish == two else {"instrument": it.instrument_of(two)}
                reply = await it.cancel(client, wish, request_id="r", **instrument)
                data = reply["error"]["data"]
                assert data["reason"] == "request_id_conflict"
                assert data["order_id"] == one
                assert data["age_ms"] >= 0
            by_alias = await it.cancel(client, two, request_id="r", client_order_id="another")
            assert by_alias["error"]["data"]["reason"] == "request_id_conflict"
            client = await next_life(it)
        assert it.cancels_of(two) == 0
        assert (await it.canceled(client, two, request_id="r2"))["outcome"] == "canceled"


async def test_the_two_ids_of_an_order_are_one_wish_under_a_name(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        (order_id,) = await it.rest(1, client_order_id="mine")
        first = await it.canceled(client, order_id, client_order_id="mine", request_id="r")
        assert first["order_id"] == order_id
        await written(client, "r")
        for _ in range(2):
            again = await it.canceled(client, order_id, request_id="r")
            assert again["seq"] == first["seq"]
            client = await next_life(it)


async def test_a_name_whose_case_has_left_the_memory_still_makes_no_second_cancel(tmp_path: Path) -> None:
    async with world(tmp_path, module="tests.system.forgetting") as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        first = await it.canceled(client, order_id, request_id="r")
        await written(client, "r")
        others = await it.rest(2)
        it.faults("ACK_OK_NO_PUSHx2")
        for other in others:  # time passes, and the first case is gone
            await it.canceled(client, other)
        again = await it.canceled(client, order_id, request_id="r")
        assert (again["seq"], again["latest"]["seq"]) == (first["seq"], first["seq"])
        rows = (await client.result("history", request_id="r", from_seq=0))["requests"]
        assert len(rows) == 1
        assert it.cancels_of(order_id) == 1
        refused = await it.cancel(client, others[0], request_id="r")
        assert refused["error"]["data"]["reason"] == "request_id_conflict"


async def test_a_request_that_exists_is_never_refused_as_if_it_did_not(tmp_path: Path) -> None:
    """An error would say that no request exists and nothing was sent: for an account that lost its key, too."""
    async with world(tmp_path) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        first = await it.canceled(client, order_id, request_id="r")
        it.faults("AUTH_FAIL:1")
        await it.daemon.stop(signal.SIGTERM)
        await it.daemon.start()
        client = await it.client()
        await it.status(client, lambda now: now["state"] == "auth_failed")
        again = await it.canceled(client, order_id, request_id="r")
        assert (again["outcome"], again["seq"]) == ("canceled", first["seq"])
        refused = await it.cancel(client, order_id, request_id="new")
        assert refused["error"]["data"]["reason"] == "account_not_ready"
