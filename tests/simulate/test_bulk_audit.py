"""Each rule about bulk cancels is shown to speak on a wrong story, and to be silent on the right one beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daemon.core.records import BulkItem, BulkReport
from daemon.simulate import bulk_audit
from daemon.simulate.bulks import BulkPlan
from daemon.simulate.wishes import OrderPlan
from protocols.fix import AccountName, OrderId, Outcome, RequestId
from tests.desks import report
from tests.simulate.scene import ALIAS, BULK, Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMED: dict[str, object] = {"orders": (0,)}
ALL: dict[str, object] = {}
LAG_S = 30
"""Longer than any venue's answers may be old."""


class Flat(Scene):
    """A scene in which the order is canceled in bulk, too."""

    def ask_in_bulk(self, after_s: float = LAG_S) -> None:
        self.wait(after_s)
        self.seen.asked_bulk(BULK, self.now_us)

    def answer(
        self, *items: BulkItem, counts: Mapping[Outcome, int] | None = None, complete: bool = True, sink: int = 9
    ) -> None:
        self.wait()
        counted = {item.outcome: 1 for item in items if item.outcome is not None}
        told = dict(counted if counts is None else counts)
        answer = BulkReport(RequestId(BULK), items, len(items), told, 0, complete, (), 0, {})
        self.seen.bulk_result(BULK, sink, answer, self.now_us)

    def item(self, outcome: Outcome = Outcome.CANCELED, order_id: str | None = None, number: int = 0) -> BulkItem:
        name = OrderId(order_id or self.order.order_id)
        return BulkItem(RequestId(f"{BULK}/{number}"), self.account, "", "X", name, None, outcome)

    def broken_in_bulk(self) -> set[str]:
        return {rule for rule in self.broken() if rule.startswith("bulk_")}


@pytest.mark.parametrize("bulk", [NAMED, ALL])
def test_a_right_story_breaks_no_rule(bulk: dict[str, object]) -> None:
    scene = Flat(bulk=bulk)
    scene.ask_in_bulk()
    scene.cancel()
    scene.seen.bulk_word(BULK, report(outcome=Outcome.CANCELED, order_id=scene.order.order_id), scene.now_us)
    scene.answer(scene.item())
    assert scene.broken_in_bulk() == set()


def test_a_bulk_cancel_without_an_answer_is_open() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    assert scene.broken_in_bulk() == {"bulk_open"}


def test_each_call_is_answered_once() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.cancel()
    scene.answer(scene.item())
    scene.answer(scene.item(), sink=10)
    assert scene.broken_in_bulk() == set()
    scene.answer(scene.item())
    assert scene.broken_in_bulk() == {"bulk_open"}


def test_an_item_that_is_called_canceled_while_it_lives_is_false() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.answer(scene.item(), complete=False)
    assert scene.broken_in_bulk() == {"bulk_truth"}


def test_a_word_about_one_order_is_held_to_the_book_too() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.fill()
    scene.seen.bulk_word(BULK, report(outcome=Outcome.CANCELED, order_id=scene.order.order_id), scene.now_us)
    scene.answer(scene.item(Outcome.FILLED))
    assert scene.broken_in_bulk() == {"bulk_truth"}


def test_an_order_that_the_venue_held_is_not_unknown() -> None:
    scene = Flat(bulk=NAMED)
    scene.ask_in_bulk()
    scene.answer(scene.item(Outcome.UNKNOWN_ORDER), complete=False)
    assert scene.broken_in_bulk() == {"bulk_truth"}


def test_an_order_out_of_the_scope_must_not_be_in_it() -> None:
    scene = Flat(bulk={"prefix": "7"})
    scene.ask_in_bulk()
    scene.cancel()
    scene.answer(scene.item())
    assert scene.broken_in_bulk() == {"bulk_scope"}


def test_a_named_order_must_not_be_missing() -> None:
    scene = Flat(bulk=NAMED)
    scene.ask_in_bulk()
    scene.cancel()
    scene.answer()
    assert scene.broken_in_bulk() == {"bulk_scope"}


def test_counts_that_are_not_those_of_the_items_are_wrong() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.cancel()
    scene.answer(scene.item(), counts={Outcome.CANCELED: 2})
    assert scene.broken_in_bulk() == {"bulk_counts"}


def test_complete_is_false_while_an_order_of_the_scope_rests() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.answer()
    assert scene.broken_in_bulk() == {"bulk_complete"}


def test_an_order_that_is_younger_than_a_listing_may_be_old_is_not_held_against_it() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk(after_s=1)
    scene.answer()
    assert scene.broken_in_bulk() == set()


def test_a_scope_is_an_account_an_instrument_and_the_beginning_of_client_ids() -> None:
    order = OrderPlan(1, AccountName("a"), 0, 0, ALIAS)
    places = ((None, "X"), (None, "Y"), (None, "X"), ("SPOT", "X"))
    everything = BulkPlan("b", 0, AccountName("a"), 0)
    assert everything.covers(order, places)
    assert BulkPlan("b", 0, AccountName("a"), 0, placing=2).covers(order, places)
    assert not BulkPlan("b", 0, AccountName("a"), 0, placing=1).covers(order, places)
    assert not BulkPlan("b", 0, AccountName("a"), 0, placing=3).covers(order, places)  # of another product line
    assert not BulkPlan("b", 0, AccountName("c"), 0).covers(order, places)
    assert not BulkPlan("b", 0, AccountName("a"), 0, orders=(2,)).covers(order, places)


def test_every_rule_has_its_sentence_and_is_shown_to_speak_here() -> None:
    rules = {rule.__name__ for rule in bulk_audit.BULK_RULES}
    told = (bulk_audit.__doc__ or "").splitlines()
    assert rules == {line.split()[0] for line in told if line.startswith("    ")}
    assert [rule for rule in rules if f'"{rule}"' not in Path(__file__).read_text()] == []
