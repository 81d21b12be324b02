"""The border between canceld and a venue: what a dialect has to fill in, and nothing else.

A dialect turns our few intentions (log in, subscribe, and those of `protocols.asks`) into a venue's bytes, and
a venue's bytes into the facts of `protocols.evidence` and the signals below. It holds no state about orders, opens no
socket and reads no clock: the same bytes always mean the same facts. What differs between venues is data here
(`Traits`: rate rules, timings, the ladder of questions, windows of memory), so that a stranger can hold it against the
venue's page.

How the pieces meet:

* `Session` (protocols.session) drives one socket by a `SocketPlan`: it sends `login`, then `subscriptions`, keeps the
  heartbeat, and passes inbound frames through `decode`.
* The gateway (daemon.edge.gateway) owns the sockets and the REST pool of one account and is the only caller of the
  rest.
* The correlator (daemon.core.correlator) sees `Traits` and evidence, never the dialect itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from protocols.admission import Admission
from protocols.batching import BatchAnswered, BatchCancel, BatchDialect
from protocols.deadman import DeadManSwitch
from protocols.evidence import (
    AccountIdentified,
    CancelAnswered,
    Frame,
    OrderReported,
    Remedy,
    Step,
)
from protocols.fix import Road
from protocols.mass import MassCancel, MassDialect

if TYPE_CHECKING:
    from protocols.asks import Cursor, Page, Question, WireCancel
    from protocols.rest import RestCall, RestResponse, SignedCall
    from protocols.secret import Credentials


# ---------------------------------------------------------------- what a venue is like, as data


class Scope(StrEnum):
    """Whose requests a rate rule counts together."""

    USER = "user"
    INSTRUMENT = "user_instrument"
    ADDRESS = "address"
    CONNECTION = "connection"
    ORDER = "order"


class Counts(StrEnum):
    """What a rate rule counts: a batch is one call, or as many orders as it holds."""

    CALLS = "calls"
    ORDERS = "orders"


DIAL: Final = "dial"
"""The rate rules' name of opening a WebSocket, at any venue."""


class RateRule(msgspec.Struct, frozen=True):
    """At most ``limit`` requests of ``operations`` in any ``window_ms``, counted per ``scope``.

    ``page`` names the venue's page that says so. Operations of one rule share its bucket, over all roads. ``is_told``:
    it is the one of which answers to cancels say what is left (`evidence.Allowance`).
    """

    name: str
    operations: frozenset[str]
    limit: int
    window_ms: int
    scope: Scope
    page: str
    counts: Counts = Counts.CALLS
    is_told: bool = False


class ErrorRule(msgspec.Struct, frozen=True):
    """More than ``limit`` error answers to ``operations`` in any ``window_ms``, and the venue bans them for a while.

    Errors are what `evidence` says ``counts_as_error`` of. Beyond half of ``limit`` these operations are spared:
    questions go by other steps of the ladder, cancels by `SparingCancel`. ``page`` names the venue's page.
    """

    name: str
    operations: frozenset[str]
    limit: int
    window_ms: int
    page: str


class SparingCancel(msgspec.Struct, frozen=True):
    """Another call that cancels, which answers no error for an order that is gone; slower, so used when errors are few.

    ``operation`` is its rate rule's name; it can carry the ``venue_params`` only.
    """

    operation: str
    venue_params: frozenset[str] = frozenset()


class Timings(msgspec.Struct, frozen=True):
    """How long to wait for a venue, in milliseconds unless the name says otherwise. Configuration may override each.

    ``ack_wait_ms`` for the answer to a wire cancel; ``push_wait_ms`` for the push after an acceptance;
    ``replica_lag_ms`` is how old a venue's answer may be; ``settle_ms`` is the least that any horizon must allow;
    ``horizon_s`` until a request is called in doubt; ``abandon_after_h`` until asking stops; ``resend_max_age_s`` is
    the age of a request after which nothing more is sent for it; ``per_order_gap_ms`` lies between two cancels of one
    order.
    """

    ack_wait_ms: int = 500
    push_wait_ms: int = 1000
    replica_lag_ms: int = 20_000
    settle_ms: int = 25_000
    horizon_s: float = 60
    abandon_after_h: float = 2
    resend_max_age_s: float = 300
    per_order_gap_ms: int = 0


class Traits(msgspec.Struct, frozen=True):
    """A venue as the rest of canceld knows it.

    ``products`` are its product lines ("" alone where there is one). ``roads`` are the roads that can carry a cancel,
    best first. ``ladder`` is the order in which to ask about one order; its OPEN_ORDERS step is an account-wide
    listing over every configured product. ``order_memory_ms`` and ``alias_memory_ms`` are the ages past which "not
    found" by order id and by client id is blind, and ``alias_window_ms`` is the age of an order up to which
    `Absence.DENIES_RECENT` speaks of it (0: it is never said). ``venue_params`` are the names of extra cancel
    parameters that the venue's page has. ``question_operations`` are the rate rules' names of the questions that are
    put, and ``question_calls`` says how many calls a question takes, where that is more than one: it counts so often by
    the rate rules. ``login_names_user`` says that a login's answer tells whose key it is, ``signs_host`` that
    signatures name the host, ``takes_passphrase`` that a key is worth nothing without its passphrase.
    ``trade_permission`` is the word without which a key that tells its permissions cannot cancel. ``error_rules`` are
    limits on error answers, and ``sparing_cancel`` is the call that keeps cancels within them, where there is one.
    ``switch`` is the venue's dead-man switch, or ``no_switch`` says why there is none. ``not_covered`` names
    what the venue keeps beside these orders and lists apart, so that a cancel of everything leaves it, in words for a
    person.
    """

    venue: str
    products: tuple[str, ...]
    roads: tuple[Road, ...]
    ladder: tuple[Step, ...]
    timings: Timings
    rate_rules: tuple[RateRule, ...]
    cancel_operation: str
    question_operations: Mapping[Step, str]
    order_memory_ms: int
    alias_memory_ms: int
    alias_window_ms: int = 0
    venue_params: frozenset[str] = frozenset()
    question_calls: Mapping[Step, int] = {}
    login_names_user: bool = False
    signs_host: bool = False
    takes_passphrase: bool = False
    trade_permission: str | None = None
    error_rules: tuple[ErrorRule, ...] = ()
    sparing_cancel: SparingCancel | None = None
    switch: DeadManSwitch | None = None
    no_switch: str = "it has none"
    not_covered: tuple[str, ...] = ()
    batch: BatchCancel | None = None
    mass_cancels: tuple[MassCancel, ...] = ()

    @property
    def alias_listing(self) -> Step:
        """The listing that shows every open order which a client id can mean."""
        return Step.PRODUCT_ORDERS if Step.PRODUCT_ORDERS in self.question_operations else Step.OPEN_ORDERS

    @property
    def cancel_operations(self) -> frozenset[str]:
        """Every operation that cancels."""
        others = (self.sparing_cancel, self.batch, *self.mass_cancels)
        return frozenset({self.cancel_operation, *(other.operation for other in others if other is not None)})


class Heartbeat(msgspec.Struct, frozen=True):
    """How a socket is kept alive and found dead.

    After ``idle_ms`` without an inbound frame ``ping`` is sent (none where the server pings), and without any sign of
    life for ``dead_ms`` more the socket is dead. Only what `decode` calls `Alive` answers a ping. ``every_ms`` is for
    venues that want pings however much they have to say themselves (0: only silence calls for one).
    """

    idle_ms: int
    dead_ms: int
    ping: str | None
    every_ms: int = 0


class Role(StrEnum):
    """What a socket is for."""

    ORDER_ENTRY = "order_entry"
    DROP_COPY = "drop_copy"


class SocketPlan(msgspec.Struct, frozen=True):
    """One socket of an account: where it connects, what for, and how it is kept.

    ``path`` is appended to the account's WebSocket base, with the key of the ``admission`` where there is one.
    ``login_wait_ms`` bounds login and each subscription. ``max_age_ms`` is the venue's forced cut, before which a new
    socket is opened (0: none). ``frames_max`` is how many frames of ours, pings included, the venue takes in any
    ``frames_window_ms`` before it cuts the socket (0: any).
    """

    name: str
    path: str
    roles: frozenset[Role]
    heartbeat: Heartbeat
    needs_login: bool = True
    login_wait_ms: int = 5000
    max_age_ms: int = 0
    frame_bytes_max: int = 1_048_576
    frames_max: int = 0
    frames_window_ms: int = 1000
    admission: Admission | None = None


class Endpoints(msgspec.Struct, frozen=True):
    """Bases without a trailing slash: ``rest`` http(s), ``ws`` ws(s). The venue's own paths are appended.

    ``signature_host`` is what signatures name instead of the host that is dialed ("": that one), where they name any.
    """

    rest: str
    ws: str
    signature_host: str = ""


class Profile(msgspec.Struct, frozen=True):
    """What of an account's configuration a dialect may see."""

    environment: str = "live"
    products: tuple[str, ...] = ()
    endpoints: Endpoints | None = None


Reference = dict[str, str]
"""What a dialect needs beyond a request to write a frame: instrument to the venue's code for it, as text."""


# ---------------------------------------------------------------- what an inbound frame can mean, beside evidence


class RefusalKind(StrEnum):
    """Why a login or subscription was refused, and so whether trying again can help."""

    CREDENTIALS = "credentials"
    CLOCK = "clock"
    BUSY = "busy"
    ACCOUNT = "account"
    """The account is of a kind that is not served here, whatever its key: no road of this dialect will do."""
    SEQUENCE = "sequence"
    """We spoke too early or twice: a new socket helps."""
    BROKEN = "broken"
    """Our own bug or a setting: trying again slowly is all that is left, with an alarm."""


class LoggedIn(msgspec.Struct, frozen=True):
    """The login was accepted. ``connection`` is the venue's name for this socket, for its support.

    ``user`` is the venue's id of the user whose key it is, where the answer names it.
    """

    connection: str = ""
    user: str = ""


class LoginRefused(msgspec.Struct, frozen=True):
    """The login was refused."""

    kind: RefusalKind
    code: str
    message: str


class Subscribed(msgspec.Struct, frozen=True):
    """A subscription was accepted; ``key`` is the one that `Dialect.subscriptions` gave it."""

    key: str


class SubscribeRefused(msgspec.Struct, frozen=True):
    """A subscription was refused; ``key`` is "" when the venue does not say which."""

    key: str
    kind: RefusalKind
    code: str
    message: str


class Blinded(msgspec.Struct, frozen=True):
    """The socket lives but carries no order pushes."""

    why: str


class ClosingSoon(msgspec.Struct, frozen=True):
    """The venue announced that it will close this socket: open the next one first."""

    why: str


class Alive(msgspec.Struct, frozen=True):
    """An answer to our ping, or the venue's own ping with the ``reply`` that it wants."""

    reply: str | None = None


class Uncorrelated(msgspec.Struct, frozen=True):
    """An error frame that names none of our sends: each send in flight on this socket becomes unknown, nothing else.

    ``remedy`` is what to mend if it was about one of them; ``refusal`` is what it means for a login that is not
    answered yet, whose refusal it then is.
    """

    code: str
    message: str
    frame: Frame | None = None
    remedy: Remedy = Remedy.NONE
    refusal: RefusalKind = RefusalKind.BUSY


class Strange(msgspec.Struct, frozen=True):
    """A frame, or a row of one, that cannot be read, or of a kind that we do not know: kept aside and counted."""

    what: str
    frame: Frame


class Noted(msgspec.Struct, frozen=True):
    """A known frame that asks for nothing (a count, a welcome)."""

    what: str


Signal = (
    LoggedIn
    | LoginRefused
    | Subscribed
    | SubscribeRefused
    | Blinded
    | ClosingSoon
    | Alive
    | Uncorrelated
    | Strange
    | Noted
)
Inbound = Signal | OrderReported | CancelAnswered | BatchAnswered


class Dialect(BatchDialect, MassDialect, Protocol):
    """What a venue has to fill in. One instance serves one account; it keeps nothing between calls."""

    traits: Traits

    def __init__(self, profile: Profile) -> None: ...

    def endpoints(self) -> Endpoints:
        """Give the bases of the profile's environment (or of its own ``endpoints``)."""
        ...

    # -- ids and parameters

    def check_cancel(
        self, order_id: str | None, client_order_id: str | None, instrument: str, venue_params: Mapping[str, str]
    ) -> None:
        """Refuse ids outside the venue's alphabet or length and unknown parameters, by `errors.BadRequest`."""
        ...

    # -- sockets

    def sockets(self) -> tuple[SocketPlan, ...]:
        """List the sockets of one account."""
        ...

    def login(self, plan: SocketPlan, credentials: Credentials, venue_now_us: int) -> str:
        """Write the login frame, signed for ``venue_now_us`` (microseconds since the epoch by the venue's clock)."""
        ...

    def subscriptions(self, plan: SocketPlan) -> tuple[tuple[str, str], ...]:
        """Write the subscriptions of a socket: pairs of a key and a frame. Each is acknowledged by `Subscribed`."""
        ...

    def decode(self, plan: SocketPlan, raw: bytes | str) -> tuple[Inbound, ...]:
        """Read one inbound frame. Never raises: what cannot be read is `Strange`, row by row."""
        ...

    def cancel_frame(self, wire: WireCancel, reference: Mapping[str, str]) -> str | None:
        """Write a cancel for the WebSocket; None when this road cannot carry it (no code for the instrument, say)."""
        ...

    # -- REST

    def cancel_call(self, wire: WireCancel) -> RestCall:
        """Write a cancel for REST."""
        ...

    def read_cancel(self, wire: WireCancel, response: RestResponse) -> CancelAnswered:
        """Read the answer to it. Never raises: what cannot be read proves `Proof.UNKNOWN`."""
        ...

    def question_call(self, question: Question, cursor: Cursor | None) -> RestCall:
        """Write (a page of) a question."""
        ...

    def read_question(self, question: Question, response: RestResponse, cursor: Cursor | None) -> Page:
        """Read (a page of) its answer. Never raises: what cannot be read is a `QuestionFailed`."""
        ...

    def clock_call(self) -> RestCall:
        """Write the question for the venue's time."""
        ...

    def read_clock(self, response: RestResponse) -> int:
        """Read the venue's time in microseconds since the epoch, or raise `errors.RemoteError`."""
        ...

    def identity_call(self) -> RestCall | None:
        """Write the question whose key this is; None where the venue has no such call."""
        ...

    def read_identity(self, response: RestResponse) -> AccountIdentified:
        """Read it, or raise `errors.VenueRefusal` (with its code) or `errors.Unreadable`."""
        ...

    def refusal_of(self, code: str) -> RefusalKind | None:
        """Say what a REST refusal code means for the account's credentials and clock; None when nothing."""
        ...

    def reference_calls(self) -> tuple[RestCall, ...]:
        """Write the calls that load instrument data; none where frames need nothing of the kind."""
        ...

    def read_reference(self, response: RestResponse) -> Reference:
        """Read one of them, or raise `errors.RemoteError`."""
        ...

    def sign(self, call: RestCall, credentials: Credentials, venue_now_us: int) -> SignedCall:
        """Encode a call and sign it if it is to be signed."""
        ...
