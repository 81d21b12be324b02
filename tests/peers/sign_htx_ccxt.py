"""What ccxt would send to HTX: the URL and body of REST calls, and the login frames, all at one given moment.

A program of its own, run with an interpreter that has ccxt. Its argument is a JSON object: `now_ms`, credentials, the
`host` of everything, `paths` of sockets to log in on, and `calls`, each with `access` (public or private), `method`,
`path` and `params`. It prints one JSON line and sends nothing.
"""

import asyncio
import json
import sys
from typing import Any

import ccxt.pro  # type: ignore[import-not-found]  # it lives in the peers' environment only


class Still(ccxt.pro.htx):  # type: ignore[misc]  # ccxt is not there when this is checked
    """ccxt at a given moment, keeping the login frame that it would send."""

    now_ms = 0
    login: Any = None

    def milliseconds(self) -> int:
        return self.now_ms

    def watch(self, url: str, message_hash: str, message: Any = None, *more: Any) -> None:
        self.login = message


async def login(exchange: Still, host: str, path: str) -> Any:
    exchange.login = None
    waiting = asyncio.ensure_future(
        exchange.authenticate({"url": f"wss://{host}{path}", "hostname": host, "type": "linear"})
    )
    while exchange.login is None and not waiting.done():
        await asyncio.sleep(0)
    waiting.cancel()
    return exchange.login


async def sign(asked: dict[str, Any]) -> dict[str, Any]:
    host = asked["host"]
    exchange = Still({"apiKey": asked["key"], "secret": asked["secret"], "urls": {"hostnames": {"contract": host}}})
    exchange.now_ms = asked["now_ms"]
    calls = [
        exchange.sign(call["path"], ["contract", call["access"]], call["method"], call["params"].copy())
        for call in asked["calls"]
    ]
    logins = [await login(exchange, host, path) for path in asked["paths"]]
    await exchange.close()
    return {"calls": calls, "logins": logins}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(sign(json.loads(sys.argv[1])))))
