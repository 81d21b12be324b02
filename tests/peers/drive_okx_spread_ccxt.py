"""ccxt as a client of OKX spreads: place, list, cancel, ask.

ccxt trades no spreads by its unified methods and knows no spread channel, but it has their REST calls and signs them.
"""

import sys
from typing import Any

import ccxt.async_support as ccxt  # type: ignore[import-not-found]  # it lives in the peers' environment only

from tests.peers.driving import Seen, run

SPRD_ID = "BTC-USDT_BTC-USDT-SWAP"


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


async def story(exchange: Any, _base: str, seen: Seen) -> None:
    listed = await exchange.public_get_sprd_spreads()
    seen["public_get_sprd_spreads"] = [row["sprdId"] for row in listed["data"]]
    legs = set(SPRD_ID.split("_"))
    markets = await exchange.load_markets()
    seen["load_markets"] = legs <= {market["id"] for market in markets.values()}
    await trade(exchange, seen)


if __name__ == "__main__":
    sys.exit(run(client, story))
