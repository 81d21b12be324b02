"""The symbols of a simulated BingX: spot pairs, and two whose names have to be encoded in an address.

BingX: Spot / Market Data / Spot trading symbols. This file knows no orders.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_PAIRS = (
    "BTC 90000, ETH 3000, SOL 140, XRP 2.1, DOGE 0.15, ADA 0.42, LTC 85, LINK 13, DOT 2.3, AVAX 14, UNI 6, ATOM 2.5, "
    "NEAR 1.8, APT 2.4, ARB 0.2, OP 0.3, FIL 1.5, ETC 13, XLM 0.25, AAVE 170, SUI 1.6, TON 1.5, TRX 0.28, BCH 530, "
    "OTHR#99961 0.5, MØTH 0.01"
)


@dataclass(frozen=True, slots=True)
class Symbol:
    """One spot pair."""

    name: str
    base: str
    quote: str
    price: Decimal
    lot: Decimal


class Symbols:
    """The table, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Symbol] = {}
        for listing in _PAIRS.split(", "):
            base, price = listing.split(" ")
            name = f"{base}-USDT"
            self._by_name[name] = Symbol(name, base, "USDT", Decimal(price), Decimal("0.00001"))

    def __iter__(self) -> Iterator[Symbol]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Symbol | None:
        """The symbol of this name."""
        return self._by_name.get(name)
