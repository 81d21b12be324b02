"""The spreads of a simulated OKX: a coin's spot against its perpetual swap (OKX: Spread Trading / GET Spreads).

This file knows no orders.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from daemon.sim.wire import JsonObject, plain

_BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "LTC")


@dataclass(frozen=True, slots=True)
class Spread:
    """One spread: long the second leg, short the first."""

    inst_id: str
    base: str
    legs: tuple[str, str]
    lot: Decimal = Decimal("0.001")
    tick: Decimal = Decimal("0.1")

    @property
    def is_difference(self) -> bool:
        """Its price is that of one leg less that of the other."""
        return True


class Spreads:
    """The table."""

    def __init__(self) -> None:
        listed = [(f"{base}-USDT", f"{base}-USDT-SWAP", base) for base in _BASES]
        self._by_id = {f"{spot}_{swap}": Spread(f"{spot}_{swap}", base, (spot, swap)) for spot, swap, base in listed}

    def __iter__(self) -> Iterator[Spread]:
        return iter(tuple(self._by_id.values()))

    def get(self, sprd_id: str) -> Spread | None:
        """The spread of this id."""
        return self._by_id.get(sprd_id)

    def rows(self) -> list[JsonObject]:
        """The spreads as OKX lists them."""
        return [_row(spread) for spread in self]


def _row(spread: Spread) -> JsonObject:
    sold, bought = spread.legs
    return {
        "sprdId": spread.inst_id,
        "sprdType": "linear",
        "state": "live",
        "baseCcy": spread.base,
        "szCcy": spread.base,
        "quoteCcy": "USDT",
        "tickSz": plain(spread.tick),
        "minSz": plain(spread.lot),
        "lotSz": plain(spread.lot),
        "listTime": "1686903000159",
        "expTime": "",
        "uTime": "1686903000159",
        "legs": [{"instId": sold, "side": "sell"}, {"instId": bought, "side": "buy"}],
    }
