"""HTX USDT-margined futures by the v5 API: perpetual and delivery contracts, cross and isolated, of one account.

It holds no order and no state: the same bytes mean the same facts. There are two private sockets: commands go over
``/linear-swap-trade``, whose answers carry no state, and pushes come over ``/ws/v5/notification``. Both log in with the
same signature, over the host that is dialed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec
import orjson

from protocols import signing
from protocols.dialect import Endpoints, Heartbeat, Profile, Reference, RefusalKind, Role, SocketPlan, Timings, Traits
from protocols.errors import BadRequest, ConfigMistake, Unreadable
from protocols.fix import Road
from protocols.jsonread import frame_of, millis
from protocols.rest import Pairs, RestCall, RestResponse, SignedCall
from protocols.venues.htx import queries, rates
from protocols.venues.htx.answers import accepted, read_rest_batch, read_rest_cancel
from protocols.venues.htx.codes import row_of
from protocols.venues.htx.deadman import CancelAfter
from protocols.venues.htx.frames import ORDERS, Inbounds, read_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protocols.asks import Cursor, Page, Question, WireCancel
    from protocols.batching import BatchAnswered
    from protocols.evidence import AccountIdentified, CancelAnswered
    from protocols.mass import Everything
    from protocols.secret import Credentials

LIVE: Final = "live"
ENDPOINTS: Final = Endpoints(rest="https://api.hbdm.com", ws="wss://api.hbdm.com")
"""HTX: Access and Usage / Access URLs. Hosts on AWS (Tokyo, zone c) name ``https://api.hbdm.vn`` with
``wss://api.hbdm.vn`` as their own endpoints; ``api.btcgateway.pro`` is a fallback. No environment is for tests."""

TRADE_PATH: Final = "/linear-swap-trade"
NOTIFICATION_PATH: Final = "/ws/v5/notification"
CANCEL_OP: Final = "cancel_order"
CANCEL_PATH: Final = "/v5/trade/cancel_order"
BATCH_OP: Final = "cancel_batch_orders"
BATCH_PATH: Final = "/v5/trade/cancel_batch_orders"
MASS_PATH: Final = "/v5/trade/cancel_all_orders"
TIME_PATH: Final = "/api/v1/timestamp"

HEARTBEAT: Final = Heartbeat(idle_ms=15_000, dead_ms=5_000, ping=None)
"""The server pings every 5 s and hangs up after five without an answer (HTX: Private WebSocket / Heartbeat); three of
its pings missed, and one more to be sure, are a dead socket."""

SOCKETS: Final = (
    SocketPlan("trade", TRADE_PATH, frozenset({Role.ORDER_ENTRY}), HEARTBEAT),
    SocketPlan("notification", NOTIFICATION_PATH, frozenset({Role.DROP_COPY}), HEARTBEAT),
)

ORDER_MEMORY_MS: Final = 2 * 3600 * 1000
"""The old API showed canceled orders for two hours; v5's pages do not say, and "Get Order Info" finds them by id."""

ALIAS_WINDOW_MS: Final = ORDER_MEMORY_MS // 2
"""A client id stops resolving when its order ends (announcement of 2025-05-08), but history, which reaches back two
days, names it. Half of what is sure is left to what a client's word for the time of its placing may be off."""

NOT_COVERED: Final = (
    "algo orders: trigger, TP/SL, trailing",
    "everything but USDT-margined futures: spot, coin-margined futures",
)
"""HTX: "Cancel All Orders" of v5 does not promise to touch /v5/algo; the other markets are other APIs."""
TRAITS: Final = Traits(
    venue="htx",
    products=("",),
    roads=(Road.WS, Road.REST),
    ladder=queries.LADDER,
    timings=Timings(ack_wait_ms=500, push_wait_ms=750, abandon_after_h=2, per_order_gap_ms=0),
    rate_rules=rates.RULES,
    cancel_operation=rates.CANCEL,
    question_operations=queries.OPERATIONS,
    order_memory_ms=ORDER_MEMORY_MS,
    alias_memory_ms=ORDER_MEMORY_MS,
    alias_window_ms=ALIAS_WINDOW_MS,
    question_calls=queries.CALLS,
    login_names_user=True,
    not_covered=NOT_COVERED,
    signs_host=True,
    batch=rates.BATCH,
    mass_cancels=(rates.MASS,),
    switch=CancelAfter(),
)

_ORDER_ID: Final = re.compile(r"[0-9]{1,19}")
_CLIENT_ORDER_ID: Final = re.compile(r"[0-9]{1,19}")
_INSTRUMENT: Final = re.compile(r"[A-Z0-9._-]{1,64}")
_DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class HtxFutures:
    """The dialect of HTX futures; see `protocols.dialect.Dialect` for what each method promises."""

    traits: Traits = TRAITS

    def __init__(self, profile: Profile) -> None:
        if profile.environment != LIVE:
            raise ConfigMistake("environment", f"{profile.environment!r} is none of HTX's", f"use {LIVE}")
        self._endpoints = profile.endpoints or ENDPOINTS
        own = self._endpoints.signature_host  # customers in colocation sign with api.hbdm.com, whatever they dial
        self._rest_host = own or signed_host(self._endpoints.rest)
        self._ws_host = own or signed_host(self._endpoints.ws)

    def endpoints(self) -> Endpoints:
        """Give the venue's bases, or the profile's own."""
        return self._endpoints

    def check_cancel(
        self, order_id: str | None, client_order_id: str | None, instrument: str, venue_params: Mapping[str, str]
    ) -> None:
        """Refuse what HTX could not take (HTX: Orders / Cancel Order); an unknown contract is no mistake.

        Contract codes are written in capitals here as in every answer, though the venue takes both.
        """
        if order_id is None and client_order_id is None:
            raise BadRequest("invalid_params", "an order_id or a client_order_id is needed", path="order_id")
        if order_id is not None and _ORDER_ID.fullmatch(order_id) is None:
            raise BadRequest("invalid_params", "1 to 19 decimal digits are expected", path="order_id")
        if client_order_id is not None and _CLIENT_ORDER_ID.fullmatch(client_order_id) is None:
            raise BadRequest("invalid_params", "1 to 19 decimal digits are expected", path="client_order_id")
        if _INSTRUMENT.fullmatch(instrument) is None:
            raise BadRequest("invalid_params", "a contract code in capitals is expected", path="instrument")
        for name in venue_params:
            raise BadRequest("invalid_params", "no such parameter at this venue", path=f"venue_params.{name}")

    # -- sockets

    def sockets(self) -> tuple[SocketPlan, ...]:
        """List the two sockets: commands, and pushes. Neither is known to be cut for its age."""
        return SOCKETS

    def login(self, plan: SocketPlan, credentials: Credentials, venue_now_us: int) -> str:
        """Write the login frame (HTX: Private WebSocket / Authentication), signed as a GET of the socket's path."""
        signed = _signed_pairs(credentials, venue_now_us)
        query = signing.sorted_query(signed)
        signature = signing.htx(credentials.secret, "GET", self._ws_host, plan.path, query)
        frame = {"op": "auth", "type": "api", "cid": f"auth{plan.name}", **dict(signed), "Signature": signature}
        return orjson.dumps(frame).decode()

    def subscriptions(self, plan: SocketPlan) -> tuple[tuple[str, str], ...]:
        """Write the subscription of all contracts' orders; its key is the topic. No snapshot follows it."""
        if Role.DROP_COPY not in plan.roles:
            return ()
        frame = {"op": "sub", "cid": "suborders", "topic": ORDERS, "contract_code": "*"}
        return ((ORDERS, orjson.dumps(frame).decode()),)

    def decode(self, plan: SocketPlan, raw: bytes | str) -> Inbounds:
        """Read one inbound frame. Never raises."""
        return read_frame(raw)

    def cancel_frame(self, wire: WireCancel, reference: Mapping[str, str]) -> str | None:
        """Write a cancel (HTX: WebSocket Trade / Cancel an Order); its answer is told by ``cid`` alone."""
        return orjson.dumps({"op": CANCEL_OP, "cid": wire.send_id, "data": _named(wire)}).decode()

    def batch_frame(self, wires: Sequence[WireCancel], reference: Mapping[str, str]) -> str | None:
        """Write a batch (HTX: WebSocket Trade / Cancel multiple orders); its answer is told by ``cid`` alone."""
        return orjson.dumps({"op": BATCH_OP, "cid": wires[0].send_id, "data": _named_together(wires)}).decode()

    # -- REST

    def batch_call(self, wires: Sequence[WireCancel]) -> RestCall:
        """Write a batch for REST (HTX: Orders / Cancel multiple orders)."""
        body = orjson.dumps(_named_together(wires))
        return RestCall(rates.CANCEL_BATCH, "POST", BATCH_PATH, body=body, instrument=wires[0].instrument)

    def read_batch(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it. Never raises."""
        return read_rest_batch(wires[0].send_id, response, frame_of(response.body))

    def mass_call(self, operation: str, everything: Everything) -> RestCall:
        """Write the call that cancels everything, of a contract or side if one is named (HTX: Cancel all orders)."""
        named = {"contract_code": everything.instrument, "side": everything.side}
        body = orjson.dumps({name: value for name, value in named.items() if value is not None})
        return RestCall(operation, "POST", MASS_PATH, body=body, instrument=everything.instrument or "")

    def read_mass(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it: a row an order, or none. Never raises."""
        return msgspec.structs.replace(self.read_batch(wires, response), is_about_all=True)

    def cancel_call(self, wire: WireCancel) -> RestCall:
        """Write a cancel for REST (HTX: Orders / Cancel Order). It takes no margin mode."""
        body = orjson.dumps(_named(wire))
        return RestCall(rates.CANCEL, "POST", CANCEL_PATH, body=body, instrument=wire.instrument)

    def read_cancel(self, wire: WireCancel, response: RestResponse) -> CancelAnswered:
        """Read the answer to a REST cancel. Never raises."""
        return read_rest_cancel(wire.send_id, response, frame_of(response.body))

    def question_call(self, question: Question, cursor: Cursor | None) -> RestCall:
        """Write (a page of) a question."""
        return queries.question_call(question, cursor)

    def read_question(self, question: Question, response: RestResponse, cursor: Cursor | None) -> Page:
        """Read (a page of) its answer. Never raises."""
        return queries.read_question(question, response, cursor)

    def clock_call(self) -> RestCall:
        """Write the question for the venue's time (HTX: Get system timestamp)."""
        return RestCall(rates.TIME, "GET", TIME_PATH, signed=False)

    def read_clock(self, response: RestResponse) -> int:
        """Read the venue's time in microseconds since the epoch, or raise `errors.RemoteError`."""
        now_ms = millis(accepted("clock", response), "ts")
        if now_ms is None:
            raise Unreadable("ts", "missing or zero")
        return now_ms * 1000

    def identity_call(self) -> RestCall | None:
        """No call says whose key it is; the answer to a login does."""
        return None

    def read_identity(self, response: RestResponse) -> AccountIdentified:
        """Nothing is asked, so there is nothing to read: raise `errors.Unreadable`."""
        raise Unreadable("identity", "it was not asked for")

    def refusal_of(self, code: str) -> RefusalKind | None:
        """Say what a REST refusal code means for the account's credentials and clock; None when nothing."""
        return row_of(code).refusal

    def reference_calls(self) -> tuple[RestCall, ...]:
        """Contracts go by their name everywhere, so no reference is needed."""
        return ()

    def read_reference(self, response: RestResponse) -> Reference:
        """Nothing is asked, so there is nothing to read."""
        return {}

    def sign(self, call: RestCall, credentials: Credentials, venue_now_us: int) -> SignedCall:
        """Encode a call, and sign it if it is to be signed (HTX: Access and Usage / Signature Authentication)."""
        pairs = call.query
        if call.signed:
            pairs += _signed_pairs(credentials, venue_now_us)
        query = signing.sorted_query(pairs)
        if call.signed:
            signature = signing.htx(credentials.secret, call.method, self._rest_host, call.path, query)
            query += "&" + signing.sorted_query((("Signature", signature),))
        target = f"{call.path}?{query}" if query else call.path
        return SignedCall(call.method, target, (("Content-Type", "application/json"),), call.body)


def signed_host(base: str) -> str:
    """Give the host that is signed: the one that is dialed, in small letters, with its port where it is a special one.

    That is what stands in the request's Host header, by which the venue checks (HTX: Signature Authentication).
    """
    parts = urlsplit(base)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f"{host}:{parts.port}"


def _signed_pairs(credentials: Credentials, venue_now_us: int) -> Pairs:
    """Give the parameters that every signature covers; the venue takes a timestamp at most 5 minutes off."""
    return (
        ("AccessKeyId", credentials.key.reveal()),
        ("SignatureMethod", "HmacSHA256"),
        ("SignatureVersion", "2"),
        ("Timestamp", signing.iso_seconds(venue_now_us)),
    )


def _named(wire: WireCancel) -> dict[str, str]:
    """Name an order the venue's way, by one id only: ``order_id`` where it is known, as the venue would choose."""
    if wire.order_id is not None:
        return {"contract_code": wire.instrument, "order_id": wire.order_id}
    if wire.client_order_id is not None:
        return {"contract_code": wire.instrument, "client_order_id": wire.client_order_id}
    raise ValueError("an order has at least one id")


def _named_together(wires: Sequence[WireCancel]) -> dict[str, object]:
    """Name orders of one contract, all by the same kind of id."""
    by_order_id = wires[0].order_id is not None
    ids = [wire.order_id if by_order_id else wire.client_order_id for wire in wires]
    return {"contract_code": wires[0].instrument, "order_id" if by_order_id else "client_order_id": ids}
