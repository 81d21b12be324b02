"""A simulated OKX driven by hand: what both of its products have in common, and OKX trade.

It knows OKX's frames as a client would and signs by itself.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from daemon.sim.venues.okx.family import OkxFamily
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.sim.rig import Client, Json, VenueRig, encoded, signature

PRIVATE = "/ws/v5/private"


@dataclass
class OkxClient(Client):
    """A client of OKX's family."""

    rig: "OkxFamilyRig"

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

    def login(self, changes: dict[str, str] | None = None, *, age_s: int = 0) -> None:
        stamp = str(self.rig.now_us // 1_000_000 - age_s)
        sign = signature(stamp + "GET/users/self/verify")
        arg = {"apiKey": "sim-key", "passphrase": "sim-pass", "timestamp": stamp, "sign": sign}
        self.say({"op": "login", "args": [arg | (changes or {})]})

    def subscribe(self, **arg: str) -> None:
        self.say({"id": "s1", "op": "subscribe", "args": [self.rig.subscription | arg]})

    def operate(self, op: str, *args: Json) -> str:
        frame_id = self.next_id("c", 7)
        self.say({"id": frame_id, "op": op, "args": list(args)})
        return frame_id

    def cancel(self, order: Json) -> str:
        return self.operate(self.rig.cancel_op, self.rig.cancel_arg(order))


class OkxFamilyRig(VenueRig[OkxClient]):
    """A venue of OKX's family."""

    path = PRIVATE
    channel = "orders"
    cancel_op = "cancel-order"

    def __init__(self, venue: OkxFamily) -> None:
        super().__init__(venue, OkxClient)

    @property
    def subscription(self) -> dict[str, str]:
        return {"channel": self.channel, "instType": "ANY"}

    def connect(self, path: str = "") -> OkxClient:
        return self.open(path or self.path)

    def listener(self) -> OkxClient:
        client = self.connect()
        client.login()
        client.subscribe()
        client.forget()
        return client

    def cancel_arg(self, order: Json) -> Json:
        return {"ordId": order["order_id"]}

    def send(self, method: str, target: str, body: object = None, **headers: str) -> int:
        """Make a signed REST call; the number under which `answers` has what came back."""
        stamp = datetime.fromtimestamp(self.now_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        signed = {
            "ok-access-key": "sim-key",
            "ok-access-passphrase": "sim-pass",
            "ok-access-timestamp": stamp,
            "ok-access-sign": signature(f"{stamp}{method}{target}{encoded(body).decode()}"),
        }
        overlay = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http(method, target, signed | overlay, body)

    def call(self, method: str, target: str, body: object = None, **headers: str) -> tuple[int, Json]:
        """A signed REST call that is answered at once."""
        return self.answer(self.send(method, target, body, **headers))

    def get(self, target: str) -> Json:
        return self.call("GET", f"/api/v5{target}")[1]


class OkxRig(OkxFamilyRig):
    """OKX trade."""

    venue: OkxVenue

    def __init__(self, options: OkxOptions | None = None) -> None:
        super().__init__(OkxVenue(options))

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
