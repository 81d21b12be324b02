"""Time that does not go as it should: a clock that is set, a daemon that is suspended, and how long a name is kept."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from daemon.sim.venues.okx.options import OkxOptions
from tests.system.another_clock import SHIFT
from tests.system.rig import QUICK, SHORT, WAIT_S, World, correction_of, proven, until, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, Message

HOUR_S = 3600
SILENT = "NO_ACK(lost):1,QUERY_NOTFOUND:1"


def set_clock(it: World, seconds: int) -> None:
    """Set the daemon's host's clock, as far from the right time."""
    new = it.daemon.folder / f"{SHIFT}.new"
    new.write_text(str(seconds))
    new.replace(it.daemon.folder / SHIFT)


def hasten(it: World, horizon_s: float) -> None:
    """Let the daemon be in doubt sooner."""
    file = it.daemon.folder / "canceld.toml"
    hasty = SHORT.replace("horizon_s = 12", f"horizon_s = {horizon_s}").replace("settle_ms = 2000", "settle_ms = 800")
    file.write_text(file.read_text().replace(SHORT, hasty.replace("ack_wait_ms = 5000\n", QUICK)))


async def truths(it: World, orders: list[str], replies: list[asyncio.Future[Message]]) -> list[Message]:
    """Wait for the outcomes, and hold them against the venue's books; gives them."""
    async with asyncio.timeout(WAIT_S):
        said = [reply["result"] for reply in await asyncio.gather(*replies)]
    for order_id, result in zip(orders, said, strict=True):
        latest = result.get("latest", result)
        assert (latest["outcome"], latest["cum_qty"]) == it.truth_of(order_id)
    return said


# ---------------------------------------------------------------- a clock that is set


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_jumps_while_the_daemon_runs_changes_nothing(tmp_path: Path, hours: int) -> None:
    async with world(tmp_path, module="tests.system.another_clock", account=QUICK) as it:
        client = await it.started()
        orders = await it.rest(6)
        it.faults(SILENT)
        replies = [it.cancel(client, order_id, request_id=f"r-{n}") for n, order_id in enumerate(orders)]
        await until(lambda: all(it.cancels_of(order_id) for order_id in orders))
        before = await client.result("status")
        set_clock(it, hours * HOUR_S)
        late = it.cancel(client, (await it.rest(1))[0], request_id="late", deadline_ms=60_000)
        it.venue.faults.clear()
        said = await truths(it, orders, replies)
        for result in said:
            took_us = result["times"]["reported"] - result["times"]["received"]
            assert 0 <= took_us < 60_000_000, "the clock's jump is in the times"
        async with asyncio.timeout(WAIT_S):
            assert (await late)["result"]["outcome"] in {"canceled", "in_doubt"}
        after = await client.result("status")
        assert 0 <= after["uptime_s"] - before["uptime_s"] < 60
        account = after["accounts"]["okx-main"]
        assert abs(account["clock_offset_ms"]) < 1000
        assert [alarm["name"] for alarm in account["alarms"]] == []
        assert it.venue.floor.rates.breaches == {}


async def a_jump_between_two_lives(it: World, seconds: int) -> tuple[Client, list[str], list[asyncio.Future[Message]]]:
    """Die with requests under way, and come back by another clock; gives the orders, and who asks about them again."""
    hasten(it, horizon_s=3)
    client = await it.started()
    ended, *open_ones = await it.rest(5)
    first = await it.canceled(client, ended, request_id="ended")
    await client.result("history", request_id="ended")  # answered with all that was told, so that is on disk
    it.faults(SILENT)
    for number, order_id in enumerate(open_ones):
        asked = it.cancel(client, order_id, request_id=f"r-{number}", progress=True)
        assert not asked.done()
    await until(lambda: sum(note["params"]["state"] == "recorded" for note in client.notified) == len(open_ones))
    await it.daemon.stop(signal.SIGKILL)
    set_clock(it, seconds)
    it.venue.faults.clear()

    await it.daemon.start()
    client = await it.client()
    replies = [it.cancel(client, order_id, request_id=f"r-{n}") for n, order_id in enumerate(open_ones)]
    again = await it.canceled(client, ended, request_id="ended")
    assert (again["outcome"], again["seq"]) == ("canceled", first["seq"])
    account = await it.status(client, lambda now: any(alarm["name"] == "clock_offset" for alarm in now["alarms"]))
    (alarm,) = account["alarms"]
    way = "ahead of" if seconds > 0 else "behind"
    off = re.fullmatch(
        rf"this host's clock is (\S+) s {way} the venue's, by which signatures go; set it right", alarm["detail"]
    )
    assert off is not None, alarm
    assert float(off[1]) == pytest.approx(HOUR_S, abs=60)  # so exactly as the venue was quick to answer
    return client, open_ones, replies


async def test_a_clock_that_was_set_back_between_two_lives_holds_up_no_request(tmp_path: Path) -> None:
    async with world(tmp_path, module="tests.system.another_clock") as it:
        _, orders, replies = await a_jump_between_two_lives(it, -HOUR_S)
        said = await truths(it, orders, replies)
        assert {result["outcome"] for result in said} == {"canceled"}
        assert it.venue.floor.rates.breaches == {}


async def test_a_clock_that_was_set_on_between_two_lives_makes_old_requests_of_young_ones_and_says_so(
    tmp_path: Path,
) -> None:
    """Nobody can tell an hour on the clock from an hour: what is too old to be sent again is asked about only."""
    async with world(tmp_path, module="tests.system.another_clock") as it:
        client, orders, replies = await a_jump_between_two_lives(it, HOUR_S)
        async with asyncio.timeout(WAIT_S):
            said = [reply["result"] for reply in await asyncio.gather(*replies)]
        for number, (order_id, result) in enumerate(zip(orders, said, strict=True)):
            assert (result["outcome"], result["ord_status"]) == ("in_doubt", "new")
            assert it.truth_of(order_id)[0] == "new"
            new = await it.canceled(client, order_id, request_id=f"again-{number}")
            assert (new["outcome"], new["durable"]) == ("canceled", True)
            old = await correction_of(client, result["request_id"])
            assert old["outcome"] == "canceled"
        assert it.venue.floor.rates.breaches == {}


async def test_a_name_is_answered_for_its_retention_and_then_is_a_new_one(tmp_path: Path) -> None:
    async with world(tmp_path, module="tests.system.another_clock") as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        first = await it.canceled(client, order_id, request_id="mine")
        for hours, is_kept in ((71, True), (73, False)):
            await it.leave()
            assert await it.daemon.stop() == 0
            set_clock(it, hours * HOUR_S)
            client = await it.started()
            if is_kept:
                again = await it.canceled(client, order_id, request_id="mine")
                assert (again["outcome"], again["seq"]) == ("canceled", first["seq"])
                assert it.cancels_of(order_id) == 1
                reply = await it.cancel(client, (await it.rest(1))[0], request_id="mine")
                assert reply["error"]["data"]["reason"] == "request_id_conflict"
        await until(lambda: any(row["event"] == "forgotten" for row in it.daemon.log))
        assert (await client.result("history", request_id="mine", from_seq=0))["requests"] == []
        (other,) = await it.rest(1)
        new = await it.canceled(client, other, request_id="mine")  # the name is free
        assert (new["outcome"], new["order_id"]) == ("canceled", other)
        assert new["seq"] > first["seq"]
        assert await it.daemon.stop() == 0
        with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as db:
            assert db.execute("SELECT seq FROM outcomes WHERE request_id = 'mine'").fetchall() == [(new["seq"],)]


# ---------------------------------------------------------------- a daemon that is suspended


async def suspended(it: World, client: Client, seconds: float) -> None:
    """Ask for cancels that the venue loses, stop the process, let the venue cut it off and time pass; go on."""
    assert it.daemon.process is not None
    pid = it.daemon.process.pid
    orders = await it.rest(6)
    it.faults(SILENT)
    replies = [it.cancel(client, order_id, request_id=f"r-{n}") for n, order_id in enumerate(orders)]
    await until(lambda: all(it.cancels_of(order_id) for order_id in orders))
    os.kill(pid, signal.SIGSTOP)
    try:
        it.venue.faults.clear()
        await it.door.fill(orders[0])  # its push waits in the socket
        await asyncio.sleep(seconds)  # the fault itself: time that passes unseen
        it.venue.fault_at_once(it.venue.faults.parse_json({"DISCONNECT": {"now": True}})[0], 0)
        asked = it.cancel(client, (await it.rest(1))[0], request_id="meanwhile")
    finally:
        os.kill(pid, signal.SIGCONT)
    async with asyncio.timeout(WAIT_S):
        said = [reply["result"] for reply in await asyncio.gather(*replies, asked)]
    for result in said:
        await ends_in_the_truth(it, client, result)
    await it.ready(client)
    assert (await it.canceled(client, (await it.rest(1))[0]))["outcome"] == "canceled"
    assert it.venue.floor.rates.breaches == {}


async def ends_in_the_truth(it: World, client: Client, first: Message) -> None:
    """The first word may be in doubt, when the horizon passed meanwhile: a correction then says the truth."""
    latest = await proven(client, first)
    assert (latest["outcome"], latest["cum_qty"]) == it.truth_of(first["order_id"])


async def test_a_daemon_that_was_suspended_past_its_horizon_comes_back_with_the_truth(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        hasten(it, horizon_s=0.8)
        await suspended(it, await it.started(), 1.0)


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [31.0, 75.0])
async def test_half_a_minute_of_suspension_costs_no_outcome(tmp_path: Path, seconds: float) -> None:
    async with world(tmp_path, options=OkxOptions(seed=7)) as it:
        file = tmp_path / "canceld.toml"
        file.write_text(file.read_text().replace(SHORT, "\n"))  # as it comes
        await suspended(it, await it.started(), seconds)
