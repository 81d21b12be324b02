"""A simulated Bitget driven by hand. It knows the frames of both generations as a client would and signs by itself."""

from dataclasses import dataclass
from typing import Any

from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.venue import BitgetVenue
from tests.sim.rig import Client, Json, VenueRig, encoded, signature

FUTURES = "USDT-FUTURES"


@dataclass
class BitgetClient(Client):
    """A client of the generation that the venue is of."""

    rig: "BitgetRig"

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
        frame_id = self.next_id("r")
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


class BitgetRig(VenueRig[BitgetClient]):
    """Bitget, of either generation."""

    instrument = "BTCUSDT"

    def __init__(self, options: BitgetOptions | None = None) -> None:
        options = options or BitgetOptions()
        super().__init__(BitgetVenue(options), BitgetClient)
        self.is_unified = options.is_unified

    def connect(self, path: str = "") -> BitgetClient:
        return self.open(path or ("/v3/ws/private" if self.is_unified else "/v2/ws/private"))

    def listener(self, *products: str) -> BitgetClient:
        """A client that is logged in and subscribed, a second ago."""
        client = self.connect()
        client.login()
        for product in products or ((FUTURES, "SPOT") if not self.is_unified else ("UTA",)):
            client.subscribe(instType=product)
        client.forget()
        self.advance(1)
        return client

    def place(self, instrument: str = "", qty: str = "", **more: object) -> Json:
        return super().place(instrument, qty, **{"product": FUTURES, **more})

    def send(self, method: str, target: str, body: object = None, **headers: str) -> int:
        """Make a signed REST call; the number under which `answers` has what came back."""
        stamp = str(self.now_us // 1_000)
        signed = {
            "access-key": "sim-key",
            "access-passphrase": "sim-pass",
            "access-timestamp": stamp,
            "access-sign": signature(f"{stamp}{method}{target}{encoded(body).decode()}"),
        }
        overlay = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http(method, target, signed | overlay, body)

    def call(self, method: str, target: str, body: object = None, **headers: str) -> tuple[int, Json]:
        """A signed REST call that is answered at once."""
        return self.answer(self.send(method, target, body, **headers))

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
