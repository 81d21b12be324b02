"""ccxt.pro drives the simulated Bitget, classic and unified: what it saw, held against the venue's truth."""

import pytest

from daemon.sim.shell import serve
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.venue import BitgetVenue
from tests.peers.conftest import Drive

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("kind", ["classic", "unified"])
async def test_ccxt_pro_places_watches_and_cancels_at_the_simulated_bitget(drive: Drive, kind: str) -> None:
    venue = BitgetVenue(BitgetOptions(is_unified=kind == "unified"))
    async with serve(venue) as server:
        seen = await drive("drive_bitget_ccxt", server.url, kind)
    watched, by_alias = venue.book.orders()
    assert {order.ord_status.value for order in venue.book.orders()} == {"canceled"}
    assert venue.floor.stats.cancels == {
        watched.order_id: 1,
        by_alias.order_id: 1,
        "1376999173366317057": 1,
    }
    assert venue.floor.rates.breaches == {}
    assert seen == {
        "load_markets": ["spot", "swap"],
        "uta": kind == "unified",  # it asks the venue which kind of account it is
        "create_order": watched.order_id,
        "watch_orders": [[True, "open"]],
        "cancel_order": watched.order_id,
        "watched_to_the_end": "canceled",
        "create_swap_order": by_alias.order_id,
        "fetch_order": "open",
        "fetch_open_orders": [by_alias.order_id],
        "cancel_by_alias": by_alias.order_id,
        "fetch_order_ended": ["canceled", "peer-1", 0.0],
        "cancel_unknown": True,
    }
