"""What an operator asks of a real daemon afterwards: the history by what became of it, and one request's story."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.rig import QUICK, world

if TYPE_CHECKING:
    from tests.system.rig import World


async def cancelctl(it: World, *arguments: str) -> str:
    """Run it, and give what it says."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "cancelctl"), *arguments, stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"CANCELD_SOCKET": str(it.daemon.socket)},
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, arguments
    return output.decode()


async def test_history_tells_by_outcome_and_time_and_all_of_it_goes_into_a_file(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(6)
        for order_id in orders[:2]:
            await it.door.fill(order_id)
        for number, order_id in enumerate(orders):
            await it.canceled(client, order_id, request_id=f"r-{number}")

        filled = json.loads(await cancelctl(it, "--json", "history", "--outcome", "filled"))["requests"]
        assert [row["request_id"] for row in filled] == ["r-1", "r-0"]
        lines = (await cancelctl(it, "history", "--outcome", "canceled", "--since", "1h", "--limit", "3")).splitlines()
        assert [line.split("\t")[-1] for line in lines[1:]] == ["r-5", "r-4", "r-3"]
        assert (await cancelctl(it, "history", "--since", "2999-01-01")).splitlines() == []

        rows = [*csv.DictReader(io.StringIO(await cancelctl(it, "history", "--export", "csv")))]
        assert [(row["request_id"], row["outcome"]) for row in rows] == [
            (f"r-{n}", "filled" if n < 2 else "canceled") for n in range(6)
        ]
        assert [row["order_id"] for row in rows] == orders
        assert {row["pid"] for row in rows} == {str(os.getpid())}
        exported = (await cancelctl(it, "history", "--export", "jsonl", "--account", "okx-main")).splitlines()
        assert [json.loads(line)["seq"] for line in exported] == [int(row["seq"]) for row in rows]


async def test_a_story_tells_what_was_asked_each_step_and_the_venues_own_bytes(tmp_path: Path) -> None:
    async with world(tmp_path, account=QUICK) as it:
        client = await it.started()
        await client.result("hello", client="mm1", version="7")
        (order_id,) = await it.rest(1, client_order_id="mine1")
        await it.door.fill(order_id, "0.5")
        it.faults("NO_ACK(lost)x1,ACK_OK_NO_PUSH:1")
        await it.canceled(client, order_id, request_id="mm1-000042")
        lines = (await cancelctl(it, "explain", "mm1-000042")).splitlines()

        head, _, steps = "\n".join(lines).partition("\n\nAll times are UTC")
        assert head.startswith("canceled mm1-000042\n  asked      cancel ")
        assert f"order {order_id}" in head
        assert "0.5 of 2 filled (final)" in head
        assert "  evidence   query, channel " in head
        assert "(mm1 7) asked to cancel" in steps
        kinds = [line[42:].split()[0] for line in lines if line.startswith("20") and " ms " in line[:45]]
        assert kinds.index("asked") < kinds.index("told")
        assert kinds[0] == "request_opened"
        assert kinds[-1] == "concluded"
        assert {"send_made", "send_forwarded", "asked", "told", "observed"} <= set(kinds)
        brought = [line.strip() for line in steps.splitlines() if line.startswith("        ")]
        frames = [line for line in brought if line != "(the same bytes)"]
        assert len(frames) == len(set(frames)) >= 3
        assert all(json.loads(frame)["data"][0]["ordId"] == order_id for frame in frames)
