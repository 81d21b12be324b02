"""A simulated OKX driven by hand: a clock that only moves when told, WebSocket clients and REST calls in domain verbs.

It knows OKX's frames as a client would, signs by itself, and carries out the venue's actions as a server would, without
a socket.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from daemon.sim.control import control
from daemon.sim.venue import Abort, Close, Drop, HttpRequest, HttpResponse, Respond, Send, Silence
from daemon.sim.venues.okx.family import OkxFamily
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue

START_US = 1_763_600_000_000_000
PRIVATE = "/ws/v5/private"
Json = dict[str, Any]


def signature(prehash: str) -> str:
    return base64.b64encode(hmac.digest(b"sim-secret", prehash.encode(), hashlib.sha256)).decode()


@dataclass
class Client:
    """One WebSocket as its client sees it. `raw` holds every message; `end` says how it ended, if it did."""

    rig: "OkxRig"
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
        frames = [frame for frame in self.frames if "event" not in frame and "arg" in frame]
        return [row for frame in frames if frame["arg"]["channel"] == self.rig.channel for row in frame["data"]]

    @property
    def states(self) -> list[str]:
        return [row["state"] for row in self.pushes]

    @property
    def acks(self) -> list[Json]:
        return [frame for frame in self.frames if "op" in frame]

    @property
    def errors(self) -> list[str]:
        return [frame["code"] for frame in self.frames if frame.get("event") == "error"]

    def forget(self) -> None:
        self.raw.clear()
        self.binary.clear()

    def say(self, document: object) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        self.rig.family.frame(self.conn_id, text, self.rig.now_us)
        self.rig.settle()

    def login(self, changes: dict[str, str] | None = None, *, age_s: int = 0) -> None:
        stamp = str(self.rig.now_us // 1_000_000 - age_s)
        sign = signature(stamp + "GET/users/self/verify")
        arg = {"apiKey": "sim-key", "passphrase": "sim-pass", "timestamp": stamp, "sign": sign}
        self.say({"op": "login", "args": [arg | (changes or {})]})

    def subscribe(self, **arg: str) -> None:
        self.say({"id": "s1", "op": "subscribe", "args": [self.rig.subscription | arg]})

    def operate(self, op: str, *args: Json) -> str:
        self.requests += 1
        frame_id = f"c{self.requests:07}"
        self.say({"id": frame_id, "op": op, "args": list(args)})
        return frame_id

    def cancel(self, order: Json) -> str:
        return self.operate(self.rig.cancel_op, self.rig.cancel_arg(order))


class OkxRig:
    """A venue of OKX's family, its clock, its clients, and the answers to REST calls that have come so far."""

    path = PRIVATE
    channel = "orders"
    cancel_op = "cancel-order"

    def __init__(self, venue: OkxFamily) -> None:
        self.family = venue
        self.now_us = START_US
        self.clients: dict[int, Client] = {}
        self.answers: dict[int, HttpResponse | None] = {}
        self._ids = 0

    @property
    def subscription(self) -> dict[str, str]:
        return {"channel": self.channel, "instType": "ANY"}

    def connect(self, path: str = "") -> Client:
        self._ids += 1
        client = self.clients[self._ids] = Client(self, self._ids)
        self.family.open(self._ids, path or self.path, {}, self.now_us)
        self.settle()
        return client

    def listener(self) -> Client:
        client = self.connect()
        client.login()
        client.subscribe()
        client.forget()
        return client

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline on the way."""
        until_us = self.now_us + round(seconds * 1_000_000)
        while (due_us := self.family.deadline()) is not None and due_us <= until_us:
            self.now_us = max(self.now_us, due_us)
            self.family.tick(self.now_us)
            self.settle()
        self.now_us = until_us

    def settle(self) -> None:
        for action in self.family.drain():
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
                    self.answers[request_id] = response
                case Drop(request_id):
                    self.answers[request_id] = None

    def door(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        response = control(self.family, HttpRequest(method, f"/_sim/{path}", {}, data), self.now_us)
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

    def fired(self, name: str) -> int:
        return int(self.stats()["faults"].get(name, 0))

    def cancel_arg(self, order: Json) -> Json:
        return {"ordId": order["order_id"]}

    def send(self, method: str, target: str, body: object = None, **headers: str) -> int:
        """Make a signed REST call; the number under which `answers` has what came back."""
        data = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        stamp = datetime.fromtimestamp(self.now_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        signed = {
            "ok-access-key": "sim-key",
            "ok-access-passphrase": "sim-pass",
            "ok-access-timestamp": stamp,
            "ok-access-sign": signature(f"{stamp}{method}{target}{data}"),
        }
        self._ids += 1
        overlay = {name.replace("_", "-"): value for name, value in headers.items()}
        request = HttpRequest(method, target, signed | overlay, data.encode())
        self.family.http(self._ids, request, self.now_us)
        self.settle()
        return self._ids

    def call(self, method: str, target: str, body: object = None, **headers: str) -> tuple[int, Json]:
        """A signed REST call that is answered at once."""
        response = self.answers[self.send(method, target, body, **headers)]
        assert response is not None, "the connection was cut"
        return response.status, json.loads(response.body)

    def get(self, target: str) -> Json:
        return self.call("GET", f"/api/v5{target}")[1]


class Rig(OkxRig):
    """OKX trade."""

    def __init__(self, options: OkxOptions | None = None) -> None:
        self.venue = OkxVenue(options)
        super().__init__(self.venue)

    def cancel_arg(self, order: Json) -> Json:
        return {"instIdCode": self.venue.instruments.code(order["instrument"]), "ordId": order["order_id"]}

    def rest_cancel(self, order: Json) -> tuple[int, Json]:
        asked = {"instId": order["instrument"], "ordId": order["order_id"]}
        return self.call("POST", "/api/v5/trade/cancel-order", asked)

    def query(self, order: Json) -> Json:
        return self.get(f"/trade/order?instId={order['instrument']}&ordId={order['order_id']}")

    def queried_state(self, order: Json) -> str:
        answer = self.query(order)
        return str(answer["data"][0]["state"]) if answer["data"] else str(answer["code"])


def _is_json(message: bytes) -> bool:
    try:
        return isinstance(json.loads(message), dict)
    except ValueError:
        return False
