"""ccxt.pro drives the simulated HTX, over TLS: what it saw, held against the venue's truth."""

import ssl

import pytest

from daemon.sim.shell import serve
from daemon.sim.venues.htx.venue import HtxVenue
from tests.peers.conftest import ROOT, Drive

pytestmark = pytest.mark.peers

TLS = ROOT / "tests/edge/tls"
CERTIFICATE, KEY = TLS / "cert.pem", TLS / "key.pem"
OTHER_MARKETS = 3
"""One spot pair and two coin-margined contracts are listed beside the futures that trade here."""


async def test_ccxt_pro_places_watches_and_cancels_at_the_simulated_htx(drive: Drive) -> None:
    venue = HtxVenue()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE, KEY)
    async with serve(venue, tls=tls) as server:
        seen = await drive("drive_htx_ccxt", server.url, str(CERTIFICATE))
    watched, asked = venue.book.orders()
    assert {order.ord_status.value for order in (watched, asked)} == {"canceled"}
    assert venue.floor.stats.cancels == {watched.order_id: 1, asked.order_id: 1}
    assert venue.floor.rates.breaches == {}
    assert seen == {
        "load_markets": len(list(venue.instruments)) + OTHER_MARKETS,
        "contract_code": "BTC-USDT",
        "create_order": watched.order_id,
        "watch_orders": [[True, "open"]],
        "cancel_order": watched.order_id,
        "watched_to_the_end": ["canceled", 0.0, 3.0],
        "create_order_isolated": [asked.order_id, "77"],
        "fetch_order": ["open", "77"],
        "fetch_open_orders": [asked.order_id],
        "fetch_order_ended": ["canceled", 0.0],
    }
