"""How a daemon starts, or does not: mistakes listed, one daemon a journal, and keys that the venue does not take."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from daemon.sim.shell import serve
from daemon.sim.venues.okx.auth import Gate
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.system.rig import QUICK, ROOT, WAIT_S, Daemon, account_table, until, world, write_credentials

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.sim.wire import JsonObject
    from tests.system.rig import Client, World

BAD = """
[daemon]
socket = "./canceld.sock"
journal = "./journal.sqlite"
durabilty = "strict"
horizon_s = 1
settle_ms = 5000
metrics = "0.0.0.0:9464"

[access]
trader = { role = "cancel" }
"user:root" = { role = "king" }

[accounts.a]
venue = "okex"
credentials = "./okx.toml"

[accounts.b]
venue = "okx"
secret = "hunter2hunter2"
endpoints = { rest = "http://www.okx.com", ws = "ws://192.0.2.1:80" }

[accounts.c]
venue = "okx"
credentials = "./okx.toml"
order_entry = "both"
"""
WANTED = (
    "daemon.durabilty",
    "daemon.metrics",
    "access.trader",
    'access."user:root".role',
    "accounts.a.venue",
    "accounts.b.secret",
    "accounts.b.credentials",
    "accounts.b.endpoints.rest",
    "accounts.b.endpoints.ws",
    "accounts.c.order_entry",
)


async def canceld(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command to its end; gives its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon.cli", *arguments, cwd=ROOT, env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(WAIT_S):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.parametrize("command", ["run", "check"])
async def test_every_mistake_of_a_configuration_is_listed_by_its_path_and_nothing_is_started(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / "canceld.toml").write_text(BAD)
    code, said = await canceld(command, "--config", str(tmp_path / "canceld.toml"))
    assert code == 2
    assert [path for path in WANTED if f"\n{path}: " not in f"\n{said}"] == [], said
    assert "hunter2" not in said
    assert not (tmp_path / "journal.sqlite").exists()


async def test_what_is_missing_on_the_host_is_listed_too(tmp_path: Path) -> None:
    write_credentials(tmp_path / "okx.toml")
    (tmp_path / "canceld.toml").write_text(
        '[daemon]\nsocket = "./missing/canceld.sock"\njournal = "./gone/journal.sqlite"\n'
        '[accounts.c]\nvenue = "okx"\ncredentials = "./okx.toml"\nca_file = "./none.pem"\n'
    )
    code, said = await canceld("run", "--config", str(tmp_path / "canceld.toml"))
    assert code == 2
    for path in ("daemon.socket", "daemon.journal", "accounts.c.ca_file"):
        assert f"{path}:" in said


async def test_a_configuration_that_is_no_toml_or_not_there_exits_with_two(tmp_path: Path) -> None:
    (tmp_path / "canceld.toml").write_text("[daemon\n")
    for name in ("canceld.toml", "none.toml"):
        code, said = await canceld("run", "--config", str(tmp_path / name))
        assert (code, bool(said.strip())) == (2, True)
        assert "Traceback" not in said


async def test_a_second_daemon_names_the_first_ones_pid_and_does_it_no_harm(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        assert it.daemon.process is not None
        for name in ("canceld.toml", "other.toml"):
            text = (tmp_path / "canceld.toml").read_text()
            (tmp_path / name).write_text(text if name == "canceld.toml" else text.replace("canceld.sock", "other.sock"))
            code, said = await canceld("run", "--config", str(tmp_path / name))
            assert code == 1
            assert f"pid {it.daemon.process.pid}" in said
            assert "Traceback" not in said
        assert not (tmp_path / "other.sock").exists()
        (order_id,) = await it.rest(1)
        assert (await it.canceled(client, order_id))["outcome"] == "canceled"


async def test_a_second_daemon_at_the_same_socket_is_refused_too(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        text = (tmp_path / "canceld.toml").read_text()
        (tmp_path / "other.toml").write_text(text.replace("journal.sqlite", "other.sqlite"))
        code, said = await canceld("run", "--config", str(tmp_path / "other.toml"))
        assert code == 2
        assert "another process listens" in said
        assert await client.result("ping")
        await (await it.client()).result("ping")


# ---------------------------------------------------------------- keys


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often each key asked to log in."""
    counts: dict[str, int] = {}
    judge = Gate.login_problem

    def counted(self: Gate, arg: JsonObject, now_us: int) -> str | None:
        key = str(arg.get("apiKey"))
        counts[key] = counts.get(key, 0) + 1
        return judge(self, arg, now_us)

    monkeypatch.setattr(Gate, "login_problem", counted)
    return counts


def add_account(folder: Path, name: str, url: str, credentials: str, more: str = "") -> None:
    with (folder / "canceld.toml").open("a") as file:
        file.write("\n" + account_table(name, url, more, credentials=credentials))


async def cancel_some(it: World, client: Client, count: int) -> None:
    """Cancel orders of the good account, with questions, so that a while passes."""
    it.faults(f"ACK_OK_NO_PUSHx{count}")
    for order_id in await it.rest(count):
        assert (await it.canceled(client, order_id))["outcome"] == "canceled"


@pytest.mark.parametrize(
    "wrong", [{"key": "nobodys"}, {"secret": "guessed"}, {"passphrase": "guessed"}], ids=["key", "secret", "passphrase"]
)
async def test_wrong_credentials_cost_their_account_alone_until_they_are_rotated(
    tmp_path: Path, logins: dict[str, int], wrong: dict[str, str]
) -> None:
    other = OkxVenue(OkxOptions(seed=8))
    async with world(tmp_path) as it, serve(other, "127.0.0.1", 0) as server:
        write_credentials(tmp_path / "second.toml", **wrong)
        add_account(tmp_path, "second", server.url, "./second.toml")
        client = await it.started()
        said = await it.status(client, lambda now: now["state"] == "auth_failed", "second")
        assert said["cancel_ready"] is False
        assert "auth_failed" in {alarm["name"] for alarm in said["alarms"]}
        before = dict(logins)
        for number in range(100):
            reply = await client.call("cancel", account="second", instrument="BTC-USDT", order_id=f"{number}")
            data = reply["error"]["data"]
            assert (data["reason"], data["state"]) == ("account_not_ready", "auth_failed")
        await cancel_some(it, client, 6)
        assert other.floor.stats.cancels == {}
        tried = {key: count - before.get(key, 0) for key, count in logins.items()}
        assert sum(logins.values()) <= 4, (logins, tried)

        write_credentials(tmp_path / "second.toml")
        assert it.daemon.process is not None
        os.kill(it.daemon.process.pid, signal.SIGHUP)
        healed = await it.status(client, lambda now: now["state"] == "ready" and now["drop_copy"] == "live", "second")
        assert "auth_failed" not in {alarm["name"] for alarm in healed["alarms"]}
        sent = await client.call("cancel", account="second", instrument="BTC-USDT", order_id="1")
        assert sent["result"]["outcome"] == "unknown_order"
        await cancel_some(it, client, 1)


async def test_a_missing_credentials_file_costs_its_account_alone_until_it_is_there(tmp_path: Path) -> None:
    other = OkxVenue(OkxOptions(seed=8))
    async with world(tmp_path) as it, serve(other, "127.0.0.1", 0) as server:
        add_account(tmp_path, "second", server.url, "./second.toml")
        client = await it.started()
        said = await it.status(client, lambda now: now["state"] == "auth_failed", "second")
        assert any("second.toml" in alarm["detail"] for alarm in said["alarms"])
        reply = await client.call("cancel", account="second", instrument="BTC-USDT", order_id="1")
        assert reply["error"]["data"]["reason"] == "account_not_ready"
        assert "second.toml" in reply["error"]["message"]
        await cancel_some(it, client, 2)
        write_credentials(tmp_path / "second.toml")
        assert it.daemon.process is not None
        os.kill(it.daemon.process.pid, signal.SIGHUP)
        await it.status(client, lambda now: now["state"] == "ready", "second")


@pytest.mark.parametrize("mode", [0o644, 0o640])
async def test_credentials_that_others_can_read_are_not_used(tmp_path: Path, mode: int) -> None:
    async with world(tmp_path) as it:
        (tmp_path / "okx.toml").chmod(mode)
        await it.daemon.start()
        client = await it.client()
        said = await it.status(client, lambda now: now["state"] == "auth_failed")
        assert any("okx.toml" in alarm["detail"] for alarm in said["alarms"])
        assert "sim-secret" not in json.dumps(said)


async def test_a_venue_that_is_not_there_leaves_the_account_connecting_and_the_rest_well(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        write_credentials(tmp_path / "second.toml")
        add_account(
            tmp_path, "second", "http://127.0.0.1:9", "./second.toml", f"{QUICK}settle_ms = 100\nhorizon_s = 0.3\n"
        )
        client = await it.started()
        reply = await client.call(
            "cancel", account="second", instrument="BTC-USDT", order_id="1", deadline_ms=50, request_id="r"
        )
        assert reply["result"]["outcome"] == "not_sent"
        reply = await client.call("cancel", account="second", instrument="BTC-USDT", order_id="2")
        assert (reply["result"]["outcome"], reply["result"]["times"]["forwarded"]) == ("in_doubt", None)
        await cancel_some(it, client, 1)
        assert await it.daemon.stop() == 0


async def test_a_daemon_that_died_leaves_a_socket_and_a_lock_that_do_not_keep_the_next_one_out(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.started()
        await it.daemon.stop(signal.SIGKILL)
        assert it.daemon.socket.exists()
        client = await it.started()
        await cancel_some(it, client, 1)
        assert await it.daemon.stop() == 0
        assert not it.daemon.socket.exists()
        again = Daemon(tmp_path)
        await again.start()
        await until(again.socket.exists)
        assert await again.stop() == 0
