"""What a venue said, as typed facts. A dialect makes them out of bytes; the correlator is their only reader.

Three families, which must never be mixed:

* about an *order*: `OrderReported` (a pushed state or a row of an answer). Only these can move an order's status.
* about a *send* or a *question* of ours: `CancelAnswered`, `CancelLost`, `QuestionAnswered`, `QuestionFailed`. A
  refusal or an acceptance says how far our request has come and what to ask; it never ends an order.
* about a *road*: `RoadChanged`, `DropCopyChanged`, `ClockMeasured`. They change how we go on, and prove nothing.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from protocols.fix import ClientOrderId, EndedBy, OrderId, OrdStatus, QueryId, Road, SendId, Side


class Source(StrEnum):
    """Where a report about an order came from."""

    PUSH = "push"
    QUERY = "query"


class Proof(StrEnum):
    """What a venue's answer to a cancel proves, by its code table. None of them is an outcome."""

    ACCEPTED = "accepted"
    """The venue took the request. The order may still trade."""
    IN_PROGRESS = "in_progress"
    """An earlier cancel is under way. Do not send again."""
    GONE = "gone"
    """The order is not live here: filled, canceled, or never known. Which of them, only a question tells."""
    UNCHANGED_RETRY = "unchanged_retry"
    """The request did nothing to the order, and the same request may succeed later or by another road."""
    UNCHANGED_FINAL = "unchanged_final"
    """The request did nothing to the order, and repeating it is pointless."""
    UNKNOWN = "unknown"
    """The venue does not say whether the request took effect."""


class Remedy(StrEnum):
    """What the gateway mends after a refusal, beside what the correlator concludes from its proof."""

    NONE = "none"
    REFRESH_REFERENCE = "refresh_reference"
    """Our instrument data is stale: load it again, and take the other road meanwhile."""
    OTHER_ROAD = "other_road"
    """This road does not serve this request; the other one may."""
    LEAVE_ROAD = "leave_road"
    """This road takes no cancel from this key at all: the other one is taken from now on, and the status says so."""
    LOG_IN = "log_in"
    """The session is not logged in: a new one is needed."""
    RESYNC_CLOCK = "resync_clock"
    BACK_OFF = "back_off"
    """A rate limit: the budget holds this rule's bucket for a window."""
    ALARM = "alarm"
    """A human has to look: permissions, frozen account, our own bug."""


class Absence(StrEnum):
    """What "not found" is worth."""

    DENIES = "denies"
    """The venue looked where the order would be and has it not."""
    DENIES_RECENT = "denies_recent"
    """It has no order of this client id that was placed within the dialect's ``alias_window_ms``. One that is older it
    would not have found: so it counts only where it is known when the order was placed."""
    BLIND = "blind"
    """The question could not have found it: outside a window, another scope. Never counts."""


class Step(StrEnum):
    """The questions of a round, in the order in which a dialect's ladder puts them; the last is on no ladder."""

    ORDER = "order"
    OPEN_ORDERS = "open_orders"
    HISTORY = "history"
    FILLS = "fills"
    PRODUCT_ORDERS = "product_orders"
    """The open orders of one product line: all that a client id can mean, where a listing of everything takes more."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """The bytes that a fact was read from.

    ``digest`` is 32 hex digits (BLAKE2b-128 of ``raw``); ``raw`` is kept for the journal, cut to `RAW_BYTES_MAX`.
    """

    digest: str
    raw: bytes

    def __repr__(self) -> str:
        """Name the frame without spilling it into a log line."""
        return f"Frame({self.digest})"


RAW_BYTES_MAX = 4096


class OrderReported(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A venue's word about one order.

    ``product`` is "" at a venue with a single product line. Quantities are null when the venue did not say them.
    ``order_qty`` is null too when it is in another unit than ``cum_qty``. ``cum_qty_final`` is the dialect's claim that
    no later frame will raise ``cum_qty``. ``word`` is the venue's own status word. ``created_ms``/``ended_ms`` are the
    venue's clock; ``venue_time`` is its text, for display only. ``is_state`` is False where the venue named no state (a
    list of fills): then ``status`` says only that something was executed, not that the order is still live.
    """

    source: Source
    channel: str
    product: str
    instrument: str
    order_id: OrderId
    client_order_id: ClientOrderId | None
    status: OrdStatus
    word: str
    side: Side | None = None
    order_qty: Decimal | None = None
    cum_qty: Decimal | None = None
    cum_qty_final: bool = False
    avg_px: Decimal | None = None
    created_ms: int | None = None
    updated_ms: int | None = None
    venue_time: str | None = None
    ended_by: EndedBy = EndedBy.UNKNOWN
    cancel_reason: str | None = None
    successor_order_id: OrderId | None = None
    frame: Frame | None = None
    is_state: bool = True


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """What the venue says beside an answer of the limit under which the request fell: who else uses it shows here.

    ``remaining`` more requests fit until ``reset_ms`` by the venue's clock (None: for a window of the rule). ``limit``
    is how many fit in a window of the rule (None: not said, or of another window).
    """

    remaining: int
    limit: int | None = None
    reset_ms: int | None = None


class CancelAnswered(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The venue's answer to one wire cancel, field by field as its page lists them in ``fields``.

    ``counts_as_error``: the venue counts it among the errors that it bans for (see `dialect.ErrorRule`). ``hold_ms``
    and ``hold_until_ms`` say how long the venue wants no more of this operation, from now or by its own clock, and
    ``allowance`` how many more it takes.
    """

    send_id: SendId
    road: Road
    proof: Proof
    code: str
    message: str
    order_id: OrderId | None = None
    client_order_id: ClientOrderId | None = None
    remedy: Remedy = Remedy.NONE
    fields: dict[str, str] = {}
    frame: Frame | None = None
    counts_as_error: bool = False
    hold_ms: int = 0
    hold_until_ms: int | None = None
    allowance: Allowance | None = None


class CancelLost(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A wire cancel whose answer will not come, or that never left.

    ``handed_over`` is False only when it is certain that no byte of it reached a transport: then the send did not
    happen, and another road may be taken. A canceled or failed write is ``handed_over=True``: nobody knows.
    """

    send_id: SendId
    road: Road
    handed_over: bool
    why: str


class CancelForwarded(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The bytes of a wire cancel were handed to a transport."""

    send_id: SendId
    road: Road


class QuestionAnswered(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A venue answered a question.

    ``reports`` are the orders it named (source QUERY). ``absence`` says what it is worth that the asked order is not
    among them, and is null when the question was about no order in particular. ``complete`` is False for a listing that
    was cut short.
    """

    query_id: QueryId
    step: Step
    reports: tuple[OrderReported, ...]
    absence: Absence | None = None
    complete: bool = True
    code: str = ""
    message: str = ""
    frame: Frame | None = None
    counts_as_error: bool = False


class QuestionFailed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A question without an answer: transport, limits, the venue's own error. It proves nothing.

    ``counts_as_error``, ``hold_ms`` and ``hold_until_ms`` are as those of `CancelAnswered`.
    """

    query_id: QueryId
    step: Step
    why: str
    rate_limited: bool = False
    counts_as_error: bool = False
    hold_ms: int = 0
    hold_until_ms: int | None = None


class RoadChanged(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A road for cancels opened (authenticated) or closed."""

    road: Road
    is_open: bool
    why: str = ""


class DropCopyState(StrEnum):
    """Whether pushes about orders can be relied on to arrive."""

    LIVE = "live"
    BLIND = "blind"
    DOWN = "down"


class DropCopyChanged(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The stream of order pushes came up, went blind (socket alive, no orders on it), or went down."""

    state: DropCopyState
    why: str = ""


class ClockMeasured(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Venue clock minus ours, in microseconds, and how far off that may be (half the round trip)."""

    offset_us: int
    uncertainty_us: int


class AccountIdentified(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Which user the account's key belongs to, by the venue's word; ``permissions`` as it names them, if it does."""

    venue_user_id: str
    permissions: tuple[str, ...] = ()


class AccountRefused(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The venue does not take this account's credentials. ``why`` never holds a secret."""

    why: str
    code: str


Evidence = (
    OrderReported
    | CancelAnswered
    | CancelLost
    | CancelForwarded
    | QuestionAnswered
    | QuestionFailed
    | RoadChanged
    | DropCopyChanged
    | ClockMeasured
    | AccountIdentified
    | AccountRefused
)
