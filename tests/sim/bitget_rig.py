"""A simulated Bitget driven by hand: a clock that only moves when told, clients and REST calls in domain verbs.

It knows Bitget's frames of both generations as a client would, signs by itself, and carries out the venue's actions as
a server would, without a socket.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from daemon.sim.control import control
from daemon.sim.venue import Abort, Close, Drop, HttpRequest, HttpResponse, Respond, Send, Silence
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.venue import BitgetVenue

START_US = 1_763_600_000_000_000
FUTURES = "USDT-FUTURES"
Json = dict[str, Any]


def signature(prehash: str) -> str:
    return base64.b64encode(hmac.digest(b"sim-secret", prehash.encode(), hashlib.sha256)).decode()


@dataclass
class Client:
    """One WebSocket as its client sees it. `raw` holds every message; `end` says how it ended, if it did."""

    rig: "Rig"
    conn_id: int
    raw: list[bytes] = field(default_factory=list)
    binary: list[bytes] = field(default_factory=list)
    end: str = ""
    requests: int = 0

    @property
    def frames(self) -> list[Json]:
        return [json.loads(each) for each in self.raw if _is_json(each)]

    @property
    def pushes(self) -> list[Json]:
        frames = [frame for frame in self.frames if frame.get("action") == "snapshot"]
        wanted = [frame for frame in frames if "orders" in frame["arg"].values() or "order" in frame["arg"].values()]
        return [row for frame in wanted for row in frame["data"]]

    @property
    def states(self) -> list[str]:
        return [row.get("status") or row["orderStatus"] for row in self.pushes]

    @property
    def answers(self) -> list[Json]:
        """The answers to trades: those that name a request."""
        return [frame for frame in self.frames if "event" in frame and self.id_of(frame)]

    @property
    def codes(self) -> list[str]:
        return [str(frame["code"]) for frame in self.answers]

    @property
    def errors(self) -> list[int]:
        """The codes of errors that name nobody."""
        return [frame["code"] for frame in self.frames if frame.get("event") == "error" and not self.id_of(frame)]

    @staticmethod
    def id_of(frame: Json) -> str:
        arg = frame.get("arg")
        return str(frame.get("id") or (arg[0].get("id", "") if isinstance(arg, list) else ""))

    def forget(self) -> None:
        self.raw.clear()
        self.binary.clear()

    def say(self, document: object) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        self.rig.venue.frame(self.conn_id, text, self.rig.now_us)
        self.rig.settle()

    def login(self, changes: dict[str, str] | None = None, *, age_s: int = 0, unit: int = 1) -> None:
        stamp = str((self.rig.now_us // 1_000_000 - age_s) * unit)
        arg = {
            "apiKey": "sim-key",
            "passphrase": "sim-pass",
            "timestamp": stamp,
            "sign": signature(stamp + "GET/user/verify"),
        }
        self.say({"op": "login", "args": [arg | (changes or {})]})

    def subscribe(self, **arg: str) -> None:
        if self.rig.is_unified:
            full = {"instType": "UTA", "topic": "order"} | arg
        else:
            full = {"instType": FUTURES, "channel": "orders", "instId": "default"} | arg
        self.say({"op": "subscribe", "args": [full]})

    def cancel(self, order: Json, **changes: object) -> str:
        self.requests += 1
        frame_id = f"r{self.requests}"
        if self.rig.is_unified:
            frame = {"op": "trade", "id": frame_id, "topic": "cancel-order", "category": order["product"].lower()}
            self.say(frame | {"args": [{"orderId": order["order_id"]}]} | changes)
        else:
            arg = {
                "id": frame_id,
                "instType": order["product"],
                "instId": order["instrument"],
                "channel": "cancel-order",
                "params": {"orderId": order["order_id"]},
            }
            self.say({"op": "trade", "args": [arg | changes]})
        return frame_id


@dataclass
class Rig:
    """A venue, its clock, its clients, and the answers to REST calls that have come so far."""

    options: BitgetOptions = field(default_factory=BitgetOptions)
    now_us: int = START_US

    def __post_init__(self) -> None:
        self.venue = BitgetVenue(self.options)
        self.is_unified = self.options.is_unified
        self.clients: dict[int, Client] = {}
        self.responses: dict[int, HttpResponse | None] = {}
        self._ids = 0

    def connect(self, path: str | None = None) -> Client:
        self._ids += 1
        client = self.clients[self._ids] = Client(self, self._ids)
        default = "/v3/ws/private" if self.is_unified else "/v2/ws/private"
        self.venue.open(self._ids, path or default, {}, self.now_us)
        self.settle()
        return client

    def listener(self, *products: str) -> Client:
        """A client that is logged in and subscribed, a second ago."""
        client = self.connect()
        client.login()
        for product in products or ((FUTURES, "SPOT") if not self.is_unified else ("UTA",)):
            client.subscribe(instType=product)
        client.forget()
        self.advance(1)
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
                    client = self.clients[conn_id]
                    (client.binary if is_binary else client.raw).append(payload)
                case Close(conn_id, code, _):
                    self.clients[conn_id].end = f"closed {code}"
                case Abort(conn_id):
                    self.clients[conn_id].end = "cut"
                case Silence(conn_id):
                    self.clients[conn_id].end = "silent"
                case Respond(request_id, response):
                    self.responses[request_id] = response
                case Drop(request_id):
                    self.responses[request_id] = None

    def door(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        response = control(self.venue, HttpRequest(method, f"/_sim/{path}", {}, data), self.now_us)
        self.settle()
        return response.status, json.loads(response.body)

    def faults(self, **rules: Json) -> None:
        status, body = self.door("POST", "faults", rules)
        assert status == 200, body

    def place(self, instrument: str = "BTCUSDT", qty: str = "1", product: str = FUTURES, **more: object) -> Json:
        asked = {"instrument": instrument, "side": "buy", "price": "90000", "qty": qty, "product": product, **more}
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

    def fired(self, name: str) -> int:
        return int(self.stats()["faults"].get(name, 0))

    def send(self, method: str, target: str, body: object = None, **headers: str) -> int:
        """Make a signed REST call; the number under which `responses` has what came back."""
        data = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        stamp = str(self.now_us // 1_000)
        signed = {
            "access-key": "sim-key",
            "access-passphrase": "sim-pass",
            "access-timestamp": stamp,
            "access-sign": signature(f"{stamp}{method}{target}{data}"),
        }
        self._ids += 1
        overlay = {name.replace("_", "-"): value for name, value in headers.items()}
        self.venue.http(self._ids, HttpRequest(method, target, signed | overlay, data.encode()), self.now_us)
        self.settle()
        return self._ids

    def call(self, method: str, target: str, body: object = None, **headers: str) -> tuple[int, Json]:
        """A signed REST call that is answered at once."""
        response = self.responses[self.send(method, target, body, **headers)]
        assert response is not None, "the connection was cut"
        return response.status, json.loads(response.body)

    def get(self, target: str) -> Any:
        """The data of a call, or its code if it was refused."""
        status, body = self.call("GET", target)
        return body["data"] if status == 200 else body["code"]

    def rest_cancel(self, order: Json) -> tuple[int, Json]:
        named = {"orderId": order["order_id"], "symbol": order["instrument"]}
        if self.is_unified:
            return self.call("POST", "/api/v3/trade/cancel-order", named | {"category": order["product"]})
        if order["product"] == "SPOT":
            return self.call("POST", "/api/v2/spot/trade/cancel-order", named)
        return self.call("POST", "/api/v2/mix/order/cancel-order", named | {"productType": order["product"]})

    def queried(self, order: Json) -> str:
        """The order's status as the query has it, or what stands for "not found"."""
        order_id, symbol, product = order["order_id"], order["instrument"], order["product"]
        if self.is_unified:
            found = self.get(f"/api/v3/trade/order-info?orderId={order_id}")
            return found if isinstance(found, str) else str(found["orderStatus"])
        if product == "SPOT":
            found = self.get(f"/api/v2/spot/trade/orderInfo?orderId={order_id}")
            return str(found[0]["status"]) if found else "none"
        found = self.get(f"/api/v2/mix/order/detail?orderId={order_id}&productType={product}&symbol={symbol}")
        return found if isinstance(found, str) else str(found["state"])


def _is_json(message: bytes) -> bool:
    try:
        return isinstance(json.loads(message), dict)
    except ValueError:
        return False
