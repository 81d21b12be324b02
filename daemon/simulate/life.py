"""One life of the daemon in a simulated world: its parts put together, its end by a crash.

It is made as `daemon.service` makes the real one, out of the same front desk, accounts and publisher; only the socket
server, the signals and the logs are left out.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import structlog

from daemon.config.model import AccountConfig, DeadManConfig
from daemon.config.settings import Durability, Environment, OnJournalFailure
from daemon.core.departures import Departures
from daemon.core.ids import Ids
from daemon.core.records import Caller
from daemon.core.second_look import YOUNG_US
from daemon.edge.access import Access
from daemon.edge.account import Account
from daemon.edge.desk import ConnectionId, Peer
from daemon.edge.frontdesk import FrontDesk
from daemon.edge.journal import JournalState
from daemon.edge.publisher import Publisher
from daemon.edge.settings import Waits
from daemon.simulate.disk import VirtualJournal
from daemon.simulate.kernel import Scope
from daemon.simulate.network import HOST
from daemon.simulate.sent import VirtualSent
from daemon.simulate.ways import VirtualClock, VirtualOutside, VirtualTime
from protocols.dialect import Endpoints
from protocols.secret import Credentials, Secret
from protocols.venues.registry import dialect_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from daemon.edge.journal import HistoryRow
    from daemon.simulate.disk import Disk
    from daemon.simulate.kernel import Kernel
    from daemon.simulate.network import Host
    from daemon.simulate.plan import AccountPlan, Plan
    from protocols.fix import AccountName

KEYS: Final = Credentials(Secret("sim-key"), Secret("sim-secret"), Secret("sim-pass"))
"""What every simulated venue takes."""
ENDPOINTS: Final = Endpoints(rest=f"http://{HOST}", ws=f"ws://{HOST}")
CORRECTION_WINDOW_US: Final = 24 * 3_600_000_000
RETENTION_US: Final = 72 * 3_600_000_000
ORDER_SEQ_PER_LIFE: Final = 1 << 32
SILENT: Final[structlog.typing.FilteringBoundLogger] = structlog.wrap_logger(
    None, processors=[], wrapper_class=structlog.make_filtering_bound_logger(50)
)
"""A log that nobody reads."""


class Life:
    """A running daemon. ``clock_offset_us``: how far this host's clock is from the true time in this life."""

    def __init__(
        self,
        kernel: Kernel,
        plan: Plan,
        disk: Disk,
        hosts: Mapping[AccountName, Host],
        rng: Random,
        clock_offset_us: int,
    ) -> None:
        self.scope = Scope(kernel)
        self.journal = VirtualJournal(disk, self.scope)
        self.clock = VirtualClock(kernel, clock_offset_us)
        departures = Departures(VirtualSent(disk.sent, clock_offset_us), self.clock.now())
        self._disk = disk
        self._connections = itertools.count(1)
        time = VirtualTime(self.scope, rng)
        ids = Ids(self.journal.boot)
        is_strict = Durability(plan.durability) is Durability.STRICT
        publisher = Publisher(self._read_page, self.journal.boot * ORDER_SEQ_PER_LIFE, time)
        self.accounts: dict[AccountName, Account] = {
            account.name: Account(
                _config(account),
                dialect_for(account.venue, _config(account).profile()),
                KEYS,
                "",
                self.journal,
                publisher,
                self.clock,
                ids,
                is_strict=is_strict,
                outside=VirtualOutside(self.scope, rng, hosts[account.name], self.clock, Waits()),
                departures=departures,
                logger=SILENT,
            )
            for account in plan.accounts
        }
        self.desk = FrontDesk(
            self.accounts,
            self.journal,
            publisher,
            Access(()),
            self.clock,
            ids,
            version="0",
            on_journal_failure=OnJournalFailure(plan.on_journal_failure),
            known_names={hash(key) for key in disk.known_keys()},
            time=time,
        )
        self.journal.on_state_change = self._journal_changed

    def start(self) -> None:
        """Take up what an earlier life left, and reach for the venues."""
        found = self._disk.recover(self.clock.now() - CORRECTION_WINDOW_US)
        for name, account in self.accounts.items():
            account.recover([case for case in found if case.requests[0].request.key.account == name])
            self.scope.spawn(account.run())
        ends = self._disk.bulks_unlooked(self.clock.now() - YOUNG_US)
        self.desk.bulks.restore(self._disk.unfinished_bulks(), self._disk.bulks_over(), RETENTION_US, ends)
        self.desk.bindings.restore(list(self._disk.ties.values()))
        self.desk.bindings.ready()

    def stand_down(self, limit_s: float) -> None:
        """Begin to end the dead-man switches, as a stop in order does last."""
        for account in self.accounts.values():
            self.scope.spawn(account.stand_down(limit_s))

    def crash(self) -> None:
        """Die, in the middle of everything."""
        self.scope.kill()
        self.journal.crashed()

    def connect(self, uid: int) -> Peer:
        """A client comes in."""
        connection = ConnectionId(next(self._connections))
        return Peer(connection, Caller(uid, uid, 1000 + connection, "simulated"), frozenset({uid}))

    @property
    def is_idle(self) -> bool:
        """Whether no request waits for anything, nor a bulk cancel for its turn to ask for more."""
        has_open = any(account.driver.correlator.cases.open_count() for account in self.accounts.values())
        return not has_open and not self.desk.bulks.has_waiting and not self.desk.bulks.looks.are_under_way

    def _journal_changed(self, state: JournalState, why: str) -> None:
        for account in self.accounts.values():
            account.journal_changed(why, is_over=state is JournalState.OK)

    async def _read_page(self, from_seq: int, limit: int) -> tuple[list[HistoryRow], int]:
        return await self.journal.history(from_seq=from_seq, limit=limit)


def _config(account: AccountPlan) -> AccountConfig:
    return AccountConfig(
        name=account.name,
        venue=account.venue,
        environment=Environment.LIVE,
        credentials="",
        takes_passphrase=False,
        order_entry=account.order_entry,
        products=account.products,
        endpoints=ENDPOINTS,
        ca_file=None,
        proxy=None,
        source_address=None,
        timings=account.timings,
        correction_window_h=CORRECTION_WINDOW_US / 3_600_000_000,
        request_retention_h=72,
        cases_max=account.cases_max,
        orders_max=account.orders_max,
        dead_man=None if account.switch_s is None else DeadManConfig(account.switch_s, is_owner=True),
    )
