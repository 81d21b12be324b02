"""Other users of the host at the socket: who gets in, what they may do there, and what is remembered of them.

They are played by a process that gives up root before it connects; without root these tests are left out (not in CI).
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daemon.sim.shell import serve
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.system.rig import WAIT_S, World, account_table, world, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.rig import Message

GUEST = "nobody"
PLAY = """
import contextlib, json, os, socket, sys
path, uid, gid, *groups = sys.argv[1:]
os.setgroups([int(group) for group in groups])
os.setgid(int(gid))
os.setuid(int(uid))
said = []
try:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        with contextlib.suppress(OSError):  # turned away already: why, is there to read
            for line in sys.stdin:
                peer.sendall(line.encode())
            peer.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # it closed without reading all
            for line in peer.makefile():
                said.append(line)
except PermissionError as error:
    said.append(json.dumps({"os": type(error).__name__}))
print(json.dumps({"pid": os.getpid()}), *said, sep=chr(10))
"""

if os.geteuid() != 0 and os.environ.get("CI") != "true":
    pytest.skip("playing another user needs root", allow_module_level=True)


class Guest:
    """Another user of the host. ``groups`` are its supplementary ones."""

    def __init__(self, it: World, *groups: int, name: str = GUEST) -> None:
        known = pwd.getpwnam(name)
        self.uid, self.gid = known.pw_uid, known.pw_gid
        self.pid = 0
        self._arguments = [str(it.daemon.socket), str(known.pw_uid), str(known.pw_gid), *map(str, groups)]

    async def say(self, *calls: tuple[str, dict[str, object]]) -> list[Message]:
        """Make calls on a connection of its own; gives the answers in the order of the calls."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PLAY, *self._arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        lines = [
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            for number, (method, params) in enumerate(calls)
        ]
        async with asyncio.timeout(WAIT_S):
            said, _ = await process.communicate("\n".join([*lines, ""]).encode())
        first, *answers = [json.loads(line) for line in said.splitlines() if line.strip()]
        self.pid = first["pid"]
        return sorted(answers, key=lambda answer: answer.get("id") or 0)

    async def ask(self, method: str, **params: object) -> Message:
        (answer,) = await self.say((method, params))
        return answer

    async def cancel(self, it: World, order_id: str, **params: object) -> Message:
        order = {"account": "okx-main", "instrument": it.instrument_of(order_id), "order_id": order_id}
        return await self.ask("cancel", **(order | params))


def reason(answer: Message) -> str:
    found: str = answer["error"]["data"]["reason"]
    return found


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, as a host's /run/canceld is."""
    folder = Path(tempfile.mkdtemp(prefix="canceld-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def rules(folder: Path, *lines: str) -> None:
    """Give the configuration its access rules."""
    file = folder / "canceld.toml"
    file.write_text(file.read_text() + "\n[access]\n" + "\n".join(lines) + "\n")


async def test_another_user_does_not_even_get_to_the_socket(open_folder: Path) -> None:
    async with world(open_folder) as it:
        await it.started()
        guest = Guest(it)
        assert await guest.ask("ping") == {"os": "PermissionError"}
        it.daemon.socket.chmod(0o666)  # and where somebody opened it to all, the daemon turns strangers away itself
        assert reason(await guest.ask("ping")) == "not_allowed"


async def test_without_rules_the_sockets_group_may_cancel(open_folder: Path) -> None:
    async with world(open_folder) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        guest = Guest(it, os.getegid())
        answer = await guest.cancel(it, order_id, request_id="r")
        assert answer["result"]["outcome"] == "canceled"
        (row,) = await written(client, "r")
        assert (row["uid"], row["pid"]) == (guest.uid, guest.pid)
        story = await client.result("explain", request_id="r")
        assert f"uid {guest.uid}, gid {guest.gid}, pid {guest.pid} " in story["steps"][0]["detail"]


@pytest.mark.parametrize("who", [f"user:{GUEST}", "group:{group}"])
async def test_a_rule_lets_its_user_in_to_cancel(open_folder: Path, who: str) -> None:
    group = "nogroup" if Path("/etc/debian_version").exists() else GUEST
    async with world(open_folder) as it:
        rules(open_folder, f'"{who.format(group=group)}" = {{ role = "cancel", accounts = ["okx-main"] }}')
        client = await it.started()
        assert it.daemon.socket.stat().st_mode & 0o777 == 0o660
        (order_id,) = await it.rest(1)
        guest = Guest(it)
        assert (await guest.cancel(it, order_id, request_id="r"))["result"]["outcome"] == "canceled"
        (row,) = await written(client, "r")
        assert (row["uid"], row["pid"]) == (guest.uid, guest.pid)
        assert await Guest(it, name="daemon").ask("ping") == {"os": "PermissionError"}


async def test_an_observer_sees_everything_and_cancels_nothing(open_folder: Path) -> None:
    async with world(open_folder) as it:
        rules(open_folder, f'"user:{GUEST}" = {{ role = "observe" }}')
        client = await it.started()
        one, two = await it.rest(2)
        await it.canceled(client, one, request_id="r")
        await written(client, "r")
        status, history, explain, orders, cancel, track = await Guest(it).say(
            ("status", {}),
            ("history", {"from_seq": 0}),
            ("explain", {"request_id": "r"}),
            ("orders", {}),
            ("cancel", {"account": "okx-main", "instrument": it.instrument_of(two), "order_id": two}),
            ("track", {"orders": [{"account": "okx-main", "instrument": "BTC-USDT", "client_order_id": "x"}]}),
        )
        assert status["result"]["accounts"].keys() == {"okx-main"}
        assert [row["request_id"] for row in history["result"]["requests"]] == ["r"]
        assert explain["result"]["request"]["outcome"] == "canceled"
        assert two in {row["order_id"] for row in orders["result"]["orders"]}
        assert reason(cancel) == reason(track) == "not_allowed"
        assert it.cancels_of(two) == 0


async def test_a_rule_about_one_account_shows_nothing_of_another(open_folder: Path) -> None:
    other = OkxVenue(OkxOptions(seed=8))
    async with world(open_folder) as it, serve(other, "127.0.0.1", 0) as server:
        with (open_folder / "canceld.toml").open("a") as file:
            file.write("\n" + account_table("second", server.url))
        rules(open_folder, f'"user:{GUEST}" = {{ role = "cancel", accounts = ["second"] }}')
        client = await it.started()
        one, two = await it.rest(2)
        await it.canceled(client, one, request_id="r")
        await written(client, "r")
        guest = Guest(it)
        hello, status, history, named, explain, orders, cancel = await guest.say(
            ("hello", {"client": "guest", "version": "1"}),
            ("status", {}),
            ("history", {"from_seq": 0}),
            ("history", {"account": "okx-main"}),
            ("explain", {"request_id": "r"}),
            ("orders", {"account": "okx-main"}),
            ("cancel", {"account": "okx-main", "instrument": it.instrument_of(two), "order_id": two}),
        )
        assert hello["result"]["accounts"].keys() == status["result"]["accounts"].keys() == {"second"}
        assert history["result"]["requests"] == []
        assert "r" in explain["error"]["message"]
        assert reason(explain) == "invalid_params"
        assert {reason(named), reason(orders), reason(cancel)} == {"not_allowed"}
        assert it.cancels_of(two) == 0


async def test_who_is_in_the_group_but_in_no_rule_sees_and_does_nothing(open_folder: Path) -> None:
    async with world(open_folder) as it:
        rules(open_folder, '"user:daemon" = { role = "cancel" }')
        await it.started()
        (order_id,) = await it.rest(1)
        guest = Guest(it, os.getegid())
        assert reason(await guest.cancel(it, order_id)) == "not_allowed"
        assert (await guest.ask("status"))["result"]["accounts"] == {}
        assert it.cancels_of(order_id) == 0


async def test_one_name_of_two_users_is_two_requests(open_folder: Path) -> None:
    async with world(open_folder) as it:
        client = await it.started()
        one, two = await it.rest(2)
        mine = await it.canceled(client, one, request_id="r")
        theirs = (await Guest(it, os.getegid()).cancel(it, two, request_id="r"))["result"]
        assert mine["order_id"] != theirs["order_id"]
        assert {mine["outcome"], theirs["outcome"]} == {"canceled"}
