"""What can be set on a simulated OKX for spreads: all that any OKX has, and how long settlement takes."""

from dataclasses import dataclass

from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venues.okx.options import OkxOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadOptions(OkxOptions):
    """How one is set up. A user may have 500 pending spread orders, over all spreads.

    `settle_delay_us` lies between the matching of a trade and its settlement (or rejection).
    """

    pending_max: int = 500
    settle_delay_us: int = 50 * MILLISECOND_US
