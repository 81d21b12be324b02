"""What a demonstration places on a simulated venue, how fast it cancels, and which faults it lets it show: data."""

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

    `faults` is a SPEC as of `canceld sim --faults`, all of whose faults heal within seconds. `per_second` is how many
    cancels begin in a second: a little under what the venue's limits let through, so that a cancel's time is its own
    and not that of a queue. Of that pace only `share_with_faults` is kept where the venue misbehaves: repeats count
    against the same limits. `orders_max` is how many there can be in under a minute, or by the venue's caps, and `why`
    says which, for the reader.
    """

    placings: tuple[Placing, ...]
    faults: str
    per_second: float
    orders_max: int
    why: str
    share_with_faults: float = 0.75
