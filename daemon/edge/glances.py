"""Runs dry runs: asks accounts for their open orders and tells who asked which of them a bulk cancel would be of.

What matches, and when enough is known, is decided in `daemon.core.glance`. Nothing is written down, and nothing but
questions is sent.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from daemon.core.glance import Glance
from daemon.edge.clock import seconds_until
from daemon.edge.desk import Preview
from daemon.edge.order_rows import order_row
from daemon.edge.slips import warnings_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.core.bulk import Site
    from daemon.core.scope import Scope
    from daemon.core.sweep import Listing
    from daemon.edge.account import Account
    from daemon.edge.clock import Clock
    from daemon.edge.desk import BulkSink, ConnectionId
    from daemon.edge.outside import Time, Timer
    from protocols.fix import AccountName

LOOK_AGAIN_S: Final = 1.0
"""Between two listings of a dry run, if the first was cut short."""


class Looking:
    """A dry run under way."""

    __slots__ = ("glance", "sink", "timer")

    def __init__(self, glance: Glance, sink: BulkSink) -> None:
        self.glance = glance
        self.sink = sink
        self.timer: Timer | None = None


class Glances:
    """All dry runs under way."""

    def __init__(self, accounts: Mapping[AccountName, Account], clock: Clock, time: Time) -> None:
        self._accounts = accounts
        self._clock = clock
        self._time = time
        self._looking: list[Looking] = []

    def look(self, scopes: Sequence[Scope], sites: Mapping[AccountName, Site], sink: BulkSink) -> None:
        """Begin one. Accounts without a way to their venue are told of by what is remembered."""
        now_us = self._clock.now()
        looking = Looking(Glance(scopes, sites, now_us), sink)
        wait_s = seconds_until(looking.glance.gives_up_us, now_us)
        looking.timer = self._time.later(wait_s, partial(self._give_up, looking))
        self._looking.append(looking)
        for name in looking.glance.accounts:
            if self._accounts[name].gateway is not None:
                self._accounts[name].driver.list_orders()

    def listed(self, account: AccountName, listing: Listing) -> None:
        """An account was asked for its open orders. Called in the midst of a driver's turn."""
        for looking in tuple(self._looking):
            if looking.glance.listed(account, listing):
                self._time.later(LOOK_AGAIN_S, self._accounts[account].driver.list_orders)
            self._tell(looking)

    def drop(self, connection: ConnectionId) -> None:
        """Forget a client."""
        for looking in [each for each in self._looking if each.sink.connection == connection]:
            self._forget(looking)

    def _give_up(self, looking: Looking) -> None:
        looking.glance.give_up()
        self._tell(looking)

    def _tell(self, looking: Looking) -> None:
        glance = looking.glance
        if not glance.is_over or looking not in self._looking:
            return
        self._forget(looking)
        drivers = [(self._accounts[name].driver, reports) for name, reports in glance.found.items()]
        rows = tuple(order_row(driver.correlator.world, report) for driver, reports in drivers for report in reports)
        traits = [driver.correlator.world.traits for driver, _ in drivers]
        warnings = () if rows else warnings_of(glance.scopes, self._accounts)
        not_covered = {each.venue: each.not_covered for each in traits}
        looking.sink.preview(Preview(rows, glance.reasons, not_covered, warnings))

    def _forget(self, looking: Looking) -> None:
        self._looking.remove(looking)
        if looking.timer is not None:
            looking.timer.cancel()
