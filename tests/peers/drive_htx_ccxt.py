"""ccxt.pro as a client of HTX futures: place, watch, cancel, ask.

The second argument is a file of authorities: ccxt signs the host of a `wss` URL and so needs TLS.
"""

import asyncio
import sys
from typing import Any
from urllib.parse import urlsplit

import ccxt.pro  # type: ignore[import-not-found]  # it lives in the peers' environment only

from tests.peers.driving import Seen, frames_have_arrived, run, watched_until

LOGIN_AND_SUBSCRIBE = 2
SYMBOL, ISOLATED = "BTC/USDT:USDT", {"marginMode": "isolated"}


def client(base: str, authorities: str) -> Any:
    host = urlsplit(base).netloc
    private = {"privateV5": f"wss://{host}/ws/v5/notification"}
    urls = {
        "hostnames": {"contract": host, "spot": host},
        "api": {"ws": {"api": {"swap": {"linear": private}, "future": {"linear": private}}}},
    }
    options = {"defaultType": "swap", "defaultSubType": "linear"}
    keys = {"apiKey": "sim-key", "secret": "sim-secret"}
    return ccxt.pro.htx({**keys, "urls": urls, "hostname": host, "options": options, "cafile": authorities})


async def watched(exchange: Any, base: str, seen: Seen) -> None:
    listening = asyncio.create_task(exchange.watch_orders())
    await frames_have_arrived(exchange, base, LOGIN_AND_SUBSCRIBE)
    placed = await exchange.create_order(SYMBOL, "limit", "buy", 3, 60000)
    seen["create_order"] = placed["id"]
    seen["watch_orders"] = [[order["id"] == placed["id"], order["status"]] for order in await listening]
    watching = asyncio.create_task(watched_until(exchange, placed["id"], "canceled"))
    seen["cancel_order"] = (await exchange.cancel_order(placed["id"], SYMBOL))["id"]
    ended = await watching
    seen["watched_to_the_end"] = [ended["status"], ended["filled"], ended["amount"]]


async def asked(exchange: Any, seen: Seen) -> None:
    more = {"clientOrderId": "77", **ISOLATED}
    placed = await exchange.create_order(SYMBOL, "limit", "sell", 2, 70000, more)
    seen["create_order_isolated"] = [placed["id"], placed["clientOrderId"]]
    resting = await exchange.fetch_order(placed["id"], SYMBOL, ISOLATED)
    seen["fetch_order"] = [resting["status"], resting["clientOrderId"]]
    seen["fetch_open_orders"] = [order["id"] for order in await exchange.fetch_open_orders(SYMBOL)]
    await exchange.cancel_order("", SYMBOL, {"clientOrderId": "77"})
    ended = await exchange.fetch_order(placed["id"], SYMBOL, ISOLATED)
    seen["fetch_order_ended"] = [ended["status"], ended["filled"]]


async def story(exchange: Any, base: str, seen: Seen) -> None:
    markets = await exchange.load_markets()
    seen["load_markets"] = len(markets)
    seen["contract_code"] = markets[SYMBOL]["id"]
    await watched(exchange, base, seen)
    await asked(exchange, seen)


if __name__ == "__main__":
    sys.exit(run(client, story))
