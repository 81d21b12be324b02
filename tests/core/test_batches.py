"""What leaves together: as soon as it is sooner than alone, as much as fits, and each of it with a fate of its own."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.buckets import SLACK
from daemon.core.dispatch import REQUEST_WEIGHT
from daemon.core.effects import Write
from daemon.core.records import SendMade
from daemon.core.sending import MORE_WAIT_US, TURN_MAX
from protocols.batching import BatchCancel
from protocols.dialect import Counts, RateRule, Scope
from protocols.evidence import Proof, Remedy
from protocols.fix import Outcome, Road
from tests.core.story import Story
from tests.core.words import TRAITS

WINDOW_MS = 2_000
STRETCHED_MS = WINDOW_MS * SLACK


def rule(operation: str, limit: int, counts: Counts = Counts.CALLS, scope: Scope = Scope.INSTRUMENT) -> RateRule:
    return RateRule(operation, frozenset({operation}), limit, WINDOW_MS, scope, "a page", counts)


MIXED = BatchCancel("many", (Road.WS, Road.REST), 20, "a page", frozenset({""}), mixes_ids=True)
NARROW = BatchCancel("many", (Road.REST,), 10, "a page")
SIDE_BY_SIDE = (rule("cancel", 60), rule("many", 300, Counts.ORDERS))
SHARED = (RateRule("trade", frozenset({"cancel", "many"}), 6, WINDOW_MS, Scope.USER, "a page"),)


def venue(batch: BatchCancel = MIXED, rules: tuple[RateRule, ...] = SIDE_BY_SIDE, gap_ms: int = 0) -> Story:
    timings = msgspec.structs.replace(TRAITS.timings, per_order_gap_ms=gap_ms)
    return Story(msgspec.structs.replace(TRAITS, rate_rules=rules, batch=batch, timings=timings))


def sizes(story: Story) -> list[int]:
    return [len(batch) for batch in story.batches]


def alone(story: Story) -> int:
    return len(story.sends) - sum(sizes(story))


def ask_for(story: Story, count: int, instrument: str = "A", first: int = 0) -> None:
    for number in range(first, first + count):
        story.submit(f"{instrument}{number}", instrument=instrument)


# ---------------------------------------------------------------- when


def test_a_lone_cancel_leaves_alone_and_at_once() -> None:
    story = venue()
    story.submit("o1")
    assert (sizes(story), len(story.sends)) == ([], 1)
    assert story.sends[0].batch == ""
    with story.together():
        story.submit("o2")
    assert (sizes(story), len(story.sends)) == ([], 2)
    assert story.core.cancels_delayed == 0


def test_those_who_come_one_by_one_leave_one_by_one_until_the_budget_is_used_up_and_then_together() -> None:
    story = venue()
    ask_for(story, 100)
    assert (sizes(story), len(story.sends)) == ([], 60)
    story.advance(1)
    assert sizes(story) == [20, 20]
    assert len(story.sends) == 100
    assert story.core.cancels_delayed == 40


def test_one_who_waits_by_himself_waits_for_a_slot_of_his_own() -> None:
    story = venue()
    ask_for(story, 61)
    for sent in story.open_sends():
        story.ack(sent)
    story.advance(STRETCHED_MS - 1, story.fail_question)
    assert len({wire.order_id for wire in story.sends}) == 60
    story.advance(1, story.fail_question)
    assert "A60" in {wire.order_id for wire in story.sends}
    assert sizes(story) == []


def test_many_submitted_as_one_leave_together_at_once_and_the_rest_alone_beside_them() -> None:
    story = venue()
    with story.together():
        ask_for(story, 500)
    story.advance(0.01)
    assert (sum(sizes(story)), set(sizes(story)), alone(story)) == (300, {20}, 60)
    assert story.core.cancels_delayed == 140
    assert story.core.cancels_waiting == 140
    for sent in story.open_sends():
        story.ack(sent)
        story.push("canceled", order=sent.wire.order_id or "", instrument="A", cum="0")
    story.advance(STRETCHED_MS)
    assert len({wire.order_id for wire in story.sends}) == 500
    assert story.core.cancels_waiting == 0


def test_a_turn_holds_no_more_than_others_can_wait_for() -> None:
    story = venue()
    with story.together():
        for letter in "ABCDEFGHIJ":
            ask_for(story, 60, letter)
    assert TURN_MAX <= len(story.sends) <= TURN_MAX + 20
    story.advance(1)
    assert len(story.sends) == 600


def test_of_those_who_leave_alone_fewer_go_in_a_turn() -> None:
    story = venue(rules=(rule("cancel", 100), rule("many", 1)))
    with story.together():
        ask_for(story, 70)
    assert (sizes(story), alone(story)) == ([20], (TURN_MAX - 20) // (1 + REQUEST_WEIGHT))
    story.advance(1)
    assert (sizes(story), alone(story)) == ([20], 50)


# ---------------------------------------------------------------- who with whom


def test_a_batch_holds_several_instruments_where_the_venue_mixes_them() -> None:
    story = venue()
    with story.together():
        for letter in "ABCD":
            ask_for(story, 5, letter)
    assert sizes(story) == [20]
    assert {sent.wire.instrument for sent in story.batches[0]} == set("ABCD")


def test_a_batch_holds_one_instrument_and_one_kind_of_id_where_the_venue_does_not_mix_them() -> None:
    story = venue(NARROW, SHARED)
    with story.together():
        for number in range(3):
            story.submit(f"a{number}", instrument="A")
            story.submit(f"b{number}", instrument="B")
            story.submit(None, alias=f"c{number}", instrument="A")
    kinds = [{(sent.wire.instrument, sent.wire.order_id is None) for sent in batch} for batch in story.batches]
    assert sizes(story) == [3, 3, 3]
    assert all(len(kind) == 1 for kind in kinds)
    assert {sent.wire.road for batch in story.batches for sent in batch} == {Road.REST}


def test_a_product_line_travels_by_itself() -> None:
    story = venue(msgspec.structs.replace(MIXED, mixed_products=frozenset({"p", "q"})))
    with story.together():
        for number in range(4):
            story.submit(f"o{number}", product="pq"[number % 2])
    assert [{sent.wire.product for sent in batch} for batch in story.batches] == [{"p"}, {"q"}]


def test_parameters_that_a_batch_cannot_carry_go_alone_and_those_that_differ_apart() -> None:
    story = venue(msgspec.structs.replace(MIXED, venue_params=frozenset({"window"})))
    with story.together():
        story.submit("o1", params={"only": "x"})
        story.submit("o2", params={"window": "1"})
        story.submit("o3", params={"window": "2"})
        story.submit("o4", params={"window": "1"})
        story.submit("o5")
        story.submit("o6")
    assert sorted(sizes(story)) == [2, 2]
    assert alone(story) == 2


def test_a_batch_never_names_an_order_twice() -> None:
    story = venue()
    with story.together():
        story.submit("o1", instrument="A")
        story.submit("o1", instrument="B")
        story.submit("o2", instrument="B")
    for batch in story.batches:
        assert len({sent.wire.order_id for sent in batch}) == len(batch)
    assert len(story.sends) == 3


def test_two_that_may_be_one_order_are_looked_at_with_pauses_while_only_two_could_leave() -> None:
    story = venue(rules=(rule("cancel", 1), rule("many", 300, Counts.ORDERS)))
    story.submit("o1")
    story.submit("o2", alias="c")
    story.submit(None, alias="c")
    began_us = story.now_us
    for _ in range(WINDOW_MS):
        story.run_to_next_timer()
    assert story.now_us - began_us > WINDOW_MS * 1000
    assert len(story.sends) > 1


def test_a_road_that_failed_somebody_is_not_taken_with_others() -> None:
    story = venue(NARROW, SHARED)
    story.cut_link(Road.WS)
    story.submit("o1", instrument="A")
    story.never_left()
    with story.together():
        ask_for(story, 2)
    story.advance(1_000, story.fail_question)
    assert [{sent.wire.order_id for sent in batch} for batch in story.batches] == [{"A0", "A1"}]


# ---------------------------------------------------------------- budgets


def test_a_shared_bucket_is_spent_on_as_many_as_a_call_can_carry() -> None:
    story = venue(NARROW, SHARED)
    with story.together():
        ask_for(story, 100)
    assert (sizes(story), alone(story)) == ([10] * 6, 0)
    story.advance(STRETCHED_MS, story.fail_question)
    assert sizes(story) == [10] * 10


def test_the_urgent_go_before_a_flood_though_they_go_alone() -> None:
    story = venue(NARROW, SHARED)
    with story.together():
        ask_for(story, 80)
        story.submit("urgent", instrument="B", urgent=True)
    assert story.sends[0].order_id == "urgent"
    assert (sizes(story), alone(story)) == ([10] * 5, 1)


def test_the_orders_of_a_batch_count_one_by_one_where_the_rule_counts_orders() -> None:
    story = venue(rules=(rule("cancel", 1), rule("many", 30, Counts.ORDERS)))
    with story.together():
        ask_for(story, 50)
    assert (sizes(story), alone(story)) == ([20, 10], 1)


def test_too_many_holds_the_batches_of_that_instrument_and_singles_go_on() -> None:
    story = venue(rules=(rule("cancel", 5), rule("many", 300, Counts.ORDERS)))
    with story.together():
        ask_for(story, 2)
    for sent in story.open_sends():
        story.refuse(Proof.UNCHANGED_RETRY, sent, remedy=Remedy.BACK_OFF)
    with story.together():
        ask_for(story, 4, first=2)
    assert (sizes(story), alone(story)) == ([2], 4)


ROOMY = 10_000


@given(
    st.integers(1, 8),
    st.integers(2, 40),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 30), st.integers(0, 1500)), min_size=1, max_size=12),
)
def test_no_window_ever_holds_more_than_any_rule_allows(
    singles: int, orders: int, by_order: bool, floods: list[tuple[str, int, int]]
) -> None:
    """Whatever arrives when, alone or as one: published limits hold, and everybody leaves in the end."""
    counts = Counts.ORDERS if by_order else Counts.CALLS
    story = venue(rules=(rule("cancel", singles), rule("many", orders, counts)))
    asked = 0
    for instrument, count, wait_ms in floods:
        with story.together():
            ask_for(story, count, instrument, asked)
        asked += count
        _accept_all(story)
        story.advance(wait_ms, story.fail_question)
    for _ in range(ROOMY):
        if not story.core.cancels_waiting:
            break
        story.advance(100, story.fail_question)
        _accept_all(story)
    assert len({wire.order_id for wire in story.sends}) == asked
    for instrument in "AB":
        lone = [sent.at_us for sent in story.sent if not sent.wire.batch and sent.wire.instrument == instrument]
        assert _fullest([(at_us, 1) for at_us in lone]) <= singles
        units = [
            (batch[0].at_us, count if by_order else 1)
            for batch in story.batches
            if (count := Counter(sent.wire.instrument for sent in batch)[instrument])
        ]
        assert _fullest(units) <= orders


def _accept_all(story: Story) -> None:
    for sent in story.open_sends():
        story.ack(sent)
        story.push("canceled", order=sent.wire.order_id or "", instrument=sent.wire.instrument, cum="0")


def _fullest(units: list[tuple[int, int]]) -> int:
    ordered = sorted(units)
    return max(
        (
            sum(count for at_us, count in ordered if begin_us <= at_us < begin_us + WINDOW_MS * 1000)
            for begin_us, _ in ordered
        ),
        default=0,
    )


# ---------------------------------------------------------------- while more are to come


def test_what_has_ended_while_it_waited_for_company_is_not_sent() -> None:
    story = venue()
    with story.together(has_more=True):
        ask_for(story, 3)
    story.push("canceled", order="A1", instrument="A", cum="0")
    story.advance(MORE_WAIT_US / 1000)
    assert [sent.wire.order_id for sent in story.batches[0]] == ["A0", "A2"]
    assert story.outcome("r2") is Outcome.CANCELED


def test_those_who_wait_for_company_take_the_road_that_is_open_when_they_leave() -> None:
    story = venue()
    with story.together(has_more=True):
        ask_for(story, 3)
    story.cut_link(Road.WS)
    with story.together():
        ask_for(story, 1, first=3)
    assert {sent.wire.road for sent in story.sent} == {Road.REST}
    assert len(story.sent) == 4


# ---------------------------------------------------------------- each for itself


def test_each_of_a_batch_has_its_own_send_its_own_record_and_its_own_outcome() -> None:
    story = venue()
    with story.together():
        ask_for(story, 3)
    (batch,) = story.batches
    made = [effect.record for effect in story.effects if isinstance(effect, Write)]
    wires = [record.wire for record in made if isinstance(record, SendMade)]
    assert len({wire.send_id for wire in wires}) == 3
    assert {wire.batch for wire in wires} == {wires[0].send_id}
    assert {wire.operation for wire in wires} == {"many"}
    story.ack(batch[0])
    story.refuse(Proof.GONE, batch[1])
    story.refuse(Proof.UNKNOWN, batch[2])
    story.push("canceled", order="A0", cum="0", instrument="A")
    story.push("filled", order="A1", cum="10", instrument="A")
    assert (story.outcome("r1"), story.outcome("r2")) == (Outcome.CANCELED, Outcome.FILLED)
    assert story.outcomes("r3") == []


def test_one_refused_request_costs_none_of_those_submitted_with_it() -> None:
    story = Story(msgspec.structs.replace(TRAITS, rate_rules=SIDE_BY_SIDE, batch=MIXED), open_max=2)
    with story.together():
        ask_for(story, 3)
    assert sizes(story) == [2]
    assert [refusal.reason for refusal in story.refused] == ["too_many_in_flight"]


def test_the_gap_of_an_order_holds_in_a_batch_too() -> None:
    story = venue(gap_ms=1_100)
    story.submit("A0", instrument="A")
    story.refuse(Proof.UNKNOWN)
    story.answer_live(instrument="A")
    with story.together():
        ask_for(story, 3, first=1)
    assert sizes(story) == [3]
    assert len([wire for wire in story.sends if wire.order_id == "A0"]) == 1


def test_a_new_life_counts_the_batches_of_the_last_one_as_the_venue_does() -> None:
    story = venue(NARROW, SHARED)
    with story.together():
        ask_for(story, 60)
    assert len(story.batches) == 6
    story.restart()
    story.submit("new", instrument="A")
    assert "new" not in {wire.order_id for wire in story.sends}
    story.advance(STRETCHED_MS, story.fail_question)
    assert "new" in {wire.order_id for wire in story.sends}


def test_a_new_life_takes_a_batch_for_one_call_and_not_for_as_many_as_it_held() -> None:
    story = venue(NARROW, SHARED)
    with story.together():
        ask_for(story, 10)
    story.restart()
    story.submit("new", instrument="A")
    assert "new" in {wire.order_id for wire in story.sends}


# ---------------------------------------------------------------- in several turns


def test_what_is_no_full_batch_waits_for_those_who_are_announced_and_a_lone_one_does_not() -> None:
    story = venue(NARROW, SHARED)
    with story.together(has_more=True):
        ask_for(story, 14)
    assert (sizes(story), alone(story)) == ([10], 0)
    story.submit("lone", instrument="B")
    assert (sizes(story), alone(story)) == ([10], 1)
    with story.together():
        ask_for(story, 16, first=14)
    assert (sizes(story), alone(story)) == ([10, 10, 10], 1)


def test_those_who_were_announced_and_do_not_come_are_not_waited_for_long() -> None:
    story = venue()
    with story.together(has_more=True):
        ask_for(story, 3)
    assert story.sends == []
    story.advance(MORE_WAIT_US / 1000)
    assert sizes(story) == [3]
