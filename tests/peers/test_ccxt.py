"""ccxt.pro drives the simulated OKX: what it saw, held against the venue's truth."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from daemon.sim.shell import serve
from daemon.sim.venues.okx.venue import OkxVenue

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).parent / "drive_okx_ccxt.py"

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def peers_python() -> str:
    """The interpreter that has ccxt. Where there is none the test is skipped, except in CI, where it fails."""
    python = Path(os.environ.get("CANCELD_PEERS_PYTHON") or ROOT / ".venv-peers/bin/python")
    if python.exists():
        return str(python)
    reason = f"no interpreter with ccxt at {python}: install requirements-peers.lock there, or set CANCELD_PEERS_PYTHON"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


async def test_ccxt_pro_places_watches_and_cancels_at_the_simulated_okx(peers_python: str) -> None:
    venue = OkxVenue()
    async with serve(venue) as server:
        driver = await asyncio.create_subprocess_exec(
            peers_python, str(DRIVER), server.url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, errors = await driver.communicate()
    assert driver.returncode == 0, errors.decode()
    seen = json.loads(said)
    by_websocket, by_rest = venue.book.orders()
    assert {order.ord_status.value for order in (by_websocket, by_rest)} == {"canceled"}
    assert venue.floor.stats.cancels == {by_websocket.order_id: 1, by_rest.order_id: 1}
    assert venue.floor.rates.breaches == {}
    del seen["ccxt"]
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
