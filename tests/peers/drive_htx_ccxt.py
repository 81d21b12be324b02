"""ccxt.pro as a client of HTX futures, unchanged, against the base URL that is given: place, watch, cancel, ask.

A program of its own, run with an interpreter that has ccxt. Only constructor options are set (host names, credentials,
the kind of market, and a file of authorities, since ccxt signs the host of a `wss` URL and so needs TLS). It prints one
JSON line of what ccxt saw, under the names of ccxt's methods, and exits 0; or prints what went wrong on standard error
and exits 1.
"""

import asyncio
import json
import ssl
import sys
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import ccxt.pro  # type: ignore[import-not-found]  # it lives in the peers' environment only

PATIENCE_S = 60.0
LOGIN_AND_SUBSCRIBE = 2
SYMBOL, ISOLATED = "BTC/USDT:USDT", {"marginMode": "isolated"}

Seen = dict[str, Any]


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


async def frames_have_arrived(base: str, authorities: str, count: int) -> None:
    """Wait until the venue has read so many frames: a subscription has no answer that ccxt would show."""
    tls = ssl.create_default_context(cafile=authorities)
    async with aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{base}/_sim/stats", ssl=tls) as answer:
                if (await answer.json())["frames_in"] >= count:
                    return
            await asyncio.sleep(0.01)


async def watch(exchange: Any, order_id: str, status: str) -> list[Any]:
    """Wait until watch_orders shows the order in this state; gives what it says then."""
    while True:
        for order in await exchange.watch_orders():
            if (order["id"], order["status"]) == (order_id, status):
                return [order["status"], order["filled"], order["amount"]]


async def watched(exchange: Any, base: str, authorities: str, seen: Seen) -> None:
    listening = asyncio.create_task(exchange.watch_orders())
    await frames_have_arrived(base, authorities, LOGIN_AND_SUBSCRIBE)
    placed = await exchange.create_order(SYMBOL, "limit", "buy", 3, 60000)
    seen["create_order"] = placed["id"]
    seen["watch_orders"] = [[order["id"] == placed["id"], order["status"]] for order in await listening]
    watching = asyncio.create_task(watch(exchange, placed["id"], "canceled"))
    seen["cancel_order"] = (await exchange.cancel_order(placed["id"], SYMBOL))["id"]
    seen["watched_to_the_end"] = await watching


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


async def drive(base: str, authorities: str) -> Seen:
    exchange = client(base, authorities)
    seen: Seen = {"ccxt": ccxt.__version__}
    try:
        markets = await exchange.load_markets()
        seen["load_markets"] = len(markets)
        seen["contract_code"] = markets[SYMBOL]["id"]
        await watched(exchange, base, authorities, seen)
        await asked(exchange, seen)
    finally:
        await exchange.close()
    return seen


def main() -> int:
    try:
        seen = asyncio.run(asyncio.wait_for(drive(sys.argv[1], sys.argv[2]), PATIENCE_S))
    except (ccxt.BaseError, TimeoutError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
