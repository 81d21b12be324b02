"""Credentials files: who may read them, what stands in them, and that no message shows any of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from daemon.config import AccountConfig, locate_credentials, read_credentials
from protocols.dialect import Profile
from protocols.fix import AccountName
from protocols.secret import Credentials, Secret
from protocols.venues.registry import VENUES
from tests.configs import ACCOUNT, good

if TYPE_CHECKING:
    from protocols.errors import ConfigMistake

GOOD = 'key = "K-HUSH"\nsecret = "S-HUSH"\npassphrase = "P HUSH!"\n'
OTHER_USER = 12_345


def account(credentials: str) -> AccountConfig:
    return good(ACCOUNT.replace('"main"', f'"{credentials}"')).accounts[AccountName("main")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "main.toml"
    path.write_text(GOOD)
    path.chmod(0o600)
    return path


def read(file: Path, environ: dict[str, str] | None = None) -> Credentials | list[ConfigMistake]:
    return read_credentials(account(f"./{file.name}"), file.parent / "canceld.toml", environ or {})


def mistake(file: Path) -> str:
    found = read(file)
    assert isinstance(found, list)
    assert [one.path for one in found] == ["accounts.main.credentials"]
    assert "HUSH" not in str(found[0])
    return str(found[0])


def test_a_path_is_relative_to_the_configuration(file: Path) -> None:
    assert read(file) == Credentials(Secret("K-HUSH"), Secret("S-HUSH"), Secret("P HUSH!"))


def test_an_absolute_path_stays_as_it_is(file: Path) -> None:
    found = read_credentials(account(str(file)), Path("/etc/canceld/canceld.toml"), {})
    assert isinstance(found, Credentials)


def test_a_name_is_looked_up_in_systemds_folder(file: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(file.parent)}
    assert isinstance(read_credentials(account("main.toml"), Path("/etc/c.toml"), environ), Credentials)


def test_a_path_does_not_look_into_systemds_folder(file: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(file.parent)}
    assert locate_credentials(account("./main.toml"), Path("/etc/c.toml"), environ) == Path("/etc/main.toml")


def test_a_name_without_systemds_folder_is_a_mistake() -> None:
    found = read_credentials(account("main"), Path("/etc/c.toml"), {})
    assert isinstance(found, list)
    assert "LoadCredential=main:FILE, or write a path with a /" in found[0].fix


def test_a_passphrase_is_needed_where_the_venue_takes_one(file: Path) -> None:
    taking = msgspec.structs.replace(account(f"./{file.name}"), takes_passphrase=True)
    assert isinstance(read_credentials(taking, file.parent / "canceld.toml", {}), Credentials)
    for text, what in (("", "has no passphrase; add the line"), ('passphrase = ""', "the passphrase in ")):
        file.write_text(f'key = "K"\nsecret = "S"\n{text}')
        found = read_credentials(taking, file.parent / "canceld.toml", {})
        assert isinstance(found, list)
        assert what in str(found[0])


def test_the_venues_that_take_a_passphrase_say_so() -> None:
    taking = {name for name, make in VENUES.items() if make(Profile()).traits.takes_passphrase}
    assert taking == {"okx", "okx_spread", "bitget", "bitget_uta"}


def test_a_passphrase_may_be_absent(file: Path) -> None:
    file.write_text('key = "K"\nsecret = "S"\n')
    assert read(file) == Credentials(Secret("K"), Secret("S"), Secret(""))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o777, 0o420])
def test_a_file_that_others_can_use_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert f"has mode {mode:04o}" in mistake(file)


@pytest.mark.parametrize(("mode", "is_good"), [(0o400, True), (0o440, True), (0o460, False), (0o444, False)])
def test_systemds_own_copies_show_their_access_list_as_the_groups_bit(file: Path, mode: int, is_good: bool) -> None:
    file.chmod(mode)
    environ = {"CREDENTIALS_DIRECTORY": str(file.parent)}
    found = read_credentials(account("main.toml"), Path("/etc/c.toml"), environ)
    assert isinstance(found, Credentials) == is_good


def test_a_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(file, OTHER_USER, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: OTHER_USER)
    assert "belongs to user" in mistake(file)


def test_a_file_of_root_is_taken(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "geteuid", lambda: OTHER_USER)
    assert isinstance(read(file), Credentials)


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in mistake(tmp_path / "main.toml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "main.toml").mkdir()
    assert "main.toml" in mistake(tmp_path / "main.toml")


def test_a_fifo_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "main.toml", 0o600)
    assert "is not a regular file" in mistake(tmp_path / "main.toml")


def test_a_huge_file_is_refused(file: Path) -> None:
    file.write_text(GOOD + "#" * 65_536)
    assert "larger than 65536 bytes" in mistake(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('secret = "S-HUSH"', 'has no key; add the line key = "…"'),
        ('key = "K-HUSH"', "has no secret"),
        (GOOD + 'HUSH = "x"', "holds keys other than key, secret, passphrase"),
        (GOOD.replace('"K-HUSH"', "7"), "the key in"),
        (GOOD.replace('"K-HUSH"', '""'), "the key in"),
        (GOOD.replace('"K-HUSH"', '" K-HUSH"'), "the key in"),
        (GOOD.replace("S-HUSH", "S-HUSH\\n"), "the secret in"),
        (GOOD.replace("S-HUSH", "S\\r\\nX-HUSH: 1"), "the secret in"),
        (GOOD.replace("S-HUSH", "HUSHé"), "the secret in"),
        (GOOD.replace("S-HUSH", "HUSH" * 300), "the secret in"),
        ("key = HUSH", "is not TOML (at line 1, column"),
        ('key = "HUSH"\nkey = "HUSH"', "is not TOML (at end of document)"),
        ("HUSH = " + "[" * 5000, "is not TOML"),
        ("HUSH = " + "9" * 5000, "is not TOML"),
    ],
)
def test_what_stands_in_the_file_is_judged_without_being_shown(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    assert words in mistake(file)


def test_a_file_that_is_not_utf8_is_refused_without_being_shown(file: Path) -> None:
    file.write_bytes(b'key = "HUSH\xff"')
    assert "is not TOML" in mistake(file)


def test_all_mistakes_of_a_file_are_listed(file: Path) -> None:
    file.write_text('passphrase = 3\nother = "HUSH"\n')
    found = read(file)
    assert isinstance(found, list)
    text = "\n".join(map(str, found))
    assert len(found) == 4
    assert all(words in text for words in ("no key", "no secret", "the passphrase", "other than"))
    assert "HUSH" not in text


def test_credentials_show_dots(file: Path) -> None:
    assert "HUSH" not in f"{read(file)} {read(file)!r}"
