"""The methods of the socket: one row each, with what it takes, what it gives and what it is for.

`calls` reads lines by this table and `openrpc` describes it, so that neither can know a method that the other does not.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.control import bulk_results, params, results
from protocols.control.refusals import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

ANYWHERE: Final = (Reason.INVALID_PARAMS, Reason.NOT_ALLOWED)
"""Every method can be refused for these."""


CANCELING: Final = (
    Reason.UNKNOWN_ACCOUNT,
    Reason.ACCOUNT_NOT_READY,
    Reason.REQUEST_ID_CONFLICT,
    Reason.TOO_MANY_IN_FLIGHT,
    Reason.TOO_FAST,
    Reason.JOURNAL_UNAVAILABLE,
    Reason.SHUTTING_DOWN,
)
"""Whatever cancels can be refused for these too."""


class Method(msgspec.Struct, frozen=True):
    """A method: the types of its params and result, its summary, and the reasons for which it alone is refused."""

    params: type[params.AnyParams]
    result: type[msgspec.Struct]
    summary: str
    reasons: tuple[Reason, ...] = ()


METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "hello": Method(params.HelloParams, results.Welcome, "Say who you are and learn who answers; optional."),
        "bye": Method(params.ByeParams, results.Nothing, "End the connection once everything in flight is answered."),
        "ping": Method(params.PingParams, results.Pong, "Ask for a sign of life."),
        "bind": Method(
            params.BindParams,
            results.BoundSeen,
            "Bind orders to your life: if you are gone and do not come back in time, they are canceled.",
            (Reason.UNKNOWN_ACCOUNT, Reason.TOO_MANY_IN_FLIGHT, Reason.SHUTTING_DOWN),
        ),
        "cancel": Method(
            params.CancelParams,
            results.CancelResult,
            "Cancel one order and learn what really became of it.",
            CANCELING,
        ),
        "cancel_batch": Method(
            params.CancelBatchParams,
            bulk_results.BulkResult,
            "Cancel orders that you name, and learn what really became of each.",
            CANCELING,
        ),
        "cancel_all": Method(
            params.CancelAllParams,
            bulk_results.BulkResult,
            "Cancel every open order of a scope, and learn what really became of each and whether any is left.",
            CANCELING,
        ),
        "track": Method(
            params.TrackParams,
            results.Tracked,
            "Name your own orders, so that their client ids are bound early.",
            (Reason.UNKNOWN_ACCOUNT,),
        ),
        "orders": Method(
            params.OrdersParams, results.OrdersPage, "List the orders that are known.", (Reason.UNKNOWN_ACCOUNT,)
        ),
        "status": Method(params.StatusParams, results.Status, "See how the daemon and its accounts are."),
        "history": Method(
            params.HistoryParams,
            results.HistoryRead,
            "Read outcomes and corrections back.",
            (Reason.TOO_MANY_IN_FLIGHT, Reason.JOURNAL_UNAVAILABLE),
        ),
        "explain": Method(
            params.ExplainParams,
            results.Explanation,
            "Read one request's story, step by step.",
            (Reason.TOO_MANY_IN_FLIGHT, Reason.JOURNAL_UNAVAILABLE),
        ),
        "subscribe": Method(
            params.SubscribeParams, results.Subscribed, "Be told of outcomes, corrections, orders and sessions."
        ),
        "rpc.discover": Method(params.DiscoverParams, results.Nothing, "Describe all of this, as an OpenRPC document."),
    }
)


class Told(msgspec.Struct, frozen=True):
    """A notification: the type of its params and when it comes."""

    params: type[msgspec.Struct]
    summary: str


NOTIFICATIONS: Final[Mapping[str, Told]] = MappingProxyType(
    {
        "progress": Told(results.ProgressMade, "How far a cancel has come, if it was asked for."),
        "outcome": Told(
            results.CancelResult, "A request ended; a bulk cancel tells those of its orders to who asked, unasked."
        ),
        "correction": Told(results.Correction, "An outcome was revised; the connection that asked gets it unasked."),
        "bulk_correction": Told(
            bulk_results.BulkCorrection,
            "An order was found that a bulk cancel had overlooked, or is canceled by now: who asked gets it unasked.",
        ),
        "order": Told(results.OrderMoved, "An order changed."),
        "session": Told(
            results.SessionMoved,
            "A channel of an account came or went, a binding of its orders was held, in grace, released or fired, or a "
            "bulk cancel that was called complete had overlooked orders.",
        ),
        "gap": Told(results.Gap, "You read too slowly and missed these; history has the outcomes and corrections."),
    }
)
