"""One account at its venue: order entry, drop copy, questions, clock and reference data, over sockets and REST.

It carries out and reports; it decides nothing about an order, knows no venue (its dialect does), and has no say in
which road a cancel takes. For the driver it is a few synchronous calls and one stream of evidence:

* `send`, `send_batch`, `ask`, `suspect`, `rotate` return at once. A WebSocket's cancel is with the transport by then.
* Every cancel ends in exactly one `CancelAnswered` or `CancelLost`, preceded by `CancelForwarded` if its bytes were
  handed over; what of that is known when the call ends, it gives, and no report has it. Every `ask` ends in exactly
  one `QuestionAnswered` or `QuestionFailed`. A venue may answer a cancel again, later.
* ``report`` gets the evidence in order, all that there is at once, on the event loop, never inside one of these calls
  and never inside itself. What it raises is logged and costs nothing that comes later.
* A road is reported open when a cancel could leave by it, and closed when it could not: the sum over all sockets, so
  that a successor taking over is no news.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from daemon.core.buckets import Buckets
from daemon.edge import questions
from daemon.edge.alarms import Alarms
from daemon.edge.call_pace import CallPace
from daemon.edge.clockwork import Clockwork
from daemon.edge.outside import CallFailed
from daemon.edge.pacing import Pacer
from daemon.edge.reference import ReferenceBook
from daemon.edge.sends import RestSends, lost
from daemon.edge.socket_sends import Departed, SocketSends
from daemon.edge.sockets import Keeper, Surroundings
from daemon.edge.standing import Standing
from daemon.edge.status import EntryState, GatewayState, GatewayStatus, Quarantine, SocketStatus
from daemon.edge.teller import Teller
from daemon.edge.venue_rest import VenueRest
from protocols.dialect import LoggedIn, RefusalKind, Role
from protocols.evidence import (
    AccountIdentified,
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    DropCopyChanged,
    DropCopyState,
    OrderReported,
    Remedy,
    RoadChanged,
)
from protocols.fix import OrderEntry, Road
from protocols.session import Counters

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from structlog.typing import FilteringBoundLogger

    from daemon.core.departures import Departures
    from daemon.edge.clock import Clock
    from daemon.edge.outside import Group, Link, Outside, Running
    from daemon.edge.settings import GatewaySettings
    from protocols.asks import Question, WireCancel
    from protocols.dialect import Dialect, LoginRefused, SocketPlan, SubscribeRefused
    from protocols.evidence import Evidence, Frame
    from protocols.mass import Everything
    from protocols.rest import RestCall, RestResponse
    from protocols.secret import Credentials
    from protocols.session import Session

TRACE_MAX: Final = 6
"""Places named in the log for a bug: from the caller that we know to where it happened."""
TEND_PAUSE_S: Final = 5.0
"""Before a part of the gateway that failed by our own bug is started again."""
WORST_FIRST: Final = (DropCopyState.DOWN, DropCopyState.BLIND, DropCopyState.LIVE)

T = TypeVar("T")


class Gateway:
    """One account's gateway. Run `run` as a task, and end it by `stop` or cancellation.

    ``pacer`` may be shared by the accounts of one venue, whose limit on new connections counts addresses, and
    ``address`` by them too, for limits on calls that do; ``departures`` keep the calls that left over lives.
    ``outside`` None: the running loop's; then `OSError` is raised when ``ca_file`` cannot be read.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what an account's gateway is made of, brought together in one place
        self,
        account: GatewaySettings,
        dialect: Dialect,
        credentials: Credentials,
        report: Callable[[Sequence[Evidence]], None],
        clock: Clock,
        log: FilteringBoundLogger,
        pacer: Pacer | None = None,
        outside: Outside | None = None,
        address: Buckets | None = None,
        departures: Departures | None = None,
    ) -> None:
        waits = account.waits
        self._outside = outside = outside or _outside_of_the_loop(account, clock)
        self.settings = account
        self._dialect = dialect
        self._clock = clock
        self._log = log.bind(account=account.account, venue=account.venue)
        self._teller = Teller(report, outside, self._our_fault)
        self._alarms = Alarms(clock, self._log)
        self._quarantine = Quarantine(clock, self._log)
        self._pool = outside.pool()
        self._rest = VenueRest(dialect, self._pool, credentials, clock)
        self._pace = CallPace(
            dialect.traits.rate_rules, clock, outside, address, Buckets(f"calls of {account.account}", departures)
        )
        self._clockwork = Clockwork(self._rest, self._pace, clock, waits, self._alarms, self._teller.tell, outside)
        self._reference = ReferenceBook(self._rest, self._pace, waits, self._alarms, self._log, outside)
        self._sends = RestSends(self._rest, waits, self._rest_told, self._our_fault, self.set_aside)
        self._by_socket = SocketSends(dialect, self._reference, self._entry_links, self._our_fault)
        self._standing = Standing(
            self._rest,
            self._pace,
            waits,
            self._alarms,
            self._teller.tell,
            self.changed,
            self._clockwork.want,
            outside,
        )
        pacer = pacer or Pacer(clock, waits.reconnect_gap_s)
        around = Surroundings(self._rest, outside, clock, waits, pacer, self._pace, self._log)
        base = account.endpoints.ws
        self._keepers = [Keeper(plan, base, self, around) for plan in dialect.sockets() if self._needs(plan)]
        self._entries = [keeper for keeper in self._keepers if Role.ORDER_ENTRY in keeper.plan.roles]
        self._group: Group | None = None
        self._under_way: set[Running[object]] = set()
        self._asked = 0
        self._is_stopped = False
        self._is_stopping = False
        self._stopping = outside.bell()
        self._less_to_do = outside.bell()
        self._is_clock_refused = False
        self._left: set[Road] = set()
        self._user = ""
        self._is_open = {Road.WS: False, Road.REST: False}
        self._drop_copy = DropCopyState.DOWN
        self._sent = dict.fromkeys(Road, 0)
        self._counters = dict.fromkeys(("questions", "faults"), 0)

    def _needs(self, plan: SocketPlan) -> bool:
        return self.settings.order_entry is not OrderEntry.REST or Role.DROP_COPY in plan.roles

    # ------------------------------------------------------------ for the driver

    def send(self, wire: WireCancel) -> Sequence[Departed]:
        """Put a cancel on its road, now. A road that is closed or cannot carry it ends it at once: not handed over."""
        if not self._takes((wire,)):
            return ()
        if wire.road is Road.REST:
            self._sends.start(wire, self._spawn)
            return ()
        with self._teller:
            return (self._by_socket.send(wire),)

    def send_batch(self, wires: tuple[WireCancel, ...], everything: Everything | None = None) -> Sequence[Departed]:
        """Put several cancels of one road on it in one call: a batch, or with ``everything`` the one for all of that.

        Otherwise each is as if it were sent by itself.
        """
        if not self._takes(wires):
            return ()
        if wires[0].road is Road.REST:
            self._sends.start_batch(wires, self._spawn, everything)
            return ()
        with self._teller:
            return self._by_socket.send_batch(wires)

    def _takes(self, wires: tuple[WireCancel, ...]) -> bool:
        """Count cancels that are to leave; those of a closed road end here."""
        road = wires[0].road
        if not self._is_open[road]:
            for wire in wires:
                self._teller.tell_soon(lost(wire, "the road is closed"))
            return False
        self._sent[road] += len(wires)
        return True

    def ask(self, question: Question) -> None:
        """Put a question to the venue; all its pages make one answer."""
        self._counters["questions"] += 1
        if self._group is None or self._is_stopping:
            self._teller.tell_soon(questions.failed(question, "the gateway does not run"))
        elif self._asked >= questions.QUESTIONS_MAX and not question.is_listing:
            self._teller.tell_soon(questions.failed(question, "too many questions under way"))
        else:
            self._asked += 1
            waits = self.settings.waits
            asking = self._spawn(questions.answer(question, self._rest, waits, self._pace, self._our_fault))
            asking.add_done_callback(lambda asked: self._question_ended(question, asked))

    async def fetch(self, call: RestCall, total_s: float) -> RestResponse | CallFailed:
        """Make a signed call that is about no order."""
        return await self._rest.fetch(call, total_s) if self._group else CallFailed("the gateway does not run", False)

    def suspect(self, road: Road, why: str) -> None:
        """Doubt a road: a socket is pinged and soon aborted if it is deaf; REST gets its cheap call at once."""
        self._log.debug("road_suspected", road=road.value, why=why)
        if road is Road.REST:
            self._clockwork.probe()
            return
        with self._teller:
            for link in self._entry_links():
                link.probe()

    def rotate(self, credentials: Credentials) -> None:
        """Use other credentials: a new socket takes over when it is live, and the account is identified anew."""
        self._rest.credentials = credentials
        self._left.clear()
        self._alarms.clear("road_left")
        self._standing.renew()
        for keeper in self._keepers:
            keeper.hurry("new credentials")

    @property
    def is_behind(self) -> bool:
        """Whether something came by a socket that is not read yet. Asked in each turn of a bulk cancel."""
        for keeper in self._keepers:  # a generator would take three times as long
            for link in keeper.links:
                if link.is_behind:
                    return True
        return False

    def snapshot(self) -> GatewayStatus:
        """Show the gateway as it is now."""
        sessions = [link.session for keeper in self._keepers for link in keeper.links]
        heard = [session.last_inbound_us for session in sessions if session.last_inbound_us is not None]
        best = self._clockwork.best
        refusal = self._standing.refusal
        return GatewayStatus(
            account=self.settings.account,
            venue=self.settings.venue,
            state=self.state,
            why=refusal.why if refusal is not None else "",
            order_entry=self._entry_state(),
            drop_copy=self._drop_copy,
            clock_offset_us=best.offset_us if best else None,
            clock_uncertainty_us=best.uncertainty_us if best else None,
            last_inbound_us=max(heard, default=None),
            in_flight=sum(session.in_flight for session in sessions) + self._sends.under_way,
            questions_under_way=self._asked,
            instrument_codes=len(self._reference.codes),
            sockets=tuple(_socket_status(session) for session in sessions),
            alarms=self._alarms.standing(),
            set_aside=self._quarantine.held(),
            counters=self._count(sessions),
        )

    @property
    def lists_instruments(self) -> bool:
        """Whether the venue's list of instruments is loaded, if not of every kind."""
        return bool(self._reference.codes)

    def lists(self, instrument: str) -> bool:
        """Whether an instrument is on that list."""
        return instrument in self._reference.codes

    # ------------------------------------------------------------ its life

    async def run(self) -> None:
        """Live until `stop` or cancellation. Every send and question under way has ended when it returns."""
        try:
            async with self._pool, self._outside.group() as group:
                self._group = group
                await self._guarded(
                    self._clockwork.measure
                )  # before anything is signed; a venue without time is bounded
                self._review("")
                parts = [self._clockwork.run, self._standing.run, self._reference.run]
                parts += [keeper.run for keeper in self._keepers]
                lives = [group.create_task(self._tended(part)) for part in parts]
                await self._stopping.wait()
                await self._wind_up(lives)
        finally:
            self._is_stopped = True
            self._group = None
            for keeper in self._keepers:
                keeper.abort("the daemon stops")
            self._review("the daemon stops")
            self._teller.deliver()

    def stop(self) -> None:
        """Ask `run` to end: no new sends, sockets closed politely, all of it within `Waits.close_s`."""
        self._is_stopping = True
        self._stopping.ring()
        self._review("the daemon stops")

    async def _wind_up(self, lives: list[Running[None]]) -> None:
        """Leave what is under way a moment to end by itself."""
        for life in lives:
            life.cancel()
        for keeper in self._keepers:
            keeper.close("the daemon stops")
        until_us = self._clock.now() + self.settings.waits.close_s * 1e6
        while self._under_way or any(keeper.links for keeper in self._keepers):
            self._less_to_do.clear()
            if not await self._less_to_do.wait(max(0.0, (until_us - self._clock.now()) / 1e6)):
                break
        for task in tuple(self._under_way):
            task.cancel()

    async def _tended(self, part: Callable[[], Coroutine[object, object, object]]) -> None:
        """Run a part of the gateway, again after a failure: a bug in one must not cost the account the others."""
        while True:
            if await self._guarded(part):
                return
            await self._outside.sleep(TEND_PAUSE_S)

    async def _guarded(self, part: Callable[[], Coroutine[object, object, object]]) -> bool:
        try:
            await part()
        except Exception as error:  # noqa: BLE001 - afraid of our own bugs, and a dialect's
            self._our_fault(part.__qualname__, error)
            return False
        return True

    def _spawn(self, coroutine: Coroutine[object, object, T]) -> Running[T]:
        assert self._group is not None  # noqa: S101 - roads are closed and questions refused without one
        task = self._group.create_task(coroutine)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: Running[T]) -> None:
        self._under_way.discard(task)
        self._less_to_do.ring()

    # ------------------------------------------------------------ sending and asking

    def _rest_told(self, evidence: CancelForwarded | CancelAnswered | CancelLost) -> None:
        if isinstance(evidence, CancelAnswered):
            self._mend(evidence)
        self._teller.tell_soon(evidence)

    def _question_ended(self, question: Question, asked: Running[questions.Ending]) -> None:
        self._asked -= 1
        self._teller.tell(questions.failed(question, "the daemon stops") if asked.cancelled() else asked.result())

    def _entry_links(self) -> Iterator[Link]:
        return (link for keeper in self._entries if (link := keeper.order_entry()) is not None)

    # ------------------------------------------------------------ what sockets bring (`sockets.Owner`)

    def took(self, evidence: Sequence[OrderReported | CancelAnswered | CancelLost]) -> None:
        """Pass evidence on; what an answer says about ourselves is mended first."""
        for piece in evidence:
            if isinstance(piece, CancelAnswered) and piece.remedy is not Remedy.NONE:
                self._mend(piece)
        self._teller.tell(*evidence)

    def changed(self, why: str) -> None:
        """Look at the roads and the drop copy again."""
        self._less_to_do.ring()
        self._review(why)

    def login_answered(self, answer: LoggedIn | LoginRefused) -> None:
        """Learn what the venue thinks of the credentials, and of our time."""
        if isinstance(answer, LoggedIn):
            self._standing.proven(Road.WS)
            self._user_named(answer.user)
        elif answer.kind in {RefusalKind.CREDENTIALS, RefusalKind.ACCOUNT}:
            self._standing.refused(Road.WS, answer.code, answer.message, answer.kind)
        elif answer.kind is RefusalKind.CLOCK:
            self._is_clock_refused = True
        elif answer.kind is RefusalKind.BROKEN:
            self._alarms.sound("login_broken", f"{answer.code} {answer.message}".rstrip())

    def _user_named(self, user: str) -> None:
        """Tell whose key it is, once, where logins say it."""
        if user and user != self._user:
            self._user = user
            self._teller.tell(AccountIdentified(user))

    def subscription_refused(self, plan: SocketPlan, refusal: SubscribeRefused) -> None:
        """Learn that a drop copy was refused."""
        self._alarms.sound("subscription_refused", f"{plan.name}: {refusal.code} {refusal.message}".rstrip())

    def set_aside(self, what: str, frame: Frame) -> None:
        """Keep a frame that could not be read."""
        self._quarantine.set_aside(what, frame)

    async def before_dial(self) -> None:
        """Measure the clock again if the venue refused it at the last login."""
        if self._is_clock_refused:
            self._is_clock_refused = False
            await self._guarded(self._clockwork.measure)

    def _mend(self, answer: CancelAnswered) -> None:
        """Carry out the remedies that are the gateway's; see `evidence.Remedy` for those that are not."""
        if answer.remedy is Remedy.REFRESH_REFERENCE:
            self._reference.want()
        elif answer.remedy is Remedy.RESYNC_CLOCK:
            self._clockwork.want()
        elif answer.remedy is Remedy.LEAVE_ROAD:
            self._leave(answer.road, f"{answer.code} {answer.message}".rstrip())
        if answer.road is Road.REST:
            self._standing.rest_answered(answer.code)

    def _leave(self, road: Road, why: str) -> None:
        """Take no more cancels to a road that takes none from this key. The last road is never left: it may yet."""
        if road not in self._left and any(self._may_take(other) for other in Road if other is not road):
            self._left.add(road)
            self._alarms.sound("road_left", f"cancels do not go by {road.value} any more: {why}")
            self._review(why)

    def _may_take(self, road: Road) -> bool:
        """Whether the configuration allows a road, and the venue takes this key's cancels on it."""
        wanted = self.settings.order_entry
        return road not in self._left and (wanted is OrderEntry.WS_THEN_REST or wanted.value == road.value)

    # ------------------------------------------------------------ roads and states

    def _review(self, why: str) -> None:
        """Report what changed about the roads and the drop copy."""
        can_leave = self._group is not None and not self._is_stopping and self._standing.is_served
        has_socket = any(keeper.order_entry() is not None for keeper in self._entries)
        self._set_road(Road.WS, can_leave and has_socket and self._may_take(Road.WS), why)
        self._set_road(Road.REST, can_leave and self._standing.refusal is None and self._may_take(Road.REST), why)
        copies = [keeper.drop_copy for keeper in self._keepers if Role.DROP_COPY in keeper.plan.roles]
        self._set_drop_copy(min(copies, key=WORST_FIRST.index, default=DropCopyState.DOWN), why)

    def _set_road(self, road: Road, is_open: bool, why: str) -> None:
        if is_open != self._is_open[road]:
            self._is_open[road] = is_open
            self._log.info("road_changed", road=road.value, is_open=is_open, why=why)
            self._teller.tell_soon(RoadChanged(road, is_open, why))

    def _set_drop_copy(self, state: DropCopyState, why: str) -> None:
        if state is self._drop_copy:
            return
        self._drop_copy = state
        self._log.info("drop_copy_changed", state=state.value, why=why)
        if state is DropCopyState.LIVE:
            self._alarms.clear("subscription_refused")
        self._teller.tell_soon(DropCopyChanged(state, why))

    @property
    def state(self) -> GatewayState:
        """Say how the account is at its venue; asked for each request."""
        if self._is_stopped or self._is_stopping:
            return GatewayState.STOPPED
        can_leave = any(self._is_open.values())
        if self._standing.refusal is not None and not can_leave:
            return GatewayState.AUTH_FAILED
        is_proven = self._standing.is_proven or self._is_open[Road.WS]  # a socket that logged in outlives its key
        return GatewayState.READY if can_leave and is_proven else GatewayState.CONNECTING

    def _entry_state(self) -> EntryState:
        if self._is_open[Road.WS]:
            return EntryState.WS
        return EntryState.REST if self._is_open[Road.REST] else EntryState.DOWN

    # ------------------------------------------------------------ small things

    def _our_fault(self, where: str, error: Exception) -> None:
        """Log a bug by its kind and place: the text of an exception that nobody foresaw may hold anything."""
        self._counters["faults"] += 1
        at = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-TRACE_MAX:]]
        self._log.error("internal_error", where=where, kind=type(error).__name__, at=at)
        self._alarms.sound("internal_error", f"{where}: {type(error).__name__}")

    def _count(self, sessions: list[Session]) -> dict[str, int]:
        """Add up the counters, over the gateway's life."""
        sums = {f"sends_{road.value}": sent for road, sent in self._sent.items()} | self._counters
        sums["evidence"] = self._teller.told
        sums["set_aside"] = self._quarantine.count
        sums["dials"] = sum(keeper.dials for keeper in self._keepers)
        sums["reference_loads"] = self._reference.loads
        frames = Counters()
        for one in [*(keeper.past for keeper in self._keepers), *(session.counters for session in sessions)]:
            frames.add(one)
        return sums | msgspec.structs.asdict(frames)


def _outside_of_the_loop(account: GatewaySettings, clock: Clock) -> Outside:
    from daemon.edge.loop_outside import LoopOutside  # noqa: PLC0415 - who brings an outside needs neither loop nor sockets

    return LoopOutside(account, clock)


def _socket_status(session: Session) -> SocketStatus:
    return SocketStatus(session.plan.name, session.state, session.drop_copy, session.in_flight, session.last_inbound_us)
