"""What can be set on a simulated HTX, and HTX's published numbers as the defaults.

This file knows no frames and no orders. Delays are microseconds; a delay of 0 means at once, in the order
acknowledgement, then push, although the venue promises none.
"""

from dataclasses import dataclass, field

from daemon.sim.timers import SECOND_US
from daemon.sim.venue import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class HtxOptions:
    """How one simulated HTX is set up.

    `extra_instruments`: that many more perpetual contracts, SIM001-USDT and on. `push_connections_max` is HTX's: 30
    private push connections a user. The venue pings every `ping_every_us` and hangs up after `pings_missed_max`
    without an answer. The caps on resting orders are this simulation's own: the pages name none.
    """

    credentials: Credentials = field(default_factory=Credentials)
    seed: int = 0
    faults: str = ""
    extra_instruments: int = 0
    push_connections_max: int = 30
    pending_per_instrument_max: int = 1_000
    pending_max: int = 4_000
    ack_delay_us: int = 0
    push_delay_us: int = 0
    ping_every_us: int = 5 * SECOND_US
    pings_missed_max: int = 5
    uid: str = "100000001"
