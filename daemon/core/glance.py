"""A dry run: which open orders a bulk cancel would be of, by the venue's listing and by what pushes showed.

Each account is asked once more for its open orders. One that does not list them in time is told of by the pushes alone,
with the reason, so that its number is known to be a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.core.order_view import heaviest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.core.bulk import Site
    from daemon.core.scope import Scope
    from daemon.core.sweep import Listing, OrderKey
    from protocols.evidence import OrderReported
    from protocols.fix import AccountName

WAIT_US: Final = 10_000_000
"""As long as a person looks at an empty line; a healthy venue lists in less than one second."""
UNDECIDED: Final = "the venue does not say of every order whether it is meant"


class Glance:
    """A look at one scope of each account. The owner asks for listings, and tells of them until `is_over`."""

    def __init__(self, scopes: Sequence[Scope], sites: Mapping[AccountName, Site], now_us: int) -> None:
        self.gives_up_us = now_us + WAIT_US
        self.found: dict[AccountName, list[OrderReported]] = {}
        self.reasons: dict[AccountName, str] = {}
        self._scopes = {scope.account: scope for scope in scopes}
        self._sites = sites
        self._asked_us = now_us
        self._trouble: dict[AccountName, str] = {}

    @property
    def scopes(self) -> list[Scope]:
        """What is looked for."""
        return list(self._scopes.values())

    @property
    def accounts(self) -> list[AccountName]:
        """Whom to ask."""
        return list(self._scopes)

    @property
    def is_over(self) -> bool:
        """Whether every account was looked at."""
        return len(self.found) == len(self._scopes)

    def listed(self, account: AccountName, listing: Listing) -> bool:
        """An account was asked for its open orders; True when it has to be asked again."""
        if account not in self._scopes or account in self.found or listing.asked_us < self._asked_us:
            return False
        if listing.has_failed:
            self._trouble[account] = "the venue does not list its open orders"
        elif not listing.is_complete:
            self._trouble[account] = "the venue's listing is cut short"
            return True
        else:
            self._look(account, listing.reports)
        return False

    def give_up(self) -> None:
        """The time is up: what is left is known by pushes alone."""
        for account in self._scopes.keys() - self.found.keys():
            self._look(account, ())
            self.reasons[account] = self._trouble.get(account, "no answer came")

    def _look(self, account: AccountName, reports: Sequence[OrderReported]) -> None:
        book = self._sites[account].book
        best: dict[OrderKey, OrderReported] = {}
        for report in (*reports, *book.live()):
            key = report.product, report.order_id
            if not book.has_ended(*key):
                best[key] = heaviest((best[key], report)) if key in best else report
        meant = {key: self._scopes[account].matches(report) for key, report in best.items()}
        self.found[account] = [report for key, report in best.items() if meant[key]]
        if None in meant.values():
            self.reasons[account] = UNDECIDED
