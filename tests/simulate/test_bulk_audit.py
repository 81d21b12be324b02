"""Each rule about bulk cancels is shown to speak on a wrong story, and to be silent on the right one beside it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.core.records import BulkEnded, BulkItem, BulkLooked, BulkReport, Report, Survivor
from daemon.core.scope import NamedOrder
from daemon.sim.book import EndedBy as Ender
from daemon.simulate import bulk_audit
from daemon.simulate.bulks import BulkPlan
from daemon.simulate.wishes import OrderPlan
from protocols.fix import AccountName, OrderId, Outcome, RequestId
from tests.desks import report
from tests.simulate.findings import meant, opened, wish
from tests.simulate.scene import ALIAS, BULK, Scene

NAMED: dict[str, object] = {"orders": (0,)}
ALL: dict[str, object] = {}
LAG_S = 30
"""Longer than any venue's answers may be old."""


class Flat(Scene):
    """A scene in which the order is canceled in bulk, too."""

    def ask_in_bulk(self, after_s: float = LAG_S) -> None:
        self.wait(after_s)
        self.seen.asked_bulk(BULK, self.now_us)

    def tell_in_bulk(self, outcome: Outcome) -> Report:
        """Tell of the order, whose request is on the disk."""
        word = report(outcome=outcome, order_id=self.order.order_id)
        self.seen.bulk_requests[word.request_id] = word.order_id
        self.seen.bulk_word(BULK, word, self.now_us)
        return word

    def answer(self, *items: BulkItem, sink: int = 9, **told: Any) -> BulkReport:
        self.wait()
        counts = Counter(item.outcome for item in items if item.outcome is not None)
        right = BulkReport(RequestId(BULK), items, len(items), dict(counts), 0, True, (), 0, {})
        answer = msgspec.structs.replace(right, **told)
        self.seen.bulk_result(BULK, sink, answer, self.now_us)
        return answer

    def resting(self, order_id: str | None = None) -> dict[str, Any]:
        """What an answer tells besides, in which an order may rest."""
        survivor = Survivor(self.item(order_id=order_id), "too old")
        return {"complete": False, "survivors": (survivor,), "survivors_total": 1}

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
    scene.tell_in_bulk(Outcome.CANCELED)
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
    scene.tell_in_bulk(Outcome.CANCELED)
    scene.answer(scene.item(Outcome.FILLED))
    assert scene.broken_in_bulk() == {"bulk_truth"}


def test_a_durable_word_is_of_a_request_that_the_disk_has_in_the_end() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.cancel()
    word = scene.tell_in_bulk(Outcome.CANCELED)
    scene.answer(scene.item())
    assert scene.broken_in_bulk() == set()
    scene.seen.bulk_requests[word.request_id] = None
    assert scene.broken_in_bulk() == set()
    scene.seen.bulk_requests[word.request_id] = OrderId("another")
    assert scene.broken_in_bulk() == {"bulk_kept"}
    scene.seen.bulk_requests.clear()
    assert scene.broken_in_bulk() == {"bulk_kept"}


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


@pytest.mark.parametrize("told", [{"counts": {}, "items": None}, {"survivors_total": 1}])
def test_what_is_called_complete_has_an_outcome_for_each_order_and_leaves_none(told: dict[str, Any]) -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.cancel()
    scene.answer(scene.item(), **told)
    assert scene.broken_in_bulk() == {"bulk_counts"}


def test_no_order_is_canceled_under_two_names() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.cancel()
    scene.answer(scene.item(), scene.item(number=1))
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


def looked_at_again(scene: Flat, **seen: Any) -> None:
    """Let the disk have a second look that ended."""
    asked = wish(scene.account)
    scene.seen.remained([asked, BulkLooked(0, asked.case, scene.account, 1, **seen)])


@pytest.mark.parametrize(
    ("seen", "broken"),
    [
        ({}, {"bulk_overlooked"}),
        ({"why": "the account could not be asked"}, set()),
        ({"unsure": True}, set()),
    ],
)
def test_what_a_second_look_has_to_find_is_gone_in_the_end(seen: dict[str, Any], broken: set[str]) -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk(after_s=1)
    scene.answer()
    named = NamedOrder("", "X", OrderId(scene.order.order_id))
    looked_at_again(scene, **(seen | ({"unsure": (named,)} if "unsure" in seen else {})))
    assert scene.broken_in_bulk() == broken


def test_what_was_placed_after_it_was_asked_for_need_not_be_found() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk(after_s=1)
    scene.cancel()
    scene.answer(scene.item())
    scene.wait()
    scene.place("later")
    looked_at_again(scene)
    assert scene.broken_in_bulk() == set()


@pytest.mark.parametrize("after", ["answer", "call", "crash"])
def test_what_was_placed_after_the_answer_is_not_canceled(after: str) -> None:
    """But for a daemon that is asked anew, or died before it had its answer on its disk."""
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk(after_s=1)
    scene.cancel()
    scene.answer(scene.item())
    scene.wait()
    later = scene.place("later")
    if after == "call":
        scene.ask_in_bulk(after_s=1)
    elif after == "crash":
        scene.crash()
    scene.wait()
    scene.book.cancel(later, Ender.USER, scene.now_us)
    assert ("bulk_spared" in scene.broken_in_bulk()) is (after == "answer")


def test_what_was_on_the_disk_as_found_when_the_daemon_died_is_heard_of() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    other = scene.place("another")
    scene.cancel()
    scene.crash(wish(scene.account), meant(scene.account, scene.order.order_id), opened(scene.account, 0, other))
    scene.crash()
    scene.answer(scene.item(number=1), scene.item(Outcome.IN_DOUBT, other))
    scene.answer(scene.item(number=1), **scene.resting(other), sink=10)
    assert scene.broken_in_bulk() == set()
    scene.answer(scene.item(number=1), sink=11)
    assert scene.broken_in_bulk() == {"bulk_found"}


def test_an_answer_before_the_crash_is_not_held_to_what_was_on_the_disk_then() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.cancel()
    scene.answer()
    scene.crash(wish(scene.account), meant(scene.account, scene.order.order_id))
    assert scene.broken_in_bulk() == set()


@pytest.mark.parametrize("counted", ["total", "survivors_total"])
def test_an_answer_that_counts_more_than_it_names_may_mean_as_many_of_what_was_found(counted: str) -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.crash(wish(scene.account), meant(scene.account, "o1", "o2"))
    told: dict[str, Any] = {"complete": False, "items": None}
    scene.answer(**told, **{counted: 2})
    assert scene.broken_in_bulk() == set()
    scene.answer(**told, **{counted: 1}, sink=10)
    assert scene.broken_in_bulk() == {"bulk_found"}


def test_of_what_a_binding_began_the_disk_tells_whether_all_was_heard_of() -> None:
    scene = Flat(bulk=ALL)
    scene.ask_in_bulk()
    scene.cancel()
    answer = scene.answer(scene.item())
    fired = wish(scene.account, "bind.1")
    scene.crash(fired, meant(scene.account, scene.order.order_id, of="bind.1"))
    scene.seen.remained([fired, BulkEnded(0, fired.case, answer)])
    assert scene.broken_in_bulk() == set()
    scene.seen.remained([fired, BulkEnded(0, fired.case, msgspec.structs.replace(answer, items=(), total=0))])
    assert scene.broken_in_bulk() == {"bulk_found"}


def two_cancels_leave(bulk: dict[str, Any] = ALL) -> tuple[Flat, str, str]:
    """Of two orders that nobody else asks for: the first was asked for before the second."""
    scene = Flat(bulk=bulk)
    first, second = scene.place("one"), scene.place("another")
    scene.ask_in_bulk()
    for order_id in (first, second):
        scene.send(order_id)
    return scene, first, second


def test_an_order_of_which_a_cancel_left_is_on_the_disk_before_one_that_was_asked_for_later() -> None:
    scene, _, second = two_cancels_leave()
    scene.crash(wish(scene.account), opened(scene.account, 1, second, at_us=scene.now_us))
    assert scene.broken_in_bulk() == {"bulk_open", "bulk_written"}


def test_what_left_for_somebody_who_named_it_by_a_client_id_that_it_had_is_not_the_bulk_cancels() -> None:
    scene = Flat(bulk=ALL, by_order_id=False)
    first, second = scene.place(ALIAS), scene.place("another")
    scene.ask_in_bulk()
    for order_id in (first, second):
        scene.send(order_id)
    scene.crash(wish(scene.account), opened(scene.account, 1, second, at_us=scene.now_us))
    assert "bulk_written" not in scene.broken_in_bulk()


def test_it_is_enough_that_it_stands_there_as_found() -> None:
    scene, first, second = two_cancels_leave()
    found = meant(scene.account, first, second)
    scene.crash(wish(scene.account), found, opened(scene.account, 1, second, at_us=scene.now_us))
    assert scene.broken_in_bulk() == {"bulk_open"}


def test_what_was_asked_for_later_than_all_that_is_on_the_disk_need_not_be_there() -> None:
    scene, first, _ = two_cancels_leave()
    scene.crash(wish(scene.account), opened(scene.account, 0, first, at_us=scene.now_us - 1))
    assert scene.broken_in_bulk() == {"bulk_open"}


def test_what_left_in_an_earlier_life_does_not_count_in_a_later_one() -> None:
    scene, _, second = two_cancels_leave()
    scene.crash(wish(scene.account))
    scene.crash(wish(scene.account), opened(scene.account, 1, second, at_us=scene.now_us))
    assert scene.broken_in_bulk() == {"bulk_open"}


def test_nor_does_a_request_of_an_earlier_life() -> None:
    scene, first, second = two_cancels_leave()
    old = wish(scene.account), opened(scene.account, 1, second, at_us=scene.now_us * 2)  # by a clock that was ahead
    scene.seen.crashed(scene.now_us - 2_000_000, old)
    scene.crash(*old)
    assert scene.seen.left_us.keys() == {first, second}
    assert scene.broken_in_bulk() == {"bulk_open"}


def test_what_others_asked_to_have_canceled_need_not_be_on_the_disk() -> None:
    scene = Flat(bulk=ALL)
    other = scene.place("one")
    scene.ask_in_bulk()
    scene.send()  # there is a request for this order alone
    scene.crash(wish(scene.account), opened(scene.account, 1, other, at_us=scene.now_us))
    assert scene.broken_in_bulk() == {"bulk_open"}


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
