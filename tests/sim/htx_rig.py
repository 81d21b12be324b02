"""A simulated HTX driven by hand: a clock that only moves when told, its two sockets and REST calls in domain verbs.

It knows HTX's frames as a client would, signs by itself, and carries out the venue's actions as a server would, without
a socket. `written` keeps the order in which frames left over all sockets.
"""

import base64
import gzip
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from daemon.sim.control import control
from daemon.sim.venue import Abort, Close, Drop, HttpRequest, HttpResponse, Respond, Send, Silence
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.venues.htx.venue import HtxVenue

START_US = 1_789_700_000_000_000
HOST = "127.0.0.1:9000"
TRADE, NOTIFICATION = "/linear-swap-trade", "/ws/v5/notification"
Json = dict[str, Any]


def signature(method: str, host: str, path: str, pairs: dict[str, str]) -> str:
    query = "&".join(f"{key}={quote(pairs[key], safe='')}" for key in sorted(pairs))
    digest = hmac.digest(b"sim-secret", f"{method}\n{host}\n{path}\n{query}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


@dataclass
class Client:
    """One WebSocket as its client sees it. `raw` holds every message; `end` says how it ended, if it did."""

    rig: "HtxRig"
    conn_id: int
    path: str
    raw: list[tuple[bytes, bool]] = field(default_factory=list)
    end: str = ""
    commands: int = 0

    @property
    def frames(self) -> list[Json]:
        """What can be read, pings left out."""
        found = [document for payload, _ in self.raw if (document := _read(payload)) is not None]
        return [document for document in found if document.get("op") != "ping"]

    @property
    def pushes(self) -> list[Json]:
        notified = [frame for frame in self.frames if frame.get("op") == "notify" and frame["topic"] == "orders"]
        return [frame["data"] for frame in notified]

    @property
    def states(self) -> list[str]:
        return [row["state"] for row in self.pushes]

    @property
    def acks(self) -> list[Json]:
        """Answers to commands: what has no op."""
        return [frame for frame in self.frames if "op" not in frame and "code" in frame]

    @property
    def codes(self) -> list[object]:
        return [ack["code"] for ack in self.acks]

    @property
    def errors(self) -> list[object]:
        return [frame["err-code"] for frame in self.frames if frame.get("err-code")]

    @property
    def unreadable(self) -> list[bytes]:
        return [payload for payload, _ in self.raw if _read(payload) is None]

    def say(self, document: object) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        self.rig.venue.frame(self.conn_id, text, self.rig.now_us)
        self.rig.settle()

    def login(self, changes: dict[str, str] | None = None, *, host: str = HOST, age_s: int = 0) -> None:
        pairs = self.rig.signed_pairs(age_s)
        frame = {"op": "auth", "type": "api", "cid": "a1", **pairs}
        frame["Signature"] = signature("GET", host, self.path, pairs)
        self.say(frame | (changes or {}))

    def subscribe(self, topic: str = "orders", contract_code: str = "*") -> None:
        self.say({"op": "sub", "cid": "s1", "topic": topic, "contract_code": contract_code})

    def command(self, op: str, data: object) -> str:
        self.commands += 1
        cid = f"c{self.commands:07}"
        self.say({"op": op, "cid": cid, "data": data})
        return cid

    def cancel(self, order: Json) -> str:
        return self.command("cancel_order", named(order))

    def forget(self) -> None:
        self.raw.clear()


class HtxRig:
    """A venue, its clock, its clients, and the answers to REST calls that have come so far."""

    def __init__(self, options: HtxOptions | None = None) -> None:
        self.venue = HtxVenue(options)
        self.now_us = START_US
        self.clients: dict[int, Client] = {}
        self.answers: dict[int, HttpResponse | None] = {}
        self.written: list[Json] = []
        self._ids = 0

    def connect(self, path: str = TRADE, host: str = HOST) -> Client:
        self._ids += 1
        client = self.clients[self._ids] = Client(self, self._ids, path)
        self.venue.open(self._ids, path, {"host": host}, self.now_us)
        self.settle()
        return client

    def entry(self) -> Client:
        """A trade socket that is logged in."""
        client = self.connect(TRADE)
        client.login()
        client.forget()
        return client

    def listener(self) -> Client:
        """A notification socket that is subscribed."""
        client = self.connect(NOTIFICATION)
        client.login()
        client.subscribe()
        client.forget()
        return client

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline on the way; every ping is answered."""
        until_us = self.now_us + round(seconds * 1_000_000)
        while (due_us := self.venue.deadline()) is not None and due_us <= until_us:
            self.now_us = max(self.now_us, due_us)
            self.venue.tick(self.now_us)
            self.settle()
            for client in self.clients.values():
                if not client.end:
                    client.say({"op": "pong", "ts": "1"})
        self.now_us = until_us

    def settle(self) -> None:
        for action in self.venue.drain():
            match action:
                case Send(conn_id, payload, is_binary):
                    self.clients[conn_id].raw.append((payload, is_binary))
                    if (document := _read(payload)) is not None:
                        self.written.append(document)
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

    def place(self, instrument: str = "BTC-USDT", qty: str = "5", **more: object) -> Json:
        asked = {"instrument": instrument, "side": "buy", "price": "60000", "qty": qty, **more}
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

    # ------------------------------------------------------------ REST

    def signed_pairs(self, age_s: int = 0) -> dict[str, str]:
        moment = datetime.fromtimestamp(self.now_us / 1e6 - age_s, UTC)
        stamp = moment.strftime("%Y-%m-%dT%H:%M:%S")
        return {
            "AccessKeyId": "sim-key",
            "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2",
            "Timestamp": stamp,
        }

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: dict[str, str] | None = None,
        host: str = HOST,
        age_s: int = 0,
    ) -> int:
        """Make a signed REST call; the number under which `answers` has what came back."""
        pairs = self.signed_pairs(age_s) | (query or {})
        sign = signature(method, host, path, pairs)
        target = path + "?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in pairs.items())
        target += f"&Signature={quote(sign, safe='')}"
        return self.send_target(method, target, body)

    def send_target(self, method: str, target: str, body: object = None) -> int:
        """Make a call whose target is written already."""
        self._ids += 1
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.venue.http(self._ids, HttpRequest(method, target, {"host": HOST}, data), self.now_us)
        self.settle()
        return self._ids

    def call(self, method: str, path: str, body: object = None, **query: str) -> tuple[int, Json]:
        """A signed REST call that is answered at once."""
        response = self.answers[self.send(method, path, body, query=query)]
        assert response is not None, "the connection was cut"
        return response.status, json.loads(response.body)

    def get(self, path: str, **query: str) -> Json:
        return self.call("GET", f"/v5/trade/{path}", **query)[1]

    def rest_cancel(self, order: Json) -> Json:
        return self.call("POST", "/v5/trade/cancel_order", named(order))[1]

    def query(self, order: Json, margin_mode: str = "cross") -> Json:
        return self.get("order", contract_code=order["instrument"], order_id=order["order_id"], margin_mode=margin_mode)

    def queried_state(self, order: Json) -> str:
        found = self.query(order)
        return str(found["data"]["state"] if found["data"] else found["code"])


def named(order: Json) -> Json:
    return {"contract_code": order["instrument"], "order_id": order["order_id"]}


def _read(payload: bytes) -> Json | None:
    try:
        document = json.loads(gzip.decompress(payload) if payload.startswith(b"\x1f\x8b") else payload)
    except (ValueError, OSError, EOFError):
        return None
    return document if isinstance(document, dict) else None
