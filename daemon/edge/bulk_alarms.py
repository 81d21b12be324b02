"""The alarm that a bulk cancel may have left something, and the count of how bulk cancels ended, by account.

It is sounded where one ended without knowing that nothing rests, and while an unattended one is overdue. A later one
that ends complete clears it, unless such a one still goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.edge.tally import BulkEnd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.core.bulk import Bulk
    from daemon.core.records import BulkReport
    from daemon.edge.account import Account
    from protocols.fix import AccountName

ALARM: Final = "bulk_incomplete"
OVERDUE: Final = "it is not known yet what rests; the venue is asked on, and what is older than this wish canceled"


class BulkAlarms:
    """The alarms of all bulk cancels of a daemon."""

    def __init__(self, accounts: Mapping[AccountName, Account]) -> None:
        self._accounts = accounts
        self._overdue: dict[AccountName, list[Bulk]] = {}

    def goes_on(self, bulk: Bulk, now_us: int) -> None:
        """See whether one that is not over should be by now."""
        for name in bulk.overdue(now_us):
            known = self._overdue.setdefault(name, [])
            if bulk not in known:
                known.append(bulk)
            if name in self._accounts:
                self._accounts[name].driver.alarms.sound(ALARM, f"{bulk.intent.name}: {OVERDUE}")

    def ended(self, bulk: Bulk, report: BulkReport) -> None:
        """Count the end at each account that is configured still, and alarm where something may rest."""
        for name in bulk.accounts:
            self._overdue[name] = [other for other in self._overdue.get(name, ()) if other is not bulk]
            account = self._accounts.get(name)
            if account is None:
                continue
            rest = bulk.resting[name]
            if rest or name in report.reasons:
                why = report.reasons.get(name) or f"{rest} orders may rest"
                account.driver.alarms.sound(ALARM, f"{bulk.intent.name}: {why}")
                account.driver.tally.bulks_ended[BulkEnd.INCOMPLETE] += 1
            else:
                if not self._overdue[name]:
                    account.driver.alarms.clear(ALARM)
                account.driver.tally.bulks_ended[BulkEnd.COMPLETE] += 1
