"""ccxt.pro as a client of BingX spot: place, watch, cancel, ask.

BingX has no order entry by WebSocket, so orders are placed and cancelled by REST and watched on the account's socket.
"""

import asyncio
import sys
from typing import Any

import ccxt.pro  # type: ignore[import-not-found]  # it lives in the peers' environment only

from tests.peers.driving import Seen, frames_have_arrived, run, watched_until

SUBSCRIBE = 1
SECTIONS = "fund spot swap contract wallets user subAccount account copyTrading cswap api"


def client(base: str) -> Any:
    sockets = base.replace("http", "ws", 1) + "/market"
    api = dict.fromkeys(SECTIONS.split(), f"{base}/openApi") | {"ws": {"spot": sockets, "linear": sockets}}
    return ccxt.pro.bingx({"apiKey": "sim-key", "secret": "sim-secret", "urls": {"api": api}})


async def watched(exchange: Any, base: str, seen: Seen) -> None:
    listening = asyncio.create_task(exchange.watch_orders())
    await frames_have_arrived(exchange, base, SUBSCRIBE)
    placed = await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 90000)
    order_id = placed["id"]
    seen["watch_orders"] = [[order["id"] == order_id, order["status"]] for order in await listening]
    watching = asyncio.create_task(watched_until(exchange, order_id, "canceled"))
    seen["create_order"] = order_id
    canceled = await exchange.cancel_order(order_id, "BTC/USDT")
    seen["cancel_order"] = [canceled["id"], canceled["status"]]
    seen["watched_to_the_end"] = (await watching)["status"]


async def asked(exchange: Any, seen: Seen) -> None:
    placed = await exchange.create_order("OTHR#99961/USDT", "limit", "sell", 1, 0.5, {"clientOrderId": "peer_1"})
    order_id = placed["id"]
    seen["fetch_order"] = (await exchange.fetch_order(order_id, "OTHR#99961/USDT"))["status"]
    seen["fetch_open_orders"] = [order["id"] for order in await exchange.fetch_open_orders("OTHR#99961/USDT")]
    params = {"clientOrderId": "peer_1"}
    seen["cancel_by_alias"] = (await exchange.cancel_order("", "OTHR#99961/USDT", params))["id"]
    ended = await exchange.fetch_order(order_id, "OTHR#99961/USDT")
    seen["fetch_order_ended"] = [ended["status"], ended["clientOrderId"], ended["filled"]]
    try:
        await exchange.cancel_order("1", "OTHR#99961/USDT")
    except ccxt.ExchangeError as error:  # of the three texts it knows one as "not found"
        seen["cancel_unknown"] = "100404" in str(error)


async def listed(exchange: Any, seen: Seen) -> None:
    """Two orders cancelled as a list, ccxt's own way of the call that does not fail."""
    ids = [(await exchange.create_order("ETH/USDT", "limit", "buy", 1, 2000))["id"] for _ in range(2)]
    canceled = await exchange.cancel_orders(ids, "ETH/USDT")
    seen["cancel_orders"] = sorted(order["id"] for order in canceled) == sorted(ids)


async def story(exchange: Any, base: str, seen: Seen) -> None:
    seen["load_markets"] = len([1 for market in (await exchange.load_markets()).values() if market["spot"]])
    await watched(exchange, base, seen)
    await asked(exchange, seen)
    await listed(exchange, seen)


if __name__ == "__main__":
    sys.exit(run(client, story))
