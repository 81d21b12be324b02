"""Many clients at once: want of room in a queue is not taken for want of a daemon; who is turned away learns why."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest
import uvloop

from daemon.client import Client, NoAnswer
from daemon.client_async import AsyncClient
from daemon.edge.server_conn import Limits
from tests.desks import Elsewhere, FakeDesk, elsewhere, folder, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["elsewhere", "folder"]

CROWD = 500
"""More than a queue of the usual length takes, and fewer than a process has descriptors."""
LITTLE_S = 1.0


def crowd(path: Path, count: int) -> list[socket.socket]:
    """Connect so often, and never wait for room."""
    sockets = []
    for _ in range(count):
        each = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        each.setblocking(False)
        each.connect(str(path))
        sockets.append(each)
    return sockets


async def test_hundreds_that_connect_in_one_turn_of_the_loop_find_room(folder: Path) -> None:
    async with serving(FakeDesk(), folder / "s"):
        for each in crowd(folder / "s", CROWD):
            each.close()


@contextlib.contextmanager
def no_room(path: Path) -> Iterator[None]:
    """Listen, with a queue that is full, and let nobody in."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(0)
    waiting: list[socket.socket] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            waiting += crowd(path, 1)
    yield
    for each in (listener, *waiting):
        each.close()
    path.unlink()


def test_a_client_that_finds_no_room_in_the_queue_waits_for_some(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    with contextlib.ExitStack() as crowded:
        crowded.enter_context(no_room(elsewhere.path))

        def make_room(pause_s: float) -> None:
            pauses.append(pause_s)
            if len(pauses) == 2:
                crowded.close()
                elsewhere.start(FakeDesk())

        monkeypatch.setattr("daemon.client.time.sleep", make_room)
        with Client(str(elsewhere.path)) as canceld:
            assert "now" in canceld.ping()
    assert len(pauses) == 2


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_so_does_one_that_is_awaited(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    pauses: list[float] = []

    async def asked() -> None:
        with contextlib.ExitStack() as crowded:
            crowded.enter_context(no_room(elsewhere.path))

            async def make_room(pause_s: float) -> None:
                pauses.append(pause_s)
                if len(pauses) == 2:
                    crowded.close()
                    await asyncio.to_thread(elsewhere.start, FakeDesk())

            monkeypatch.setattr("daemon.client_async.Call.lost", None)  # nothing was asked, so nothing is lost
            monkeypatch.setattr("daemon.client_async.asyncio.sleep", make_room)
            async with AsyncClient(str(elsewhere.path)) as canceld:
                assert "now" in await canceld.ping()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asked())
    assert len(pauses) == 2


async def test_who_is_turned_away_until_the_time_is_up_is_told_why(folder: Path) -> None:
    async with (
        serving(FakeDesk(), folder / "s", Limits(connections_per_uid_max=1)),
        AsyncClient(str(folder / "s")) as one,
    ):
        await one.ping()
        async with AsyncClient(str(folder / "s")) as other:
            with pytest.raises(NoAnswer, match=r"in 1 s \(1 connections of one user at most\)"):
                await other.call("ping", {}, LITTLE_S)
        with pytest.raises(NoAnswer) as silence:
            await asyncio.to_thread(Client(str(folder / "s")).call, "ping", {}, LITTLE_S)
        assert silence.value.turned_away == "1 connections of one user at most"
