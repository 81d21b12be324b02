"""What is written down, and the words in which a request's fate is told: the values that the journal keeps.

A record is a fact with its time (microseconds since the epoch, by the daemon's one clock) and the case it belongs to. A
*case* is all work on one order: the requests for it, the wire cancels, the questions and the evidence. Reading a case's
records back in order gives the case again (`daemon.core.recovery`); that is all that recovery needs.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NewType

import msgspec

from daemon.core.scope import NamedOrder, Scope
from protocols.asks import Question, WireCancel
from protocols.evidence import (
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    Frame,
    OrderReported,
    QuestionAnswered,
    QuestionFailed,
)
from protocols.fix import (
    AccountName,
    ClientOrderId,
    EndedBy,
    OrderId,
    OrdStatus,
    Outcome,
    Priority,
    RequestId,
)

CaseId = NewType("CaseId", str)
"""Names a case, uniquely over all lives of the daemon."""


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Who asked: the peer's credentials by the kernel's word, and the name that the client gave itself."""

    uid: int
    gid: int
    pid: int
    client: str = ""


class RequestKey(msgspec.Struct, frozen=True, gc=False):
    """The name of a request, in its scope."""

    uid: int
    account: AccountName
    request_id: RequestId


class CancelRequest(msgspec.Struct, frozen=True, gc=False):
    """One client's wish that one order be canceled. ``deadline_us`` is absolute, on the daemon's clock."""

    key: RequestKey
    caller: Caller
    product: str
    instrument: str
    order_id: OrderId | None
    client_order_id: ClientOrderId | None
    received_us: int
    deadline_us: int | None = None
    priority: Priority = Priority.NORMAL
    venue_params: dict[str, str] = {}


class EvidenceRef(msgspec.Struct, frozen=True, gc=False):
    """What an outcome rests on: ``source`` is ``push``, ``query`` or ``none``."""

    source: str = "none"
    channel: str | None = None
    venue_time: str | None = None
    digest: str | None = None


class Times(msgspec.Struct, frozen=True, gc=False):
    """When each thing happened to a request, microseconds since the epoch; None if it did not."""

    received: int
    recorded: int | None = None
    forwarded: int | None = None
    acked: int | None = None
    evidence: int | None = None
    reported: int | None = None


class Report(msgspec.Struct, frozen=True, gc=False):
    """The result of a request: the shape of CONTRACT's result, member by member.

    ``seq`` is given when it is written down; ``durable`` says whether that write was committed when it was told.
    """

    request_id: RequestId
    account: AccountName
    venue: str
    product: str | None
    instrument: str
    order_id: OrderId | None
    client_order_id: ClientOrderId | None
    outcome: Outcome
    ord_status: OrdStatus | None
    cxl_rej_reason: str | None
    order_qty: Decimal | None
    cum_qty: Decimal | None
    cum_qty_final: bool
    leaves_qty: Decimal | None
    avg_px: Decimal | None
    ended_by: EndedBy
    cancel_reason: str | None
    successor_order_id: OrderId | None
    venue_response: dict[str, str]
    venue_code: str | None
    venue_message: str | None
    evidence: EvidenceRef
    times: Times
    reason: str | None = None
    """Why we do not know, with ``in_doubt``: ``horizon_passed``, ``retention_passed``, ``other_instrument`` …"""
    durable: bool = False
    seq: int = 0
    revision: int = 0


class Previous(msgspec.Struct, frozen=True, gc=False):
    """What was said before a correction."""

    outcome: Outcome
    cum_qty: Decimal | None


# ---------------------------------------------------------------- bulk cancels


class BulkIntent(msgspec.Struct, frozen=True, gc=False):
    """One wish that many orders be canceled, as it is written down before anybody is asked what matches.

    ``name`` is its request id; each order gets a request of its own, ``name/0``, ``name/1`` and so on. ``cause`` says
    what started it: a client's method, or the policy that fired. ``deadline_us`` is absolute, on the daemon's clock.
    ``is_all_accounts`` says that the scopes are those of every account, ``is_unattended`` that a policy fired: nobody
    waits for the answer, and nobody would ask again. ``began_ms`` is when such a wish came by the venues' clocks, not
    too late, for accounts where that was known then.
    """

    bulk: CaseId
    name: RequestId
    caller: Caller
    cause: str
    scopes: tuple[Scope, ...]
    received_us: int
    deadline_us: int | None = None
    priority: Priority = Priority.NORMAL
    is_all_accounts: bool = False
    is_unattended: bool = False
    began_ms: dict[AccountName, int] = {}

    def names_held(self) -> list[RequestKey]:
        """The names that it holds: its own, on each of its accounts."""
        accounts = dict.fromkeys(scope.account for scope in self.scopes)
        return [RequestKey(self.caller.uid, account, self.name) for account in accounts]


class BulkItem(msgspec.Struct, frozen=True, gc=False):
    """One order of a bulk cancel; ``outcome`` None: it has none yet, or there is no request for it."""

    request_id: RequestId | None
    account: AccountName
    product: str
    instrument: str
    order_id: OrderId | None
    client_order_id: ClientOrderId | None
    outcome: Outcome | None = None
    ord_status: OrdStatus | None = None


class Survivor(msgspec.Struct, frozen=True, gc=False):
    """An order that may rest on after a bulk cancel, and why that is not known better."""

    order: BulkItem
    why: str


class BulkReport(msgspec.Struct, frozen=True, gc=False):
    """What became of a bulk cancel.

    ``items`` is None where there are more of them than a result may list; ``counts`` has every outcome's number, of
    which ``replaced`` were canceled as half of a replace. ``complete``: as far as the venues can be made to tell,
    nothing in the scope rests any more; else ``survivors`` names the first of those that may, and ``reasons`` says by
    account what kept us from knowing. ``not_covered`` says by venue what was out of reach, and ``warnings`` what may be
    wrong with the wish itself. ``revision`` counts how often it was corrected since it was told.
    """

    request_id: RequestId
    items: tuple[BulkItem, ...] | None
    total: int
    counts: dict[Outcome, int]
    replaced: int
    complete: bool
    survivors: tuple[Survivor, ...]
    survivors_total: int
    not_covered: dict[str, tuple[str, ...]]
    reasons: dict[AccountName, str] = {}
    warnings: tuple[str, ...] = ()
    revision: int = 0


# ---------------------------------------------------------------- records


class RequestOpened(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A request was taken up by a case: the receipt on which every word to the client waits."""

    t: int
    case: CaseId
    request: CancelRequest


class SendMade(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A wire cancel was given to the gateway."""

    t: int
    case: CaseId
    wire: WireCancel


class SendForwarded(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Its bytes were handed to a transport."""

    t: int
    case: CaseId
    what: CancelForwarded


class SendAnswered(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The venue answered it."""

    t: int
    case: CaseId
    what: CancelAnswered


class SendLost(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Its answer will not come."""

    t: int
    case: CaseId
    what: CancelLost


class Asked(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A question was put to the venue."""

    t: int
    case: CaseId
    question: Question


class Told(msgspec.Struct, frozen=True, gc=False, tag=True):
    """It was answered. The orders that it named are `Observed` records of their own; ``what`` comes without them."""

    t: int
    case: CaseId
    asked: int
    what: QuestionAnswered


class AskFailed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """It was not answered."""

    t: int
    case: CaseId
    what: QuestionFailed


Dealing = SendMade | SendAnswered | Asked | Told | AskFailed
"""What a venue counts against its limits: what left for it, and which of that it answered with an error."""


class Observed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Evidence about the case's order. ``asked`` is when the question left whose answer it is (None for a push)."""

    t: int
    case: CaseId
    report: OrderReported
    asked: int | None = None


TRACKED = "the client tracked the order under this client id"
"""Why a case knows its order from the start (`Bound.why`)."""
PRESUMED = "no live order has this client id, as far as a listing shows that may be old"
"""Why its order is another one, should a newer one of its client id be heard of (`Bound.why`)."""


class Bound(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A case that began with a client id learnt its order."""

    t: int
    case: CaseId
    order_id: OrderId
    why: str


class Moved(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A request went from one case to another, because both turned out to be one order, or one alias two orders."""

    t: int
    case: CaseId
    into: CaseId
    key: RequestKey


class Struck(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Evidence was set aside for good: the verdict is as if it had never come."""

    t: int
    case: CaseId
    digest: str
    why: str


class Noticed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Something that a reader of the case's story wants to know: a wait for budget, a contradiction."""

    t: int
    case: CaseId
    what: str


class Concluded(msgspec.Struct, frozen=True, gc=False, tag=True):
    """An outcome (``previous`` None) or a correction of one. ``report.seq`` is final here."""

    t: int
    case: CaseId
    key: RequestKey
    report: Report
    previous: Previous | None = None


class BulkOpened(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A bulk cancel was taken up; ``case`` is its own name here and below."""

    t: int
    case: CaseId
    intent: BulkIntent


class BulkListed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """An account was asked for its open orders: ``matching`` of them are in the scope, ``taken`` were new to us."""

    t: int
    case: CaseId
    account: AccountName
    asked: int
    complete: bool
    matching: int
    taken: int


class BulkMeant(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Orders that a bulk cancel by a filter found, before the requests of all of them are written down.

    What was canceled by then is on no listing after a crash, and nobody would ever hear of it. The request for the
    first of them has the number ``first`` in its name, and so on: so the same orders have the same requests in a life
    that finds this record alone, and what is told of them may rest on it. None: they have no names, or none any more,
    since there was no room for their requests; or a canceld wrote it that did not say so.
    """

    t: int
    case: CaseId
    account: AccountName
    orders: tuple[NamedOrder, ...]
    first: int | None = None


class BulkEnded(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A bulk cancel is over.

    ``listed_ms`` says, by the venue's clock, when the listings were asked on which it is called complete: by account,
    and not too late. None where that clock was not known; an account is missing where nothing was listed.
    """

    t: int
    case: CaseId
    report: BulkReport
    listed_ms: dict[AccountName, int | None] = {}


class BulkLooked(msgspec.Struct, frozen=True, gc=False, tag=True):
    """An account was asked once more, a replica lag after a bulk cancel was called complete, what rests in its scope.

    ``found`` rested when it was called so, ``unsure`` may be younger. ``why``: the account could not be asked, or
    ``found`` is not canceled; ``follow_up`` names the bulk cancel that does.
    """

    t: int
    case: CaseId
    account: AccountName
    asked: int
    found: tuple[NamedOrder, ...] = ()
    unsure: tuple[NamedOrder, ...] = ()
    follow_up: RequestId | None = None
    why: str = ""


class BulkCorrected(msgspec.Struct, frozen=True, gc=False, tag=True):
    """What was said of a bulk cancel that is over was not so, or is not so any more."""

    t: int
    case: CaseId
    report: BulkReport


Record = (
    RequestOpened
    | SendMade
    | SendForwarded
    | SendAnswered
    | SendLost
    | Asked
    | Told
    | AskFailed
    | Observed
    | Bound
    | Moved
    | Struck
    | Noticed
    | Concluded
    | BulkOpened
    | BulkListed
    | BulkMeant
    | BulkEnded
    | BulkLooked
    | BulkCorrected
)


def frame_of(record: Record) -> Frame | None:
    """Give the raw frame that a record was read from, if there is one."""
    if isinstance(record, Observed):
        return record.report.frame
    if isinstance(record, SendAnswered | Told):
        return record.what.frame
    return None


# ---------------------------------------------------------------- what a new life of the daemon finds


class RecoveredRequest(msgspec.Struct, frozen=True, gc=False):
    """A request as the journal kept it. ``report`` is the latest word about it, None when there was none yet.

    ``revision`` is that word's, 0 without one; ``recorded_us`` is when the request was written down.
    """

    request: CancelRequest
    report: Report | None
    revision: int
    recorded_us: int


class RecoveredCase(msgspec.Struct, frozen=True, gc=False):
    """A case that has to be taken up again, with every request that is now in it, the oldest first.

    ``records`` are the case's own, in the order in which they were written. ``former`` are those of the cases from
    which its requests moved here, up to their moving, in order too; each names its own case. Their frames come without
    the raw bytes: the digest is enough to reason with.
    """

    case: CaseId
    requests: tuple[RecoveredRequest, ...]
    records: tuple[Record, ...]
    former: tuple[Record, ...] = ()
