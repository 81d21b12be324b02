"""Dead-man switches in a simulated world: which accounts have one, and what is right about them.

The switch is the product's own, kept over the simulated venue's own calls; here it is drawn who has one, how the daemon
ends at the very last, and what was seen. What is right stands in its rules, each a function below, named as in a
violation:

    switch_armed      in the calm it is set
    switch_spared     it fires only where the daemon was dead, or trouble may have kept it from refreshing
    switch_ended      after a stop in order it is off; after a sudden end it fires in time
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from protocols.fix import AccountName

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from protocols.deadman import SwitchTraits

SWITCH_P: Final = 0.4
"""How many accounts have one, of those whose venue does."""
TIMEOUTS_S: Final = (10, 20, 60)
SECOND_US: Final = 1_000_000
RECOVERY_US: Final = 90 * SECOND_US
"""So long after some trouble is over it may still have its effect: refused credentials are tried again in a minute."""
END_MAX_S: Final = 10.0
"""How long a stop in order tries to end a switch: longer than any call that is answered at all."""
FIRES_US: Final = 5 * SECOND_US
"""The time that the venue may take to have fired, past the time-out."""


class SwitchSeen(msgspec.Struct, frozen=True):
    """What was seen of one switch. ``trouble`` are the times at which something may have hindered its daemon.

    ``fired_us`` are the moments at which it fired before the end, ``was_armed`` is whether it was set then;
    ``after_end`` is how often it fired when the daemon had ended, in order or not (``ends_in_order``).
    """

    account: AccountName
    timeout_s: int
    trouble: tuple[tuple[int, int], ...]
    fired_us: tuple[int, ...]
    was_armed: bool
    ends_in_order: bool
    after_end: int
    is_still_set: bool


def draw_switch(rng: Random, traits: SwitchTraits | None) -> int | None:
    """Draw an account's time-out in seconds, None for no switch."""
    if traits is None or rng.random() > SWITCH_P:
        return None
    return max(traits.least_s, min(traits.most_s, rng.choice(TIMEOUTS_S)))


def switch_armed(seen: SwitchSeen) -> Iterator[str]:
    """Long after all trouble is over it is set."""
    if not seen.was_armed:
        yield "it is not set in the calm"


def switch_spared(seen: SwitchSeen) -> Iterator[str]:
    """Whoever lives and is not hindered refreshes it in time."""
    reach_us = seen.timeout_s * SECOND_US + RECOVERY_US
    for at_us in seen.fired_us:
        if not any(begin_us <= at_us and end_us >= at_us - reach_us for begin_us, end_us in seen.trouble):
            yield f"it fired at {at_us / SECOND_US:.3f} s, and nothing had hindered the daemon"


def switch_ended(seen: SwitchSeen) -> Iterator[str]:
    """It fires for a dead daemon, and never for one that took its leave."""
    if seen.ends_in_order and (seen.after_end or seen.is_still_set):
        yield "it is set, or fired, after the daemon stopped in order"
    if not seen.ends_in_order and seen.after_end != 1:
        yield f"it fired {seen.after_end} times for a dead daemon"


SWITCH_RULES: Final = (switch_armed, switch_spared, switch_ended)


def broken_rules(switches: Sequence[SwitchSeen]) -> Iterator[tuple[str, str]]:
    """Name each rule that was broken, and say by what."""
    for seen in switches:
        for rule in SWITCH_RULES:
            for detail in rule(seen):
                yield rule.__name__, f"{seen.account}: {detail}"
