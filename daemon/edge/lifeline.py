"""Tells the service manager how the daemon is: when it is ready, a line about each account, and that its loop turns.

The watchdog is fed by a task of the event loop on which all the work is done: if a turn of that loop hangs, nothing is
fed and the manager starts the daemon anew. It only looks at accounts and changes nothing about them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from daemon.edge.journal import JournalState
from daemon.edge.status import GatewayState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Protocol

    from daemon.edge.systemd import Manager

    class Journal(Protocol):
        """The journal, as far as it is shown here."""

        @property
        def state(self) -> JournalState:
            """Say whether it writes."""
            ...

    class Account(Protocol):
        """An account, as far as it is shown here."""

        @property
        def state(self) -> str:
            """Give its state as `status` does."""
            ...

        @property
        def summary(self) -> str:
            """Say in a few words how it is."""
            ...


BEAT_S: Final = 1.0
"""How often the status line is looked at, and the longest pause between two signs of life."""
BEATS_PER_WATCHDOG: Final = 4
"""One lost or late sign of life is no death."""
READY_POLL_S: Final = 0.02
CONNECTING: Final = GatewayState.CONNECTING.value


class Lifeline:
    """The daemon's line to its service manager. Run `run` as a task; a reload or an end is told in between."""

    def __init__(self, manager: Manager, accounts: Collection[Account], journal: Journal) -> None:
        self._manager = manager
        self._accounts = accounts
        self._journal = journal
        self.on_ready: Callable[[], None] = lambda: None
        """Called once, when READY is said."""
        watchdog_s = manager.watchdog_s
        self._beat_s = BEAT_S if watchdog_s is None else min(BEAT_S, watchdog_s / BEATS_PER_WATCHDOG)

    async def run(self, ready_wait_s: float) -> None:
        """Say READY when every account is ready or refused, at most ``ready_wait_s`` from now; then beat."""
        try:
            async with asyncio.timeout(ready_wait_s):
                while any(account.state == CONNECTING for account in self._accounts):
                    self._manager.status(self.line())
                    await asyncio.sleep(READY_POLL_S)
        except TimeoutError:
            pass  # a silent venue holds nobody up
        self._manager.status(self.line())
        self._manager.ready()
        self.on_ready()
        while True:
            self._manager.status(self.line())
            self._manager.alive()
            await asyncio.sleep(self._beat_s)

    def line(self) -> str:
        """Say how the daemon is in one line: trouble with the journal first, then the accounts that need a look."""
        parts = sorted(self._accounts, key=lambda account: account.state == GatewayState.READY)
        words = [account.summary for account in parts]
        if self._journal.state is not JournalState.OK:
            words.insert(0, f"journal {self._journal.state.value}")
        return "; ".join(words)
