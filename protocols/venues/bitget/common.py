"""What both generations of Bitget do alike: hosts, login, heartbeat, signed REST, the clock.

It knows no order: which channel reports them, how a cancel is written and which calls ask stand in the dialects.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import orjson

from protocols import signing
from protocols.dialect import Endpoints, Heartbeat, Profile, Reference, RefusalKind, Role, SocketPlan
from protocols.errors import BadRequest, ConfigMistake, Unreadable
from protocols.jsonread import millis
from protocols.rest import RestCall, RestResponse, SignedCall
from protocols.venues.bitget import asking, rates
from protocols.venues.bitget.answers import data_of, read_rest_cancel
from protocols.venues.bitget.codes import account_refusal
from protocols.venues.bitget.frames import PING, Grammar, Inbounds, read_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protocols.asks import Cursor, Page, Question, WireCancel
    from protocols.dialect import Traits
    from protocols.evidence import CancelAnswered
    from protocols.fix import ClientOrderId, OrderId
    from protocols.secret import Credentials

LIVE: Final = "live"
DEMO: Final = "demo"
ENDPOINTS: Final = {
    LIVE: Endpoints(rest="https://api.bitget.com", ws="wss://ws.bitget.com"),
    DEMO: Endpoints(rest="https://api.bitget.com", ws="wss://wspap.bitget.com"),
}
"""Bitget: Common / Intro; Demo trading. A demo account has keys of its own, and REST calls say so in a header."""
DEMO_HEADER: Final = ("paptrading", "1")

HEARTBEAT: Final = Heartbeat(idle_ms=20_000, dead_ms=10_000, ping=PING, every_ms=30_000)
"""Bitget: WebSocket / Connect: a text ping every 30 s; without one for two minutes the server cuts, however much it has
pushed meanwhile."""
DAY_MS: Final = 24 * 3600 * 1000
"""Every connection is cut at this age (Bitget: changelog of 22 November 2024)."""

TIME_PATH: Final = "/api/v2/public/time"

ORDER_MEMORY_MS: Final = 90 * DAY_MS
"""Histories reach back 90 days (Bitget: Get history orders)."""
ORDER_MEMORY_H: Final = 90 * 24
ALIAS_MEMORY_MS: Final = DAY_MS // 12
"""Two hours: so far back classic spot orders are found by client id (Bitget: changelog of 20 March 2025). Of the other
products no page says how far; the shortest is taken for all."""

_ORDER_ID: Final = re.compile(r"[0-9]{1,32}")
_INSTRUMENT: Final = re.compile(r"[^\s/?&#%]{1,64}")


def left_out(products: tuple[str, ...], all_of_them: tuple[str, ...]) -> tuple[str, ...]:
    """Say which product lines an account's configuration leaves out, if it does."""
    others = [product for product in all_of_them if product not in products]
    return (f"product lines that this account is not configured for: {', '.join(others)}",) if others else ()


class BitgetCommon:
    """The half of a dialect that the generations share. A dialect gives the attributes and the rest of the methods."""

    traits: Traits
    grammar: Grammar
    asks: asking.Asks
    products: tuple[str, ...]
    path: str
    client_order_ids: re.Pattern[str]
    client_order_ids_are: str

    def __init__(self, profile: Profile) -> None:
        if profile.environment not in ENDPOINTS:
            raise ConfigMistake("environment", f"{profile.environment!r} is none of Bitget's", f"use {LIVE} or {DEMO}")
        self.is_demo = profile.environment == DEMO
        self._endpoints = profile.endpoints or ENDPOINTS[profile.environment]

    def endpoints(self) -> Endpoints:
        """Give the bases of the profile's environment (or of its own ``endpoints``)."""
        return self._endpoints

    def check_cancel(
        self, order_id: str | None, client_order_id: str | None, instrument: str, venue_params: Mapping[str, str]
    ) -> None:
        """Refuse what Bitget could not take; an unknown instrument is no mistake.

        An instrument in small letters is one: pushes and answers write capitals, and nothing would be known as its.
        """
        if order_id is None and client_order_id is None:
            raise BadRequest("invalid_params", "an order_id or a client_order_id is needed", path="order_id")
        if order_id is not None and _ORDER_ID.fullmatch(order_id) is None:
            raise BadRequest("invalid_params", "1 to 32 decimal digits are expected", path="order_id")
        if client_order_id is not None and self.client_order_ids.fullmatch(client_order_id) is None:
            raise BadRequest("invalid_params", f"{self.client_order_ids_are} are expected", path="client_order_id")
        if _INSTRUMENT.fullmatch(instrument) is None or instrument != instrument.upper():
            raise BadRequest("invalid_params", "a symbol in capital letters is expected", path="instrument")
        for name in venue_params:
            raise BadRequest("invalid_params", "no such parameter at this venue", path=f"venue_params.{name}")

    # -- sockets

    def sockets(self) -> tuple[SocketPlan, ...]:
        """List the one socket: trade ops and order pushes share it (Bitget: WebSocket / Connect)."""
        return (
            SocketPlan(
                name="private",
                path=self.path,
                roles=frozenset({Role.ORDER_ENTRY, Role.DROP_COPY}),
                heartbeat=HEARTBEAT,
                max_age_ms=DAY_MS,
                frames_max=rates.FRAMES_MAX,
                frames_window_ms=rates.SECOND_MS,
            ),
        )

    def login(self, plan: SocketPlan, credentials: Credentials, venue_now_us: int) -> str:
        """Write the login frame (Bitget: WebSocket / Login). The prose says milliseconds; the sample and every client
        send seconds.
        """
        timestamp = signing.epoch_seconds(venue_now_us)
        argument = {
            "apiKey": credentials.key.reveal(),
            "passphrase": credentials.passphrase.reveal(),
            "timestamp": timestamp,
            "sign": signing.bitget_login(credentials.secret, timestamp),
        }
        return orjson.dumps({"op": "login", "args": [argument]}).decode()

    def decode(self, plan: SocketPlan, raw: bytes | str) -> Inbounds:
        """Read one inbound frame. Never raises."""
        return read_frame(self.grammar, raw)

    # -- REST

    def read_cancel(self, wire: WireCancel, response: RestResponse) -> CancelAnswered:
        """Read the answer to a REST cancel. Never raises."""
        return read_rest_cancel(wire.send_id, response)

    def question_call(self, question: Question, cursor: Cursor | None) -> RestCall:
        """Write (a page of) a question."""
        return asking.call_of(question, cursor, self.asks.legs_for(question, self.products))

    def read_question(self, question: Question, response: RestResponse, cursor: Cursor | None) -> Page:
        """Read (a page of) its answer. Never raises."""
        return asking.read(question, response, cursor, self.asks.legs_for(question, self.products))

    def clock_call(self) -> RestCall:
        """Write the question for the venue's time (Bitget: Common / Get server time)."""
        return RestCall(rates.TIME, "GET", TIME_PATH, signed=False)

    def read_clock(self, response: RestResponse) -> int:
        """Read the venue's time in microseconds since the epoch, or raise `errors.RemoteError`."""
        now_ms = millis(data_of("clock", response), "serverTime", "data")
        if now_ms is None:
            raise Unreadable("data.serverTime", "missing or zero")
        return now_ms * 1000

    def refusal_of(self, code: str) -> RefusalKind | None:
        """Say what a REST refusal code means for the account's credentials, clock and kind; None when nothing."""
        return account_refusal(code)

    def reference_calls(self) -> tuple[RestCall, ...]:
        """No frame needs instrument data: symbols go by their names."""
        return ()

    def read_reference(self, response: RestResponse) -> Reference:
        """Nothing is asked for."""
        return {}

    def sign(self, call: RestCall, credentials: Credentials, venue_now_us: int) -> SignedCall:
        """Encode a call, and sign it if it is to be signed (Bitget: Common / Signature).

        The query is sorted by name; what is signed of it are the plain values, what is sent the encoded ones. The page
        has no word on that, but non-ASCII symbols are refused otherwise. A demo call says so in a header.
        """
        pairs = sorted(call.query)
        target = f"{call.path}?{signing.encoded_query(pairs)}" if pairs else call.path
        plain = f"{call.path}?{'&'.join(f'{name}={value}' for name, value in pairs)}" if pairs else call.path
        headers = [("Content-Type", "application/json"), ("locale", "en-US")]
        if self.is_demo:
            headers.append(DEMO_HEADER)
        if call.signed:
            stamp = signing.epoch_millis(venue_now_us)
            headers += [
                ("ACCESS-KEY", credentials.key.reveal()),
                ("ACCESS-SIGN", signing.bitget_rest(credentials.secret, stamp, call.method, plain, call.body)),
                ("ACCESS-TIMESTAMP", stamp),
                ("ACCESS-PASSPHRASE", credentials.passphrase.reveal()),
            ]
        return SignedCall(call.method, target, tuple(headers), call.body)


def order_reference(order_id: OrderId | None, client_order_id: ClientOrderId | None) -> tuple[str, str]:
    """Name an order the venue's way, by one id only: ``orderId`` where it is known, as the venue would choose."""
    if order_id is not None:
        return "orderId", order_id
    if client_order_id is not None:
        return "clientOid", client_order_id
    raise ValueError("an order has at least one id")
