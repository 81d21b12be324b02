"""A simulated BingX driven by hand: sockets and signed calls in domain verbs.

It knows BingX's frames as a client would and signs by itself.
"""

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote

from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.venues.bingx.venue import BingxVenue
from tests.sim.rig import Client, Json, VenueRig

KEYS = "/openApi/user/auth/userDataStream"
TRADE = "/openApi/spot/v1/trade"


@dataclass
class BingxClient(Client):
    """A client of the account's stream."""

    rig: "BingxRig"

    @property
    def updates(self) -> list[Json]:
        return [frame["data"] for frame in self.frames if frame.get("dataType") == "spot.executionReport"]

    @property
    def states(self) -> list[str]:
        return [update["X"] for update in self.updates]

    def subscribe(self, topic: str = "spot.executionReport", frame_id: str = "s1") -> None:
        self.say({"id": frame_id, "reqType": "sub", "dataType": topic})


class BingxRig(VenueRig[BingxClient]):
    """BingX spot."""

    def __init__(self, options: BingxOptions | None = None) -> None:
        super().__init__(BingxVenue(options or BingxOptions()), BingxClient)

    def connect(self, key: str | None = None) -> BingxClient:
        return self.open(f"/market?listenKey={self.key() if key is None else key}")

    def listener(self) -> BingxClient:
        client = self.connect()
        client.subscribe()
        client.forget()
        return client

    def send(self, method: str, path: str, changes: dict[str, str] | None = None, /, **fields: str) -> int:
        """Make a signed call; the number under which `answers` has what came back. `changes` are made after signing."""
        pairs = sorted({"timestamp": str(self.now_us // 1000), **fields}.items())
        signed = "&".join(f"{name}={value}" for name, value in pairs)
        signature = hmac.digest(b"sim-secret", signed.encode(), hashlib.sha256).hex()
        sent = dict(pairs) | {"signature": signature} | (changes or {})
        headers = {"x-bx-apikey": sent.pop("key", "sim-key")}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sent.items() if value)
        return self.http(method, f"{path}?{query}", headers)

    def body(self, request_id: int) -> Json:
        """What a call was answered; BingX says in the document what others say by the status."""
        return self.answer(request_id)[1]

    def call(self, method: str, path: str, changes: dict[str, str] | None = None, /, **fields: str) -> Json:
        """A signed call that is answered at once."""
        return self.body(self.send(method, path, changes, **fields))

    def key(self) -> str:
        return str(self.call("POST", KEYS)["listenKey"])

    def extend(self, key: str) -> int:
        response = self.answers[self.send("PUT", KEYS, listenKey=key)]
        assert response is not None
        return response.status

    def cancel_later(self, order: Json, **more: str) -> int:
        return self.send("POST", f"{TRADE}/cancel", symbol=order["instrument"], orderId=order["order_id"], **more)

    def cancel(self, order: Json, **more: str) -> Json:
        return self.body(self.cancel_later(order, **more))

    def cancel_list(self, *orders: Json, **more: str) -> Json:
        ids = ",".join(order["order_id"] for order in orders)
        return self.call("POST", f"{TRADE}/cancelOrders", symbol="BTC-USDT", orderIds=ids, **({"process": "1"} | more))

    def query(self, order: Json) -> Json:
        return self.call("GET", f"{TRADE}/query", symbol=order["instrument"], orderId=order["order_id"])

    def queried(self, order: Json) -> str:
        answer = self.query(order)
        return str(answer["data"]["status"] if answer["code"] == 0 else answer["code"])
