"""Each rule about dead-man switches is shown to speak on a wrong story, and to be silent on the right one beside it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from daemon.simulate import switches
from daemon.simulate.plan import draw
from daemon.simulate.switches import SECOND_US, SwitchSeen, broken_rules
from protocols.fix import AccountName

RIGHT = SwitchSeen(
    AccountName("a"), 10, trouble=((5 * SECOND_US, 8 * SECOND_US),), fired_us=(), was_armed=True, ends_in_order=True,
    after_end=0, is_still_set=False,
)  # fmt: skip


def broken(**seen: object) -> set[str]:
    return {rule for rule, _ in broken_rules([msgspec.structs.replace(RIGHT, **seen)])}


@pytest.mark.parametrize(
    "seen",
    [
        {},
        {"fired_us": (20 * SECOND_US,)},
        {"fired_us": (108 * SECOND_US,)},
        {"ends_in_order": False, "after_end": 1},
    ],
)
def test_a_right_story_breaks_no_rule(seen: dict[str, object]) -> None:
    assert broken(**seen) == set()


def test_it_has_to_be_set_in_the_calm() -> None:
    assert broken(was_armed=False) == {"switch_armed"}


@pytest.mark.parametrize("at_s", [4, 109])
def test_it_must_not_fire_before_there_was_trouble_or_long_after(at_s: int) -> None:
    assert broken(fired_us=(at_s * SECOND_US,)) == {"switch_spared"}


@pytest.mark.parametrize(
    "seen",
    [{"after_end": 1}, {"is_still_set": True}, {"ends_in_order": False}, {"ends_in_order": False, "after_end": 2}],
)
def test_it_fires_once_for_a_dead_daemon_and_never_after_a_stop_in_order(seen: dict[str, object]) -> None:
    assert broken(**seen) == {"switch_ended"}


def test_some_seeds_have_switches_and_daemons_end_in_both_ways() -> None:
    plans = [draw(seed) for seed in range(40)]
    watched = [plan for plan in plans if any(account.switch_s for account in plan.accounts)]
    assert {plan.ends_in_order for plan in watched} == {True, False}
    assert len(watched) < len(plans)


def test_every_rule_has_its_sentence_and_is_shown_to_speak_here() -> None:
    rules = {rule.__name__ for rule in switches.SWITCH_RULES}
    told = (switches.__doc__ or "").splitlines()
    assert rules == {line.split()[0] for line in told if line.startswith("    ")}
    assert [rule for rule in rules if f'"{rule}"' not in Path(__file__).read_text()] == []
