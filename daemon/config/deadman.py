"""Reading an account's ``dead_man`` table, and finding two who would set one timer, or a watchdog that is too slow.

A venue's timer belongs to a user and a tag, whoever sets it, so two owners would fight: one ends it, the other believes
that it runs. Two accounts of one file are found when it is read, those of two files by `check`. What a venue's switch
can do comes as its traits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from daemon.config import settings
from daemon.config.credentials import locate_credentials, read_credentials
from daemon.config.model import Config, DeadManConfig
from daemon.config.table import shown
from protocols.errors import ConfigMistake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from daemon.config.model import AccountConfig
    from daemon.config.table import Table
    from protocols.dialect import Traits
    from protocols.secret import Secret

WATCHDOG_SHARE: Final = 0.5
"""Of the time-out at most: a quarter of it has passed since the last refresh, and one is left for the new start."""


def read_dead_man(account: Table, traits: Traits | None) -> DeadManConfig | None:
    """Read the table, None where there is none. The result is good only if no mistake was noted."""
    table = account.table(settings.DEAD_MAN_TABLE.name)
    if table is None:
        return None
    timeout_s = table.whole(settings.DEAD_MAN_TIMEOUT_S)
    tag = table.text(settings.DEAD_MAN_TAG)
    config = DeadManConfig(timeout_s=timeout_s, is_owner=table.flag(settings.DEAD_MAN_OWNER), tag=tag or "")
    table.refuse_unknown()
    if traits is not None:
        _refuse_what_the_venue_has_not(account, table, config, traits)
    return config


def _refuse_what_the_venue_has_not(account: Table, table: Table, config: DeadManConfig, traits: Traits) -> None:
    if traits.switch is None:
        what = f"{traits.venue} has no dead-man switch: {traits.no_switch}"
        account.mistake(settings.DEAD_MAN_TABLE.name, what, "remove the table")
        return
    switch = traits.switch.traits
    if "timeout_s" not in table.mistaken and not switch.least_s <= config.timeout_s <= switch.most_s:
        what = f"{config.timeout_s} s is outside of what {traits.venue} takes"
        table.mistake("timeout_s", what, f"write {switch.least_s} to {switch.most_s} seconds ({switch.page})")
    if config.tag and not switch.tag_chars:
        table.mistake("tag", f"has no meaning at {traits.venue}, whose switch covers everything", "leave it out")
    elif config.tag and not re.fullmatch(switch.tag_chars, config.tag):
        table.mistake("tag", f"{shown(config.tag)} is no tag of {traits.venue}", f"write {switch.tag_chars}")


# ---------------------------------------------------------------- one timer, one owner


class Owner(NamedTuple):
    """An account that owns its venue's timer, and the configuration that it stands in."""

    account: AccountConfig
    config: Path

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Where the timer is, but for whose it is."""
        rest = self.account.endpoints.rest if self.account.endpoints is not None else ""
        tag = self.account.dead_man.tag if self.account.dead_man is not None else ""
        return self.account.venue, self.account.environment.value, rest, tag


def owners_of(config: Config) -> list[Owner]:
    """List the accounts that own a timer, in the file's order."""
    accounts = config.accounts.values()
    return [Owner(account, config.path) for account in accounts if account.dead_man and account.dead_man.is_owner]


def shared_timers(config: Config) -> Iterator[ConfigMistake]:
    """Find accounts of one file that own one timer, as far as its text says so."""
    seen: dict[tuple[object, ...], Owner] = {}
    for owner in owners_of(config):
        first = seen.setdefault((*owner.place, owner.account.credentials), owner)
        if first is not owner:
            yield _shared(owner, first)


def timers_of_neighbours(config: Config, others: Iterable[Config], environ: Mapping[str, str]) -> list[ConfigMistake]:
    """Find the timers that accounts of other files own as well, by their keys.

    A key that cannot be read is no mistake here; its file's path is compared all the same.
    """
    theirs = [owner for other in others for owner in owners_of(other)]
    return [
        _shared(owner, other)
        for owner in owners_of(config)
        for other in theirs
        if other.place == owner.place and _is_one_user(owner, other, environ)
    ]


def _shared(owner: Owner, first: Owner) -> ConfigMistake:
    where = first.account.path if first.config == owner.config else f"{first.account.path} in {first.config}"
    what = f"{where} owns the same timer of {owner.account.venue}"
    return ConfigMistake(f"{owner.account.path}.dead_man.owner", what, "leave owner = true with one of them")


def _is_one_user(one: Owner, other: Owner, environ: Mapping[str, str]) -> bool:
    files = [locate_credentials(owner.account, owner.config, environ) for owner in (one, other)]
    if files[0] is not None and files[0] == files[1]:
        return True
    keys = [_key(owner, environ) for owner in (one, other)]
    return keys[0] is not None and keys[0] == keys[1]


def _key(owner: Owner, environ: Mapping[str, str]) -> Secret | None:
    read = read_credentials(owner.account, owner.config, environ)
    return None if isinstance(read, list) else read.key


# ---------------------------------------------------------------- the watchdog


def slow_watchdogs(config: Config, watchdog_s: float | None) -> list[ConfigMistake]:
    """List the switches that would fire before a watchdog of so many seconds has a hung daemon started anew."""
    return [
        ConfigMistake(
            f"{owner.account.path}.dead_man.timeout_s",
            f"{dead_man.timeout_s} s is too short for the watchdog's {watchdog_s:g} s (WatchdogSec): the venue would "
            "cancel everything before a hung daemon is started anew",
            f"write at least {watchdog_s / WATCHDOG_SHARE:g}, or shorten WatchdogSec in the unit",
        )
        for owner in owners_of(config)
        if (dead_man := owner.account.dead_man) is not None
        and watchdog_s is not None
        and watchdog_s > dead_man.timeout_s * WATCHDOG_SHARE
    ]
