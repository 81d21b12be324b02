"""Who may come in, how many, and the socket's own file."""

import asyncio
import contextlib
import os
import socket
import stat
from pathlib import Path

import msgspec
import pytest

from daemon.edge import server as server_module
from daemon.edge.desk import (
    Peer,
)
from daemon.edge.listening import Listening
from daemon.edge.peer import may_talk
from daemon.edge.server import Server
from protocols.errors import ConfigMistake
from tests.desks import NOW_US, FakeDesk, folder, report, serving

__all__ = ["folder"]

from tests.edge.talker import ORDER, a_room, connected, error_of


@pytest.mark.parametrize(
    ("uid", "groups", "socket_group", "talks"),
    [
        (0, {0}, None, True),
        (os.geteuid(), {5}, None, True),
        (4242, {4242}, None, False),
        (4242, {4242}, 77, False),
        (4242, {4242, 77}, 77, True),
    ],
)
async def test_only_root_the_daemons_user_and_the_sockets_group_may_talk(
    folder: Path, uid: int, groups: set[int], socket_group: int | None, talks: bool
) -> None:
    async with a_room(folder) as (desk, client):
        await client.ask("hello", {"client": "x", "version": "1"})
        real = desk.greeted[0]
    peer = Peer(real.connection, msgspec.structs.replace(real.caller, uid=uid), frozenset(groups))
    assert may_talk(peer, socket_group) is talks


async def test_who_may_not_talk_is_told_so_and_let_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = FakeDesk()
    async with serving(desk, folder / "s") as server:
        monkeypatch.setattr(server_module, "may_talk", lambda *_: False)
        async with connected(folder / "s") as client:
            client.say("cancel", ORDER)
            assert error_of(await client.hear()) == (-32000, "not_allowed")
            assert await client.is_closed()
        assert (server.clients, desk.cancels, desk.dropped) == (0, [], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can join groups")
async def test_the_groups_of_a_peer_are_seen(folder: Path) -> None:
    mine = os.getgroups()
    async with a_room(folder) as (desk, _):
        os.setgroups([4242, 4343])
        try:
            async with connected(folder / "s") as client:
                client.say("cancel", ORDER)
                await desk.until(lambda: bool(desk.cancels))
        finally:
            os.setgroups(mine)
        assert desk.cancels[0].peer.groups == {os.getgid(), 4242, 4343}


@pytest.mark.parametrize("limit", ["connections_max", "connections_per_uid_max"])
async def test_a_connection_too_many_is_told_so_and_let_go(folder: Path, limit: str) -> None:
    async with a_room(folder, **{limit: 2}) as (desk, first), connected(folder / "s") as second:
        assert await first.is_alive()
        assert await second.is_alive()
        async with connected(folder / "s") as third:
            assert error_of(await third.hear()) == (-32000, "too_many_in_flight")
            assert await third.is_closed()
        second.gone()
        await desk.until(lambda: bool(desk.dropped))
        async with connected(folder / "s") as fourth:
            assert await fourth.is_alive()


# ---------------------------------------------------------------- the file


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_file_has_its_mode_whatever_the_umask(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        listening = Listening.bind(folder / "s")
    finally:
        os.umask(before)
    assert mode_of(folder / "s") == 0o660
    assert listening.group == (folder / "s").stat().st_gid
    listening.close()
    assert not (folder / "s").exists()


def test_what_a_dead_daemon_left_is_replaced(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "s"))
    listening = Listening.bind(folder / "s")
    listening.close()


def test_a_socket_on_which_somebody_listens_is_left_alone(folder: Path) -> None:
    other = Listening.bind(folder / "s")
    with pytest.raises(ConfigMistake, match="another process listens"):
        Listening.bind(folder / "s")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / "s"))
    other.close()


def test_a_file_that_is_no_socket_is_left_alone(folder: Path) -> None:
    (folder / "s").write_text("precious")
    with pytest.raises(ConfigMistake, match="no socket"):
        Listening.bind(folder / "s")
    assert (folder / "s").read_text() == "precious"


def test_a_path_that_cannot_be_used_is_a_mistake_of_the_configuration(folder: Path) -> None:
    with pytest.raises(ConfigMistake, match="its folder"):
        Listening.bind(folder / "nowhere" / "s")
    with pytest.raises(ConfigMistake, match="too long"):
        Listening.bind(folder / ("s" * 108))


def test_the_file_of_a_successor_is_not_removed(folder: Path) -> None:
    first = Listening.bind(folder / "s")
    (folder / "s").unlink()
    second = Listening.bind(folder / "s")
    first.close()
    assert (folder / "s").exists()
    second.close()


async def test_an_inherited_socket_is_served_and_its_file_left(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(folder / "s"))
        theirs.listen()
        server = Server(FakeDesk(), now_us=lambda: NOW_US, version="1")
        listening = Listening.inherit(os.dup(theirs.fileno()))
        assert listening.group == (folder / "s").stat().st_gid
        await server.start(listening)
        async with connected(folder / "s") as client:
            assert await client.is_alive()
        await server.stop()
        assert (folder / "s").exists()


def test_what_is_no_listening_unix_socket_is_not_taken_over(folder: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as idle,
        socket.socket(socket.AF_INET) as other,
        (folder / "f").open("w") as file,
    ):
        other.listen()
        for descriptor in (idle.fileno(), other.fileno(), file.fileno()):
            with pytest.raises(ConfigMistake, match="no listening Unix stream socket"):
                Listening.inherit(descriptor)
            os.fstat(descriptor)  # still open: it was not ours to close


async def test_a_stopped_server_delivers_what_was_answered_and_removes_its_file(folder: Path) -> None:
    desk = FakeDesk()
    server = Server(desk, now_us=lambda: NOW_US, version="1")
    await server.start(Listening.bind(folder / "s"))
    async with connected(folder / "s") as client:
        client.say("cancel", ORDER)
        await desk.until(lambda: bool(desk.cancels))
        assert server.clients == 1
        desk.cancels[0].sink.result(report())
        await server.stop()
        assert "result" in await client.hear()
        assert await client.is_closed()
    assert server.clients == 0
    assert not (folder / "s").exists()


async def test_a_server_does_not_wait_for_a_client_that_does_not_read(folder: Path) -> None:
    desk = FakeDesk()
    server = Server(desk, now_us=lambda: NOW_US, version="1")
    await server.start(Listening.bind(folder / "s"))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / "s"))
        client.sendall(b'{"jsonrpc":"2.0","method":"hello","params":{"client":"x","version":"1"}}\n')
        client.sendall(100 * b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n')
        await desk.until(lambda: bool(desk.greeted))
        await server.stop(grace_s=0)
        assert server.clients == 0


async def test_a_client_that_comes_while_the_server_stops_is_turned_away(folder: Path) -> None:
    server = Server(FakeDesk(), now_us=lambda: NOW_US, version="1")
    await server.start(Listening.bind(folder / "s"))
    async with connected(folder / "s") as client:
        assert await client.is_alive()
        stopping = asyncio.create_task(server.stop())
        async with connected(folder / "s") as late:
            late.say("ping")
            with contextlib.suppress(ConnectionError):  # where the event loop has not accepted it by now
                assert b"result" not in await late.reader.read()
        await stopping
    assert server.clients == 0
