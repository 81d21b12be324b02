"""The examples that are installed run as they stand, against a real daemon."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from daemon import cli
from tests.system.rig import ROOT, WAIT_S, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import World

EXAMPLES = ROOT / "systemd" / "share" / "examples"


async def run(it: World, *command: str, folder: Path | None = None) -> tuple[int, list[str]]:
    """Run a command with the daemon's socket; give its exit code and its lines."""
    environment = os.environ | {"CANCELD_SOCKET": str(it.daemon.socket)}
    environment |= {"PYTHONPATH": str(folder)} if folder is not None else {}
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
    async with asyncio.timeout(WAIT_S):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode().splitlines()


async def three_orders(it: World) -> list[str]:
    """Start everything, and rest three orders of one instrument."""
    await it.daemon.start()
    await it.ready(await it.client())
    order = {"instrument": "BTC-USDT", "side": "buy", "price": "1", "qty": "1"}
    return await it.door.place([order] * 3)


@pytest.mark.skipif(
    shutil.which("socat") is None and "CI" not in os.environ, reason="socat is not installed here; CI installs it"
)
async def test_the_shell_example_cancels_and_says_what_became_of_each(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        orders = await three_orders(it)
        await it.door.fill(orders[2])
        script = str(EXAMPLES / "cancel.sh")
        assert await run(it, script, "okx-main", "BTC-USDT", *orders[:2]) == (
            0,
            [f"{order_id}\tcanceled\t0" for order_id in orders[:2]],
        )
        code, lines = await run(it, script, "okx-main", "BTC-USDT", *orders)
        assert (code, lines[0], lines[2]) == (1, f"{orders[0]}\tcanceled\t0", f"{orders[2]}\tfilled\t1")
        assert await run(it, script, "nobody", "BTC-USDT", "7") == (1, ["7\trefused\tunknown_account"])
        assert {truth.ord_status for truth in (await it.door.truths()).values()} == {"canceled", "filled"}
        sent = (await it.door.stats()).cancels
        assert all(sent[order_id] == 1 for order_id in orders[:2])


@pytest.mark.parametrize("is_alone", [False, True])
async def test_the_python_example_cancels_many_with_and_without_canceld_installed(
    tmp_path: Path, is_alone: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world(tmp_path) as it:
        orders = await three_orders(it)
        await it.door.fill(orders[0])
        script = EXAMPLES / "cancel_many.py"
        if is_alone:
            assert cli.main(["client-source"]) == 0
            (tmp_path / "canceld_client.py").write_text(capsys.readouterr().out)
            command = [sys.executable, "-S", "-W", "error", str(script)]  # -S: no installed package at all
        else:
            command = [sys.executable, str(script)]
        folder = tmp_path if is_alone else None
        code, lines = await run(it, *command, "okx-main", "BTC-USDT", *orders, folder=folder)
        assert code == 1
        expected = [f"{orders[0]}\tfilled\t1\t", *(f"{order_id}\tcanceled\t0\t" for order_id in orders[1:])]
        assert sorted(lines) == sorted(expected)


async def test_the_following_example_misses_nothing_over_restarts_of_both(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        first, second, third = orders = await three_orders(it)
        told = tmp_path / "told.jsonl"
        follower = await follow(it, told)
        await cancel(it, first)
        await lines_in(told, 1)
        await stop(follower)
        assert await it.daemon.stop(signal.SIGKILL) == -signal.SIGKILL
        await it.daemon.start()
        await cancel(it, second)  # nobody follows
        follower = await follow(it, told)
        await cancel(it, third)
        await lines_in(told, 3)
        await stop(follower)
        assert [json.loads(line)["order_id"] for line in told.read_text().splitlines()] == orders


async def cancel(it: World, order_id: str) -> None:
    client = await it.client()
    await it.ready(client)
    await client.result("cancel", account="okx-main", instrument="BTC-USDT", order_id=order_id)


async def follow(it: World, told: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / "follow.py"), str(told),
        env=os.environ | {"CANCELD_SOCKET": str(it.daemon.socket)},
    )  # fmt: skip


async def lines_in(told: Path, count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while not told.exists() or told.read_text().count("\n") < count:
            await asyncio.sleep(0.02)


async def stop(follower: asyncio.subprocess.Process) -> None:
    follower.send_signal(signal.SIGINT)
    async with asyncio.timeout(WAIT_S):
        assert await follower.wait() == 130
