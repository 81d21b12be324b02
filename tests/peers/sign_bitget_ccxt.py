"""What ccxt would send to Bitget: the URL, body and headers of REST calls, and the login frame, at one given moment.

A program of its own, run with an interpreter that has ccxt. Its argument is a JSON object: `now_ms`, `is_demo`,
credentials, and `calls`, each with `access` (public or private), `section`, `method`, `path` and `params`. It prints
one JSON line and sends nothing.
"""

import asyncio
import json
import sys
from typing import Any

import ccxt.pro  # type: ignore[import-not-found]  # it lives in the peers' environment only


class Still(ccxt.pro.bitget):  # type: ignore[misc]  # ccxt is not there when this is checked
    """ccxt at a given moment, keeping the login frame that it would send."""

    now_ms = 0
    login: Any = None

    def milliseconds(self) -> int:
        return self.now_ms

    def seconds(self) -> int:
        return self.now_ms // 1000

    def watch(self, url: str, message_hash: str, message: Any = None, *more: Any) -> None:
        self.login = message


async def sign(asked: dict[str, Any]) -> dict[str, Any]:
    exchange = Still({"apiKey": asked["key"], "secret": asked["secret"], "password": asked["passphrase"]})
    exchange.now_ms = asked["now_ms"]
    exchange.set_sandbox_mode(asked["is_demo"])
    calls = [
        exchange.sign(call["path"], [call["access"], call["section"]], call["method"], call["params"])
        for call in asked["calls"]
    ]
    waiting = asyncio.ensure_future(exchange.authenticate({"url": "wss://ws.bitget.com/v2/ws/private"}))
    while exchange.login is None and not waiting.done():
        await asyncio.sleep(0)
    waiting.cancel()
    await exchange.close()
    return {"calls": calls, "login": exchange.login}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(sign(json.loads(sys.argv[1])))))
