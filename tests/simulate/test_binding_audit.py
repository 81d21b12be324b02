"""Each rule about bindings is shown to speak on a wrong story, and to be silent on the right one beside it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from daemon.simulate import binding_audit
from daemon.simulate.bound import BindingPlan, BindingStory
from daemon.simulate.disk import Habits
from daemon.simulate.swarm import Span
from daemon.simulate.wishes import OrderPlan
from protocols.fix import AccountName
from tests.simulate.scene import ALIAS, SECOND_US, Scene


class Bound(Scene):
    """A scene whose order a client has bound to its life."""

    def __init__(self) -> None:
        super().__init__(is_bound=True)

    @property
    def client(self) -> BindingStory:
        (story,) = self.seen.bindings
        return story

    def bind(self) -> None:
        self.wait()
        self.client.bound_us.append(self.now_us)

    def die(self) -> None:
        self.wait()
        self.client.died_us = self.now_us

    def lose_the_daemon(self) -> None:
        self.wait()
        self.client.lost_us.append(self.now_us)

    def broken_of_bindings(self) -> set[str]:
        return {rule for rule in self.broken() if rule.startswith("binding_")}


def test_who_died_bound_has_its_orders_canceled() -> None:
    scene = Bound()
    scene.bind()
    scene.die()
    assert scene.broken_of_bindings() == {"binding_fired"}
    scene.cancel()
    assert scene.broken_of_bindings() == set()


@pytest.mark.parametrize(
    ("code", "has_left", "is_excused"), [("1031", True, True), ("1031", False, False), ("1030", True, False)]
)
def test_an_order_whose_cancel_may_have_been_refused_for_good_may_rest_on(
    *, code: str, has_left: bool, is_excused: bool
) -> None:
    scene = Bound()
    (account,) = scene.seen.plan.accounts
    spans = (Span(0, 10 * SECOND_US, f"REJECT({code}):0.1"),)
    scene.seen.plan = msgspec.structs.replace(
        scene.seen.plan, accounts=(msgspec.structs.replace(account, spans=spans),)
    )
    scene.bind()
    if not has_left:
        scene.send()
    scene.die()
    if has_left:
        scene.send()
    assert (scene.broken_of_bindings() == set()) == is_excused


def test_who_died_before_it_was_bound_is_not_waited_for() -> None:
    scene = Bound()
    scene.die()
    scene.bind()
    assert scene.broken_of_bindings() == set()


def test_who_died_before_it_was_back_at_a_new_daemon_may_be_forgotten_with_the_old_one() -> None:
    scene = Bound()
    scene.bind()
    scene.lose_the_daemon()
    scene.die()
    assert scene.broken_of_bindings() == set()


def test_who_was_back_is_bound_again() -> None:
    scene = Bound()
    scene.bind()
    scene.lose_the_daemon()
    scene.bind()
    scene.die()
    assert scene.broken_of_bindings() == {"binding_fired"}


def test_who_lives_keeps_its_orders() -> None:
    scene = Bound()
    scene.bind()
    assert scene.broken_of_bindings() == set()
    scene.cancel()
    assert scene.broken_of_bindings() == {"binding_spared"}


@pytest.mark.parametrize(
    ("crashes_after_s", "fails", "is_excused"),
    [(0.1, False, True), (3, False, False), (3, True, True), (30, True, False)],
)
def test_a_goodbye_that_was_not_written_down_is_lost_with_its_life(
    *, crashes_after_s: float, fails: bool, is_excused: bool
) -> None:
    scene = Bound()
    scene.bind()
    begin_us = scene.now_us - scene.seen.start_us
    habits = Habits((100, 500), ((begin_us, begin_us + 5 * SECOND_US),) if fails else ())
    scene.seen.plan = msgspec.structs.replace(scene.seen.plan, habits=habits)
    scene.wait()
    scene.client.left_us = scene.now_us
    scene.wait(crashes_after_s - 1)  # a crash comes a second later
    scene.crash()
    scene.cancel()
    assert (scene.broken() & {"binding_spared", "stranger"} == set()) == is_excused


@pytest.mark.parametrize(
    ("prefix", "is_all", "is_covered"), [("1", False, True), ("7", False, False), ("7", True, True)]
)
def test_a_binding_covers_its_prefix_or_all_of_its_account(*, prefix: str, is_all: bool, is_covered: bool) -> None:
    account = AccountName("a")
    plan = BindingPlan(0, account, prefix, (), 500, is_all=is_all, dies_us=None, says_bye=False)
    assert plan.covers(OrderPlan(0, account, 0, 0, ALIAS)) == is_covered
    assert not plan.covers(OrderPlan(0, AccountName("b"), 0, 0, ALIAS))


def test_every_rule_has_its_sentence_and_is_shown_to_speak_here() -> None:
    rules = {rule.__name__ for rule in binding_audit.BINDING_RULES}
    told = (binding_audit.__doc__ or "").splitlines()
    assert rules == {line.split()[0] for line in told if line.startswith("    ")}
    assert [rule for rule in rules if f'"{rule}"' not in Path(__file__).read_text()] == []
