"""How old a bulk cancel counts as: one that a client asked for, and one that nobody would ask for again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from daemon.core.records import BulkIntent
    from daemon.core.world import World

UNATTENDED_US: Final = 1_800_000_000
"""So long at most an unattended bulk goes on asking what rests. A venue's limit on errors keeps us from it for eight
minutes, or a ban for some more; past half an hour nobody but a person can help, and an alarm has said so since long."""
LOOK_AGAIN_US: Final = 300_000_000
"""How often one that is overdue says so: an alarm about an event stands for a quarter of an hour."""


def young_until_us(intent: BulkIntent, world: World) -> int:
    """Until when a wish is young enough to have orders canceled, however young they are themselves."""
    until_us = intent.received_us + world.resend_max_age_us
    return until_us if intent.deadline_us is None else min(until_us, intent.deadline_us)


def of_the_past(intent: BulkIntent, now_us: int) -> BulkIntent:
    """Give an intent of an earlier life the time from which its age counts in this one.

    Where the clock was set back nobody knows how old the wish is. It counts as too old to cancel anything new, since
    whoever asked is told what may rest and can ask again. An unattended one nobody would ask for again, and what a dead
    client left would rest for good, however long the daemon was down or where the clock was set to: its age counts anew
    from this life on, as a binding's grace does that has not fired. Its rounds, of all lives together, bound it.
    """
    if intent.is_unattended:
        return msgspec.structs.replace(intent, received_us=now_us)
    return intent if intent.received_us <= now_us else msgspec.structs.replace(intent, deadline_us=now_us)
