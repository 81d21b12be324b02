"""One daemon with an account at each of the venues, all of them simulated in this process, each behind a turnstile.

A turnstile counts what the venue is asked, lets it fall silent, and cuts its sockets; it changes nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import aiohttp
import msgspec

from daemon.demo.door import Door
from daemon.sim.registry import DEMOS, build
from daemon.sim.shell import serve
from daemon.sim.venue import SimVenue
from protocols.venues.registry import VENUES
from tests.system.rig import WAIT_S, Client, Daemon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from decimal import Decimal
    from pathlib import Path

    from daemon.sim.book import Fill, NewOrder, Order
    from daemon.sim.demo_plan import Placing
    from daemon.sim.faults import FaultRule
    from daemon.sim.venue import Action, HttpRequest
    from tests.system.rig import Message

TIMINGS: Final = """
# Far longer than any venue here takes unless it is told to: no machine is so slow that it would change what is asked.
ack_wait_ms = 8000
push_wait_ms = 8000
stop_grace_s = 0
"""
OWN_TIMINGS: Final = {"bingx": "push_wait_ms = 200\n"}
"""BingX is asked for the final numbers of each order, so long after the push that ended it."""
HASTY: Final = "ack_wait_ms = 100\npush_wait_ms = 100\n"
"""Of an account whose venue is to fail: everything that a silence brings about comes soon."""
CREDENTIALS: Final = 'key = "sim-key"\nsecret = "sim-secret"\npassphrase = "sim-pass"\n'
CUT_EVERY_S: Final = 1.0


class Turnstile(SimVenue):
    """A venue, and what passed: sockets opened, whatever it was asked, and what found it silent."""

    def __init__(self, venue: SimVenue) -> None:
        super().__init__(venue.floor)
        self.name = venue.name
        self.answers_protocol_pings = venue.answers_protocol_pings
        self.sockets_opened = 0
        self.asked: list[str] = []
        self.is_silent = False
        self.unanswered = 0
        self._venue = venue

    def is_socket_path(self, target: str) -> bool:
        return self._venue.is_socket_path(target)

    def open(self, conn_id: int, target: str, headers: Mapping[str, str], now_us: int) -> None:
        self.sockets_opened += 1
        self._venue.open(conn_id, target, headers, now_us)

    def frame(self, conn_id: int, data: str | bytes, now_us: int) -> None:
        if self.is_silent:
            self.unanswered += 1
        else:
            self._venue.frame(conn_id, data, now_us)

    def closed(self, conn_id: int, now_us: int) -> None:
        self._venue.closed(conn_id, now_us)

    def http(self, request_id: int, request: HttpRequest, now_us: int) -> None:
        if request.method == "GET":
            self.asked.append(request.target)
        if self.is_silent:
            self.unanswered += 1
        else:
            self._venue.http(request_id, request, now_us)

    def drain(self) -> list[Action]:
        actions = self._venue.drain()
        return [] if self.is_silent else actions

    def tick(self, now_us: int) -> None:
        self._venue.tick(now_us)

    def deadline(self) -> int | None:
        return self._venue.deadline()

    def placing_problem(self, new: NewOrder) -> str | None:
        return self._venue.placing_problem(new)

    def announce(self, order: Order, fill: Fill | None, now_us: int) -> None:
        self._venue.announce(order, fill, now_us)

    def trade(self, order_id: str, qty: Decimal | None, now_us: int) -> Order:
        return self._venue.trade(order_id, qty, now_us)

    def take_off(self, order_id: str, now_us: int) -> Order:
        return self._venue.take_off(order_id, now_us)

    def foreign_cancel_source(self) -> str:
        return self._venue.foreign_cancel_source()

    def fault_at_once(self, rule: FaultRule, now_us: int) -> None:
        self._venue.fault_at_once(rule, now_us)


def placing_of(venue: str) -> Placing:
    """An instrument on which the venue takes orders, with a price and a size that suit it."""
    return DEMOS[venue].placings[0]


class Account:
    """One account's venue: its door, its turnstile, and how the daemon is asked for it."""

    def __init__(self, turnstile: Turnstile, url: str) -> None:
        self.venue = turnstile.name
        self.turnstile = turnstile
        self.url = url
        self.door = Door(url)
        self._placing = placing_of(self.venue)

    def config(self, *, is_hasty: bool) -> str:
        timings = HASTY if is_hasty else OWN_TIMINGS.get(self.venue, "")
        return (
            f'\n[accounts.{self.venue}]\nvenue = "{self.venue}"\ncredentials = "./sim.toml"\n'
            f'endpoints = {{ rest = "{self.url}", ws = "{self.url.replace("http", "ws", 1)}" }}\n{timings}'
        )

    async def rest(self, count: int) -> list[str]:
        """Let orders rest; gives their ids."""
        placing = self._placing
        order = {"instrument": placing.instrument, "side": "buy", "price": placing.price, "qty": placing.qty}
        if placing.product is not None:
            order["product"] = placing.product
        return await self.door.place([order] * count)

    def cancel(self, client: Client, order_id: str) -> asyncio.Future[Message]:
        """Ask for an order's cancel; gives the future of the whole reply."""
        product = {} if self._placing.product is None else {"product": self._placing.product}
        named = {"account": self.venue, "instrument": self._placing.instrument, "order_id": order_id, **product}
        return client.send("cancel", request_id=f"{self.venue}-{order_id}", **named)

    def wire_cancels(self, order_ids: list[str]) -> int:
        """How many cancels of these orders arrived at the venue, whatever became of them."""
        return sum(self.turnstile.floor.stats.cancels.get(order_id, 0) for order_id in order_ids)

    def questions(self, order_ids: list[str]) -> int:
        """How often the venue was asked about one of these orders by name."""
        return sum(any(order_id in target for order_id in order_ids) for target in self.turnstile.asked)

    def fails(self, spec: str) -> None:
        """Let the venue misbehave, from now on."""
        self.turnstile.faults.add(self.turnstile.faults.parse_spec(spec))

    async def cut(self) -> None:
        """Cut each of its sockets now."""
        async with aiohttp.ClientSession(trust_env=False) as http:
            body = msgspec.json.encode({"DISCONNECT": {"now": True}})
            async with http.post(f"{self.url}/_sim/faults", data=body) as answer:
                answer.raise_for_status()

    @contextlib.asynccontextmanager
    async def cut_every_second(self) -> AsyncIterator[asyncio.Semaphore]:
        """Cut its sockets every second; the semaphore is released at each cut."""
        cuts = asyncio.Semaphore(0)

        async def cutting() -> None:
            while True:
                await self.cut()
                cuts.release()
                await asyncio.sleep(CUT_EVERY_S)  # the fault itself: nothing waits for it to be over

        task = asyncio.create_task(cutting())
        try:
            yield cuts
        finally:
            task.cancel()


class Six:
    """A daemon with an account at every venue, each named like its venue, and a client of it."""

    def __init__(self, accounts: dict[str, Account], client: Client) -> None:
        self.accounts = accounts
        self.client = client

    async def until(self, holds: Callable[[dict[str, Message]], object]) -> None:
        """Wait until something holds of all accounts' status."""
        async with asyncio.timeout(WAIT_S):
            while not holds((await self.client.result("status"))["accounts"]):
                await asyncio.sleep(0.01)


def is_ready(account: Message) -> bool:
    """Whether an account can cancel by its own road and hears pushes."""
    return account["cancel_ready"] is True and account["drop_copy"] == "live" and account["order_entry"] != "down"


@contextlib.asynccontextmanager
async def six(folder: Path, victim: str) -> AsyncIterator[Six]:
    """All venues up, the daemon ready at each; its patience with one of them is short."""
    async with contextlib.AsyncExitStack() as stack:
        accounts = {}
        for venue in VENUES:
            turnstile = Turnstile(build(venue, seed=7))
            server = await stack.enter_async_context(serve(turnstile))
            accounts[venue] = Account(turnstile, server.url)
            stack.push_async_callback(accounts[venue].door.close)
        (folder / "sim.toml").touch(mode=0o600)
        (folder / "sim.toml").write_text(CREDENTIALS)
        (folder / "canceld.toml").write_text(
            f'[daemon]\nsocket = "./canceld.sock"\njournal = "./journal.sqlite"\n{TIMINGS}'
            + "".join(account.config(is_hasty=venue == victim) for venue, account in accounts.items())
        )
        daemon = Daemon(folder)
        await daemon.start()
        stack.push_async_callback(daemon.stop)
        client = await Client.connect(daemon.socket)
        stack.push_async_callback(client.close)
        made = Six(accounts, client)
        await made.until(lambda all_of_them: all(map(is_ready, all_of_them.values())))
        yield made
