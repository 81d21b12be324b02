"""Many clients at once: want of room in a queue is not taken for want of a daemon; who is turned away learns why."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from daemon.client import Client, NoAnswer
from daemon.client_async import AsyncClient
from daemon.edge.server_conn import Limits
from tests.desks import Elsewhere, FakeDesk, elsewhere, folder, serving

if TYPE_CHECKING:
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


def test_a_client_that_finds_no_room_in_the_queue_waits_for_some(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(elsewhere.path))
    listener.listen(0)
    waiting: list[socket.socket] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            waiting += crowd(elsewhere.path, 1)
    pauses: list[float] = []

    def make_room(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == 2:
            listener.close()
            elsewhere.path.unlink()
            elsewhere.start(FakeDesk())

    monkeypatch.setattr("daemon.client.time.sleep", make_room)
    with Client(str(elsewhere.path)) as canceld:
        assert "now" in canceld.ping()
    assert len(pauses) == 2
    for each in waiting:
        each.close()


async def test_so_does_one_that_is_awaited(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect, refusals = asyncio.open_unix_connection, [BlockingIOError(11, "Resource temporarily unavailable")] * 2

    async def busy(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if refusals:
            raise refusals.pop()
        return await connect(path)

    monkeypatch.setattr(asyncio, "open_unix_connection", busy)  # as under uvloop; asyncio's own finds out later
    async with serving(FakeDesk(), folder / "s"), AsyncClient(str(folder / "s")) as canceld:
        assert "now" in await canceld.ping()
    assert refusals == []


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
