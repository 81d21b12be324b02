"""ccxt.pro drives the simulated OKX: what it saw, held against the venue's truth."""

import pytest

from daemon.sim.shell import serve
from daemon.sim.venues.okx.venue import OkxVenue
from daemon.sim.venues.okx_spread.venue import OkxSpreadVenue
from tests.peers.conftest import Drive

pytestmark = pytest.mark.peers


async def test_ccxt_pro_places_watches_and_cancels_at_the_simulated_okx(drive: Drive) -> None:
    venue = OkxVenue()
    async with serve(venue) as server:
        seen = await drive("drive_okx_ccxt", server.url)
    by_websocket, by_rest = venue.book.orders()
    assert {order.ord_status.value for order in (by_websocket, by_rest)} == {"canceled"}
    assert venue.floor.stats.cancels == {by_websocket.order_id: 1, by_rest.order_id: 1}
    assert venue.floor.rates.breaches == {}
    assert seen == {
        "load_markets": len(list(venue.instruments)),
        "inst_id_code": venue.instruments.code("BTC-USDT"),  # strict: without it the WebSocket cancel is refused
        "create_order_ws": by_websocket.order_id,
        "watch_orders": [[True, "open"]],
        "cancel_order_ws": by_websocket.order_id,
        "watched_to_the_end": "canceled",
        "create_order": by_rest.order_id,
        "fetch_order": "open",
        "fetch_open_orders": [by_rest.order_id],
        "cancel_order": by_rest.order_id,
        "fetch_order_ended": ["canceled", "peer1", 0.0],
    }


async def test_ccxt_places_cancels_and_asks_at_the_simulated_okx_for_spreads(drive: Drive) -> None:
    venue = OkxSpreadVenue()
    async with serve(venue) as server:
        seen = await drive("drive_okx_spread_ccxt", server.url)
    first, second = venue.book.orders()
    assert {order.ord_status.value for order in (first, second)} == {"canceled"}
    assert venue.floor.stats.cancels == {first.order_id: 1, second.order_id: 1}
    assert venue.floor.rates.breaches == {}
    accepted = {"sCode": "0", "sMsg": ""}
    assert seen == {
        "public_get_sprd_spreads": [spread.inst_id for spread in venue.spreads],
        "load_markets": True,
        "private_post_sprd_order": [first.order_id, second.order_id],
        "private_get_sprd_orders_pending": [second.order_id, first.order_id],
        "private_post_sprd_cancel_order": [
            {"ordId": first.order_id, "clOrdId": "", **accepted},
            {"ordId": second.order_id, "clOrdId": "peer1", **accepted},
        ],
        "private_get_sprd_order": ["canceled", "0"],
        "private_get_sprd_orders_history": [second.order_id, first.order_id],
        "private_get_sprd_trades": [],
    }
