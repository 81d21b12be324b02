"""Venues that ban a call which answered too many errors: how it is spared in time, and a ban honoured to its end."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from daemon.core.error_budget import ErrorBudget
from daemon.core.ids import life_of
from daemon.core.limits import Limits
from daemon.core.records import CaseId, RecoveredCase, SendAnswered, SendMade
from daemon.core.recovery import dealings
from daemon.core.world import World
from protocols.asks import WireCancel
from protocols.dialect import ErrorRule, RateRule, Scope, SparingCancel
from protocols.evidence import Absence, CancelAnswered, Proof, QuestionAnswered, QuestionFailed, Remedy, Step
from protocols.fix import AccountName, ClientOrderId, OrdStatus, Outcome, Road, SendId
from tests.core.story import Put, Sent, Story
from tests.core.words import INSTRUMENT, T0_MS, TRAITS

WINDOW_MS = 480_000
SECOND_US = 1_000_000
RULES = (
    ErrorRule("cancel errors", frozenset({"cancel"}), 4, WINDOW_MS, "somewhere"),
    ErrorRule("ask errors", frozenset({"ask_order"}), 4, WINDOW_MS, "somewhere"),
)
RATES = (
    RateRule("cancel", frozenset({"cancel"}), 5, 1000, Scope.USER, "somewhere"),
    RateRule("list", frozenset({"list"}), 2, 1000, Scope.USER, "somewhere"),
)
STRICT = msgspec.structs.replace(
    TRAITS,
    roads=(Road.REST,),
    rate_rules=RATES,
    error_rules=RULES,
    sparing_cancel=SparingCancel("list", frozenset({"window"})),
    timings=msgspec.structs.replace(TRAITS.timings, per_order_gap_ms=1100),
)
LAG_MS = STRICT.timings.replica_lag_ms


def refuse(story: Story, sent: Sent, proof: Proof = Proof.GONE, *, is_error: bool = True, **hold: int) -> None:
    """Answer a wire cancel with an error that the venue counts."""
    sent.is_open = sent.is_in_flight = False
    remedy = Remedy.BACK_OFF if hold else Remedy.NONE
    wire = sent.wire
    answer = CancelAnswered(wire.send_id, wire.road, proof, "1", "", remedy=remedy, counts_as_error=is_error)
    story.see(msgspec.structs.replace(answer, **hold))


def deny(story: Story, put: Put | None = None) -> None:
    """Say "not found"; as an answer to the order's own question it is an error."""
    target = put or story.open_questions()[0]
    target.is_open = False
    asked = target.question
    is_own = asked.step is Step.ORDER
    story.see(
        QuestionAnswered(
            asked.query_id, asked.step, (), Absence.DENIES if is_own else Absence.BLIND, counts_as_error=is_own
        )
    )


def spend(story: Story, errors: int, first: int = 100) -> None:
    """Have as many cancels refused, of orders that turn out to have ended."""
    for number in range(first, first + errors):
        story.submit(f"o{number}")
        (sent,) = story.open_sends()
        refuse(story, sent)
        while story.open_questions():
            story.answer_ended(OrdStatus.CANCELED)
        story.advance(1000)


# ---------------------------------------------------------------- cancels


def test_the_usual_call_is_taken_as_long_as_errors_are_few() -> None:
    story = Story(STRICT)
    spend(story, 1)
    story.submit()
    assert [wire.operation for wire in story.sends] == ["", ""]


def test_at_half_of_the_budget_cancels_go_by_the_call_that_does_not_fail() -> None:
    story = Story(STRICT)
    spend(story, 2)
    story.submit()
    assert story.sends[-1].operation == "list"


def test_what_is_on_its_way_counts_as_well_since_it_may_come_back_as_an_error() -> None:
    story = Story(STRICT)
    for number in range(5):
        story.submit(f"o{number}")
    assert [wire.operation for wire in story.sends] == ["", "", "", "", "list"]


def test_answers_that_are_no_errors_cost_nothing() -> None:
    story = Story(STRICT)
    for number in range(8):
        story.submit(f"o{number}")
        refuse(story, story.open_sends()[0], is_error=False)
        story.answer_ended()
        story.advance(1000)
    assert {wire.operation for wire in story.sends} == {""}


def test_errors_are_forgotten_after_the_window() -> None:
    story = Story(STRICT)
    spend(story, 2)
    story.advance(WINDOW_MS * 1.05)
    story.submit()
    assert story.sends[-1].operation == ""


def test_errors_that_an_earlier_life_was_answered_count_still() -> None:
    story = Story(STRICT)
    spend(story, 2)
    story.restart()
    story.submit()
    assert story.sends[-1].operation == "list"


def test_errors_of_an_earlier_life_count_still_where_the_clock_was_set_ahead_meanwhile() -> None:
    story = Story(STRICT)
    spend(story, 2)
    story.now_us += 3_600_000_000
    story.restart()
    story.submit()
    assert story.sends[-1].operation == "list"


def test_parameters_that_only_the_usual_call_has_go_by_it_all_the_same() -> None:
    story = Story(STRICT)
    spend(story, 2)
    story.submit("o1", params={"restrictions": "NEW"})
    story.submit("o2", params={"window": "5"})
    assert [wire.operation for wire in story.sends[-2:]] == ["", "list"]


def test_where_there_is_no_other_call_the_usual_one_goes_on() -> None:
    story = Story(msgspec.structs.replace(STRICT, sparing_cancel=None))
    spend(story, 3)
    story.submit()
    assert story.sends[-1].operation == ""


@pytest.mark.parametrize("params", [{}, {"restrictions": "NEW"}])
def test_repeats_of_a_cancel_never_bring_a_ban_upon_the_call_that_all_cancels_need(params: dict[str, str]) -> None:
    rules = tuple(ErrorRule(call, frozenset({call}), 20, WINDOW_MS, "somewhere") for call in ("cancel", "list"))
    story = Story(msgspec.structs.replace(STRICT, error_rules=rules))
    story.submit(params=params)
    for _ in range(WINDOW_MS // 500):
        for sent in story.open_sends():
            refuse(story, sent, Proof.UNKNOWN)
        story.advance(500, story.answer_live)
    assert max(Counter(wire.operation for wire in story.sends).values()) < 20
    first_us, last_us = story.sent[0].at_us, story.sent[-1].at_us
    assert last_us - first_us > 60_000_000  # it is not given up either
    story.submit("o2", params={"restrictions": "NEW"})
    assert story.sends[-1].order_id == "o2"  # and nobody's first one waits


def test_a_batch_that_is_refused_as_a_whole_is_one_error() -> None:
    budget = Limits(World(AccountName("a"), STRICT, STRICT.timings))
    for batch in range(2):
        names = [SendId(f"{batch}-{number}") for number in range(10)]
        budget.left("cancel", [("i", name) for name in names], names, 0)
        for name in names:
            budget.ended(name, CancelAnswered(name, Road.REST, Proof.UNKNOWN, "1", "", counts_as_error=True), 0)
        assert ("cancel" in budget.errors.spared(0)) is bool(batch)


def test_a_venue_that_counts_no_errors_is_not_spared_any() -> None:
    story = Story(msgspec.structs.replace(STRICT, error_rules=()))
    spend(story, 6)
    assert {wire.operation for wire in story.sends} == {""}


def test_a_wire_cancel_is_repeated_by_the_call_that_is_in_use_by_then() -> None:
    story = Story(STRICT)
    spend(story, 1)
    story.submit()
    refuse(story, story.open_sends()[0], Proof.UNCHANGED_RETRY)
    story.advance(1200)
    assert [wire.operation for wire in story.sends[-2:]] == ["", "list"]


# ---------------------------------------------------------------- bans


def test_a_banned_call_is_not_made_until_the_venues_own_time_and_the_other_one_is() -> None:
    story = Story(STRICT)
    story.measure_clock(5000, 0)
    story.submit("o1")
    refuse(story, story.open_sends()[0], Proof.UNCHANGED_RETRY, hold_until_ms=T0_MS + 5000 + 60_000)
    story.advance(2000)
    story.submit("o2")
    assert [wire.operation for wire in story.sends] == ["", "list", "list"]
    for sent in story.open_sends():
        story.ack(sent)
    story.push("canceled")
    story.push("canceled", order="o2")
    story.advance(60_000)
    story.submit("o3")
    assert story.sends[-1].operation == ""


def test_without_another_call_a_banned_one_waits() -> None:
    story = Story(msgspec.structs.replace(STRICT, sparing_cancel=None))
    story.submit("o1")
    refuse(story, story.open_sends()[0], Proof.UNCHANGED_RETRY, hold_ms=30_000)
    story.submit("o2")
    story.advance(29_900, story.fail_question)
    assert len(story.sends) == 1
    assert story.core.budget_wait_us(story.now_us) > 0
    story.advance(200, story.fail_question)
    assert sorted(str(wire.order_id) for wire in story.sends) == ["o1", "o1", "o2"]


def test_who_waits_for_a_slot_of_a_call_that_gets_banned_goes_another_way() -> None:
    story = Story(STRICT)
    for number in range(7):
        story.submit(f"o{number}", params={} if number < 4 else {"restrictions": "NEW"})
    story.submit("o8")  # by the other call, since four are on their way
    refuse(story, story.open_sends()[0], Proof.UNCHANGED_RETRY, hold_ms=600_000)
    story.advance(5000, story.fail_question)
    by_list = {wire.order_id for wire in story.sends if wire.operation == "list"}
    assert by_list >= {"o0", "o8"}
    story_waiting = {f"o{number}" for number in (5, 6)}
    assert story_waiting.isdisjoint(by_list)  # what the other call cannot carry waits for the ban's end


def test_no_ban_is_believed_to_last_for_ever() -> None:
    story = Story(msgspec.structs.replace(STRICT, sparing_cancel=None))
    story.submit("o1")
    refuse(story, story.open_sends()[0], Proof.UNCHANGED_RETRY, hold_until_ms=9_999_999_999_999)
    story.submit("o2")
    story.advance(31 * 60_000, story.fail_question)
    assert "o2" in {wire.order_id for wire in story.sends}


# ---------------------------------------------------------------- questions


def test_at_half_of_the_budget_questions_go_by_listings() -> None:
    story = Story(STRICT)
    for order in ("o1", "o2"):
        story.submit(order)
        refuse(story, story.open_sends()[0], is_error=False)
        deny(story)
        story.answer_ended("canceled", order=order)  # the next step of the ladder finds it
    story.submit("o3")
    refuse(story, story.open_sends()[0], is_error=False)
    assert story.open_questions()[0].question.step is Step.OPEN_ORDERS
    deny(story)
    assert story.open_questions()[0].question.step is Step.HISTORY
    story.answer_ended("filled", cum="10")
    assert story.outcome("r3") is Outcome.FILLED


def test_a_round_by_listings_alone_denies_nothing() -> None:
    story = Story(STRICT)
    for order in ("o1", "o2"):
        story.submit(order)
        refuse(story, story.open_sends()[0], is_error=False)
        deny(story)
        story.answer_ended("canceled", order=order)
    story.submit("o3")
    refuse(story, story.open_sends()[0], is_error=False)
    story.advance(59_000, lambda: deny(story))
    assert Step.ORDER not in [put.question.step for put in story.put if put.question.order_id == "o3"]
    assert story.outcome("r3") is None
    story.advance(2000, lambda: deny(story))
    assert story.outcome("r3") is Outcome.IN_DOUBT


def test_an_unknown_order_costs_two_errors_and_no_more() -> None:
    story = Story(STRICT)
    story.submit()
    refuse(story, story.open_sends()[0])
    story.advance(LAG_MS + 2000, lambda: deny(story))
    assert story.outcome() is Outcome.UNKNOWN_ORDER
    assert story.asked.count(Step.ORDER) == 2


def test_where_errors_are_free_the_orders_own_question_is_put_each_time() -> None:
    story = Story(msgspec.structs.replace(STRICT, error_rules=()))
    story.submit()
    refuse(story, story.open_sends()[0])
    story.advance(LAG_MS + 2000, lambda: deny(story))
    assert story.outcome() is Outcome.UNKNOWN_ORDER
    assert story.asked.count(Step.ORDER) > 2


def test_a_banned_question_waits_and_listings_go_on() -> None:
    story = Story(STRICT)
    story.submit()
    refuse(story, story.open_sends()[0], is_error=False)
    put = story.open_questions()[0]
    put.is_open = False
    until_ms = T0_MS + 30_000
    query_id = put.question.query_id
    story.see(
        QuestionFailed(query_id, Step.ORDER, "banned", rate_limited=True, counts_as_error=False, hold_until_ms=until_ms)
    )
    story.advance(29_000, lambda: deny(story))
    assert story.asked.count(Step.ORDER) == 1
    assert Step.OPEN_ORDERS in story.asked
    story.advance(10_000, lambda: deny(story))
    assert story.asked.count(Step.ORDER) > 1


ALL_ASK = tuple(ErrorRule(name, frozenset({name}), 4, WINDOW_MS, "x") for name in TRAITS.question_operations.values())
"""Every question has a budget of its own."""


def refuse_to_tell(story: Story) -> None:
    """Answer every question under way with an error that says nothing of an order."""
    for put in story.open_questions():
        put.is_open = False
        asked = put.question
        story.see(QuestionFailed(asked.query_id, asked.step, "who are you", counts_as_error=True))


def test_a_venue_that_answers_nothing_but_errors_never_gets_to_ban_a_question() -> None:
    story = Story(msgspec.structs.replace(STRICT, error_rules=ALL_ASK))
    for order in ("o1", "o2", "o3", "o4", "o5"):
        story.submit(order)
        refuse(story, story.open_sends()[-1], is_error=False)
    story.advance(WINDOW_MS, lambda: refuse_to_tell(story))
    asked = [put.question.step for put in story.put[1:]]  # the first listing was answered
    assert {step: asked.count(step) for step in TRAITS.ladder if asked.count(step) > 4} == {}
    assert len(asked) > 4


def test_of_what_failed_too_often_one_question_goes_at_a_time_and_ever_later() -> None:
    budget = ErrorBudget((ErrorRule("e", frozenset({"list"}), 20, WINDOW_MS, "x"),))
    for number in range(10):
        assert budget.free_us("list", 0) == 0
        budget.left("list", f"q{number}")
        budget.ended(f"q{number}", 0, is_error=True)
    assert budget.free_us("list", 0) == 1_000_000
    budget.left("list", "alone")
    assert budget.free_us("list", 1_000_000) > 1_000_000
    budget.ended("alone", 1_100_000, is_error=True)
    assert budget.free_us("list", 1_100_000) == 3_100_000
    assert budget.free_us("list", 4_000_000) == 4_000_000


def test_no_more_questions_are_under_way_than_the_errors_that_are_left() -> None:
    budget = ErrorBudget(RULES)
    for number in range(4):
        assert budget.free_us("ask_order", 0) == 0
        budget.left("ask_order", f"q{number}")
    assert budget.free_us("ask_order", 0) > 0


def test_where_every_question_is_spared_the_one_goes_that_may_go_first() -> None:
    story = Story(msgspec.structs.replace(STRICT, error_rules=ALL_ASK))
    errors = story.core._bench._limits.errors
    for step, count in ((Step.ORDER, 3), (Step.OPEN_ORDERS, 2), (Step.HISTORY, 3), (Step.FILLS, 3)):
        for _ in range(count):
            errors.recall(TRAITS.question_operations[step], story.now_us)
    story.submit()
    refuse(story, story.open_sends()[0], is_error=False)
    story.advance(1_100)
    assert [put.question.step for put in story.open_questions()] == [Step.OPEN_ORDERS]


# ---------------------------------------------------------------- the count itself


def test_each_send_ends_once_and_each_error_counts_once() -> None:
    budget = ErrorBudget(RULES)
    for name in ("a", "b"):
        budget.left("cancel", name)
        assert budget.ended(name, 0, is_error=True) == "cancel"
        assert budget.ended(name, 0, is_error=True) is None
    assert len(budget) == 2
    assert set(budget.spared(0)) == {"cancel"}
    assert budget.spared(int(WINDOW_MS * 1050)) == {}


@pytest.mark.parametrize("operation", ["list", "", "other"])
def test_an_operation_without_a_rule_is_not_counted(operation: str) -> None:
    budget = ErrorBudget(RULES)
    for number in range(9):
        budget.left(operation, f"c{number}")
        assert budget.ended(f"c{number}", 0, is_error=True) is None
    assert budget.spared(0) == {}


def test_errors_of_a_case_that_its_requests_have_left_count_after_a_restart_and_once() -> None:
    wire = WireCancel(SendId("s1"), Road.REST, "", INSTRUMENT, None, ClientOrderId("a"))
    answer = CancelAnswered(wire.send_id, Road.REST, Proof.GONE, "1", "", counts_as_error=True)
    former = SendMade(1, CaseId("left"), wire), SendAnswered(2, CaseId("left"), answer)
    found = [RecoveredCase(CaseId(name), (), (), former) for name in ("one", "other")]
    assert dealings(found) == list(former)


def told(life: int, at_s: int) -> tuple[SendMade, SendAnswered]:
    """A cancel of a life that an error answered a second later."""
    wire = WireCancel(SendId(f"c{life:x}x{at_s}"), Road.REST, "", INSTRUMENT, None, ClientOrderId("a"))
    answer = CancelAnswered(wire.send_id, Road.REST, Proof.GONE, "1", "", counts_as_error=True)
    case = CaseId(f"k{life}")
    return SendMade(at_s * SECOND_US, case, wire), SendAnswered((at_s + 1) * SECOND_US, case, answer)


@pytest.mark.parametrize("began_s", [(0, 3_600, 10), (0, 10, 3_600), (3_600, 10, 20), (0, 10, 20)])
def test_errors_of_several_lives_count_wherever_the_clock_was_set_to_between_them(began_s: tuple[int, ...]) -> None:
    """Each began when the one before had done its last, and the next begins now: more is not known."""
    lives = [told(16 + index, at_s) for index, at_s in enumerate(began_s)]
    found = dealings([RecoveredCase(CaseId("k"), (), tuple(record for life in reversed(lives) for record in life))])
    last_us = (began_s[-1] + 1) * SECOND_US
    assert [record.t - last_us for record in found] == [n * SECOND_US for n in (-3, -2, -2, -1, -1, 0)]
    assert [life_of(record.wire.send_id) for record in found if isinstance(record, SendMade)] == [16, 17, 18]
    story = Story(STRICT)
    story.core.recall(found, story.now_us)
    assert len(story.core._bench._limits.errors) == 3


@pytest.mark.parametrize(("name", "life"), [("c1x2", 1), ("q1fx0", 31), ("", 0), ("s1", 1), ("cx1", 0), ("mine", 0)])
def test_a_name_says_which_life_gave_it(name: str, life: int) -> None:
    assert life_of(name) == life
