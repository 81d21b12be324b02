"""A daemon in a process of its own, a simulated venue in this one (so that its books can be read), and a plain client.

The client speaks JSON lines by itself, so that no mistake of the shipped one can hide a mistake of the daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import pytest

from daemon.demo.door import Door
from daemon.sim.shell import serve
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from daemon.sim.wire import plain
from protocols.dialect import Profile
from protocols.venues.registry import dialect_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from daemon.sim.venue import SimVenue

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 60.0
"""A net under a hang, for a busy machine; no test that passes comes near it."""
SHORT = """
ack_wait_ms = 5000
push_wait_ms = 150
replica_lag_ms = 600
settle_ms = 2000
horizon_s = 12
commit_wait_ms = 30000
"""
"""Timings of a fast world: every fault that the tests show heals within the horizon, and its disk may be slow.

However slow this machine, an answer is not called late: what an account sends and asks follows from what its venue
says. Where a test is about answers that do not come, it says so, and counts no cancels then:
"""
QUICK = "ack_wait_ms = 150\n"
"""Of an account that soon gives up an answer."""
HASTY = f"{QUICK}settle_ms = 100\nhorizon_s = 0.4\nreplica_lag_ms = 100\n"
"""Of an account that has no patience at all: what takes longer is in doubt first."""
Message = dict[str, Any]


def leave_out(why: str) -> NoReturn:
    """Leave a test out that this machine cannot run; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; the test fails if it never does."""
    async with asyncio.timeout(WAIT_S):
        while not holds():
            await asyncio.sleep(0.005)


class Client:
    """One connection. Replies are matched by id; notifications are kept in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Message]] = {}
        self.notified: list[Message] = []
        self._news = asyncio.Condition()
        self._pump = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def connect(cls, path: Path) -> Self:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 20)
        return cls(reader, writer)

    @property
    def is_over(self) -> bool:
        """Whether the daemon has closed this connection."""
        return self._pump.done()

    def send(self, method: str, **params: object) -> asyncio.Future[Message]:
        """Call, and give the future of the whole reply object."""
        if self._pump.done():
            raise ConnectionResetError("the daemon has closed this connection")
        number = next(self._ids)
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        self._writer.write(
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"
        )
        return reply

    async def call(self, method: str, **params: object) -> Message:
        """Call and wait for the whole reply object."""
        async with asyncio.timeout(WAIT_S):
            return await self.send(method, **params)

    async def result(self, method: str, **params: object) -> Message:
        """Call and wait for the result; an error fails the test."""
        reply = await self.call(method, **params)
        assert "result" in reply, reply
        found: Message = reply["result"]
        return found

    async def notification(self, wanted: Callable[[Message], bool]) -> Message:
        """Wait for a notification that fits, old ones included."""
        async with asyncio.timeout(WAIT_S), self._news:
            while True:
                for message in self.notified:
                    if wanted(message):
                        return message
                await self._news.wait()

    async def close(self) -> None:
        self._writer.close()
        await self._pump

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await self._reader.readline():
                message = json.loads(line)
                reply = self._replies.pop(message["id"], None) if "id" in message else None
                if reply is not None and not reply.done():
                    reply.set_result(message)
                else:
                    async with self._news:
                        self.notified.append(message)
                        self._news.notify_all()
        for reply in self._replies.values():
            reply.cancel()


async def written(client: Client, request_id: str, count: int = 1) -> list[Message]:
    """Wait until the journal holds so many words about a request: some are told before they are in it. Gives them."""
    async with asyncio.timeout(WAIT_S):
        while True:
            rows: list[Message] = (await client.result("history", request_id=request_id, from_seq=0))["requests"]
            if len(rows) >= count:
                return rows


def told(result: Message) -> tuple[str, str, bool]:
    """What a request was told: its outcome, the filled quantity, and whether that is final."""
    return result["outcome"], result["cum_qty"], result["cum_qty_final"]


async def told_in_the_end(client: Client, result: Message) -> tuple[str, str, bool]:
    """The same, after the correction that brings the final numbers where the outcome had none."""
    if result["cum_qty_final"]:
        return told(result)

    def brings_the_numbers(word: Message) -> bool:
        told_of = word["params"]
        is_of_it = word["method"] == "correction" and told_of["request_id"] == result["request_id"]
        return is_of_it and bool(told_of["cum_qty_final"])

    return told((await client.notification(brings_the_numbers))["params"])


async def correction_of(client: Client, request_id: str) -> Message:
    """Wait until a request that was in doubt is so no more; gives that word."""

    def is_it(note: Message) -> bool:
        told_of = note["params"]
        is_of_it = (note["method"], told_of.get("request_id")) == ("correction", request_id)
        return is_of_it and told_of["outcome"] != "in_doubt"

    found: Message = (await client.notification(is_it))["params"]
    return found


async def proven(client: Client, first: Message) -> Message:
    """Give the word that says what became of a request: its outcome, or the one that corrected the doubt."""
    return first if first["outcome"] != "in_doubt" else await correction_of(client, first["request_id"])


class Daemon:
    """The daemon's process. ``module`` is what is run: the product's command, or a test's own entry point."""

    def __init__(
        self, folder: Path, module: str = "daemon.cli", arguments: tuple[str, ...] = ("run",), before: str = ""
    ) -> None:
        """``before``: what a shell does first, in a mount namespace of its own."""
        self.folder = folder
        self._before = ["unshare", "--mount", "sh", "-c", f'{before} && exec "$0" "$@"'] if before else []
        self._module = module
        self._arguments = arguments
        self.process: asyncio.subprocess.Process | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "canceld.sock"

    @property
    def log(self) -> list[Message]:
        text = (self.folder / "canceld.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it listens, or until it died."""
        self.process = None  # no longer that of the life before
        with (self.folder / "canceld.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._before, sys.executable, "-m", self._module, *self._arguments,
                "--config", str(self.folder / "canceld.toml"),
                cwd=ROOT, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, **(environment or {})},
            )  # fmt: skip
        async with asyncio.timeout(WAIT_S):
            while self.process.returncode is None:
                with contextlib.suppress(ConnectionRefusedError, FileNotFoundError):
                    (await asyncio.open_unix_connection(str(self.socket)))[1].close()
                    return
                await asyncio.sleep(0.01)

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)  # the process's own method may reap it, and lose its exit code
        return await self.ended()

    async def ended(self) -> int:
        """Wait for the end; gives the exit code, negative for a signal."""
        assert self.process is not None
        async with asyncio.timeout(WAIT_S):
            return await self.process.wait()


def write_credentials(
    file: Path, key: str = "sim-key", secret: str = "sim-secret", passphrase: str = "sim-pass"
) -> None:
    """Write a credentials file that only its owner reads; the defaults are a simulated venue's."""
    file.touch(mode=0o600)
    file.write_text(f"key = {json.dumps(key)}\nsecret = {json.dumps(secret)}\npassphrase = {json.dumps(passphrase)}\n")


def account_table(name: str, url: str, more: str = "", venue: str = "okx", credentials: str = "./okx.toml") -> str:
    """Write an account's part of the configuration."""
    return (
        f'[accounts.{name}]\nvenue = "{venue}"\ncredentials = "{credentials}"\n'
        f'endpoints = {{ rest = "{url}", ws = "{url.replace("http", "ws", 1)}" }}\n{more}'
    )


def configure(folder: Path, url: str, extra: str = "", account: str = "", venue: str = "okx") -> None:
    """Write a configuration with one account, ``okx-main`` (of whichever venue), and its credentials."""
    write_credentials(folder / "okx.toml")
    (folder / "canceld.toml").write_text(
        f'[daemon]\nsocket = "./canceld.sock"\njournal = "./journal.sqlite"\n{SHORT}{extra}\n'
        + account_table("okx-main", url, account, venue)
    )


class World:
    """A venue, its truth, and a daemon that trades on it."""

    def __init__(self, venue: SimVenue, url: str, daemon: Daemon) -> None:
        self.venue = venue
        self.url = url
        self.daemon = daemon
        self.door = Door(url)
        self.clients: list[Client] = []

    async def client(self) -> Client:
        process = self.daemon.process
        if process is not None and process.returncode is not None:
            text = (self.daemon.folder / "canceld.log").read_text()
            raise AssertionError(f"the daemon has ended with {process.returncode}: {text[-2000:]}")
        client = await Client.connect(self.daemon.socket)
        self.clients.append(client)
        return client

    async def ready(self, client: Client, road: str = "ws") -> None:
        """Wait until the account can cancel by a road, its socket as a rule, and hears pushes."""
        await self.status(client, self.is_ready_by(road))

    async def until_state(self, client: Client, state: str) -> Message:
        """Wait until the account is in a state; gives its status."""
        return await self.status(client, lambda account: account["state"] == state)

    def is_ready_by(self, road: str) -> Callable[[Message], bool]:
        """Tell from an account's status whether its cancels go by a road and its drop copy is live.

        A socket whose frames need instrument codes carries nothing before these are loaded: cancels go by REST then,
        and whatever the venue was to do to a frame does not happen.
        """
        needs_codes = road == "ws" and bool(dialect_for(self.venue.name, Profile()).reference_calls())

        def is_ready(account: Message) -> bool:
            if needs_codes and not account["instrument_codes"]:
                return False
            return bool(account["order_entry"] == road and account["drop_copy"] == "live")

        return is_ready

    async def status(self, client: Client, holds: Callable[[Message], object], account: str = "okx-main") -> Message:
        """Wait until something holds of an account's status; gives that status."""
        async with asyncio.timeout(WAIT_S):
            while True:
                found: Message = (await client.result("status"))["accounts"][account]
                if holds(found):
                    return found
                await asyncio.sleep(0.01)

    async def started(self, road: str = "ws") -> Client:
        """Start the daemon and wait until its account is ready; gives a client."""
        client = await self.begun()
        await self.ready(client, road)
        return client

    async def begun(self) -> Client:
        """Start the daemon, ready or not; gives a client."""
        await self.daemon.start()
        return await self.client()

    def cancel(self, client: Client, order_id: str, /, **params: object) -> asyncio.Future[Message]:
        """Ask for an order's cancel, by its order id unless ``client_order_id`` is given."""
        if "client_order_id" not in params:
            params["order_id"] = order_id
        return client.send("cancel", **({"account": "okx-main", "instrument": self.instrument_of(order_id)} | params))

    async def canceled(self, client: Client, order_id: str, /, **params: object) -> Message:
        """Ask for an order's cancel and wait for the result; an error fails the test."""
        async with asyncio.timeout(WAIT_S):
            reply = await self.cancel(client, order_id, **params)
        assert "result" in reply, reply
        found: Message = reply["result"]
        return found

    async def race(self, client: Client, orders: list[str], **params: object) -> None:
        """Cancel orders while every second one fills; each must be told as it ended by the venue's books."""
        asked = [self.cancel(client, order_id, **params) for order_id in orders]
        for order_id in orders[::2]:
            await self.door.fill(order_id)
        async with asyncio.timeout(WAIT_S):
            results = [(await reply)["result"] for reply in asked]
        assert [(each["outcome"], each["cum_qty"]) for each in results] == [self.truth_of(each) for each in orders]
        assert (await self.door.stats()).breaches == {}

    def faults(self, spec: str) -> None:
        """Let the venue misbehave, from now on."""
        self.venue.faults.add(self.venue.faults.parse_spec(spec))

    def truth_of(self, order_id: str) -> tuple[str, str]:
        """An order's state and filled quantity, by the venue's books."""
        order = self.venue.book.get(order_id)
        assert order is not None
        return order.ord_status.value, plain(order.cum_qty)

    def cancels_of(self, order_id: str) -> int:
        """How many cancels of an order arrived at the venue, whatever became of them."""
        return self.venue.floor.stats.cancels.get(order_id, 0)

    async def rest(self, count: int, **more: str) -> list[str]:
        """Let orders rest, spread over instruments; gives their ids."""
        bases = ("BTC", "ETH", "SOL", "XRP", "ADA", "LTC")
        orders = [
            {"instrument": f"{bases[n % len(bases)]}-USDT", "side": "buy", "price": "0.1", "qty": "2", **more}
            for n in range(count)
        ]
        return await self.door.place(orders)

    def instrument_of(self, order_id: str) -> str:
        """Name an order's instrument, by the venue's books."""
        order = self.venue.book.get(order_id)
        assert order is not None
        return order.instrument

    async def leave(self) -> None:
        """Close all clients."""
        clients, self.clients = self.clients, []
        for client in clients:
            await client.close()

    async def close(self) -> None:
        await self.door.close()
        await self.leave()
        if self.daemon.process is not None and self.daemon.process.returncode is None:
            await self.daemon.stop()


@contextlib.asynccontextmanager
async def world(
    folder: Path, *, faults: str = "", extra: str = "", account: str = "", module: str = "daemon.cli",
    options: OkxOptions | None = None, venue: SimVenue | None = None,
) -> AsyncIterator[World]:  # fmt: skip
    """A venue that is up (OKX, if no other is given) and a daemon that is configured, not started."""
    venue = venue or OkxVenue(options or OkxOptions(seed=7, faults=faults))
    async with serve(venue, "127.0.0.1", 0) as server:
        configure(folder, server.url, extra, account, venue.name)
        made = World(venue, server.url, Daemon(folder, module, ("run",) if module == "daemon.cli" else ()))
        try:
            yield made
        finally:
            await made.close()
