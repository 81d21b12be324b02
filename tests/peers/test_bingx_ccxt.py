"""ccxt.pro drives the simulated BingX: what it saw, held against the venue's truth."""

import pytest

from daemon.sim.shell import serve
from daemon.sim.venues.bingx.venue import BingxVenue
from tests.peers.conftest import Drive

pytestmark = pytest.mark.peers


async def test_ccxt_pro_places_watches_and_cancels_at_the_simulated_bingx(drive: Drive) -> None:
    venue = BingxVenue()
    async with serve(venue) as server:
        seen = await drive("drive_bingx_ccxt", server.url)
    watched, by_alias, *listed = venue.book.orders()
    assert {order.ord_status.value for order in venue.book.orders()} == {"canceled"}
    assert venue.floor.stats.cancels == {
        "1": 1,
        **{order.order_id: 1 for order in (watched, by_alias, *listed)},
    }
    assert venue.floor.rates.breaches == {}
    assert seen == {
        "load_markets": len(venue.symbols),
        "create_order": watched.order_id,
        "watch_orders": [[True, "open"]],
        "cancel_order": [watched.order_id, "canceled"],
        "watched_to_the_end": "canceled",
        "fetch_order": "open",
        "fetch_open_orders": [by_alias.order_id],
        "cancel_by_alias": by_alias.order_id,
        "fetch_order_ended": ["canceled", "peer_1", 0.0],
        "cancel_unknown": True,
        "cancel_orders": True,
    }
