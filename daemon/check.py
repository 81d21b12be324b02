"""``canceld check``: read the configuration as the daemon would, and say what stands there or everything that is wrong.

It opens no connection and starts nothing. The credentials files are read, and nothing of them is shown; so are the
configurations beside this one, since two instances on a host may not own one dead-man switch.
"""

from __future__ import annotations

import grp
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.config import (
    AccessRule,
    Config,
    beyond,
    load,
    locate_credentials,
    mistakes_on_host,
    read,
    read_credentials,
)
from daemon.config.credentials import DIRECTORY_VARIABLE, is_systemds_copy
from daemon.config.deadman import WATCHDOG_SHARE, slow_watchdogs, timers_of_neighbours
from protocols.errors import ConfigMistake
from protocols.venues.registry import VENUES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TextIO

    from daemon.config import AccountConfig
    from daemon.config.account import Venues
    from protocols.dialect import Endpoints
    from protocols.secret import Secret

NEIGHBOURS_MAX: Final = 64
"""Configurations beside the one that is checked: more instances than one host has."""
WATCHDOG_VARIABLE: Final = "WATCHDOG_USEC"
UNIT_WATCHDOG_S: Final = 10.0
"""WatchdogSec of the unit that `make install` installs."""
UNIT_FOLDERS = tuple(
    Path(folder, "systemd/system") for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
"""Where a unit of this host stands: systemd.unit(5)."""
UNITS: Final = "canceld*.service"
EXIT_GOOD: Final = 0
EXIT_MISTAKES: Final = 2


def check(path: Path, out: TextIO, environ: Mapping[str, str], venues: Venues = VENUES) -> int:
    """Write a short summary of a good configuration, or one line per mistake; give the exit code.

    A line of a mistake is ``PATH: what; what to do``. ``environ`` is asked for ``CREDENTIALS_DIRECTORY``
    and ``WATCHDOG_USEC``.
    ``venues`` are the ones to know.
    """
    config, mistakes = read(path, venues)
    if config is not None:
        mistakes += beyond(mistakes, _mistakes_around(config, environ, venues))
    if config is None or mistakes:
        out.writelines(f"{mistake}\n" for mistake in mistakes)
        return EXIT_MISTAKES
    out.writelines(f"{line}\n" for line in _summary(config, environ, venues))
    return EXIT_GOOD


def _mistakes_around(config: Config, environ: Mapping[str, str], venues: Venues) -> Iterator[ConfigMistake]:
    """Find what is wrong with what a configuration points to, and with it beside others."""
    yield from mistakes_on_host(config)
    for account in config.accounts.values():
        yield from _mistakes_in_credentials(account, config.path, environ)
    yield from _shared_keys(config, environ)
    yield from timers_of_neighbours(config, _neighbours(config.path, venues), environ)
    yield from slow_watchdogs(config, _watchdog_s(environ))


def _mistakes_in_credentials(
    account: AccountConfig, config_path: Path, environ: Mapping[str, str]
) -> list[ConfigMistake]:
    """List what is wrong with an account's key. A name that only systemd can resolve is no mistake outside of it."""
    if locate_credentials(account, config_path, environ) is None:
        beside = config_path.parent / account.credentials
        if not beside.exists():
            return []
        what = f"{account.credentials} is a name under ${DIRECTORY_VARIABLE}, not the file beside the configuration"
        return [ConfigMistake(f"{account.path}.credentials", what, f'write "./{account.credentials}" for that file')]
    read = read_credentials(account, config_path, environ)
    return read if isinstance(read, list) else []


def _shared_keys(config: Config, environ: Mapping[str, str]) -> list[ConfigMistake]:
    """List the accounts whose key another one of the same place has, too: together they would exceed its limits."""
    first: dict[tuple[str, str, Endpoints | None, Secret], AccountConfig] = {}
    mistakes = []
    for account in config.accounts.values():
        if locate_credentials(account, config.path, environ) is None:
            continue
        read = read_credentials(account, config.path, environ)
        if isinstance(read, list):
            continue
        other = first.setdefault((account.venue, account.environment, account.endpoints, read.key), account)
        if other is not account:
            what = f"the key is that of {other.path} too, and {account.venue} counts its limits for both together"
            fix = "make one account of the two, or give this one another user's key"
            mistakes.append(ConfigMistake(f"{account.path}.credentials", what, fix))
    return mistakes


def _neighbours(path: Path, venues: Venues) -> list[Config]:
    """Read the good configurations beside this one: other instances' of this host (``canceld@NAME``)."""
    others = sorted(other for other in path.absolute().parent.glob("*.toml") if other != path.absolute())
    read = (load(other, venues) for other in others[:NEIGHBOURS_MAX])
    return [config for config in read if isinstance(config, Config)]


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Give the watchdog's time: what a service manager says (0 is none), or that of our unit where it is installed."""
    given = environ.get(WATCHDOG_VARIABLE, "")
    if given.isascii() and given.isdigit():
        return int(given) / 1e6 or None
    return UNIT_WATCHDOG_S if any(any(folder.glob(UNITS)) for folder in UNIT_FOLDERS) else None


def _summary(config: Config, environ: Mapping[str, str], venues: Venues) -> list[str]:
    daemon = config.daemon
    lines = [
        f"{config.path}: good",
        f"socket {daemon.socket}",
        f"journal {daemon.journal} (durability {daemon.durability}, on failure {daemon.on_journal_failure})",
    ]
    if daemon.metrics:
        lines.append(f"metrics http://{daemon.metrics}/metrics")
    for account in config.accounts.values():
        lines.append(_account_line(account))
        lines.extend(_switch_lines(account, venues))
        if locate_credentials(account, config.path, environ) is None:
            lines.append(f"  credentials {account.credentials}: not looked at, ${DIRECTORY_VARIABLE} is not set here")
        if is_systemds_copy(account):
            lines.append(f"  credentials {account.credentials}: systemd copies them at start, so a new key needs a "
                         "restart; with a path, a reload is enough")  # fmt: skip
    lines.extend(_access_line(rule) for rule in config.access)
    return lines


def _account_line(account: AccountConfig) -> str:
    words = [f"account {account.name}: {account.venue}, {account.environment}, order entry {account.order_entry}"]
    if account.products:
        words.append(f"products {' '.join(account.products)}")
    if account.endpoints:
        words.append(f"at {account.endpoints.rest} and {account.endpoints.ws}")
    if account.proxy:
        words.append(f"through {account.proxy}")
    if account.source_address:
        words.append(f"from {account.source_address}")
    return ", ".join(words)


def _switch_lines(account: AccountConfig, venues: Venues) -> list[str]:
    """Tell what the dead-man switch will do, if one is wanted."""
    dead_man, switch = account.dead_man, venues[account.venue](account.profile()).traits.switch
    if dead_man is None or switch is None:
        return []
    if not dead_man.is_owner:
        return ["  dead-man switch: left to another owner (owner is not true)"]
    covers = switch.traits.covers_of_tag if dead_man.tag else switch.traits.covers
    tag = f", tag {dead_man.tag}" if dead_man.tag else ""
    watchdog = f"a watchdog may have {dead_man.timeout_s * WATCHDOG_SHARE:g} s at most"
    return [f"  dead-man switch: {dead_man.timeout_s} s{tag}; cancels {covers}; {watchdog}"]


def _access_line(rule: AccessRule) -> str:
    at = "every account" if rule.accounts is None else ", ".join(sorted(rule.accounts))
    unknown = "" if _is_known_here(rule) else " (not known on this host)"
    return f"access {rule}{unknown}: {rule.role} at {at}"


def _is_known_here(rule: AccessRule) -> bool:
    if rule.name.isdigit():
        return True
    try:
        if rule.is_group:
            grp.getgrnam(rule.name)
        else:
            pwd.getpwnam(rule.name)
    except KeyError:
        return False
    return True
