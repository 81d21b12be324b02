"""Which simulated venues there are, a line each. What they take beyond credentials, a seed and faults is their own
options' business.
"""

from collections.abc import Callable
from types import ModuleType

from daemon.sim.demo_plan import DemoPlan
from daemon.sim.venue import Credentials, SimVenue
from daemon.sim.venues.bingx import demo as bingx_demo
from daemon.sim.venues.bingx import meanings as bingx_meanings
from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.venues.bingx.venue import BingxVenue
from daemon.sim.venues.bitget import demo as bitget_demo
from daemon.sim.venues.bitget import meanings as bitget_meanings
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.venue import BitgetVenue
from daemon.sim.venues.htx import demo as htx_demo
from daemon.sim.venues.htx import meanings as htx_meanings
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.venues.htx.venue import HtxVenue
from daemon.sim.venues.okx import demo as okx_demo
from daemon.sim.venues.okx import meanings as okx_meanings
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from daemon.sim.venues.okx_spread import demo as okx_spread_demo
from daemon.sim.venues.okx_spread import meanings as okx_spread_meanings
from daemon.sim.venues.okx_spread.options import SpreadOptions
from daemon.sim.venues.okx_spread.venue import OkxSpreadVenue

Build = Callable[[Credentials, int, str], SimVenue]
"""From credentials, seed and a SPEC of faults; raises FaultError."""

VENUES: dict[str, Build] = {
    "okx": lambda credentials, seed, faults: OkxVenue(OkxOptions(credentials=credentials, seed=seed, faults=faults)),
    "okx_spread": lambda credentials, seed, faults: OkxSpreadVenue(
        SpreadOptions(credentials=credentials, seed=seed, faults=faults)
    ),
    "bitget": lambda credentials, seed, faults: BitgetVenue(
        BitgetOptions(credentials=credentials, seed=seed, faults=faults)
    ),
    "bitget_uta": lambda credentials, seed, faults: BitgetVenue(
        BitgetOptions(credentials=credentials, seed=seed, faults=faults, is_unified=True)
    ),
    "htx": lambda credentials, seed, faults: HtxVenue(HtxOptions(credentials=credentials, seed=seed, faults=faults)),
    "bingx": lambda credentials, seed, faults: BingxVenue(
        BingxOptions(credentials=credentials, seed=seed, faults=faults)
    ),
}

DEMOS: dict[str, DemoPlan] = {
    "okx": okx_demo.PLAN,
    "okx_spread": okx_spread_demo.PLAN,
    "bitget": bitget_demo.CLASSIC_PLAN,
    "bitget_uta": bitget_demo.UNIFIED_PLAN,
    "htx": htx_demo.PLAN,
    "bingx": bingx_demo.PLAN,
}
"""What a demonstration does on each of them."""

FAULTS_TOLD: dict[str, tuple[ModuleType, ...]] = {
    "okx": (okx_meanings,),
    "okx_spread": (okx_spread_meanings, okx_meanings),
    "bitget": (bitget_meanings,),
    "bitget_uta": (bitget_meanings,),
    "htx": (htx_meanings,),
    "bingx": (bingx_meanings,),
}
"""Whose first paragraphs tell what each fault does at a venue."""


def build(name: str, *, credentials: Credentials | None = None, seed: int = 0, faults: str = "") -> SimVenue:
    """A simulated venue by its name; raises KeyError for a name that is not in VENUES, FaultError for a bad SPEC."""
    return VENUES[name](credentials or Credentials(), seed, faults)
