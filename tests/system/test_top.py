"""The picture of `cancelctl top` in the README is one of a real run: four venues, a day with troubles.

The picture is kept in the checkout; ``CANCELD_TOP=write`` makes it anew. What differs from run to run are the numbers,
so a run is held against it by its words.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import io
import os
import re
from typing import TYPE_CHECKING, Final

import pytest
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from daemon.client import ClientError
from daemon.client_async import AsyncClient
from daemon.ctl_top import Source
from daemon.ctl_top_screen import draw
from daemon.demo.door import Door
from daemon.demo.host import Host
from daemon.sim.registry import DEMOS
from tests.system.rig import ROOT, WAIT_S

if TYPE_CHECKING:
    from daemon.client import Wish
    from daemon.ctl_top_screen import Frame

PICTURE: Final = ROOT / "systemd" / "share" / "top.svg"
WIDTH: Final = 148
VENUES: Final = ("okx", "bitget", "htx", "bingx")
ORDERS: Final = 24
FAULTS: Final = {
    "okx": "ACK_LATE(80):0.1",
    "bitget": "ACK_OK_NO_PUSH:0.1",
    "htx": "DUP_PUSH:0.2",
    "bingx": "NO_ACK:0.1",
}
WORDS: Final = (
    "accounts", "cancels by", "pushes", "in flight", "budget wait", "clock ms", "sockets (quiet for)",
    "outcomes per second", "latency", "until sent", "whole, ms", "oldest that wait", "alarms", "cancel_refused",
    *(f"{venue}-demo" for venue in VENUES), "canceled", "filled", "in_doubt",
)  # fmt: skip


async def a_day_with_troubles(host: Host) -> Frame:
    """Rest orders at each venue, let some trade, cancel them all, and look while the last ones still wait."""
    async with AsyncClient(host.socket, name="mm1") as client, AsyncClient(host.socket, name="cancelctl") as looking:
        await ready(client)
        source = Source(looking)
        listening = asyncio.create_task(source.listen())
        doors = {venue: Door(host.urls[venue]) for venue in VENUES}
        await asyncio.gather(*(cancels(client, host, venue, doors[venue]) for venue in VENUES))
        stuck = asyncio.gather(*(stick(client, host, doors["okx"], number) for number in range(3)))
        frame = await look_until_troubled(source)
        stuck.cancel()
        listening.cancel()
        await asyncio.gather(stuck, listening, return_exceptions=True)
        for door in doors.values():
            await door.close()
        return frame


async def ready(client: AsyncClient) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            accounts = (await client.status())["accounts"]
            assert isinstance(accounts, dict)
            if all(account["drop_copy"] == "live" and account["cancel_ready"] for account in accounts.values()):
                return
            await asyncio.sleep(0.05)


async def cancels(client: AsyncClient, host: Host, venue: str, door: Door) -> None:
    placings = [DEMOS[venue].placings[n % len(DEMOS[venue].placings)] for n in range(ORDERS)]
    orders = [
        {"instrument": one.instrument, "side": "buy", "price": one.price, "qty": one.qty}
        | ({"product": one.product} if one.product else {})
        for one in placings
    ]
    ids = await door.place(orders)
    for order_id in ids[:: ORDERS // 4]:
        await door.fill(order_id)

    async def cancel(number: int) -> None:
        wish: Wish = {"order_id": ids[number]}
        if (product := placings[number].product) is not None:
            wish["product"] = product
        name, instrument = f"mm1-{venue}-{number:03}", placings[number].instrument
        await client.cancel(host.account_of(venue), instrument, request_id=name, timeout=WAIT_S, **wish)

    for start in range(0, ORDERS, 6):
        await asyncio.gather(*(cancel(number) for number in range(start, start + 6)))


async def stick(client: AsyncClient, host: Host, door: Door, number: int) -> None:
    """Ask for a cancel that the venue takes and does not carry out, or (the first) refuses for good."""
    instrument = ("BTC-USDT", "ETH-USDT", "SOL-USDT")[number]
    (order_id,) = await door.place([{"instrument": instrument, "side": "sell", "price": "90000", "qty": "1"}])
    fault = "REJECT" if number == 0 else "CANCELING_STATE"
    arg = "51403" if number == 0 else "60"
    await door._call("POST", "/_sim/faults", {fault: {"p": 1.0, "arg": arg, "order_id": order_id}})
    with contextlib.suppress(ClientError):  # the daemon ends before they do
        await client.cancel(host.account_of("okx"), instrument, order_id=order_id, request_id=f"mm1-stuck-{number}")


async def look_until_troubled(source: Source) -> Frame:
    """Look until the stuck ones wait and the refusal has raised its alarm."""
    async with asyncio.timeout(WAIT_S):
        while True:
            frame = await source.frame(5)
            accounts = frame.status["accounts"]
            assert isinstance(accounts, dict)
            okx = accounts["okx-demo"]
            if len(okx["waiting"]) >= 2 and okx["oldest_ms"] > 1000 and okx["alarms"]:
                return frame
            await asyncio.sleep(0.1)


def picture_of(frame: Frame) -> str:
    """Draw a frame as an SVG that loads nothing from anywhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(draw(frame))
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    made = console.export_svg(title="cancelctl top", code_format=form, unique_id="top")
    return "\n".join(line.rstrip() for line in made.splitlines()) + "\n"


def words_in(picture: str) -> str:
    """Give the text of a picture."""
    return html.unescape(re.sub(r"<[^>]+>", " ", picture)).replace("\xa0", " ")


@pytest.mark.timeout(180)
async def test_the_picture_in_the_readme_is_one_of_a_real_run() -> None:
    async with Host(VENUES, 7, FAULTS) as host:
        frame = await a_day_with_troubles(host)
    made = picture_of(frame)
    if os.environ.get("CANCELD_TOP") == "write":
        PICTURE.write_text(made)
    kept = PICTURE.read_text()
    for word in WORDS:
        assert word in words_in(made), word
        assert word in words_in(kept), word
    assert not re.search(r"(src|href|url\()=?[\"']?http", kept)
    assert "systemd/share/top.svg" in (ROOT / "README.md").read_text()
    counts = frame.window.counts(frame.now_us, 3600)
    assert sum(counts.values()) >= len(VENUES) * ORDERS
    assert counts["filled"] >= len(VENUES)
