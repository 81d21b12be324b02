"""Many clients, many orders, few slots: one wire cancel serves all who ask, and the venue's limits are never passed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
from collections import Counter
from typing import TYPE_CHECKING

from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx_spread.options import SpreadOptions
from daemon.sim.venues.okx_spread.venue import OkxSpreadVenue
from tests.system.rig import WAIT_S, until, world, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Message, World

INSTRUMENTS = 25
OF_TWO_SECONDS = 60
"""Cancels that OKX takes in two seconds on one instrument (Trade / POST Cancel order)."""
ORDERS = 500
ONE_INSTRUMENT = 470
"""More than OKX takes in two seconds on one instrument, 60 alone and 300 in batches; it lets 500 rest there."""
SPREADS = 60
"""What takes six seconds at 20 in two of them (Spread Trading / POST Cancel order), and there are no batches."""
ASK_AND_HANG = """
import json, socket, sys, time
path, *wishes = sys.argv[1:]
peer = socket.socket(socket.AF_UNIX)
peer.connect(path)
for wish in wishes:
    peer.sendall(wish.encode() + b"\\n")
print("said", flush=True)
time.sleep(600)
"""


async def gathered(replies: list[asyncio.Future[Message]]) -> list[Message]:
    async with asyncio.timeout(WAIT_S):
        said = await asyncio.gather(*replies)
    assert [reply["error"] for reply in said if "error" in reply] == []
    return [reply["result"] for reply in said]


async def test_two_clients_and_one_order_share_one_wire_cancel(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        one, two = await it.started(), await it.client()
        (order_id,) = await it.rest(1, client_order_id="mine")
        it.faults("PUSH_BEFORE_ACK(100)x1,DROP_PUSHx1")  # so that both wait
        replies = [
            it.cancel(one, order_id, request_id="a"),
            it.cancel(two, order_id, request_id="b"),
            it.cancel(two, order_id, client_order_id="mine", request_id="c"),
            it.cancel(one, order_id, request_id="a"),
        ]
        said = await gathered(replies)
        assert {(result["outcome"], result["cum_qty"]) for result in said} == {("canceled", "0")}
        assert [result["request_id"] for result in said] == ["a", "b", "c", "a"]
        assert it.cancels_of(order_id) <= 2  # the client id cannot be known to mean the same order
        assert said[0]["times"]["forwarded"] == said[1]["times"]["forwarded"]


async def test_a_second_request_by_order_id_makes_no_second_frame(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        clients = [await it.started(), *[await it.client() for _ in range(7)]]
        orders = await it.rest(6)
        it.faults("ACK_LATE(50):1")
        said = await gathered([it.cancel(client, order_id) for order_id in orders for client in clients])
        assert {result["outcome"] for result in said} == {"canceled"}
        assert [it.cancels_of(order_id) for order_id in orders] == [1] * len(orders)
        assert len({result["seq"] for result in said}) == len(said)
        late = await it.canceled(clients[0], orders[0])
        assert (late["outcome"], late["times"]["forwarded"]) == ("canceled", None)
        assert it.cancels_of(orders[0]) == 1


async def test_a_client_that_is_killed_loses_no_request_and_hurts_nobody(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(8)
        it.faults("ACK_OK_NO_PUSH:1")
        wishes = [
            f'{{"jsonrpc":"2.0","id":{n},"method":"cancel","params":{{"account":"okx-main",'
            f'"instrument":"{it.instrument_of(order_id)}","order_id":"{order_id}","request_id":"k-{n}"}}}}'
            for n, order_id in enumerate(orders)
        ]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ASK_AND_HANG, str(it.daemon.socket), *wishes, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"said\n"
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        await until(lambda: all(it.truth_of(order_id)[0] == "canceled" for order_id in orders))
        for n in range(len(orders)):
            assert [row["outcome"] for row in await written(client, f"k-{n}")] == ["canceled"]
        again = await it.canceled(client, orders[0], request_id="k-0")  # the name is the user's, not the process's
        assert (again["outcome"], again["revision"]) == ("canceled", 0)
        async with asyncio.timeout(WAIT_S):
            while (await client.result("status"))["clients"] > 1:
                pass  # its end is on its way


async def test_five_hundred_cancels_over_many_instruments_breach_no_limit(tmp_path: Path) -> None:
    options = OkxOptions(seed=7, extra_instruments=INSTRUMENTS)
    async with world(tmp_path, options=options) as it:
        client = await it.started()
        orders = await it.door.place(
            [
                {"instrument": f"SIM{1 + n % INSTRUMENTS:03}-USDT", "side": "buy", "price": "0.1", "qty": "2"}
                for n in range(ORDERS)
            ]
        )
        it.faults("ACK_OK_NO_PUSH:0.1,ACK_OK_THEN_FILL:0.1")
        said = await gathered([it.cancel(client, order_id) for order_id in orders])
        for order_id, result in zip(orders, said, strict=True):
            assert (result["outcome"], result["cum_qty"]) == it.truth_of(order_id)
        assert {result["outcome"] for result in said} == {"canceled", "filled"}
        assert it.venue.floor.rates.breaches == {}
        assert set(Counter(it.venue.floor.stats.cancels).values()) == {1}


async def test_more_cancels_than_the_venue_takes_wait_their_turn(tmp_path: Path) -> None:
    """At a venue that takes so few that a busy machine, too, has asked for all before the last of them may leave."""
    async with world(tmp_path, venue=OkxSpreadVenue(SpreadOptions(seed=7)), account="horizon_s = 60\n") as it:
        client = await it.started()
        order = {"instrument": "BTC-USDT_BTC-USDT-SWAP", "side": "buy", "price": "5", "qty": "3"}
        patient = await it.door.place([order] * SPREADS)
        hasty = await it.door.place([order] * 5)
        urgent = await it.door.place([order] * 3)
        replies = [it.cancel(client, order_id) for order_id in patient]
        asked_behind_them = client.send("status")
        replies += [it.cancel(client, order_id, deadline_ms=200) for order_id in hasty]
        replies += [it.cancel(client, order_id, priority="urgent") for order_id in urgent]
        said = await gathered(replies)
        account = (await asked_behind_them)["result"]["accounts"]["okx-main"]
        assert account["budget_wait_ms"] > 0
        assert account["in_flight"] > 0
        told = dict(zip([*patient, *hasty, *urgent], said, strict=True))
        assert {told[order_id]["outcome"] for order_id in (*patient, *urgent)} == {"canceled"}
        for order_id in hasty:
            result = told[order_id]
            assert result["outcome"] == "not_sent"
            assert result["times"]["forwarded"] is None
            assert it.cancels_of(order_id) == 0
            assert it.truth_of(order_id) == ("new", "0")
        left = [told[order_id]["times"]["forwarded"] for order_id in patient]
        for times in (told[order_id]["times"] for order_id in urgent):  # none that waited beside it left before it
            assert not [sent for sent in left if times["recorded"] < sent < times["forwarded"]]
        assert it.venue.floor.rates.breaches == {}
        assert [it.cancels_of(order_id) for order_id in (*patient, *urgent)] == [1] * (len(patient) + len(urgent))


async def test_a_restart_in_a_flood_breaches_no_limit_either(tmp_path: Path) -> None:
    """The venue counts on over the daemon's lives, and so does the daemon: its last sends are in no journal yet."""
    async with world(tmp_path) as it:
        client = await it.started()
        order = {"instrument": "BTC-USDT", "side": "buy", "price": "0.1", "qty": "2"}
        orders = await it.door.place([order] * ONE_INSTRUMENT)
        cut_off = [it.cancel(client, order_id, request_id=f"r-{order_id}") for order_id in orders]
        await until(lambda: in_journal(it, "send_made") >= OF_TWO_SECONDS)
        await it.daemon.stop(signal.SIGKILL)
        assert any(reply.cancelled() or not reply.done() for reply in cut_off)
        client = await it.started()
        said = await gathered([it.cancel(client, order_id, request_id=f"r-{order_id}") for order_id in orders])
        assert {result["outcome"] for result in said} == {"canceled"}
        assert it.venue.floor.rates.breaches == {}


async def test_a_daemon_that_cannot_note_what_leaves_runs_all_the_same_and_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        (tmp_path / "journal.sqlite-sent").mkdir()
        client = await it.started()
        (order_id,) = await it.rest(1)
        assert (await it.canceled(client, order_id))["outcome"] == "canceled"
        said = f"{tmp_path}/journal.sqlite-sent: Is a directory"
        await it.status(client, lambda account: ("sent_file", said) in named(account["alarms"]))
        await until(lambda: "sent_file_unusable" in {row["event"] for row in it.daemon.log})


async def test_a_file_of_what_left_that_is_truncated_does_not_end_the_daemon(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        file = tmp_path / "journal.sqlite-sent"
        whole = file.stat().st_size
        for order_id in await it.rest(2):
            await asyncio.to_thread(file.write_bytes, b"")
            assert (await it.canceled(client, order_id))["outcome"] == "canceled"
            await until(lambda: file.stat().st_size == whole)
        assert it.daemon.process is not None
        assert it.daemon.process.returncode is None


async def test_a_file_of_what_left_that_is_taken_away_is_put_back_or_an_alarm(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        file = tmp_path / "journal.sqlite-sent"
        file.unlink()
        await until(lambda: file.exists() and "sent_file_put_back" in {row["event"] for row in it.daemon.log})
        (order_id,) = await it.rest(1)
        assert (await it.canceled(client, order_id))["outcome"] == "canceled"
        file.unlink()
        file.mkdir()
        said = f"{file}: it was deleted, moved, replaced or written to, and cannot be put back (Is a directory)"
        await it.status(client, lambda account: ("sent_file", said) in named(account["alarms"]))
        file.rmdir()
        await it.status(client, lambda account: "sent_file" not in dict(named(account["alarms"])))
        assert [row["event"] for row in it.daemon.log].count("sent_file_unusable") == 1


def named(alarms: list[Message]) -> list[tuple[str, str]]:
    return [(alarm["name"], alarm["detail"]) for alarm in alarms]


def in_journal(it: World, kind: str) -> int:
    """How many steps of a kind the journal has."""
    with contextlib.closing(sqlite3.connect(it.daemon.folder / "journal.sqlite")) as db:
        return int(db.execute("SELECT count(*) FROM steps WHERE kind = ?", (kind,)).fetchone()[0])
