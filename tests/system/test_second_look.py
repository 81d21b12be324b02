"""A bulk cancel that overlooked orders: a push was lost, a listing was old. They are found, canceled and told of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.system.rig import until, world
from tests.system.test_cancel_all import cancel_all, live
from tests.system.test_cancel_all_crashes import in_journal, killed_and_started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, Message, World

LAG: Final = "replica_lag_ms = 2000\n"
OLD_LISTINGS: Final = "STALE_QUERY(1.5):1,CANCELING_STATE(0.5)"
"""The last listing is asked half a second after the orders were placed, and shows what rested a second before that."""


def is_corrected(word: Message) -> bool:
    return bool(word["method"] == "bulk_correction")


async def overlooked(it: World, client: Client) -> tuple[Message, set[str]]:
    """Rest five orders, lose the pushes of three, and cancel all: gives the result, and what rests on."""
    await cancel_all(client)  # it ends when pushes have been heard for as long as an answer may be old
    it.faults(f"{OLD_LISTINGS},DROP_PUSHx3")
    placed = await it.rest(5)
    result = await cancel_all(client, request_id="flat")
    assert (result["complete"], result["total"], result["revision"]) == (True, 2, 0)
    left = live(it)
    assert left == set(placed[:3])
    return result, left


async def test_what_a_bulk_cancel_overlooked_is_canceled_and_its_answer_corrected(tmp_path: Path) -> None:
    async with world(tmp_path, account=LAG) as it:
        client = await it.started()
        result, left = await overlooked(it, client)
        (spared,) = await it.rest(1)
        first = (await client.notification(is_corrected))["params"]
        assert (first["request_id"], first["complete"], first["revision"]) == ("flat", False, 1)
        assert first["previous"] == {"complete": True, "survivors_total": 0}
        assert {survivor["order_id"] for survivor in first["survivors"]} == left
        client.notified = [word for word in client.notified if word["params"] is not first]
        then = (await client.notification(is_corrected))["params"]
        assert (then["complete"], then["revision"], then["survivors"]) == (True, 2, [])
        assert live(it) == {spared}
        again = await cancel_all(client, request_id="flat")
        assert again == result | {"revision": 2}
        kinds = [step["kind"] for step in (await client.result("explain", request_id="flat"))["steps"]]
        assert kinds[-3:] == ["bulk_looked", "bulk_corrected", "bulk_corrected"]
        await it.status(client, lambda account: not account["alarms"])


async def test_a_life_that_dies_before_it_has_looked_again_leaves_that_to_the_next(tmp_path: Path) -> None:
    async with world(tmp_path, account=LAG) as it:
        client = await it.started()
        await overlooked(it, client)
        await killed_and_started(it)
        (spared,) = await it.rest(1)
        await until(lambda: in_journal(tmp_path, "SELECT 1 FROM steps WHERE kind = 'bulk_corrected'"))
        await until(lambda: live(it) == {spared})
        client = await it.client()
        again = await cancel_all(client, request_id="flat")
        assert again["revision"] >= 1


async def test_where_nothing_was_overlooked_nothing_is_said(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        await it.rest(3)
        await cancel_all(client, request_id="flat")
        (spared,) = await it.rest(1)
        await until(lambda: in_journal(tmp_path, "SELECT 1 FROM steps WHERE kind = 'bulk_looked'"))
        assert live(it) == {spared}
        assert not any(is_corrected(word) for word in client.notified)
