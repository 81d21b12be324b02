"""A simulated HTX driven by hand: its two sockets and REST calls in domain verbs.

It knows HTX's frames as a client would and signs by itself. `written` keeps the order in which frames left over all
sockets.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from daemon.sim.venue import Send
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.venues.htx.venue import HtxVenue
from tests.sim.rig import Client, Json, VenueRig, read, signature

HOST = "127.0.0.1:9000"
TRADE, NOTIFICATION = "/linear-swap-trade", "/ws/v5/notification"


def signed(method: str, host: str, path: str, pairs: dict[str, str]) -> str:
    """HTX's signature over a method, a host, a path and parameters."""
    query = "&".join(f"{key}={quote(pairs[key], safe='')}" for key in sorted(pairs))
    return signature(f"{method}\n{host}\n{path}\n{query}")


@dataclass
class HtxClient(Client):
    """A client of either socket."""

    rig: "HtxRig"

    @property
    def frames(self) -> list[Json]:
        """What can be read, pings left out."""
        return [document for document in super().frames if document.get("op") != "ping"]

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

    def take(self, message: Send) -> None:
        super().take(message)
        if (document := read(message)) is not None:
            self.rig.written.append(document)

    def login(self, changes: dict[str, str] | None = None, *, host: str = HOST, age_s: int = 0) -> None:
        pairs = self.rig.signed_pairs(age_s)
        frame = {"op": "auth", "type": "api", "cid": "a1", **pairs}
        frame["Signature"] = signed("GET", host, self.path, pairs)
        self.say(frame | (changes or {}))

    def subscribe(self, topic: str = "orders", contract_code: str = "*") -> None:
        self.say({"op": "sub", "cid": "s1", "topic": topic, "contract_code": contract_code})

    def command(self, op: str, data: object) -> str:
        cid = self.next_id("c", 7)
        self.say({"op": op, "cid": cid, "data": data})
        return cid

    def cancel(self, order: Json) -> str:
        return self.command("cancel_order", named(order))


class HtxRig(VenueRig[HtxClient]):
    """HTX, whose pings are answered while time passes."""

    start_us = 1_789_700_000_000_000
    qty = "5"
    price = "60000"
    venue: HtxVenue

    def __init__(self, options: HtxOptions | None = None) -> None:
        super().__init__(HtxVenue(options), HtxClient)
        self.written: list[Json] = []

    def connect(self, path: str = TRADE, host: str = HOST) -> HtxClient:
        return self.open(path, {"host": host})

    def entry(self) -> HtxClient:
        """A trade socket that is logged in."""
        client = self.connect(TRADE)
        client.login()
        client.forget()
        return client

    def listener(self) -> HtxClient:
        """A notification socket that is subscribed."""
        client = self.connect(NOTIFICATION)
        client.login()
        client.subscribe()
        client.forget()
        return client

    def ticked(self) -> None:
        for client in self.clients.values():
            if not client.end:
                client.say({"op": "pong", "ts": "1"})

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
        sign = signed(method, host, path, pairs)
        target = path + "?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in pairs.items())
        target += f"&Signature={quote(sign, safe='')}"
        return self.send_target(method, target, body)

    def send_target(self, method: str, target: str, body: object = None) -> int:
        """Make a call whose target is written already."""
        return self.http(method, target, {"host": HOST}, body)

    def call(self, method: str, path: str, body: object = None, **query: str) -> tuple[int, Json]:
        """A signed REST call that is answered at once."""
        return self.answer(self.send(method, path, body, query=query))

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
