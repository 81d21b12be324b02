"""A gateway with a real dialect at a simulated venue, through the faults of the wire: what is reported must stay true.

What becomes of the orders is for others to test; here every send ends once, and every road comes back.
"""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
import pytest_asyncio
import structlog

from daemon.edge.clock import Clock
from daemon.edge.settings import GatewaySettings, Waits
from daemon.edge.status import GatewayState
from daemon.sim.registry import build
from daemon.sim.shell import Server, serve
from protocols.asks import Question, WireCancel
from protocols.dialect import Endpoints, Profile
from protocols.evidence import (
    AccountIdentified,
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    ClockMeasured,
    DropCopyState,
    Evidence,
    OrderReported,
    Proof,
    QuestionAnswered,
    RoadChanged,
    Step,
)
from protocols.fix import AccountName, OrderId, OrdStatus, QueryId, Road, SendId
from protocols.secret import Credentials, Secret
from protocols.venues.okx.dialect import OkxTrade
from tests.edge.gateway_rig import Overheard
from tests.edge.watch import Watch

E = TypeVar("E")
KEYS = Credentials(Secret("sim-key"), Secret("sim-secret"), Secret("sim-pass"))
WAITS = Waits(reconnect_first_s=0.01, reconnect_max_s=0.1, reconnect_gap_s=0.0, refused_retry_s=0.05, close_s=0.5)


@dataclass
class Rig:
    """A simulated venue, a gateway, and what it told."""

    server: Server
    watch: Watch = field(default_factory=Watch)
    told: list[Evidence] = field(default_factory=list)

    def start(self) -> asyncio.Task[None]:
        endpoints = Endpoints(rest=self.server.url, ws=self.server.ws_url)
        settings = GatewaySettings(AccountName("a"), "simulated", endpoints, waits=WAITS)
        dialect = OkxTrade(Profile(endpoints=endpoints))
        self.gateway = Overheard(settings, dialect, KEYS, self.report, Clock(), structlog.get_logger())
        self.gateway.on_departed = self.told.extend
        return asyncio.create_task(self.gateway.run())

    def report(self, evidence: Sequence[Evidence]) -> None:
        self.told += evidence
        self.watch.changed()

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        await self.watch.until(condition, what)

    def of(self, kind: type[E]) -> list[E]:
        return [evidence for evidence in self.told if isinstance(evidence, kind)]

    async def door(self, path: str, body: object) -> dict[str, object]:
        request = urllib.request.Request(f"{self.server.url}/_sim/{path}", json.dumps(body).encode(), method="POST")

        def call() -> dict[str, object]:
            with urllib.request.urlopen(request) as answer:
                found: dict[str, object] = json.load(answer)
                return found

        return await asyncio.to_thread(call)

    async def order(self) -> OrderId:
        order = {"instrument": "BTC-USDT", "side": "buy", "price": "100", "qty": "1"}
        return OrderId(str((await self.door("orders", order))["order_id"]))

    async def fault(self, name: str, **how: object) -> None:
        await self.door("faults", {name: how or {"count": 1}})

    async def live(self, times: int = 1) -> "Rig":
        await self.until(lambda: self.opened(Road.WS) >= times, f"the socket's road open {times} times")
        await self.until(lambda: self.gateway.snapshot().drop_copy is DropCopyState.LIVE)
        await self.until(lambda: self.gateway.snapshot().counters["reference_loads"])
        await self.until(lambda: self.of(AccountIdentified))
        return self

    def opened(self, road: Road) -> int:
        return sum(change.is_open for change in self.of(RoadChanged) if change.road is road)

    async def cancel(self, send_id: str, road: Road = Road.WS) -> OrderId:
        order_id = await self.order()
        self.gateway.send(WireCancel(SendId(send_id), road, "", "BTC-USDT", order_id, None))
        return order_id

    def ends(self, send_id: str) -> list[str]:
        kinds = CancelAnswered | CancelLost
        return [type(one).__name__ for one in self.told if isinstance(one, kinds) and one.send_id == send_id]

    async def ended(self, order_id: OrderId) -> None:
        await self.until(
            lambda: any(r.order_id == order_id and r.status is OrdStatus.CANCELED for r in self.of(OrderReported))
        )


@pytest_asyncio.fixture
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    venue = build("okx", seed=1, faults=getattr(request, "param", ""))
    async with serve(venue) as server:
        rig = Rig(server)
        with structlog.testing.capture_logs() as logs:
            running = rig.start()
            yield rig
            rig.gateway.stop()
            await running
        assert "sim-secret" not in repr(logs)
        assert rig.gateway.snapshot().counters["faults"] == 0


@pytest.mark.parametrize("road", list(Road))
async def test_a_cancel_is_accepted_and_the_push_follows(rig: Rig, road: Road) -> None:
    await rig.live()
    order_id = await rig.cancel("s1", road)
    await rig.ended(order_id)
    await rig.until(lambda: rig.ends("s1"))
    assert [(answer.proof, answer.road) for answer in rig.of(CancelAnswered)] == [(Proof.ACCEPTED, road)]
    assert rig.of(CancelForwarded) == [CancelForwarded(SendId("s1"), road)]


async def test_both_kinds_of_question_are_answered(rig: Rig) -> None:
    await rig.live()
    ids = {await rig.order() for _ in range(3)}
    rig.gateway.ask(Question(QueryId("q1"), Step.ORDER, "", "BTC-USDT", min(ids)))
    rig.gateway.ask(Question(QueryId("q2"), Step.OPEN_ORDERS, "", "BTC-USDT"))
    await rig.until(lambda: len(rig.of(QuestionAnswered)) == 2)
    answers = {answer.query_id: answer for answer in rig.of(QuestionAnswered)}
    assert [report.order_id for report in answers[QueryId("q1")].reports] == [min(ids)]
    assert {report.order_id for report in answers[QueryId("q2")].reports} == ids
    assert answers[QueryId("q2")].complete


async def test_a_connection_cut_in_the_middle_of_a_cancel_loses_it_and_comes_back(rig: Rig) -> None:
    await rig.live()
    await rig.fault("DISCONNECT")
    await rig.cancel("s1")
    await rig.live(times=2)
    assert rig.ends("s1") == ["CancelLost"]
    assert rig.of(CancelLost)[0].handed_over
    order_id = await rig.cancel("s2")
    await rig.ended(order_id)


async def test_a_half_open_socket_is_found_by_suspicion(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.pulse.PROBE_WAIT_MS", 20)
    await rig.live()
    await rig.fault("HALF_OPEN", count=1, now=True)
    await rig.cancel("s1")
    rig.gateway.suspect(Road.WS, "no answer in time")
    await rig.live(times=2)
    assert rig.ends("s1") == ["CancelLost"]


async def test_an_announced_close_is_survived_without_closing_the_road(rig: Rig) -> None:
    await rig.live()
    await rig.fault("NOTICE_CLOSE", count=1, now=True, arg="1")
    await rig.until(lambda: rig.gateway.snapshot().counters["dials"] == 2)
    await rig.until(lambda: [socket.state for socket in rig.gateway.snapshot().sockets] == ["live"])
    assert [change.is_open for change in rig.of(RoadChanged) if change.road is Road.WS] == [True]
    order_id = await rig.cancel("s1")
    await rig.ended(order_id)


@pytest.mark.parametrize("rig", ["AUTH_FAIL(login)x2"], indirect=True)
async def test_a_login_that_is_refused_for_a_while_is_tried_again_slowly(rig: Rig) -> None:
    await rig.live()
    assert rig.gateway.snapshot().counters["dials"] == 3
    assert rig.gateway.snapshot().state is GatewayState.READY


@pytest.mark.parametrize("rig", ["SKEW(40)", "SKEW(-40)"], indirect=True)
async def test_a_venue_with_another_clock_lets_us_in_at_the_first_try(rig: Rig) -> None:
    await rig.live()
    assert rig.gateway.snapshot().counters["dials"] == 1
    assert abs(abs(rig.of(ClockMeasured)[0].offset_us) - 40_000_000) < 5_000_000


async def test_frames_that_make_no_sense_are_set_aside_and_nothing_else_happens(rig: Rig) -> None:
    await rig.live()
    await rig.fault("BAD_FRAME", count=1, now=True)
    await rig.fault("UNKNOWN_EVENT", count=1, now=True)
    await rig.until(lambda: rig.gateway.snapshot().counters["set_aside"] == 2)
    order_id = await rig.cancel("s1")
    await rig.ended(order_id)
    assert rig.opened(Road.WS) == 1


async def test_many_cancels_at_once_each_end_once(rig: Rig) -> None:
    await rig.live()
    orders = [await rig.order() for _ in range(40)]
    for number, order_id in enumerate(orders):
        road = (Road.WS, Road.REST)[number % 2]
        rig.gateway.send(WireCancel(SendId(f"s{number}"), road, "", "BTC-USDT", order_id, None))
    await rig.until(lambda: all(rig.ends(f"s{number}") for number in range(40)))
    assert all(rig.ends(f"s{number}") == ["CancelAnswered"] for number in range(40))
    assert rig.gateway.snapshot().in_flight == 0
