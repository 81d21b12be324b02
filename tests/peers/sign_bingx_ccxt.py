"""What ccxt would send to BingX: method, URL, body and key header of REST calls, all at one given moment.

A program of its own, run with an interpreter that has ccxt. Its argument is a JSON object: `now_ms`, `key`, `secret`,
and `calls`, each with `section` (type, version, access), `method`, `path` and `params`. It prints one JSON line and
sends nothing.
"""

import asyncio
import json
import sys
from typing import Any

import ccxt.async_support as ccxt  # type: ignore[import-not-found]  # it lives in the peers' environment only


class Still(ccxt.bingx):  # type: ignore[misc]  # ccxt is not there when this is checked
    """ccxt at a given moment."""

    now_ms = 0

    def milliseconds(self) -> int:
        return self.now_ms


async def sign(asked: dict[str, Any]) -> dict[str, Any]:
    exchange = Still({"apiKey": asked["key"], "secret": asked["secret"]})
    exchange.now_ms = asked["now_ms"]
    calls = [
        exchange.sign(call["path"], call["section"], call["method"], call["params"].copy()) for call in asked["calls"]
    ]
    await exchange.close()
    return {"calls": calls}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(sign(json.loads(sys.argv[1])))))
