"""When a bound scope is canceled and when it is let go: clients that come, fall silent, die and come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.bindings import (
    PER_UID_MAX,
    BindingId,
    Bindings,
    BindingState,
    Drop,
    Fire,
    Holder,
    Keep,
    News,
    Tie,
)
from daemon.core.records import Caller
from daemon.core.scope import Scope
from protocols.errors import BadRequest
from protocols.fix import AccountName

GRACE_MS = 1000
BEAT_MS = 300
T0 = 1_000_000_000_000_000


class Watch:
    """Bindings, a clock, and what was written down, told and canceled."""

    def __init__(self, ties: list[Tie] | None = None, *, is_ready: bool = True) -> None:
        self.bindings = Bindings()
        self.now_us = T0
        self.kept: dict[str, Tie] = {tie.binding: tie for tie in ties or []}
        self.fired: list[str] = []
        self.news: list[str] = []
        self.bindings.restore(ties or [])
        if is_ready:
            self.ready()

    def take(self, effects: list[object]) -> None:
        for effect in effects:
            match effect:
                case Keep(tie):
                    self.kept[tie.binding] = tie
                case Drop(binding):
                    del self.kept[binding]
                case Fire(tie):
                    assert tie.binding in self.kept, "it is struck before its cancel has begun"
                    self.fired.append(tie.binding)
                case News(_, state):
                    self.news.append(str(state))

    def ready(self) -> None:
        self.take([*self.bindings.ready(self.now_us)])

    def bind(self, name: str = "t1", holder: int = 1, *, uid: int = 1000, beat_ms: int | None = None) -> Tie:
        scope = Scope(AccountName("main"), client_id_prefix=name)
        tie = Tie(BindingId(name), Caller(uid, uid, 7), scope, GRACE_MS, beat_ms, self.now_us)
        self.take([*self.bindings.bind(tie, Holder(holder), self.now_us)])
        return tie

    def come_back(self, name: str = "t1", holder: int = 2) -> None:
        self.take([*self.bindings.take_over(BindingId(name), Holder(holder), self.now_us)])

    def drop(self, holder: int = 1) -> None:
        self.take([*self.bindings.dropped(Holder(holder), self.now_us)])

    def beat(self, holder: int = 1) -> None:
        self.take([*self.bindings.heard(Holder(holder), self.now_us)])

    def bye(self, holder: int = 1) -> None:
        self.take([*self.bindings.goodbye(Holder(holder))])

    def pass_time(self, ms: float) -> None:
        until_us = self.now_us + round(ms * 1000)
        while (due_us := self.bindings.next_us()) is not None and due_us <= until_us:
            self.now_us = max(self.now_us, due_us)
            self.take([*self.bindings.tick(self.now_us)])
        self.now_us = until_us

    def state(self) -> BindingState:
        (seen,) = self.bindings
        return seen.state

    def restart(self, *, is_ready: bool = True) -> Watch:
        """The daemon dies and is started anew, with what it had written down."""
        again = Watch(list(self.kept.values()), is_ready=False)
        again.now_us = self.now_us
        if is_ready:
            again.ready()
        return again


def test_a_client_that_stays_is_left_in_peace() -> None:
    watch = Watch()
    watch.bind()
    watch.pass_time(3_600_000)
    assert (watch.fired, watch.state()) == ([], BindingState.HELD)


def test_a_client_that_is_gone_has_its_scope_canceled_after_the_grace_once() -> None:
    watch = Watch()
    watch.bind()
    watch.drop()
    watch.pass_time(GRACE_MS - 1)
    assert (watch.fired, watch.state()) == ([], BindingState.GRACE)
    watch.pass_time(1)
    assert (watch.fired, watch.kept) == (["t1"], {})
    watch.pass_time(60_000)
    assert watch.fired == ["t1"]
    assert watch.news == ["held", "grace", "fired"]


def test_back_within_the_grace_nothing_is_canceled() -> None:
    watch = Watch()
    watch.bind()
    watch.drop()
    watch.pass_time(GRACE_MS - 1)
    watch.come_back()
    watch.pass_time(3_600_000)
    assert watch.fired == []
    watch.drop(2)
    watch.pass_time(GRACE_MS)
    assert watch.fired == ["t1"]


def test_the_old_connection_of_one_that_is_back_already_means_nothing_any_more() -> None:
    watch = Watch()
    watch.bind()
    watch.come_back()
    watch.drop(1)
    watch.bye(1)
    watch.pass_time(60_000)
    assert (watch.fired, watch.state()) == ([], BindingState.HELD)


def test_a_goodbye_releases_all_that_the_connection_holds_and_nobody_elses() -> None:
    watch = Watch()
    watch.bind("t1")
    watch.bind("t2")
    watch.bind("t3", holder=2)
    watch.bye(1)
    watch.drop(1)
    watch.pass_time(60_000)
    assert (watch.fired, list(watch.kept)) == ([], ["t3"])


def test_a_release_lets_one_go_and_keeps_the_others() -> None:
    watch = Watch()
    watch.bind("t1")
    watch.bind("t2")
    watch.take([*watch.bindings.release(BindingId("t1"))])
    watch.drop()
    watch.pass_time(GRACE_MS)
    assert watch.fired == ["t2"]


def test_a_missed_heartbeat_begins_the_grace_and_the_next_one_ends_it() -> None:
    watch = Watch()
    watch.bind(beat_ms=BEAT_MS)
    for _ in range(10):
        watch.pass_time(BEAT_MS - 1)
        watch.beat()
    assert watch.news == ["held"]
    watch.pass_time(BEAT_MS + GRACE_MS - 1)
    assert watch.state() is BindingState.GRACE
    watch.beat()
    assert watch.state() is BindingState.HELD
    watch.pass_time(BEAT_MS + GRACE_MS)
    assert watch.fired == ["t1"]


def test_a_silent_client_whose_connection_breaks_gets_no_second_grace() -> None:
    watch = Watch()
    watch.bind(beat_ms=BEAT_MS)
    watch.pass_time(BEAT_MS + GRACE_MS - 1)
    watch.drop()
    watch.pass_time(1)
    assert watch.fired == ["t1"]


def test_without_a_heartbeat_silence_means_nothing() -> None:
    watch = Watch()
    watch.bind()
    watch.pass_time(24 * 3_600_000)
    assert watch.fired == []


def test_in_a_new_life_the_grace_begins_when_the_daemon_is_ready() -> None:
    watch = Watch()
    watch.bind(beat_ms=BEAT_MS)
    again = watch.restart(is_ready=False)
    again.pass_time(3_600_000)
    assert (again.fired, again.state()) == ([], BindingState.WAITING)
    again.ready()
    again.pass_time(GRACE_MS - 1)
    assert again.fired == []
    again.pass_time(1)
    assert again.fired == ["t1"]


def test_who_is_back_before_the_daemon_is_ready_is_held_and_who_leaves_again_by_then_is_not() -> None:
    watch = Watch()
    watch.bind("t1")
    watch.bind("t2")
    again = watch.restart(is_ready=False)
    again.come_back("t1", 5)
    again.come_back("t2", 6)
    again.drop(6)
    again.ready()
    again.pass_time(GRACE_MS)
    assert again.fired == ["t2"]


def test_a_binding_that_was_released_is_not_found_by_the_next_life() -> None:
    watch = Watch()
    watch.bind()
    watch.bye()
    again = watch.restart()
    again.pass_time(60_000)
    assert again.fired == []


def test_while_the_daemon_ends_nobody_is_taken_for_dead() -> None:
    watch = Watch()
    watch.bind()
    watch.bindings.stop()
    watch.drop()
    watch.pass_time(60_000)
    assert (watch.fired, list(watch.kept)) == ([], ["t1"])


def test_the_time_in_which_the_daemon_stood_still_counts_against_nobody() -> None:
    watch = Watch()
    watch.bind(beat_ms=BEAT_MS)
    watch.now_us += 60_000_000
    watch.bindings.excuse(60_000_000)
    watch.take([*watch.bindings.tick(watch.now_us)])
    assert watch.news == ["held"]


def test_what_is_over_is_told_with_the_reason() -> None:
    watch = Watch()
    watch.bind("t1")
    watch.bind("t2", holder=2)
    watch.drop()
    watch.bye(2)
    watch.pass_time(GRACE_MS)
    for name, why in (("t1", "it fired: its connection is gone"), ("t2", "said goodbye"), ("t9", "none of that name")):
        with pytest.raises(BadRequest, match=why):
            watch.come_back(name)


def test_who_holds_a_binding_is_told_which_stand_and_so_which_fired() -> None:
    watch = Watch()
    watch.bind("t1", beat_ms=BEAT_MS)
    watch.bind("t2")
    watch.bind("t3", holder=2)
    assert watch.bindings.held_by(Holder(1)) == ["t1", "t2"]
    watch.pass_time(BEAT_MS + GRACE_MS)
    assert watch.bindings.held_by(Holder(1)) == ["t2"]
    watch.come_back("t2", holder=2)
    assert (watch.bindings.held_by(Holder(1)), watch.bindings.held_by(Holder(2))) == ([], ["t2", "t3"])


def test_the_number_of_bindings_of_a_user_is_bounded() -> None:
    watch = Watch()
    for number in range(PER_UID_MAX):
        watch.bind(f"t{number}")
    with pytest.raises(BadRequest, match="as many as there may be"):
        watch.bind("more")
    watch.bind("others", uid=1001)


STEPS = st.sampled_from(["bind", "drop", "beat", "bye", "back", "wait", "long", "crash"])


@given(st.lists(STEPS, max_size=30))
def test_a_scope_is_canceled_once_if_its_client_stays_away_and_never_otherwise(steps: list[str]) -> None:
    watch, is_bound, is_held, away_ms = Watch(), False, False, 0
    expected = 0
    for step in steps:
        if step == "bind" and not is_bound:
            watch.bind()
            is_bound = is_held = True
            away_ms = 0
        elif step == "drop":
            watch.drop()
            is_held = False
        elif step == "beat":
            watch.beat()
        elif step == "bye":
            watch.bye()
            is_bound = is_bound and not is_held
            is_held = False
        elif step == "back" and is_bound:
            watch.come_back(holder=1)
            is_held, away_ms = True, 0
        elif step in {"wait", "long"}:
            ms = GRACE_MS // 2 if step == "wait" else GRACE_MS
            watch.pass_time(ms)
            away_ms += 0 if is_held else ms
            if is_bound and away_ms >= GRACE_MS:
                expected += 1
                is_bound = False
        elif step == "crash":
            fired, watch = watch.fired, watch.restart()
            watch.fired, is_held, away_ms = fired, False, 0
        assert len(watch.fired) == expected, step
        assert bool(watch.kept) is is_bound
