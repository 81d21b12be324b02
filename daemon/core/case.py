"""A case: all work on one order. Requests that want it canceled, wire cancels, questions and evidence, in one place.

A case holds facts and answers simple questions about them. It decides nothing (`policy` does) and does nothing (the
correlator does). It begins with an order id, or with a client id alone, in which case `order_id` is learnt later.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from daemon.core.order_view import NOTHING_KNOWN, OrderView, Verdict
from daemon.core.records import CancelRequest, CaseId, Report, RequestKey
from protocols.asks import Question, WireCancel
from protocols.evidence import CancelAnswered, OrderReported, Proof
from protocols.fix import ClientOrderId, OrderId, Outcome, RequestState, SendId


class SendState(StrEnum):
    """How far a wire cancel has come."""

    IN_FLIGHT = "in_flight"
    ANSWERED = "answered"
    LOST = "lost"
    """No answer will come; the venue may have acted."""
    NOT_LEFT = "not_left"
    """Certainly no byte of it left."""


class WireSend(msgspec.Struct, eq=False):
    """One wire cancel and what became of it. Times are microseconds since the epoch.

    ``made_for`` are the requests that wanted it when it was made: it is their own frame.
    """

    wire: WireCancel
    made_us: int
    made_for: frozenset[RequestKey] = frozenset()
    state: SendState = SendState.IN_FLIGHT
    forwarded_us: int | None = None
    ended_us: int | None = None
    answer: CancelAnswered | None = None
    is_suspected: bool = False

    @property
    def may_have_left(self) -> bool:
        """Whether the venue may have seen it."""
        return self.state is not SendState.NOT_LEFT

    @property
    def proof(self) -> Proof | None:
        """What its answer proves; None while there is none; a lost one proves nothing."""
        if self.state is SendState.ANSWERED and self.answer is not None:
            return self.answer.proof
        return Proof.UNKNOWN if self.state is SendState.LOST else None

    @property
    def can_be_shared(self) -> bool:
        """Whether a second request may rest on it instead of sending again: while it is unanswered or accepted."""
        return self.state is SendState.IN_FLIGHT or self.proof in {Proof.ACCEPTED, Proof.IN_PROGRESS}


class Ticket(msgspec.Struct, eq=False):
    """One request in a case: what was asked, which sends count for it, and what it was told."""

    request: CancelRequest
    horizon_us: int
    recovered_us: int = 0
    """When it was taken up again; 0 for a request of this life."""
    renewed_us: int = 0
    """Since when its age counts, if not since it was received: a policy wanted it, and nobody would ask anew."""
    first_send: SendId | None = None
    told: Report | None = None
    """The latest report; the driver's additions (``seq`` and the like) are not in it."""
    progress: set[RequestState] = set()
    is_sure: bool = True
    """It is known which order it means: it named it, or its client tracked it, or the answer to a frame of its own did.
    Otherwise its client id may mean a newer order than the one that it is bound to."""
    is_inferred: bool = False
    """Its order is the one that ended last of its client id, since none was open any more: had another one of that id
    come and gone since, a later life that asks anew would find that one."""
    is_presumed: bool = False
    """So much rests on the clocks that an order of its client id which is heard of later, and may have been there when
    it was made, is the one that it means."""
    received_us: int | None = None
    """When the request was received, as its client is told: by the clock of an earlier life, if there was one."""
    only_by_order_id: bool = False
    """It was taken for another's order and has lost time: by client id its cancel might hit an order newer than it."""
    has_left_elsewhere: bool = False
    """A frame that was sent for it too may have left, and is counted for the order that it was taken from."""
    rests_elsewhere: bool = False
    """What it was told rests on evidence about an order that turned out not to be the one it means."""

    @property
    def is_recovered(self) -> bool:
        """Whether it was made in an earlier life."""
        return self.recovered_us > 0

    @property
    def due_us(self) -> int:
        """When it is due by the clock alone, as long as it has no outcome."""
        deadline_us = self.request.deadline_us
        return self.horizon_us if deadline_us is None or self.horizon_us < deadline_us else deadline_us

    @property
    def revision(self) -> int:
        """How many corrections followed the first outcome; -1 before it."""
        return self.told.revision if self.told else -1


class Round(msgspec.Struct, eq=False):
    """One walk down the ladder of questions."""

    started_us: int
    step: int = 0
    is_denied: bool = False
    """The order's own question was answered "not found", and nothing since then found it."""
    listing_lacks_it: bool = False


class Asked(msgspec.Struct, eq=False):
    """A question under way."""

    question: Question
    at_us: int


class Case(msgspec.Struct, eq=False):
    """All work on one order. See the module's first paragraph."""

    case_id: CaseId
    product: str
    instrument: str
    order_id: OrderId | None
    client_order_id: ClientOrderId | None
    view: OrderView
    tickets: dict[RequestKey, Ticket] = {}
    sends: list[WireSend] = []

    # asking
    question: Asked | None = None
    round: Round | None = None
    asks: int = 0
    """Questions (rounds) ended since the last trouble: sets the back-off."""
    asks_since_end: int = 0
    """Rounds that were answered since the order is known to have ended, or since that was last thrown in doubt."""
    last_asked_us: int = 0
    """When the last question was put."""
    last_told_us: int = 0
    """When the last question ended, answered or not."""
    has_failed: bool = False
    """The last question brought nothing: the next one waits for the back-off."""
    trouble_us: int = 0
    """When something last happened that only the venue can clear up; 0 if nothing did."""
    live_by_answer_us: int = 0
    """When the newest question was asked whose answer showed the order live."""
    live_by_push_us: int = 0
    """When the newest push arrived that showed the order live."""
    denials: list[int] = []
    """When each round started that ended with the venue denying the order."""
    denied_past_memory: bool = False
    """The venue denies an order that it may have forgotten: that proves nothing."""
    closing_listing_us: int = 0
    """When the account-wide listing that ended the last denial was asked for."""

    # how it came to be
    was_seen: bool = False
    """Some evidence, ever, showed the order at this venue."""
    must_ask_first: bool = False
    """Recovered: nothing is sent before the venue has been asked."""
    confirm_once: bool = False
    """Recovered with an outcome: one question, whether it still holds."""
    waits_for_identity: bool = False
    """Recovered, and it is not known yet whether the account's key is still the same user's."""
    tracked_us: int | None = None
    """The client said when it placed the order of this client id."""
    placed_us: int | None = None
    """The same, where it is the client's own word and not only when we heard of it."""
    provisional: OrderReported | None = None
    """A terminal report by client id that may be about an older order: counts after a listing only."""
    provisional_us: int = 0
    """When it came: only a listing asked later says anything about it."""
    asks_for_latest: bool = False
    """It cannot be the order that is meant: beside listings the venue is asked which is the latest of the client id."""
    fruitless_before: int = 0
    """How many cancels in a row other cases of what may be the same order had answered "gone" when this one began."""
    fruitless_us: int = 0
    """When the last of those left."""
    live_refutations: list[int] = []
    """When questions were asked that showed an order live of which terminal evidence is held, late enough to count."""
    account_changed: bool = False
    unheard: int = 0
    """How many pieces of evidence about it came that are not taken in yet: nothing follows from its silence."""

    @property
    def verdict(self) -> Verdict:
        """What the evidence says about the order; nothing while the order is not known by its id."""
        return self.view.verdict if self.order_id is not None else NOTHING_KNOWN

    @property
    def alias(self) -> ClientOrderId | None:
        """The client id that the order goes by: as it was named to us, else as evidence about this very order says."""
        if self.client_order_id is not None or self.order_id is None:
            return self.client_order_id
        return self.view.verdict.client_order_id

    @property
    def has_history(self) -> bool:
        """Whether anything ever happened to it but that it was asked for and sent: a question, a doubt, a recovery."""
        return bool(
            self.question
            or self.last_asked_us
            or self.trouble_us
            or self.denials
            or self.provisional
            or self.must_ask_first
            or self.confirm_once
            or self.waits_for_identity
            or self.account_changed
        )

    @property
    def last_send(self) -> WireSend | None:
        """The newest wire cancel, whatever became of it."""
        return self.sends[-1] if self.sends else None

    @property
    def last_left(self) -> WireSend | None:
        """The newest wire cancel that the venue may have seen."""
        return next((send for send in reversed(self.sends) if send.may_have_left), None)

    @property
    def fruitless(self) -> int:
        """How many cancels in a row were answered "gone" without a sign of life since: of this order, or as good as."""
        count = 0
        for send in reversed(self.sends):
            if not send.may_have_left:
                continue
            if send.proof is not Proof.GONE or max(self.live_by_answer_us, self.live_by_push_us) > (send.ended_us or 0):
                return count
            count += 1
        return count + self.fruitless_before

    def send_of(self, send_id: SendId) -> WireSend | None:
        """Find a wire cancel by its id."""
        for send in reversed(self.sends):
            if send.wire.send_id == send_id:
                return send
        return None

    def has_outlived(self, send: WireSend, replica_lag_us: int) -> bool:
        """Whether the order was shown live so late that a cancel which the venue called in progress came to naught."""
        is_late = send.ended_us is not None and self.live_by_answer_us >= send.ended_us + replica_lag_us
        return send.proof is Proof.IN_PROGRESS and is_late

    def sends_for(self, ticket: Ticket) -> list[WireSend]:
        """The wire cancels that count for a request: from the first one that it shares or caused."""
        if ticket.first_send is None:
            return []
        if len(self.sends) == 1 and self.sends[0].wire.send_id == ticket.first_send:  # as with most, and asked often
            return self.sends[:]
        for index, send in enumerate(self.sends):
            if send.wire.send_id == ticket.first_send:
                return self.sends[index:]
        return []

    def counts_for(self, send: WireSend, ticket: Ticket) -> bool:
        """Whether a wire cancel is one of those that count for a request."""
        return ticket.first_send == send.wire.send_id or send in self.sends_for(ticket)

    def open_tickets(self) -> list[Ticket]:
        """The requests that still want to know: without an outcome, or with one that we call doubtful."""
        return [ticket for ticket in self.tickets.values() if not is_settled(ticket)]

    def first_send_us(self) -> int | None:
        """When the first wire cancel was made that the venue may have seen."""
        return next((send.made_us for send in self.sends if send.may_have_left), None)

    def last_answer_us(self) -> int:
        """When the last answer to a wire cancel came; for one without an answer, when it was lost or made; else 0."""
        return max((send.ended_us or send.made_us for send in self.sends if send.may_have_left), default=0)


def is_settled(ticket: Ticket) -> bool:
    """Whether a request has an outcome that nobody is working on any more."""
    return ticket.told is not None and ticket.told.outcome is not Outcome.IN_DOUBT
