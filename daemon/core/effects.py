"""What the correlator wants done: its only output. The driver carries effects out, in order, and decides nothing.

An effect that a client could see (`Tell`, `Progress`) waits in the driver until the records before it are committed, as
its fields say. An effect that the venue sees (`Send`, `SendMany`, `Ask`) waits for nothing.
"""

from __future__ import annotations

import msgspec

from daemon.core.records import CaseId, Previous, Record, Report, RequestKey
from daemon.core.sweep import Listing
from protocols.asks import Question, WireCancel
from protocols.evidence import OrderReported
from protocols.fix import RequestState, Road
from protocols.mass import Everything


class Send(msgspec.Struct, frozen=True, gc=False):
    """Put a wire cancel on its road, now."""

    case: CaseId
    wire: WireCancel


class SendMany(msgspec.Struct, frozen=True, gc=False):
    """Put several wire cancels on their road in one batch, now. ``cases`` are theirs, in the same order.

    With ``everything`` it is not a batch but the call that cancels all of that.
    """

    cases: tuple[CaseId, ...]
    wires: tuple[WireCancel, ...]
    everything: Everything | None = None


class Ask(msgspec.Struct, frozen=True, gc=False):
    """Put a question to the venue."""

    case: CaseId
    question: Question


class Write(msgspec.Struct, frozen=True, gc=False):
    """Write a record down; nobody waits for it except as `Tell` and `Progress` say."""

    record: Record


class Progress(msgspec.Struct, frozen=True, gc=False):
    """Tell a client how far its request has come, once the request's own record is committed."""

    key: RequestKey
    state: RequestState


class Tell(msgspec.Struct, frozen=True, gc=False):
    """Tell an outcome, or with ``previous`` a correction.

    The driver gives it its ``seq``, writes `Concluded`, and tells it once the request's record is committed; with
    ``after_commit`` once the conclusion itself is.
    """

    case: CaseId
    key: RequestKey
    report: Report
    previous: Previous | None
    after_commit: bool


class Suspect(msgspec.Struct, frozen=True, gc=False):
    """A road did not answer in time: probe it, and abort it if it does not prove alive."""

    road: Road
    why: str


class Alarm(msgspec.Struct, frozen=True, gc=False):
    """Raise (or with ``is_over`` clear) a named alarm of the account."""

    name: str
    detail: str
    is_over: bool = False


class OrderNews(msgspec.Struct, frozen=True, gc=False):
    """The venue said something new about an order: a row for those who watch orders."""

    report: OrderReported


class Listed(msgspec.Struct, frozen=True, gc=False):
    """An account-wide listing of open orders ended; what it shows is in the book already."""

    listing: Listing


Effect = Send | SendMany | Ask | Write | Progress | Tell | Suspect | Alarm | OrderNews | Listed
