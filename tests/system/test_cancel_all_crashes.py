"""A bulk cancel over kill -9: what was meant is canceled in the next life, once, and who asks again gets the answer."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.venues.htx.venue import HtxVenue
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.system.rig import WAIT_S, until, world
from tests.system.six import Turnstile
from tests.system.slow_disk import HELD, HELD_AFTER
from tests.system.test_cancel_all import ACCOUNT, cancel_all, live, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, Message, World


MANY = 240
"""Many times what is taken up in one turn of the loop; a result lists as many by name."""
FOUND = "SELECT body FROM steps WHERE kind = 'bulk_meant'"


def in_journal(folder: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{folder / 'journal.sqlite'}?mode=ro", uri=True)) as db:
        return db.execute(question).fetchall()


async def killed_and_started(it: World) -> None:
    await it.daemon.stop(signal.SIGKILL)
    await it.leave()
    await it.daemon.start()


async def test_a_kill_between_the_intent_and_the_listing_costs_nothing(tmp_path: Path) -> None:
    """Nothing was known of the orders and nothing had been asked when the daemon died: the intent alone is on disk."""
    venue = Turnstile(OkxVenue(OkxOptions(seed=7)))
    async with world(tmp_path, venue=venue) as it:
        client = await it.started()
        venue.is_silent = True
        orders = await it.rest(5)
        unheard = client.send("cancel_all", account=ACCOUNT, request_id="flat")
        await until(lambda: in_journal(tmp_path, "SELECT 1 FROM bulks"))
        assert in_journal(tmp_path, "SELECT 1 FROM requests") == []
        await it.daemon.stop(signal.SIGKILL)
        await it.leave()
        assert unheard.cancelled()
        venue.is_silent = False
        await it.daemon.start()
        again = await it.client()
        result = await cancel_all(again, request_id="flat")
        assert (result["complete"], result["total"]) == (True, 5)
        assert live(it) == set()
        assert {it.cancels_of(order) for order in orders} == {1}
        assert len(in_journal(tmp_path, "SELECT 1 FROM bulks")) == 1


async def test_a_kill_midway_gives_no_order_a_second_name(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(9)
        it.faults("CANCELING_STATE(1)")
        asked = client.send("cancel_all", account=ACCOUNT, request_id="flat")
        await until(lambda: all(it.cancels_of(order) for order in orders))
        await until(lambda: len(in_journal(tmp_path, "SELECT 1 FROM requests")) == len(orders))
        await killed_and_started(it)
        assert asked.cancelled()
        result = await cancel_all(await it.client(), request_id="flat")
        assert (result["complete"], result["total"]) == (True, 9)
        assert {item["order_id"] for item in result["items"]} == set(orders)
        names = [name for (name,) in in_journal(tmp_path, "SELECT request_id FROM requests")]
        assert sorted(map(str, names)) == [f"flat/{number}" for number in range(9)]
        assert live(it) == set()


async def flattened_by_a_disk_that_stands_still(
    it: World, folder: Path
) -> tuple[Client, list[str], asyncio.Future[Message]]:
    """Let many orders rest and be canceled; right behind the record of what the filter found the disk is held up."""
    client = await it.started()
    orders = await it.rest(MANY)
    async with asyncio.timeout(WAIT_S):
        while (await cancel_all(client, dry_run=True))["total"] < MANY:
            await asyncio.sleep(0.01)  # they are still being told of
    (folder / HELD_AFTER).write_text(FOUND)
    asked = client.send("cancel_all", account=ACCOUNT, request_id="flat")
    await until((folder / HELD).exists)  # the cancels leave without waiting for the disk, and may be over before
    return client, orders, asked


async def test_a_kill_between_what_was_found_and_the_requests_leaves_no_order_unheard_of(tmp_path: Path) -> None:
    """The disk stands still right behind what the filter found; all cancels leave, and some of the orders fill."""
    async with world(tmp_path, faults="ACK_OK_THEN_FILL:0.2", module="tests.system.slow_disk") as it:
        _, orders, asked = await flattened_by_a_disk_that_stands_still(it, tmp_path)
        await until(lambda: all(it.cancels_of(order) for order in orders) and not live(it))
        assert len(in_journal(tmp_path, FOUND)) == 1
        named = in_journal(tmp_path, "SELECT order_id FROM requests")
        assert len(named) < MANY / 2
        await it.daemon.stop(signal.SIGKILL)
        await it.leave()
        assert asked.cancelled()
        (tmp_path / HELD).unlink()
        await it.daemon.start()
        result = await cancel_all(await it.client(), request_id="flat")
        assert (result["complete"], result["total"], result["survivors"]) == (True, MANY, [])
        told = {item["order_id"]: item["outcome"] for item in result["items"]}
        assert told == {order: it.truth_of(order)[0] for order in orders}
        assert set(told.values()) == {"canceled", "filled"}
        assert len({item["request_id"] for item in result["items"]}) == MANY
        kept = in_journal(tmp_path, "SELECT request_id, order_id FROM requests")
        assert len(kept) == len({name for name, _ in kept}) == len({order for _, order in kept}) == MANY
        assert set(named) <= {(order,) for _, order in kept}


async def test_words_that_rest_on_what_was_found_hold_where_the_next_life_is_too_late_to_cancel(tmp_path: Path) -> None:
    """The disk stands still right behind what the filter found, and the daemon is away for longer than a wish is good.

    Each request that was told of is there in the next life, has the same order, and gets its outcome again.
    """
    async with world(tmp_path, module="tests.system.slow_disk") as it:
        client, orders, asked = await flattened_by_a_disk_that_stands_still(it, tmp_path)
        await until(lambda: len(told(client)) == MANY)
        words = [note["params"] for note in client.notified if note["method"] == "outcome"]
        assert {word["durable"] for word in words} == {True}
        assert in_journal(tmp_path, "SELECT 1 FROM requests") == []
        await it.daemon.stop(signal.SIGKILL)
        await it.leave()
        assert asked.cancelled()
        (tmp_path / HELD).unlink()
        with closing(sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)) as db:
            db.execute(
                "UPDATE bulks SET intent = json_set(intent, '$.received_us', intent ->> '$.received_us' - 400000000)"
            )
        await it.daemon.start()
        result = await cancel_all(await it.client(), request_id="flat")
        assert (result["complete"], result["total"], result["survivors"]) == (True, MANY, [])
        names = {(item["request_id"], item["order_id"], item["outcome"]) for item in result["items"]}
        assert names == {(word["request_id"], word["order_id"], word["outcome"]) for word in words}
        assert {it.cancels_of(order) for order in orders} == {1}


async def test_nobody_needs_to_ask_again_for_it_to_be_done(tmp_path: Path) -> None:
    venue = Turnstile(OkxVenue(OkxOptions(seed=7)))
    async with world(tmp_path, venue=venue) as it:
        client = await it.started()
        venue.is_silent = True
        await it.rest(3)
        asked = client.send("cancel_all", account=ACCOUNT, request_id="flat")
        await until(lambda: in_journal(tmp_path, "SELECT 1 FROM bulks"))
        venue.is_silent = False
        await killed_and_started(it)
        assert asked.cancelled()
        await until(lambda: in_journal(tmp_path, "SELECT 1 FROM bulks WHERE complete = 1"))
        assert live(it) == set()


async def test_its_result_outlives_the_life_that_told_it(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        await it.rest(3)
        first = await cancel_all(client, request_id="flat")
        await until(lambda: in_journal(tmp_path, "SELECT 1 FROM bulks WHERE ended_us IS NOT NULL"))
        await killed_and_started(it)
        client = await it.client()
        await it.ready(client)
        (spared,) = await it.rest(1)
        assert await cancel_all(client, request_id="flat") == first
        reply = await client.call("cancel_all", account=ACCOUNT, side="sell", request_id="flat")
        assert reply["error"]["data"]["reason"] == "request_id_conflict"
        reply = await client.call("cancel", account=ACCOUNT, instrument="BTC-USDT", order_id=spared, request_id="flat")
        assert reply["error"]["data"]["reason"] == "request_id_conflict"
        assert live(it) == {spared}


async def test_a_wish_of_long_ago_cancels_nothing_new_in_the_next_life(tmp_path: Path) -> None:
    venue = Turnstile(OkxVenue(OkxOptions(seed=7)))
    async with world(tmp_path, venue=venue, extra="resend_max_age_s = 1\n") as it:
        client = await it.started()
        venue.is_silent = True
        asked = client.send("cancel_all", account=ACCOUNT, request_id="flat")
        await until(lambda: in_journal(tmp_path, "SELECT 1 FROM bulks"))
        await it.daemon.stop(signal.SIGKILL)
        await it.leave()
        assert asked.cancelled()
        with closing(sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)) as db:
            db.execute("UPDATE bulks SET intent = json_set(intent, '$.received_us', 1700000000000000)")
        venue.is_silent = False
        orders = await it.rest(2)
        await it.daemon.start()
        result = await cancel_all(await it.client(), request_id="flat")
        assert (result["complete"], result["total"], result["survivors_total"]) == (False, 0, 2)
        assert live(it) == set(orders)


@pytest.mark.parametrize("with_pushes", [True, False])
async def test_both_margin_modes_are_listed_and_canceled(tmp_path: Path, *, with_pushes: bool) -> None:
    """An isolated order is in no listing that is not asked for its mode; without pushes the listings alone tell."""
    async with world(tmp_path, venue=HtxVenue(HtxOptions(seed=7))) as it:
        wanted = [
            {"instrument": instrument, "side": side, "price": "5" if side == "buy" else "900000", "qty": "8"}
            for instrument in ("BTC-USDT", "ETH-USDT")  # cross, and isolated
            for side in ("buy", "sell")
        ]
        early = [] if with_pushes else await it.door.place(wanted)
        client = await it.started()
        orders = early or await it.door.place(wanted)
        result = await cancel_all(client, side="buy")
        assert (result["complete"], result["total"]) == (True, 2)
        assert live(it) == {orders[1], orders[3]}
        result = await cancel_all(client)
        assert (result["complete"], result["total"]) == (True, 2)
        assert live(it) == set()
