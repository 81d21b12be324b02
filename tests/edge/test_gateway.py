"""A gateway against a small venue on loopback: what it reports for what it is told to do."""

import asyncio

import pytest
from aiohttp import web

from daemon.edge import questions, sends
from daemon.edge.clock import Clock
from daemon.edge.settings import Waits
from daemon.edge.status import EntryState, GatewayState
from protocols.dialect import Endpoints
from protocols.evidence import (
    AccountIdentified,
    CancelAnswered,
    CancelLost,
    ClockMeasured,
    DropCopyState,
    OrderReported,
    Proof,
    QuestionAnswered,
    QuestionFailed,
)
from protocols.fix import OrderEntry, Road
from tests.edge.fake_venue import friendly
from tests.edge.gateway_rig import Rig, hang, rig
from tests.fakes import FakeDialect, question, wire
from tests.scraping import free_port

__all__ = ["rig"]  # a fixture


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
    nowhere = f"http://127.0.0.1:{free_port()}"
    rig.start(OrderEntry.REST, endpoints=Endpoints(rest=nowhere, ws=rig.venue.endpoints.ws))
    await rig.until(lambda: rig.roads(Road.REST) == [True])
    with rig.calling() as gateway:
        gateway.send(wire("s1", Road.REST))
        gateway.ask(question("q1"))
    await rig.until(lambda: rig.about("s1") == ["CancelLost"] and rig.of(QuestionFailed))
    assert [(lost.handed_over, lost.why) for lost in rig.of(CancelLost)] == [(False, "Connection refused")]


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
    await rig.venue.push("order o1 new")
    await rig.until(lambda: "internal_error" in rig.alarms())
    await rig.venue.push("order o2 new")
    await rig.until(lambda: [report.order_id for report in rig.of(OrderReported)] == ["o2"])
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


async def test_the_listing_of_the_account_is_asked_for_beside_any_number_of_questions(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "QUESTIONS_MAX", 0)
    await rig.start().live()
    with rig.calling() as gateway:
        gateway.ask(question("q1"))
        gateway.ask(question("q2", None))
    await rig.until(lambda: rig.of(QuestionAnswered))
    assert [failed.query_id for failed in rig.of(QuestionFailed)] == ["q1"]
    assert [answered.query_id for answered in rig.of(QuestionAnswered)] == ["q2"]


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
