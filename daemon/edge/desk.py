"""The border between the socket and the rest of the daemon: what the socket asks, and where it wants to be told.

`Desk` is asked by the socket and filled in by the service. `Sink` and `Listener` are given to it by the socket, one for
each cancel and one for each subscription. All of it happens on the event loop, and nothing here may block it. The
socket knows lines and clients; it decides nothing about accounts, orders or who may do what to them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, NewType, Protocol

import msgspec

from daemon.core.records import BulkReport, Caller, Previous, Report
from protocols.fix import AccountName, ClientOrderId, OrderId, OrdStatus, RequestId, RequestState, Side

if TYPE_CHECKING:
    from protocols.control.params import (
        BindParams,
        CancelAllParams,
        CancelBatchParams,
        CancelParams,
        ExplainParams,
        HistoryParams,
        OrdersParams,
        SubscribeParams,
        Topic,
        TrackParams,
    )
    from protocols.control.results import Status, Welcome
    from protocols.errors import BadRequest

ConnectionId = NewType("ConnectionId", int)
"""Names one client's connection, uniquely in one life of the daemon."""


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end: ``caller`` and the supplementary ``groups``, by the kernel's word at connect time.

    ``groups`` holds the primary group too.
    """

    connection: ConnectionId
    caller: Caller
    groups: frozenset[int]


class Reattached(msgspec.Struct, frozen=True):
    """What has been said of a request since its first outcome; ``latest`` is that outcome if nothing has."""

    latest: Report
    corrections: tuple[tuple[Report, Previous], ...] = ()


class Sink(Protocol):
    """Where one cancel call wants to be told. Harmless, and silent, once the client is gone.

    `result` comes once. Progress that the client did not ask for is dropped here.
    """

    @property
    def connection(self) -> ConnectionId:
        """The client's connection, as in `Desk.drop`."""
        ...

    @property
    def wants_progress(self) -> bool:
        """Whether there is progress that the client asked for: who tells it may spare itself the work."""
        ...

    def progress(self, request_id: RequestId, state: RequestState) -> None:
        """Tell how far the request has come: each state once, none after the result."""
        ...

    def result(self, report: Report, history: Reattached | None = None) -> None:
        """Answer the call; with ``history`` if it attached to a request that had its first outcome before."""
        ...

    def refuse(self, why: BadRequest) -> None:
        """Answer the call with an error after all: its name, looked up in the journal, turned out to be taken."""
        ...

    def correction(self, report: Report, previous: Previous) -> None:
        """Tell a revision of a result that this sink has told."""
        ...


class BulkSink(Protocol):
    """Where one call of a bulk cancel wants to be told. Harmless, and silent, once the client is gone.

    `result` comes once; outcomes come before it, corrections also after it.
    """

    @property
    def connection(self) -> ConnectionId:
        """The client's connection, as in `Desk.drop`."""
        ...

    @property
    def wants_progress(self) -> bool:
        """Whether there is progress that the client asked for, of one order or another."""
        ...

    def progress(self, request_id: RequestId, state: RequestState) -> None:
        """Tell how far the request for one of the orders has come."""
        ...

    def outcome(self, report: Report) -> None:
        """Tell what became of one of the orders."""
        ...

    def correction(self, report: Report, previous: Previous) -> None:
        """Tell a revision of an outcome."""
        ...

    def result(self, report: BulkReport, *, is_durable: bool) -> None:
        """Answer the call."""
        ...

    def bulk_correction(self, report: BulkReport, previous: BulkReport, *, is_durable: bool) -> None:
        """Tell a revision of an answer that this sink has told."""
        ...

    def preview(self, found: Preview) -> None:
        """Answer a call that was a dry run."""
        ...

    def refuse(self, why: BadRequest) -> None:
        """Answer the call with an error after all: its name, looked up in the journal, turned out to be taken."""
        ...


class OrderRow(msgspec.Struct, frozen=True):
    """An order as it is known; ``venue_time`` is the venue's text in milliseconds."""

    account: AccountName
    venue: str
    product: str | None
    instrument: str
    order_id: OrderId | None
    client_order_id: ClientOrderId | None
    ord_status: OrdStatus | None
    side: Side | None = None
    order_qty: Decimal | None = None
    cum_qty: Decimal | None = None
    venue_time: str | None = None


class Preview(msgspec.Struct, frozen=True):
    """What a dry run found: the orders that match; ``reasons`` says by account why there may be others, ``warnings``
    what may be wrong with the wish.
    """

    rows: tuple[OrderRow, ...]
    reasons: dict[AccountName, str]
    not_covered: dict[str, tuple[str, ...]]
    warnings: tuple[str, ...] = ()


class OrderRows(msgspec.Struct, frozen=True):
    """All orders that match, in any order; ``complete``: a venue's listing stands behind each account of them."""

    rows: tuple[OrderRow, ...]
    complete: bool


class HistoryRow(msgspec.Struct, frozen=True):
    """An outcome or correction as it was told, and who had asked."""

    report: Report
    uid: int
    pid: int


class HistoryRows(msgspec.Struct, frozen=True):
    """Rows by rising ``seq``, at most as many as asked for; ``next_seq`` is where to go on from.

    With ``is_newest_first`` by falling ``seq``: then one goes on before the last row, and ``next_seq`` follows all.
    """

    rows: tuple[HistoryRow, ...]
    next_seq: int
    is_newest_first: bool = False


class StoryStep(msgspec.Struct, frozen=True):
    """One step of a request's story: ``t`` in microseconds since the epoch, ``frame`` the raw bytes behind it."""

    t: int
    kind: str
    detail: str
    frame: bytes | None = None


class Story(msgspec.Struct, frozen=True):
    """All steps of a request in order; ``report`` is its latest result, None before the first."""

    report: Report | None
    steps: tuple[StoryStep, ...]


class SessionRow(msgspec.Struct, frozen=True):
    """A channel of an account came or went."""

    account: AccountName
    channel: str
    state: str
    detail: str


class Listener(Protocol):
    """Where a subscriber wants to be told. A lagging one misses things, and is told so; telling never blocks."""

    @property
    def connection(self) -> ConnectionId:
        """The client's connection, as in `Desk.drop`."""
        ...

    def outcome(self, report: Report) -> None:
        """Tell an outcome."""
        ...

    def correction(self, report: Report, previous: Previous) -> None:
        """Tell a correction."""
        ...

    def order(self, row: OrderRow, seq: int) -> None:
        """Tell that an order changed."""
        ...

    def session(self, row: SessionRow, seq: int) -> None:
        """Tell that a channel came or went."""
        ...

    def gap(self, topic: Topic, from_seq: int, to_seq: int) -> None:
        """Tell what cannot be told any more (a replay from before the journal's memory), both ends included."""
        ...

    async def drained(self) -> bool:
        """Wait until what is told next will not be left out; False if nobody listens any more.

        A replay waits here before every row (which costs nothing while the client keeps up), so that it has no gap.
        """
        ...


class Subscription(msgspec.Struct, frozen=True):
    """A subscription that stands. ``next_seq``: the first ``seq`` that it will tell, replay included.

    ``end`` is called at most once, never after `Desk.drop`.
    """

    next_seq: int
    end: Callable[[], None]


class Desk(Protocol):
    """The rest of the daemon, as the socket sees it. Every method may raise `BadRequest`, which becomes the error."""

    def hello(self, peer: Peer) -> Welcome:
        """Say who answers. ``protocol`` and ``limits`` are filled in by the socket."""
        ...

    def cancel(self, request: CancelParams, peer: Peer, received_us: int, sink: Sink) -> RequestId:
        """Take up a cancel, at once: its bytes may leave before this returns, and so may words to ``sink``.

        ``received_us`` is when the line was read, on the daemon's clock. Gives the request's name, made here if the
        client gave none. `BadRequest` means that no request exists, nothing was sent, and ``sink`` is forgotten. Any
        other exception ends the client's connection, because then nobody knows.
        """
        ...

    def cancel_batch(self, request: CancelBatchParams, peer: Peer, received_us: int, sink: BulkSink) -> RequestId:
        """Take up the cancels of named orders, all or none of them; else as `cancel`."""
        ...

    def cancel_all(self, request: CancelAllParams, peer: Peer, received_us: int, sink: BulkSink) -> RequestId | None:
        """Take up a cancel of everything in a scope; else as `cancel`. A dry run has no name and starts nothing."""
        ...

    def bind(self, request: BindParams, peer: Peer, on_bound: Callable[[str, bool], None]) -> None:
        """Bind a scope to the life of a client's connection, hold a binding by it, or release one.

        It is in force when this returns. ``on_bound`` hears once, now or later, the binding's name and whether it is
        written down.
        """
        ...

    def heard(self, connection: ConnectionId) -> list[str]:
        """A client's heartbeat came; gives the names of what it holds bound: what fired is not among them."""
        ...

    def goodbye(self, connection: ConnectionId) -> None:
        """A client takes its leave: what it has bound is let go."""
        ...

    def track(self, request: TrackParams, peer: Peer) -> int:
        """Take note of the client's own orders; gives how many."""
        ...

    def orders(self, request: OrdersParams, peer: Peer) -> OrderRows:
        """List known orders. Paging (``after``) is the socket's."""
        ...

    def status(self, peer: Peer) -> Status:
        """Say how everything is. ``clients`` is filled in by the socket."""
        ...

    async def history(self, request: HistoryParams, peer: Peer) -> HistoryRows:
        """Read outcomes and corrections back. Cancelled when the client goes away."""
        ...

    async def explain(self, request: ExplainParams, peer: Peer) -> Story:
        """Tell a request's story, all of it; paging (``from_step``) is the socket's. Cancelled as `history`."""
        ...

    def subscribe(self, request: SubscribeParams, peer: Peer, listener: Listener) -> Subscription:
        """Start telling ``listener``; a replay comes first, in order, at its reader's pace (see `Listener.drained`)."""
        ...

    def drop(self, connection: ConnectionId) -> None:
        """Forget a client that is gone: its sinks and its listener. Its requests go on, its bindings wait."""
        ...
