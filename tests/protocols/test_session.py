"""What a session does, by its table and its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dialect import Heartbeat, LoginRefused, Role, Strange, SubscribeRefused, Uncorrelated
from protocols.evidence import (
    CancelAnswered,
    CancelLost,
    DropCopyState,
    OrderReported,
    Proof,
    Remedy,
    RoadChanged,
)
from protocols.fix import Road, SendId
from protocols.flights import OUT_MAX
from protocols.pulse import PROBE_WAIT_MS
from protocols.session import (
    DRAIN_MS,
    TRANSITIONS,
    Abort,
    Close,
    Drain,
    State,
    Trigger,
)
from protocols.subscriptions import RETRIES_MS
from tests.fakes import PLAN
from tests.protocols.session_bench import SECOND, T0, Bench, plan

if TYPE_CHECKING:
    from collections.abc import Iterator


# ---------------------------------------------------------------- states


def test_a_session_logs_in_then_subscribes_then_is_live() -> None:
    bench = Bench().open()
    assert bench.sent == [f"login {T0 + 7} key"]  # signed for the venue's clock
    bench.hear("login ok")
    assert bench.sent[1:] == ["sub orders"]
    bench.hear("sub ok orders")
    assert bench.states() == [State.LOGGING_IN, State.SUBSCRIBING, State.LIVE]


def test_nothing_is_subscribed_before_the_login_is_acknowledged() -> None:
    bench = Bench().open().hear("note", "order o1 new")
    assert bench.sent == [f"login {T0 + 7} key"]


def test_a_socket_without_login_subscribes_at_once() -> None:
    bench = Bench(plan(needs_login=False)).open()
    assert bench.sent == ["sub orders"]
    assert bench.session.can_cancel


def test_a_socket_without_subscriptions_is_live_at_login() -> None:
    bench = Bench(subscriptions=()).log_in()
    assert bench.session.state is State.LIVE
    assert bench.drop_copy() == [DropCopyState.LIVE]


def test_every_state_but_the_last_can_be_closed_and_no_row_leaves_closed() -> None:
    leaving = {state for state, trigger in TRANSITIONS if trigger is Trigger.CLOSED}
    assert leaving == set(State) - {State.CLOSED}
    assert State.CLOSED not in {state for state, _ in TRANSITIONS}


def test_after_the_end_nothing_moves_a_session() -> None:
    bench = Bench().go_live().close()
    bench.events.clear()
    bench.hear("login ok", "order o1 new", "closing").probe().drain().close()
    bench.session.tick(bench.now + 10**12)
    bench.open()
    assert bench.events == []
    assert bench.session.deadline_us is None
    assert not bench.cancel("s1")


# ---------------------------------------------------------------- order entry


def test_a_cancel_waits_for_the_login_and_for_nothing_else() -> None:
    bench = Bench()
    assert not bench.cancel("s1")
    bench.open()
    assert not bench.cancel("s1")
    bench.hear("login ok")
    assert bench.cancel("s1")
    assert bench.sent[-1] == "cancel s1"
    assert bench.all(RoadChanged) == [RoadChanged(Road.WS, is_open=True)]


def test_a_socket_that_is_a_drop_copy_only_takes_no_cancel_and_opens_no_road() -> None:
    bench = Bench(plan(roles=frozenset({Role.DROP_COPY}))).go_live()
    assert not bench.cancel("s1")
    bench.close()
    assert bench.all(RoadChanged) == []
    assert bench.drop_copy() == [DropCopyState.LIVE, DropCopyState.DOWN]


def test_a_socket_for_order_entry_only_says_nothing_about_the_drop_copy() -> None:
    bench = Bench(plan(roles=frozenset({Role.ORDER_ENTRY}))).go_live().hear("blind").close()
    assert bench.drop_copy() == []
    assert [event.is_open for event in bench.all(RoadChanged)] == [True, False]


def test_a_closed_socket_loses_what_is_in_flight_once_and_as_handed_over() -> None:
    bench = Bench().go_live()
    for send_id in ("s1", "s2", "s3"):
        bench.cancel(send_id)
    bench.hear("ack s2 accepted").close("reset by peer").close("again")
    assert bench.all(CancelLost) == [
        CancelLost(SendId("s1"), Road.WS, handed_over=True, why="reset by peer"),
        CancelLost(SendId("s3"), Road.WS, handed_over=True, why="reset by peer"),
    ]


def test_the_road_is_closed_before_its_sends_are_lost() -> None:
    bench = Bench().go_live()
    bench.cancel("s1")
    bench.close()
    kinds = [type(event) for event in bench.events]
    assert kinds.index(CancelLost) > max(i for i, kind in enumerate(kinds) if kind is RoadChanged)


def test_an_error_that_names_nobody_makes_every_send_in_flight_unknown_and_ends_nothing() -> None:
    bench = Bench().go_live()
    bench.cancel("s1")
    bench.cancel("s2")
    bench.hear("error 60012")
    answers = bench.all(CancelAnswered)
    assert [(a.send_id, a.proof, a.code) for a in answers] == [
        ("s1", Proof.UNKNOWN, "60012"),
        ("s2", Proof.UNKNOWN, "60012"),
    ]
    assert all(answer.frame is not None for answer in answers)
    assert [error.code for error in bench.all(Uncorrelated)] == ["60012"]
    assert bench.session.state is State.LIVE
    assert bench.session.in_flight == 0


def test_an_answer_to_a_send_that_is_not_in_flight_is_counted_and_passed_on() -> None:
    bench = Bench().go_live()
    bench.cancel("s1")
    bench.hear("ack s1 accepted", "ack s1 gone", "ack other accepted")
    assert [(a.send_id, a.proof) for a in bench.all(CancelAnswered)] == [
        ("s1", Proof.ACCEPTED),
        ("s1", Proof.GONE),
        ("other", Proof.ACCEPTED),
    ]
    assert bench.session.counters.late_answers == 2


def test_the_oldest_unanswered_send_gives_way_when_there_are_too_many() -> None:
    bench = Bench().go_live()
    for number in range(OUT_MAX + 1):
        assert bench.cancel(f"s{number}")
    assert [lost.send_id for lost in bench.all(CancelLost)] == ["s0"]
    assert bench.all(CancelLost)[0].handed_over
    assert bench.session.in_flight == OUT_MAX


# ---------------------------------------------------------------- drop copy


def test_the_drop_copy_is_live_when_every_subscription_is_acknowledged() -> None:
    bench = Bench(subscriptions=("a", "b")).log_in().hear("sub ok a")
    assert bench.drop_copy() == []
    bench.hear("sub ok b")
    assert bench.drop_copy() == [DropCopyState.LIVE]


def test_data_before_the_acknowledgement_is_evidence() -> None:
    bench = Bench().open().hear("order o1 canceled", "login ok", "order o2 filled")
    assert [event.order_id for event in bench.all(OrderReported)] == ["o1", "o2"]


def test_a_refused_subscription_blinds_the_drop_copy_and_leaves_order_entry_open() -> None:
    bench = Bench().log_in().hear("sub no orders broken")
    assert bench.drop_copy() == [DropCopyState.BLIND]
    assert [refused.code for refused in bench.all(SubscribeRefused)] == ["S1"]
    assert bench.session.state is State.LIVE
    assert bench.cancel("s1")
    sent = len(bench.sent)
    bench.wait(15 * SECOND)
    assert bench.sent[sent:] == []  # only a busy venue is asked again


def test_a_refusal_without_a_key_is_that_of_every_unanswered_subscription() -> None:
    bench = Bench(subscriptions=("a", "b")).log_in().hear("sub ok a", "sub no - broken")
    assert bench.drop_copy() == [DropCopyState.BLIND]
    bench.hear("sub ok b")
    assert bench.drop_copy() == [DropCopyState.BLIND, DropCopyState.LIVE]


def test_a_refusal_that_can_be_of_no_subscription_blinds_nothing() -> None:
    bench = Bench().go_live().hear("sub no - broken")
    assert bench.drop_copy() == [DropCopyState.LIVE]
    assert bench.all(SubscribeRefused) == []


def test_a_busy_venue_is_asked_again_slowly_and_a_bounded_number_of_times() -> None:
    bench = Bench().log_in()
    for attempt, wait_ms in enumerate(RETRIES_MS):
        bench.hear("sub no orders busy")
        assert bench.sent.count("sub orders") == attempt + 1
        waited = 0
        while waited < wait_ms:  # keeping the socket alive meanwhile
            bench.wait(min(5000, wait_ms - waited) * 1000).hear("pong")
            waited += 5000
    bench.hear("sub no orders busy")
    for _ in range(60):
        bench.wait(5 * SECOND).hear("pong")
    assert bench.sent.count("sub orders") == 1 + len(RETRIES_MS)
    assert bench.drop_copy() == [DropCopyState.BLIND]


def test_a_subscription_accepted_at_a_second_try_brings_the_drop_copy_back() -> None:
    bench = Bench().log_in().hear("sub no orders busy").wait(RETRIES_MS[0] * 1000).hear("sub ok orders")
    assert bench.drop_copy() == [DropCopyState.BLIND, DropCopyState.LIVE]


def test_a_subscription_without_an_answer_in_time_blinds_the_drop_copy() -> None:
    bench = Bench().log_in().wait(PLAN.login_wait_ms * 1000)
    assert bench.drop_copy() == [DropCopyState.BLIND]
    assert bench.session.state is State.LIVE
    bench.hear("sub ok orders")  # late, but said
    assert bench.drop_copy() == [DropCopyState.BLIND, DropCopyState.LIVE]


def test_a_subscription_that_wants_a_new_socket_asks_for_a_successor() -> None:
    assert len(Bench().log_in().hear("sub no orders sequence").all(Drain)) == 1


def test_a_blinded_socket_is_no_drop_copy_whatever_is_acknowledged_later() -> None:
    bench = Bench().go_live().hear("blind", "sub ok orders")
    assert bench.drop_copy() == [DropCopyState.LIVE, DropCopyState.BLIND]
    assert bench.cancel("s1")


# ---------------------------------------------------------------- heartbeat


def test_a_silent_socket_is_pinged_and_an_answer_settles_it() -> None:
    bench = Bench().go_live().wait(20 * SECOND)
    assert bench.sent[-1] == "ping"
    bench.wait(9 * SECOND).hear("pong").wait(19 * SECOND)
    assert bench.sent.count("ping") == 1
    assert bench.all(Abort) == []


def test_any_frame_puts_off_the_next_ping() -> None:
    bench = Bench().go_live()
    for _ in range(10):
        bench.wait(19 * SECOND).hear("order o1 new")
    assert "ping" not in bench.sent


def test_only_an_answer_settles_an_outstanding_ping() -> None:
    bench = Bench().go_live().wait(20 * SECOND)
    for _ in range(10):
        bench.hear("order o1 new", "note").wait(SECOND)
    assert len(bench.all(Abort)) == 1


def test_a_venues_own_ping_is_answered() -> None:
    assert Bench().go_live().hear("ping!").sent[-1] == "pong!"


def test_where_the_venue_pings_silence_alone_is_death() -> None:
    bench = Bench(plan(heartbeat=Heartbeat(idle_ms=5000, dead_ms=3000, ping=None))).go_live()
    bench.wait(7 * SECOND).hear("note").wait(7 * SECOND)
    assert bench.all(Abort) == []
    bench.wait(SECOND)
    assert len(bench.all(Abort)) == 1


def test_a_login_without_an_answer_is_aborted_in_time() -> None:
    bench = Bench().open().wait(PLAN.login_wait_ms * 1000 - 1)
    assert bench.all(Abort) == []
    bench.wait(1)
    assert len(bench.all(Abort)) == 1


# ---------------------------------------------------------------- suspicion


def test_a_probe_pings_at_once_and_silence_aborts_soon() -> None:
    bench = Bench().go_live().probe()
    assert bench.sent[-1] == "ping"
    bench.hear("note").wait(PROBE_WAIT_MS * 1000 - 1)
    assert bench.all(Abort) == []
    bench.wait(1)
    assert len(bench.all(Abort)) == 1


def test_a_probe_that_is_answered_leaves_the_socket_in_peace() -> None:
    bench = Bench().go_live().probe().hear("pong").wait(19 * SECOND)
    assert bench.all(Abort) == []


def test_a_second_probe_does_not_put_off_the_end() -> None:
    bench = Bench().go_live().probe().wait(PROBE_WAIT_MS * 900).probe().wait(PROBE_WAIT_MS * 100)
    assert len(bench.all(Abort)) == 1


def test_where_we_cannot_ping_a_probe_is_answered_by_any_frame() -> None:
    heartbeat = Heartbeat(idle_ms=5000, dead_ms=3000, ping=None)
    answered = Bench(plan(heartbeat=heartbeat)).go_live().probe().hear("note").wait(2 * SECOND)
    silent = Bench(plan(heartbeat=heartbeat)).go_live().probe().wait(2 * SECOND)
    assert (len(answered.all(Abort)), len(silent.all(Abort))) == (0, 1)


def test_nothing_is_sent_on_a_socket_that_is_to_be_aborted() -> None:
    bench = Bench().go_live().probe().wait(PROBE_WAIT_MS * 1000)
    assert not bench.cancel("s1")
    bench.hear("ping!")
    assert "pong!" not in bench.sent


# ---------------------------------------------------------------- ends


def test_a_refused_login_is_handed_out_and_the_socket_is_closed() -> None:
    bench = Bench().open().hear("login no credentials")
    assert [refused.code for refused in bench.all(LoginRefused)] == ["L1"]
    assert len(bench.all(Close)) == 1
    assert not bench.session.can_cancel


def test_an_announced_end_asks_for_a_successor_and_cancels_still_go_out() -> None:
    bench = Bench().go_live().hear("closing", "closing")
    assert bench.all(Drain)[0] == Drain("upgrade")
    assert bench.cancel("s1")


def test_a_drained_session_is_still_read_and_then_closed() -> None:
    bench = Bench().go_live()
    bench.cancel("s1")
    bench.drain()
    assert bench.session.state is State.DRAINING
    bench.hear("order o1 canceled", "ack s1 accepted")
    assert len(bench.all(OrderReported)) == 1
    for _ in range(DRAIN_MS // 5000):
        bench.hear("pong").wait(5 * SECOND)
    assert bench.all(Close) == [Close("drained")]


def test_an_old_session_asks_for_a_successor_in_time() -> None:
    bench = Bench(plan(max_age_ms=24 * 3_600_000)).go_live()
    bench.now += (24 * 3600 - 61) * SECOND
    bench.hear("pong").wait(2 * SECOND)
    assert len(bench.all(Drain)) == 1


def test_a_session_that_never_logged_in_is_closed_instead_of_drained() -> None:
    assert Bench().open().drain().all(Close) == [Close("replaced")]


# ---------------------------------------------------------------- frames that cannot be read


def test_a_strange_frame_is_counted_and_handed_out() -> None:
    bench = Bench().go_live().hear("what is this", b"\xff\xfe")
    assert bench.session.counters.strange == 2
    assert bench.all(Strange)[0].frame.raw == b"what is this"


def test_a_bug_of_the_dialect_does_not_cost_the_socket() -> None:
    bench = Bench().go_live().hear("bug", "order o1 canceled")
    assert "RuntimeError" in bench.all(Strange)[0].what
    assert len(bench.all(OrderReported)) == 1


def test_one_strange_row_does_not_cost_its_neighbours() -> None:
    bench = Bench().go_live().hear("order o1 new\nrubbish\norder o2 filled")
    assert [event.order_id for event in bench.all(OrderReported)] == ["o1", "o2"]


WORDS = (
    "login ok|login no credentials|login no clock|sub ok orders|sub no orders busy|sub no - broken"
    "|sub no orders sequence|blind|closing|pong|ping!|error 1|note|ack s1 accepted|ack s2 unknown|order o1 new"
    "|order o1 canceled|bug|rubbish"
).split("|")


def frames() -> Iterator[st.SearchStrategy[str | bytes]]:
    yield st.sampled_from(WORDS)
    yield st.text(max_size=20)
    yield st.binary(max_size=20)


@given(st.lists(st.one_of(*frames(), st.sampled_from(["CANCEL", "WAIT", "PROBE", "DRAIN", "CLOSE"])), max_size=40))
def test_no_story_raises_and_every_cancel_ends_exactly_once(story: list[str | bytes]) -> None:
    bench = Bench(plan(max_age_ms=600_000)).open()
    taken = []
    for number, step in enumerate(story):
        match step:
            case "CANCEL":
                if bench.cancel(f"c{number}"):
                    taken.append(f"c{number}")
            case "WAIT":
                bench.wait(3 * SECOND)
            case "PROBE":
                bench.probe()
            case "DRAIN":
                bench.drain()
            case "CLOSE":
                bench.close()
            case _:
                bench.hear(step)
    bench.close()
    ended = [event.send_id for event in bench.events if isinstance(event, CancelAnswered | CancelLost)]
    assert sorted(send_id for send_id in ended if send_id.startswith("c")) == sorted(taken)
    assert [event.is_open for event in bench.all(RoadChanged)] in ([], [True, False])


@pytest.mark.parametrize("remedy", list(Remedy))
def test_an_answers_remedy_reaches_the_owner(remedy: Remedy) -> None:
    bench = Bench().go_live()
    bench.cancel("s1")
    assert bench.hear(f"ack s1 unknown {remedy}").all(CancelAnswered)[0].remedy is remedy
