"""A venue that does not exist, for tests of what must not know its venue: a dialect whose frames and bodies are words.

We send: login TIME USER, sub KEY, cancel SEND_ID CODE, ping, pong!
It sends: login ok, login no KIND, sub ok KEY, sub no KEY KIND, blind, closing, pong, ping!, error CODE [KIND REMEDY],
note,
ack SEND_ID PROOF [REMEDY], order ORDER_ID STATUS, bug (the dialect itself fails); anything else is strange.
REST: GET /time gives microseconds; GET /whoami gives USER, or refused CODE; GET /codes gives BTC=1 ETH=2; POST /cancel
with SEND_ID ORDER_ID gives PROOF [CODE]; GET /orders?id=..&page=.. gives lines: order ID STATUS,
next PAGE, or a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from protocols.asks import Cursor, Page, Question, WireCancel
from protocols.batching import NoBatches
from protocols.dialect import (
    Alive,
    Blinded,
    ClosingSoon,
    Endpoints,
    Heartbeat,
    Inbound,
    LoggedIn,
    LoginRefused,
    Noted,
    Profile,
    Reference,
    RefusalKind,
    Role,
    SocketPlan,
    Strange,
    Subscribed,
    SubscribeRefused,
    Timings,
    Traits,
    Uncorrelated,
)
from protocols.errors import BadRequest, Unreadable, VenueRefusal
from protocols.evidence import (
    Absence,
    AccountIdentified,
    CancelAnswered,
    OrderReported,
    Proof,
    QuestionAnswered,
    QuestionFailed,
    Remedy,
    Source,
    Step,
)
from protocols.fix import OrderId, OrdStatus, QueryId, Road, SendId
from protocols.jsonread import frame_of
from protocols.mass import NoMassCancels
from protocols.rest import RestCall, RestResponse, SignedCall
from protocols.secret import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

BOTH = frozenset({Role.ORDER_ENTRY, Role.DROP_COPY})
CREDENTIALS = Credentials(Secret("key"), Secret("very-secret"), Secret("very-secret-too"))
PLAN = SocketPlan(
    name="private",
    path="/ws",
    roles=BOTH,
    heartbeat=Heartbeat(idle_ms=20_000, dead_ms=10_000, ping="ping"),
    login_wait_ms=5000,
)
TRAITS = Traits(
    venue="fake",
    products=("",),
    roads=(Road.WS, Road.REST),
    ladder=(Step.ORDER, Step.OPEN_ORDERS),
    timings=Timings(),
    rate_rules=(),
    cancel_operation="cancel",
    question_operations={Step.ORDER: "query", Step.OPEN_ORDERS: "list"},
    order_memory_ms=0,
    alias_memory_ms=0,
)


def wire(send_id: str = "s1", road: Road = Road.WS, instrument: str = "BTC") -> WireCancel:
    return WireCancel(SendId(send_id), road, "", instrument, OrderId("o1"), None)


def question(query_id: str = "q1", order_id: str | None = "o1") -> Question:
    step = Step.ORDER if order_id else Step.OPEN_ORDERS
    return Question(QueryId(query_id), step, "", "BTC", OrderId(order_id) if order_id else None)


class FakeDialect(NoBatches, NoMassCancels):
    """Speaks the words above."""

    traits = TRAITS

    def __init__(
        self,
        profile: Profile | None = None,
        plans: tuple[SocketPlan, ...] = (PLAN,),
        subscriptions: tuple[str, ...] = ("orders",),
    ) -> None:
        self.profile = profile or Profile()
        self.plans = plans
        self.keys = subscriptions

    def endpoints(self) -> Endpoints:
        assert self.profile.endpoints is not None
        return self.profile.endpoints

    def check_cancel(
        self, order_id: str | None, client_order_id: str | None, instrument: str, venue_params: Mapping[str, str]
    ) -> None:
        if not order_id:
            raise BadRequest("invalid_params", "no order id")

    # -- sockets

    def sockets(self) -> tuple[SocketPlan, ...]:
        return self.plans

    def login(self, plan: SocketPlan, credentials: Credentials, venue_now_us: int) -> str:
        return f"login {venue_now_us} {credentials.key.reveal()}"

    def subscriptions(self, plan: SocketPlan) -> tuple[tuple[str, str], ...]:
        return tuple((key, f"sub {key}") for key in self.keys)

    def decode(self, plan: SocketPlan, raw: bytes | str) -> tuple[Inbound, ...]:
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
        if text == "bug":
            raise RuntimeError("the dialect has a bug")
        return tuple(self._line(line) for line in text.split("\n"))

    def _line(self, text: str) -> Inbound:
        signal = self._signal(text.split(" "))
        return signal if signal is not None else Strange("no such words", frame_of(text))

    def _signal(self, words: list[str]) -> Inbound | None:  # noqa: C901, PLR0911 - a list of words
        match words:
            case ["login", "ok"]:
                return LoggedIn("c1")
            case ["login", "no", kind] if kind in set(RefusalKind):
                return LoginRefused(RefusalKind(kind), "L1", "no login")
            case ["sub", "ok", key]:
                return Subscribed(key)
            case ["sub", "no", key, kind] if kind in set(RefusalKind):
                return SubscribeRefused("" if key == "-" else key, RefusalKind(kind), "S1", "no subscription")
            case ["blind"]:
                return Blinded("too many connections")
            case ["closing"]:
                return ClosingSoon("upgrade")
            case ["pong"]:
                return Alive()
            case ["ping!"]:
                return Alive("pong!")
            case ["error", code, *rest]:
                kind = RefusalKind(rest[0]) if rest else RefusalKind.BROKEN
                remedy = Remedy(rest[1]) if len(rest) > 1 else Remedy.NONE
                return Uncorrelated(code, "an error", frame_of(" ".join(words)), remedy, kind)
            case ["note"]:
                return Noted("a note")
            case ["ack", send_id, proof, *rest] if proof in set(Proof):
                remedy = Remedy(rest[0]) if rest and rest[0] in set(Remedy) else Remedy.NONE
                return CancelAnswered(SendId(send_id), Road.WS, Proof(proof), "0", "", remedy=remedy)
            case ["order", order_id, status] if status in set(OrdStatus):
                return reported(order_id, OrdStatus(status), Source.PUSH)
        return None

    def cancel_frame(self, wire: WireCancel, reference: Mapping[str, str]) -> str | None:
        code = reference.get(wire.instrument)
        return f"cancel {wire.send_id} {code}" if code else None

    # -- REST

    def cancel_call(self, wire: WireCancel) -> RestCall:
        return RestCall("cancel", "POST", "/cancel", body=f"{wire.send_id} {wire.order_id}".encode())

    def read_cancel(self, wire: WireCancel, response: RestResponse) -> CancelAnswered:
        proof, _, code = response.body.decode().partition(" ")
        known = Proof(proof) if proof in set(Proof) else Proof.UNKNOWN
        return CancelAnswered(wire.send_id, Road.REST, known, code or str(response.status), "")

    def question_call(self, question: Question, cursor: Cursor | None) -> RestCall:
        query = (("id", question.order_id or "all"), ("page", cursor.value if cursor else "1"))
        return RestCall("query", "GET", "/orders", query)

    def read_question(self, question: Question, response: RestResponse, cursor: Cursor | None) -> Page:
        reports = []
        following = None
        for words in (line.split(" ") for line in response.body.decode().splitlines()):
            match words:
                case ["order", order_id, status]:
                    reports.append(reported(order_id, OrdStatus(status), Source.QUERY))
                case ["next", page]:
                    following = Cursor(page)
                case [why]:
                    failed = QuestionFailed(question.query_id, question.step, why, rate_limited=why == "limited")
                    return Page(failed)
        absence = Absence.DENIES if question.order_id else None
        return Page(QuestionAnswered(question.query_id, question.step, tuple(reports), absence), following)

    def clock_call(self) -> RestCall:
        return RestCall("time", "GET", "/time", signed=False)

    def read_clock(self, response: RestResponse) -> int:
        if not response.body.isdigit():
            raise Unreadable("time", "not a number")
        return int(response.body)

    def identity_call(self) -> RestCall | None:
        return RestCall("whoami", "GET", "/whoami")

    def read_identity(self, response: RestResponse) -> AccountIdentified:
        word, _, code = response.body.decode().partition(" ")
        if word == "refused":
            raise VenueRefusal("identity", code, "no")
        return AccountIdentified(word)

    def refusal_of(self, code: str) -> RefusalKind | None:
        kinds = {
            "badkey": RefusalKind.CREDENTIALS,
            "badtime": RefusalKind.CLOCK,
            "otherkind": RefusalKind.ACCOUNT,
        }
        return kinds.get(code)

    def reference_calls(self) -> tuple[RestCall, ...]:
        return (RestCall("codes", "GET", "/codes", signed=False),)

    def read_reference(self, response: RestResponse) -> Reference:
        if response.status != 200:
            raise Unreadable("codes", "no codes")
        return dict(pair.split("=", 1) for pair in response.body.decode().split())

    def sign(self, call: RestCall, credentials: Credentials, venue_now_us: int) -> SignedCall:
        target = call.path + (f"?{urlencode(call.query)}" if call.query else "")
        headers = (("X-Key", credentials.key.reveal()), ("X-Time", str(venue_now_us))) if call.signed else ()
        return SignedCall(call.method, target, headers, call.body)


def reported(order_id: str, status: OrdStatus, source: Source) -> OrderReported:
    return OrderReported(source, "words", "", "BTC", OrderId(order_id), None, status, status.value)
