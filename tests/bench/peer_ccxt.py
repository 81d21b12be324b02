"""ccxt.pro as a peer: in one process with its strategy, it cancels by WebSocket and waits for the push that proves it.

A program of its own, run with an interpreter that has ccxt. It reads one JSON line of orders at a time and answers with
one JSON line of round trips in nanoseconds; unlike canceld it has no hop to another process, writes nothing down, and
asks nothing when a push stays away.
"""

import asyncio
import json
import sys
import time
from typing import Any

import ccxt.pro  # type: ignore[import-not-found]  # it lives in the peers' environment only
import uvloop

SUBSCRIBED_S = 1.0
"""So long its subscription may take. It does not say when it is there, and what ends before is never heard of."""
HEARD_S = 60.0
"""For all orders of a line together."""


def client(base: str) -> Any:
    urls = {"api": {"rest": base, "ws": base.replace("http", "ws", 1) + "/ws/v5"}}
    keys = {"apiKey": "sim-key", "secret": "sim-secret", "password": "sim-pass"}
    return ccxt.pro.okx({**keys, "urls": urls, "enableRateLimit": False, "newUpdates": True})


async def watch(exchange: Any, ended: dict[str, asyncio.Future[None]]) -> None:
    """Resolve who waits for an order's end."""
    while True:
        for order in await exchange.watch_orders():
            waiting = ended.pop(order["id"], None) if order["status"] == "canceled" else None
            if waiting is not None:
                waiting.set_result(None)


async def serve(base: str) -> None:
    exchange = client(base)
    await exchange.load_markets()
    loop = asyncio.get_running_loop()
    ended: dict[str, asyncio.Future[None]] = {}
    watching = loop.create_task(watch(exchange, ended))
    await asyncio.sleep(SUBSCRIBED_S)
    print(json.dumps({"ccxt": ccxt.__version__}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        took = []
        async with asyncio.timeout(HEARD_S):
            for order_id, instrument in json.loads(line):
                symbol = instrument.replace("-", "/")
                ended[order_id] = end = loop.create_future()
                began = time.perf_counter_ns()
                await exchange.cancel_order_ws(order_id, symbol)
                await end
                took.append(time.perf_counter_ns() - began)
        print(json.dumps(took), flush=True)
    watching.cancel()
    await exchange.close()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
