"""A program that binds orders to its own life and then does nothing but live: to be killed, stopped, or told goodbye.

It is given a socket's path and the params of its `hello`, says the binding's name on standard output, and sends a ping
so often as it is told (0: never). A line on standard input has it say `bye`.
"""

from __future__ import annotations

import json
import select
import socket
import sys


def main(path: str, hello: str, ping_s: float) -> None:
    daemon = socket.socket(socket.AF_UNIX)
    daemon.connect(path)
    answers = daemon.makefile("r")

    def call(method: str, params: object) -> dict[str, dict[str, str]]:
        daemon.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n")
        found: dict[str, dict[str, str]] = json.loads(answers.readline())
        return found

    print(call("hello", json.loads(hello))["result"]["binding_id"], flush=True)
    while not select.select([sys.stdin], [], [], ping_s or None)[0]:
        call("ping", {})
    call("bye", {})
    print("bye", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
