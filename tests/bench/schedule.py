"""The soonest that everything can be canceled by a venue's published limits alone: a schedule of its own, by hand.

It shares nothing with the product: the limits stand here again, from the pages of the venues, and time passes only
between windows; calls, answers and pushes take none. So no client whatever can be sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Limits:
    """What of a venue's orders may be canceled in a window.

    ``singles`` and ``batched`` orders (or ``batches`` calls of ``batch_max`` orders) per window, for each instrument
    apart (``is_per_instrument``) or all together; ``is_shared``: singles and batches are the same calls. ``has_mass``:
    one call cancels everything.
    """

    window_s: float
    singles: int
    batched: int = 0
    batches: int = 0
    batch_max: int = 0
    is_per_instrument: bool = False
    is_shared: bool = False
    has_mass: bool = False


LIMITS = {
    # Trade / Cancel order: 60 in 2 s; Cancel multiple orders: 300 orders in 2 s; both by user and instrument
    "okx": Limits(2.0, 60, batched=300, is_per_instrument=True),
    # Spread Trading / Cancel order: 20 in 2 s; Cancel All orders
    "okx_spread": Limits(2.0, 20, has_mass=True),
    # Contract / Cancel order: 10 in 1 s; Batch cancel: 10 calls of 50 in 1 s; Cancel all orders
    "bitget": Limits(1.0, 10, batches=10, batch_max=50, has_mass=True),
    # Unified account / Cancel order: 10 in 1 s; Batch cancel: 5 calls of 20 in 1 s; Cancel all orders by symbol
    "bitget_uta": Limits(1.0, 10, batches=5, batch_max=20, has_mass=True),
    # Rate limit of trading: 72 calls in 3 s; Cancel multiple orders: 10 of one contract; Cancel all orders
    "htx": Limits(3.0, 72, batches=72, batch_max=10, is_shared=True, has_mass=True),
    # Spot / Cancel Order: 5 in 1 s; Cancel multiple orders: 2 in 1 s, taken for 10 orders; Cancel all open orders
    "bingx": Limits(1.0, 5, batches=2, batch_max=10, has_mass=True),
}


def optimum_s(venue: str, orders: Mapping[str, int]) -> float:
    """Say when the last order can leave at the soonest, given how many rest in each instrument."""
    limits = LIMITS[venue]
    if limits.has_mass:
        return 0.0
    rest = [dict(orders)] if not limits.is_per_instrument else [{name: count} for name, count in orders.items()]
    return max((_windows(limits, each) - 1) * limits.window_s for each in rest)


def _windows(limits: Limits, orders: dict[str, int]) -> int:
    """Count the windows that some orders take: as many in batches as there is room for, the rest one by one."""
    windows = 0
    while any(orders.values()):
        windows += 1
        calls = limits.batches
        for name in sorted(orders, key=orders.__getitem__, reverse=True):
            taken = min(limits.batched, orders[name]) if limits.batched else 0
            while not limits.batched and calls and orders[name] - taken > 0:
                taken += min(limits.batch_max, orders[name] - taken)
                calls -= 1
            orders[name] -= taken
        singles = min(limits.singles, calls) if limits.is_shared else limits.singles
        for name, left in orders.items():
            taken = min(singles, left)
            orders[name] = left - taken
            singles -= taken
    return windows


def naive_s(venue: str, count: int, seconds_each: float) -> float:
    """Say how long single cancels take one after the other: as the limit lets them, or as they are answered."""
    limits = LIMITS[venue]
    return count * max(seconds_each, limits.window_s / limits.singles)
