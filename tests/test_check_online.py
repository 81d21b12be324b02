"""`canceld check --online` says of each account what its venue says and what to do about it, and cancels nothing."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import msgspec
import pytest

from daemon import cli
from daemon.check_online import check_online
from daemon.sim.registry import VENUES, build
from daemon.sim.shell import serve
from daemon.sim.venue import Credentials
from protocols.venues.okx.dialect import OkxTrade
from tests.scraping import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.sim.venue import SimVenue

GOOD = 'key = "sim-key"\nsecret = "sim-secret"\npassphrase = "sim-pass"\n'
SAYS_PERMISSIONS = {"okx": "read_only trade", "okx_spread": "read_only trade", "bitget": "coow stow"}


class Host:
    """A configuration of some accounts at simulated venues."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "canceld.toml"
        self.path.write_text('[daemon]\nsocket = "./c.sock"\njournal = "./j.sqlite"\n')

    def add(self, name: str, venue: str, url: str, credentials: str = GOOD, more: str = "") -> None:
        key = self.folder / f"{name}.toml"
        key.touch(mode=0o600)
        key.write_text(credentials)
        ws = url.replace("http", "ws", 1)
        account = f'[accounts.{name}]\nvenue = "{venue}"\ncredentials = "./{name}.toml"\n'
        with self.path.open("a") as config:
            config.write(f'{account}endpoints = {{ rest = "{url}", ws = "{ws}" }}\n{more}')

    async def check(self, wait_s: float = 20.0) -> tuple[int, list[str]]:
        out = io.StringIO()
        code = await asyncio.to_thread(check_online, self.path, out, {}, wait_s)
        return code, out.getvalue().splitlines()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def a_venue(name: str, faults: str = "") -> SimVenue:
    return build(name, credentials=Credentials(), seed=7, faults=faults)


def line_about(lines: list[str], about: str) -> str:
    (found,) = [line.strip() for line in lines if line.startswith(f"  {about} ")]
    return found


@pytest.mark.parametrize("name", sorted(VENUES))
async def test_a_key_that_is_taken_is_told_with_all_that_its_venue_says(host: Host, name: str) -> None:
    venue = a_venue(name)
    async with serve(venue, "127.0.0.1", 0) as server:
        host.add("main", name, server.url)
        code, lines = await host.check()
    assert code == 0, lines
    assert f"account main: asked {name}, live" in lines
    assert "the venue's is " in line_about(lines, "clock")
    assert line_about(lines, "key").endswith(SAYS_PERMISSIONS.get(name, "not told by this venue"))
    assert line_about(lines, "pushes").endswith("are live")
    assert "would go by " in line_about(lines, "cancels")
    assert all(line.endswith(": live") for line in lines if line.startswith("  login "))
    if name == "okx":
        assert line_about(lines, "instruments").split()[1].isdigit()
    assert not any(word in line for line in lines for word in ("sim-key", "sim-secret", "sim-pass"))
    assert not (host.folder / "j.sqlite").exists()
    assert not (host.folder / "c.sock").exists()


async def test_no_cancel_is_sent(host: Host) -> None:
    from daemon.demo.door import Door

    async with serve(a_venue("okx"), "127.0.0.1", 0) as server:
        door = Door(server.url)
        await door.place([{"instrument": "BTC-USDT", "side": "buy", "price": "1", "qty": "1"}])
        host.add("main", "okx", server.url)
        assert (await host.check())[0] == 0
        assert (await door.stats()).cancels == {}
        assert [truth.ord_status for truth in (await door.truths()).values()] == ["new"]
        await door.close()


async def test_a_refused_key_is_a_mistake_that_outweighs_a_venue_out_of_reach(host: Host) -> None:
    async with serve(a_venue("okx"), "127.0.0.1", 0) as server:
        host.add("nowhere", "okx", f"http://127.0.0.1:{free_port()}")
        assert (await host.check())[0] == 1
        host.add("wrong", "okx", server.url, GOOD.replace("sim-secret", "another"))
        code, lines = await host.check()
    assert code == 2
    assert (
        "  key          the venue refused the credentials: 50113 Invalid Sign; put the right key into ./wrong.toml"
        in (lines)
    )


async def test_a_key_that_may_not_trade_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = msgspec.structs.replace(OkxTrade.traits, trade_permission="trade_more")
    monkeypatch.setattr(OkxTrade, "traits", needs)
    async with serve(a_venue("okx"), "127.0.0.1", 0) as server:
        host.add("main", "okx", server.url)
        code, lines = await host.check()
    assert code == 2
    assert "  key          it may not cancel; give it the permission 'trade_more' at the venue" in lines


async def test_a_venue_out_of_reach_says_which_way_was_tried(host: Host) -> None:
    host.add("nowhere", "okx", f"http://127.0.0.1:{free_port()}")
    code, lines = await host.check()
    assert code == 1
    assert "the venue was not reached by REST: Connection refused" in line_about(lines, "clock")
    assert "socket private: not live: Connection refused" in line_about(lines, "login")
    assert not any("would go by" in line for line in lines)


async def test_a_key_that_the_service_manager_brings_cannot_be_asked_about_outside_of_it(host: Host) -> None:
    with host.path.open("a") as config:
        config.write('[accounts.main]\nvenue = "okx"\ncredentials = "main"\n')
    code, lines = await host.check()
    assert code == 1
    assert "lies under $CREDENTIALS_DIRECTORY; run this with that variable set" in line_about(lines, "key")


async def test_a_mistake_in_the_file_asks_nobody(host: Host) -> None:
    with host.path.open("a") as config:
        config.write('[accounts.main]\nvenue = "okx"\ncredentials = "./missing.toml"\n')
    code, lines = await host.check()
    assert code == 2
    assert not any("asked" in line for line in lines)


async def test_pushes_that_do_not_come_are_told(host: Host) -> None:
    async with serve(a_venue("okx", "AUTH_SLOW(60000):1"), "127.0.0.1", 0) as server:
        host.add("main", "okx", server.url)
        code, lines = await host.check(wait_s=2)
    assert code == 1
    assert "socket private: not live" in line_about(lines, "login")
    assert line_about(lines, "key").startswith("key          user ")


def test_the_command_has_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none.toml"
    assert cli.main(["check", "--online", "--config", str(missing)]) == 2
    assert str(missing) in capsys.readouterr().out
