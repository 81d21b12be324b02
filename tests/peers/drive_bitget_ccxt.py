"""ccxt.pro as a client of Bitget, unchanged, against the base URL that is given: place, watch, cancel, ask.

A program of its own, run with an interpreter that has ccxt; the second argument says `classic` or `unified`. Only
constructor options are set (URLs, credentials, and for `watch_orders` which kind of account it is). ccxt has no order
entry by WebSocket for Bitget, so orders are placed and cancelled by REST and watched on the account's socket. It prints
one JSON line of what ccxt saw, under the names of ccxt's methods, and exits 0; or prints what went wrong on standard
error and exits 1.
"""

import asyncio
import json
import sys
from typing import Any

import aiohttp
import ccxt.pro  # type: ignore[import-not-found]  # it lives in the peers' environment only

PATIENCE_S = 60.0
LOGIN_AND_SUBSCRIBE = 2
SECTIONS = "spot mix user p2p broker margin common tax convert copy earn uta"
SPOT, SWAP = "BTC/USDT", "ETH/USDT:USDT"

Seen = dict[str, Any]


def client(base: str, *, is_unified: bool) -> Any:
    sockets = base.replace("http", "ws", 1)
    paths = {"public": "v2/ws/public", "private": "v2/ws/private"}
    paths |= {"utaPublic": "v3/ws/public", "utaPrivate": "v3/ws/private"}
    api: dict[str, Any] = dict.fromkeys(SECTIONS.split(), base)
    api["ws"] = {name: f"{sockets}/{path}" for name, path in paths.items()}
    asked = {"apiKey": "sim-key", "secret": "sim-secret", "password": "sim-pass", "urls": {"api": api}}
    return ccxt.pro.bitget(asked | {"options": {"watchOrders": {"uta": is_unified}}})


async def frames_have_arrived(base: str, count: int) -> None:
    """Wait until the venue has read so many frames: a subscription has no answer that ccxt would show."""
    async with aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{base}/_sim/stats") as answer:
                if (await answer.json())["frames_in"] >= count:
                    return
            await asyncio.sleep(0.01)


async def watch(exchange: Any, symbol: str, order_id: str, status: str) -> str:
    """Wait until watch_orders shows the order in this state."""
    while True:
        for order in await exchange.watch_orders(symbol):
            if (order["id"], order["status"]) == (order_id, status):
                return status


async def watched(exchange: Any, base: str, seen: Seen) -> None:
    listening = asyncio.create_task(exchange.watch_orders(SPOT))
    await frames_have_arrived(base, LOGIN_AND_SUBSCRIBE)
    placed = await exchange.create_order(SPOT, "limit", "buy", 0.01, 90000)
    order_id = placed["id"]
    seen["create_order"] = order_id
    seen["watch_orders"] = [[order["id"] == order_id, order["status"]] for order in await listening]
    watching = asyncio.create_task(watch(exchange, SPOT, order_id, "canceled"))
    seen["cancel_order"] = (await exchange.cancel_order(order_id, SPOT))["id"]
    seen["watched_to_the_end"] = await watching


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


async def drive(base: str, *, is_unified: bool) -> Seen:
    exchange = client(base, is_unified=is_unified)
    seen: Seen = {"ccxt": ccxt.__version__}
    try:
        markets = await exchange.load_markets()
        seen["load_markets"] = sorted({market["type"] for market in markets.values()})
        await watched(exchange, base, seen)
        await asked(exchange, seen)
        seen["uta"] = exchange.options["uta"]
    finally:
        await exchange.close()
    return seen


def main() -> int:
    try:
        drive_it = drive(sys.argv[1], is_unified=sys.argv[2] == "unified")
        seen = asyncio.run(asyncio.wait_for(drive_it, PATIENCE_S))
    except (ccxt.BaseError, TimeoutError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
