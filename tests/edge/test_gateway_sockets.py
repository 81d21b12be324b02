"""A gateway against a small venue on loopback: what it does by itself about sockets, refusals and odd frames."""

import asyncio

import pytest

from daemon.edge import clockwork
from daemon.edge.settings import Waits
from daemon.edge.status import EntryState, GatewayState
from protocols.dialect import Role, SocketPlan
from protocols.evidence import (
    AccountIdentified,
    AccountRefused,
    CancelAnswered,
    ClockMeasured,
    DropCopyState,
    OrderReported,
    Proof,
)
from protocols.fix import OrderEntry, Road
from protocols.secret import Credentials, Secret
from tests.edge.fake_venue import Body, Call, friendly
from tests.edge.gateway_rig import Rig, rig
from tests.fakes import PLAN, FakeDialect, wire

__all__ = ["rig"]  # a fixture


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


async def test_cancels_go_on_by_the_socket_of_the_key_before_where_the_new_one_is_refused(rig: Rig) -> None:
    await rig.start().live()
    rig.venue.rest["/whoami"] = lambda _: "refused badkey"
    rig.venue.answer_frame = lambda frame: ["login no credentials"] if frame.startswith("login") else friendly(frame)
    with rig.calling() as gateway:
        gateway.rotate(Credentials(Secret("other"), Secret("very-secret"), Secret("")))
    await rig.until(lambda: rig.roads(Road.REST) == [True, False])
    assert rig.roads(Road.WS) == [True]
    assert (rig.status.state, rig.status.order_entry) == (GatewayState.READY, EntryState.WS)
    assert "auth_failed" in rig.alarms()


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
    assert len([line for line in rig.logs if line["event"] == "frame_set_aside"]) == 1


async def test_an_error_that_names_nobody_makes_sends_unknown_and_is_kept(rig: Rig) -> None:
    await rig.start().live()
    rig.venue.answer_frame = lambda frame: ["error 60012"] if frame.startswith("cancel") else friendly(frame)
    with rig.calling() as gateway:
        gateway.send(wire("s1"))
    await rig.until(lambda: rig.of(CancelAnswered))
    assert rig.of(CancelAnswered)[0].proof is Proof.UNKNOWN
    assert rig.status.set_aside
    assert rig.roads(Road.WS) == [True]


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
