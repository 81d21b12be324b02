"""The dead-man switch on the real process: it fires when the daemon stands still, and never when it stops in order.

The venue's clock is moved on by hand where its time has to be up, so that no test waits for it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from daemon.sim.registry import build
from daemon.sim.shell import system_clock
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.venue import BitgetVenue
from tests.system.rig import WAIT_S, Daemon, configure, until, world
from tests.system.six import placing_of

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.sim.switch import Switch
    from tests.system.rig import Client, Message, World

TIMEOUT_S = 10
SECOND_US = 1_000_000
SWITCH = f"[accounts.okx-main.dead_man]\nowner = true\ntimeout_s = {TIMEOUT_S}\n"


def switch_of(it: World) -> Switch:
    switch: Switch = getattr(it.venue, "switch")  # noqa: B009 - every venue of these tests has one
    return switch


def is_(state: str) -> Any:
    return lambda account: account["dead_man"]["state"] == state


async def watched(it: World) -> Client:
    """Start the daemon, with its switch set at the venue."""
    await it.daemon.start()
    client = await it.client()
    await it.status(client, is_("armed"))
    return client


def move_the_venue_on(it: World, seconds: float) -> None:
    """Let the venue's time pass, and nobody else's."""
    it.venue.tick(system_clock()() + round(seconds * SECOND_US))


def alarms_of(account: Message) -> set[str]:
    return {alarm["name"] for alarm in account["alarms"]}


async def rest(it: World, count: int = 3) -> list[str]:
    placing = placing_of(it.venue.name)
    order = {"instrument": placing.instrument, "side": "buy", "price": placing.price, "qty": placing.qty}
    return await it.door.place([order | ({"product": placing.product} if placing.product else {})] * count)


@pytest.mark.parametrize("venue", ["okx", "htx"])
async def test_it_fires_when_the_daemon_stands_still_and_not_when_it_stops_in_order(tmp_path: Path, venue: str) -> None:
    async with world(tmp_path, account=SWITCH, venue=build(venue, seed=7)) as it:
        await watched(it)
        spared = await rest(it)
        assert await it.daemon.stop() == 0
        assert switch_of(it).due == {}
        move_the_venue_on(it, 2 * TIMEOUT_S)
        assert {it.truth_of(order)[0] for order in spared} == {"new"}
        await watched(it)
        assert it.daemon.process is not None
        os.kill(it.daemon.process.pid, signal.SIGSTOP)
        assert switch_of(it).due
        move_the_venue_on(it, 2 * TIMEOUT_S)
        assert {it.truth_of(order)[0] for order in spared} == {"canceled"}
        assert switch_of(it).fired == 1
        os.kill(it.daemon.process.pid, signal.SIGCONT)


async def test_a_crash_and_a_start_within_the_time_refresh_it(tmp_path: Path) -> None:
    async with world(tmp_path, account=SWITCH.replace("10", "120")) as it:  # more than any start takes
        await watched(it)
        orders = await it.rest(3)
        before = switch_of(it).due[""]
        await it.daemon.stop(signal.SIGKILL)
        assert switch_of(it).due[""] == before
        await watched(it)
        assert switch_of(it).due[""] > before
        assert switch_of(it).fired == 0
        assert {it.truth_of(order)[0] for order in orders} == {"new"}
        assert it.venue.floor.rates.breaches == {}


async def test_it_is_refreshed_before_its_time_is_up(tmp_path: Path) -> None:
    async with world(tmp_path, account=SWITCH) as it:
        client = await watched(it)
        first = switch_of(it).due[""]
        await until(lambda: switch_of(it).due.get("", 0) > first)
        seen = (await it.status(client, lambda account: account["dead_man"]["refreshes"] >= 2))["dead_man"]
        assert 0 < seen["fires_in_ms"] <= TIMEOUT_S * 1000
        assert "but spreads" in seen["covers"]
        assert it.venue.floor.rates.breaches == {}


async def test_a_refused_refresh_alarms_with_the_time_that_is_left_until_it_fires_and_it_is_set_anew(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, account=SWITCH.replace("10", "5"), venue=build("htx", seed=7)) as it:
        client = await watched(it)
        orders = await rest(it)
        switch_of(it).refuses_with = "1004"
        found = await it.status(client, lambda account: "dead_man_switch" in alarms_of(account))
        assert found["dead_man"]["state"] == "running_down"
        (alarm,) = [alarm for alarm in found["alarms"] if alarm["name"] == "dead_man_switch"]
        assert "1004" in alarm["detail"]
        assert "it fires in" in alarm["detail"]
        await it.status(client, is_("fired"))
        await it.status(client, lambda account: {"dead_man_switch", "dead_man_fired"} <= alarms_of(account))
        await until(lambda: it.truth_of(orders[0])[0] == "canceled")
        switch_of(it).refuses_with = ""
        await it.status(client, is_("armed"))
        found = await it.status(client, lambda account: len(account["alarms"]) == 1)
        assert found["alarms"][0]["name"] == "dead_man_fired"


async def test_a_key_without_the_permission_is_said_and_nothing_is_claimed(tmp_path: Path) -> None:
    venue = BitgetVenue(BitgetOptions(is_unified=True, has_countdown=False))
    async with world(tmp_path, account=SWITCH, venue=venue) as it:
        await it.daemon.start()
        client = await it.client()

        def alarmed(account: Message) -> bool:
            return any(alarm["name"] == "dead_man_switch" for alarm in account["alarms"])

        found = await it.status(client, alarmed)
        assert found["dead_man"]["state"] == "off"
        assert "40014" in str(found["alarms"])
        assert await it.daemon.stop() == 0


async def test_a_timer_that_another_daemon_of_this_host_holds_is_left_to_it(tmp_path: Path) -> None:
    async with world(tmp_path, account=SWITCH) as it:
        await watched(it)
        folder = tmp_path / "second"
        folder.mkdir()
        configure(folder, it.url, account=SWITCH)
        second = Daemon(folder)
        await second.start()
        try:
            first, it.daemon = it.daemon, second
            client = await it.client()
            found = await it.status(client, lambda account: account["alarms"])
            assert [alarm["name"] for alarm in found["alarms"]] == ["dead_man_contested"]
            assert found["dead_man"]["state"] == "off"
            await first.stop()
            await it.status(client, is_("armed"))
        finally:
            await second.stop()
            it.daemon = first


async def test_a_switch_that_is_not_owned_is_left_alone(tmp_path: Path) -> None:
    async with world(tmp_path, account=SWITCH.replace("true", "false")) as it:
        client = await it.started()
        found = await it.status(client, lambda _: True)
        assert found["dead_man"]["state"] == "not_owned"
        assert await it.daemon.stop() == 0
        assert switch_of(it).calls == 0


async def test_a_watchdog_that_is_not_shorter_stops_the_start(tmp_path: Path) -> None:
    async with world(tmp_path, account=SWITCH) as it:
        await it.daemon.start({"WATCHDOG_USEC": str(TIMEOUT_S * SECOND_US)})
        async with asyncio.timeout(WAIT_S):
            assert await it.daemon.ended() == 2
        assert "is too short for the watchdog" in (tmp_path / "canceld.log").read_text()
