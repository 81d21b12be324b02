"""ccxt as a client of OKX spreads, unchanged, against the base URL that is given: place, list, cancel, ask.

ccxt trades no spreads by its unified methods and knows no spread channel, but it has their REST calls and signs them.

A program of its own, run with an interpreter that has ccxt. Only constructor options are set (URLs, credentials). It
prints one JSON line of what ccxt saw, under the names of ccxt's methods, and exits 0; or prints what went wrong on
standard error and exits 1.
"""

import asyncio
import json
import sys
from typing import Any

import ccxt.async_support as ccxt  # type: ignore[import-not-found]  # it lives in the peers' environment only

PATIENCE_S = 60.0
SPRD_ID = "BTC-USDT_BTC-USDT-SWAP"

Seen = dict[str, Any]


def client(base: str) -> Any:
    urls = {"api": {"rest": base}}
    return ccxt.okx({"apiKey": "sim-key", "secret": "sim-secret", "password": "sim-pass", "urls": urls})


async def trade(exchange: Any, seen: Seen) -> None:
    asked = {"sprdId": SPRD_ID, "side": "buy", "ordType": "limit", "sz": "1", "px": "5"}
    placed = [await exchange.private_post_sprd_order(asked | more) for more in ({}, {"clOrdId": "peer1"})]
    ids = seen["private_post_sprd_order"] = [answer["data"][0]["ordId"] for answer in placed]
    seen["private_get_sprd_orders_pending"] = order_ids(await exchange.private_get_sprd_orders_pending())
    canceled = [
        await exchange.private_post_sprd_cancel_order({"ordId": ids[0]}),
        await exchange.private_post_sprd_cancel_order({"clOrdId": "peer1"}),
    ]
    seen["private_post_sprd_cancel_order"] = [answer["data"][0] for answer in canceled]
    order = (await exchange.private_get_sprd_order({"ordId": ids[0]}))["data"][0]
    seen["private_get_sprd_order"] = [order["state"], order["accFillSz"]]
    seen["private_get_sprd_orders_history"] = order_ids(await exchange.private_get_sprd_orders_history())
    seen["private_get_sprd_trades"] = order_ids(await exchange.private_get_sprd_trades({"ordId": ids[0]}))


def order_ids(answer: Any) -> list[str]:
    return [row["ordId"] for row in answer["data"]]


async def drive(base: str) -> Seen:
    exchange = client(base)
    seen: Seen = {"ccxt": ccxt.__version__}
    try:
        listed = await exchange.public_get_sprd_spreads()
        seen["public_get_sprd_spreads"] = [row["sprdId"] for row in listed["data"]]
        legs = set(SPRD_ID.split("_"))
        markets = await exchange.load_markets()
        seen["load_markets"] = legs <= {market["id"] for market in markets.values()}
        await trade(exchange, seen)
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
