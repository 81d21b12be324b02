"""kill -9 at each step of the wire and of the journal: after a restart every request has the right outcome, once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.system.crashing import STEPS
from tests.system.rig import WAIT_S, Client, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Message, World

ORDERS = 6
FAULTS = "ACK_OK_NO_PUSH:0.3,ACK_OK_THEN_FILL:0.2"
"""Some outcomes need a question and some orders trade first, so that every step is reached."""


def first_outcomes(folder: Path) -> dict[str, list[str]]:
    """Read from the journal what was concluded first about each request: there must be one."""
    found: dict[str, list[str]] = {}
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as db:
        for name, outcome in db.execute(
            "SELECT request_id, json_extract(report, '$.outcome') FROM outcomes WHERE revision = 0 ORDER BY seq"
        ):
            found.setdefault(name, []).append(outcome)
    return found


async def ask_all(
    world: World, client: Client, orders: list[str], aliases: dict[str, str]
) -> list[asyncio.Future[Message]]:
    """Cancel each order under a name of its own, the last two by client id."""
    return [
        client.send(
            "cancel",
            account="okx-main",
            instrument=world.instrument_of(order_id),
            request_id=f"r-{n}",
            **({"client_order_id": aliases[order_id]} if order_id in aliases else {"order_id": order_id}),
        )
        for n, order_id in enumerate(orders)
    ]


@pytest.mark.parametrize("count", [1, pytest.param(3, marks=pytest.mark.soak)])
@pytest.mark.parametrize("step", STEPS)
async def test_a_kill_at_any_step_costs_no_outcome_and_doubles_none(tmp_path: Path, step: str, count: int) -> None:
    async with world(tmp_path, faults=FAULTS, module="tests.system.crashing") as it:
        orders = await it.rest(ORDERS - 2)
        aliases = {}
        for n in range(2):
            (order_id,) = await it.rest(1, client_order_id=f"mine{n}")
            aliases[order_id] = f"mine{n}"
        orders += aliases
        await it.door.fill(orders[0], "0.5")
        crash = f"{step}:{count}"
        if step == "after_recovery":  # which needs a life before it that left work
            await live_until(it, "before_word:1", orders, aliases)
            await it.daemon.ended()
            crash = f"{step}:1"
        await live_until(it, crash, orders, aliases)
        if count == 1:
            assert await it.daemon.ended() == -signal.SIGKILL, f"{step} is never reached"
        await it.daemon.stop(signal.SIGKILL)
        accepted = recorded(tmp_path)

        await it.daemon.start()
        client = await it.client()
        replies = await ask_all(it, client, orders, aliases)
        results = [(await reply)["result"] for reply in await settled(replies)]

        truth = await it.door.truths()
        for order_id, result in zip(orders, results, strict=True):
            latest = result.get("latest", result)
            assert latest["outcome"] == truth[order_id].ord_status, (step, order_id, latest)
            assert latest["cum_qty"] == truth[order_id].cum_qty
        assert await it.daemon.stop() == 0
        outcomes = first_outcomes(tmp_path)
        assert {f"r-{n}" for n in range(ORDERS)} == set(outcomes)
        assert all(len(said) == 1 for said in outcomes.values()), outcomes
        assert accepted <= set(outcomes)


async def live_until(it: World, crash: str, orders: list[str], aliases: dict[str, str]) -> None:
    """Start it and ask for all cancels; over when all are answered, or when it dies: that may be in its start."""
    await it.daemon.start({"CANCELD_TEST_CRASH": crash})
    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
        client = await Client.connect(it.daemon.socket)
        it.clients.append(client)
        await it.ready(client)
        async with asyncio.timeout(WAIT_S):
            await asyncio.wait(await ask_all(it, client, orders, aliases))


async def settled(replies: list[asyncio.Future[Message]]) -> list[asyncio.Future[Message]]:
    async with asyncio.timeout(WAIT_S):
        await asyncio.gather(*replies)
    return replies


def recorded(folder: Path) -> set[str]:
    """The requests that the first life wrote down."""
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as db:
        return {name for (name,) in db.execute("SELECT request_id FROM requests")}
