"""Looking at what a configuration points to on this host: folders, certificates, the local address.

It reads and changes nothing of what it finds, opens no connection, and leaves the credentials to
`daemon.config.credentials`: a bad key stops one account, while a mistake in here stops the daemon.
"""

from __future__ import annotations

import socket
import ssl
import stat
from typing import TYPE_CHECKING, Final

from protocols.errors import ConfigMistake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from daemon.config.model import AccountConfig, Config

SQLITE_MAGIC: Final = b"SQLite format 3\0"  # the first bytes of a database: sqlite.org/fileformat.html


def mistakes_on_host(config: Config) -> list[ConfigMistake]:
    """List everything that is missing or of the wrong kind where the configuration points."""
    mistakes = [*_folder("daemon.socket", config.daemon.socket), *_folder("daemon.journal", config.daemon.journal)]
    mode = _mode(config.daemon.socket)
    if mode and not stat.S_ISSOCK(mode):
        what = f"{config.daemon.socket} exists and is no socket"
        mistakes.append(ConfigMistake("daemon.socket", what, "choose another path, or remove it"))
    mode = _mode(config.daemon.journal)
    if mode and not stat.S_ISREG(mode):
        what = f"{config.daemon.journal} exists and is no regular file"
        mistakes.append(ConfigMistake("daemon.journal", what, "choose another path"))
    elif mode and not _may_be_a_journal(config.daemon.journal):
        what = f"{config.daemon.journal} holds something else than a journal"
        mistakes.append(ConfigMistake("daemon.journal", what, "choose another path; that file is left alone"))
    for account in config.accounts.values():
        mistakes += [*_ca_file(account), *_source_address(account)]
    return mistakes


def beyond(mistakes: list[ConfigMistake], found: Iterable[ConfigMistake]) -> list[ConfigMistake]:
    """Leave out of what was found on the host whatever concerns a setting, or a table, that is mistaken already.

    For that a default stands in, and where the default points says nothing.
    """
    mistaken = tuple(f"{mistake.path}." for mistake in mistakes)
    return [mistake for mistake in found if not f"{mistake.path}.".startswith(mistaken)]


def _folder(path: str, file: Path) -> Iterator[ConfigMistake]:
    mode = _mode(file.parent)
    if mode == 0:
        yield ConfigMistake(path, f"its folder {file.parent} does not exist", "make the folder, or choose another path")
    elif not stat.S_ISDIR(mode):
        yield ConfigMistake(path, f"{file.parent} is no folder", "choose another path")


def _mode(path: Path) -> int:
    """Give the mode of what stands at a path, 0 for nothing. What may not be looked at counts as missing."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _may_be_a_journal(path: Path) -> bool:
    """Whether a file is an SQLite database or empty; one that may not be looked at could be."""
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE_MAGIC)) in {b"", SQLITE_MAGIC}
    except OSError:
        return True


def _ca_file(account: AccountConfig) -> Iterator[ConfigMistake]:
    if account.ca_file is None:
        return
    path, fix = f"{account.path}.ca_file", "name a PEM file of certificates that this user may read"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(account.ca_file)
    except ssl.SSLError:
        yield ConfigMistake(path, f"{account.ca_file} holds no certificate", fix)
    except OSError as error:
        yield ConfigMistake(path, f"{account.ca_file} cannot be read: {error.strerror}", fix)


def _source_address(account: AccountConfig) -> Iterator[ConfigMistake]:
    if account.source_address is None:
        return
    family = socket.AF_INET6 if ":" in account.source_address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((account.source_address, 0))
    except OSError as error:
        what = f"{account.source_address} cannot be used on this host: {error.strerror}"
        yield ConfigMistake(f"{account.path}.source_address", what, "write one that `ip address` lists")
