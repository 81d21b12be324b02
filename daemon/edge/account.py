"""One account, put together: its dialect, correlator, driver and gateway, and whose key it has.

It binds the account's name to the venue's user: if a key turns out to be somebody else's, the old requests stay in
doubt, nothing is asked through it, and the account cancels nothing until its operator decides.
"""

from __future__ import annotations

import heapq
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from daemon.config.credentials import is_systemds_copy
from daemon.core.book import Book
from daemon.core.correlator import Correlator
from daemon.core.deadman import room_left
from daemon.core.recovery import dealings, rebuild
from daemon.core.world import World
from daemon.edge.call_pace import AddressLimits
from daemon.edge.claims import HostClaim
from daemon.edge.deadman import DeadMan
from daemon.edge.driver import Driver
from daemon.edge.gateway import Gateway
from daemon.edge.loop import LoopTime
from daemon.edge.outside import CallFailed
from daemon.edge.settings import GatewaySettings
from daemon.edge.status import EntryState, GatewayState
from protocols.control.results import AccountStatus, AlarmSeen, SocketSeen, WaitingSeen
from protocols.errors import BadRequest, JournalError
from protocols.evidence import AccountIdentified, AccountRefused, DropCopyState
from protocols.fix import Outcome, RequestState
from protocols.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from structlog.typing import FilteringBoundLogger

    from daemon.config.model import AccountConfig
    from daemon.core.case import Case, Ticket
    from daemon.core.departures import Departures
    from daemon.core.ids import Ids
    from daemon.core.records import RecoveredCase
    from daemon.edge.beside import Announcer
    from daemon.edge.clock import Clock
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Outside, Running, Time
    from daemon.edge.status import GatewayStatus
    from protocols.dialect import Dialect, Traits
    from protocols.fix import AccountName
    from protocols.rest import RestCall, RestResponse
    from protocols.secret import Credentials

STATE_CHANGED: Final = "account_changed"
TAKING_CANCELS: Final = frozenset({GatewayState.CONNECTING, GatewayState.READY})
WAITING_SHOWN: Final = 8
"""Requests that `Account.status` names: the oldest, which are those to look at. The journal has all."""
FURTHEST_FIRST: Final = (RequestState.VENUE_REFUSED, RequestState.VENUE_ACCEPTED, RequestState.FORWARDED)
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Account:
    """An account of a running daemon. ``credentials`` None: there are none; it stays ``auth_failed`` with ``why``."""

    def __init__(  # noqa: PLR0913 - the parts that an account is made of, brought together in one place
        self,
        config: AccountConfig,
        dialect: Dialect,
        credentials: Credentials | None,
        why: str,
        journal: Ledger,
        publisher: Announcer,
        clock: Clock,
        ids: Ids,
        *,
        is_strict: bool,
        outside: Outside | None = None,
        address: AddressLimits | None = None,
        departures: Departures | None = None,
        logger: FilteringBoundLogger | None = None,
    ) -> None:
        self.name: AccountName = config.name
        self.venue = config.venue
        self.dialect = dialect
        self._config = config
        self._journal = journal
        self._clock = clock
        self._credentials: Credentials | None = None
        self._why = why
        self._left_alone: list[RecoveredCase] = []
        self._outside = outside
        self._time: Time = outside or LoopTime()
        self._claim = HostClaim() if outside is None else None
        self._may_run = self._time.bell()
        self._logger = logger
        self._log = (logger or log).bind(account=config.name, venue=config.venue)
        self._binding: Running[None] | None = None
        self._is_identified = False
        self.on_known: Callable[[], None] = lambda: None
        """Called when `is_known` comes to be so."""
        self.is_known = False
        """Whether it may be asked about orders for the sake of an earlier life: it has a key, of the same user."""
        world = World(config.name, self._traits(), config.timings, began_us=clock.now())
        self._address = address or AddressLimits(f"of {config.name}", departures)
        self._departures = departures
        book = Book(config.orders_max)
        correlator = Correlator(
            world, ids, open_max=config.cases_max, book=book, address=self._address.core, departures=departures
        )
        self.driver = Driver(correlator, journal, publisher, clock, self._time, is_strict=is_strict, logger=logger)
        self.driver.on_account = self._hear_of_account
        self.dead_man = self._dead_man()
        self.gateway: Gateway | None = None
        if credentials is not None:
            self._open(credentials)

    def _traits(self) -> Traits:
        """Give the venue's traits, with room for a switch's calls in the rules that it shares with cancels."""
        traits, wanted = self.dialect.traits, self._config.dead_man
        if wanted is None or not wanted.is_owner or traits.switch is None:
            return traits
        rules = room_left(traits.rate_rules, traits.switch.traits.operation)
        return msgspec.structs.replace(traits, rate_rules=rules)

    def _dead_man(self) -> DeadMan | None:
        wanted, switch = self._config.dead_man, self.dialect.traits.switch
        if wanted is None or switch is None:
            return None
        alarms = self.driver.alarms
        return DeadMan(wanted, switch, self, self._journal, alarms, self._clock, self._time, self._log)

    def _open(self, credentials: Credentials) -> None:
        """Make the way to the venue; `run` then takes it."""
        self._credentials = credentials
        self.gateway = Gateway(
            self._settings(),
            self.dialect,
            credentials,
            self.driver.observe,
            self._clock,
            self._logger or structlog.get_logger("gateway"),
            outside=self._outside,
            address=self._address.calls,
            departures=self._departures,
        )
        self.driver.connect(self.gateway)
        self._may_run.ring()

    def _settings(self) -> GatewaySettings:
        config = self._config
        return GatewaySettings(
            account=config.name,
            venue=config.venue,
            endpoints=self.dialect.endpoints(),
            order_entry=config.order_entry,
            ca_file=str(config.ca_file) if config.ca_file is not None else None,
            proxy=Secret(config.proxy) if config.proxy is not None else None,
            source_address=config.source_address,
        )

    # ------------------------------------------------------------ its life

    async def run(self) -> None:
        """Keep the account's sessions until cancelled or stopped. Without credentials, wait for them first."""
        if self.gateway is None:
            self._log.warning("account_without_credentials", detail=self._why)
            await self._may_run.wait()
        if self.gateway is None:
            return
        watch = None if self.dead_man is None else self._time.spawn(self.dead_man.run())
        try:
            await self.gateway.run()
        finally:
            if watch is not None:
                watch.cancel()

    async def stand_down(self, limit_s: float) -> None:
        """End the dead-man switch, as the last thing that is asked of the venue."""
        if self.dead_man is not None and self.gateway is not None:
            await self.dead_man.end(limit_s)

    def stop(self) -> None:
        """Begin to end."""
        self._may_run.ring()
        if self.gateway is not None:
            self.gateway.stop()
        self.driver.stop()
        if self._claim is not None:
            self._claim.let_go()

    @property
    def has_waiting(self) -> bool:
        """Whether some request without an outcome has a cancel out, or can still get one out."""
        can_send = self.gateway is not None and self.gateway.snapshot().order_entry is not EntryState.DOWN
        return any(
            ticket.told is None and (can_send or case.sends)
            for case in self.driver.correlator.cases.open()
            for ticket in case.tickets.values()
        )

    def rotate(self, credentials: Credentials | None, why: str) -> None:
        """Take the credentials that were read again; without any, go on with the old ones and say so.

        The same ones again cost no session, unless the venue refused them: it is then asked at once.
        """
        if credentials is None:
            self._why = why
            self._log.error("credentials_not_read", detail=why)
            self.driver.alarms.sound("credentials_not_read", why)
            return
        self.driver.alarms.clear("credentials_not_read")
        if self.gateway is None:
            self._open(credentials)
            self._log.info("credentials_read")
            left_alone, self._left_alone = self._left_alone, []
            self.recover(left_alone)
        elif credentials == self._credentials and self.state != GatewayState.AUTH_FAILED:
            if is_systemds_copy(self._config):
                detail = "systemd copied them when the unit started, and does not copy them again at a reload"
                self._log.warning("credentials_need_a_restart", detail=detail)
            else:
                self._log.info("credentials_unchanged")
        else:
            self._credentials = credentials
            self.gateway.rotate(credentials)
            self._log.info("credentials_read")

    def sent_not_kept(self, why: str) -> None:
        """Nothing keeps what leaves, or with "" something does again."""
        if why:
            self.driver.alarms.sound("sent_file", why)
        else:
            self.driver.alarms.clear("sent_file")

    def journal_changed(self, why: str, *, is_over: bool) -> None:
        """The journal failed, or healed."""
        if is_over:
            self.driver.alarms.clear("journal")
        else:
            self.driver.alarms.sound("journal", why)

    def recover(self, cases: Sequence[RecoveredCase]) -> None:
        """Take up the cases of an earlier life.

        Where the account's name is bound to a user, they wait until the venue says that the key is still that user's:
        for as long as that takes, since an order of one user must not be looked for among another's. Their horizon
        passes meanwhile as ever.
        """
        if self.gateway is None and cases:
            self._log.warning("cases_left_alone", cases=len(cases), detail="there are no credentials to ask with")
            self._left_alone = list(cases)
            return
        says_whose = self.dialect.identity_call() is not None or self.dialect.traits.login_names_user
        is_bound = self._journal.bound_user(self.name) is not None and says_whose and not self._is_identified
        now_us = self._clock.now()
        self.driver.correlator.recall(dealings(cases), now_us)
        for found in cases:
            case = rebuild(found, self.driver.correlator.world, now_us)
            self.driver.restore(case, waits_for_identity=is_bound)
        if not is_bound and self.gateway is not None:
            self._become_known()

    # ------------------------------------------------------------ whose key it is

    def _hear_of_account(self, news: AccountIdentified | AccountRefused) -> None:
        if isinstance(news, AccountRefused):
            self._log.error("credentials_refused", code=news.code, detail=news.why)
            return
        environment = self._config.environment.value
        bound = self._journal.bound_user(self.name)
        if bound is None:
            self._binding = self._time.spawn(self._bind(environment, news.venue_user_id))
        elif (bound.venue, bound.environment, bound.venue_user_id) != (self.venue, environment, news.venue_user_id):
            detail = (
                f"the key belongs to user {news.venue_user_id} of {self.venue} {environment}, but {self.name} was user "
                f"{bound.venue_user_id} of {bound.venue} {bound.environment}; give the new user an account name of "
                "its own"
            )
            self._time.soon(partial(self.driver.account_changed, detail))
            return
        self._time.soon(self._identified)

    def _identified(self) -> None:
        if not self._is_identified and not self.driver.correlator.world.account_changed:
            self._is_identified = True
            self.driver.identified()
            self._become_known()

    def _become_known(self) -> None:
        if not self.is_known:
            self.is_known = True
            self.on_known()

    async def _bind(self, environment: str, venue_user_id: str) -> None:
        try:
            await self._journal.bind_user(self.name, self.venue, environment, venue_user_id)
        except JournalError as error:
            self._log.warning("account_not_bound", detail=str(error))

    # ------------------------------------------------------------ for its dead-man switch (`deadman.Owner`)

    def why_not_watched(self) -> str:
        """Say why its orders cannot be watched over now; "" when they can: whoever cancels them, would it work?"""
        if self.state != GatewayState.READY:
            return f"the account is {self.state}"
        says_whose = self.dialect.identity_call() is not None or self.dialect.traits.login_names_user
        return "it is not known yet whose key this is" if says_whose and not self._is_identified else ""

    def holds_timer(self, tag: str) -> bool:
        """Whether no other daemon of this host holds that timer."""
        bound = self._journal.bound_user(self.name)
        user = bound.venue_user_id if bound is not None else self.name
        place = (self.venue, self._config.environment.value, self.dialect.endpoints().rest)
        return self._claim is None or self._claim.hold((*place, user, tag))

    async def fetch(self, call: RestCall, total_s: float) -> RestResponse | CallFailed:
        """Make a signed call."""
        return CallFailed("no credentials", False) if self.gateway is None else await self.gateway.fetch(call, total_s)

    # ------------------------------------------------------------ what is asked of it

    def product_of(self, product: str | None) -> str:
        """Say which product line a client means, or raise `BadRequest`."""
        venue_has = self.dialect.traits.products
        mine = self._config.products or venue_has
        if venue_has == ("",):
            if product is not None:
                raise BadRequest("invalid_params", f"{self.venue} has no product lines; leave it out", path="product")
            return ""
        if product is None and len(mine) == 1:
            return mine[0]
        if product not in mine:
            what = "has to be named" if product is None else f"{product} is not among this account's"
            raise BadRequest("invalid_params", f"{what}: {', '.join(mine)}", path="product")
        return product

    def has_heard_of(self, instrument: str) -> bool:
        """Whether an instrument is on the venue's list, or some order on it was heard of since the start."""
        if self.gateway is not None and self.gateway.lists(instrument):
            return True
        return self.driver.correlator.book.has_order_on(instrument)

    @property
    def state(self) -> str:
        """``connecting``, ``ready``, ``auth_failed``, ``account_changed`` or ``stopped``."""
        if self.driver.correlator.world.account_changed:
            return STATE_CHANGED
        return GatewayState.AUTH_FAILED if self.gateway is None else self.gateway.state

    @property
    def summary(self) -> str:
        """Say in a few words how it is, for the service manager's status line."""
        if self.gateway is None:
            return f"{self.name} {self.state}: {self._why}"
        seen = self.gateway.snapshot()
        words = f"{self.name} {self.state}"
        if self.state == GatewayState.READY:
            words += f" by {seen.order_entry.value}, drop copy {seen.drop_copy.value}"
        elif seen.why:
            words += f": {seen.why}"
        alarms = {alarm.name for alarm in seen.alarms}
        alarms |= {alarm.name for alarm in self.driver.alarms.standing()}
        return f"{words} ({', '.join(sorted(alarms))})" if alarms else words

    def require_ready(self) -> None:
        """Check that a cancel can be taken up, or raise ``account_not_ready``.

        An account that is still connecting takes cancels: they leave as soon as a road is open.
        """
        state = self.state
        if state in TAKING_CANCELS:
            return
        why = self._why if self.gateway is None else self.gateway.snapshot().why
        if state == STATE_CHANGED:
            why = "the key belongs to another user than before"
        raise BadRequest("account_not_ready", f"{self.name} is {state}: {why}", path="account", state=state)

    def status(self, now_us: int, waiting_max: int = WAITING_SHOWN) -> AccountStatus:
        """Say how it is, with the ``waiting_max`` oldest of the requests that wait."""
        waiting = [
            (ticket.request.received_us, ticket, case)
            for case in self.driver.correlator.cases.open()
            for ticket in case.tickets.values()
            if ticket.told is None or ticket.told.outcome is Outcome.IN_DOUBT
        ]
        ages = [now_us - received_us for received_us, ticket, _ in waiting if ticket.told is None]
        doubts = [now_us - received_us for received_us, ticket, _ in waiting if ticket.told is not None]
        oldest = heapq.nsmallest(waiting_max, waiting, key=itemgetter(0))
        sockets: list[SocketSeen] = []
        codes = 0
        alarms = [AlarmSeen(a.name, a.since_us, a.detail) for a in self.driver.alarms.standing()]
        if self.gateway is None:
            alarms.append(AlarmSeen("auth_failed", now_us, self._why))
            entry, drop_copy, offset_us = EntryState.DOWN, DropCopyState.DOWN, None
        else:
            seen = self.gateway.snapshot()
            entry, drop_copy, offset_us = seen.order_entry, seen.drop_copy, seen.clock_offset_us
            alarms += [AlarmSeen(a.name, a.since_us, a.detail) for a in seen.alarms]
            sockets, codes = _sockets(seen, now_us), seen.instrument_codes
        return AccountStatus(
            venue=self.venue,
            state=self.state,
            order_entry=entry.value,
            drop_copy=drop_copy.value,
            cancel_ready=self.state == GatewayState.READY,
            budget_wait_ms=self.driver.correlator.budget_wait_us(now_us) // 1000,
            budget_waiting=self.driver.correlator.cancels_waiting,
            in_flight=len(ages),
            in_doubt=len(doubts),
            oldest_ms=max(ages) // 1000 if ages else None,
            in_doubt_oldest_ms=max(doubts) // 1000 if doubts else None,
            clock_offset_ms=offset_us / 1000 if offset_us is not None else None,
            alarms=alarms,
            instrument_codes=codes,
            sockets=sockets,
            dead_man=self.dead_man.seen if self.dead_man is not None else None,
            bulks=self.driver.tally.bulks_seen,
            waiting=[_waiting(ticket, case, now_us) for _, ticket, case in oldest],
        )


def _sockets(seen: GatewayStatus, now_us: int) -> list[SocketSeen]:
    return [
        SocketSeen(
            socket.name,
            socket.state.value,
            socket.drop_copy.value,
            socket.in_flight,
            None if socket.last_inbound_us is None else (now_us - socket.last_inbound_us) // 1000,
        )
        for socket in seen.sockets
    ]


def _waiting(ticket: Ticket, case: Case, now_us: int) -> WaitingSeen:
    request = ticket.request
    if ticket.told is not None:
        state = Outcome.IN_DOUBT.value
    else:
        state = next((state.value for state in FURTHEST_FIRST if state in ticket.progress), "recorded")
    return WaitingSeen(
        request.key.request_id,
        request.instrument,
        case.order_id or request.order_id,
        request.client_order_id,
        state,
        (now_us - request.received_us) // 1000,
    )
