"""Sockets that are entered by a key from REST: how the key is got, kept alive, and replaced, at a venue on loopback."""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from aiohttp import web

from daemon.edge.call_pace import CallPace
from daemon.edge.clock import Clock
from daemon.edge.entrance import Entrance
from daemon.edge.settings import Waits
from daemon.edge.status import GatewayState
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.life import SILENT
from daemon.simulate.ways import VirtualTime
from protocols.dialect import RateRule, Role
from protocols.dialect import Scope as Venue
from protocols.errors import Unreadable, VenueRefusal
from protocols.evidence import AccountRefused, DropCopyState
from protocols.fix import Road
from protocols.rest import RestCall, RestResponse
from protocols.secret import Credentials, Secret
from tests.edge.fake_venue import Body, Call
from tests.edge.gateway_rig import SOON, Rig, hang, rig
from tests.edge.watch import PATIENCE_S
from tests.fakes import PLAN, FakeDialect

if TYPE_CHECKING:
    from daemon.edge.venue_rest import VenueRest

__all__ = ["rig"]  # a fixture

NEVER_MS = 3_600_000
QUICK = msgspec.structs.replace(SOON, rest_question_s=0.3)


@dataclass(frozen=True)
class Words:
    """POST /key gives ``key K``, or ``refused CODE``; PUT /key with ``key=K`` gives ``yes`` or ``no``."""

    extend_every_ms: int = NEVER_MS

    def ask(self) -> RestCall:
        return RestCall("key", "POST", "/key")

    def read(self, response: RestResponse) -> Secret:
        word, _, rest = response.body.decode().partition(" ")
        if word == "refused":
            raise VenueRefusal("key", rest, "no")
        if word != "key":
            raise Unreadable("key", "none")
        return Secret(rest)

    def path(self, key: Secret) -> str:
        return f"{PLAN.path}?key={key.reveal()}"

    def extend(self, key: Secret) -> RestCall:
        return RestCall("key", "PUT", "/key", (("key", key.reveal()),))

    def read_extension(self, response: RestResponse) -> bool:
        if response.status != 200:
            raise Unreadable("status", str(response.status))
        return response.body == b"yes"


@dataclass
class Keys:
    """The venue's side: it numbers its keys, and refuses to extend those that are ``over``."""

    given: int = 0
    over: set[str] = field(default_factory=set)
    extended: list[str] = field(default_factory=list)
    failures: int = 0

    def answer(self, call: Call) -> Body:
        if call.method == "POST":
            self.given += 1
            return f"key very-secret-{self.given}"
        key = call.target.partition("key=")[2].partition("&")[0]
        if self.failures:
            self.failures -= 1
            return web.Response(status=503)
        self.extended.append(key)
        return "no" if key in self.over else "yes"


def by_key(extend_every_ms: int = NEVER_MS) -> FakeDialect:
    plan = msgspec.structs.replace(
        PLAN, roles=frozenset({Role.DROP_COPY}), needs_login=False, admission=Words(extend_every_ms)
    )
    return FakeDialect(plans=(plan,))


@pytest.fixture
def keys(rig: Rig) -> Keys:
    keys = Keys()
    rig.venue.rest["/key"] = keys.answer
    return keys


@pytest.mark.usefixtures("keys")
async def test_a_socket_is_opened_with_the_key_in_its_address(rig: Rig) -> None:
    await rig.start(dialect=by_key(), waits=QUICK).live()
    assert rig.venue.targets == ["/ws?key=very-secret-1"]
    assert rig.status.state is GatewayState.READY
    assert rig.roads(Road.REST) == [True]
    assert rig.roads(Road.WS) == []


@pytest.mark.usefixtures("keys")
async def test_every_dial_has_a_key_of_its_own(rig: Rig) -> None:
    await rig.start(dialect=by_key(), waits=QUICK).live()
    rig.venue.cut()
    await rig.until(lambda: rig.drop_copy() == [DropCopyState.LIVE, DropCopyState.DOWN, DropCopyState.LIVE])
    assert rig.venue.targets == ["/ws?key=very-secret-1", "/ws?key=very-secret-2"]


async def test_the_key_of_a_living_socket_is_extended_again_and_again(rig: Rig, keys: Keys) -> None:
    await rig.start(dialect=by_key(5), waits=QUICK).live()
    await rig.until(lambda: len(keys.extended) >= 3)
    assert set(keys.extended) == {"very-secret-1"}
    assert rig.venue.opened == 1


async def test_a_key_that_is_over_gets_a_successor_before_the_old_socket_goes(rig: Rig, keys: Keys) -> None:
    keys.over.add("very-secret-1")
    await rig.start(dialect=by_key(20), waits=QUICK).live()
    await rig.until(lambda: "very-secret-2" in keys.extended)
    assert rig.drop_copy() == [DropCopyState.LIVE]  # never down in between
    assert rig.venue.targets == ["/ws?key=very-secret-1", "/ws?key=very-secret-2"]


async def test_an_extension_that_fails_is_tried_again_before_the_key_is_given_up(rig: Rig, keys: Keys) -> None:
    keys.failures = 3
    await rig.start(dialect=by_key(20), waits=QUICK).live()
    await rig.until(lambda: keys.extended)
    assert keys.extended[0] == "very-secret-1"
    assert rig.venue.opened == 1


async def test_a_key_that_cannot_be_extended_at_all_is_replaced(rig: Rig, keys: Keys) -> None:
    keys.failures = 5
    await rig.start(dialect=by_key(20), waits=QUICK).live()
    await rig.until(lambda: rig.venue.opened == 2)
    assert rig.venue.targets[1] == "/ws?key=very-secret-2"


async def test_refused_credentials_give_no_key_and_are_not_hammered(rig: Rig) -> None:
    rig.venue.rest["/key"] = lambda _: "refused badkey"
    rig.start(dialect=by_key(), waits=QUICK)
    await rig.until(lambda: rig.status.state is GatewayState.AUTH_FAILED)
    await rig.until(lambda: rig.of(AccountRefused))
    assert rig.of(AccountRefused)[0].code == "badkey"
    assert len(rig.venue.called("/key")) == 1
    assert rig.venue.opened == 0


def test_keys_are_got_no_faster_than_the_venue_allows_however_young_the_sockets_die() -> None:
    kernel = Kernel(1_763_600_000_000_000)
    scope = Scope(kernel)
    clock = Clock(lambda: kernel.now_us * 1000, lambda: kernel.now_us * 1000)
    time = VirtualTime(scope, Random(1))
    rule = RateRule("key", frozenset({"key"}), 2, 1000, Venue.USER, "a page")
    asked_us: list[int] = []

    class Rest:
        async def fetch(self, _call: RestCall, _total_s: float) -> RestResponse:
            asked_us.append(kernel.now_us)
            return RestResponse(200, b"key k", ())

    def ignore(_: object) -> None: ...

    pace = CallPace((rule,), clock, time)
    entrance = Entrance(Words(), cast("VenueRest", Rest()), pace, QUICK, SILENT, ignore, ignore, time)

    async def dial_thrice() -> None:
        for _ in range(3):
            await entrance.key()

    begun_us = kernel.now_us
    scope.spawn(dial_thrice())
    kernel.run(begun_us + 10_000_000)
    assert asked_us[1] == begun_us
    assert asked_us[2] >= begun_us + 1_000_000


async def test_new_credentials_are_tried_at_once(rig: Rig) -> None:
    rig.venue.rest["/key"] = lambda call: "key k" if call.headers["X-Key"] == "other" else "refused badkey"
    rig.start(dialect=by_key(), waits=QUICK)
    await rig.until(lambda: rig.status.state is GatewayState.AUTH_FAILED)
    rig.gateway.rotate(Credentials(Secret("other"), Secret("very-secret"), Secret("")))
    await rig.until(lambda: rig.status.state is GatewayState.READY and rig.drop_copy() == [DropCopyState.LIVE])


@pytest.mark.parametrize("first", ["", "refused E1"], ids=["unreadable", "of no known kind"])
async def test_any_other_failure_is_tried_again(rig: Rig, keys: Keys, first: str) -> None:
    answers = [first, first]
    rig.venue.rest["/key"] = lambda call: answers.pop() if answers else keys.answer(call)
    await rig.start(dialect=by_key(), waits=QUICK).live()
    assert rig.venue.targets == ["/ws?key=very-secret-1"]


async def test_a_venue_that_gives_no_key_still_takes_cancels(rig: Rig) -> None:
    rig.venue.rest["/key"] = hang
    rig.start(dialect=by_key(), waits=Waits(close_s=0.1))
    await rig.until(lambda: rig.roads(Road.REST) == [True] and rig.venue.called("/key"))
    assert rig.drop_copy() == []
    await asyncio.wait_for(rig.stop(), PATIENCE_S)
