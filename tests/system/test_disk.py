"""A journal on a disk that is full, for real: a small file system that the test mounts and fills."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from daemon.edge.journal.verify import verify
from tests.system.rig import WAIT_S, World, leave_out, until, world, written

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.system.rig import Client, Message

SIZE = "4m"
BLOCK = b"x" * 65_536


class Disk:
    """A file system of a few megabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("ab", buffering=0) as file:
            for piece in (BLOCK, b"x" * 4096, b"x"):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(piece)

    def leave(self, free_bytes: int) -> None:
        """Leave so much free, or a little less."""
        self.fill()
        with self._filler.open("r+b") as file:
            file.truncate(max(0, self._filler.stat().st_size - free_bytes))

    def make_room(self) -> None:
        self._filler.unlink()

    def let_write(self, *, may: bool) -> None:
        """Let nothing be opened for writing on it, or all again; nothing may be open for writing just now."""
        way = f"remount,bind,{'rw' if may else 'ro'}"
        subprocess.run(["mount", "-o", way, str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount it; without the right to, leave the test out (in CI: fail)."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        leave_out("mounting a small file system needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        leave_out(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_blocks(tmp_path: Path) -> Iterator[Disk]:
    """A file system whose blocks are smaller than a page of memory, as that of a small disk is."""
    folder, image = tmp_path / "disk", tmp_path / "image"
    folder.mkdir()
    image.touch()
    os.truncate(image, 6 * 1024 * 1024)
    for command in (["mkfs.ext4", "-q", "-b", "1024", "-m", "0", str(image)], ["mount", str(image), str(folder)]):
        try:
            subprocess.run(command, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError) as trouble:
            pytest.skip(f"no such file system can be made here: {trouble}")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.asynccontextmanager
async def on(disk: Disk, folder: Path, extra: str = "", account: str = "") -> AsyncIterator[tuple[World, Client]]:
    """A daemon whose journal is on the disk."""
    async with world(folder, extra=extra, account=account) as it:
        file = folder / "canceld.toml"
        file.write_text(file.read_text().replace("./journal.sqlite", f"./{disk.folder.name}/journal.sqlite"))
        yield it, await it.started()


async def journal_is(client: Client, state: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await client.result("status"))["journal"]["state"] != state:
            await asyncio.sleep(0.01)


async def alarms(client: Client) -> set[str]:
    account: Message = (await client.result("status"))["accounts"]["okx-main"]
    return {alarm["name"] for alarm in account["alarms"]}


@pytest.mark.parametrize("durability", ["receipt", "strict"])
async def test_a_full_disk_is_said_and_keeps_no_cancel_from_the_venue(
    disk: Disk, tmp_path: Path, durability: str
) -> None:
    async with on(disk, tmp_path, f'durability = "{durability}"\n') as (it, client):
        before, during, later, after = await it.rest(4)
        assert (await it.canceled(client, before))["durable"] is True
        first = await full_by_now(it, client, disk)
        assert "journal" in await alarms(client)
        client.notified.clear()
        for request_id, order_id in (("during", during), ("later", later)):
            said = await it.canceled(client, order_id, request_id=request_id, progress=True)
            assert (said["outcome"], said["durable"], said["times"]["recorded"]) == ("canceled", False, None)
            assert it.truth_of(order_id)[0] == "canceled"
        assert not any(note["params"].get("state") == "recorded" for note in client.notified)
        disk.make_room()
        await journal_is(client, "ok")
        assert "journal" not in await alarms(client)
        for request_id in (*first, "during", "later"):
            assert (await written(client, request_id))[0]["outcome"] == "canceled"
        assert (await it.canceled(client, after))["durable"] is True
        again = await it.canceled(await next_life(it), during, request_id="during")
        assert again["outcome"] == "canceled"
        assert it.cancels_of(during) == 1


async def full_by_now(it: World, client: Client, disk: Disk) -> list[str]:
    """Fill the disk until the daemon says so; give the requests by which it found out, the last of which has no room.

    Some still find room, in what the files have, the intake most of all, which asks the disk for none. Only what has is
    called durable; and once the journal is known to be full nothing is, not what stands in the intake either.
    """
    names: list[str] = []
    async with asyncio.timeout(WAIT_S):
        while (await client.result("status"))["journal"]["state"] != "full":
            disk.fill()
            names.append(f"full-{len(names)}")
            (order_id,) = await it.rest(1)
            said = await it.canceled(client, order_id, request_id=names[-1])
            assert said["outcome"] == "canceled"
            assert said["times"]["recorded"] is not None or not said["durable"]
    return names


async def next_life(it: World) -> Client:
    await it.daemon.stop(signal.SIGKILL)
    return await it.started()


async def test_where_it_is_so_configured_nothing_is_sent_that_cannot_be_written_down(
    disk: Disk, tmp_path: Path
) -> None:
    async with on(disk, tmp_path, 'on_journal_failure = "refuse"\n') as (it, client):
        second, third = await it.rest(2)
        (first, *_) = await full_by_now(it, client, disk)
        for _ in range(3):
            reply = await it.cancel(client, second)
            assert reply["error"]["data"]["reason"] == "journal_unavailable"
        assert it.cancels_of(second) == 0
        disk.make_room()
        await journal_is(client, "ok")
        assert (await written(client, first))[0]["outcome"] == "canceled"
        for order_id in (second, third):
            said = await it.canceled(client, order_id)
            assert (said["outcome"], said["durable"]) == ("canceled", True)


async def test_a_daemon_with_a_full_disk_still_ends_when_it_is_told_to(disk: Disk, tmp_path: Path) -> None:
    async with on(disk, tmp_path) as (it, client):
        await full_by_now(it, client, disk)
        assert await it.daemon.stop() == 0
        assert "journal_not_closed" in {row["event"] for row in it.daemon.log}


async def test_a_disk_that_is_full_at_the_start_is_said_and_not_run_on(disk: Disk, tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        file = tmp_path / "canceld.toml"
        file.write_text(file.read_text().replace("./journal.sqlite", f"./{disk.folder.name}/journal.sqlite"))
        disk.fill()
        await it.daemon.start()
        assert await it.daemon.ended() == 1
        said = (tmp_path / "canceld.log").read_text()
        assert "journal.sqlite" in said
        assert "Traceback" not in said
        disk.make_room()
        client = await it.started()
        assert await client.result("ping")


async def test_a_daemon_whose_disk_has_small_blocks_lives_on_when_it_is_full(
    small_blocks: Disk, tmp_path: Path
) -> None:
    async with on(small_blocks, tmp_path) as (it, client):
        first = await full_by_now(it, client, small_blocks)
        small_blocks.make_room()
        await journal_is(client, "ok")
        assert (await written(client, first[-1]))[0]["outcome"] == "canceled"


@pytest.mark.parametrize("left", [0, 20_000, 60_000, 120_000, 1_100_000])
async def test_however_little_is_left_at_the_start_it_runs_or_says_why_not(
    small_blocks: Disk, tmp_path: Path, left: int
) -> None:
    async with world(tmp_path) as it:
        file = tmp_path / "canceld.toml"
        file.write_text(file.read_text().replace("./journal.sqlite", f"./{small_blocks.folder.name}/journal.sqlite"))
        small_blocks.leave(left)
        await it.daemon.start()
        assert it.daemon.process is not None
        if it.daemon.process.returncode is None:
            client = await it.client()
            (order_id,) = await it.rest(1)
            assert (await it.canceled(client, order_id))["outcome"] == "canceled"
            return
        assert it.daemon.process.returncode == 1
        said = (tmp_path / "canceld.log").read_text()
        assert "database or disk is full; free some space on its disk" in said
        assert "Traceback" not in said


async def test_a_disk_that_is_read_only_at_the_start_is_said_with_what_to_do(disk: Disk, tmp_path: Path) -> None:
    async with on(disk, tmp_path) as (it, client):
        (order_id,) = await it.rest(1)
        await it.canceled(client, order_id, request_id="r")
        assert await it.daemon.stop() == 0
        disk.let_write(may=False)
        (tmp_path / "canceld.log").unlink()
        await it.daemon.start()
        assert await it.daemon.ended() == 1
        said = (tmp_path / "canceld.log").read_text()
        assert f"journal {disk.folder}/journal.sqlite: its lock file" in said
        assert "(Read-only file system); make the folder" in said
        assert "Traceback" not in said
        verified = await asyncio.to_thread(verify, disk.folder / "journal.sqlite")  # to look is all that is left
        assert verified.findings == []
        disk.let_write(may=True)
        again = await it.canceled(await it.started(), order_id, request_id="r")
        assert again["outcome"] == "canceled"


async def test_what_is_told_with_strict_durability_is_on_the_disk_by_then(tmp_path: Path) -> None:
    async with world(tmp_path, extra='durability = "strict"\n') as it:
        client = await it.started()
        orders = await it.rest(6)
        said = [await it.canceled(client, order_id, request_id=f"r-{n}") for n, order_id in enumerate(orders)]
        assert all(one["durable"] for one in said)
        await it.daemon.stop(signal.SIGKILL)  # at once
        client = await it.started()
        for n, (order_id, first) in enumerate(zip(orders, said, strict=True)):
            again = await it.canceled(client, order_id, request_id=f"r-{n}")
            assert (again["outcome"], again["seq"]) == ("canceled", first["seq"])
        await until(lambda: all(it.cancels_of(order_id) == 1 for order_id in orders))


async def test_a_journal_that_is_taken_away_is_a_failure_like_any_other(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        zero, one, two = await it.rest(3)
        for name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"):
            (tmp_path / name).rename(tmp_path / f"{name}.away")
        assert (await it.canceled(client, zero, request_id="zero"))["outcome"] == "canceled"
        await journal_is(client, "failed")
        said = await it.canceled(client, one, request_id="one")
        assert (said["outcome"], said["durable"]) == ("canceled", False)
        assert (await client.result("status"))["journal"]["detail"].startswith("the file is gone; put it back, or")
        for name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"):
            (tmp_path / f"{name}.away").rename(tmp_path / name)
        await journal_is(client, "ok")
        assert (await it.canceled(client, two))["durable"] is True
        for request_id in ("zero", "one"):
            assert (await written(client, request_id))[0]["outcome"] == "canceled"


async def test_what_was_promised_survives_a_log_that_is_deleted_and_a_crash_after_it(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        one, two, three = await it.rest(3)
        assert (await it.canceled(client, one, request_id="one"))["durable"] is True
        (tmp_path / "journal.sqlite-wal").unlink()
        assert (await it.canceled(client, two, request_id="two"))["outcome"] == "canceled"
        await until(lambda: any(row["event"] == "journal" and row["state"] == "ok" for row in it.daemon.log))
        said = next(row for row in it.daemon.log if row["event"] == "journal")
        assert (said["level"], said["state"]) == ("error", "failed")
        assert "journal.sqlite-wal was deleted, moved or replaced; leave it alone" in said["detail"]
        assert "journal" not in await alarms(client)
        assert (await it.canceled(client, three, request_id="three"))["durable"] is True
        client = await next_life(it)
        for request_id in ("one", "two", "three"):
            assert (await written(client, request_id))[0]["outcome"] == "canceled"


async def test_a_switch_is_not_refreshed_while_nothing_is_committed_even_if_nobody_asks_for_anything(
    disk: Disk, tmp_path: Path
) -> None:
    async with on(disk, tmp_path, account="[accounts.okx-main.dead_man]\nowner = true\ntimeout_s = 10\n") as (
        it,
        client,
    ):
        await it.status(client, lambda account: account["dead_man"]["state"] == "armed")
        disk.fill()

        def is_said(account: Message) -> bool:
            said = [alarm["detail"] for alarm in account["alarms"] if alarm["name"] == "dead_man_switch"]
            return account["dead_man"]["state"] == "running_down" and any("journal" in each for each in said)

        await it.status(client, is_said)
        disk.make_room()
        await it.status(client, lambda account: account["dead_man"]["state"] == "armed")
