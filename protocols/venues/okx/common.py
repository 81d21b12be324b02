"""What every OKX dialect does alike: hosts, login, heartbeat, subscription, signed REST, the clock and the account.

It knows no kind of order: which channel reports them, how a row is read and which op cancels stand in the dialect's
`Grammar`, the rest in its own methods. OKX trade uses it, and spread trading can.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import orjson

from protocols import signing
from protocols.dialect import Endpoints, Heartbeat, Profile, RefusalKind, Role, SocketPlan
from protocols.errors import BadRequest, ConfigMistake, Unreadable
from protocols.evidence import AccountIdentified, CancelAnswered
from protocols.jsonread import frame_of, millis, text, words
from protocols.rest import RestCall, RestResponse, SignedCall
from protocols.venues.okx import rates
from protocols.venues.okx.answers import first_row, read_rest_cancel
from protocols.venues.okx.codes import account_refusal
from protocols.venues.okx.frames import PING, Grammar, Inbounds, read_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protocols.asks import WireCancel
    from protocols.fix import ClientOrderId, OrderId
    from protocols.secret import Credentials

LIVE: Final = "live"
DEMO: Final = "demo"
ENDPOINTS: Final = {
    LIVE: Endpoints(rest="https://openapi.okx.com", ws="wss://ws.okx.com"),
    DEMO: Endpoints(rest="https://openapi.okx.com", ws="wss://wspap.okx.com"),
}
"""OKX: Overview / Production and Demo Trading Services, for accounts of www.okx.com.

No port: 8443 of the older pages is announced to be shut. An account of another region says its own bases in the
profile: EEA ``https://eea.okx.com`` with ``wss://wseea.okx.com`` (demo ``wss://wseeapap.okx.com``); US and AU
``https://us.okx.com`` with ``wss://wsus.okx.com`` (demo ``wss://wsuspap.okx.com``); Türkiye ``https://tr.okx.com`` with
``wss://ws.okx.com``.
"""
DEMO_HEADER: Final = ("x-simulated-trading", "1")

HEARTBEAT: Final = Heartbeat(idle_ms=20_000, dead_ms=10_000, ping=PING)
"""The server closes after 30 s of silence (OKX: WebSocket / Overview, Connect); 20 + 10 stays inside."""

TIME_PATH: Final = "/api/v5/public/time"
ACCOUNT_CONFIG_PATH: Final = "/api/v5/account/config"
TRADE_PERMISSION: Final = "trade"
"""What ``perm`` says of a key that may cancel (OKX: Trading Account / Get account configuration)."""

_ORDER_ID: Final = re.compile(r"[0-9]{1,32}")
_CLIENT_ORDER_ID: Final = re.compile(r"[A-Za-z0-9]{1,32}")
_INSTRUMENT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class OkxCommon:
    """The half of a dialect that OKX's products share. A dialect gives its ``grammar`` and socket ``path``."""

    grammar: Grammar
    path: str

    def __init__(self, profile: Profile) -> None:
        if profile.environment not in ENDPOINTS:
            raise ConfigMistake("environment", f"{profile.environment!r} is none of OKX's", f"use {LIVE} or {DEMO}")
        self.is_demo = profile.environment == DEMO
        self._endpoints = profile.endpoints or ENDPOINTS[profile.environment]

    def endpoints(self) -> Endpoints:
        """Give the bases of the profile's environment (or of its own ``endpoints``)."""
        return self._endpoints

    def check_cancel(
        self, order_id: str | None, client_order_id: str | None, instrument: str, venue_params: Mapping[str, str]
    ) -> None:
        """Refuse what OKX could not take (OKX: Trade / POST Cancel order); an unknown instrument is no mistake."""
        if order_id is None and client_order_id is None:
            raise BadRequest("invalid_params", "an order_id or a client_order_id is needed", path="order_id")
        if order_id is not None and _ORDER_ID.fullmatch(order_id) is None:
            raise BadRequest("invalid_params", "1 to 32 decimal digits are expected", path="order_id")
        if client_order_id is not None and _CLIENT_ORDER_ID.fullmatch(client_order_id) is None:
            raise BadRequest("invalid_params", "1 to 32 ASCII letters and digits are expected", path="client_order_id")
        if _INSTRUMENT.fullmatch(instrument) is None:
            raise BadRequest("invalid_params", "1 to 64 of [A-Za-z0-9._-] are expected", path="instrument")
        for name in venue_params:
            raise BadRequest("invalid_params", "no such parameter at this venue", path=f"venue_params.{name}")

    # -- sockets

    def sockets(self) -> tuple[SocketPlan, ...]:
        """List the one socket: ops and order pushes share it. The venue never cuts it for age alone."""
        roles = frozenset({Role.ORDER_ENTRY, Role.DROP_COPY})
        return (SocketPlan(self.path.rpartition("/")[2], self.path, roles, HEARTBEAT),)

    def login(self, plan: SocketPlan, credentials: Credentials, venue_now_us: int) -> str:
        """Write the login frame (OKX: WebSocket / Login); the venue takes a timestamp at most 30 s old."""
        timestamp = signing.epoch_seconds(venue_now_us)
        argument = {
            "apiKey": credentials.key.reveal(),
            "passphrase": credentials.passphrase.reveal(),
            "timestamp": timestamp,
            "sign": signing.okx_login(credentials.secret, timestamp),
        }
        return orjson.dumps({"op": "login", "args": [argument]}).decode()

    def subscriptions(self, plan: SocketPlan) -> tuple[tuple[str, str], ...]:
        """Write the subscription of orders; its key is the channel. No snapshot follows it."""
        frame = {"id": self.grammar.subscription_id, "op": "subscribe", "args": [self.grammar.subscription]}
        return ((self.grammar.channel, orjson.dumps(frame).decode()),)

    def decode(self, plan: SocketPlan, raw: bytes | str) -> Inbounds:
        """Read one inbound frame. Never raises."""
        return read_frame(self.grammar, raw)

    # -- REST

    def read_cancel(self, wire: WireCancel, response: RestResponse) -> CancelAnswered:
        """Read the answer to a REST cancel. Never raises."""
        return read_rest_cancel(wire.send_id, response, frame_of(response.body), self.grammar.table)

    def clock_call(self) -> RestCall:
        """Write the question for the venue's time (OKX: Public Data / GET System time)."""
        return RestCall(rates.TIME, "GET", TIME_PATH, signed=False)

    def read_clock(self, response: RestResponse) -> int:
        """Read the venue's time in microseconds since the epoch, or raise `errors.RemoteError`."""
        row = first_row("clock", response)
        now_ms = millis(row, "ts", "data[0]")
        if now_ms is None:
            raise Unreadable("data[0].ts", "missing or zero")
        return now_ms * 1000

    def identity_call(self) -> RestCall:
        """Write the question whose key this is (OKX: Trading Account / GET Account configuration)."""
        return RestCall(rates.ACCOUNT_CONFIG, "GET", ACCOUNT_CONFIG_PATH)

    def read_identity(self, response: RestResponse) -> AccountIdentified:
        """Read it, or raise `errors.VenueRefusal` (with its code) or `errors.Unreadable`.

        ``perm`` is a text such as ``read_only,trade`` (OKX: Trading Account / Get account configuration).
        """
        row = first_row("account", response)
        return AccountIdentified(text(row, "uid", "data[0]"), words(row, "perm"))

    def refusal_of(self, code: str) -> RefusalKind | None:
        """Say what a REST refusal code means for the account's credentials and clock; None when nothing."""
        return account_refusal(code, self.grammar.table)

    def sign(self, call: RestCall, credentials: Credentials, venue_now_us: int) -> SignedCall:
        """Encode a call, and sign it if it is to be signed (OKX: Overview / REST authentication).

        What is signed is the target as it is sent. A demo call says so in a header, the public ones too: without it
        they would answer with production's data.
        """
        target = f"{call.path}?{urlencode(call.query)}" if call.query else call.path
        headers = [("Content-Type", "application/json")]
        if self.is_demo:
            headers.append(DEMO_HEADER)
        if call.signed:
            timestamp = signing.iso_millis(venue_now_us)
            headers += [
                ("OK-ACCESS-KEY", credentials.key.reveal()),
                ("OK-ACCESS-SIGN", signing.okx_rest(credentials.secret, timestamp, call.method, target, call.body)),
                ("OK-ACCESS-TIMESTAMP", timestamp),
                ("OK-ACCESS-PASSPHRASE", credentials.passphrase.reveal()),
            ]
        return SignedCall(call.method, target, tuple(headers), call.body)


def order_reference(order_id: OrderId | None, client_order_id: ClientOrderId | None) -> tuple[str, str]:
    """Name an order the venue's way, by one id only: ``ordId`` where it is known, as the venue itself would choose."""
    if order_id is not None:
        return "ordId", order_id
    if client_order_id is not None:
        return "clOrdId", client_order_id
    raise ValueError("an order has at least one id")
