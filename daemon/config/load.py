"""From the text of a configuration file to a `Config`, or to the list of every mistake in it.

The whole file is read once, section by section; a mistake is noted and its default stands in, so that one run of
`canceld check` is enough. It looks at no other file (`daemon.config.host` does), and what belongs to one account is
read next door (`daemon.config.account`).
"""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING, Final

from daemon.config import settings
from daemon.config.account import read_account
from daemon.config.addresses import read_loopback_address
from daemon.config.deadman import shared_timers
from daemon.config.effective import Effective
from daemon.config.model import AccessRule, Config, DaemonConfig
from daemon.config.table import Table, shown, suggestion
from protocols.errors import ConfigMistake
from protocols.fix import AccountName
from protocols.venues.registry import VENUES

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.config.account import Venues

FILE_BYTES_MAX: Final = 1_048_576  # a thousand accounts fit into half of it
SOCKET_PATH_BYTES_MAX: Final = 107  # sun_path of sockaddr_un on Linux, less its final zero: unix(7)
_WHO = re.compile(r"(user|group):([A-Za-z_][A-Za-z0-9._-]{0,31}\$?|[0-9]{1,10})")  # useradd(8), or a number


def load(path: Path, venues: Venues = VENUES) -> Config | list[ConfigMistake]:
    """Read a configuration file. ``venues`` are the ones to know."""
    config, mistakes = read(path, venues)
    return config if config is not None and not mistakes else mistakes


def read(path: Path, venues: Venues = VENUES) -> tuple[Config | None, list[ConfigMistake]]:
    """Read a configuration file as far as that can be done, and list every mistake in it.

    A default stands in for whatever is mistaken; None where the file is no configuration at all.
    """
    path = path.absolute()
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        return None, [
            ConfigMistake(str(path), f"cannot be read: {error.strerror}", "name a file that this user may read")
        ]
    except UnicodeDecodeError:
        return None, [ConfigMistake(str(path), "is not UTF-8 text", "save it as UTF-8")]
    if len(raw) > FILE_BYTES_MAX:
        return None, [ConfigMistake(str(path), f"is larger than {FILE_BYTES_MAX} bytes", "name a configuration file")]
    return _parse(text, path, venues)


def loads(text: str, path: Path, venues: Venues = VENUES) -> Config | list[ConfigMistake]:
    """Read the text of a configuration file at the absolute ``path``, to which its relative paths refer."""
    config, mistakes = _parse(text, path, venues)
    return config if config is not None and not mistakes else mistakes


def _parse(text: str, path: Path, venues: Venues) -> tuple[Config | None, list[ConfigMistake]]:
    try:
        values = tomllib.loads(text)
    except RecursionError:
        return None, [ConfigMistake(str(path), "is not TOML: it is nested too deeply", "write it flat")]
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        return None, [ConfigMistake(str(path), f"is not TOML: {error}", "mend the text there")]
    mistakes: list[ConfigMistake] = []
    return _read(Table("", values, mistakes), path, venues), mistakes


def _read(root: Table, path: Path, venues: Venues) -> Config:
    """Read everything. The result is good only if no mistake was noted."""
    daemon = root.table("daemon") or root.empty("daemon")
    access = root.table("access") or root.empty("access")
    accounts = root.table("accounts") or root.empty("accounts")
    if not accounts.names() and "accounts" not in root.mistaken:
        root.mistake("accounts", "names no account", "add a table [accounts.NAME] with venue and credentials")
    defaults = Effective.read(daemon)
    config = Config(
        path=path,
        daemon=_read_daemon(daemon, path.parent),
        access=tuple(rule for who in access.names() if (rule := _read_rule(access, who, accounts.names()))),
        accounts={
            AccountName(name): account
            for name in accounts.names()
            if (account := read_account(accounts, name, path.parent, defaults, venues))
        },
    )
    root.refuse_unknown(dict.fromkeys(settings.names(settings.DAEMON), "[daemon]"))
    root.note(shared_timers(config))
    return config


def _read_daemon(table: Table, folder: Path) -> DaemonConfig:
    socket = table.file(settings.SOCKET, folder)
    journal = table.file(settings.JOURNAL, folder)
    if len(os.fsencode(socket)) > SOCKET_PATH_BYTES_MAX:
        what = f"makes a path of more than {SOCKET_PATH_BYTES_MAX} bytes, which no Unix socket can have"
        table.mistake("socket", what, "choose a shorter path")
    if socket == journal:
        table.mistake("journal", "is the same file as socket", "give each its own path")
    daemon = DaemonConfig(
        socket=socket,
        journal=journal,
        durability=table.choice(settings.DURABILITY),
        on_journal_failure=table.choice(settings.ON_JOURNAL_FAILURE),
        log_level=table.choice(settings.LOG_LEVEL),
        metrics=table.parsed(settings.METRICS, read_loopback_address),
        clients_max=table.whole(settings.CLIENTS_MAX),
        in_flight_max_per_client=table.whole(settings.IN_FLIGHT_MAX_PER_CLIENT),
        lines_per_s_max_per_client=table.whole(settings.LINES_PER_S_MAX_PER_CLIENT),
        bulk_rounds_max=table.whole(settings.BULK_ROUNDS_MAX),
        ready_wait_s=table.number(settings.READY_WAIT_S) or 0,
        stop_grace_s=table.number(settings.STOP_GRACE_S) or 0,
        commit_wait_ms=table.whole(settings.COMMIT_WAIT_MS),
    )
    table.refuse_unknown(dict.fromkeys(settings.names(settings.ACCOUNT), "[accounts.NAME]"))
    return daemon


def _read_rule(access: Table, who: str, accounts: tuple[str, ...]) -> AccessRule | None:
    match = _WHO.fullmatch(who)
    table = access.table(who)
    if match is None:
        access.mistake(who, "names no user or group", 'write "user:NAME" or "group:NAME"')
    if table is None:
        return None
    role = table.choice(settings.ROLE)
    named = table.words(settings.ACCESS_ACCOUNTS)
    for name in named or ():
        if name not in accounts:
            fix = suggestion(name, accounts) or "name accounts of this file"
            table.mistake("accounts", f"{shown(name)} is not an account", fix)
    table.refuse_unknown()
    if match is None:
        return None
    at = None if named is None else frozenset(map(AccountName, named))
    return AccessRule(is_group=match[1] == "group", name=match[2], role=role, accounts=at)
