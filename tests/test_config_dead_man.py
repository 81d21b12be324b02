"""The ``dead_man`` table: what it means, and what `check` refuses before a venue could cancel everything by mistake."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daemon.check import UNIT_WATCHDOG_S, check
from daemon.config import Config, loads
from daemon.config.model import DeadManConfig
from protocols.fix import AccountName
from tests.system.rig import ROOT, write_credentials

if TYPE_CHECKING:
    from protocols.errors import ConfigMistake

AT = Path("/etc/canceld/canceld.toml")


def account(venue: str = "okx", dead_man: str = "", name: str = "main", more: str = "") -> str:
    return f'[accounts.{name}]\nvenue = "{venue}"\ncredentials = "./{name}.toml"\n{more}\n' + (
        f"[accounts.{name}.dead_man]\n{dead_man}\n" if dead_man else ""
    )


def read(text: str) -> DeadManConfig | None:
    config = loads(text, AT)
    assert isinstance(config, Config), [str(mistake) for mistake in config]
    return config.accounts[AccountName("main")].dead_man


def only_mistake(text: str) -> ConfigMistake:
    found = loads(text, AT)
    assert isinstance(found, list), found
    assert len(found) == 1, [str(mistake) for mistake in found]
    return found[0]


def test_without_the_table_the_switch_is_left_alone() -> None:
    assert read(account()) is None


def test_owning_the_timer_has_to_be_said() -> None:
    assert read(account(dead_man="timeout_s = 60")) == DeadManConfig(60, is_owner=False)
    assert read(account(dead_man="owner = true")) == DeadManConfig(30, is_owner=True)
    assert read(account(dead_man='owner = true\ntag = "mm1"')) == DeadManConfig(30, is_owner=True, tag="mm1")


@pytest.mark.parametrize(
    ("venue", "dead_man", "path", "says"),
    [
        ("bitget", "owner = true", "dead_man", "a classic account has none"),
        ("okx", "timeout_s = 9\nowner = true", "dead_man.timeout_s", "write 10 to 120"),
        ("okx", "timeout_s = 121", "dead_man.timeout_s", "write 10 to 120"),
        ("okx_spread", "timeout_s = 5", "dead_man.timeout_s", "write 10 to 120"),
        ("bitget_uta", "timeout_s = 61", "dead_man.timeout_s", "write 5 to 60"),
        ("htx", "timeout_s = 4", "dead_man.timeout_s", "write 5 to 120"),
        ("bingx", "timeout_s = 5", "dead_man.timeout_s", "write 10 to 120"),
        ("bingx", 'tag = "mm1"', "dead_man.tag", "leave it out"),
        ("okx", 'tag = "mm-1"', "dead_man.tag", "is no tag"),
        ("okx", 'tag = "abcdefghijklmnopq"', "dead_man.tag", "is no tag"),
        ("okx", 'owner = "yes"', "dead_man.owner", "true or false"),
        ("okx", "timeout_s = 0", "dead_man.timeout_s", "out of bounds"),
        ("okx", "armed = true", "dead_man.armed", "is not a known key"),
    ],
)
def test_a_mistake_is_refused_where_it_stands(venue: str, dead_man: str, path: str, says: str) -> None:
    found = only_mistake(account(venue, dead_man))
    assert found.path == f"accounts.main.{path}"
    assert says in str(found)


def test_two_accounts_of_one_file_with_one_key_cannot_own_one_timer() -> None:
    two = account(dead_man="owner = true") + account(dead_man="owner = true", name="other")
    two = two.replace("./other.toml", "./main.toml")
    found = only_mistake(two)
    assert found.path == "accounts.other.dead_man.owner"
    assert "accounts.main owns the same timer" in found.what
    assert isinstance(loads(two.replace("owner = true", "owner = false", 1), AT), Config)
    tagged = two.replace("[accounts.other.dead_man]", '[accounts.other.dead_man]\ntag = "mm1"')
    assert isinstance(loads(tagged, AT), Config)
    spread = two.replace('[accounts.other]\nvenue = "okx"', '[accounts.other]\nvenue = "okx_spread"')
    assert isinstance(loads(spread, AT), Config)


# ---------------------------------------------------------------- what the host adds

DAEMON = '[daemon]\nsocket = "c.sock"\njournal = "j.sqlite"\n'


def checked(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    (folder / "canceld.toml").write_text(DAEMON + text)
    out = io.StringIO()
    check(folder / "canceld.toml", out, environ or {})
    return out.getvalue().splitlines()


def test_another_instance_beside_it_cannot_own_the_same_timer(tmp_path: Path) -> None:
    write_credentials(tmp_path / "main.toml")
    one = account(dead_man="owner = true")
    (tmp_path / "second.toml").write_text(DAEMON.replace("c.sock", "d.sock") + one)
    (line,) = checked(tmp_path, one)
    assert line.startswith("accounts.main.dead_man.owner: accounts.main in ")
    assert str(tmp_path / "second.toml") in line
    other = one.replace("./main.toml", "./copy.toml")
    write_credentials(tmp_path / "copy.toml")
    (tmp_path / "second.toml").write_text(DAEMON + other)
    assert "owns the same timer" in checked(tmp_path, one)[0]
    (tmp_path / "copy.toml").unlink()
    write_credentials(tmp_path / "copy.toml", key="another")
    assert checked(tmp_path, one)[0].endswith("good")
    (tmp_path / "second.toml").write_text(DAEMON + account(dead_man="owner = false"))
    assert checked(tmp_path, one)[0].endswith("good")


def test_a_watchdog_that_is_not_much_shorter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_credentials(tmp_path / "main.toml")
    monkeypatch.setattr("daemon.check.UNIT_FOLDERS", (tmp_path / "nowhere", tmp_path))
    (tmp_path / "canceld@.service").touch()
    (line,) = checked(tmp_path, account(dead_man="owner = true\ntimeout_s = 19"))
    assert line.startswith("accounts.main.dead_man.timeout_s: 19 s is too short for the watchdog's 10 s")
    assert "write at least 20" in line
    for environ in ({"WATCHDOG_USEC": "9000000"}, {"WATCHDOG_USEC": "0"}):
        assert checked(tmp_path, account(dead_man="owner = true\ntimeout_s = 19"), environ)[0].endswith("good")
    assert checked(tmp_path, account(dead_man="timeout_s = 19"))[0].endswith("good")


def test_where_no_unit_is_installed_no_watchdog_is_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_credentials(tmp_path / "main.toml")
    monkeypatch.setattr("daemon.check.UNIT_FOLDERS", (tmp_path,))
    lines = checked(tmp_path, account(dead_man="owner = true\ntimeout_s = 10"))
    assert lines[0].endswith("good")
    assert any(line.endswith("a watchdog may have 5 s at most") for line in lines)


def test_the_watchdog_that_is_assumed_is_the_units() -> None:
    unit = (ROOT / "systemd" / "canceld.service").read_text()
    found = re.search(r"^WatchdogSec=(\d+)$", unit, re.MULTILINE)
    assert found
    assert float(found[1]) == UNIT_WATCHDOG_S


def test_check_tells_what_the_switch_will_cancel(tmp_path: Path) -> None:
    write_credentials(tmp_path / "main.toml")
    lines = checked(tmp_path, account(dead_man='owner = true\ntag = "mm1"'))
    assert any("dead-man switch: 30 s, tag mm1; cancels every order with this tag" in line for line in lines)
    lines = checked(tmp_path, account(dead_man="timeout_s = 30"))
    assert any("left to another owner" in line for line in lines)
