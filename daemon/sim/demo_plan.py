"""What a demonstration places on a simulated venue, and which faults it lets it show: data, a plan a venue."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placing:
    """One instrument that orders are placed on. `price` and `qty` are far from any market, as text."""

    instrument: str
    price: str
    qty: str
    product: str | None = None


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """A venue's demonstration.

    `orders_max` is how many orders it can take at once (the venue's caps, or what its limits let through in under a
    minute), and `why` says which, for the reader. `faults` is a SPEC as of `canceld sim --faults`, all of whose faults
    heal within seconds. `at_once` is how many cancels are under way at a time: no more than the venue's limits let
    through in a few seconds, or the last of them would wait for their turn past the demonstration's short horizon.
    """

    placings: tuple[Placing, ...]
    faults: str
    orders_max: int
    why: str
    at_once: int = 256
