"""Rate budgets: no window ever holds more than the limit, the urgent go first, and nobody waits longer than he must."""

from __future__ import annotations

from bisect import bisect_left

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.buckets import SLACK, Buckets, Departure
from daemon.core.budget import Budget
from daemon.core.lines import Line
from protocols.dialect import RateRule, Scope
from protocols.evidence import Proof, Remedy
from protocols.fix import Outcome
from tests.core.story import Story
from tests.core.words import INSTRUMENT, TRAITS

WINDOW_MS = 2_000
WINDOW_US = int(WINDOW_MS * 1000 * SLACK)


def rule(limit: int = 60, scope: Scope = Scope.INSTRUMENT, *operations: str) -> RateRule:
    return RateRule("a rule", frozenset(operations or ("cancel",)), limit, WINDOW_MS, scope, "the venue's page")


def most_in_a_window(times_us: list[int]) -> int:
    """Count the departures in the fullest window of the published length."""
    ordered = sorted(times_us)
    return max(
        (bisect_left(ordered, first + WINDOW_MS * 1000) - index for index, first in enumerate(ordered)), default=0
    )


# ---------------------------------------------------------------- laws


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 900), st.sampled_from(["cancel", "query"])), min_size=1, max_size=60),
    st.integers(0, 59),
)
def test_no_window_ever_holds_more_than_the_limit(limit: int, waits: list[tuple[int, str]], held_at: int) -> None:
    """Whoever asks when he may go, and goes then, breaks no rule, whatever the pattern of arrivals and holds."""
    budget = Budget((rule(limit, Scope.USER, "cancel", "query"),), frozenset({"cancel"}))
    now_us, times = 0, []
    for index, (wait_ms, operation) in enumerate(waits):
        now_us += wait_ms * 1000
        if index == held_at:
            budget.hold(operation, "", "", now_us)
        free_us = budget.free_us(operation, "", "", now_us)
        assert free_us >= now_us
        now_us = free_us
        budget.take(operation, [("", "")], now_us)
        times.append(now_us)
    assert most_in_a_window(times) <= limit


@given(st.integers(1, 4), st.lists(st.integers(0, 1_500), min_size=1, max_size=40), st.data())
def test_no_window_of_sends_ever_holds_more_than_the_limit(limit: int, waits: list[int], data: st.DataObject) -> None:
    """The same of a whole story: requests arrive, are refused, retried and repeated as they may."""
    story = Story.with_rules(rule(limit))
    for number, wait_ms in enumerate(waits):
        story.submit(f"o{number}", urgent=data.draw(st.booleans()))
        is_answered = data.draw(st.booleans())
        if story.open_sends() and is_answered:
            proof = data.draw(st.sampled_from([Proof.UNCHANGED_RETRY, Proof.UNKNOWN, Proof.ACCEPTED]))
            story.refuse(proof, remedy=data.draw(st.sampled_from([Remedy.NONE, Remedy.BACK_OFF])))
        story.advance(wait_ms)
    assert most_in_a_window([sent.at_us for sent in story.sent]) <= limit


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=40))
def test_a_line_serves_each_once_by_rank_and_then_by_arrival(arrivals: list[tuple[int, int]]) -> None:
    line: Line[int] = Line()
    best: dict[int, tuple[int, int]] = {}
    for number, (who, rank) in enumerate(arrivals):
        line.join(who, rank)
        if who not in best or rank < best[who][0]:
            best[who] = (rank, number)
    assert len(line) == len(best)
    served = [line.pop() for _ in range(len(line))]
    assert served == sorted(best, key=lambda who: best[who])
    assert len(line) == 0


# ---------------------------------------------------------------- stories


def ack_all(story: Story) -> None:
    for sent in story.open_sends():
        story.ack(sent)


def test_the_sixty_first_waits_for_a_window_and_then_goes() -> None:
    story = Story.with_rules(rule(60))
    for number in range(61):
        story.submit(f"o{number}")
    ack_all(story)
    assert len(story.sends) == 60
    assert story.core.budget_wait_us(story.now_us) == WINDOW_US
    story.advance(WINDOW_US / 1000 - 0.001)
    assert len(story.sends) == 60
    story.advance(0.001)
    assert len(story.sends) == 61
    assert story.core.budget_wait_us(story.now_us) == 0


def test_each_instrument_has_a_budget_of_its_own_where_the_rule_says_so() -> None:
    story = Story.with_rules(rule(2))
    for number in range(3):
        story.submit(f"a{number}", instrument="A")
        story.submit(f"b{number}", instrument="B")
    assert sorted(wire.instrument for wire in story.sends) == ["A", "A", "B", "B"]


def test_the_urgent_go_first_and_then_those_who_came_first() -> None:
    story = Story.with_rules(rule(1))
    story.submit("o0")
    story.submit("o1")
    story.submit("o2", urgent=True)
    story.submit("o3")
    story.submit("o3", urgent=True)
    for _ in range(4):
        ack_all(story)
        story.advance(WINDOW_MS * SLACK, story.fail_question)
    assert [wire.order_id for wire in story.sends] == ["o0", "o2", "o3", "o1"]


def test_who_no_longer_wants_a_slot_takes_none() -> None:
    story = Story.with_rules(rule(1))
    for number in range(3):
        story.submit(f"o{number}")
    story.push("canceled", order="o1", cum="0")
    story.ack()
    story.advance(WINDOW_MS * SLACK, story.fail_question)
    assert [wire.order_id for wire in story.sends] == ["o0", "o2"]


def test_a_deadline_that_passes_in_the_line_is_not_sent_on_time() -> None:
    story = Story.with_rules(rule(1))
    story.submit("o0")
    story.submit("o1", deadline_ms=700)
    story.advance(699, story.fail_question)
    assert story.outcomes("r2") == []
    story.advance(1, story.fail_question)
    assert story.outcomes("r2") == [Outcome.NOT_SENT]
    story.advance(2 * WINDOW_MS * SLACK, story.fail_question)
    assert {wire.order_id for wire in story.sends} == {"o0"}


def test_too_many_holds_the_bucket_for_a_window_and_the_refused_one_goes_again() -> None:
    story = Story.with_rules(rule(10))
    story.submit("o0")
    story.refuse(Proof.UNCHANGED_RETRY, remedy=Remedy.BACK_OFF)
    story.submit("o1")
    story.advance(WINDOW_US / 1000 - 0.001, story.fail_question)
    assert len(story.sends) == 1
    story.advance(0.001, story.fail_question)
    assert {wire.order_id for wire in story.sends} == {"o0", "o1"}


def test_too_many_questions_hold_the_questions_and_no_cancel() -> None:
    rules = (rule(10), msgspec.structs.replace(rule(10, Scope.USER, "ask_order"), name="questions"))
    story = Story.with_rules(*rules)
    story.submit("o0")
    story.refuse(Proof.GONE)
    story.fail_question(limited=True)
    story.submit("o1")
    assert len(story.sends) == 2
    story.advance(WINDOW_US / 1000 - 1)
    assert len(story.asked) == 1
    story.advance(1)
    assert len(story.asked) >= 2


def test_where_cancels_share_a_bucket_a_part_of_it_is_theirs_alone() -> None:
    story = Story.with_rules(rule(4, Scope.USER, "cancel", "ask_order"))
    for number in range(3):
        story.submit(f"o{number}")
        story.refuse(Proof.GONE, story.sent[-1])
    assert len(story.sends) == 3
    assert len(story.asked) < 3


def test_a_limit_per_order_holds_that_order_back_and_no_other() -> None:
    story = Story.with_rules(rule(1, Scope.ORDER))
    story.submit("o0")
    story.refuse(Proof.UNKNOWN)
    story.answer_live()
    assert len(story.sends) == 1
    story.submit("o1")
    assert len(story.sends) == 2
    ticks = 0
    end_us = story.now_us + WINDOW_US
    while story.core.next_tick_us() is not None and (story.core.next_tick_us() or 0) <= end_us:
        story.run_to_next_timer()
        ticks += 1
    assert sum(wire.order_id == "o0" for wire in story.sends) == 2
    assert ticks < 50


def test_a_road_that_opens_lets_through_no_more_than_the_budget() -> None:
    story = Story(msgspec.structs.replace(TRAITS, rate_rules=(rule(5),)), roads=())
    for number in range(20):
        story.submit(f"o{number}")
    story.restore_link()
    assert len(story.sends) == 5
    assert {wire.instrument for wire in story.sends} == {INSTRUMENT}


def test_idle_buckets_are_forgotten() -> None:
    story = Story.with_rules(rule(5))
    for number in range(100):
        story.submit(f"o{number}", instrument=f"I{number}")
        story.push("canceled", order=f"o{number}", cum="0", instrument=f"I{number}")
    assert len(story.core._bench._limits.budget) == 100
    story.submit("last")
    story.advance(120_000, story.fail_question)
    assert len(story.core._bench._limits.budget) <= 1
    assert story.core._bench._lines == {}


@pytest.mark.parametrize("limit", [1, 2, 60])
def test_a_limit_is_used_to_the_full(limit: int) -> None:
    budget = Budget((rule(limit),), frozenset({"cancel"}))
    for _ in range(limit):
        assert budget.free_us("cancel", INSTRUMENT, "", 5) == 5
        budget.take("cancel", [(INSTRUMENT, "")], 5)
    assert budget.free_us("cancel", INSTRUMENT, "", 6) == 5 + WINDOW_US


def test_a_limit_per_address_is_shared_by_all_accounts_that_share_one() -> None:
    shared = Buckets()
    one, two = (Budget((rule(2, Scope.ADDRESS),), frozenset({"cancel"}), address=shared) for _ in range(2))
    apart = Budget((rule(2, Scope.ADDRESS),), frozenset({"cancel"}))
    one.take("cancel", [("", "")], 0)
    two.take("cancel", [("", "")], 1)
    assert (one.free_us("cancel", "", "", 5), two.free_us("cancel", "", "", 5)) == (WINDOW_US, WINDOW_US)
    assert apart.free_us("cancel", "", "", 5) == 5


def test_what_was_answered_late_counts_from_its_answer() -> None:
    """It may have arrived just before: on a busy host what left apart arrives together."""
    budget = Budget((rule(1),), frozenset({"cancel"}))
    departure = budget.take("cancel", [("", "")], 0)
    departure.answered_us = 900_000
    assert budget.free_us("cancel", "", "", 5) == 900_000 + WINDOW_MS * 1000
    departure.answered_us = 100_000
    assert budget.free_us("cancel", "", "", 5) == WINDOW_US


def test_a_late_answer_counts_though_its_request_had_counted_no_more() -> None:
    budget = Budget((rule(1),), frozenset({"cancel"}))
    departure = budget.take("cancel", [("", "")], 0)
    assert budget.free_us("cancel", "", "", WINDOW_US) == WINDOW_US
    departure.answered_us = WINDOW_US + 5
    departure.has_ended = True
    assert budget.free_us("cancel", "", "", WINDOW_US + 5) == WINDOW_US + 5 + WINDOW_MS * 1000


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 3_000)), max_size=40), st.integers(1, 5))
def test_the_next_may_leave_when_enough_of_all_that_ever_left_is_out_of_its_window(
    waits: list[tuple[int, int]], limit: int
) -> None:
    """That what counts no more is forgotten makes no difference."""
    budget = Budget((rule(limit),), frozenset({"cancel"}))
    now_us = 0
    left: list[tuple[Departure, int]] = []
    for wait_ms, takes_ms in waits:
        now_us += wait_ms * 1000
        for departure, answer_us in left:
            if answer_us <= now_us and not departure.has_ended:
                departure.has_ended, departure.answered_us = True, answer_us
        until_us = [max(one.left_us + WINDOW_US, one.answered_us + WINDOW_MS * 1000) for one, _ in left]
        too_many = max(0, len(left) + 1 - limit)
        assert budget.free_us("cancel", "", "", now_us) == max([now_us, *until_us[:too_many]])
        left.append((budget.take("cancel", [("", "")], now_us), now_us + takes_ms * 1000))


def test_a_busy_line_remembers_no_more_than_its_windows() -> None:
    own = Buckets()
    budget = Budget((rule(2),), frozenset({"cancel"}), own=own)
    for number in range(1000):
        budget.take("cancel", [("", "")], number * WINDOW_US).has_ended = True
        budget.free_us("cancel", "", "", number * WINDOW_US)
    (bucket,) = own.by_key.values()
    assert len(bucket._left) <= 2
