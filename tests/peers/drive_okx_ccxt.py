"""ccxt.pro as a client of OKX, unchanged, against the base URL that is given: place, watch, cancel, ask, by WebSocket
and by REST.

A program of its own, run with an interpreter that has ccxt. Only constructor options are set (URLs, credentials). It
prints one JSON line of what ccxt saw, under the names of ccxt's methods, and exits 0; or prints what went wrong on
standard error and exits 1.
"""

import asyncio
import json
import sys
from typing import Any

import aiohttp
import ccxt.pro  # type: ignore[import-not-found]  # it lives in the peers' environment only

PATIENCE_S = 60.0
LOGIN_AND_SUBSCRIBE = 2

Seen = dict[str, Any]


def client(base: str) -> Any:
    urls = {"api": {"rest": base, "ws": base.replace("http", "ws", 1) + "/ws/v5"}}
    return ccxt.pro.okx({"apiKey": "sim-key", "secret": "sim-secret", "password": "sim-pass", "urls": urls})


async def frames_have_arrived(base: str, count: int) -> None:
    """Wait until the venue has read so many frames: a subscription has no answer that ccxt would show."""
    async with aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{base}/_sim/stats") as answer:
                if (await answer.json())["frames_in"] >= count:
                    return
            await asyncio.sleep(0.01)


async def watch(exchange: Any, order_id: str, status: str) -> str:
    """Wait until watch_orders shows the order in this state."""
    while True:
        for order in await exchange.watch_orders():
            if (order["id"], order["status"]) == (order_id, status):
                return status


async def by_websocket(exchange: Any, base: str, seen: Seen) -> None:
    listening = asyncio.create_task(exchange.watch_orders())
    await frames_have_arrived(base, LOGIN_AND_SUBSCRIBE)
    placed = await exchange.create_order_ws("BTC/USDT", "limit", "buy", 0.01, 90000)
    order_id = placed["id"]
    seen["watch_orders"] = [[order["id"] == order_id, order["status"]] for order in await listening]
    watching = asyncio.create_task(watch(exchange, order_id, "canceled"))
    canceled = await exchange.cancel_order_ws(order_id, "BTC/USDT")
    seen["create_order_ws"] = order_id
    seen["cancel_order_ws"] = canceled["id"]
    seen["watched_to_the_end"] = await watching


async def by_rest(exchange: Any, seen: Seen) -> None:
    placed = await exchange.create_order("ETH/USDT", "limit", "sell", 1, 3000, {"clientOrderId": "peer1"})
    order_id = placed["id"]
    seen["create_order"] = order_id
    seen["fetch_order"] = (await exchange.fetch_order(order_id, "ETH/USDT"))["status"]
    seen["fetch_open_orders"] = [order["id"] for order in await exchange.fetch_open_orders()]
    seen["cancel_order"] = (await exchange.cancel_order(order_id, "ETH/USDT"))["id"]
    ended = await exchange.fetch_order(order_id, "ETH/USDT")
    seen["fetch_order_ended"] = [ended["status"], ended["clientOrderId"], ended["filled"]]


async def drive(base: str) -> Seen:
    exchange = client(base)
    seen: Seen = {"ccxt": ccxt.__version__}
    try:
        markets = await exchange.load_markets()
        seen["load_markets"] = len(markets)
        seen["inst_id_code"] = markets["BTC/USDT"]["info"]["instIdCode"]
        await by_websocket(exchange, base, seen)
        await by_rest(exchange, seen)
    finally:
        await exchange.close()
    return seen


def main() -> int:
    try:
        seen = asyncio.run(asyncio.wait_for(drive(sys.argv[1]), PATIENCE_S))
    except (ccxt.BaseError, TimeoutError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
