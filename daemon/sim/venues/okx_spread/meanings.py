"""What each primitive of the fault catalogue means where spreads are traded, as far as that is not what it means on OKX
trade (`venues.okx.meanings`, which also says the occasions and the order of drawing).

    REJECT(code)             refused with `code` (51402). 51402: the order fills first; 51401: somebody else cancels it
                             first; 51410: all that is open is matched first, and ends filled once it is settled. For
                             every other code it is unchanged, for 51400 ("does not exist") too
    FOREIGN_CANCEL(source)   somebody else cancels just before (drawn from 20, 32, 34, 35): ours is refused with 51401.
                             34 and 35: all that is open is matched, ours is refused with 51410, and the trade is
                             rejected at settlement, which ends the order with that cancelSource
    ACK_OK_THEN_FILL         accepted, but all that is open is matched instead, and ends filled once it is settled
    BURST_PUSH(fills)        the fills are matched and settled at once

51400 means here that there is no such order, 51401 that it was canceled, 51402 that it is filled, and 51410 that it is
being canceled or that all of it awaits settlement. There are no batches, so PARTIAL_BATCH has no meaning, nor have
KEY_EXPIRE and RESTART. That notices reach this URL is not documented; NOTICE_CLOSE sends one all the same.
"""

from daemon.sim.faults import Fault, Meaning
from daemon.sim.venues.okx import meanings

MEANINGS: dict[Fault, Meaning] = {
    **{fault: meaning for fault, meaning in meanings.MEANINGS.items() if fault is not Fault.PARTIAL_BATCH},
    Fault.REJECT: Meaning(meanings.CODE, "51402"),
}

FOREIGN_SOURCES = ("20", "32", "34", "35")
"""Codes of `cancelSource` for an end that the user did not ask for: cancel-all-after, self-trade prevention, and two
of settlement.
"""
SETTLEMENT_SOURCES = frozenset({"34", "35"})
