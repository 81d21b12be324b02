"""Everything in a scope canceled through the real daemon: each order proven, nothing else touched, nothing left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.system.rig import world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, Message

ALL = {"account": "okx-main"}


def outcomes(client: Client) -> dict[str, str]:
    """What was notified of each order."""
    told = [word["params"] for word in client.notified if word["method"] == "outcome"]
    return {word["order_id"]: word["outcome"] for word in told}


async def cancel_all(client: Client, **params: object) -> Message:
    return await client.result("cancel_all", **(params or ALL))


async def test_every_order_gets_its_own_outcome_and_the_venue_is_left_empty(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(30)
        await it.door.fill(orders[3], "1")
        result = await cancel_all(client, account="okx-main", request_id="flat")
        assert (result["complete"], result["total"], result["survivors"]) == (True, 30, [])
        assert result["counts"]["canceled"] == 30
        assert sorted(item["request_id"] for item in result["items"]) == sorted(f"flat/{n}" for n in range(30))
        assert outcomes(client) == dict.fromkeys(orders, "canceled")
        assert {it.truth_of(order)[0] for order in orders} == {"canceled"}
        assert {it.cancels_of(order) for order in orders} == {1}
        assert (await it.door.stats()).breaches == {}
