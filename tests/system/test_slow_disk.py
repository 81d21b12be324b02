"""A disk that does not answer: how long anybody waits for it, what is said meanwhile,
and what strict durability waits for.

The disk is held up by a file (`tests.system.slow_disk`), so that a test says when it hangs and when it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from daemon.service import LAST_WORDS_S
from tests.system.rig import WAIT_S, configure, until, world, written
from tests.system.slow_disk import HELD, READ_ONLY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.system.rig import Client, Message, World

PATIENT = "commit_wait_ms = 30000"
HASTY = "commit_wait_ms = 1000"
"""More than a disk takes that is not held up, on a busy machine too."""
MANY = 100
DEADLINE_MS = 5_000


@contextlib.asynccontextmanager
async def slow(folder: Path, extra: str = "", *, waits: str = PATIENT, faults: str = "") -> AsyncIterator[World]:
    async with world(folder, extra=extra, faults=faults, module="tests.system.slow_disk") as it:
        file = folder / "canceld.toml"
        file.write_text(file.read_text().replace(PATIENT, waits))
        try:
            yield it
        finally:
            release(it)


def hold(it: World) -> None:
    """From now on no commit returns."""
    (it.daemon.folder / HELD).touch()


def await_not_sent(client: Client, number: int, deadline_ms: int = DEADLINE_MS) -> asyncio.Future[Message]:
    """Ask for a cancel that cannot leave."""
    order = {"account": "okx-main", "instrument": "BTC-USDT", "order_id": f"{number}"}
    return client.send("cancel", **order, deadline_ms=deadline_ms, progress=True)


def release(it: World) -> None:
    (it.daemon.folder / HELD).unlink(missing_ok=True)


def outcomes_on_disk(it: World, request_id: str) -> list[str]:
    with contextlib.closing(sqlite3.connect(f"file:{it.daemon.folder}/journal.sqlite?mode=ro", uri=True)) as db:
        found = db.execute("SELECT outcome FROM outcomes WHERE request_id = ? ORDER BY seq", (request_id,)).fetchall()
    return [outcome for (outcome,) in found]


async def journal_of(client: Client, state: str) -> Message:
    """Wait until the journal is in a state; gives what status says of it."""
    async with asyncio.timeout(WAIT_S):
        while True:
            status = await client.result("status")
            if status["journal"]["state"] == state:
                return status
            await asyncio.sleep(0.01)


def journal_states(it: World) -> list[object]:
    return [row["state"] for row in it.daemon.log if row["event"] == "journal"]


async def has_seen_the_end(client: Client, order_id: str) -> None:
    """Wait until the daemon knows that an order rests no more."""
    async with asyncio.timeout(WAIT_S):
        while any(row["order_id"] == order_id for row in (await client.result("orders"))["orders"]):
            await asyncio.sleep(0.01)


# ---------------------------------------------------------------- what waits for the disk


async def a_request_on_disk(it: World, client: Client, order_id: str) -> asyncio.Future[Message]:
    """Ask for a cancel that the venue loses, and hold the disk once the request itself is written down."""
    it.faults("NO_ACK(lost):1,QUERY_NOTFOUND:1")
    reply = it.cancel(client, order_id, request_id="r", progress=True)
    await client.notification(lambda note: note["params"].get("state") == "recorded")
    await until(lambda: it.cancels_of(order_id))
    hold(it)
    return reply


async def test_strict_durability_holds_an_outcome_back_until_it_is_on_the_disk(tmp_path: Path) -> None:
    async with slow(tmp_path, 'durability = "strict"\n') as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        reply = await a_request_on_disk(it, client, order_id)
        await it.door.fill(order_id)
        await has_seen_the_end(client, order_id)
        await client.result("ping")
        assert not reply.done()
        assert outcomes_on_disk(it, "r") == []
        release(it)
        async with asyncio.timeout(WAIT_S):
            said = (await reply)["result"]
        assert outcomes_on_disk(it, "r") == ["filled"]  # at the moment in which it is heard
        assert (said["outcome"], said["durable"]) == ("filled", True)
        await it.daemon.stop(signal.SIGKILL)
        again = await it.canceled(await it.started(), order_id, request_id="r")
        assert (again["outcome"], again["seq"]) == ("filled", said["seq"])


async def test_a_receipt_tells_what_can_be_proven_again_before_it_is_on_the_disk(tmp_path: Path) -> None:
    async with slow(tmp_path) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        reply = await a_request_on_disk(it, client, order_id)
        await it.door.fill(order_id)
        async with asyncio.timeout(WAIT_S):
            said = (await reply)["result"]
        assert (said["outcome"], said["durable"]) == ("filled", True)  # its request is on the disk
        assert outcomes_on_disk(it, "r") == []
        await it.daemon.stop(signal.SIGKILL)
        release(it)
        again = await it.canceled(await it.started(), order_id, request_id="r")
        assert again["outcome"] == "filled"  # found again, at the venue


@pytest.mark.parametrize("durability", ["receipt", "strict"])
async def test_nothing_is_said_of_a_request_before_it_is_on_the_disk(tmp_path: Path, durability: str) -> None:
    async with slow(tmp_path, f'durability = "{durability}"\n') as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        hold(it)
        reply = it.cancel(client, order_id, request_id="r", progress=True)
        await until(lambda: it.truth_of(order_id)[0] == "canceled")  # the wire did not wait
        await has_seen_the_end(client, order_id)
        await client.result("ping")
        assert not reply.done()
        assert client.notified == []
        release(it)
        async with asyncio.timeout(WAIT_S):
            said = (await reply)["result"]
        assert (said["outcome"], said["durable"]) == ("canceled", True)


# ---------------------------------------------------------------- a disk that hangs


@pytest.mark.parametrize("durability", ["receipt", "strict"])
async def test_a_disk_that_hangs_keeps_no_word_for_ever_and_no_word_is_called_durable(
    tmp_path: Path, durability: str
) -> None:
    async with slow(tmp_path, f'durability = "{durability}"\n', waits=HASTY) as it:
        client = await it.started()
        first, second, third = await it.rest(3)
        hold(it)
        for request_id, order_id in (("first", first), ("second", second)):
            said = await it.canceled(client, order_id, request_id=request_id, progress=True)
            assert (said["outcome"], said["durable"]) == ("canceled", False)
            assert said["times"]["recorded"] is None
        status = await journal_of(client, "failed")
        assert status["journal"]["detail"] == "the disk has not answered for 1 s"
        alarm = {each["name"]: each["detail"] for each in status["accounts"]["okx-main"]["alarms"]}
        assert alarm["journal"] == "the disk has not answered for 1 s"
        assert not [note for note in client.notified if note["params"].get("state") == "recorded"]
        release(it)
        status = await journal_of(client, "ok")
        assert "detail" not in status["journal"]
        assert not [each for each in status["accounts"]["okx-main"]["alarms"] if each["name"] == "journal"]
        for request_id in ("first", "second"):
            assert [row["outcome"] for row in await written(client, request_id)] == ["canceled"]
        assert (await it.canceled(client, third))["durable"] is True
        await until(lambda: journal_states(it) == ["failed", "ok"])  # the log is written a moment later


async def test_with_refuse_a_disk_that_hangs_lets_no_further_cancel_out(tmp_path: Path) -> None:
    async with slow(tmp_path, 'on_journal_failure = "refuse"\n', waits=HASTY) as it:
        client = await it.started()
        first, second = await it.rest(2)
        hold(it)
        assert (await it.canceled(client, first))["durable"] is False  # by this one it is found out
        await journal_of(client, "failed")
        reply = await it.cancel(client, second)
        assert reply["error"]["data"]["reason"] == "journal_unavailable"
        assert "the disk has not answered for 1 s" in reply["error"]["message"]
        assert it.cancels_of(second) == 0
        release(it)
        await journal_of(client, "ok")
        assert (await it.canceled(client, second))["durable"] is True


async def test_a_disk_that_becomes_read_only_is_said_as_that_and_heals(tmp_path: Path) -> None:
    async with slow(tmp_path) as it:
        client = await it.started()
        first, second = await it.rest(2)
        (tmp_path / READ_ONLY).touch()
        said = await it.canceled(client, first, request_id="first")
        assert (said["outcome"], said["durable"]) == ("canceled", False)
        status = await journal_of(client, "failed")
        assert status["journal"]["detail"] == "attempt to write a readonly database"
        assert "journal" in {alarm["name"] for alarm in status["accounts"]["okx-main"]["alarms"]}
        (tmp_path / READ_ONLY).unlink()
        await journal_of(client, "ok")
        assert [row["outcome"] for row in await written(client, "first")] == ["canceled"]
        assert (await it.canceled(client, second))["durable"] is True


async def test_a_daemon_whose_disk_hangs_still_ends_when_it_is_told_to(tmp_path: Path) -> None:
    async with slow(tmp_path, waits=HASTY) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        hold(it)
        assert (await it.canceled(client, order_id))["durable"] is False
        assert await it.daemon.stop() == 0
        (last,) = [row for row in it.daemon.log if row["event"] == "journal_not_closed"]
        assert "the disk has not answered" in last["detail"]


async def test_what_only_waited_for_the_disk_is_told_to_all_before_the_end_however_many_they_are(
    tmp_path: Path,
) -> None:
    async with slow(tmp_path) as it:
        configure(tmp_path, "http://127.0.0.1:9")
        client = await it.begun()
        replies = [await_not_sent(client, number) for number in range(MANY)]
        await until(lambda: [note["params"]["state"] for note in client.notified].count("recorded") == MANY)
        hold(it)
        replies.append(await_not_sent(client, MANY))  # whose receipt keeps the disk busy, and the words together
        await client.result("ping")
        assert it.daemon.process is not None
        os.kill(it.daemon.process.pid, signal.SIGSTOP)
        over_s = time.monotonic() + DEADLINE_MS / 1000
        await until(lambda: time.monotonic() > over_s)  # so that all of them are concluded at once
        os.kill(it.daemon.process.pid, signal.SIGCONT)
        await it.status(client, lambda account: account["in_flight"] == 0)
        os.kill(it.daemon.process.pid, signal.SIGTERM)
        is_ending = False
        while not is_ending:
            refused = await_not_sent(client, MANY + 1, deadline_ms=1)
            await client.result("ping")  # what is refused is refused before this answer
            is_ending = refused.done()
        over_s = time.monotonic() + LAST_WORDS_S / 5
        await until(lambda: time.monotonic() > over_s)  # by now it only waits for the disk
        assert not any(reply.done() for reply in replies)
        release(it)
        assert await it.daemon.ended() == 0
        assert [(await reply)["result"]["outcome"] for reply in replies] == ["not_sent"] * (MANY + 1)
