"""What a client may ask for: the params of every method, typed, with the bounds of every member.

A member that is not listed is an error, since a misspelt ``order_id`` must not become a wider wish. Whether an account
exists, what ids its venue takes and who may ask is decided elsewhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocols.errors import BadRequest
from protocols.fix import AccountName, ClientOrderId, OrderId, Outcome, Priority, RequestId, Side

ID_LENGTH_MAX: Final = 128
"""Twice the longest id of any venue; what a venue really takes is checked by its dialect."""
REQUEST_ID_PATTERN: Final = r"^[A-Za-z0-9._:-]{1,64}$(?!\n)"
BULK_ID_PATTERN: Final = r"^[A-Za-z0-9._:-]{1,58}$(?!\n)"
"""A bulk cancel's name leaves room for a slash and five digits, by which its orders' requests are named."""
KNOWN_ID_PATTERN: Final = r"^[A-Za-z0-9._:-]{1,64}$(?!\n)|^[A-Za-z0-9._:-]{1,58}/[0-9]{1,5}$(?!\n)"
BATCH_MAX: Final = 256
"""Orders of one batch; as many as a result names in one line."""
PLAIN_PATTERN: Final = r"^[ -~]{1,64}$(?!\n)"
IN_WORDS: Final = {
    REQUEST_ID_PATTERN: "1 to 64 of A-Z a-z 0-9 . _ : -",
    BULK_ID_PATTERN: "1 to 58 of A-Z a-z 0-9 . _ : -",
    KNOWN_ID_PATTERN: "a request's name, or a bulk cancel's with /NUMBER behind it",
    PLAIN_PATTERN: "1 to 64 printable ASCII characters",
}
"""What a text that matches a pattern looks like."""
DEADLINE_MS_MAX: Final = 60_000
GRACE_MS_MAX: Final = 3_600_000
"""An hour: whoever is away longer is not coming back to these orders."""
HEARTBEAT_MS_MIN: Final = 50
"""Less would be missed by a busy host."""
HISTORY_LIMIT_MAX: Final = 1000
TRACKED_MAX: Final = 256
VENUE_PARAMS_MAX: Final = 16
VENUE_PARAM_LENGTH_MAX: Final = 256
SEQ_MAX: Final = 2**63 - 1
"""What the journal's integers hold."""

_Name = Meta(min_length=1, max_length=64)
_Id = Meta(min_length=1, max_length=ID_LENGTH_MAX)
_Plain = Meta(pattern=PLAIN_PATTERN)

Account = Annotated[AccountName, _Name]
Instrument = Annotated[str, _Name]
Product = Annotated[str, _Name]
VenueOrderId = Annotated[OrderId, _Id]
OwnOrderId = Annotated[ClientOrderId, _Id]
RequestName = Annotated[RequestId, Meta(pattern=REQUEST_ID_PATTERN, description=IN_WORDS[REQUEST_ID_PATTERN])]
BulkName = Annotated[RequestId, Meta(pattern=BULK_ID_PATTERN, description=IN_WORDS[BULK_ID_PATTERN])]
KnownName = Annotated[RequestId, Meta(pattern=KNOWN_ID_PATTERN, description=IN_WORDS[KNOWN_ID_PATTERN])]
DeadlineMs = Annotated[int, Meta(ge=1, le=DEADLINE_MS_MAX)]
Seq = Annotated[int, Meta(ge=0, le=SEQ_MAX)]


class Params(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """The params of a method: an object, never an array."""

    def check(self) -> None:
        """Hold the rules that bind several members; raises `BadRequest` with the path of the one to mend."""


class BoundOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An order that is bound to its client's life, named by either id or both."""

    instrument: Instrument
    order_id: VenueOrderId | None = None
    client_order_id: OwnOrderId | None = None
    product: Product | None = None


class BoundScope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Orders of one account, said in one of four ways: named, by a prefix of their client ids, of an instrument, all.

    ``product`` narrows them, where the account has several product lines.
    """

    account: Account
    product: Product | None = None
    orders: Annotated[list[BoundOrder], Meta(min_length=1, max_length=BATCH_MAX)] | None = None
    client_id_prefix: OwnOrderId | None = None
    instrument: Instrument | None = None
    all: bool = False


GraceMs = Annotated[int, Meta(ge=0, le=GRACE_MS_MAX)]
HeartbeatMs = Annotated[int, Meta(ge=HEARTBEAT_MS_MIN, le=GRACE_MS_MAX)]


class BindParams(Params, frozen=True):
    """Bind a ``scope`` to this connection's life, or with ``binding_id`` hold a binding from now on by this connection.

    If the connection is gone, or no ``ping`` came for ``heartbeat_ms``, and nobody is back within ``grace_ms``, the
    scope is canceled. ``release`` lets a binding go; ``bye`` lets go all that the connection holds.
    """

    scope: BoundScope | None = None
    grace_ms: GraceMs | None = None
    heartbeat_ms: HeartbeatMs | None = None
    binding_id: Annotated[str, _Plain] | None = None
    release: bool = False

    def check(self) -> None:
        """Want a scope with its grace, or a binding."""
        if (self.scope is None) == (self.binding_id is None):
            raise _bad("scope", "say a scope to bind, or the binding_id of a binding to hold: one of the two")
        if self.scope is None:
            if self.grace_ms is not None or self.heartbeat_ms is not None:
                raise _bad("grace_ms", "a binding keeps the grace and the heartbeat that it was made with")
            return
        if self.release:
            raise _bad("release", "name the binding_id of what is to be released")
        if self.grace_ms is None:
            raise _bad("grace_ms", "say how long a lost client may take to come back, in milliseconds; 0 is not at all")
        _check_scope(self.scope)


def _check_scope(scope: BoundScope) -> None:
    said = [scope.orders is not None, scope.client_id_prefix is not None, scope.instrument is not None, scope.all]
    if sum(said) != 1:
        raise _bad("scope", "say one of orders, client_id_prefix, instrument and all; nothing is bound by default")
    for index, order in enumerate(scope.orders or ()):
        if order.order_id is None and order.client_order_id is None:
            raise _bad(f"scope.orders[{index}].order_id", "order_id or client_order_id is needed to name the order")
        if scope.product is not None and order.product not in {None, scope.product}:
            raise _bad(f"scope.orders[{index}].product", "the scope names another product")


class HelloParams(Params, frozen=True):
    """Who the client says it is: its own name and version, printable ASCII, for logs and the journal.

    ``bind`` is what the method of that name takes.
    """

    client: Annotated[str, _Plain]
    version: Annotated[str, _Plain]
    bind: BindParams | None = None

    def check(self) -> None:
        """Hold what is bound to the rules of `BindParams`."""
        if self.bind is not None:
            try:
                self.bind.check()
            except BadRequest as error:
                raise _bad(f"bind.{error.path}", error.what) from None


class ByeParams(Params, frozen=True):
    """Nothing more will be asked on this connection: what is in flight is still answered, what it bound is let go."""


class PingParams(Params, frozen=True):
    """Is anybody there? It is the heartbeat of what this connection has bound, too."""


class CancelParams(Params, frozen=True):
    """Cancel one order, named by ``order_id`` and/or ``client_order_id``.

    ``product`` is needed where the account has several product lines. ``deadline_ms`` runs from the reading of the
    line and bounds sending, not asking. ``venue_params`` are what only that venue's page has; see `venue_texts`.
    """

    account: Account
    instrument: Instrument
    order_id: VenueOrderId | None = None
    client_order_id: OwnOrderId | None = None
    product: Product | None = None
    request_id: RequestName | None = None
    deadline_ms: DeadlineMs | None = None
    progress: bool = False
    priority: Priority = Priority.NORMAL
    venue_params: dict[str, str | int | bool] = {}

    def check(self) -> None:
        """Want an id, and venue parameters of a sane size."""
        if self.order_id is None and self.client_order_id is None:
            raise _bad("order_id", "order_id or client_order_id is needed to name the order")
        if len(self.venue_params) > VENUE_PARAMS_MAX:
            raise _bad("venue_params", f"{VENUE_PARAMS_MAX} members at most")
        for name, value in self.venue_texts().items():
            if not name or len(name) > VENUE_PARAM_LENGTH_MAX or len(value) > VENUE_PARAM_LENGTH_MAX:
                raise _bad("venue_params", f"names and values have 1 to {VENUE_PARAM_LENGTH_MAX} characters")

    def venue_texts(self) -> dict[str, str]:
        """Give the venue parameters as text, so that 5000 and "5000" are one wish."""
        return {name: _text(value) for name, value in self.venue_params.items()}


class CancelBatchParams(Params, frozen=True):
    """Cancel several orders, named one by one. Their requests are named ``request_id/0``, ``request_id/1`` and so on.

    All of them are checked before anything is sent.
    """

    items: Annotated[list[CancelParams], Meta(min_length=1, max_length=BATCH_MAX)]
    request_id: BulkName | None = None

    def check(self) -> None:
        """Hold each item to the rules of a cancel; its name is the batch's to give."""
        for index, item in enumerate(self.items):
            try:
                item.check()
            except BadRequest as error:
                raise _bad(f"items[{index}].{error.path}", error.what) from None
            if item.request_id is not None:
                raise _bad(f"items[{index}].request_id", f"name the batch; this item is then NAME/{index}")


class CancelAllParams(Params, frozen=True):
    """Cancel every open order of an account, or with ``all_accounts`` of each of them, that fits each other member.

    One of the two has to be said. With ``dry_run`` the orders that match are listed and nothing is sent.
    """

    account: Account | None = None
    all_accounts: bool = False
    product: Product | None = None
    instrument: Instrument | None = None
    side: Side | None = None
    client_id_prefix: OwnOrderId | None = None
    dry_run: bool = False
    request_id: BulkName | None = None
    deadline_ms: DeadlineMs | None = None
    priority: Priority = Priority.NORMAL

    def check(self) -> None:
        """Want one scope and no other."""
        if self.account is None and not self.all_accounts:
            raise _bad("account", "say whose orders: an account, or all_accounts true; nothing is canceled by default")
        if self.account is not None and self.all_accounts:
            raise _bad("all_accounts", "name an account or all_accounts, not both")
        if self.all_accounts and self.product is not None:
            raise _bad("product", "product lines are an account's own; name the account")


class TrackedOrder(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """An order that the client placed itself.

    ``placed_at``: when it began to, microseconds since the epoch, by this host's clock. Where a venue forgets client
    ids, only this lets it be said of one that there is no such order.
    """

    account: Account
    instrument: Instrument
    client_order_id: OwnOrderId
    product: Product | None = None
    order_id: VenueOrderId | None = None
    placed_at: Annotated[int, Meta(ge=0, le=SEQ_MAX)] | None = None


class TrackParams(Params, frozen=True):
    """The client's own orders, so that their client ids are bound early."""

    orders: Annotated[list[TrackedOrder], Meta(min_length=1, max_length=TRACKED_MAX)]


class OrdersParams(Params, frozen=True):
    """Which known orders to list: all, or those that match each given member. ``after`` is the ``next`` of a page."""

    account: Account | None = None
    product: Product | None = None
    instrument: Instrument | None = None
    after: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None


class StatusParams(Params, frozen=True):
    """How the daemon and its accounts are."""


class HistoryParams(Params, frozen=True):
    """Which outcomes and corrections to read back: those that match each given member; of a bulk cancel's name all
    of its orders'.

    With ``from_seq`` all of them from there on, by rising ``seq``; without it the latest word about each request, the
    youngest first, and ``before_seq`` goes back from there. ``since``: told at that time or later, in microseconds
    since the epoch.
    """

    request_id: KnownName | None = None
    order_id: VenueOrderId | None = None
    account: Account | None = None
    outcome: Outcome | None = None
    since: Seq | None = None
    from_seq: Seq | None = None
    before_seq: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=HISTORY_LIMIT_MAX)] = 100


class ExplainParams(Params, frozen=True):
    """One request's story, step by step. ``account`` where the same name was used for several; ``from_step`` pages."""

    request_id: KnownName
    account: Account | None = None
    from_step: Annotated[int, Meta(ge=0, le=SEQ_MAX)] = 0


class Topic(StrEnum):
    """What can be subscribed to."""

    OUTCOMES = "outcomes"
    CORRECTIONS = "corrections"
    ORDERS = "orders"
    SESSIONS = "sessions"


class SubscribeParams(Params, frozen=True):
    """A local drop copy, which replaces the connection's earlier one.

    ``from_seq`` replays outcomes and corrections from there on, that one included.
    """

    topics: Annotated[list[Topic], Meta(min_length=1, max_length=len(Topic))]
    from_seq: Seq | None = None


class DiscoverParams(Params, frozen=True):
    """What can be asked for at all."""


AnyParams = (
    HelloParams
    | BindParams
    | ByeParams
    | PingParams
    | CancelParams
    | CancelBatchParams
    | CancelAllParams
    | TrackParams
    | OrdersParams
    | StatusParams
    | HistoryParams
    | ExplainParams
    | SubscribeParams
    | DiscoverParams
)


def _bad(path: str, what: str) -> BadRequest:
    return BadRequest("invalid_params", what, path=path)


def _text(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
