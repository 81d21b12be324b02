"""One WebSocket session with a venue, Sans-I/O: log in, subscribe, live, draining, closed.

It knows no venue (the dialect does), no socket, no clock and nothing about orders. Bytes, wishes and the time go in;
frames to send, events and the next deadline come out. Theory of operation:

* The states are the table `TRANSITIONS`; a trigger without a row moves nothing.
* *Order entry* is open from the login's acknowledgement until the socket closes. Cancels never wait for subscriptions.
* The *drop copy* is live when every subscription is acknowledged and the venue has not said that the socket is blind.
  A refused, unanswered or dead subscription makes it BLIND: the socket lives, cancels go on, and pushes are not to be
  waited for. What is pushed before an acknowledgement is evidence like any other.
* Every cancel that was handed to this session is *in flight* until it is answered. It ends in exactly one of: the
  venue's `CancelAnswered`; one with `Proof.UNKNOWN`, after an error frame that names nobody; or `CancelLost`, when the
  socket closes. An answer to a cancel that is not in flight is passed on all the same: late evidence is evidence.
* A session never decides its own end. It asks its owner: `Abort` (do not trust a byte of it any more), `Close`
  (politely), `Drain` (open a successor first). The owner answers by `drain` and `closed`.
* No frame can kill it: what cannot be read is handed out for quarantine.
* Where the venue counts frames, a cancel too many is not sent at all: it may take another road.

The owner calls an input, then sends `take_frames()`, acts on `take_events()`, and calls `tick` at `deadline_us`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from protocols.batching import BatchAnswered
from protocols.dialect import (
    Alive,
    Blinded,
    ClosingSoon,
    Dialect,
    Inbound,
    LoggedIn,
    LoginRefused,
    Noted,
    RefusalKind,
    Role,
    SocketPlan,
    Strange,
    Subscribed,
    SubscribeRefused,
    Uncorrelated,
)
from protocols.evidence import (
    CancelAnswered,
    CancelLost,
    DropCopyChanged,
    DropCopyState,
    OrderReported,
    Proof,
    RoadChanged,
)
from protocols.fix import Road, SendId
from protocols.flights import Flights
from protocols.jsonread import frame_of
from protocols.outflow import Outflow
from protocols.pulse import Beat, Pulse
from protocols.subscriptions import Subscriptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from protocols.asks import WireCancel
    from protocols.secret import Credentials

DRAIN_MS: Final = 70_000
"""How long a replaced session is still read: a venue that announces its end closes about 60 s later."""
AGE_LEAD_MS: Final = 60_000
"""How long before a venue's forced cut a successor is opened: time for several attempts."""


class State(StrEnum):
    """How far a session has come."""

    CONNECTING = "connecting"
    LOGGING_IN = "logging_in"
    SUBSCRIBING = "subscribing"
    LIVE = "live"
    DRAINING = "draining"
    CLOSED = "closed"


class Trigger(StrEnum):
    """What moves a session."""

    OPENED = "opened"
    LOGGED_IN = "logged_in"
    """The login was accepted, or this socket needs none."""
    SETTLED = "settled"
    """Every subscription was accepted, refused, or given up."""
    DRAINED = "drained"
    """A successor took over."""
    CLOSED = "closed"


TRANSITIONS: Final[Mapping[tuple[State, Trigger], State]] = {
    (State.CONNECTING, Trigger.OPENED): State.LOGGING_IN,
    (State.CONNECTING, Trigger.CLOSED): State.CLOSED,
    (State.LOGGING_IN, Trigger.LOGGED_IN): State.SUBSCRIBING,
    (State.LOGGING_IN, Trigger.CLOSED): State.CLOSED,
    (State.SUBSCRIBING, Trigger.SETTLED): State.LIVE,
    (State.SUBSCRIBING, Trigger.DRAINED): State.DRAINING,
    (State.SUBSCRIBING, Trigger.CLOSED): State.CLOSED,
    (State.LIVE, Trigger.DRAINED): State.DRAINING,
    (State.LIVE, Trigger.CLOSED): State.CLOSED,
    (State.DRAINING, Trigger.CLOSED): State.CLOSED,
}
LOGGED_IN: Final = frozenset({State.SUBSCRIBING, State.LIVE, State.DRAINING})


class Entered(msgspec.Struct, frozen=True):
    """The session came into ``state``."""

    state: State
    why: str = ""


class Abort(msgspec.Struct, frozen=True):
    """The socket is not to be trusted: cut it without politeness, since its buffer could still leave."""

    why: str


class Close(msgspec.Struct, frozen=True):
    """The socket has done its work, or cannot do it: close it politely."""

    why: str


class Drain(msgspec.Struct, frozen=True):
    """The socket will not last: open a successor, then call `Session.drain`."""

    why: str


Request = Abort | Close | Drain
Event = (
    OrderReported
    | CancelAnswered
    | CancelLost
    | RoadChanged
    | DropCopyChanged
    | Entered
    | Request
    | LoggedIn
    | LoginRefused
    | SubscribeRefused
    | Uncorrelated
    | Strange
)
"""What a session has to say: evidence, its own steps, requests to its owner, and the signals that an owner acts on."""


class Counters(msgspec.Struct):
    """What came by on one socket."""

    frames_in: int = 0
    frames_out: int = 0
    strange: int = 0
    uncorrelated: int = 0
    late_answers: int = 0

    def add(self, other: Counters) -> None:
        """Add what came by on another socket."""
        self.frames_in += other.frames_in
        self.frames_out += other.frames_out
        self.strange += other.strange
        self.uncorrelated += other.uncorrelated
        self.late_answers += other.late_answers


class Session:
    """One session. All times are microseconds by one clock, ``venue_now_us`` by the venue's."""

    def __init__(self, plan: SocketPlan, dialect: Dialect, credentials: Credentials) -> None:
        self.plan = plan
        self.state = State.CONNECTING
        self.counters = Counters()
        self.drop_copy = DropCopyState.DOWN
        self.last_inbound_us: int | None = None
        self._dialect = dialect
        self._credentials = credentials
        self._subscriptions = Subscriptions(dialect.subscriptions(plan), plan.login_wait_ms)
        self._pulse: Pulse | None = None
        self._outflow = Outflow(plan.frames_max, plan.frames_window_ms)
        self._login_due_us: int | None = None
        self._age_due_us: int | None = None
        self._drain_due_us: int | None = None
        self._flights = Flights()
        self._blinded_by = ""
        self._is_ending = False
        self._frames: list[str] = []
        self._events: list[Event] = []

    # ------------------------------------------------------------ inputs

    def opened(self, now_us: int, venue_now_us: int) -> None:
        """The socket is open: log in, or subscribe at once where no login is needed."""
        if not self._move(Trigger.OPENED):
            return
        self._pulse = Pulse(self.plan.heartbeat, now_us)
        if self.plan.max_age_ms:
            lead_ms = min(AGE_LEAD_MS, self.plan.max_age_ms // 10)
            self._age_due_us = now_us + (self.plan.max_age_ms - lead_ms) * 1000
        if self.plan.needs_login:
            self._login_due_us = now_us + self.plan.login_wait_ms * 1000
            self._send(self._dialect.login(self.plan, self._credentials, venue_now_us), now_us)
        else:
            self._logged_in(now_us)

    def received(self, raw: bytes | str, now_us: int) -> None:
        """Read one inbound frame, whatever it is."""
        if self._pulse is None or self.state is State.CLOSED:
            return
        self.counters.frames_in += 1
        self.last_inbound_us = now_us
        self._pulse.heard(now_us)
        for item in self._read(raw):
            self._take(item, now_us)

    def cancel(self, frame: str, send_id: SendId, now_us: int) -> bool:
        """Send a cancel and await its answer. False, and nothing happens, when order entry is not open here, or when
        the venue would cut the socket for one frame more.
        """
        if not self.can_cancel or not self._outflow.takes_cancel(now_us):
            return False
        given_up = self._flights.left(send_id)
        if given_up is not None:
            self._lose(given_up, "no answer, and too many sends without one")
        self._send(frame, now_us)
        return True

    def cancel_batch(self, frame: str, wires: Sequence[WireCancel], now_us: int) -> bool:
        """Send a batch of cancels, which the frame names as the first of them; like `cancel`, for all of them."""
        if not self.can_cancel or not self._outflow.takes_cancel(now_us):
            return False
        for given_up in self._flights.left_together(wires):
            self._lose(given_up, "no answer, and too many sends without one")
        self._send(frame, now_us)
        return True

    def probe(self, now_us: int) -> None:
        """Doubt the socket: it answers a ping very soon, or is to be aborted. A login has its own time-out."""
        if self._pulse is not None and self.state in LOGGED_IN:
            self._beat(self._pulse.probe(now_us), now_us)

    def drain(self, now_us: int, why: str = "replaced") -> None:
        """A successor took over: read on until the venue closes, at most `DRAIN_MS`."""
        if self._move(Trigger.DRAINED, why):
            self._drain_due_us = now_us + DRAIN_MS * 1000
        elif self.state not in {State.DRAINING, State.CLOSED}:
            self._ask(Close(why))

    def closed(self, now_us: int, why: str) -> None:
        """The socket is gone: what is in flight is lost, and nobody knows whether it arrived."""
        was_logged_in = self.state in LOGGED_IN
        if not self._move(Trigger.CLOSED, why):
            return
        if was_logged_in and Role.ORDER_ENTRY in self.plan.roles:
            self._events.append(RoadChanged(Road.WS, is_open=False, why=why))
        self._set_drop_copy(DropCopyState.DOWN, why)
        for send_id in self._flights.give_up():  # after the road, so that nobody sends again into the closed one
            self._lose(send_id, why)
        self._frames.clear()

    def tick(self, now_us: int) -> None:
        """Do what is due. Too early a call does nothing."""
        if self._pulse is None or self.state is State.CLOSED:
            return
        if _is_due(self._login_due_us, now_us):
            self._login_due_us = None
            self._ask(Abort("the login was not answered in time"))
        if self.state in LOGGED_IN:
            self._keep_subscriptions(now_us)
        if _is_due(self._age_due_us, now_us):
            self._age_due_us = None
            self._ask(Drain("the venue's greatest age of a connection is near"))
        if _is_due(self._drain_due_us, now_us):
            self._drain_due_us = None
            self._ask(Close("drained"))
        self._beat(self._pulse.tick(now_us), now_us)

    # ------------------------------------------------------------ outputs

    def take_frames(self) -> list[str]:
        """Give the frames that are to be sent now, and forget them."""
        frames, self._frames = self._frames, []
        return frames

    def take_events(self) -> list[Event]:
        """Give what happened since the last call, in order, and forget it."""
        events, self._events = self._events, []
        return events

    @property
    def deadline_us(self) -> int | None:
        """When `tick` is due at the latest; None when nothing is awaited."""
        if self._pulse is None or self.state is State.CLOSED or self._is_ending:
            return None
        due_us = self._pulse.deadline_us
        for other_us in (self._login_due_us, self._age_due_us, self._drain_due_us, self._subscriptions.deadline_us):
            if other_us is not None and other_us < due_us:
                due_us = other_us
        return due_us

    @property
    def can_cancel(self) -> bool:
        """Whether order entry is open here."""
        return self.state in LOGGED_IN and not self._is_ending and Role.ORDER_ENTRY in self.plan.roles

    @property
    def in_flight(self) -> int:
        """How many cancels are without an answer."""
        return len(self._flights)

    # ------------------------------------------------------------ reading

    def _read(self, raw: bytes | str) -> tuple[Inbound, ...]:
        try:
            return self._dialect.decode(self.plan, raw)
        except Exception as error:  # noqa: BLE001 - afraid of a dialect's bug: one frame must not cost the socket
            return (Strange(f"the dialect failed on it: {type(error).__name__}", frame_of(raw)),)

    def _take(self, item: Inbound, now_us: int) -> None:
        match item:
            case OrderReported():
                self._events.append(item)
            case CancelAnswered():
                self._answered(self._flights.whose(item))
            case BatchAnswered():
                self._batch_answered(item)
            case Alive(reply=reply):
                self._alive(reply, now_us)
            case LoggedIn() | LoginRefused():
                self._login_answered(item, now_us)
            case Subscribed() | SubscribeRefused() | Blinded():
                self._subscription_changed(item, now_us)
            case Uncorrelated():
                self._uncorrelated(item, now_us)
            case Strange():
                self.counters.strange += 1
                self._events.append(item)
            case ClosingSoon(why=why):
                self._ask(Drain(why))
            case Noted():
                pass
            case _:
                assert_never(item)

    def _answered(self, answers: Iterable[CancelAnswered]) -> None:
        for answer in answers:
            self.counters.late_answers += not self._flights.landed(answer.send_id)
            self._events.append(answer)

    def _batch_answered(self, batch: BatchAnswered) -> None:
        """Answer each cancel of a batch. Items of nobody are kept aside: they prove nothing about any of ours."""
        given = self._flights.spread(batch)
        self._answered(given.answers)
        if given.strangers:
            self.counters.strange += 1
            what = f"the answer to batch {batch.batch} has {len(given.strangers)} items of orders that it did not name"
            self._events.append(Strange(what, batch.whole.frame or frame_of(b"")))

    def _alive(self, reply: str | None, now_us: int) -> None:
        if self._pulse is not None:
            self._pulse.answered(now_us)
        if reply is not None:
            self._send(reply, now_us)

    def _uncorrelated(self, error: Uncorrelated, now_us: int) -> None:
        """Blame every send in flight, and a login that is not answered yet: there is nothing else it could be about."""
        self.counters.uncorrelated += 1
        self._events.append(error)
        for send_id in self._flights.give_up():
            unknown = CancelAnswered(
                send_id, Road.WS, Proof.UNKNOWN, error.code, error.message, remedy=error.remedy, frame=error.frame
            )
            self._events.append(unknown)
        if self.state is State.LOGGING_IN:
            self._login_answered(LoginRefused(error.refusal, error.code, error.message), now_us)

    # ------------------------------------------------------------ login and subscriptions

    def _login_answered(self, answer: LoggedIn | LoginRefused, now_us: int) -> None:
        self._events.append(answer)
        if isinstance(answer, LoginRefused):
            self._ask(Close(f"login refused: {answer.code} {answer.message}".rstrip()))
        elif self.state is State.LOGGING_IN:
            self._logged_in(now_us)

    def _logged_in(self, now_us: int) -> None:
        self._login_due_us = None
        self._move(Trigger.LOGGED_IN)
        if Role.ORDER_ENTRY in self.plan.roles:
            self._events.append(RoadChanged(Road.WS, is_open=True))
        for frame in self._subscriptions.begin(now_us):
            self._send(frame, now_us)
        self._review_drop_copy("")

    def _subscription_changed(self, item: Subscribed | SubscribeRefused | Blinded, now_us: int) -> None:
        match item:
            case Subscribed(key=key):
                self._subscriptions.accepted(key)
                self._review_drop_copy("")
            case SubscribeRefused(key=key, kind=kind):
                if self._subscriptions.refused(key, now_us, may_retry=kind is RefusalKind.BUSY):
                    self._events.append(item)
                    self._review_drop_copy(f"subscription refused: {item.code} {item.message}".rstrip())
                if kind is RefusalKind.SEQUENCE:
                    self._ask(Drain("the venue wants a new socket for this subscription"))
            case Blinded(why=why):
                self._blinded_by = why
                self._review_drop_copy(why)
            case _:
                assert_never(item)

    def _keep_subscriptions(self, now_us: int) -> None:
        if self._subscriptions.overdue(now_us):
            self._review_drop_copy("subscription not acknowledged in time")
        for frame in self._subscriptions.again(now_us):
            self._send(frame, now_us)

    def _review_drop_copy(self, why: str) -> None:
        """Say what the drop copy is now. While an answer is awaited it stays what it was, unless it went blind."""
        if self._blinded_by:
            self._set_drop_copy(DropCopyState.BLIND, self._blinded_by)
        elif self._subscriptions.are_live:
            self._set_drop_copy(DropCopyState.LIVE, why)
        elif why:
            self._set_drop_copy(DropCopyState.BLIND, why)
        if self._subscriptions.are_settled:
            self._move(Trigger.SETTLED)

    def _set_drop_copy(self, state: DropCopyState, why: str) -> None:
        if state is not self.drop_copy:
            self.drop_copy = state
            if Role.DROP_COPY in self.plan.roles:
                self._events.append(DropCopyChanged(state, why))

    # ------------------------------------------------------------ small things

    def _beat(self, beat: Beat, now_us: int) -> None:
        if beat is Beat.DEAD:
            self._ask(Abort("no sign of life in time"))
        elif beat is Beat.PING and self.plan.heartbeat.ping is not None:
            self._send(self.plan.heartbeat.ping, now_us)

    def _move(self, trigger: Trigger, why: str = "") -> bool:
        following = TRANSITIONS.get((self.state, trigger))
        if following is None:
            return False
        self.state = following
        self._events.append(Entered(following, why))
        return True

    def _ask(self, request: Request) -> None:
        """Ask the owner, once for an end: after it the session only waits to be closed."""
        if not self._is_ending:
            self._is_ending = isinstance(request, Abort | Close)
            self._events.append(request)

    def _lose(self, send_id: SendId, why: str) -> None:
        self._events.append(CancelLost(send_id, Road.WS, handed_over=True, why=why))

    def _send(self, frame: str, now_us: int) -> None:
        if not self._is_ending:
            self.counters.frames_out += 1
            self._outflow.sent(now_us)
            self._frames.append(frame)


def _is_due(due_us: int | None, now_us: int) -> bool:
    return due_us is not None and now_us >= due_us
