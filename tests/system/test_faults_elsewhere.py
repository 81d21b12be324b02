"""Every fault that a venue other than OKX trade can show, lived through with the whole daemon: outcomes are the truth.

(OKX trade has a file of its own, `test_faults`, with every argument and every road.) What leaves the sessions as they
are befalls many orders at a time, each its own; what breaks them comes one after the other, in one life of the daemon.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from daemon.sim.faults import Fault, FaultError
from daemon.sim.registry import DEMOS, VENUES, build
from protocols.dialect import Profile
from protocols.venues.registry import dialect_for
from tests.system.rig import QUICK, WAIT_S, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, Message, World


def can_show(venue: str, spec: str) -> bool:
    """Whether all that a SPEC names has a meaning on the venue."""
    try:
        return bool(build(venue).faults.parse_spec(spec))
    except FaultError:
        return False


ELSEWHERE = [venue for venue in VENUES if venue != "okx"]
COUNT = {"count": 1}
UNPUSHED = {"ACK_OK_NO_PUSH": COUNT}
STEADY: list[dict[str, dict[str, Any]]] = [
    *({name: COUNT} for name in ("ACK_OK_THEN_FILL", "ACK_OK_NO_PUSH", "PUSH_BEFORE_ACK", "NO_ACK")),
    {"NO_ACK": {"count": 1, "arg": "lost"}},
    {"ACK_LATE": {"count": 1, "arg": "400"}},
    *({name: COUNT} for name in ("REJECT", "RATE_LIMIT", "FOREIGN_CANCEL", "BURST_PUSH", "ID_ECHO_MISSING")),
    {"CANCELING_STATE": {"count": 1, "arg": "0.5"}},
    *({name: COUNT} for name in ("DROP_PUSH", "REORDER", "DUP_PUSH", "BAD_FRAME", "UNKNOWN_EVENT")),
    *({name: {"p": 1.0}} for name in ("TYPE_FLIP", "BIG_INT")),
    {**UNPUSHED, "STALE_QUERY": {"count": 2, "arg": "0.4"}},
    {**UNPUSHED, "QUERY_NOTFOUND": {"count": 2}},
    {**UNPUSHED, "QUERY_OPEN_ONLY": {"count": 2}},
]
"""Each befalls an order of its own."""
BREAKING = (
    "DISCONNECT(before_process)x1",
    "DISCONNECT(before_ack)x1",
    "DISCONNECT(after_ack)x1",
    "NOTICE_CLOSE(0.2)x1",
    "KEY_EXPIRE(told)x1",
    "ACK_OK_NO_PUSHx1,AUTH_FAIL(rest)x1",
)
DEAFENING = ("HALF_OPENx1", "ZOMBIEx1", "KEY_EXPIRE(silent)x1")
"""They leave a socket that looks alive and hears nothing, so nothing comes after them."""
ON_LOGIN = "AUTH_SLOW(0.3)x1,SKEW(-20)"
NOT_HERE = {"PARTIAL_BATCH", "RESTART"}
"""No cancel of the daemon is in a batch of two or more; RESTART is the daemon's own."""
PATIENT = f"{QUICK}horizon_s = 40\n"
"""One order's fault is another's: BingX' pause after a limit, 10 s, holds up whatever has to be sent again."""
names = itertools.count(1)


def of(spec: str) -> set[str]:
    return set(re.findall(r"[A-Z_]{4,}", spec))


def test_no_fault_of_the_catalogue_is_left_out() -> None:
    steady = {name for rules in STEADY for name in rules}
    assert steady | {name for spec in (*BREAKING, *DEAFENING) for name in of(spec)} | of(ON_LOGIN) | NOT_HERE == set(
        Fault
    )


class Order:
    """An order at whatever venue, and how the daemon is asked for it."""

    def __init__(self, it: World, order_id: str) -> None:
        order = it.venue.book.get(order_id)
        assert order is not None
        self.order_id = order_id
        self.named = {"instrument": order.instrument, "order_id": order_id}
        if order.product:
            self.named["product"] = order.product


async def rest(it: World, count: int) -> list[Order]:
    """Let orders rest, spread over the venue's instruments; every other one has traded in part."""
    placings = itertools.islice(itertools.cycle(DEMOS[it.venue.name].placings), count)
    asked = [
        {"instrument": at.instrument, "side": "buy", "price": at.price, "qty": at.qty}
        | ({} if at.product is None else {"product": at.product})
        for at in placings
    ]
    orders = [Order(it, order_id) for order_id in await it.door.place(asked)]
    for order in orders[::2]:
        await it.door.fill(order.order_id, "0.25")
    return orders


async def the_end_is_the_truth(it: World, client: Client, order: Order, name: str) -> None:
    """Cancel an order, and hold what is said of it in the end against the venue's books."""
    reply = await client.send("cancel", account="okx-main", request_id=name, progress=True, **order.named)
    assert "result" in reply, reply
    last = reply["result"]
    assert last["outcome"] != "in_doubt", last
    if not last["cum_qty_final"]:
        last = (await client.notification(lambda word: is_final_of(word, name)))["params"]
    status, cum_qty = it.truth_of(order.order_id)
    assert last["outcome"] == status, last
    assert Decimal(last["cum_qty"]) == Decimal(cum_qty), last
    assert last["evidence"]["source"] in {"push", "query"}


async def has_left(client: Client, name: str) -> None:
    """Wait until a cancel was handed over: the next one leaves alone then, and no batch hides its fate."""
    await client.notification(
        lambda word: word["method"] == "progress" and word["params"] == {"request_id": name, "state": "forwarded"}
    )


def is_final_of(word: Message, name: str) -> bool:
    is_of_it = word["method"] == "correction" and word["params"]["request_id"] == name
    return is_of_it and bool(word["params"]["cum_qty_final"])


async def ready(it: World, client: Client) -> None:
    road = dialect_for(it.venue.name, Profile()).traits.roads[0].value
    await it.status(client, it.is_ready_by(road))


@pytest.mark.parametrize("venue", ELSEWHERE)
async def test_many_orders_meet_a_fault_each_and_end_as_the_venue_says(tmp_path: Path, venue: str) -> None:
    async with world(tmp_path, venue=build(venue, seed=7), account=PATIENT) as it:
        await it.daemon.start()
        client = await it.client()
        await ready(it, client)
        stories = [rules for rules in STEADY if can_show(venue, ",".join(rules))]
        orders = await rest(it, len(stories))
        for rules, order in zip(stories, orders, strict=True):
            for name, rule in rules.items():
                it.venue.faults.add(it.venue.faults.parse_json({name: {**rule, "order_id": order.order_id}}))
        async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
            for order in orders:
                name = f"mine{next(names)}"
                tasks.create_task(the_end_is_the_truth(it, client, order, name))
                await has_left(client, name)
        assert {name for rules in stories for name in rules} == set(it.venue.faults.fired)


@pytest.mark.parametrize("venue", ELSEWHERE)
async def test_one_daemon_lives_through_every_way_in_which_its_sessions_break(tmp_path: Path, venue: str) -> None:
    async with world(tmp_path, venue=build(venue, seed=7), account=QUICK) as it:
        await it.daemon.start()
        client = await it.client()
        for spec in BREAKING:
            if can_show(venue, spec):
                await live_through(it, client, spec)


@pytest.mark.parametrize(
    ("venue", "spec"), [(venue, spec) for venue in ELSEWHERE for spec in DEAFENING if can_show(venue, spec)]
)
async def test_a_socket_that_hears_nothing_costs_no_outcome(tmp_path: Path, venue: str, spec: str) -> None:
    async with world(tmp_path, venue=build(venue, seed=7), account=QUICK) as it:
        await it.daemon.start()
        await live_through(it, await it.client(), spec)


async def live_through(it: World, client: Client, spec: str) -> None:
    """Cancel two orders while a session breaks."""
    await ready(it, client)
    orders = await rest(it, 2)
    fired = dict(it.venue.faults.fired)
    it.faults(spec)
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
        for order in orders:
            tasks.create_task(the_end_is_the_truth(it, client, order, f"mine{next(names)}"))
    it.venue.faults.clear()
    assert all(it.venue.faults.fired.get(name, 0) > fired.get(name, 0) for name in of(spec)), spec


@pytest.mark.parametrize("venue", ELSEWHERE)
async def test_a_slow_login_and_another_clock_cost_no_outcome(tmp_path: Path, venue: str) -> None:
    async with world(tmp_path, venue=build(venue, seed=7, faults=ON_LOGIN)) as it:
        await it.daemon.start()
        client = await it.client()
        orders = await rest(it, 2)
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*(the_end_is_the_truth(it, client, order, f"mine{next(names)}") for order in orders))
        await ready(it, client)
        assert of(ON_LOGIN) == set(it.venue.faults.fired)
