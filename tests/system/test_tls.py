"""TLS to the venue, in the whole daemon: a private authority is believed where it is named, and nobody else is."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from daemon.sim.book import NewOrder, Side
from daemon.sim.shell import serve
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.system.rig import HASTY, Client, Daemon, World, configure

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.system.authority import Authority

CA = 'ca_file = "{authority}"\n'


@contextlib.asynccontextmanager
async def tls_world(folder: Path, context: ssl.SSLContext, account: str) -> AsyncIterator[tuple[World, Client, str]]:
    """A venue behind TLS with one resting order, a daemon that has started, and a client."""
    venue = OkxVenue(OkxOptions(seed=7))
    new = NewOrder(instrument="BTC-USDT", side=Side.BUY, price=Decimal("0.1"), qty=Decimal(2))
    order_id = venue.book.place(new, 1).order_id
    async with serve(venue, "127.0.0.1", 0, tls=context) as server:
        configure(folder, server.url, account=account)
        it = World(venue, server.url, Daemon(folder))
        try:
            await it.daemon.start()
            yield it, await it.client(), order_id
        finally:
            await it.close()


async def test_a_venue_with_a_private_authority_is_served_over_https_and_wss(
    tmp_path: Path, authority: Authority
) -> None:
    account = CA.format(authority=authority.file)
    async with tls_world(tmp_path, authority.context("IP:127.0.0.1"), account) as (it, client, order_id):
        assert it.url.startswith("https://")
        await it.ready(client)
        it.faults("ACK_OK_NO_PUSHx1")  # so that both roads are taken
        said = await it.canceled(client, order_id)
        assert (said["outcome"], said["evidence"]["source"]) == ("canceled", "query")


@pytest.mark.parametrize(
    ("name", "days", "account", "why"),
    [
        pytest.param("IP:127.0.0.1", 1, "", "local issuer", id="an authority that nobody named"),
        pytest.param("IP:127.0.0.1", -1, CA, "expired", id="an expired certificate"),
        pytest.param("DNS:elsewhere.example", 1, CA, "127.0.0.1", id="a certificate for another name"),
    ],
)
async def test_a_certificate_that_proves_nothing_is_refused_and_that_is_said(
    tmp_path: Path, authority: Authority, name: str, days: int, account: str, why: str
) -> None:
    settings = HASTY + account.format(authority=authority.file)
    async with tls_world(tmp_path, authority.context(name, days=days), settings) as (it, client, order_id):
        said = await it.status(client, lambda now: any(why in alarm["detail"] for alarm in now["alarms"]))
        assert (said["state"], said["cancel_ready"]) == ("connecting", False)
        reply = await it.canceled(client, order_id)
        assert reply["outcome"] in {"in_doubt", "not_sent"}
        assert it.truth_of(order_id)[0] == "new"
        assert it.venue.floor.stats.rest_calls == it.venue.floor.stats.frames_in == 0
        assert any(why in str(row) for row in it.daemon.log)


async def test_a_plain_address_beyond_this_machine_is_refused_at_the_start(tmp_path: Path) -> None:
    configure(tmp_path, "http://192.0.2.1:9000")
    daemon = Daemon(tmp_path)
    await daemon.start()
    assert await daemon.ended() == 2
    said = (tmp_path / "canceld.log").read_text()
    assert "accounts.okx-main.endpoints.rest: " in said
    assert "accounts.okx-main.endpoints.ws: " in said
