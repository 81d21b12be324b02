"""Configurations for tests: two invented venues, and texts read with them."""

from __future__ import annotations

from pathlib import Path

from daemon.config import Config, loads
from protocols.dialect import Profile, Timings, Traits
from protocols.errors import ConfigMistake
from protocols.evidence import Step
from protocols.fix import Road

AT = Path("/etc/canceld/canceld.toml")


class Venue:
    """A dialect, as far as a configuration looks at it: it serves the demo environment only where ``has_demo``."""

    def __init__(
        self,
        products: tuple[str, ...],
        roads: tuple[Road, ...],
        timings: Timings,
        *,
        has_demo: bool = True,
        signs_host: bool = False,
    ) -> None:
        self._has_demo = has_demo
        self.traits = Traits(
            venue="lines" if products[0] else "spot",
            products=products,
            roads=roads,
            ladder=(Step.ORDER, Step.OPEN_ORDERS),
            timings=timings,
            rate_rules=(),
            cancel_operation="cancel",
            question_operations={},
            order_memory_ms=0,
            alias_memory_ms=0,
            signs_host=signs_host,
        )

    def __call__(self, profile: Profile) -> Venue:
        if profile.environment == "demo" and not self._has_demo:
            raise ConfigMistake("environment", "there is no demo", "use live")
        if not set(profile.products) <= set(self.traits.products):
            raise ConfigMistake("products", "there is no such line", "use another")
        return self


SLOW = Timings(push_wait_ms=2000, settle_ms=30_000)
LINES = ("USDT-FUTURES", "COIN-FUTURES", "SPOT")

# "spot" has one product line, both roads and no demo; "lines" has three lines, REST alone, slower timings, and
# signatures that name the host.
VENUES = {
    "spot": Venue(("",), (Road.WS, Road.REST), Timings(), has_demo=False),
    "lines": Venue(LINES, (Road.REST,), SLOW, signs_host=True),
}
ACCOUNT = '[accounts.main]\nvenue = "spot"\ncredentials = "main"\n'


def good(text: str) -> Config:
    config = loads(text, AT, VENUES)
    assert isinstance(config, Config), [str(mistake) for mistake in config]
    return config


def mistakes(text: str) -> list[ConfigMistake]:
    found = loads(text, AT, VENUES)
    assert isinstance(found, list), found
    return found
