"""How every simulated venue reads most of the primitives: which argument each takes, what stands without one, and which
may happen at once. What they do there, and the rest of the table, is the venue's (`venues/*/meanings`).
"""

from collections.abc import Mapping
from types import MappingProxyType

from daemon.sim.faults import COUNT, NUMBER, Fault, Meaning

EVERYWHERE: Mapping[Fault, Meaning] = MappingProxyType(
    {
        Fault.RATE_LIMIT: Meaning(),
        Fault.CANCELING_STATE: Meaning(NUMBER, "2"),
        Fault.ACK_OK_THEN_FILL: Meaning(),
        Fault.BURST_PUSH: Meaning(COUNT, "2"),
        Fault.ACK_OK_NO_PUSH: Meaning(),
        Fault.HALF_OPEN: Meaning(at_once=True),
        Fault.DISCONNECT: Meaning("before_process|before_ack|after_ack", "before_ack", at_once=True),
        Fault.NO_ACK: Meaning("lost"),
        Fault.ACK_LATE: Meaning(NUMBER, "2000"),
        Fault.PUSH_BEFORE_ACK: Meaning(NUMBER, "5"),
        Fault.DROP_PUSH: Meaning(COUNT, "1"),
        Fault.REORDER: Meaning(),
        Fault.DUP_PUSH: Meaning(),
        Fault.ZOMBIE: Meaning(at_once=True),
        Fault.TYPE_FLIP: Meaning(),
        Fault.BAD_FRAME: Meaning("text|binary|truncated", at_once=True),
        Fault.UNKNOWN_EVENT: Meaning(at_once=True),
        Fault.STALE_QUERY: Meaning(NUMBER, "20"),
        Fault.QUERY_NOTFOUND: Meaning(),
        Fault.QUERY_OPEN_ONLY: Meaning(),
        Fault.AUTH_SLOW: Meaning(NUMBER, "2"),
    }
)
