"""When a dead-man switch is set, refreshed and ended, and what is said of one that runs down: with a driven clock."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.deadman import ALARM, ALARM_FIRED, GAP_US, Call, Clear, Sound, Switch, SwitchState, room_left
from protocols.dialect import RateRule, Scope

TIMEOUT_S = 20
QUARTER_S = TIMEOUT_S / 4
T0 = 1_000_000_000_000_000


class Watch:
    """A switch, its venue, and a clock."""

    def __init__(self, timeout_s: int = TIMEOUT_S) -> None:
        self.switch = Switch(timeout_s, T0 - GAP_US)
        self.now_us = T0
        self.answers = "yes"  # or "no", "lost": handed over without an answer, "unsent"
        self.calls: list[tuple[float, int]] = []
        self.alarms: dict[str, str] = {}
        self.venue_fires_us: int | None = None

    @property
    def at_s(self) -> float:
        return (self.now_us - T0) / 1e6

    def is_(self, state: SwitchState) -> bool:
        return self.switch.state(self.now_us) is state

    def tick(self) -> None:
        for effect in self.switch.tick(self.now_us):
            match effect:
                case Call(timeout_s):
                    self._call(timeout_s)
                case Sound(name, detail):
                    self.alarms[name] = detail
                case Clear(name):
                    self.alarms.pop(name, None)

    def _call(self, timeout_s: int) -> None:
        self.calls.append((self.at_s, timeout_s))
        if self.answers in {"yes", "lost"}:
            self.venue_fires_us = self.now_us + timeout_s * 1_000_000 if timeout_s else None
        if self.answers == "yes":
            self.switch.done(self.now_us)
        else:
            self.switch.failed(self.answers, self.now_us, may_have_worked=self.answers == "lost")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, tick by tick as the switch wants them."""
        until_us = self.now_us + round(seconds * 1e6)
        self.tick()
        turns = 0
        while (due_us := self.switch.next_us(self.now_us)) <= until_us:
            self.now_us = max(due_us, self.now_us)
            self.tick()
            turns += 1
            assert turns <= 5 * (seconds + 1), "it spins"
        self.now_us = until_us


def armed() -> Watch:
    watch = Watch()
    watch.tick()
    assert watch.is_(SwitchState.ARMED)
    return watch


def test_it_is_set_at_once_and_refreshed_at_each_quarter() -> None:
    watch = Watch()
    watch.pass_time(4 * QUARTER_S)
    assert watch.calls == [(n * QUARTER_S, TIMEOUT_S) for n in range(5)]
    assert watch.alarms == {}


def test_a_new_life_leaves_the_venue_the_gap_to_a_call_that_the_last_one_made() -> None:
    watch = Watch()
    watch.switch = Switch(TIMEOUT_S, T0)
    watch.pass_time(2)
    assert [at for at, _ in watch.calls] == [GAP_US / 1e6]


def test_it_is_not_set_while_its_orders_cannot_be_watched_over_and_nobody_is_alarmed() -> None:
    watch = Watch()
    watch.switch.allow("the account is connecting")
    watch.pass_time(60)
    assert watch.calls == []
    assert watch.is_(SwitchState.OFF)
    assert watch.alarms == {}
    watch.switch.allow("")
    watch.tick()
    assert watch.is_(SwitchState.ARMED)


def test_a_switch_that_may_not_be_refreshed_runs_down_and_says_how_long_it_takes() -> None:
    watch = armed()
    watch.switch.allow("the journal is failed")
    watch.pass_time(QUARTER_S - 0.1)
    assert watch.alarms == {}
    watch.pass_time(1.1)
    assert watch.is_(SwitchState.RUNNING_DOWN)
    assert re.search(r"the journal is failed; it fires in 14\.\d s", watch.alarms[ALARM])
    watch.pass_time(10)
    assert re.search(r"it fires in 4\.\d s", watch.alarms[ALARM])
    assert len(watch.calls) == 1


def test_one_that_fires_says_so_and_is_set_anew_as_soon_as_that_is_allowed() -> None:
    watch = armed()
    watch.switch.allow("the account is connecting")
    watch.pass_time(TIMEOUT_S)
    assert watch.is_(SwitchState.FIRED)
    assert "the account is connecting" in watch.alarms[ALARM_FIRED]
    assert "nothing watches over" in watch.alarms[ALARM]
    watch.switch.allow("")
    watch.tick()
    assert watch.is_(SwitchState.ARMED)
    watch.pass_time(1)
    assert set(watch.alarms) == {ALARM_FIRED}


def test_a_refresh_that_is_refused_alarms_and_is_repeated_sooner() -> None:
    watch = armed()
    watch.answers = "no"
    watch.pass_time(QUARTER_S)
    assert "not refreshed: no; it fires in 15.0 s" in watch.alarms[ALARM]
    watch.pass_time(4)
    assert [at for at, _ in watch.calls[2:]] == [QUARTER_S + 1.1, QUARTER_S + 3.3]
    watch.answers = "yes"
    watch.pass_time(QUARTER_S)
    assert watch.is_(SwitchState.ARMED)
    assert watch.alarms == {}


def test_calls_are_never_closer_together_than_a_venue_allows() -> None:
    watch = Watch(timeout_s=5)
    for answer in ("no", "yes", "lost", "no", "yes"):
        watch.answers = answer
        watch.pass_time(4)
    watch.switch.end()
    watch.pass_time(4)
    times = [at for at, _ in watch.calls]
    assert min(after - before for before, after in itertools.pairwise(times)) > 1.0999


def test_a_refresh_without_an_answer_does_not_move_the_time_at_which_it_may_fire() -> None:
    watch = armed()
    watch.answers = "lost"
    watch.pass_time(QUARTER_S + 1)
    assert watch.switch.fires_us == T0 + TIMEOUT_S * 1_000_000
    watch.pass_time(TIMEOUT_S)
    assert ALARM_FIRED in watch.alarms


def test_a_first_call_without_an_answer_may_have_set_it_so_it_is_ended_too() -> None:
    watch = Watch()
    watch.answers = "lost"
    watch.tick()
    assert watch.switch.fires_us is not None
    watch.answers = "yes"
    watch.switch.end()
    watch.pass_time(3)
    assert watch.calls[-1][1] == 0
    assert watch.switch.is_ended


def test_what_was_never_set_needs_no_end() -> None:
    watch = Watch()
    watch.answers = "unsent"
    watch.tick()
    watch.switch.end()
    assert watch.switch.is_ended
    watch.pass_time(5)
    assert [timeout_s for _, timeout_s in watch.calls] == [TIMEOUT_S]


def test_an_end_that_is_refused_is_repeated_until_it_is_ended_and_nothing_is_refreshed_meanwhile() -> None:
    watch = armed()
    watch.pass_time(2)
    watch.switch.end()
    watch.answers = "no"
    watch.pass_time(3)
    assert "not ended: no; it fires in" in watch.alarms[ALARM]
    watch.answers = "yes"
    watch.pass_time(10)
    assert watch.switch.is_ended
    assert {timeout_s for _, timeout_s in watch.calls[1:]} == {0}
    assert watch.venue_fires_us is None


@pytest.mark.parametrize("is_refreshed", [True, False])
def test_an_end_that_is_wanted_while_a_refresh_is_under_way_follows_its_answer_and_waits_for_no_other(
    *, is_refreshed: bool
) -> None:
    watch = armed()
    watch.now_us += round(QUARTER_S * 1e6)
    assert watch.switch.tick(watch.now_us) == [Call(TIMEOUT_S)]
    watch.switch.end()
    watch.now_us += 10_000
    if is_refreshed:
        watch.switch.done(watch.now_us)
    else:
        watch.switch.failed("no answer", watch.now_us, may_have_worked=True)
    watch.pass_time(GAP_US / 1e6)
    assert watch.switch.is_ended
    assert watch.calls[-1] == (QUARTER_S + GAP_US / 1e6, 0)


def test_a_daemon_that_stood_still_past_the_time_says_that_it_fired_and_sets_it_anew() -> None:
    watch = armed()
    watch.now_us += 60_000_000
    watch.tick()
    assert "stood still" in watch.alarms[ALARM_FIRED]
    assert watch.is_(SwitchState.ARMED)


@given(
    st.lists(
        st.tuples(st.sampled_from(["yes", "no", "lost", "unsent"]), st.booleans(), st.floats(0.01, 30)), max_size=12
    )
)
def test_the_time_that_is_told_is_never_later_than_the_venues(story: list[tuple[str, bool, float]]) -> None:
    watch = Watch()
    for answers, is_allowed, seconds in story:
        watch.answers = answers
        watch.switch.allow("" if is_allowed else "not now")
        watch.pass_time(seconds)
        if watch.venue_fires_us is not None and watch.venue_fires_us > watch.now_us:
            if watch.switch.fires_us is None:
                assert watch.is_(SwitchState.FIRED)  # told too early, which is the right side
            else:
                assert watch.switch.fires_us <= watch.venue_fires_us


def test_room_for_its_calls_is_kept_in_a_rule_that_counts_them_with_cancels() -> None:
    shared = RateRule("trade", frozenset({"cancel", "switch"}), 72, 3000, Scope.USER, "page")
    own = RateRule("switch", frozenset({"switch"}), 1, 1000, Scope.USER, "page")
    other = RateRule("read", frozenset({"order"}), 72, 3000, Scope.USER, "page")
    lowered, kept, same = room_left((shared, own, other), "switch")
    assert (lowered.limit, lowered.operations) == (69, frozenset({"cancel"}))
    assert (kept, same) == (own, other)
