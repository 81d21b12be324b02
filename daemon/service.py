"""The composition root: puts the daemon together from its configuration, runs it, and takes it apart in order.

The order matters. The journal's lock comes before anything else, so that a second daemon cannot touch the socket, the
journal or the venue. Cases of the last life are taken up before the first client can speak. At the end new requests are
refused first, what is under way gets a little time, and what is still open is left to the next life.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

import structlog

from daemon.config import Config, read_credentials
from daemon.config.settings import Durability
from daemon.core.departures import Departures
from daemon.core.ids import Ids
from daemon.edge import garbage, revisit, sent_watch
from daemon.edge.access import Access
from daemon.edge.account import Account
from daemon.edge.call_pace import AddressLimits
from daemon.edge.clock import Clock
from daemon.edge.frontdesk import FrontDesk
from daemon.edge.invitations import invite
from daemon.edge.journal import Journal, JournalState, lock_journal
from daemon.edge.lifeline import Lifeline
from daemon.edge.listening import Listening
from daemon.edge.logs import start_logs
from daemon.edge.publisher import Publisher
from daemon.edge.sent import SentFile, open_sent
from daemon.edge.server import Server
from daemon.edge.server_conn import Limits
from daemon.edge.systemd import Manager, inherited_socket
from daemon.version import software_version
from protocols.errors import JournalError
from protocols.venues.registry import dialect_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from daemon.core.bindings import Tie
    from daemon.edge.journal import HistoryRow, JournalLock, Recovered
    from protocols.fix import AccountName
    from protocols.secret import Credentials

STOP_POLL_S: Final = 0.02
SWITCH_S: Final = 0.0003
"""How long a busy event loop keeps the interpreter from the threads of the journal, which want it twice for a receipt
and several times in a commit: Python's own 5 ms made a receipt wait tens of milliseconds in a flood. A lone cancel
beside a flatten waits a quarter less (p99) than with 1 ms, and a daemon at its limit does 3 % less."""
LAST_WORDS_S: Final = 1.0
"""How long outcomes that wait for their commit may still be told at a stop."""
START_MAX_S: Final = 60.0
END_MAX_S: Final = 30.0
"""What the service manager is asked for beyond the configured waits: a large journal is read, a slow disk written."""
SWITCH_END_S: Final = 5.0
"""How long it is tried to end a dead-man switch at a stop: what a slow venue and a lost answer take."""
GATEWAYS_STOP_S: Final = 5.0
FORGET_EVERY_S: Final = 3600.0
ORDER_SEQ_PER_LIFE: Final = 1 << 32
"""Numbers of order and session notices start here times the life's number: they rise over restarts too."""
US_PER_H: Final = 3_600_000_000
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def serve(config: Config, environ: Mapping[str, str]) -> None:
    """Run the daemon until SIGTERM or SIGINT. Raises `LocalError` when it cannot start.

    ``environ`` is asked for what a service manager says: ``CREDENTIALS_DIRECTORY``, and `daemon.edge.systemd`'s.
    """
    with ExitStack() as stack:
        logs = start_logs(config.daemon.log_level.value)
        stack.callback(logs.close)
        manager = Manager.of(environ, os.getpid())
        stack.callback(manager.close)
        manager.starting(START_MAX_S + config.daemon.ready_wait_s)
        lock = stack.enter_context(lock_journal(config.daemon.journal))
        clock = Clock()
        wait_s = config.daemon.commit_wait_ms / 1000
        journal = Journal.open(config.daemon.journal, lock, now_us=clock.now, commit_wait_s=wait_s)
        stack.callback(_close, journal)
        sent, why_not = _sent(stack, lock, clock)
        service = Service(config, environ, journal, sent, clock, manager)
        if sent is None:
            service.sent_not_kept(why_not)
        await service.run()


def _sent(stack: ExitStack, lock: JournalLock, clock: Clock) -> tuple[SentFile | None, str]:
    """Open what keeps what leaves. Where that cannot be done the daemon runs all the same: the reason is the second."""
    try:
        sent = open_sent(lock.path, clock.now())
    except OSError as trouble:
        return None, f"{trouble.filename}: {trouble.strerror}"
    stack.callback(sent.close)
    return sent, ""


def _close(journal: Journal) -> None:
    """Close the journal; what could not be written has been said by then."""
    try:
        journal.close()
    except JournalError as error:
        log.warning("journal_not_closed", detail=str(error))


class Service:
    """A running daemon."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        journal: Journal,
        sent: SentFile | None,
        clock: Clock,
        manager: Manager,
    ) -> None:
        self._config = config
        self._addresses: dict[str, AddressLimits] = {}
        self._manager = manager
        self._environ = environ
        self._journal = journal
        self._clock = clock
        self._sent = sent
        self._departures = None if sent is None else Departures(sent, clock.now())
        ids = Ids(journal.boot)
        self._publisher = Publisher(self._read_page, journal.boot * ORDER_SEQ_PER_LIFE)
        self.accounts: dict[AccountName, Account] = {name: self._account(name, ids) for name in config.accounts}
        self._access = Access(config.access)
        self._access.keep_looking_up()
        self._desk = FrontDesk(
            self.accounts,
            journal,
            self._publisher,
            self._access,
            clock,
            ids,
            version=software_version(),
            on_journal_failure=config.daemon.on_journal_failure,
            bulk_rounds_max=config.daemon.bulk_rounds_max,
            known_names={hash(key) for key in journal.known_keys(clock.now() - self._retention_us())},
        )
        limits = Limits(
            connections_max=config.daemon.clients_max,
            connections_per_uid_max=(config.daemon.clients_max + 1) // 2,
            in_flight_max=config.daemon.in_flight_max_per_client,
            lines_per_s_max=config.daemon.lines_per_s_max_per_client,
        )
        self._server = Server(
            self._desk, now_us=clock.now, version=software_version(), limits=limits, is_invited=self._access.names
        )
        self._lifeline = Lifeline(manager, self.accounts.values(), journal)
        self._lifeline.on_ready = self._desk.bindings.ready
        self._stopping = asyncio.Event()
        self._to_revisit = (0, 0)
        journal.on_state_change = self._journal_changed
        journal.on_problem = lambda problem: log.error("record_refused", detail=problem)
        journal.on_detour = lambda why: log.warning("intake_out", detail=why)

    def _account(self, name: AccountName, ids: Ids) -> Account:
        config = self._config.accounts[name]
        credentials, why = self._credentials(name)
        dialect = dialect_for(config.venue, config.profile())
        address = f"{dialect.endpoints().rest} from {config.source_address or 'any'}"
        return Account(
            config,
            dialect,
            credentials,
            why,
            self._journal,
            self._publisher,
            self._clock,
            ids,
            is_strict=self._config.daemon.durability is Durability.STRICT,
            address=self._addresses.setdefault(address, AddressLimits(address, self._departures)),
            departures=self._departures,
        )

    def _credentials(self, name: AccountName) -> tuple[Credentials | None, str]:
        found = read_credentials(self._config.accounts[name], self._config.path, self._environ)
        if isinstance(found, list):
            return None, "; ".join(str(mistake) for mistake in found)
        return found, ""

    def sent_not_kept(self, why: str) -> None:
        """Say that nothing keeps what leaves, so that after a kill the next life may pass a venue's limit; "": it is
        kept again.
        """
        if why:
            log.error("sent_file_unusable", detail=why)
        for account in self.accounts.values():
            account.sent_not_kept(why)

    # ------------------------------------------------------------ its life

    async def run(self) -> None:
        """Live until told to stop."""
        sys.setswitchinterval(SWITCH_S)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        self._recover()
        listening = self._listening()
        gateways = [loop.create_task(account.run(), name=name) for name, account in self.accounts.items()]
        chores = [loop.create_task(self._forget_for_ever(), name="forget"), *self._metrics()]
        if self._sent is not None:
            chores.append(loop.create_task(sent_watch.watch(self._sent, self.sent_not_kept), name="sent"))
        chores += [
            loop.create_task(revisit.revisit(account, self._journal, *self._to_revisit), name=f"revisit {name}")
            for name, account in self.accounts.items()
        ]
        try:
            await self._server.start(listening)
            garbage.settle()
            chores.append(loop.create_task(self._lifeline.run(self._config.daemon.ready_wait_s), name="lifeline"))
            log.info(
                "ready", socket=str(self._config.daemon.socket), accounts=len(self.accounts), boot=self._journal.boot
            )
            await self._until_told([*gateways, *chores])
        finally:
            await self._wind_up(gateways, chores)
            log.info("stopped")

    def _metrics(self) -> list[asyncio.Task[None]]:
        """Serve metrics, if that is wanted."""
        address = self._config.daemon.metrics
        if address is None:
            return []
        from daemon.edge import metrics, metrics_page  # noqa: PLC0415 - who wants no metrics need not load them

        collector = metrics.Collector(
            self.accounts, self._journal, self._server, self._publisher, self._clock, software_version()
        )
        page = metrics_page.MetricsPage(address, collector)
        return [asyncio.get_running_loop().create_task(page.run(), name="metrics")]

    def _listening(self) -> Listening:
        """Take over the socket that a service manager keeps for us, or make our own."""
        wanted = self._config.daemon.socket
        descriptor = inherited_socket(self._environ, os.getpid())
        if descriptor is None:
            return self._own_socket(wanted)
        listening = Listening.inherit(descriptor)
        if listening.path != wanted:
            log.warning("socket_differs", socket=str(listening.path), configured=str(wanted), detail="the service "
                        "manager's socket is served; let its ListenStream= and daemon.socket say the same")  # fmt: skip
        return listening

    def _own_socket(self, wanted: Path) -> Listening:
        listening = Listening.bind(wanted)
        try:
            invite(wanted, *self._access.named_ids())
        except OSError as error:
            log.warning("access_by_group_only", socket=str(wanted), detail=f"its file system keeps no access lists "
                        f"({error.strerror}): who is named in [access] has to be in the socket's group")  # fmt: skip
        return listening

    async def _until_told(self, lives: list[asyncio.Task[None]]) -> None:
        """Wait for the signal. A life that ends by a fault of ours ends the daemon: its service manager starts anew."""
        told = asyncio.get_running_loop().create_task(self._stopping.wait())
        pending: set[asyncio.Task[object]] = {told, *lives}
        while not told.done():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {told}:
                task.result()

    async def _wind_up(self, gateways: list[asyncio.Task[None]], chores: list[asyncio.Task[None]]) -> None:
        """End in order: refuse what is new, let the rest be sent and proven, leave what is left to the next life."""
        grace_s = self._config.daemon.stop_grace_s
        self._manager.stopping(END_MAX_S + grace_s)
        self._desk.is_stopping = True
        self._desk.bindings.stop()
        self._server.accept_no_more()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self._has_waiting:  # noqa: ASYNC110 - once a life
                    await asyncio.sleep(STOP_POLL_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._journal.caught_up()
        for account in self.accounts.values():
            account.driver.say_all()
        await self._server.stop()
        await asyncio.gather(*(account.stand_down(SWITCH_END_S) for account in self.accounts.values()))
        for account in self.accounts.values():
            account.stop()
        _, late = await asyncio.wait(gateways, timeout=GATEWAYS_STOP_S) if gateways else (None, set())
        for task in (*late, *chores):
            task.cancel()
        await asyncio.gather(*gateways, *chores, return_exceptions=True)

    @property
    def _has_waiting(self) -> bool:
        """Whether some request, or some bulk cancel, can still come to its end."""
        return self._desk.bulks.has_waiting or any(account.has_waiting for account in self.accounts.values())

    def _recover(self) -> None:
        windows = [account.correction_window_h for account in self._config.accounts.values()]
        window_us = int(max(windows, default=0) * US_PER_H)
        recent_us = min(window_us, max(map(revisit.recent_us, self.accounts.values()), default=0))
        found: Recovered = self._journal.recover(self._clock.now(), recent_us)
        self._to_revisit = self._clock.now() - window_us, self._clock.now() - recent_us
        for problem in found.problems:
            log.error("journal_row_unreadable", detail=problem)
        for name, account in self.accounts.items():
            account.recover([case for case in found.cases if case.requests[0].request.key.account == name])
        since_us = self._clock.now() - self._retention_us()
        over = self._journal.known_bulks(since_us)
        self._desk.bulks.restore(found.bulks, over, self._retention_us(), found.ends)
        self._desk.bindings.restore([tie for tie in found.ties if self._is_configured(tie)])
        orphans = {case.requests[0].request.key.account for case in found.cases} - set(self.accounts)
        for name in orphans:
            log.warning("account_gone", account=name, detail="the journal has open requests of an account that is not "
                        "configured; they are left as they are")  # fmt: skip
        if found.cases:
            log.info("recovered", cases=len(found.cases))

    def _is_configured(self, tie: Tie) -> bool:
        if tie.scope.account in self.accounts:
            return True
        log.error("binding_left", binding=tie.binding, account=tie.scope.account, detail="its account is not "
                  "configured: if its client does not come back, nobody cancels its orders")  # fmt: skip
        return False

    def _reload(self) -> None:
        """SIGHUP: read every account's credentials again, one by one."""
        self._manager.reloading()
        for name, account in self.accounts.items():
            credentials, why = self._credentials(name)
            try:
                account.rotate(credentials, why)
            except OSError as error:  # the account's ca_file has gone since the start: the other accounts go on
                log.error("account_not_started", account=name, detail=str(error))  # noqa: TRY400 - a file, not a bug
        self._manager.ready()

    # ------------------------------------------------------------ beside

    def _journal_changed(self, state: JournalState, why: str) -> None:
        is_over = state is JournalState.OK
        (log.info if is_over else log.error)("journal", state=state.value, detail=why)
        for account in self.accounts.values():
            account.journal_changed(why, is_over=is_over)

    async def _read_page(self, from_seq: int, limit: int) -> tuple[list[HistoryRow], int]:
        return await self._journal.history(from_seq=from_seq, limit=limit)

    def _retention_us(self) -> int:
        return int(max((a.request_retention_h for a in self._config.accounts.values()), default=0) * US_PER_H)

    async def _forget_for_ever(self) -> None:
        while True:
            forgotten = await self._journal.forget(self._clock.now() - self._retention_us())
            if forgotten:
                log.info("forgotten", requests=forgotten)
            if not self._has_waiting:
                garbage.sweep()  # else at the next quiet hour
            await asyncio.sleep(FORGET_EVERY_S)
