"""The daemon under a service manager that the test plays: readiness, reload, watchdog, a socket that outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from tests.system.rig import ROOT, WAIT_S, Client, Daemon, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.system.rig import World

AS_FD_3 = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
"""Passes a socket as systemd does: as descriptor 3, to the process id that it is for."""
SECOND = """
[accounts.okx-second]
venue = "okx"
credentials = "./second.toml"
endpoints = {{ rest = "{url}", ws = "{ws}" }}
"""


class ServiceManager:
    """Hears datagrams, and keeps a listening socket."""

    def __init__(self, folder: Path) -> None:
        self.heard: list[str] = []
        self._path = folder / "notify"
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(os.fspath(self._path))
        self._ear.setblocking(False)
        self._news = asyncio.Condition()
        self._pump = asyncio.get_running_loop().create_task(self._listen())
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door_path = folder / "canceld.sock"

    def open_door(self) -> None:
        self.door.bind(os.fspath(self._door_path))
        self.door.listen(64)

    @property
    def environ(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": os.fspath(self._path), "WATCHDOG_USEC": "400000"}

    async def _listen(self) -> None:
        while True:
            said = await asyncio.get_running_loop().sock_recv(self._ear, 8192)
            async with self._news:
                self.heard.append(said.decode())
                self._news.notify_all()

    async def hears(self, word: str, times: int = 1) -> None:
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: sum(word in said for said in self.heard) >= times)

    async def start(self, daemon: Daemon) -> None:
        """Start the daemon with the door passed to it."""
        with (daemon.folder / "canceld.log").open("ab") as log:
            daemon.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", AS_FD_3, str(self.door.fileno()),
                "-m", "daemon.cli", "run", "--config", str(daemon.folder / "canceld.toml"),
                cwd=ROOT, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, **self.environ}, pass_fds=(self.door.fileno(),),
            )  # fmt: skip

    async def close(self) -> None:
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump
        self._ear.close()
        self.door.close()


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[ServiceManager]:
    manager = ServiceManager(tmp_path)
    yield manager
    await manager.close()


@pytest.fixture
def silent_venue() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


def add_second(it: World, url: str) -> None:
    """Add an account whose credentials file is not there."""
    with (it.daemon.folder / "canceld.toml").open("a") as file:
        file.write(SECOND.format(url=url, ws=url.replace("http", "ws", 1)))


def second_key(folder: Path, text: str) -> None:
    file = folder / "second.toml"
    file.touch(mode=0o600)
    file.write_text(text)


KEY = 'key = "sim-key"\nsecret = "sim-secret"\npassphrase = "sim-pass"\n'


async def test_it_is_ready_when_every_account_is_ready_or_refused(tmp_path: Path, manager: ServiceManager) -> None:
    async with world(tmp_path) as it:
        add_second(it, it.url)
        await it.daemon.start(manager.environ)
        await manager.hears("READY=1")
        await manager.hears("okx-main ready by ws, drop copy live")
        ready = manager.heard.index("READY=1")
        before = [said for said in manager.heard[:ready] if said.startswith("STATUS=")]
        assert before[-1].startswith("STATUS=okx-second auth_failed: ")
        assert "okx-main ready" in before[-1]
        assert await it.daemon.stop() == 0
        await manager.hears("STOPPING=1")


async def test_a_silent_venue_holds_readiness_back_for_ready_wait_s_and_no_longer(
    tmp_path: Path, manager: ServiceManager, silent_venue: int
) -> None:
    async with world(tmp_path, extra="ready_wait_s = 0.3\n") as it:
        add_second(it, f"http://127.0.0.1:{silent_venue}")
        second_key(tmp_path, KEY)
        await it.daemon.start(manager.environ)
        await manager.hears("READY=1")
        await manager.hears("okx-second connecting")
        await it.daemon.stop()


async def test_the_watchdog_is_fed_until_the_loop_hangs(tmp_path: Path, manager: ServiceManager) -> None:
    async with world(tmp_path) as it:
        await it.daemon.start(manager.environ)
        await manager.hears("WATCHDOG=1", times=5)
        assert it.daemon.process is not None
        it.daemon.process.send_signal(signal.SIGSTOP)
        it.daemon.process.send_signal(signal.SIGABRT)
        it.daemon.process.send_signal(signal.SIGCONT)
        assert await it.daemon.ended() == -signal.SIGABRT
        log = (tmp_path / "canceld.log").read_text()
        assert "Fatal Python error: Aborted" in log  # where it hung is in the log, by file and line
        assert "sim-secret" not in log


async def test_a_reload_gives_an_account_its_first_key_and_leaves_the_others_alone(
    tmp_path: Path, manager: ServiceManager
) -> None:
    async with world(tmp_path) as it:
        add_second(it, it.url)
        await it.daemon.start(manager.environ)
        client = await it.client()
        await it.ready(client)
        await client.result("subscribe", topics=["sessions"])
        second_key(tmp_path, KEY)
        await manager.hears("READY=1")
        assert it.daemon.process is not None
        it.daemon.process.send_signal(signal.SIGHUP)
        await manager.hears("RELOADING=1\nMONOTONIC_USEC=")
        await manager.hears("READY=1", times=2)
        await manager.hears("okx-second ready by ws, drop copy live")
        await client.result("ping")
        touched = {note["params"]["account"] for note in client.notified if note["method"] == "session"}
        assert touched == {"okx-second"}
        (order_id,) = await it.rest(1)
        cancel = await client.result(
            "cancel", account="okx-second", instrument=it.instrument_of(order_id), order_id=order_id
        )
        assert cancel["outcome"] == "canceled"
        assert await it.daemon.stop() == 0


async def test_cases_of_an_account_without_a_key_are_taken_up_when_the_key_comes(
    tmp_path: Path, manager: ServiceManager
) -> None:
    async with world(tmp_path, faults="ACK_OK_NO_PUSH:1") as it:
        await it.daemon.start()
        client = await it.client()
        await it.ready(client)
        (order_id,) = await it.rest(1)
        ask = {"account": "okx-main", "instrument": it.instrument_of(order_id), "order_id": order_id, "request_id": "r"}
        lost = client.send("cancel", **ask, progress=True)
        await client.notification(lambda message: message["params"].get("state") == "recorded")
        await it.daemon.stop(signal.SIGKILL)
        await asyncio.wait([lost])
        file = tmp_path / "okx.toml"
        key = file.read_text()
        file.unlink()
        await it.daemon.start(manager.environ)
        await manager.hears("okx-main auth_failed: ")
        file.touch(mode=0o600)
        file.write_text(key)
        assert it.daemon.process is not None
        it.daemon.process.send_signal(signal.SIGHUP)
        client = await it.client()
        await it.ready(client)
        reply = await client.result("cancel", **ask)
        assert reply.get("latest", reply)["outcome"] == "canceled"
        assert await it.daemon.stop() == 0


async def test_a_passed_socket_outlives_the_daemon_and_keeps_who_connects_meanwhile(
    tmp_path: Path, manager: ServiceManager
) -> None:
    async with world(tmp_path) as it:
        manager.open_door()
        early = await Client.connect(it.daemon.socket)
        await manager.start(it.daemon)
        await it.ready(early)
        inode = it.daemon.socket.stat().st_ino
        assert await it.daemon.stop() == 0
        assert it.daemon.socket.stat().st_ino == inode
        (order_id,) = await it.rest(1)
        between = await Client.connect(it.daemon.socket)
        asked = between.send("cancel", account="okx-main", instrument=it.instrument_of(order_id), order_id=order_id)
        await manager.start(it.daemon)
        async with asyncio.timeout(WAIT_S):
            assert (await asked)["result"]["outcome"] == "canceled"
        assert await it.daemon.stop() == 0
        await between.close()
        await early.close()
        assert not [event for event in it.daemon.log if event["event"] == "socket_differs"]


async def test_who_connects_during_a_stop_is_served_by_the_next_daemon(tmp_path: Path, manager: ServiceManager) -> None:
    async with world(tmp_path, faults="ACK_OK_NO_PUSH:1,STALE_QUERY(60):1", extra="stop_grace_s = 0.5\n") as it:
        manager.open_door()
        await manager.start(it.daemon)
        first = await Client.connect(it.daemon.socket)
        await it.ready(first)
        (order_id,) = await it.rest(1)
        ask = {"account": "okx-main", "instrument": it.instrument_of(order_id), "order_id": order_id, "request_id": "r"}
        left = first.send("cancel", **ask, progress=True)
        await first.notification(lambda message: message["params"].get("state") == "recorded")
        stopped = asyncio.create_task(it.daemon.stop())
        await manager.hears("STOPPING=1")
        refusal = (await first.call("cancel", **{**ask, "request_id": "r2"}))["error"]
        assert refusal["data"]["reason"] == "shutting_down"
        late = await Client.connect(it.daemon.socket)
        asked = late.send("status")
        assert await stopped == 0
        assert not asked.done()
        assert left.cancelled()  # its outcome is the next daemon's to tell
        await manager.start(it.daemon)
        async with asyncio.timeout(WAIT_S):
            assert (await asked)["result"]["boot_id"] == "2"
        await late.close()
        await first.close()
        await it.daemon.stop(signal.SIGKILL)


async def test_a_socket_of_another_path_than_the_configured_one_is_served_and_told(
    tmp_path: Path, manager: ServiceManager
) -> None:
    async with world(tmp_path) as it:
        manager.open_door()
        file = tmp_path / "canceld.toml"
        file.write_text(file.read_text().replace("./canceld.sock", "./another.sock"))
        await manager.start(it.daemon)
        client = await Client.connect(it.daemon.socket)
        await it.ready(client)
        assert await it.daemon.stop() == 0
        await client.close()
        assert [event["event"] for event in it.daemon.log if event["event"] == "socket_differs"]
