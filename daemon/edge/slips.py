"""Tells a bulk cancel that found nothing from one whose instrument was mistyped, as far as that can be told.

An instrument that is not known here is no error: the venue decides. But "nothing rests" is a dangerous answer to a
slip, so it says beside it that no order on that instrument was heard of since the start, and that it is not on the
venue's list either, where that is loaded. It refuses to guess what was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from daemon.core.scope import Scope
    from daemon.edge.account import Account
    from protocols.fix import AccountName


def warnings_of(scopes: Iterable[Scope], accounts: Mapping[AccountName, Account]) -> tuple[str, ...]:
    """Say which instruments of a bulk cancel that found nothing are unknown at every account that it is of."""
    asked: dict[str, list[Account]] = {}
    for scope in scopes:
        if scope.instrument is not None and scope.account in accounts:
            asked.setdefault(scope.instrument, []).append(accounts[scope.account])
    return tuple(
        _warning(instrument, mine)
        for instrument, mine in asked.items()
        if not any(account.has_heard_of(instrument) for account in mine)
    )


def _warning(instrument: str, accounts: list[Account]) -> str:
    where = ", ".join(account.name for account in accounts)
    gateways = [(account.venue, account.gateway) for account in accounts]
    listing = dict.fromkeys(venue for venue, gateway in gateways if gateway is not None and gateway.lists_instruments)
    unlisted = "".join(f", and it is not on {venue}'s list of instruments" for venue in listing)
    why = f"no order on it was heard of since the start{unlisted}"
    return f"{instrument} is not known at {where}: {why}; is that its name?"
