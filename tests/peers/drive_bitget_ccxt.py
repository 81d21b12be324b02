"""ccxt.pro as a client of Bitget: place, watch, cancel, ask. The second argument says `classic` or `unified`.

ccxt has no order entry by WebSocket for Bitget, so orders are placed and cancelled by REST and watched on the account's
socket.
"""

import asyncio
import sys
from typing import Any

import ccxt.pro  # type: ignore[import-not-found]  # it lives in the peers' environment only

from tests.peers.driving import Seen, frames_have_arrived, run, watched_until

LOGIN_AND_SUBSCRIBE = 2
SECTIONS = "spot mix user p2p broker margin common tax convert copy earn uta"
SPOT, SWAP = "BTC/USDT", "ETH/USDT:USDT"


def client(base: str, kind: str) -> Any:
    sockets = base.replace("http", "ws", 1)
    paths = {"public": "v2/ws/public", "private": "v2/ws/private"}
    paths |= {"utaPublic": "v3/ws/public", "utaPrivate": "v3/ws/private"}
    api: dict[str, Any] = dict.fromkeys(SECTIONS.split(), base)
    api["ws"] = {name: f"{sockets}/{path}" for name, path in paths.items()}
    asked = {"apiKey": "sim-key", "secret": "sim-secret", "password": "sim-pass", "urls": {"api": api}}
    return ccxt.pro.bitget(asked | {"options": {"watchOrders": {"uta": kind == "unified"}}})


async def watched(exchange: Any, base: str, seen: Seen) -> None:
    listening = asyncio.create_task(exchange.watch_orders(SPOT))
    await frames_have_arrived(exchange, base, LOGIN_AND_SUBSCRIBE)
    placed = await exchange.create_order(SPOT, "limit", "buy", 0.01, 90000)
    order_id = placed["id"]
    seen["create_order"] = order_id
    seen["watch_orders"] = [[order["id"] == order_id, order["status"]] for order in await listening]
    watching = asyncio.create_task(watched_until(exchange, order_id, "canceled", SPOT))
    seen["cancel_order"] = (await exchange.cancel_order(order_id, SPOT))["id"]
    seen["watched_to_the_end"] = (await watching)["status"]


async def asked(exchange: Any, seen: Seen) -> None:
    placed = await exchange.create_order(SWAP, "limit", "sell", 1, 3000, {"clientOrderId": "peer-1"})
    order_id = placed["id"]
    seen["create_swap_order"] = order_id
    seen["fetch_order"] = (await exchange.fetch_order(order_id, SWAP))["status"]
    seen["fetch_open_orders"] = [order["id"] for order in await exchange.fetch_open_orders(SWAP)]
    canceled = await exchange.cancel_order("", SWAP, {"clientOrderId": "peer-1"})
    seen["cancel_by_alias"] = canceled["id"]
    ended = await exchange.fetch_order(order_id, SWAP)
    seen["fetch_order_ended"] = [ended["status"], ended["clientOrderId"], ended["filled"]]
    try:
        await exchange.cancel_order("1376999173366317057", SWAP)
    except ccxt.ExchangeError as error:  # its kind differs by code
        seen["cancel_unknown"] = "does not exist" in str(error)


async def story(exchange: Any, base: str, seen: Seen) -> None:
    markets = await exchange.load_markets()
    seen["load_markets"] = sorted({market["type"] for market in markets.values()})
    await watched(exchange, base, seen)
    await asked(exchange, seen)
    seen["uta"] = exchange.options["uta"]


if __name__ == "__main__":
    sys.exit(run(client, story))
