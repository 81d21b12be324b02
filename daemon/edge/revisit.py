"""Looks again at what an earlier life had answered: each order is asked about once more, since it may yet have traded.

All of it at the start would hold up who waits: a hundred thousand answered requests take half a minute to read. So what
was answered long enough ago to matter to no limit is taken up a little at a time, the latest first, beside the daemon's
work. Requests without an answer are not its business: those are taken up before the first client is served.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from protocols.errors import JournalError

if TYPE_CHECKING:
    from daemon.edge.account import Account
    from daemon.edge.journal import Journal

REQUESTS_AT_ONCE: Final = 50
PAUSE_S: Final = 0.5
"""After so many: a hundred a second, each a question to the venue, below all others in rank."""
LOOK_S: Final = 1.0
"""How often to look whether the account's key is known to be the same user's."""
LAST_ROW: Final = 2**63 - 1
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def recent_us(account: Account) -> int:
    """How long ago a request may have been answered and still matter to the venue's limits, in microseconds."""
    traits = account.dialect.traits
    windows = [rule.window_ms for rule in traits.rate_rules] + [rule.window_ms for rule in traits.error_rules]
    return 2 * 1000 * max(windows, default=0)


async def revisit(account: Account, journal: Journal, since_us: int, before_us: int) -> None:
    """Take up the account's requests that were answered between two times, all of them in the end."""
    place: tuple[int, int] | None = (before_us, LAST_ROW)
    taken = 0
    while place is not None:
        if not account.is_known:
            await asyncio.sleep(LOOK_S)
            continue
        try:
            cases, place = await journal.settled(account.name, since_us, place, REQUESTS_AT_ONCE)
        except JournalError as error:
            log.warning("not_revisited", account=account.name, detail=str(error))
            await asyncio.sleep(LOOK_S)
            continue
        held = account.driver.correlator.cases
        strange = [case for case in cases if held.get(case.case) is None]
        account.recover(strange)
        taken += len(strange)
        await asyncio.sleep(PAUSE_S)
    if taken:
        log.info("revisited", account=account.name, cases=taken)
