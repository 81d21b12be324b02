"""Every fault that the simulated OKX can show, through the whole daemon: the outcome is the truth, and said once.

Four orders live through each fault: one is canceled by order id, one by client id, one after it traded in part, and one
by both ids at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.system.rig import QUICK, WAIT_S, until, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.system.rig import Client, Message, World

WAYS = ("by order id", "by client id", "after a fill", "by both ids")
EACH = len(WAYS)

STEADY = (
    "ACK_OK_THEN_FILLx4",
    "ACK_OK_NO_PUSHx4",
    "PUSH_BEFORE_ACK:1",
    "PUSH_BEFORE_ACK(400)x4",  # past the wait for an answer
    "NO_ACKx4",
    "NO_ACK(lost)x4",
    "ACK_LATE(400)x4",
    "ACK_LATE(400)x4,DROP_PUSHx8",
    "REJECTx4",
    "REJECT(51400)x4,DROP_PUSHx8",
    "REJECT(51401)x4",
    "REJECT(51412)x4",
    "REJECT(51149)x4",
    "REJECT(50001)x4",
    "REJECT(50004)x4",
    "REJECT(50013)x2",
    "REJECT(51001)x4",
    "REJECT(64007)x4",
    "REJECT(51008_1000)x4",
    "REJECT(59999)x4",  # a code that nobody has heard of
    "RATE_LIMITx2",
    "FOREIGN_CANCELx4",
    "FOREIGN_CANCEL(32)x4",
    "FOREIGN_CANCEL(3)x4,DROP_PUSHx8",
    "BURST_PUSHx4",
    "BURST_PUSH(5)x4,REORDER:1",
    "CANCELING_STATE(0.3)x4",
    "ID_ECHO_MISSING(ack)x4",
    "ID_ECHO_MISSING(id)x4",
    "ID_ECHO_MISSING(error)x4",
    "DUP_PUSH:1",
    "REORDER:1",
    "DROP_PUSHx8",
    "DROP_PUSH(3)x2",
    "BAD_FRAME(text):1",
    "BAD_FRAME(binary):1",
    "BAD_FRAME(truncated):1",
    "UNKNOWN_EVENT:1",
    "TYPE_FLIP:1",
    "BIG_INT(number):1",
    "BIG_INT(huge):1",
    "ACK_OK_NO_PUSHx4,STALE_QUERY(0.4)x8",
    "ACK_OK_NO_PUSHx4,QUERY_NOTFOUNDx8",
    "ACK_OK_NO_PUSHx4,QUERY_OPEN_ONLYx8",
    "ACK_OK_NO_PUSHx4,TYPE_FLIP:1",
    "ACK_OK_NO_PUSHx4,BAD_FRAME(truncated)x6",
    "ACK_OK_NO_PUSHx4,BIG_INT(number):1",
    "ACK_OK_THEN_FILLx4,DROP_PUSHx8,STALE_QUERY(0.4)x8",
    "NO_ACKx4,DROP_PUSHx8,QUERY_NOTFOUNDx4",
    "ACK_OK_THEN_FILLx4,DROP_PUSHx8,QUERY_OPEN_ONLYx4",  # filled, and only open orders are listed
    "ACK_OK_THEN_FILLx4,DUP_PUSH:1,REORDER:1",
    "REJECT(51400)x4,DROP_PUSHx8,QUERY_NOTFOUNDx8",
)
"""Faults that leave the daemon's sessions as they are: one daemon lives through all of them, in any order."""
BREAKING = (
    "DISCONNECT(before_process)x4",
    "DISCONNECT(before_ack)x4",
    "DISCONNECT(after_ack)x4",
    "DISCONNECT(before_ack)x4,DROP_PUSHx8",
    "DISCONNECT(after_ack)x2,DUP_PUSH:1",
    "HALF_OPENx1",
    "ZOMBIEx1",
    "NOTICE_CLOSE(0.2)x1",
    "NOTICE_CLOSE(0)x1",
    "ACK_OK_NO_PUSHx4,AUTH_FAIL(rest)x1",
)
"""Faults that end sessions, or leave them worse than they were."""
ON_LOGIN = ("AUTH_SLOW(0.3)x1", "SKEW(40)", "SKEW(-40)")
BY_ENTRY = (
    "DUP_PUSH:0.1",
    "NO_ACK(lost)x4",
    "REJECT(51400)x2,ACK_OK_NO_PUSHx2",
    "RATE_LIMITx2",
    "BAD_FRAME(truncated)x3",
)
ENTRIES = ("ws", "rest", "ws_then_rest")

pytestmark = pytest.mark.asyncio(loop_scope="module")
turns = itertools.count(1)


class Stage:
    """A world, a client of its daemon, and a subscriber to all that is told."""

    def __init__(self, it: World, client: Client, watcher: Client) -> None:
        self.it = it
        self.client = client
        self.watcher = watcher


async def staged(it: World, entry: str = "ws_then_rest") -> Stage:
    await it.daemon.start()
    client, watcher = await it.client(), await it.client()
    await it.status(client, it.is_ready_by("rest" if entry == "rest" else "ws"))
    await watcher.result("subscribe", topics=["outcomes", "corrections"])
    return Stage(it, client, watcher)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stages(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Stage]]:
    """A daemon for each kind of order entry, which all steady faults are lived through with."""
    async with contextlib.AsyncExitStack() as stack:
        found = {}
        for entry in ENTRIES:
            folder = tmp_path_factory.mktemp(entry)
            it = await stack.enter_async_context(world(folder, account=f'{QUICK}order_entry = "{entry}"\n'))
            found[entry] = await staged(it, entry)
        yield found


async def lay_out(it: World, name: str) -> list[tuple[str, dict[str, str]]]:
    """Rest the four orders; gives each with the ids that its cancel names."""
    plain, filled = await it.rest(2)
    (by_alias,) = await it.rest(1, client_order_id=f"{name}a")
    (by_both,) = await it.rest(1, client_order_id=f"{name}b")
    await it.door.fill(filled, "0.5")
    return [
        (plain, {"order_id": plain}),
        (by_alias, {"client_order_id": f"{name}a"}),
        (filled, {"order_id": filled}),
        (by_both, {"order_id": by_both, "client_order_id": f"{name}b"}),
    ]


async def live_through(stage: Stage, spec: str) -> None:
    """Cancel everything while a fault goes on, and hold what is said against the venue's books."""
    it, name = stage.it, f"mine{next(turns)}"
    orders = await lay_out(it, name)
    fired = dict(it.venue.faults.fired)
    it.faults(spec)
    try:
        names = [f"{name}-{n}" for n in range(EACH)]
        replies = [
            it.cancel(stage.client, order_id, request_id=request_id, progress=True, **ids)
            for request_id, (order_id, ids) in zip(names, orders, strict=True)
        ]
        async with asyncio.timeout(WAIT_S):
            said = [reply["result"] for reply in await asyncio.gather(*replies)]
    finally:
        it.venue.faults.clear()
    await until(lambda: set(names) <= told(stage.watcher, "outcome").keys())
    for way, (order_id, _), first in zip(WAYS, orders, said, strict=True):
        hold_against_the_books(it, order_id, first, last_word(stage.watcher, first), way)
    assert all(len(told(stage.watcher, "outcome")[each]) == 1 for each in names)
    assert not told(stage.client, "outcome")
    not_fired = {each for each in names_in(spec) if it.venue.faults.fired.get(each, 0) == fired.get(each, 0)}
    assert not not_fired or spec == "DUP_PUSH:0.1", not_fired
    assert it.venue.floor.rates.breaches == {}


def hold_against_the_books(it: World, order_id: str, first: Message, latest: Message, way: str) -> None:
    status, cum_qty = it.truth_of(order_id)
    assert first["outcome"] != "in_doubt", (way, first)
    assert latest["outcome"] == status, (way, latest)
    assert latest["order_id"] == order_id
    assert latest["cum_qty"] is not None, (way, latest)
    assert Decimal(latest["cum_qty"]) == Decimal(cum_qty), (way, latest)
    assert latest["evidence"]["source"] in {"push", "query"}
    assert latest["durable"] is True


def told(client: Client, kind: str) -> dict[str, list[Message]]:
    """What was notified, by request."""
    found: dict[str, list[Message]] = {}
    for message in client.notified:
        if message["method"] == kind:
            found.setdefault(message["params"]["request_id"], []).append(message["params"])
    return found


def last_word(watcher: Client, first: Message) -> Message:
    """The newest that was said about a request: its last correction, or else its outcome."""
    later = told(watcher, "correction").get(first["request_id"], [])
    return max([first, *later], key=lambda one: int(one["revision"]))


def names_in(spec: str) -> set[str]:
    return {re.split(r"[(:x]", item)[0] for item in spec.split(",")}


@pytest.mark.parametrize("spec", STEADY)
async def test_the_outcome_is_the_venues_truth_and_is_said_once(stages: dict[str, Stage], spec: str) -> None:
    await live_through(stages["ws_then_rest"], spec)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("spec", BY_ENTRY)
async def test_every_road_ends_in_the_truth(stages: dict[str, Stage], entry: str, spec: str) -> None:
    await live_through(stages[entry], spec)


@pytest.mark.parametrize("spec", BREAKING)
async def test_a_session_that_breaks_costs_no_outcome(tmp_path: Path, spec: str) -> None:
    async with world(tmp_path, account=QUICK) as it:
        await live_through(await staged(it), spec)


@pytest.mark.parametrize(
    ("entry", "spec"),
    [
        ("ws", "DISCONNECT(before_process)x2"),
        ("ws", "DISCONNECT(before_ack)x2,DROP_PUSHx4"),
        ("rest", "DISCONNECT(before_process)x2"),
        ("rest", "DISCONNECT(before_ack)x2,DROP_PUSHx4"),
    ],
)
async def test_a_road_that_breaks_and_has_no_other_is_waited_for(tmp_path: Path, entry: str, spec: str) -> None:
    async with world(tmp_path, account=f'{QUICK}order_entry = "{entry}"\n') as it:
        await live_through(await staged(it, entry), spec)


@pytest.mark.parametrize("spec", ON_LOGIN)
async def test_a_slow_login_and_another_clock_cost_no_outcome(tmp_path: Path, spec: str) -> None:
    async with world(tmp_path, faults=spec) as it:
        await it.daemon.start()
        client = await it.client()
        (order_id,) = await it.rest(1)
        result = await it.canceled(client, order_id)
        assert (result["outcome"], result["cum_qty"]) == it.truth_of(order_id) == ("canceled", "0")
        await it.ready(client)
        assert names_in(spec) <= it.venue.faults.fired.keys()


async def test_where_logins_are_refused_nothing_is_sent_by_any_road(tmp_path: Path) -> None:
    async with world(tmp_path, faults="AUTH_FAIL(login):1") as it:
        await it.daemon.start()
        client = await it.client()
        await it.status(client, lambda now: now["state"] == "auth_failed")
        (order_id,) = await it.rest(1)
        reply = await it.cancel(client, order_id)
        assert reply["error"]["data"]["reason"] == "account_not_ready"
        assert it.cancels_of(order_id) == 0
