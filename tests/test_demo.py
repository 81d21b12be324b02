"""The demonstration: its pace keeps inside what each venue publishes, and its judge sees every kind of wrong word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.core.buckets import SLACK
from daemon.demo.score import Said, Truth, is_good, judge, score
from daemon.sim.registry import DEMOS
from protocols.dialect import Scope
from tests.protocols.material.verbs import ALL, dialect_of

if TYPE_CHECKING:
    from tests.protocols.material.kit import Material

A_MINUTE_S = 52
"""A minute, less what starting and the last outcomes take."""
CANCELED = Said(first=("canceled",), outcome="canceled", cum_qty="0.25", cum_qty_final=True, source="push", us=1500)


def the_truth(ord_status: str = "canceled", cum_qty: str = "0.25") -> Truth:
    return Truth("1", "BTC-USDT", ord_status, cum_qty)


def said(outcome: str, cum_qty: str | None = "0.25", *, final: bool = True, first: tuple[str, ...] = ()) -> Said:
    return Said(first or (outcome,), outcome, cum_qty, final, "push", 1500)


@pytest.mark.parametrize("of", ALL, ids=lambda of: of.name)
def test_cancels_begin_a_little_slower_than_the_venue_allows(of: Material) -> None:
    plan, traits = DEMOS[of.venue], dialect_of(of).traits
    for rule in traits.rate_rules:
        if traits.cancel_operation in rule.operations and rule.scope is not Scope.ORDER:
            shares = len({placing.instrument for placing in plan.placings}) if rule.scope is Scope.INSTRUMENT else 1
            let_through = shares * rule.limit * 1000 / (rule.window_ms * SLACK)
            assert plan.per_second < let_through
    assert plan.orders_max >= 200
    assert plan.orders_max / plan.per_second <= A_MINUTE_S


@pytest.mark.parametrize(
    ("truth", "words", "trouble"),
    [
        (the_truth(), CANCELED, None),
        (the_truth("expired"), CANCELED, None),
        (the_truth(), said("in_doubt", None, final=False), None),
        (the_truth("filled", "1"), said("filled", "1", first=("in_doubt",)), None),
        (the_truth(), None, "no outcome"),
        (the_truth(), said("canceled", first=("canceled", "filled")), "2 outcomes: canceled, filled"),
        (the_truth("filled", "1"), CANCELED, "told canceled, but the venue has it filled"),
        (the_truth(), said("rejected"), "told rejected, but the venue has it canceled"),
        (the_truth("new"), said("unknown_order"), "told unknown_order, but the venue has it new"),
        (the_truth("new"), said("not_sent"), "told not_sent, but the venue has it new"),
        (the_truth(cum_qty="0.5"), CANCELED, "told 0.25 filled for good, but the venue has 0.5"),
        (the_truth(), said("canceled", None), "told None filled for good, but the venue has 0.25"),
        (the_truth(), said("canceled", "0.5", final=False), "told 0.5 filled, but the venue has 0.25"),
    ],
)
def test_a_word_is_held_against_the_venues_books(truth: Truth, words: Said | None, trouble: str | None) -> None:
    assert judge(truth, words, frames_arrived=1).why == trouble


def test_an_order_that_was_not_sent_is_right_only_where_no_frame_arrived() -> None:
    assert judge(the_truth("new"), said("not_sent"), frames_arrived=0).why is None


def test_the_score_adds_up_and_is_good_only_without_a_wrong_or_an_open_word() -> None:
    right = [judge(the_truth(), CANCELED, 1), judge(the_truth("filled", "1"), said("filled", "1"), 1)]
    added = score(right)
    assert (added.requested, added.partial, added.wrong) == (2, 1, 0)
    assert added.confirm_ms.p50 == added.confirm_ms.p99 == 1.5
    assert is_good({"a": added})
    for spoilt in (judge(the_truth("new"), CANCELED, 1), judge(the_truth(), said("in_doubt"), 1)):
        assert not is_good({"a": added, "b": score([*right, spoilt])})
