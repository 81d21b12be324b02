"""The client library binds orders to a program's life: it keeps the heartbeat, comes back, and lets go in order."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from daemon.client_binding import AsyncBinding, Binding
from daemon.client_words import Refused
from tests.system.rig import WAIT_S, until, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import World

SCOPE = {"account": "okx-main", "client_id_prefix": "mine"}
BEAT_MS = 400
LATER_MS = 60_000


async def rest(it: World) -> str:
    order = {"instrument": "BTC-USDT", "side": "buy", "price": "0.1", "qty": "1", "client_order_id": "mine1"}
    return (await it.door.place([order]))[0]


async def is_held(it: World) -> None:
    """Wait until the one binding is held by a client."""
    client = await it.client()
    async with asyncio.timeout(WAIT_S):
        while [seen["state"] for seen in (await client.result("status"))["bindings"]] != ["held"]:
            await asyncio.sleep(0.01)


async def is_over(it: World) -> None:
    client = await it.client()
    async with asyncio.timeout(WAIT_S):
        while (await client.result("status"))["bindings_total"]:
            await asyncio.sleep(0.01)


async def test_a_block_that_ends_in_order_releases_and_one_that_fails_does_not(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.started()
        order = await rest(it)
        path = str(it.daemon.socket)

        def live(*, fails: bool) -> None:
            with Binding(SCOPE, grace_ms=0, path=path, name="mm"):
                if fails:
                    raise ValueError("the strategy")

        await asyncio.to_thread(live, fails=False)
        await is_over(it)
        assert it.truth_of(order)[0] == "new"
        with pytest.raises(ValueError, match="the strategy"):
            await asyncio.to_thread(live, fails=True)
        await until(lambda: it.truth_of(order)[0] == "canceled")


async def test_the_heartbeat_is_kept_and_a_new_life_of_the_daemon_is_found(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.started()
        order = await rest(it)
        may_end, has_begun = threading.Event(), threading.Event()

        def live() -> None:
            with Binding(SCOPE, grace_ms=LATER_MS, heartbeat_ms=BEAT_MS, path=str(it.daemon.socket)):
                has_begun.set()
                may_end.wait(WAIT_S)

        living = asyncio.create_task(asyncio.to_thread(live))
        try:
            await asyncio.to_thread(has_begun.wait, WAIT_S)
            await is_held(it)
            await it.daemon.stop()
            await it.started()
            await is_held(it)
        finally:
            may_end.set()
            await living
        await is_over(it)
        assert it.truth_of(order)[0] == "new"


async def test_it_is_the_same_with_await_and_says_when_it_fired(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.started()
        order = await rest(it)
        path = str(it.daemon.socket)
        async with AsyncBinding(SCOPE, grace_ms=LATER_MS, heartbeat_ms=BEAT_MS, path=path) as bound:
            await is_held(it)
            await it.daemon.stop()
            await it.started()
            await is_held(it)
            operator = await it.client()
            await operator.result("bind", binding_id=bound.binding_id, release=True)
            await until(lambda: isinstance(bound.refusal, Refused))
        assert it.truth_of(order)[0] == "new"
        left = AsyncBinding(SCOPE, grace_ms=0, path=path)
        await left.start()
        await left.abandon()
        await until(lambda: it.truth_of(order)[0] == "canceled")
