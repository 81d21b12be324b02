"""ccxt.pro as a client of OKX: place, watch, cancel, ask, by WebSocket and by REST."""

import asyncio
import sys
from typing import Any

import ccxt.pro  # type: ignore[import-not-found]  # it lives in the peers' environment only

from tests.peers.driving import Seen, frames_have_arrived, run, watched_until

LOGIN_AND_SUBSCRIBE = 2


def client(base: str) -> Any:
    urls = {"api": {"rest": base, "ws": base.replace("http", "ws", 1) + "/ws/v5"}}
    return ccxt.pro.okx({"apiKey": "sim-key", "secret": "sim-secret", "password": "sim-pass", "urls": urls})


async def by_websocket(exchange: Any, base: str, seen: Seen) -> None:
    listening = asyncio.create_task(exchange.watch_orders())
    await frames_have_arrived(exchange, base, LOGIN_AND_SUBSCRIBE)
    placed = await exchange.create_order_ws("BTC/USDT", "limit", "buy", 0.01, 90000)
    order_id = placed["id"]
    seen["watch_orders"] = [[order["id"] == order_id, order["status"]] for order in await listening]
    watching = asyncio.create_task(watched_until(exchange, order_id, "canceled"))
    canceled = await exchange.cancel_order_ws(order_id, "BTC/USDT")
    seen["create_order_ws"] = order_id
    seen["cancel_order_ws"] = canceled["id"]
    seen["watched_to_the_end"] = (await watching)["status"]


async def by_rest(exchange: Any, seen: Seen) -> None:
    placed = await exchange.create_order("ETH/USDT", "limit", "sell", 1, 3000, {"clientOrderId": "peer1"})
    order_id = placed["id"]
    seen["create_order"] = order_id
    seen["fetch_order"] = (await exchange.fetch_order(order_id, "ETH/USDT"))["status"]
    seen["fetch_open_orders"] = [order["id"] for order in await exchange.fetch_open_orders()]
    seen["cancel_order"] = (await exchange.cancel_order(order_id, "ETH/USDT"))["id"]
    ended = await exchange.fetch_order(order_id, "ETH/USDT")
    seen["fetch_order_ended"] = [ended["status"], ended["clientOrderId"], ended["filled"]]


async def story(exchange: Any, base: str, seen: Seen) -> None:
    markets = await exchange.load_markets()
    seen["load_markets"] = len(markets)
    seen["inst_id_code"] = markets["BTC/USDT"]["info"]["instIdCode"]
    await by_websocket(exchange, base, seen)
    await by_rest(exchange, seen)


if __name__ == "__main__":
    sys.exit(run(client, story))
