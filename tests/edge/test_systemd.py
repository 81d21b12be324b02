"""What is said to a service manager, datagram by datagram, and what it passes to us."""

from __future__ import annotations

import os
import re
import socket
import time
from typing import TYPE_CHECKING

import pytest

from daemon.edge.journal import JournalState
from daemon.edge.lifeline import Lifeline
from daemon.edge.systemd import LISTEN_FDS_START, STATUS_CHARS_MAX, UNSENT_MAX, Manager, inherited_socket
from protocols.errors import ConfigMistake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PID = 4242


class Ear:
    """The service manager's end."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.listen()

    def listen(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(os.fspath(self.path))
        self.socket.setblocking(False)

    def go(self) -> None:
        self.socket.close()
        self.path.unlink()

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self.socket.recv(8192).decode())
            except BlockingIOError:
                return found


@pytest.fixture
def ear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    monkeypatch.chdir(tmp_path)
    ear = Ear(tmp_path)
    yield ear
    ear.socket.close()


@pytest.fixture
def manager(ear: Ear) -> Iterator[Manager]:
    manager = Manager.of({"NOTIFY_SOCKET": os.fspath(ear.path), "WATCHDOG_USEC": "3000000"}, PID)
    yield manager
    manager.close()


def test_each_state_is_one_datagram(ear: Ear, manager: Manager) -> None:
    before_us = time.monotonic_ns() // 1000
    manager.starting(65)
    manager.ready()
    manager.alive()
    manager.reloading()
    manager.stopping(4.5)
    start, ready, alive, reload, stop = ear.heard()
    assert (start, ready, alive) == ("EXTEND_TIMEOUT_USEC=65000000", "READY=1", "WATCHDOG=1")
    assert stop == "STOPPING=1\nEXTEND_TIMEOUT_USEC=4500000"
    said = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=([0-9]+)", reload)
    assert said is not None, reload
    assert before_us <= int(said[1]) <= time.monotonic_ns() // 1000


def test_a_status_is_told_when_it_changes_and_stays_one_bounded_line(ear: Ear, manager: Manager) -> None:
    for line in ("a ready", "a ready", "a\nREADY=1\x1b[2J", "b" * 5000):
        manager.status(line)
    first, second, third = ear.heard()
    assert first == "STATUS=a ready"
    assert second == "STATUS=a READY=1 [2J"
    assert third == "STATUS=" + "b" * (STATUS_CHARS_MAX - 1) + "…"


def test_an_abstract_address_is_one_too() -> None:
    name = f"canceld-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(5)
        manager = Manager(f"@{name}")
        manager.ready()
        assert listener.recv(64) == b"READY=1"
        manager.close()


def test_a_manager_whose_queue_is_full_hears_it_later_and_in_order(ear: Ear, manager: Manager) -> None:
    sent = 0
    while not manager._unsent:
        sent += 1
        manager.status(f"{sent}")
    manager.ready()
    heard = ear.heard()
    manager.alive()  # the next sign of life carries what waited
    heard += ear.heard()
    assert heard[:sent] == [f"STATUS={n}" for n in range(1, sent + 1)]
    assert heard[sent:] == ["READY=1", "WATCHDOG=1"]


@pytest.mark.usefixtures("ear")
def test_what_waits_for_a_manager_is_bounded(manager: Manager) -> None:
    for n in range(10_000):
        manager.status(f"{n}")
    assert len(manager._unsent) == UNSENT_MAX


def test_a_manager_that_is_gone_costs_nothing_and_is_told_when_it_is_back(ear: Ear, manager: Manager) -> None:
    ear.go()
    manager.status("lost")
    ear.listen()
    manager.alive()
    assert ear.heard() == ["WATCHDOG=1"]


def test_without_a_manager_nothing_is_said(ear: Ear) -> None:
    manager = Manager.of({}, PID)
    manager.ready()
    manager.alive()
    manager.close()
    assert ear.heard() == []


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(PID)}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_only_where_it_is_ours(ear: Ear, environ: dict[str, str], watchdog_s: float | None) -> None:
    manager = Manager.of({"NOTIFY_SOCKET": os.fspath(ear.path), **environ}, PID)
    assert manager.watchdog_s == watchdog_s
    manager.alive()
    assert ear.heard() == (["WATCHDOG=1"] if watchdog_s else [])
    manager.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "0", "LISTEN_PID": str(PID)},
        {"LISTEN_FDS": "x", "LISTEN_PID": str(PID)},
    ],
)
def test_a_socket_that_is_not_for_us_is_not_taken(environ: dict[str, str]) -> None:
    assert inherited_socket(environ, PID) is None


def test_a_socket_that_is_passed_goes_to_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, bool]] = []
    monkeypatch.setattr("daemon.edge.systemd.os.set_inheritable", lambda fd, may: told.append((fd, may)))
    assert inherited_socket({"LISTEN_FDS": "1", "LISTEN_PID": str(PID)}, PID) == LISTEN_FDS_START
    assert told == [(LISTEN_FDS_START, False)]


def test_two_sockets_are_a_mistake() -> None:
    with pytest.raises(ConfigMistake, match="leave one ListenStream="):
        inherited_socket({"LISTEN_FDS": "2", "LISTEN_PID": str(PID)}, PID)


class FakeAccount:
    def __init__(self, name: str, state: str) -> None:
        self.name = name
        self.state = state

    @property
    def summary(self) -> str:
        return f"{self.name} {self.state}"


class FakeJournal:
    state = JournalState.OK


def test_the_line_names_trouble_first() -> None:
    accounts = [FakeAccount("a", "ready"), FakeAccount("b", "auth_failed")]
    journal = FakeJournal()
    lifeline = Lifeline(Manager(None), accounts, journal)
    assert lifeline.line() == "b auth_failed; a ready"
    journal.state = JournalState.FULL
    assert lifeline.line() == "journal full; b auth_failed; a ready"
