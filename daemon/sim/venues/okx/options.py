"""What can be set on a simulated OKX, and OKX's published numbers as the defaults.

This file knows no frames and no orders. Delays are microseconds; a delay of 0 means at once, in the order
acknowledgement, then push.
"""

from dataclasses import dataclass, field

from daemon.sim.timers import SECOND_US
from daemon.sim.venue import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxOptions:
    """How one simulated OKX is set up.

    `demo`: it is the demo environment, so REST needs `x-simulated-trading: 1`. `legacy_inst_id`: WebSocket operations
    take `instId`, as before 2026. `extra_instruments`: that many more spot instruments, SIM001-USDT and on. The three
    caps are OKX's: 30 connections on the orders channel, 500 pending orders in a symbol and 4,000 in all.
    """

    credentials: Credentials = field(default_factory=Credentials)
    seed: int = 0
    faults: str = ""
    demo: bool = False
    legacy_inst_id: bool = False
    extra_instruments: int = 0
    orders_connections_max: int = 30
    pending_per_instrument_max: int = 500
    pending_max: int = 4_000
    ack_delay_us: int = 0
    push_delay_us: int = 0
    idle_close_us: int = 30 * SECOND_US
    uid: str = "614488474791936"
