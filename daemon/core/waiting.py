"""How long the venue need not be asked about an order whose first cancel only waits its turn in a line for budget.

Of a thousand orders that are canceled at once, those that the venue's limits let leave a second later would all be
asked about meanwhile, though nothing was sent that could have come to naught. While pushes are heard, and the order was
heard to live, its end would be pushed; and what its cancel meets is asked about as ever when that has left. A push may
be lost all the same, so the question is put off to the middle of the request's time, not for ever. Wherever anything
else is known or in doubt, nothing is put off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.fix import LIVING

if TYPE_CHECKING:
    from daemon.core.case import Case
    from daemon.core.world import World


def needs_no_question_until_us(case: Case, world: World) -> int:
    """Until when a case that waits its turn is left alone; 0 for any other."""
    if not _only_waits_its_turn(case, world):
        return 0
    middles = [(ticket.request.received_us + ticket.due_us) // 2 for ticket in case.open_tickets()]
    return min(middles, default=0)


def _only_waits_its_turn(case: Case, world: World) -> bool:
    """Whether nothing was sent for an order yet, a road is open, and it was heard to live since pushes are heard.

    Trouble is whatever only the venue can clear up: a contradiction, an earlier life, a part of another case.
    """
    heard_us = world.heard_since_us
    if heard_us is None or not world.open_roads or case.sends or case.trouble_us or case.denials:
        return False
    return case.verdict.ord_status in LIVING and max(case.live_by_push_us, case.live_by_answer_us) >= heard_us
