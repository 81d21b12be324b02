"""What can be set on a simulated BingX, and BingX's published numbers as the defaults.

This file knows no frames and no orders. Times are microseconds; a delay of 0 means at once, in the order answer, then
push.
"""

from dataclasses import dataclass, field

from daemon.sim.timers import SECOND_US
from daemon.sim.venue import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class BingxOptions:
    """How one simulated BingX is set up.

    `errors_max` error answers to one call in `errors_window_us` are borne; one more, and the call is banned for
    `ban_us`, a time that no page names. A listen key lives for `key_life_us`. `ping_every_us` is the server's
    heartbeat; a socket that lets pings go unanswered for `pong_wait_us` is closed.
    """

    credentials: Credentials = field(default_factory=Credentials)
    seed: int = 0
    faults: str = ""
    pending_max: int = 1_000
    sockets_max: int = 60
    ack_delay_us: int = 0
    push_delay_us: int = 0
    ping_every_us: int = 5 * SECOND_US
    pong_wait_us: int = 30 * SECOND_US
    key_life_us: int = 3_600 * SECOND_US
    errors_max: int = 20
    errors_window_us: int = 480 * SECOND_US
    ban_us: int = 300 * SECOND_US
    bare_key: bool = True
    """Answers about listen keys come without an envelope, as they mostly do."""
    uid: str = "16789215"
