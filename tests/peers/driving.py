"""How a program drives a simulated venue with ccxt, unchanged: what the programs `drive_*_ccxt` have in common.

Each is a program of its own, run with an interpreter that has ccxt; its first argument is the venue's URL. Only
constructor options are set (URLs, credentials, which kind of account it is). It prints one JSON line of what ccxt saw,
under the names of ccxt's methods, and exits 0; or prints what went wrong on standard error and exits 1.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import ccxt  # type: ignore[import-not-found]  # it lives in the peers' environment only

PATIENCE_S = 60.0

Seen = dict[str, Any]


def run(client: Callable[..., Any], story: Callable[[Any, str, Seen], Awaitable[None]]) -> int:
    """Make a client of the program's arguments, tell a story with it, and print what it saw; gives the exit code.

    `story` is given the client, the venue's URL, and where to write down what the client sees.
    """
    try:
        seen = asyncio.run(asyncio.wait_for(_told(client, story, sys.argv[1:]), PATIENCE_S))
    except (ccxt.BaseError, TimeoutError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(seen))
    return 0


async def _told(
    client: Callable[..., Any], story: Callable[[Any, str, Seen], Awaitable[None]], arguments: list[str]
) -> Seen:
    exchange = client(*arguments)
    seen: Seen = {}
    try:
        await story(exchange, arguments[0], seen)
    finally:
        await exchange.close()
    return seen


async def frames_have_arrived(exchange: Any, base: str, count: int) -> None:
    """Wait until the venue has read so many frames: a subscription has no answer that ccxt would show."""
    tls = ssl.create_default_context(cafile=exchange.cafile)
    async with aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{base}/_sim/stats", ssl=tls) as answer:
                if (await answer.json())["frames_in"] >= count:
                    return
            await asyncio.sleep(0.01)


async def watched_until(exchange: Any, order_id: str, status: str, symbol: str | None = None) -> Seen:
    """Wait until watch_orders shows the order in this state; gives the order as it is shown then."""
    while True:
        for order in await exchange.watch_orders(symbol):
            if (order["id"], order["status"]) == (order_id, status):
                return dict(order)
