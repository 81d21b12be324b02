"""What goes back to a client: the shape of every result and notification, member by member as the contract has them.

Ids and quantities are strings in plain notation, times are integers of microseconds since the epoch. These shapes know
nothing of where their values come from.
"""

from __future__ import annotations

import msgspec


class EvidenceSeen(msgspec.Struct, frozen=True, gc=False):
    """What an outcome rests on; ``source`` is ``push``, ``query`` or ``none``, ``venue_time`` milliseconds as text."""

    source: str
    channel: str | None
    venue_time: str | None
    digest: str | None


class TimesSeen(msgspec.Struct, frozen=True, gc=False):
    """When each thing happened, microseconds since the epoch; null if it did not."""

    received: int
    recorded: int | None
    forwarded: int | None
    acked: int | None
    evidence: int | None
    reported: int | None


class CancelResult(msgspec.Struct, frozen=True, gc=False):
    """What became of one cancel request. Quantities are null when unknown; ``reason`` says why with ``in_doubt``."""

    request_id: str
    account: str
    venue: str
    product: str | None
    instrument: str
    order_id: str | None
    client_order_id: str | None
    outcome: str
    ord_status: str | None
    cxl_rej_reason: str | None
    order_qty: str | None
    cum_qty: str | None
    cum_qty_final: bool
    leaves_qty: str | None
    avg_px: str | None
    ended_by: str
    cancel_reason: str | None
    successor_order_id: str | None
    venue_response: dict[str, str]
    venue_code: str | None
    venue_message: str | None
    evidence: EvidenceSeen
    times: TimesSeen
    reason: str | None
    durable: bool
    seq: int
    revision: int


class PreviousSeen(msgspec.Struct, frozen=True):
    """What was said before a correction."""

    outcome: str
    cum_qty: str | None


class Correction(CancelResult, frozen=True):
    """A result that takes the place of an earlier one of the same request."""

    previous: PreviousSeen


class ReattachedResult(CancelResult, frozen=True):
    """The first outcome of a request that was asked for again, and what has been said since."""

    latest: CancelResult
    corrections: list[Correction]


class Nothing(msgspec.Struct, frozen=True):
    """Done, and nothing to say about it."""


class Welcome(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers. ``accounts`` are the configured names with their venues; ``protocol`` is this contract's number."""

    server: str
    version: str
    protocol: int = 1
    boot_id: str
    accounts: dict[str, str]
    limits: dict[str, int] = {}
    binding_id: str | None = None


class BoundSeen(msgspec.Struct, frozen=True):
    """What is bound, by the name under which it can be taken over. ``durable``: it outlives the daemon, too."""

    binding_id: str
    durable: bool


class Pong(msgspec.Struct, frozen=True):
    """``now``: the daemon's clock, microseconds since the epoch. ``bindings``: what this connection holds bound; one
    that fired, or that another connection took over, is missing.
    """

    now: int
    bindings: list[str] = []


class Tracked(msgspec.Struct, frozen=True):
    """How many orders were taken up."""

    tracked: int


class OrderSeen(msgspec.Struct, frozen=True, gc=False):
    """An order as it is known."""

    account: str
    venue: str
    product: str | None
    instrument: str
    order_id: str | None
    client_order_id: str | None
    ord_status: str | None
    side: str | None
    order_qty: str | None
    cum_qty: str | None
    venue_time: str | None


class OrdersPage(msgspec.Struct, frozen=True):
    """Known orders; ``next`` asks for more, null at the end.

    ``complete``: a listing stands behind them that was asked for since pushes are heard; right after a reconnect it may
    lack what was placed less than ``replica_lag_ms`` before.
    """

    orders: list[OrderSeen]
    complete: bool
    next: str | None


class AlarmSeen(msgspec.Struct, frozen=True):
    """Something that a person should look at, ``since`` when (microseconds since the epoch)."""

    name: str
    since: int
    detail: str


class SocketSeen(msgspec.Struct, frozen=True):
    """One WebSocket of an account. ``last_inbound_ms``: how long ago it last said something, null if it never did."""

    name: str
    state: str
    drop_copy: str
    in_flight: int
    last_inbound_ms: int | None


class WaitingSeen(msgspec.Struct, frozen=True):
    """A request that waits: ``state`` is how far it has come, or ``in_doubt`` once that was told."""

    request_id: str
    instrument: str
    order_id: str | None
    client_order_id: str | None
    state: str
    age_ms: int


class DeadManSeen(msgspec.Struct, frozen=True):
    """The venue's dead-man switch of an account, where one is configured.

    ``state``: ``armed``; ``running_down`` when it should have been refreshed and was not; ``fired``; ``off``, not set;
    or ``not_owned``, left to another daemon. ``fires_in_ms`` is the least time until it may fire, null when it is not
    set. ``covers`` says in words what the venue then cancels, which are more than this daemon's orders. ``failures``
    are calls in a row.
    """

    state: str
    timeout_s: int
    fires_in_ms: int | None
    tag: str | None
    covers: str
    refreshes: int
    failures: int


class BulksSeen(msgspec.Struct, frozen=True):
    """Bulk cancels of an account in this life of the daemon: not over, over, and over while orders may rest."""

    running: int
    complete: int
    incomplete: int


class AccountStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How an account is. ``oldest_ms``: the age of the oldest request without an outcome, null if there is none.

    ``in_doubt_oldest_ms``: the same of those in doubt. ``waiting``: the oldest of both, a few. ``budget_waiting``: how
    many cancels stand in line for the venue's rate limits. ``instrument_codes``: how many instruments' codes are known,
    where the venue's frames need them; a cancel without one goes by REST.
    """

    venue: str
    state: str
    order_entry: str
    drop_copy: str
    cancel_ready: bool
    budget_wait_ms: int
    in_flight: int
    in_doubt: int
    oldest_ms: int | None
    clock_offset_ms: float | None
    alarms: list[AlarmSeen] = []
    in_doubt_oldest_ms: int | None = None
    budget_waiting: int = 0
    instrument_codes: int = 0
    sockets: list[SocketSeen] = []
    waiting: list[WaitingSeen] = []
    dead_man: DeadManSeen | None = None
    bulks: BulksSeen = BulksSeen(0, 0, 0)


class BindingSeen(msgspec.Struct, frozen=True):
    """A scope that is bound to a client's life. ``state``: ``held``; ``grace``, its client is gone or silent; or
    ``waiting``, of an earlier life of the daemon. ``fires_in_ms``: when it will be canceled, null while it is held.
    """

    binding_id: str
    account: str
    scope: str
    state: str
    why: str
    uid: int
    pid: int
    client: str
    grace_ms: int
    heartbeat_ms: int | None
    fires_in_ms: int | None


class JournalStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """``ok``, ``full`` or ``failed``; ``detail`` is there with the last two, and says what is the matter."""

    state: str
    detail: str = ""


class BulkSeen(msgspec.Struct, frozen=True):
    """A bulk cancel that is not over: what started it, its accounts, how many orders it took in and how many ended."""

    request_id: str
    cause: str
    accounts: list[str]
    orders: int
    ended: int
    age_ms: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the daemon is. ``clients`` is counted by the socket; ``bulks`` are the oldest of those that are not over,
    ``bindings`` those that fire first, a few of ``bindings_total``.
    """

    server: str
    boot_id: str
    uptime_s: int
    journal: JournalStatus
    clients: int = 0
    accounts: dict[str, AccountStatus]
    bulks: list[BulkSeen] = []
    bindings: list[BindingSeen] = []
    bindings_total: int = 0


class HistoryEntry(CancelResult, frozen=True):
    """An outcome or correction as the journal has it, and who asked."""

    uid: int
    pid: int


class HistoryRead(msgspec.Struct, frozen=True):
    """Entries by rising ``seq``; ask again from ``next_seq`` until none come.

    If no ``from_seq`` was given they are the youngest first: ask again with ``before_seq`` for older ones, until none
    come or it is null.
    """

    requests: list[HistoryEntry]
    next_seq: int
    before_seq: int | None


class StepSeen(msgspec.Struct, frozen=True):
    """One step of a request's story; ``t`` in microseconds since the epoch, ``frame`` the venue's own bytes as text."""

    t: int
    kind: str
    detail: str
    frame: str | None


class Explanation(msgspec.Struct, frozen=True):
    """A request's story. ``request`` is null before its outcome; ``next_step`` asks for more, null at the end."""

    request: CancelResult | None
    steps: list[StepSeen]
    next_step: int | None


class Subscribed(msgspec.Struct, frozen=True):
    """What is subscribed to now; ``next_seq`` will be the next one (or the first of the replay)."""

    topics: list[str]
    next_seq: int


# ---------------------------------------------------------------- notifications


class ProgressMade(msgspec.Struct, frozen=True, gc=False):
    """How far a request has come."""

    request_id: str
    state: str


class OrderMoved(OrderSeen, frozen=True):
    """An order changed."""

    seq: int


class SessionMoved(msgspec.Struct, frozen=True):
    """A channel of an account came or went; of the channel ``binding``, ``detail`` says which binding, and why."""

    account: str
    channel: str
    state: str
    detail: str
    seq: int


class Gap(msgspec.Struct, frozen=True):
    """Notifications of ``topic`` that this client did not get, both ends included."""

    topic: str
    from_seq: int
    to_seq: int
