"""BingX spot: cancels and questions by signed REST, order updates from a socket that is entered by a listen key.

It holds no order and no state: the same bytes mean the same facts. There is no order entry by WebSocket. Every call
signs its parameters raw and sends them encoded, in the query, whatever the verb.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from protocols import signing
from protocols.dialect import Endpoints, Heartbeat, Profile, Reference, RefusalKind, Role, SocketPlan, Timings, Traits
from protocols.errors import BadRequest, ConfigMistake, Unreadable
from protocols.evidence import AccountIdentified
from protocols.fix import Road
from protocols.jsonread import millis, text
from protocols.rest import Pairs, RestCall, RestResponse, SignedCall
from protocols.venues.bingx import answers, codes, queries, rates
from protocols.venues.bingx.deadman import CancelAllAfter
from protocols.venues.bingx.frames import SUBSCRIPTIONS, Inbounds, read_frame, subscription
from protocols.venues.bingx.listenkey import SOCKET_PATH, ListenKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protocols.asks import Cursor, Page, Question, WireCancel
    from protocols.batching import BatchAnswered
    from protocols.evidence import CancelAnswered
    from protocols.mass import Everything
    from protocols.secret import Credentials

ENDPOINTS: Final = Endpoints(rest="https://open-api.bingx.com", ws="wss://open-api-ws.bingx.com")
"""BingX: Basic Information; Spot / Websocket. Spot has no demo environment with pushes, so there is none here."""
LIVE: Final = "live"

CANCEL_PATH: Final = "/openApi/spot/v1/trade/cancel"
CANCEL_ORDERS_PATH: Final = "/openApi/spot/v1/trade/cancelOrders"
CANCEL_OPEN_ORDERS_PATH: Final = "/openApi/spot/v1/trade/cancelOpenOrders"
TIME_PATH: Final = "/openApi/spot/v1/server/time"
UID_PATH: Final = "/openApi/account/v1/uid"

HEARTBEAT: Final = Heartbeat(idle_ms=30_000, dead_ms=40_000, ping=None)
"""The server pings, every 5 s by the page and every 30 s by measurement; any frame is a sign of life."""

ACCOUNT_SOCKET: Final = SocketPlan(
    "account", SOCKET_PATH, frozenset({Role.DROP_COPY}), HEARTBEAT, needs_login=False, admission=ListenKey()
)

ALIAS_MEMORY_MS: Final = 2 * 3600 * 1000
"""Client ids are found for two hours (BingX: Spot / Cancel Order). How long orders are found by their own id stands on
no page, so it is not taken to be longer."""
ALIAS_WINDOW_MS: Final = ALIAS_MEMORY_MS // 2
"""Half of that is left to what a client's word for the time of its placing, and two clocks, may be off."""
RECV_WINDOW_MAX_MS: Final = 60_000
"""The largest number on any page; the default is 5000."""
RESTRICTIONS: Final = ("NEW", "PENDING", "PARTIALLY_FILLED")

NOT_COVERED: Final = (
    "one-cancels-the-other (OCO) pairs, which have a cancel of their own",
    "everything but spot orders: perpetual and standard futures",
)
"""BingX: Spot / OCO, Spot / Current Open Orders. The other markets are other APIs."""
TRAITS: Final = Traits(
    venue="bingx",
    products=("",),
    roads=(Road.REST,),
    ladder=queries.LADDER,
    timings=Timings(push_wait_ms=1500, per_order_gap_ms=1100, abandon_after_h=2),
    rate_rules=rates.RULES,
    cancel_operation=rates.CANCEL,
    question_operations=rates.QUESTIONS,
    order_memory_ms=ALIAS_MEMORY_MS,
    alias_memory_ms=ALIAS_MEMORY_MS,
    alias_window_ms=ALIAS_WINDOW_MS,
    venue_params=frozenset({"cancelRestrictions", "recvWindow"}),
    error_rules=rates.ERROR_RULES,
    sparing_cancel=rates.SPARING,
    not_covered=NOT_COVERED,
    batch=rates.BATCH,
    mass_cancels=(rates.MASS,),
    switch=CancelAllAfter(),
)

_ORDER_ID: Final = re.compile(r"[0-9]{1,19}")
_ORDER_ID_MAX: Final = 2**63 - 1
_CLIENT_ORDER_ID: Final = re.compile(r"[A-Za-z0-9_]{1,40}")
_INSTRUMENT: Final = re.compile(r"[^\s&=\x00-\x1f\x7f]{1,64}")
"""Symbols such as ``OTHR#99961-USDT`` and ``MØTH-USDT`` exist. What would break the signed text is no symbol."""
_MILLIS: Final = re.compile(r"[0-9]{1,5}(\.[0-9]{1,6})?")


class BingxSpot:
    """The dialect of BingX spot; see `protocols.dialect.Dialect` for what each method promises."""

    traits: Traits = TRAITS

    def __init__(self, profile: Profile) -> None:
        if profile.environment != LIVE:
            what = f"{profile.environment!r}: BingX has no demo environment for spot orders"
            raise ConfigMistake("environment", what, f"use {LIVE}")
        self._endpoints = profile.endpoints or ENDPOINTS

    def endpoints(self) -> Endpoints:
        """Give the bases of the profile's environment (or of its own ``endpoints``)."""
        return self._endpoints

    # -- ids and parameters

    def check_cancel(
        self, order_id: str | None, client_order_id: str | None, instrument: str, venue_params: Mapping[str, str]
    ) -> None:
        """Refuse what BingX could not take (BingX: Spot / Cancel Order); an unknown symbol is no mistake."""
        if order_id is None and client_order_id is None:
            raise BadRequest("invalid_params", "an order_id or a client_order_id is needed", path="order_id")
        if order_id is not None and (_ORDER_ID.fullmatch(order_id) is None or int(order_id) > _ORDER_ID_MAX):
            raise BadRequest("invalid_params", "a decimal number of 63 bits is expected", path="order_id")
        if client_order_id is not None and _CLIENT_ORDER_ID.fullmatch(client_order_id) is None:
            raise BadRequest("invalid_params", "1 to 40 of [A-Za-z0-9_] are expected", path="client_order_id")
        if _INSTRUMENT.fullmatch(instrument) is None:
            raise BadRequest("invalid_params", "1 to 64 characters without blanks, & and =", path="instrument")
        for name, value in venue_params.items():
            _check_param(name, value)

    # -- sockets

    def sockets(self) -> tuple[SocketPlan, ...]:
        """List the one socket, of order updates (BingX: Spot / Websocket account data)."""
        return (ACCOUNT_SOCKET,)

    def login(self, plan: SocketPlan, credentials: Credentials, venue_now_us: int) -> str:
        """There is no login frame: the listen key in the address is the login."""
        raise NotImplementedError("this socket is entered by a listen key")

    def subscriptions(self, plan: SocketPlan) -> tuple[tuple[str, str], ...]:
        """Write the subscriptions; their keys are the data types. No snapshot of orders follows."""
        return tuple((data_type, subscription(data_type)) for data_type in SUBSCRIPTIONS)

    def decode(self, plan: SocketPlan, raw: bytes | str) -> Inbounds:
        """Read one inbound frame. Never raises."""
        return read_frame(raw)

    def cancel_frame(self, wire: WireCancel, reference: Mapping[str, str]) -> str | None:
        """No socket takes a cancel."""
        return None

    # -- REST

    def cancel_call(self, wire: WireCancel) -> RestCall:
        """Write a cancel (BingX: Spot / Cancel Order, Cancel multiple orders)."""
        if wire.operation == rates.CANCEL_ORDERS:
            return self.batch_call([wire])
        named = ("orderId", wire.order_id) if wire.order_id is not None else ("clientOrderID", _alias(wire))
        query = (("symbol", wire.instrument), named, *wire.venue_params.items())
        return RestCall(rates.CANCEL, "POST", CANCEL_PATH, query, instrument=wire.instrument)

    def batch_frame(self, wires: Sequence[WireCancel], reference: Mapping[str, str]) -> str | None:
        """No socket takes a cancel."""
        return None

    def batch_call(self, wires: Sequence[WireCancel]) -> RestCall:
        """Cancel as a list, of one even, ``process`` 1: what fails is listed, and is no error answer.

        The ids are joined by commas (BingX: Spot / Cancel multiple orders); a JSON list is refused.
        """
        first = wires[0]
        if first.order_id is not None:
            named = "orderIds", ",".join(wire.order_id or "" for wire in wires)
        else:
            named = "clientOrderIDs", ",".join(_alias(wire) for wire in wires)
        params = ((name, value) for name, value in first.venue_params.items() if name in rates.BATCH.venue_params)
        query = (("symbol", first.instrument), named, ("process", "1"), *params)
        return RestCall(rates.CANCEL_ORDERS, "POST", CANCEL_ORDERS_PATH, query, instrument=first.instrument)

    def read_batch(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it. Never raises."""
        return answers.read_batch(wires, response)

    def mass_call(self, operation: str, everything: Everything) -> RestCall:
        """Write the call that cancels everything, on a symbol if one is named (BingX: Cancel all open orders)."""
        query = (("symbol", everything.instrument),) if everything.instrument is not None else ()
        return RestCall(operation, "POST", CANCEL_OPEN_ORDERS_PATH, query, instrument=everything.instrument or "")

    def read_mass(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it: the rows of what was canceled. Never raises."""
        return msgspec.structs.replace(answers.read_batch(wires, response), is_about_all=True)

    def read_cancel(self, wire: WireCancel, response: RestResponse) -> CancelAnswered:
        """Read the answer to it. Never raises."""
        return answers.read_cancel(wire, response)

    def question_call(self, question: Question, cursor: Cursor | None) -> RestCall:
        """Write (a page of) a question."""
        return queries.question_call(question, cursor)

    def read_question(self, question: Question, response: RestResponse, cursor: Cursor | None) -> Page:
        """Read (a page of) its answer. Never raises."""
        return queries.read_question(question, response, cursor)

    def clock_call(self) -> RestCall:
        """Write the question for the venue's time (BingX: Spot / Market data / Server time)."""
        return RestCall(rates.TIME, "GET", TIME_PATH, signed=False)

    def read_clock(self, response: RestResponse) -> int:
        """Read the venue's time in microseconds since the epoch, or raise `errors.RemoteError`."""
        now_ms = millis(answers.accepted_data("clock", response), "serverTime", "data")
        if now_ms is None:
            raise Unreadable("data.serverTime", "missing or zero")
        return now_ms * 1000

    def identity_call(self) -> RestCall:
        """Write the question whose key this is (BingX: Account / Query account uid)."""
        return RestCall(rates.UID, "GET", UID_PATH)

    def read_identity(self, response: RestResponse) -> AccountIdentified:
        """Read it, or raise `errors.VenueRefusal` (with its code) or `errors.Unreadable`."""
        return AccountIdentified(text(answers.accepted_data("account", response), "uid", "data"))

    def refusal_of(self, code: str) -> RefusalKind | None:
        """Say what a REST refusal code means for the account's credentials and clock; None when nothing."""
        return codes.account_refusal(code)

    def reference_calls(self) -> tuple[RestCall, ...]:
        """None: an order is named by its symbol."""
        return ()

    def read_reference(self, response: RestResponse) -> Reference:
        """Nothing is asked for, so nothing is read."""
        return {}

    def sign(self, call: RestCall, credentials: Credentials, venue_now_us: int) -> SignedCall:
        """Encode a call, and sign it if it is to be signed (BingX: Basic Information / Signature).

        The names are sorted and never encoded; the values are signed raw and sent encoded; the signature goes last.
        """
        if not call.signed:
            return SignedCall(call.method, _target(call.path, call.query), (), call.body)
        query = (*call.query, ("timestamp", str(venue_now_us // 1000)))
        signature = signing.bingx(credentials.secret, signing.raw_query(query))
        headers = (("X-BX-APIKEY", credentials.key.reveal()),)
        return SignedCall(call.method, f"{_target(call.path, query)}&signature={signature}", headers, call.body)


def _target(path: str, query: Pairs) -> str:
    encoded = "&".join(f"{name}={signing.encoded(value)}" for name, value in sorted(query))
    return f"{path}?{encoded}" if encoded else path


def _alias(wire: WireCancel) -> str:
    if wire.client_order_id is None:
        raise ValueError("an order has at least one id")
    return wire.client_order_id


def _check_param(name: str, value: str) -> None:
    path = f"venue_params.{name}"
    if name not in TRAITS.venue_params:
        raise BadRequest("invalid_params", "no such parameter at this venue", path=path)
    if name == "cancelRestrictions" and value not in RESTRICTIONS:
        raise BadRequest("invalid_params", f"one of {', '.join(RESTRICTIONS)} is expected", path=path)
    if name == "recvWindow" and not (_MILLIS.fullmatch(value) and 0 < float(value) <= RECV_WINDOW_MAX_MS):
        raise BadRequest("invalid_params", f"milliseconds up to {RECV_WINDOW_MAX_MS} are expected", path=path)
