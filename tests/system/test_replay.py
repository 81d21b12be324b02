"""What was said can be heard again: history, explain and subscribe from a number on, over restarts, whole, in order."""

from __future__ import annotations

import asyncio
import signal
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.system.rig import HASTY, WAIT_S, until, world, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, Message, World

MANY = 600
"""More outcomes than a connection's buffer holds, or a page of the journal."""


async def cancel_many(it: World, client: Client, count: int, prefix: str) -> list[int]:
    """Cancel orders; gives the numbers of the outcomes."""
    orders = await it.rest(count)
    replies = [it.cancel(client, order_id, request_id=f"{prefix}-{n}") for n, order_id in enumerate(orders)]
    async with asyncio.timeout(WAIT_S):
        said = [reply["result"] for reply in await asyncio.gather(*replies)]
    await written(client, max(said, key=lambda one: int(one["seq"]))["request_id"])
    return sorted(one["seq"] for one in said)


def heard(client: Client) -> list[int]:
    return [message["params"]["seq"] for message in client.notified if message["method"] in {"outcome", "correction"}]


def gaps(client: Client) -> list[Message]:
    return [message["params"] for message in client.notified if message["method"] == "gap"]


async def test_a_replay_over_a_restart_is_whole_and_in_order_and_goes_on_live(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        old = await cancel_many(it, await it.started(), MANY, "old")
        await it.daemon.stop(signal.SIGKILL)
        client = await it.started()
        listener, late, live = await it.client(), await it.client(), await it.client()
        await listener.result("subscribe", topics=["outcomes", "corrections"], from_seq=0)
        await live.result("subscribe", topics=["outcomes", "corrections"])
        new = await cancel_many(it, client, 60, "new")  # while the replay goes on
        await until(lambda: heard(listener)[-1:] == new[-1:])
        assert heard(listener) == old + new
        middle = old[len(old) // 2]
        await late.result("subscribe", topics=["outcomes"], from_seq=middle)
        await until(lambda: heard(late)[-1:] == new[-1:])
        assert heard(late) == [seq for seq in old + new if seq >= middle]
        await until(lambda: heard(live)[-1:] == new[-1:])
        assert heard(live) == new
        assert gaps(listener) == gaps(late) == gaps(live) == []


async def test_history_pages_over_a_restart_without_a_hole_or_a_double(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        wanted = await cancel_many(it, await it.started(), 70, "old")
        await it.daemon.stop(signal.SIGTERM)
        client = await it.started()
        wanted += await cancel_many(it, client, 30, "new")
        rows: list[Message] = []
        from_seq = 0
        while page := (await client.result("history", from_seq=from_seq, limit=17))["requests"]:
            rows += page
            from_seq = page[-1]["seq"] + 1
        assert [row["seq"] for row in rows] == wanted
        assert all(early < late for early, late in pairwise(wanted))
        (row,) = (await client.result("history", request_id="old-3"))["requests"]
        assert (row["outcome"], row["durable"]) == ("canceled", True)
        by_order = (await client.result("history", order_id=row["order_id"]))["requests"]
        assert [one["request_id"] for one in by_order] == ["old-3"]


async def test_a_story_is_told_over_lives(tmp_path: Path) -> None:
    async with world(tmp_path, account=HASTY) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        it.faults("NO_ACK(lost):1,QUERY_NOTFOUND:1")
        assert (await it.canceled(client, order_id, request_id="r"))["outcome"] == "in_doubt"
        await it.daemon.stop(signal.SIGKILL)
        client = await it.started()
        await it.door.fill(order_id)
        await client.result("subscribe", topics=["corrections"], from_seq=0)
        await client.notification(lambda message: message["method"] == "correction")
        await written(client, "r", 2)
        story = await client.result("explain", request_id="r")
        assert (story["request"]["outcome"], story["request"]["revision"]) == ("filled", 1)
        kinds = [step["kind"] for step in story["steps"]]
        assert kinds[0] == "request_opened"
        assert kinds.count("concluded") == 2
        assert {"send_made", "asked", "told", "observed"} <= set(kinds)
        times = [step["t"] for step in story["steps"]]
        assert times[-1] >= times[0]
        filled = [step for step in story["steps"] if step["kind"] == "observed"][-1]
        assert order_id in filled["frame"]


async def test_a_correction_is_replayed_to_who_subscribes_to_corrections_alone(tmp_path: Path) -> None:
    async with world(tmp_path, account=HASTY) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        it.faults("NO_ACK(lost):1,QUERY_NOTFOUND:1")
        first = await it.canceled(client, order_id, request_id="r")
        await it.door.fill(order_id)
        await written(client, "r", 2)
        for _ in range(2):
            listener = await it.client()
            await listener.result("subscribe", topics=["corrections"], from_seq=first["seq"])
            word = await listener.notification(lambda message: message["method"] == "correction")
            assert (word["params"]["outcome"], word["params"]["previous"]["outcome"]) == ("filled", "in_doubt")
            assert heard(listener) == [word["params"]["seq"]]
            await it.daemon.stop(signal.SIGKILL)
            client = await it.started()
