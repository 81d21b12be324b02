"""What can be set on a simulated Bitget, and Bitget's published numbers as the defaults.

This file knows no frames and no orders. Delays are microseconds; a delay of 0 means at once, in the order
acknowledgement, then push.
"""

from dataclasses import dataclass, field

from daemon.sim.timers import SECOND_US
from daemon.sim.venue import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class BitgetOptions:
    """How one simulated Bitget is set up.

    `is_unified`: the account is a unified one, served by v3. `demo`: it is the demo environment, so REST needs
    `paptrading: 1`. `takes_ws_trades`: the key has the permission for the trade channel, which is applied for.
    `refuses_by_session`: without that permission a trade is refused by 30003, which names nobody, and not by 40014 (no
    such frame was ever recorded). `has_countdown`: the key has the permission for the dead-man switch, which
    Bitget's business department gives. The caps on open orders are roomy, since no page says one for all products.
    """

    credentials: Credentials = field(default_factory=Credentials)
    seed: int = 0
    faults: str = ""
    is_unified: bool = False
    demo: bool = False
    takes_ws_trades: bool = True
    refuses_by_session: bool = False
    has_countdown: bool = True
    open_per_symbol_max: int = 500
    open_max: int = 4_000
    ack_delay_us: int = 0
    push_delay_us: int = 0
    idle_close_us: int = 120 * SECOND_US
    age_max_us: int = 24 * 3_600 * SECOND_US
    uid: str = "7264631750"
