"""A simulated venue driven by hand: a clock that only moves when told, and its clients in domain verbs.

Here stands what a test does at any venue: open sockets, let time pass, carry out the venue's actions as a server would
(without a socket), and use the control door. What a venue's frames, paths and signatures look like stands in the rig of
that venue (`okx_rig`, `bitget_rig`, ...), which inherits from this one.
"""

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar

from daemon.sim.control import control
from daemon.sim.venue import Abort, Close, Drop, HttpRequest, HttpResponse, Respond, Send, Silence, SimVenue

Json = dict[str, Any]
ClientT = TypeVar("ClientT", bound="Client")


def signature(prehash: str) -> str:
    """HMAC-SHA256 in base64, as most venues want it."""
    return base64.b64encode(hmac.digest(b"sim-secret", prehash.encode(), hashlib.sha256)).decode()


def encoded(body: object) -> bytes:
    """What a caller has to say, as bytes: nothing, bytes or text as they are, and anything else as JSON."""
    match body:
        case None:
            return b""
        case bytes():
            return body
        case str():
            return body.encode()
        case _:
            return json.dumps(body).encode()


@dataclass
class Client:
    """One WebSocket as its client sees it, opened at `path`. `received` holds every message; `end` says how it ended,
    if it did.
    """

    rig: "VenueRig[Any]"
    conn_id: int
    path: str
    received: list[Send] = field(default_factory=list)
    end: str = ""
    requests: int = 0

    @property
    def raw(self) -> list[bytes]:
        """Every message as it came."""
        return [message.payload for message in self.received]

    @property
    def binary(self) -> list[bytes]:
        """The messages that came as binary ones."""
        return [message.payload for message in self.received if message.is_binary]

    @property
    def frames(self) -> list[Json]:
        """The messages that can be read; binary ones are inflated for it."""
        return [document for message in self.received if (document := read(message)) is not None]

    @property
    def odd(self) -> list[bytes]:
        """The messages that cannot be read."""
        return [message.payload for message in self.received if read(message) is None]

    def take(self, message: Send) -> None:
        self.received.append(message)

    def forget(self) -> None:
        self.received.clear()

    def say(self, document: object) -> None:
        self.rig.venue.frame(self.conn_id, encoded(document).decode(), self.rig.now_us)
        self.rig.settle()

    def next_id(self, prefix: str, width: int = 0) -> str:
        """An id for this socket's next request."""
        self.requests += 1
        return f"{prefix}{self.requests:0{width}}"


def read(message: Send) -> Json | None:
    """A message as a document, if it is one."""
    try:
        text = gzip.decompress(message.payload) if message.is_binary else message.payload
        document = json.loads(text, parse_float=Decimal)
    except (ValueError, OSError, EOFError):
        return None
    return document if isinstance(document, dict) else None


class VenueRig(Generic[ClientT]):
    """A venue, its clock, its clients, and the answers to REST calls that have come so far, None where one was cut.

    `instrument`, `qty` and `price` are those of an order that a test does not describe.
    """

    start_us = 1_763_600_000_000_000
    instrument = "BTC-USDT"
    qty = "1"
    price = "90000"

    def __init__(self, venue: SimVenue, client: type[ClientT]) -> None:
        self.venue = venue
        self.now_us = self.start_us
        self.clients: dict[int, ClientT] = {}
        self.answers: dict[int, HttpResponse | None] = {}
        self._client = client
        self._ids = 0

    # ------------------------------------------------------------ sockets and time

    def open(self, path: str, headers: Mapping[str, str] | None = None) -> ClientT:
        """Open a WebSocket."""
        self._ids += 1
        client = self.clients[self._ids] = self._client(self, self._ids, path)
        self.venue.open(self._ids, path, headers or {}, self.now_us)
        self.settle()
        return client

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline on the way."""
        until_us = self.now_us + round(seconds * 1_000_000)
        while (due_us := self.venue.deadline()) is not None and due_us <= until_us:
            self.now_us = max(self.now_us, due_us)
            self.venue.tick(self.now_us)
            self.settle()
            self.ticked()
        self.now_us = until_us

    def ticked(self) -> None:
        """What clients do of themselves after each deadline: nothing."""

    def settle(self) -> None:
        """Carry out what the venue wants done."""
        for action in self.venue.drain():
            match action:
                case Send(conn_id):
                    self.clients[conn_id].take(action)
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
        response = control(self.venue, HttpRequest(method, f"/_sim/{path}", {}, encoded(body)), self.now_us)
        self.settle()
        return response.status, json.loads(response.body)

    def faults(self, **rules: Json) -> None:
        status, body = self.door("POST", "faults", rules)
        assert status == 200, body

    def place(self, instrument: str = "", qty: str = "", **more: object) -> Json:
        asked = {"instrument": instrument or self.instrument, "side": "buy", "price": self.price}
        status, order = self.door("POST", "orders", asked | {"qty": qty or self.qty} | more)
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

    def http(self, method: str, target: str, headers: Mapping[str, str], body: object = None) -> int:
        """Make a call as it stands; the number under which `answers` has what came back."""
        self._ids += 1
        self.venue.http(self._ids, HttpRequest(method, target, headers, encoded(body)), self.now_us)
        self.settle()
        return self._ids

    def answer(self, request_id: int) -> tuple[int, Json]:
        """What a call was answered, status and document; it must have been."""
        response = self.answers[request_id]
        assert response is not None, "the connection was cut"
        return response.status, dict(json.loads(response.body, parse_float=Decimal))
