"""A simulated BingX driven by hand: a clock that only moves when told, sockets and signed calls in domain verbs.

It knows BingX's frames as a client would, signs by itself, and carries out the venue's actions as a server would,
without a socket.
"""

import gzip
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from daemon.sim.control import control
from daemon.sim.venue import Abort, Close, Drop, HttpRequest, HttpResponse, Respond, Send, Silence
from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.venues.bingx.venue import BingxVenue

START_US = 1_763_600_000_000_000
KEYS = "/openApi/user/auth/userDataStream"
TRADE = "/openApi/spot/v1/trade"
Json = dict[str, Any]


@dataclass
class Client:
    """One WebSocket as its client sees it; `frames` are inflated, `odd` are those that are none; `end` says how it
    ended.
    """

    rig: "Rig"
    conn_id: int
    frames: list[Json] = field(default_factory=list)
    odd: list[bytes] = field(default_factory=list)
    end: str = ""

    def take(self, payload: bytes, *, is_binary: bool) -> None:
        try:
            text = gzip.decompress(payload) if is_binary else payload
            self.frames.append(json.loads(text, parse_float=Decimal))
        except (ValueError, OSError, EOFError):
            self.odd.append(payload)

    @property
    def updates(self) -> list[Json]:
        return [frame["data"] for frame in self.frames if frame.get("dataType") == "spot.executionReport"]

    @property
    def states(self) -> list[str]:
        return [update["X"] for update in self.updates]

    def say(self, document: object) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        self.rig.venue.frame(self.conn_id, text, self.rig.now_us)
        self.rig.settle()

    def subscribe(self, topic: str = "spot.executionReport", frame_id: str = "s1") -> None:
        self.say({"id": frame_id, "reqType": "sub", "dataType": topic})

    def forget(self) -> None:
        self.frames.clear()
        self.odd.clear()


@dataclass
class Rig:
    """A venue, its clock, its sockets, and the answers to calls that have come so far."""

    options: BingxOptions = field(default_factory=BingxOptions)
    now_us: int = START_US

    def __post_init__(self) -> None:
        self.venue = BingxVenue(self.options)
        self.clients: dict[int, Client] = {}
        self.answers: dict[int, HttpResponse | None] = {}
        self._ids = 0

    # ------------------------------------------------------------ sockets and time

    def connect(self, key: str | None = None) -> Client:
        key = self.key() if key is None else key
        self._ids += 1
        client = self.clients[self._ids] = Client(self, self._ids)
        self.venue.open(self._ids, f"/market?listenKey={key}", {}, self.now_us)
        self.settle()
        return client

    def listener(self) -> Client:
        client = self.connect()
        client.subscribe()
        client.forget()
        return client

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline on the way."""
        until_us = self.now_us + round(seconds * 1_000_000)
        while (due_us := self.venue.deadline()) is not None and due_us <= until_us:
            self.now_us = max(self.now_us, due_us)
            self.venue.tick(self.now_us)
            self.settle()
        self.now_us = until_us

    def settle(self) -> None:
        for action in self.venue.drain():
            match action:
                case Send(conn_id, payload, is_binary):
                    self.clients[conn_id].take(payload, is_binary=is_binary)
                case Close(conn_id, code, _):
                    self.clients[conn_id].end = f"closed {code}"
                case Abort(conn_id):
                    self.clients[conn_id].end = "cut"
                case Silence(conn_id):
                    self.clients[conn_id].end = "silent"
                case Respond(request_id, response):
                    self.answers[request_id] = response
                case Drop(request_id):
                    self.answers[request_id] = None

    # ------------------------------------------------------------ the control door

    def door(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        response = control(self.venue, HttpRequest(method, f"/_sim/{path}", {}, data), self.now_us)
        self.settle()
        return response.status, json.loads(response.body)

    def faults(self, **rules: Json) -> None:
        status, body = self.door("POST", "faults", rules)
        assert status == 200, body

    def place(self, instrument: str = "BTC-USDT", qty: str = "1", **more: object) -> Json:
        asked = {"instrument": instrument, "side": "buy", "price": "90000", "qty": qty, **more}
        status, order = self.door("POST", "orders", asked)
        assert status == 201, order
        return dict(order)

    def fill(self, order: Json, qty: str | None = None) -> None:
        status, body = self.door("POST", f"orders/{order['order_id']}/fill", {} if qty is None else {"qty": qty})
        assert status == 200, body

    def truth(self, order: Json) -> tuple[str, str]:
        status, row = self.door("GET", f"orders/{order['order_id']}")
        assert status == 200
        return row["ord_status"], row["cum_qty"]

    def stats(self) -> Json:
        return dict(self.door("GET", "stats")[1])

    # ------------------------------------------------------------ signed calls

    def send(self, method: str, path: str, changes: dict[str, str] | None = None, /, **fields: str) -> int:
        """Make a signed call; the number under which `answers` has what came back. `changes` are made after signing."""
        pairs = sorted({"timestamp": str(self.now_us // 1000), **fields}.items())
        signed = "&".join(f"{name}={value}" for name, value in pairs)
        signature = hmac.digest(b"sim-secret", signed.encode(), hashlib.sha256).hex()
        headers = {"x-bx-apikey": "sim-key"}
        sent = dict(pairs) | {"signature": signature} | (changes or {})
        headers["x-bx-apikey"] = sent.pop("key", "sim-key")
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sent.items() if value)
        self._ids += 1
        self.venue.http(self._ids, HttpRequest(method, f"{path}?{query}", headers), self.now_us)
        self.settle()
        return self._ids

    def answer(self, request_id: int) -> Json:
        response = self.answers[request_id]
        assert response is not None, "the connection was cut"
        return dict(json.loads(response.body, parse_float=Decimal))

    def call(self, method: str, path: str, changes: dict[str, str] | None = None, /, **fields: str) -> Json:
        """A signed call that is answered at once."""
        return self.answer(self.send(method, path, changes, **fields))

    def key(self) -> str:
        return str(self.call("POST", KEYS)["listenKey"])

    def extend(self, key: str) -> int:
        response = self.answers[self.send("PUT", KEYS, listenKey=key)]
        assert response is not None
        return response.status

    def cancel_later(self, order: Json, **more: str) -> int:
        return self.send("POST", f"{TRADE}/cancel", symbol=order["instrument"], orderId=order["order_id"], **more)

    def cancel(self, order: Json, **more: str) -> Json:
        return self.answer(self.cancel_later(order, **more))

    def cancel_list(self, *orders: Json, **more: str) -> Json:
        ids = ",".join(order["order_id"] for order in orders)
        return self.call("POST", f"{TRADE}/cancelOrders", symbol="BTC-USDT", orderIds=ids, **({"process": "1"} | more))

    def query(self, order: Json) -> Json:
        return self.call("GET", f"{TRADE}/query", symbol=order["instrument"], orderId=order["order_id"])

    def queried(self, order: Json) -> str:
        answer = self.query(order)
        return str(answer["data"]["status"] if answer["code"] == 0 else answer["code"])
