"""A gateway against a small venue on loopback: what it reports for what happens, road by road."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
import pytest_asyncio
import structlog
from aiohttp import web

from daemon.edge import clockwork, questions, sends
from daemon.edge.clock import Clock
from daemon.edge.gateway import Gateway
from daemon.edge.settings import GatewaySettings, Waits
from daemon.edge.status import EntryState, GatewayState, GatewayStatus
from protocols.dialect import Endpoints, Role, SocketPlan
from protocols.evidence import (
    AccountIdentified,
    AccountRefused,
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    ClockMeasured,
    DropCopyChanged,
    DropCopyState,
    Evidence,
    OrderReported,
    Proof,
    QuestionAnswered,
    QuestionFailed,
    RoadChanged,
)
from protocols.fix import AccountName, OrderEntry, Road
from protocols.secret import Credentials, Secret
from tests.edge.fake_venue import Body, Call, FakeVenue, friendly, serving
from tests.edge.watch import Watch
from tests.fakes import CREDENTIALS, PLAN, FakeDialect, question, wire

E = TypeVar("E")
SOON = Waits(
    close_s=0.5,
    warm_every_s=60.0,
    reconnect_first_s=0.01,
    reconnect_max_s=0.02,
    reconnect_gap_s=0.0,
    refused_retry_s=30.0,
    retry_s=0.01,
    reference_gap_s=0.0,
)


@dataclass
class Rig:
    """A venue, a gateway, and everything that the gateway told."""

    venue: FakeVenue
    watch: Watch
    told: list[Evidence] = field(default_factory=list)
    logs: list[structlog.typing.EventDict] = field(default_factory=list)
    in_call: bool = False
    told_in_call: int = 0
    fails_on: str = ""
    _running: list[asyncio.Task[None]] = field(default_factory=list)

    def start(
        self,
        order_entry: OrderEntry = OrderEntry.WS_THEN_REST,
        waits: Waits = SOON,
        dialect: FakeDialect | None = None,
        endpoints: Endpoints | None = None,
    ) -> "Rig":
        endpoints = endpoints or self.venue.endpoints
        settings = GatewaySettings(AccountName("a"), "fake", endpoints, order_entry, waits=waits)
        self.gateway = Gateway(
            settings, dialect or FakeDialect(), CREDENTIALS, self._report, Clock(), structlog.get_logger()
        )
        self._running.append(asyncio.create_task(self.gateway.run()))
        return self

    def _report(self, evidence: Evidence) -> None:
        if isinstance(evidence, OrderReported) and evidence.order_id == self.fails_on:
            raise RuntimeError(evidence.order_id)
        self.told_in_call += self.in_call
        self.told.append(evidence)
        self.watch.changed()

    @contextlib.contextmanager
    def calling(self) -> Iterator[Gateway]:
        """Call the gateway as the driver does, who must not be told anything meanwhile."""
        self.in_call = True
        yield self.gateway
        self.in_call = False

    async def live(self) -> "Rig":
        await self.until(
            lambda: self.status.drop_copy is DropCopyState.LIVE and self.status.counters["reference_loads"]
        )
        await self.until(lambda: self.of(AccountIdentified))
        return self

    async def stop(self) -> None:
        self.gateway.stop()
        await asyncio.gather(*self._running)

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        await self.watch.until(condition, what)

    def of(self, kind: type[E]) -> list[E]:
        return [evidence for evidence in self.told if isinstance(evidence, kind)]

    @property
    def status(self) -> GatewayStatus:
        return self.gateway.snapshot()

    def roads(self, road: Road) -> list[bool]:
        return [change.is_open for change in self.of(RoadChanged) if change.road is road]

    def drop_copy(self) -> list[DropCopyState]:
        return [change.state for change in self.of(DropCopyChanged)]

    def alarms(self) -> list[str]:
        return [alarm.name for alarm in self.status.alarms]

    def about(self, send_id: str) -> list[str]:
        """What was told about one send, in order."""
        kinds = CancelForwarded | CancelAnswered | CancelLost
        return [type(one).__name__ for one in self.told if isinstance(one, kinds) and one.send_id == send_id]


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    watch = Watch()
    async with serving(watch) as venue:
        rig = Rig(venue, watch)
        with structlog.testing.capture_logs() as logs:
            rig.logs = logs
            yield rig
            await rig.stop()
        assert rig.told_in_call == 0
        assert "very-secret" not in repr(logs)


# ---------------------------------------------------------------- starting


async def test_a_gateway_learns_the_time_the_account_and_the_codes_and_opens_its_roads(rig: Rig) -> None:
    rig.venue.skew_us = 60_000_000
    await rig.start().live()
    assert rig.roads(Road.WS) == [True]
    assert rig.roads(Road.REST) == [True]
    assert rig.of(AccountIdentified) == [AccountIdentified("user-1")]
    measured = rig.of(ClockMeasured)[0]
    assert abs(measured.offset_us - 60_000_000) <= measured.uncertainty_us
    status = rig.status
    assert (status.state, status.order_entry) == (GatewayState.READY, EntryState.WS)
    assert status.last_inbound_us is not None


async def test_the_first_login_is_signed_for_the_venues_clock(rig: Rig) -> None:
    rig.venue.skew_us = 3_600_000_000
    await rig.start().live()
    signed_for = int(rig.venue.frames[0].split(" ")[1])
    assert abs(signed_for - Clock().now() - 3_600_000_000) < 60_000_000
    assert "clock_offset" in rig.alarms()


async def test_without_the_venues_time_the_hosts_serves(rig: Rig) -> None:
    rig.venue.rest["/time"] = lambda _: web.Response(status=500, text="no")
    await rig.start().live()
    assert "clock_unknown" in rig.alarms()
    assert rig.of(ClockMeasured) == []
    assert rig.status.clock_offset_us is None


async def test_roads_are_those_of_the_configuration(rig: Rig) -> None:
    await rig.start(OrderEntry.WS).live()
    assert rig.roads(Road.REST) == []
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.REST))
    await rig.until(lambda: rig.about("s1"))
    assert [(lost.handed_over, lost.why) for lost in rig.of(CancelLost)] == [(False, "the road is closed")]


async def test_an_account_by_rest_alone_still_has_a_drop_copy(rig: Rig) -> None:
    await rig.start(OrderEntry.REST).live()
    assert rig.roads(Road.WS) == []
    assert rig.status.order_entry is EntryState.REST
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.WS))
        gateway.send(wire("s2", Road.REST))
    await rig.until(lambda: rig.about("s2") == ["CancelForwarded", "CancelAnswered"])
    assert rig.about("s1") == ["CancelLost"]
    assert rig.venue.sent("cancel") == []


# ---------------------------------------------------------------- cancels


@pytest.mark.parametrize("road", list(Road))
async def test_a_cancel_is_forwarded_and_answered_once(rig: Rig, road: Road) -> None:
    await rig.start().live()
    with rig.calling() as gateway:
        gateway.send(wire("s1", road))
    await rig.until(lambda: len(rig.about("s1")) == 2)
    assert rig.about("s1") == ["CancelForwarded", "CancelAnswered"]
    answer = rig.of(CancelAnswered)[0]
    assert (answer.road, answer.proof) == (road, Proof.ACCEPTED)
    sent = rig.venue.sent("cancel") if road is Road.WS else [call.body for call in rig.venue.called("/cancel")]
    assert sent == (["cancel s1 1"] if road is Road.WS else ["s1 o1"])


async def test_an_instrument_without_a_code_does_not_leave_by_socket(rig: Rig) -> None:
    await rig.start().live()
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.WS, "NEW"))
    await rig.until(lambda: rig.about("s1"))
    assert [(lost.handed_over, lost.why) for lost in rig.of(CancelLost)] == [(False, "no_code")]
    await rig.until(lambda: rig.status.counters["reference_loads"] == 2, "the codes are asked for again")


async def test_a_push_is_evidence(rig: Rig) -> None:
    await rig.start().live()
    await rig.venue.push("order o7 filled")
    await rig.until(lambda: [report.order_id for report in rig.of(OrderReported)] == ["o7"])


async def test_a_lost_socket_loses_what_is_in_flight_and_a_new_one_comes(rig: Rig) -> None:
    await rig.start().live()
    rig.venue.answer_frame = lambda frame: [] if frame.startswith("cancel") else friendly(frame)
    with rig.calling() as gateway:
        gateway.send(wire("s1"))
    await rig.until(lambda: rig.venue.sent("cancel"))
    rig.venue.cut()
    await rig.until(lambda: rig.about("s1") == ["CancelForwarded", "CancelLost"])
    assert rig.of(CancelLost)[0].handed_over
    await rig.until(lambda: rig.roads(Road.WS) == [True, False, True])
    await rig.until(lambda: rig.drop_copy() == [DropCopyState.LIVE, DropCopyState.DOWN, DropCopyState.LIVE])
    assert rig.roads(Road.REST) == [True]


async def test_a_rest_cancel_without_a_connection_certainly_did_not_leave(rig: Rig) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
    rig.start(OrderEntry.REST, endpoints=Endpoints(rest=nowhere, ws=rig.venue.endpoints.ws))
    await rig.until(lambda: rig.roads(Road.REST) == [True])
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.REST))
        gateway.ask(question("q1"))
    await rig.until(lambda: rig.about("s1") == ["CancelLost"] and rig.of(QuestionFailed))
    assert [(lost.handed_over, lost.why) for lost in rig.of(CancelLost)] == [(False, "Connection refused")]


async def hang(_: Call) -> Body:
    await asyncio.Event().wait()
    return ""


async def test_a_rest_cancel_without_an_answer_is_lost_as_handed_over(rig: Rig) -> None:
    waits = Waits(rest_cancel_s=0.1, close_s=0.5)
    await rig.start(OrderEntry.REST, waits).live()
    rig.venue.rest["/cancel"] = hang
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.REST))
    await rig.until(lambda: rig.about("s1") == ["CancelForwarded", "CancelLost"])
    assert [(lost.handed_over, lost.why) for lost in rig.of(CancelLost)] == [(True, "time-out")]


async def test_too_many_rest_cancels_are_refused_clearly(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sends, "CANCELS_MAX", 1)
    await rig.start().live()
    rig.venue.rest["/cancel"] = hang
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.REST))
        gateway.send(wire("s2", Road.REST))
    await rig.until(lambda: rig.about("s2"))
    assert [(lost.send_id, lost.handed_over) for lost in rig.of(CancelLost)] == [("s2", False)]


async def test_a_bug_in_the_dialect_ends_a_send_and_nothing_else(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("very-secret")

    await rig.start().live()
    monkeypatch.setattr(FakeDialect, "cancel_frame", fail)
    monkeypatch.setattr(FakeDialect, "read_cancel", fail)
    monkeypatch.setattr(FakeDialect, "read_question", fail)
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.WS))
        gateway.send(wire("s2", Road.REST))
        gateway.ask(question("q1"))
    await rig.until(lambda: len(rig.of(CancelLost)) == 2 and rig.of(QuestionFailed))
    assert {(lost.send_id, lost.handed_over) for lost in rig.of(CancelLost)} == {("s1", False), ("s2", True)}
    assert rig.status.state is GatewayState.READY
    assert rig.status.counters["faults"] == 3


async def test_what_the_reader_of_evidence_raises_costs_nothing_else(rig: Rig) -> None:
    await rig.start().live()
    rig.fails_on = "o1"
    await rig.venue.push("order o1 new", "order o2 new")
    await rig.until(lambda: [report.order_id for report in rig.of(OrderReported)] == ["o2"])
    assert "internal_error" in rig.alarms()
    assert rig.roads(Road.WS) == [True]


# ---------------------------------------------------------------- questions


async def test_a_question_is_answered_with_all_its_pages(rig: Rig) -> None:
    await rig.start().live()
    pages = {"1": "order o1 new\nnext 2", "2": "order o2 new\nnext 3", "3": "order o3 filled"}
    rig.venue.rest["/orders"] = lambda call: pages[call.target[-1]]
    with rig.calling() as gateway:
        gateway.ask(question("q1", None))
    await rig.until(lambda: rig.of(QuestionAnswered))
    answer = rig.of(QuestionAnswered)[0]
    assert [report.order_id for report in answer.reports] == ["o1", "o2", "o3"]
    assert answer.complete
    assert rig.status.questions_under_way == 0


async def test_an_answer_without_end_is_cut_and_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "PAGES_MAX", 3)
    await rig.start().live()
    rig.venue.rest["/orders"] = lambda _: "order o9 new\nnext 2"
    with rig.calling() as gateway:
        gateway.ask(question("q1"))
    await rig.until(lambda: rig.of(QuestionAnswered))
    answer = rig.of(QuestionAnswered)[0]
    assert (len(answer.reports), answer.complete, answer.absence) == (3, False, "blind")


async def test_a_later_page_that_fails_leaves_what_the_first_ones_said(rig: Rig) -> None:
    await rig.start().live()
    rig.venue.rest["/orders"] = lambda call: "order o1 new\nnext 2" if call.target[-1] == "1" else "failed"
    with rig.calling() as gateway:
        gateway.ask(question("q1"))
    await rig.until(lambda: rig.of(QuestionAnswered))
    answer = rig.of(QuestionAnswered)[0]
    assert (len(answer.reports), answer.complete, answer.absence) == (1, False, "blind")


@pytest.mark.parametrize(("word", "is_limited"), [("limited", True), ("failed", False)])
async def test_a_question_that_is_not_answered_fails(rig: Rig, word: str, is_limited: bool) -> None:
    await rig.start().live()
    rig.venue.rest["/orders"] = lambda _: word
    with rig.calling() as gateway:
        gateway.ask(question("q1"))
    await rig.until(lambda: rig.of(QuestionFailed))
    failed = rig.of(QuestionFailed)[0]
    assert (failed.query_id, failed.why, failed.rate_limited) == ("q1", word, is_limited)


async def test_too_many_questions_are_refused_clearly(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "QUESTIONS_MAX", 1)
    await rig.start().live()
    rig.venue.rest["/orders"] = hang
    with rig.calling() as gateway:
        gateway.ask(question("q1"))
        gateway.ask(question("q2"))
    await rig.until(lambda: rig.of(QuestionFailed))
    assert [(failed.query_id, failed.why) for failed in rig.of(QuestionFailed)] == [
        ("q2", "too many questions under way")
    ]


# ---------------------------------------------------------------- make before break


async def test_a_successor_takes_over_when_it_is_live_and_the_road_never_closes(rig: Rig) -> None:
    await rig.start().live()
    held: list[str] = []

    def slowly(frame: str) -> list[str]:
        if frame.startswith("sub"):
            held.append(frame)
            return []
        return friendly(frame)

    rig.venue.answer_frame = slowly
    await rig.venue.push("closing", socket=0)
    await rig.until(lambda: held, "the successor has logged in and waits")
    old, new = rig.venue.sockets
    assert old is not new
    with rig.calling() as gateway:
        gateway.send(wire("s1"))  # by the old one: the new one is not live yet
    await rig.until(lambda: len(rig.about("s1")) == 2)
    assert [socket.in_flight for socket in rig.status.sockets] == [0, 0]
    await rig.venue.push("sub ok orders")
    await rig.until(lambda: [socket.state for socket in rig.status.sockets] == ["draining", "live"])
    await rig.venue.push("order o1 canceled", socket=0)
    await rig.until(lambda: rig.of(OrderReported), "the old one is still read")
    await old.close()
    await rig.until(lambda: len(rig.status.sockets) == 1)
    assert rig.roads(Road.WS) == [True]
    assert rig.drop_copy() == [DropCopyState.LIVE]


async def test_cancels_move_to_the_successor_while_the_old_socket_is_still_open(rig: Rig) -> None:
    await rig.start().live()
    await rig.venue.push("closing")
    await rig.until(lambda: [socket.state for socket in rig.status.sockets] == ["draining", "live"])
    rig.venue.answer_frame = lambda frame: [] if frame.startswith("cancel") else friendly(frame)
    with rig.calling() as gateway:
        gateway.send(wire("s1"))
    assert [socket.in_flight for socket in rig.status.sockets] == [0, 1]


async def test_a_blind_drop_copy_is_told_and_replaced_after_a_while(rig: Rig) -> None:
    waits = Waits(blind_renew_s=0.05, reconnect_gap_s=0.0, close_s=0.5)
    await rig.start(waits=waits).live()
    await rig.venue.push("blind")
    await rig.until(lambda: rig.drop_copy() == [DropCopyState.LIVE, DropCopyState.BLIND, DropCopyState.LIVE])
    assert rig.roads(Road.WS) == [True]


async def test_a_socket_that_the_venue_forgot_is_replaced(rig: Rig) -> None:
    await rig.start().live()
    rig.venue.answer_frame = lambda frame: (
        ["ack s1 unchanged_retry log_in"] if frame.startswith("cancel") else friendly(frame)
    )
    with rig.calling() as gateway:
        gateway.send(wire("s1"))
    await rig.until(lambda: rig.roads(Road.WS) == [True, False, True])
    assert rig.venue.opened == 2


# ---------------------------------------------------------------- suspicion


async def test_a_suspect_socket_that_is_deaf_is_cut(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.pulse.PROBE_WAIT_MS", 10)
    await rig.start().live()
    rig.venue.answer_frame = lambda frame: [] if frame == "ping" else friendly(frame)
    with rig.calling() as gateway:
        gateway.suspect(Road.WS, "no ack")
    await rig.until(lambda: rig.roads(Road.WS) == [True, False, True])


async def test_a_suspect_socket_that_answers_stays(rig: Rig) -> None:
    await rig.start().live()
    with rig.calling() as gateway:
        gateway.suspect(Road.WS, "no ack")
        gateway.suspect(Road.REST, "no answer")
    calls = len(rig.venue.called("/time"))
    await rig.until(lambda: rig.venue.sent("ping") and len(rig.venue.called("/time")) > calls)
    assert rig.roads(Road.WS) == [True]


# ---------------------------------------------------------------- refusals


async def test_refused_credentials_close_every_road_and_are_not_hammered(rig: Rig) -> None:
    rig.venue.answer_frame = lambda frame: ["login no credentials"] if frame.startswith("login") else friendly(frame)
    rig.start()
    await rig.until(lambda: rig.of(AccountRefused))
    await rig.until(lambda: rig.roads(Road.REST) == [True, False])
    assert rig.roads(Road.WS) == []
    assert rig.status.state is GatewayState.AUTH_FAILED
    assert "L1" in rig.status.why
    assert rig.venue.opened == 1
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.REST))
    await rig.until(lambda: rig.about("s1") == ["CancelLost"])


async def test_new_credentials_are_tried_at_once(rig: Rig) -> None:
    rig.venue.answer_frame = lambda frame: (
        ["login ok" if frame.endswith(" other") else "login no credentials"]
        if frame.startswith("login")
        else friendly(frame)
    )
    rig.start()
    await rig.until(lambda: rig.status.state is GatewayState.AUTH_FAILED)
    with rig.calling() as gateway:
        gateway.rotate(Credentials(Secret("other"), Secret("very-secret"), Secret("")))
    await rig.until(lambda: rig.drop_copy() == [DropCopyState.LIVE])
    assert rig.roads(Road.WS) == [True]
    assert rig.status.state is GatewayState.READY
    assert "auth_failed" not in rig.alarms()


async def test_rotating_good_credentials_breaks_nothing(rig: Rig) -> None:
    await rig.start().live()
    with rig.calling() as gateway:
        gateway.rotate(Credentials(Secret("other"), Secret("very-secret"), Secret("")))
    await rig.until(lambda: any(frame.endswith(" other") for frame in rig.venue.frames))
    await rig.until(lambda: [socket.state for socket in rig.status.sockets] == ["draining", "live"])
    await rig.until(lambda: len(rig.of(AccountIdentified)) == 2)
    assert rig.roads(Road.WS) == [True]
    assert rig.roads(Road.REST) == [True]


async def test_credentials_that_rest_refuses_close_rest_alone(rig: Rig) -> None:
    rig.venue.rest["/whoami"] = lambda _: "refused badkey"
    rig.start()
    await rig.until(lambda: rig.roads(Road.REST) == [True, False])
    await rig.until(lambda: rig.roads(Road.WS) == [True])
    assert rig.status.order_entry is EntryState.WS
    assert rig.status.state is GatewayState.READY


async def test_an_account_by_rest_alone_learns_of_its_refusal_and_of_its_end(rig: Rig) -> None:
    rig.venue.rest["/whoami"] = lambda _: "refused badkey"
    rig.venue.refuse_sockets = True
    rig.start(OrderEntry.REST, Waits(refused_retry_s=0.05, close_s=0.5))
    await rig.until(lambda: rig.roads(Road.REST) == [True, False])
    await rig.until(lambda: rig.status.state is GatewayState.AUTH_FAILED)
    del rig.venue.rest["/whoami"]
    await rig.until(lambda: rig.roads(Road.REST) == [True, False, True])
    assert len(rig.of(AccountRefused)) == 1


async def test_a_time_that_the_venue_refuses_is_measured_again_before_the_next_login(rig: Rig) -> None:
    refused: list[str] = []

    def once(frame: str) -> list[str]:
        if frame.startswith("login") and not refused:
            refused.append(frame)
            rig.venue.skew_us = 90_000_000
            return ["login no clock"]
        return friendly(frame)

    rig.venue.answer_frame = once
    await rig.start().live()
    first, second = (int(frame.split(" ")[1]) for frame in rig.venue.sent("login"))
    assert second - first > 60_000_000


async def test_a_venue_that_is_down_is_dialed_again_with_growing_waits(rig: Rig) -> None:
    rig.venue.refuse_sockets = True
    rig.start()
    await rig.until(lambda: rig.status.counters["dials"] >= 3)
    rig.venue.refuse_sockets = False
    await rig.live()
    assert rig.roads(Road.WS) == [True]


# ---------------------------------------------------------------- remedies and frames that cannot be read


async def test_stale_codes_are_loaded_again_once_however_many_ask(rig: Rig) -> None:
    await rig.start().live()
    rig.venue.answer_frame = lambda frame: (
        [f"ack {frame.split(' ')[1]} unchanged_retry refresh_reference"]
        if frame.startswith("cancel")
        else friendly(frame)
    )
    loading = asyncio.Event()

    async def slowly(_: Call) -> Body:
        await loading.wait()
        return "BTC=7"

    rig.venue.rest["/codes"] = slowly
    with rig.calling() as gateway:
        for number in range(20):
            gateway.send(wire(f"s{number}"))
    await rig.until(lambda: len(rig.of(CancelAnswered)) == 20)
    loading.set()
    await rig.until(lambda: rig.status.counters["reference_loads"] >= 2)
    with rig.calling() as gateway:
        gateway.send(wire("s99"))
    await rig.until(lambda: "cancel s99 7" in rig.venue.frames)
    assert len(rig.venue.called("/codes")) <= 3


async def test_a_frame_that_cannot_be_read_is_set_aside_and_the_log_is_not_flooded(rig: Rig) -> None:
    await rig.start().live()
    for number in range(120):
        await rig.venue.push(f"rubbish {number}")
    await rig.venue.push("order o1 new")
    await rig.until(lambda: rig.of(OrderReported))
    status = rig.status
    assert status.counters["set_aside"] == 120
    assert len(status.set_aside) == 100
    assert status.set_aside[-1].frame.raw == b"rubbish 119"
    assert len([line for line in rig.logs if line["event"] == "frame set aside"]) == 1


async def test_an_error_that_names_nobody_makes_sends_unknown_and_is_kept(rig: Rig) -> None:
    await rig.start().live()
    rig.venue.answer_frame = lambda frame: ["error 60012"] if frame.startswith("cancel") else friendly(frame)
    with rig.calling() as gateway:
        gateway.send(wire("s1"))
    await rig.until(lambda: rig.of(CancelAnswered))
    assert rig.of(CancelAnswered)[0].proof is Proof.UNKNOWN
    assert rig.status.set_aside
    assert rig.roads(Road.WS) == [True]


# ---------------------------------------------------------------- the end


async def test_a_stopped_gateway_closes_its_roads_and_ends_what_is_under_way(rig: Rig) -> None:
    waits = Waits(close_s=0.1)
    await rig.start(waits=waits).live()
    rig.venue.rest["/cancel"] = hang
    rig.venue.rest["/orders"] = hang
    rig.venue.answer_frame = lambda frame: [] if frame.startswith("cancel") else friendly(frame)
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.WS))
        gateway.send(wire("s2", Road.REST))
        gateway.ask(question("q1"))
    await rig.until(lambda: rig.venue.called("/cancel") and rig.venue.called("/orders") and rig.venue.sent("cancel"))
    await rig.stop()
    assert rig.about("s1") == rig.about("s2") == ["CancelForwarded", "CancelLost"]
    assert all(lost.handed_over for lost in rig.of(CancelLost))
    assert len(rig.of(QuestionFailed)) == 1
    assert rig.roads(Road.WS) == rig.roads(Road.REST) == [True, False]
    assert rig.drop_copy()[-1] is DropCopyState.DOWN
    assert rig.status.state is GatewayState.STOPPED
    with rig.calling() as gateway:
        gateway.send(wire("s3", Road.REST))
        gateway.send(wire("s4", Road.WS))
        gateway.ask(question("q2"))
    await rig.until(lambda: len(rig.of(QuestionFailed)) == 2)
    assert rig.about("s3") == rig.about("s4") == ["CancelLost"]


async def test_a_canceled_gateway_ends_what_is_under_way(rig: Rig) -> None:
    await rig.start().live()
    rig.venue.rest["/cancel"] = hang
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.REST))
    await rig.until(lambda: rig.venue.called("/cancel"))
    running = rig._running.pop()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert rig.about("s1") == ["CancelForwarded", "CancelLost"]
    assert rig.status.sockets == ()


# ---------------------------------------------------------------- the clock


async def test_a_clock_that_jumps_is_believed_at_once(rig: Rig) -> None:
    await rig.start().live()
    rig.venue.skew_us = -30_000_000
    with rig.calling() as gateway:
        gateway.suspect(Road.REST, "look again")
    await rig.until(lambda: abs(rig.of(ClockMeasured)[-1].offset_us + 30_000_000) < 5_000_000)
    assert clockwork.OFFSET_ALARM_US < 30_000_000
    assert "clock_offset" in rig.alarms()


async def test_one_connection_is_kept_warm(rig: Rig) -> None:
    await rig.start(waits=Waits(warm_every_s=0.01, close_s=0.5)).live()
    before = len(rig.venue.called("/time"))
    await rig.until(lambda: len(rig.venue.called("/time")) >= before + 5)


async def test_a_plan_of_two_sockets_has_the_drop_copy_of_the_worse_one(rig: Rig) -> None:
    plans = (PLAN, SocketPlan("second", "/ws", frozenset({Role.DROP_COPY}), PLAN.heartbeat))
    await rig.start(dialect=FakeDialect(plans=plans)).live()
    assert rig.venue.opened == 2
    await rig.venue.push("blind", socket=0)
    await rig.until(lambda: rig.drop_copy() == [DropCopyState.LIVE, DropCopyState.BLIND])
