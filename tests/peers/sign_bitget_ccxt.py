"""How ccxt writes and signs Bitget's calls at one fixed time, with its own code; run with an interpreter that has ccxt.

The first argument is a JSON list of `[path below /api/, section, method, params]`, the second the time in milliseconds.
It prints `{"calls": [{"target", "headers", "body"}]}`, in the same order.
"""

import json
import sys
from typing import Any

import ccxt  # type: ignore[import-not-found]  # it lives in the peers' environment only


def main() -> int:
    exchange: Any = ccxt.bitget({"apiKey": "K", "secret": "test-secret", "password": "P"})
    now_ms = int(sys.argv[2])
    exchange.nonce = lambda: now_ms
    written = []
    for path, section, method, params in json.loads(sys.argv[1]):
        signed = exchange.sign(path, ["private", section], method, params)
        target = signed["url"].removeprefix("https://api.bitget.com")
        written.append({"target": target, "headers": signed["headers"], "body": signed["body"]})
    print(json.dumps({"calls": written}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
