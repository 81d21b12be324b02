"""`canceld check`: a short summary of a good configuration, a line for each mistake of a bad one."""

from __future__ import annotations

import io
import os
import socket
from typing import TYPE_CHECKING

import pytest

from daemon.check import check
from tests.configs import VENUES

if TYPE_CHECKING:
    from pathlib import Path

KEY = 'key = "K-HUSH"\nsecret = "S-HUSH"\npassphrase = "P-HUSH"\n'
GOOD = """
[daemon]
socket = "c.sock"
journal = "j.sqlite"
[accounts.main]
venue = "spot"
credentials = "./main.toml"
"""


class Host:
    """A folder with a configuration and a credentials file in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.credentials = folder / "main.toml"
        self.credentials.touch(0o600)
        self.credentials.write_text(KEY)

    def check(self, text: str = GOOD, environ: dict[str, str] | None = None) -> tuple[int, list[str]]:
        file = self.folder / "canceld.toml"
        file.write_text(text)
        out = io.StringIO()
        code = check(file, out, environ or {}, VENUES)
        assert "HUSH" not in out.getvalue()
        return code, out.getvalue().splitlines()

    def only_mistake(self, text: str = GOOD, environ: dict[str, str] | None = None) -> str:
        code, lines = self.check(text, environ)
        assert (code, len(lines)) == (2, 1), lines
        return lines[0]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_good_configuration_is_summed_up(host: Host) -> None:
    code, lines = host.check(GOOD + '[access]\n"user:root" = { role = "cancel", accounts = ["main"] }\n')
    assert code == 0
    assert lines == [
        f"{host.folder}/canceld.toml: good",
        f"socket {host.folder}/c.sock",
        f"journal {host.folder}/j.sqlite (durability receipt, on failure serve)",
        "account main: spot, live, order entry ws_then_rest",
        "access user:root: cancel at main",
    ]


def test_the_summary_tells_what_is_out_of_the_ordinary(host: Host) -> None:
    text = GOOD.replace("[accounts", 'metrics = "127.0.0.1:9464"\n[accounts') + (
        'endpoints = { rest = "https://x", ws = "wss://y" }\nproxy = "http://p:1"\nsource_address = "127.0.0.1"\n'
        '[access]\n"group:nobody-knows-it" = { role = "observe" }\n"user:4242" = { role = "admin" }'
    )
    code, lines = host.check(text)
    account = "account main: spot, live, order entry ws_then_rest"
    assert code == 0
    assert lines[3:] == [
        "metrics http://127.0.0.1:9464/metrics",
        f"{account}, at https://x and wss://y, through http://p:1, from 127.0.0.1",
        "access group:nobody-knows-it (not known on this host): observe at every account",
        "access user:4242: admin at every account",
    ]


def test_mistakes_of_the_file_come_one_a_line(host: Host) -> None:
    code, lines = host.check("[daemon]\nsocket = 5\njournal = 'j.sqlite'\n[accounts.main]\nvenue = 'spot'\n")
    assert code == 2
    assert lines == [
        "daemon.socket: is a whole number; write a text in quotes",
        'accounts.main.credentials: is missing; add credentials = "…"',
    ]


def test_mistakes_of_the_host_and_of_credentials_come_together(host: Host) -> None:
    host.credentials.chmod(0o644)
    text = GOOD.replace("c.sock", "run/c.sock").replace("j.sqlite", "lib/j.sqlite") + 'ca_file = "ca.pem"\n'
    code, lines = host.check(text)
    assert code == 2
    assert [line.partition(":")[0] for line in lines] == [
        "daemon.socket",
        "daemon.journal",
        "accounts.main.ca_file",
        "accounts.main.credentials",
    ]


def test_mistakes_of_the_file_hide_none_of_the_host_and_of_the_credentials(host: Host) -> None:
    host.credentials.chmod(0o644)
    text = GOOD.replace("j.sqlite", "lib/j.sqlite").replace('venue = "spot"', 'venue = "spot"\nenvironment = "demo"')
    code, lines = host.check(text + 'ca_file = "ca.pem"\nhorizon_s = 0\norder_entry = "w"\n')
    assert code == 2
    assert [line.partition(":")[0] for line in lines] == [
        "accounts.main.horizon_s",
        "accounts.main.order_entry",
        "accounts.main.environment",
        "daemon.journal",
        "accounts.main.ca_file",
        "accounts.main.credentials",
    ]


def test_where_a_default_stands_in_for_a_mistake_nothing_is_said_of_it(host: Host) -> None:
    _, lines = host.check('daemon = 5\n[accounts.main]\nvenue = 7\ncredentials = ""\n')
    assert [line.partition(":")[0] for line in lines] == ["daemon", "accounts.main.venue", "accounts.main.credentials"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    out = io.StringIO()
    assert check(tmp_path / "no.toml", out, {}, VENUES) == 2
    assert "cannot be read: No such file" in out.getvalue()


def test_a_folder_that_is_a_file_is_told(host: Host) -> None:
    assert "main.toml is no folder" in host.only_mistake(GOOD.replace("c.sock", "main.toml/c.sock"))


def test_a_file_in_the_place_of_the_socket_is_told(host: Host) -> None:
    (host.folder / "c.sock").touch()
    assert "exists and is no socket" in host.only_mistake()


def test_a_socket_in_its_place_is_good(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(host.folder)  # a socket's path is short, a test's folder is not
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("c.sock")
        assert host.check()[0] == 0


def test_a_folder_in_the_place_of_the_journal_is_told(host: Host) -> None:
    (host.folder / "j.sqlite").mkdir()
    assert "exists and is no regular file" in host.only_mistake()


def test_a_ca_file_without_a_certificate_is_told(host: Host) -> None:
    (host.folder / "ca.pem").write_text("nothing")
    assert "holds no certificate; name a PEM file" in host.only_mistake(GOOD + 'ca_file = "ca.pem"')


def test_a_missing_ca_file_is_told(host: Host) -> None:
    assert "ca.pem cannot be read: No such file" in host.only_mistake(GOOD + 'ca_file = "ca.pem"')


def test_a_source_address_of_another_host_is_told(host: Host) -> None:
    line = host.only_mistake(GOOD + 'source_address = "192.0.2.7"')
    assert line.startswith("accounts.main.source_address: 192.0.2.7 cannot be used on this host")


def test_a_missing_credentials_file_is_told(host: Host) -> None:
    host.credentials.unlink()
    assert host.only_mistake().startswith("accounts.main.credentials: ")


def test_a_name_that_only_systemd_resolves_is_no_mistake_outside_of_it(host: Host) -> None:
    code, lines = host.check(GOOD.replace("./main.toml", "main"))
    assert code == 0
    assert "  credentials main: not looked at, $CREDENTIALS_DIRECTORY is not set here" in lines


def test_a_copy_that_systemd_makes_is_said_to_need_a_restart(host: Host) -> None:
    environ = {"CREDENTIALS_DIRECTORY": os.fspath(host.folder)}
    said = "systemd copies them at start, so a new key needs a restart"
    for text, expected in ((GOOD.replace("./main.toml", "main.toml"), True), (GOOD, False)):
        _, lines = host.check(text, environ)
        assert any(said in line for line in lines) is expected


def test_a_name_that_systemd_resolves_is_looked_at_under_it(host: Host) -> None:
    environ = {"CREDENTIALS_DIRECTORY": os.fspath(host.folder)}
    assert host.check(GOOD.replace("./main.toml", "main.toml"), environ)[0] == 0
    host.credentials.unlink()
    assert "cannot be read" in host.only_mistake(GOOD.replace("./main.toml", "main.toml"), environ)


def test_a_path_without_its_slash_is_told(host: Host) -> None:
    line = host.only_mistake(GOOD.replace("./main.toml", "main.toml"))
    assert 'write "./main.toml" for that file' in line


def test_a_file_of_another_kind_in_the_place_of_the_journal_is_told(host: Host) -> None:
    (host.folder / "j.sqlite").write_text("notes")
    assert "holds something else than a journal; choose another path" in host.only_mistake()
    (host.folder / "j.sqlite").write_bytes(b"SQLite format 3\0 and more")
    assert host.check()[0] == 0


def test_a_key_that_two_accounts_have_is_told(host: Host) -> None:
    second = '[accounts.second]\nvenue = "{}"\ncredentials = "./main.toml"\n'
    line = host.only_mistake(GOOD + second.format("spot"))
    assert line == (
        "accounts.second.credentials: the key is that of accounts.main too, and spot counts its limits for both "
        "together; make one account of the two, or give this one another user's key"
    )
    assert host.check(GOOD + second.format("lines"))[0] == 0  # another venue, other limits
    (host.folder / "second.toml").touch(0o600)
    (host.folder / "second.toml").write_text(KEY.replace("K-HUSH", "K2-HUSH"))
    assert host.check(GOOD + second.format("spot").replace("./main", "./second"))[0] == 0
