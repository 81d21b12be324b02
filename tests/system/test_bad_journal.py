"""A journal that somebody or something damaged: what can be lived with is, and the rest is said with what to do.

Torn: the last thing that a disk was told stands on it by half, although it had said that all of it did.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from daemon.edge.journal.receipts import SLOT_BYTES
from daemon.edge.journal.schema import VERSION
from daemon.edge.journal.verify import verify
from tests.edge.test_journal_format import FORMAT_1
from tests.system.rig import WAIT_S, World, until, world, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.system.rig import Client

ORDERS = 6
LOST = 2
"""Of them so many cancels are lost on their way, so that their requests are open when the daemon dies."""
PAGE = 4096
WAL_HEADER = 32
WAL_FRAME = 24 + PAGE


def cut(wal: Path, where: float, inside: int = 0) -> None:
    """Let the log end at a part of its frames, and so many bytes inside of the next one."""
    frames = (wal.stat().st_size - WAL_HEADER) // WAL_FRAME
    with wal.open("r+b") as file:
        file.truncate(WAL_HEADER + int(frames * where) * WAL_FRAME + inside)


def scribble(wal: Path, where: float) -> None:
    """Write other bytes over a frame, as a sector that was not written yet has them."""
    frames = (wal.stat().st_size - WAL_HEADER) // WAL_FRAME
    with wal.open("r+b") as file:
        file.seek(WAL_HEADER + int(frames * where) * WAL_FRAME + 512)
        file.write(b"\x5a" * 512)


TORN: dict[str, Callable[[Path], object]] = {
    "inside its last frame": lambda wal: cut(wal, 1.0, -PAGE // 2),
    "inside a frame in its middle": lambda wal: cut(wal, 0.5, 24 + 7),
    "inside a frame's header": lambda wal: cut(wal, 0.7, 11),
    "to nothing": lambda wal: wal.write_bytes(b""),
    "with a sector of old bytes at its end": lambda wal: scribble(wal, 0.97),
    "with a sector of old bytes in its middle": lambda wal: scribble(wal, 0.4),
}


async def a_life_that_ends_badly(it: World) -> list[str]:
    """Cancel some orders, lose the cancels of others, and die; gives the orders."""
    client = await it.started()
    orders = await it.rest(ORDERS)
    for number, order_id in enumerate(orders[LOST:], LOST):
        assert (await it.canceled(client, order_id, request_id=f"r-{number}"))["durable"] is True
    it.faults("NO_ACK(lost):1,QUERY_NOTFOUND:1")
    replies = [
        it.cancel(client, order_id, request_id=f"r-{number}", progress=True)
        for number, order_id in enumerate(orders[:LOST])
    ]
    await until(lambda: sum(note["params"]["state"] == "recorded" for note in client.notified) == LOST)
    await until(lambda: requests_in(it.daemon.folder / "journal.sqlite") == ORDERS)
    assert not any(reply.done() for reply in replies)
    await it.daemon.stop(signal.SIGKILL)
    it.venue.faults.clear()
    return orders


def requests_in(journal: Path) -> int:
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        count: int = db.execute("SELECT count(*) FROM requests").fetchone()[0]
        return count


async def everybody_asks_again(it: World, client: Client, orders: list[str]) -> None:
    """Ask under the old names: each outcome is the venue's truth, and the journal has one first word of each."""
    async with asyncio.timeout(WAIT_S):
        said = await asyncio.gather(*(it.canceled(client, o, request_id=f"r-{n}") for n, o in enumerate(orders)))
    for order_id, result in zip(orders, said, strict=True):
        latest = result.get("latest", result)
        assert (latest["outcome"], latest["cum_qty"]) == it.truth_of(order_id)
    assert await it.daemon.stop() == 0
    verified = await asyncio.to_thread(verify, it.daemon.folder / "journal.sqlite")
    assert verified.findings == []
    with closing(sqlite3.connect(it.daemon.folder / "journal.sqlite")) as db:
        firsts = db.execute("SELECT request_id, count(*) FROM outcomes WHERE revision = 0 GROUP BY 1").fetchall()
    assert dict(firsts) == {f"r-{n}": 1 for n in range(ORDERS)}


@pytest.mark.parametrize("tear", TORN)
async def test_a_journal_torn_in_the_middle_of_a_write_opens_and_what_it_lost_is_found_at_the_venue(
    tmp_path: Path, tear: str
) -> None:
    async with world(tmp_path) as it:
        orders = await a_life_that_ends_badly(it)
        wal = tmp_path / "journal.sqlite-wal"
        assert wal.stat().st_size > 10 * WAL_FRAME, "too short for each tear to be somewhere else"
        TORN[tear](wal)
        await everybody_asks_again(it, await it.started(), orders)


def slots(intake: Path) -> list[int]:
    """Give where the slots begin in which something stands, behind the file's head."""
    content = intake.read_bytes()
    places = range(SLOT_BYTES, len(content), SLOT_BYTES)
    return [at for at in places if content[at : at + SLOT_BYTES].strip(b"\0")]


def put(intake: Path, at: int, content: bytes) -> None:
    with intake.open("r+b") as file:
        file.seek(at)
        file.write(content)


TORN_INTAKE: dict[str, Callable[[Path], object]] = {
    "inside its last slot": lambda intake: os.truncate(intake, slots(intake)[-1] + 100),
    "inside a slot in its middle": lambda intake: os.truncate(intake, slots(intake)[len(slots(intake)) // 2] + 300),
    "inside an entry's head": lambda intake: os.truncate(intake, slots(intake)[0] + 20),
    "to nothing": lambda intake: intake.write_bytes(b""),
    "with a sector of old bytes at its end": lambda intake: put(intake, slots(intake)[-1], b"\x5a" * SLOT_BYTES),
    "with a sector of old bytes in its middle": lambda intake: put(intake, slots(intake)[1], b"\x5a" * SLOT_BYTES),
    "with a sector of old bytes at its beginning": lambda intake: put(intake, 0, b"\x5a" * SLOT_BYTES),
    "without its first sector": lambda intake: put(intake, 0, b"\0" * SLOT_BYTES),
}


@pytest.mark.parametrize("tear", TORN_INTAKE)
async def test_an_intake_torn_in_the_middle_of_a_write_opens_and_what_both_lost_is_found_at_the_venue(
    tmp_path: Path, tear: str
) -> None:
    async with world(tmp_path) as it:
        orders = await a_life_that_ends_badly(it)
        (tmp_path / "journal.sqlite-wal").write_bytes(b"")
        intake = tmp_path / "journal.sqlite-intake"
        assert len(slots(intake)) > 3, "too little for each tear to be somewhere else"
        TORN_INTAKE[tear](intake)
        await everybody_asks_again(it, await it.started(), orders)


async def test_a_torn_index_of_the_log_is_made_anew(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        orders = await a_life_that_ends_badly(it)
        (tmp_path / "journal.sqlite-shm").write_bytes(b"\x5a" * 32_768)
        await everybody_asks_again(it, await it.started(), orders)


# ---------------------------------------------------------------- pages


def damage(journal: Path, table: str) -> None:
    """Write nonsense over the first page of a table or an index."""
    with closing(sqlite3.connect(journal)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (page,) = db.execute("PRAGMA page_size").fetchone()
    with journal.open("r+b") as file:
        file.seek((root - 1) * page)
        file.write(b"\xff" * page)


async def a_life(it: World) -> None:
    """Live well, and end well."""
    client = await it.started()
    for number, order_id in enumerate(await it.rest(2)):
        await it.canceled(client, order_id, request_id=f"r-{number}")
    await it.leave()
    assert await it.daemon.stop() == 0
    (it.daemon.folder / "canceld.log").unlink()


async def refusal_to_start(it: World) -> str:
    """Start it in vain; gives what it says."""
    await it.daemon.start()
    assert await it.daemon.ended() == 1
    said = (it.daemon.folder / "canceld.log").read_text()
    assert "Traceback" not in said
    assert not it.daemon.socket.exists()
    return said


@pytest.mark.parametrize("table", ["requests", "meta"])
async def test_a_damaged_page_that_the_start_needs_is_said_and_not_run_on(tmp_path: Path, table: str) -> None:
    async with world(tmp_path) as it:
        await a_life(it)
        journal = tmp_path / "journal.sqlite"
        damage(journal, table)
        said = await refusal_to_start(it)
        assert f"canceld: journal {journal}: database disk image is malformed; it is damaged: stop the daemon" in said
        assert not (await asyncio.to_thread(verify, journal)).is_sound
        journal.rename(tmp_path / "aside.sqlite")
        client = await it.started()
        (order_id,) = await it.rest(1)
        assert (await it.canceled(client, order_id))["outcome"] == "canceled"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("DELETE FROM meta WHERE name = 'boot'", "`SELECT value FROM meta WHERE name = 'boot'` gives no number"),
        ("DROP TABLE requests", "no such table: requests"),
    ],
)
async def test_a_journal_of_which_a_part_is_gone_is_said_and_not_run_on(
    tmp_path: Path, change: str, found: str
) -> None:
    async with world(tmp_path) as it:
        await a_life(it)
        journal = tmp_path / "journal.sqlite"
        with closing(sqlite3.connect(journal)) as db, db:
            db.execute(change)
        assert f"canceld: journal {journal}: {found}; it is damaged: stop the daemon" in await refusal_to_start(it)
        assert not (await asyncio.to_thread(verify, journal)).is_sound


async def test_a_damaged_page_that_a_commit_needs_keeps_no_cancel_from_the_venue(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await a_life(it)
        damage(tmp_path / "journal.sqlite", "sqlite_autoindex_requests_1")
        client = await it.started()
        before, after = await it.rest(2)
        assert (await it.canceled(client, before))["outcome"] == "canceled"  # its receipt needs no page of the journal
        async with asyncio.timeout(WAIT_S):
            while (await client.result("status"))["journal"]["state"] == "ok":
                await asyncio.sleep(0.01)
        said = await it.canceled(client, after)
        assert (said["outcome"], said["durable"]) == ("canceled", False)
        assert {it.truth_of(order)[0] for order in (before, after)} == {"canceled"}
        status = await client.result("status")
        assert status["journal"] == {"state": "failed", "detail": "database disk image is malformed"}
        alarms = {alarm["name"]: alarm["detail"] for alarm in status["accounts"]["okx-main"]["alarms"]}
        assert alarms["journal"] == "database disk image is malformed"
        verified = await asyncio.to_thread(verify, tmp_path / "journal.sqlite")
        assert any(finding.where == "file" for finding in verified.findings)


# ---------------------------------------------------------------- versions


async def test_a_journal_of_an_older_canceld_is_brought_up_and_one_of_a_newer_one_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    an_hour_ago = str(time.time_ns() // 1000 - 3_600_000_000)[:-4]
    text = FORMAT_1.read_text().replace("'main'", "'okx-main'").replace('"main"', '"okx-main"')
    with closing(sqlite3.connect(journal)) as db:
        db.executescript(text.replace("170000000000", an_hour_ago))
        db.execute("DELETE FROM accounts")  # whose user was another venue's
        db.commit()
    async with world(tmp_path) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        assert (await it.canceled(client, order_id))["durable"] is True
        (old,) = await written(client, "a")
        assert (old["outcome"], old["seq"], old["uid"]) == ("canceled", 1, 1000)
        story = await client.result("explain", request_id="b")  # it had no outcome, and is taken up
        assert story["steps"][0]["kind"] == "request_opened"
        await it.leave()
        assert await it.daemon.stop() == 0
        assert (await asyncio.to_thread(verify, journal)).findings == []
        (tmp_path / "canceld.log").unlink()
        with closing(sqlite3.connect(journal)) as db:
            db.execute("PRAGMA user_version = 99")
        said = await refusal_to_start(it)
        assert f"canceld: journal {journal}: a newer canceld wrote it (format 99; this one knows {VERSION})" in said
        assert "run that canceld, or keep the file aside" in said
