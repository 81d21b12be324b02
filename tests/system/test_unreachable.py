"""A venue that cannot be reached, or says nothing: that is said, nothing is made up, and later all goes on.

(A port where nobody listens is in `test_starting`; certificates that prove nothing are in `test_tls`.)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from daemon.sim.book import NewOrder, Side
from daemon.sim.shell import serve
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.scraping import free_port
from tests.system.rig import (
    HASTY,
    WAIT_S,
    Daemon,
    World,
    account_table,
    configure,
    correction_of,
    leave_out,
    until,
    world,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.system.authority import Authority
    from tests.system.rig import Message

NAME = "venue.test"


def an_order(venue: OkxVenue) -> str:
    """Rest an order at a venue whose door is shut."""
    new = NewOrder(instrument="BTC-USDT", side=Side.BUY, price=Decimal("0.1"), qty=Decimal(2))
    return venue.book.place(new, 1).order_id


def is_alarmed_by(word: str) -> Callable[[Message], bool]:
    """Whether an account's alarms give a reason, and one of them is that the venue's clock is not known."""

    def is_it(account: Message) -> bool:
        alarms = {alarm["name"]: alarm["detail"] for alarm in account["alarms"]}
        return "clock_unknown" in alarms and any(word in detail for detail in alarms.values())

    return is_it


# ---------------------------------------------------------------- a venue that accepts and says nothing


class Mute:
    """Accepts every connection, reads all that comes, and never says a word."""

    def __init__(self) -> None:
        self.heard = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                self.heard += len(data)

    @contextlib.asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        server = await asyncio.start_server(self.accept, "127.0.0.1", port)
        try:
            yield
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await server.wait_closed()


async def test_a_venue_that_accepts_and_says_nothing_is_said_and_taken_up_when_it_speaks(tmp_path: Path) -> None:
    mute, port, venue = Mute(), free_port(), OkxVenue(OkxOptions(seed=7))
    order_id = an_order(venue)
    async with world(tmp_path) as well:  # another account, of a venue that is well
        with (tmp_path / "canceld.toml").open("a") as file:
            file.write("\n" + account_table("mute", f"http://127.0.0.1:{port}", HASTY))
        async with mute.listening(port):
            client = await well.started()
            seen = await well.status(client, is_alarmed_by("time-out"), "mute")
            assert (seen["state"], seen["cancel_ready"], seen["drop_copy"]) == ("connecting", False, "down")
            assert mute.heard > 0
            (good,) = await well.rest(1)
            asked = client.send("cancel", account="mute", instrument="BTC-USDT", order_id=order_id, request_id="r")
            assert (await well.canceled(client, good))["outcome"] == "canceled"  # is not kept waiting by the mute one
            async with asyncio.timeout(WAIT_S):
                first = (await asked)["result"]
            assert (first["outcome"], first["ord_status"], first["cum_qty"]) == ("in_doubt", None, None)
        async with serve(venue, "127.0.0.1", port):
            await well.status(client, well.is_ready_by("ws"), "mute")
            told = await correction_of(client, "r")
            order = venue.book.get(order_id)
            assert order is not None
            assert told["outcome"] == order.ord_status.value == "canceled"


# ---------------------------------------------------------------- a name that does not resolve


@pytest.fixture
def own_names(tmp_path: Path) -> str:
    """What a shell does to ask for names in files of the test alone; its resolver is a loopback port without one."""
    if os.geteuid() != 0:
        leave_out("a mount namespace needs root")
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    return " && ".join(f"mount --bind {tmp_path / name} /etc/{name}" for name in ("hosts", "resolv.conf"))


async def test_a_name_that_does_not_resolve_is_said_and_the_account_is_ready_when_it_does(
    tmp_path: Path, authority: Authority, own_names: str
) -> None:
    venue = OkxVenue(OkxOptions(seed=7))
    order_id = an_order(venue)
    async with serve(venue, "127.0.0.1", 0, tls=authority.context(f"DNS:{NAME}")) as server:
        url = server.url.replace("127.0.0.1", NAME)
        configure(tmp_path, url, account=f'ca_file = "{authority.file}"\n{HASTY}')
        it = World(venue, url, Daemon(tmp_path, before=own_names))
        try:
            await it.daemon.start()
            client = await it.client()
            seen = await it.status(client, is_alarmed_by("resol"))
            assert (seen["state"], seen["order_entry"], seen["drop_copy"]) == ("connecting", "rest", "down")
            await until(lambda: any("resol" in str(row.get("why", "")) for row in it.daemon.log))
            short = await it.canceled(client, order_id, request_id="short", deadline_ms=1)
            assert (short["outcome"], short["times"]["forwarded"]) == ("not_sent", None)
            first = await it.canceled(client, order_id, request_id="r")
            assert (first["outcome"], first["times"]["forwarded"]) == ("in_doubt", None)
            assert venue.floor.stats.rest_calls == venue.floor.stats.frames_in == 0
            with (tmp_path / "hosts").open("a") as hosts:
                hosts.write(f"127.0.0.1 {NAME}\n")
            await it.ready(client)
            assert (await correction_of(client, "r"))["outcome"] == "canceled"  # it still went out when it could
            assert it.truth_of(order_id)[0] == "canceled"
        finally:
            await it.close()
