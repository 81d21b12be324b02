"""The floor: the least program that takes a line, cancels at the venue, and answers when the venue pushes the end.

A Unix line in, a WebSocket frame out, a push in, a line out. No correlator, no budget, no questions, no retry, no
restart; what goes wrong, goes wrong. With ``--receipt FILE`` it writes each request down before it answers (SQLite,
``synchronous=FULL``, one commit for all that wait) and logs one line an outcome, since that is what a durable daemon
at log level info cannot do without.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import queue
import sqlite3
import ssl
import threading
import time
import urllib.request
from dataclasses import dataclass

import orjson
import structlog
import uvloop
from websockets.asyncio.client import ClientConnection, connect

Receipts = queue.SimpleQueue[tuple[str, bytes]]
LOG = structlog.get_logger()


@dataclass
class Waiting:
    """A request: whom to answer, and the two halves of what its answer waits for."""

    client: asyncio.StreamWriter
    call_id: int
    has_receipt: bool
    outcome: str | None = None


class Relay:
    """One venue's connection, and everybody who waits for a push on it."""

    def __init__(self, ws: ClientConnection, codes: dict[str, int], receipts: Receipts | None) -> None:
        self.ws, self.codes, self.receipts = ws, codes, receipts
        self.waiting: dict[str, Waiting] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            call = orjson.loads(line)
            order_id = call["params"]["order_id"]
            self.waiting[order_id] = Waiting(writer, call["id"], self.receipts is None)
            arg = {"instIdCode": self.codes[call["params"]["instrument"]], "ordId": order_id}
            await self.ws.send(orjson.dumps({"id": order_id, "op": "cancel-order", "args": [arg]}), text=True)
            if self.receipts is not None:
                self.receipts.put((order_id, line))

    async def listen(self) -> None:
        async for message in self.ws:
            push = orjson.loads(message)
            if "arg" in push and "data" in push:
                for row in push["data"]:
                    if row["state"] in ("canceled", "filled") and row["ordId"] in self.waiting:
                        self.waiting[row["ordId"]].outcome = row["state"]
                        self.answer(row["ordId"])

    def written(self, order_ids: list[str]) -> None:
        for order_id in order_ids:
            self.waiting[order_id].has_receipt = True
            self.answer(order_id)

    def answer(self, order_id: str) -> None:
        """Answer once both halves are there."""
        waiting = self.waiting[order_id]
        if waiting.has_receipt and waiting.outcome:
            del self.waiting[order_id]
            result = {"order_id": order_id, "outcome": waiting.outcome}
            waiting.client.write(orjson.dumps({"jsonrpc": "2.0", "id": waiting.call_id, "result": result}) + b"\n")
            if self.receipts is not None:
                LOG.info("outcome", **result)


def keep(path: str, receipts: Receipts, relay: Relay, loop: asyncio.AbstractEventLoop) -> None:
    """Write receipts down, as many at a time as have come meanwhile."""
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE r (order_id PRIMARY KEY, line)")
    while True:
        group = [receipts.get()]
        while not receipts.empty():
            group.append(receipts.get())
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO r VALUES (?, ?)", group)
        db.execute("COMMIT")
        loop.call_soon_threadsafe(relay.written, [order_id for order_id, _ in group])


async def run(given: argparse.Namespace) -> None:
    tls = ssl.create_default_context(cafile=given.ca) if given.ca else None
    listed = urllib.request.urlopen(f"{given.venue}/api/v5/public/instruments?instType=SPOT", context=tls)
    codes = {row["instId"]: row["instIdCode"] for row in orjson.loads(listed.read())["data"]}
    url = given.venue.replace("http", "ws", 1) + "/ws/v5/private"
    async with connect(url, ssl=tls, compression=None, proxy=None, ping_interval=None, max_queue=None) as ws:
        at = str(int(time.time()))
        sign = base64.b64encode(hmac.digest(b"sim-secret", f"{at}GET/users/self/verify".encode(), hashlib.sha256))
        login = {"apiKey": "sim-key", "passphrase": "sim-pass", "timestamp": at, "sign": sign.decode()}
        await ws.send(orjson.dumps({"op": "login", "args": [login]}), text=True)
        await ws.recv()
        await ws.send('{"op":"subscribe","args":[{"channel":"orders","instType":"ANY"}]}')
        relay = Relay(ws, codes, queue.SimpleQueue() if given.receipt else None)
        if relay.receipts is not None:
            structlog.configure([structlog.processors.TimeStamper("iso"), structlog.processors.JSONRenderer()])
            loop = asyncio.get_running_loop()
            threading.Thread(target=keep, args=(given.receipt, relay.receipts, relay, loop), daemon=True).start()
        await asyncio.start_unix_server(relay.serve, given.socket)
        await relay.listen()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--socket", "--venue", "--receipt", "--ca"):
        parser.add_argument(name)
    uvloop.run(run(parser.parse_args()))
