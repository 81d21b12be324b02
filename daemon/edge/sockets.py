"""Keeps one of an account's sockets: dials it, replaces it before it goes, dials again when it is gone.

It knows links and their sessions' requests, and nothing of orders. One link is *current*; others may be on their way in
(not live yet) or out (draining). A successor takes over when it is live, never before: the old one serves until then,
and is read for a while after. How fast to dial again is `daemon.edge.pacing`'s; a venue that refused the credentials is
asked again slowly, or when they are rotated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from daemon.edge.entrance import Entrance, NotAdmitted
from daemon.edge.outside import DialFailed
from daemon.edge.pacing import Backoff
from protocols.dialect import LoggedIn, LoginRefused, RefusalKind, Strange, SubscribeRefused, Uncorrelated
from protocols.evidence import (
    CancelAnswered,
    CancelLost,
    DropCopyChanged,
    DropCopyState,
    OrderReported,
    Remedy,
    RoadChanged,
)
from protocols.session import Abort, Close, Counters, Drain, Entered, Session, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import FilteringBoundLogger

    from daemon.edge.call_pace import CallPace
    from daemon.edge.clock import Clock
    from daemon.edge.outside import Bell, Link, Outside, Timer
    from daemon.edge.pacing import Pacer
    from daemon.edge.settings import Waits
    from daemon.edge.venue_rest import VenueRest
    from protocols.dialect import SocketPlan
    from protocols.evidence import Frame
    from protocols.secret import Secret
    from protocols.session import Event

BLIND_RENEW_MAX_S: Final = 600.0
SLOW_KINDS: Final = frozenset({RefusalKind.CREDENTIALS, RefusalKind.ACCOUNT, RefusalKind.BROKEN})
"""Trying again soon cannot help, and looks like an attack."""
_EVIDENCE: Final = (OrderReported, CancelAnswered, CancelLost)
_RANKS: Final = {DropCopyState.DOWN: 0, DropCopyState.BLIND: 1, DropCopyState.LIVE: 2}


class Owner(Protocol):
    """Who hears what a keeper's links bring."""

    def took(self, evidence: Sequence[OrderReported | CancelAnswered | CancelLost]) -> None:
        """Take evidence, in its order."""

    def changed(self, why: str) -> None:
        """Look at roads and drop copy again."""

    def login_answered(self, answer: LoggedIn | LoginRefused) -> None:
        """Learn what the venue thinks of the credentials."""

    def subscription_refused(self, plan: SocketPlan, refusal: SubscribeRefused) -> None:
        """Learn that a drop copy was refused."""

    def set_aside(self, what: str, frame: Frame) -> None:
        """Keep a frame that could not be read."""

    async def before_dial(self) -> None:
        """Mend what has to be mended before a login."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the keepers of one account share. ``rest`` holds the dialect, the credentials and the venue's clock."""

    rest: VenueRest
    outside: Outside
    clock: Clock
    waits: Waits
    pacer: Pacer
    pace: CallPace
    log: FilteringBoundLogger


class _Settling:
    """Whether a link that was dialed went live or is gone: the first of the two to happen."""

    __slots__ = ("done", "is_live")

    def __init__(self, done: Bell) -> None:
        self.done = done
        self.is_live: bool | None = None

    def settle(self, *, is_live: bool) -> None:
        if self.is_live is None:
            self.is_live = is_live
            self.done.ring()


class Keeper:
    """Keeps one socket. `run` is its life; the rest is synchronous."""

    def __init__(self, plan: SocketPlan, base: str, owner: Owner, around: Surroundings) -> None:
        self.plan = plan
        self.current: Link | None = None
        self.links: list[Link] = []
        self.dials = 0
        self.past = Counters()
        """What came by on the links that are gone."""
        self._base = base
        self._owner = owner
        self._rest = around.rest
        self._outside = around.outside
        self._clock = around.clock
        self._waits = around.waits
        self._pacer = around.pacer
        self._pace_of_calls = around.pace
        self._log = around.log.bind(socket=plan.name)
        self._backoff = Backoff(around.waits.reconnect_first_s, around.waits.reconnect_max_s, around.outside.draw)
        self._wanted = around.outside.bell()
        self._wanted.ring()
        self._hurry = around.outside.bell()
        self._settling: dict[Link, _Settling] = {}
        self._live_since_us = 0
        self._refusal: LoginRefused | None = None
        self._blind_s = around.waits.blind_renew_s
        self._blind_timer: Timer | None = None
        self._entrance: Entrance | None = None
        if plan.admission is not None:
            self._entrance = Entrance(
                plan.admission,
                around.rest,
                around.pace,
                around.waits,
                self._log,
                self._answered,
                self.renew,
                around.outside,
            )

    # ------------------------------------------------------------ for the gateway

    def order_entry(self) -> Link | None:
        """Give the link that a cancel should take: the current one, else any that can carry it."""
        if self.current is not None and self.current.session.can_cancel:
            return self.current
        return next((link for link in reversed(self.links) if link.session.can_cancel), None)

    @property
    def drop_copy(self) -> DropCopyState:
        """The best of its links' drop copies."""
        return max((link.session.drop_copy for link in self.links), key=_RANKS.__getitem__, default=DropCopyState.DOWN)

    def renew(self, why: str) -> None:
        """Open a successor now and let it take over when it is live."""
        self._log.info("socket_to_be_replaced", why=why)
        self._review_stability()
        self._wanted.ring()

    def hurry(self, why: str) -> None:
        """Renew without waiting for any back-off: something was mended."""
        self._refusal = None
        self._backoff.succeeded()
        self._hurry.ring()
        self.renew(why)

    def close(self, why: str) -> None:
        """Close every link politely."""
        for link in tuple(self.links):
            link.close(why)

    def abort(self, why: str) -> None:
        """Cut every link."""
        self._forget_blindness()
        for link in tuple(self.links):
            link.abort(why)

    # ------------------------------------------------------------ its life

    async def run(self) -> None:
        """Have a link whenever one is wanted, for ever."""
        async with self._outside.group() as group:
            if self._entrance is not None:
                group.create_task(self._entrance.run())
            await self._dial_for_ever()

    async def _dial_for_ever(self) -> None:
        while True:
            await self._wanted.wait()
            await self._pace()
            self._wanted.clear()
            await self._owner.before_dial()
            if not await self._attempt():
                self._backoff.failed()
                self._wanted.ring()

    async def _pace(self) -> None:
        is_slow = self._refusal is not None and self._refusal.kind in SLOW_KINDS
        wait_s = self._waits.refused_retry_s if is_slow else self._backoff.delay_s()
        await self._hurry.wait(wait_s)
        self._hurry.clear()  # only now: a hurry during the attempt before this wait counts too
        await self._outside.sleep(self._pacer.take_turn())

    async def _attempt(self) -> bool:
        """Dial, and wait until the link is live or gone. Says whether it took over."""
        key: Secret | None = None
        if self._entrance is not None:
            try:
                key = await self._entrance.key()
            except NotAdmitted as refused:
                self._log.info("no_key_for_a_socket", why=refused.why)
                return False
        await self._pace_of_calls.turn_to_dial()
        session = Session(self.plan, self._rest.dialect, self._rest.credentials)
        link = self._outside.link(session, self._rest.venue_now, self._heard)
        settling = self._settling[link] = _Settling(self._outside.bell())
        self.links.append(link)
        self.dials += 1
        try:
            await link.open(self._url(key))
        except DialFailed as failed:
            self._log.info("socket_not_opened", why=failed.why)
            return False
        await settling.done.wait()
        if not settling.is_live or link not in self.links:  # it may have died since it went live
            return False
        self._promote(link, key)
        return True

    def _url(self, key: Secret | None) -> str:
        path = self.plan.path if self._entrance is None or key is None else self._entrance.path(key)
        return self._base + path

    def _promote(self, link: Link, key: Secret | None) -> None:
        former, self.current = self.current, link
        self._refusal = None
        self._live_since_us = self._clock.now()
        self._log.info("socket_live", drop_copy=link.session.drop_copy.value)
        if self._entrance is not None:
            self._entrance.hold(key)
        if former is not None:
            former.drain("replaced")
        self._watch_blindness(link)
        self._owner.changed("")

    def _review_stability(self) -> None:
        """A socket that lived for a while starts a new count of failures."""
        if self.current is not None and self._clock.now() - self._live_since_us >= self._waits.stable_s * 1e6:
            self._backoff.succeeded()

    # ------------------------------------------------------------ what links say

    def _heard(self, link: Link, events: Sequence[Event]) -> None:
        """Pass on what came, in its order: evidence, of which there may be much, all together."""
        evidence: list[OrderReported | CancelAnswered | CancelLost] = []
        for event in events:
            if isinstance(event, _EVIDENCE):
                evidence.append(event)
                continue
            self._take(link, evidence)
            self._hear(link, event)
            evidence = []
        self._take(link, evidence)

    def _take(self, link: Link, evidence: Sequence[OrderReported | CancelAnswered | CancelLost]) -> None:
        if evidence:
            self._owner.took(evidence)
        for piece in evidence:
            if isinstance(piece, CancelAnswered) and piece.remedy is Remedy.LOG_IN:
                link.close("the venue says that this socket is not logged in")

    def _hear(self, link: Link, event: Event) -> None:
        match event:
            case RoadChanged() | DropCopyChanged():
                self._road_changed(link, event)
            case Entered():
                self._entered(link, event)
            case Abort() | Close() | Drain():
                self._asked(link, event)
            case LoggedIn() | LoginRefused() | SubscribeRefused():
                self._answered(event)
            case Strange():
                self._owner.set_aside(event.what, event.frame)
            case Uncorrelated():
                self._log.warning("error_that_names_nobody", code=event.code)
                if event.frame is not None:
                    self._owner.set_aside(f"error that names nobody: {event.code}", event.frame)

    def _road_changed(self, link: Link, event: RoadChanged | DropCopyChanged) -> None:
        if isinstance(event, DropCopyChanged) and link is self.current:
            self._watch_blindness(link)
        self._owner.changed(event.why)

    def _entered(self, link: Link, event: Entered) -> None:
        settling = self._settling.get(link)
        if event.state is State.LIVE and settling is not None:
            settling.settle(is_live=True)
        elif event.state is State.CLOSED:
            self._closed(link, event.why, settling)

    def _closed(self, link: Link, why: str, settling: _Settling | None) -> None:
        if link.has_opened:
            self._log.info("socket_closed", why=why)
        if link in self.links:
            self.links.remove(link)
            self.past.add(link.session.counters)
        self._settling.pop(link, None)
        if settling is not None:
            settling.settle(is_live=False)
        if link is self.current:
            self._backoff.failed()
            self._review_stability()
            self._forget_blindness()
            self.current = None
            if self._entrance is not None:
                self._entrance.hold(None)
            self._wanted.ring()
        self._owner.changed(why)

    def _asked(self, link: Link, request: Abort | Close | Drain) -> None:
        match request:
            case Abort(why=why):
                link.abort(why)
            case Close(why=why):
                link.close(why)
            case Drain(why=why) if link is self.current:
                self.renew(why)
            case Drain():
                pass  # it is on its way in or out already

    def _answered(self, answer: LoggedIn | LoginRefused | SubscribeRefused) -> None:
        if isinstance(answer, SubscribeRefused):
            self._log.warning("subscription_refused", code=answer.code, message=answer.message)
            self._owner.subscription_refused(self.plan, answer)
            return
        if isinstance(answer, LoginRefused):
            self._log.warning("login_refused", kind=answer.kind.value, code=answer.code, message=answer.message)
            self._refusal = answer
            self._backoff.failed()  # twice with the attempt itself: the second try is not to follow at once
        else:
            self._log.info("logged_in", connection=answer.connection)
        self._owner.login_answered(answer)

    # ------------------------------------------------------------ blindness

    def _watch_blindness(self, link: Link) -> None:
        """A blind drop copy gets a new socket after a while: what blinded it may be over."""
        match link.session.drop_copy:
            case DropCopyState.LIVE:
                self._forget_blindness()
                self._blind_s = self._waits.blind_renew_s
            case DropCopyState.BLIND if self._blind_timer is None:
                self._blind_timer = self._outside.later(self._blind_s, self._renew_blind)
                self._blind_s = min(2 * self._blind_s, BLIND_RENEW_MAX_S)

    def _renew_blind(self) -> None:
        self._blind_timer = None
        self.renew("the drop copy is blind")

    def _forget_blindness(self) -> None:
        if self._blind_timer is not None:
            self._blind_timer.cancel()
            self._blind_timer = None
