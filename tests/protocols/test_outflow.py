"""Venues that count frames, and what a session does about it: cancels stop short, pings are not wasted."""

from protocols.dialect import Heartbeat, LoginRefused, RefusalKind
from protocols.evidence import CancelAnswered, Proof, Remedy
from protocols.outflow import FRAMES_KEPT, Outflow
from protocols.pulse import PROBE_WAIT_MS, PROVEN_MS
from protocols.session import Abort, Close, State
from tests.protocols.session_bench import SECOND, Bench, plan


def counted(frames_max: int = 6) -> Bench:
    """A live session whose login and subscription are long past."""
    return Bench(plan(frames_max=frames_max, frames_window_ms=1000)).go_live().wait(2 * SECOND)


def test_cancels_stop_short_of_what_the_venue_takes() -> None:
    bench = counted(6)
    assert [bench.cancel(f"s{n}") for n in range(6)] == [True] * 4 + [False] * 2
    assert bench.session.in_flight == 4
    assert bench.sent[-1] == "cancel s3"


def test_a_window_later_there_is_room_again_for_exactly_as_many_as_left_it() -> None:
    bench = counted(6)
    bench.cancel("s1")
    bench.wait(SECOND // 2)
    for number in range(2, 5):
        assert bench.cancel(f"s{number}")
    bench.wait(SECOND // 2 - 1)
    assert not bench.cancel("s5")
    bench.wait(1)
    assert bench.cancel("s5")
    assert not bench.cancel("s6")


def test_login_and_subscriptions_count_too() -> None:
    bench = Bench(plan(frames_max=6, frames_window_ms=1000)).go_live()
    assert [bench.cancel(f"s{n}") for n in range(3)] == [True, True, False]


def test_a_ping_finds_the_room_that_cancels_left() -> None:
    bench = counted(6)
    for number in range(6):
        bench.cancel(f"s{number}")
    bench.probe()
    assert bench.sent[-1] == "ping"
    assert len(bench.sent) - 2 == 6 - FRAMES_KEPT + 1


def test_where_the_venue_does_not_count_nothing_is_held_back() -> None:
    outflow = Outflow(0, 1000)
    for _ in range(1000):
        assert outflow.takes_cancel(5)
        outflow.sent(5)


def test_many_doubts_at_once_are_settled_by_one_ping() -> None:
    bench = Bench().go_live().probe().probe().probe()
    assert bench.sent.count("ping") == 1
    bench.wait(PROBE_WAIT_MS * 1000)
    assert len(bench.all(Abort)) == 1


def test_a_fresh_answer_settles_a_doubt_and_an_old_one_does_not() -> None:
    bench = Bench().go_live().probe().hear("pong").wait(PROVEN_MS * 1000 - 1).probe()
    assert bench.sent.count("ping") == 1
    bench.wait(1).probe()
    assert bench.sent.count("ping") == 2


def test_a_venue_that_wants_pings_gets_them_however_much_it_says() -> None:
    heartbeat = Heartbeat(idle_ms=20_000, dead_ms=10_000, ping="ping", every_ms=30_000)
    bench = Bench(plan(heartbeat=heartbeat)).go_live()
    for _ in range(12):
        bench.wait(10 * SECOND).hear("order o1 new", "pong")
    assert 3 <= bench.sent.count("ping") <= 4
    assert bench.all(Abort) == []


def test_an_error_that_names_nobody_refuses_a_login_that_is_not_answered() -> None:
    bench = Bench().open().hear("error 30002 busy")
    assert bench.all(LoginRefused) == [LoginRefused(RefusalKind.BUSY, "30002", "an error")]
    assert len(bench.all(Close)) == 1


def test_an_error_that_names_nobody_hands_its_remedy_to_every_send_in_flight() -> None:
    bench = Bench().go_live()
    bench.cancel("s1")
    bench.hear("error 30002 busy leave_road")
    (answer,) = bench.all(CancelAnswered)
    assert (answer.proof, answer.remedy) == (Proof.UNKNOWN, Remedy.LEAVE_ROAD)
    assert bench.session.state is State.LIVE
    assert bench.all(LoginRefused) == []
