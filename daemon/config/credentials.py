"""Bringing an account's key, secret and passphrase from their file into `protocols.secret.Credentials`.

The file must be a regular one of ours (or root's) that nobody else can read; only then is it read at all. No message
from here shows anything that stands in it, not even the name of a key that we do not know.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from protocols.errors import ConfigMistake
from protocols.secret import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.config.model import AccountConfig

FILE_BYTES_MAX: Final = 65_536  # three short lines; more is another file
VALUE_CHARS_MAX: Final = 1024  # each becomes a header line or a part of one
DIRECTORY_VARIABLE: Final = "CREDENTIALS_DIRECTORY"  # systemd.exec(5)
KEYS: Final = ("key", "secret", "passphrase")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
# systemd gives its own copies an access list for the service's user, which shows as the group's read bit: 0440.
_OTHERS_BUT_SYSTEMD: Final = _OTHERS & ~stat.S_IRGRP
_PLACE = re.compile(r"\(at (line [0-9]+, column [0-9]+|end of document)\)")
_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")


def locate_credentials(account: AccountConfig, config_path: Path, environ: Mapping[str, str]) -> Path | None:
    """Say which file an account's credentials are in; None when a name is given and systemd's folder is not there."""
    if not is_systemds_copy(account):
        return config_path.parent / account.credentials
    folder = environ.get(DIRECTORY_VARIABLE)
    return Path(folder) / account.credentials if folder else None


def is_systemds_copy(account: AccountConfig) -> bool:
    """Say whether an account's credentials are a copy that systemd makes when the unit starts, and never again."""
    return "/" not in account.credentials


def read_credentials(
    account: AccountConfig, config_path: Path, environ: Mapping[str, str]
) -> Credentials | list[ConfigMistake]:
    """Read an account's credentials, or list every mistake in them."""
    at = f"{account.path}.credentials"
    file = locate_credentials(account, config_path, environ)
    if file is None:
        what = f"{account.credentials} is a name under ${DIRECTORY_VARIABLE}, which is not set"
        fix = f"start under systemd with LoadCredential={account.credentials}:FILE, or write a path with a /"
        return [ConfigMistake(at, what, fix)]
    try:
        text = _read_private(at, file, is_systemds=is_systemds_copy(account))
        values = tomllib.loads(text)
    except ConfigMistake as mistake:
        return [mistake]
    except (ValueError, RecursionError) as error:  # its own words could quote the file
        where = _PLACE.search(str(error))
        place = f" {where[0]}" if where else ""
        return [ConfigMistake(at, f"{file} is not TOML{place}", 'write lines such as key = "…"')]
    return _credentials(at, file, values, account)


def _read_private(at: str, file: Path, *, is_systemds: bool) -> str:
    """Read a file that nobody else can read; what is looked at is what is read."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with open(descriptor, "rb") as opened:  # noqa: PTH123 - a descriptor, so that no other file slips in
            _refuse_exposed(at, file, os.fstat(descriptor), is_systemds=is_systemds)
            raw = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigMistake(at, f"{file} cannot be read: {error.strerror}", "make the file, readable by us") from None
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigMistake(at, f"{file} is larger than {FILE_BYTES_MAX} bytes", "name a credentials file")
    return raw.decode("utf-8")


def _refuse_exposed(at: str, file: Path, status: os.stat_result, *, is_systemds: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigMistake(at, f"{file} is not a regular file", "name a file with key, secret and passphrase")
    us = os.geteuid()
    if status.st_uid not in {0, us}:
        what = f"{file} belongs to user {status.st_uid}, and this runs as user {us}"
        raise ConfigMistake(at, what, f"give it to that user (chown {us}), or run as its owner")
    mode = stat.S_IMODE(status.st_mode)
    if mode & (_OTHERS_BUT_SYSTEMD if is_systemds else _OTHERS):
        what = f"{file} has mode {mode:04o}, so others than its owner can use it"
        raise ConfigMistake(at, what, "chmod 0600, and change the key if the host has other users")


def _credentials(
    at: str, file: Path, values: Mapping[str, object], account: AccountConfig
) -> Credentials | list[ConfigMistake]:
    mistakes = []
    if len(values.keys() - set(KEYS)):
        what = f"{file} holds keys other than {', '.join(KEYS)} (not shown here)"
        mistakes.append(ConfigMistake(at, what, "remove them"))
    secrets = {}
    for key in KEYS:
        may_be_empty = key == "passphrase" and not account.takes_passphrase
        value = values.get(key, "" if may_be_empty else None)
        if value is None:
            mistakes.append(ConfigMistake(at, f"{file} has no {key}", f'add the line {key} = "…"'))
        elif not isinstance(value, str) or not _is_sendable(value, may_be_empty=may_be_empty):
            what = f"the {key} in {file} is not a text as a venue gives it (not shown here)"
            mistakes.append(ConfigMistake(at, what, "copy it again, in quotes, without blanks around it"))
        else:
            secrets[key] = Secret(value)
    return mistakes or Credentials(**secrets)


def _is_sendable(value: str, *, may_be_empty: bool) -> bool:
    """Whether a text can stand in a header line: printable ASCII, no blank at either end."""
    if not value:
        return may_be_empty
    return len(value) <= VALUE_CHARS_MAX and _VALUE.fullmatch(value) is not None
