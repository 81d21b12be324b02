"""The instruments of a simulated OKX: spot pairs, a few swaps, one oddity without `instIdCode`.

Codes are integers fixed by the seed, differ between the demo and the live environment, and change when an instrument
is relisted (OKX: Public Data / Get instruments). This file knows no orders.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from daemon.sim.wire import JsonObject, plain

_SPOT = (
    "BTC 90000, ETH 3000, SOL 140, XRP 2.1, DOGE 0.15, ADA 0.42, LTC 85, LINK 13, DOT 2.3, AVAX 14, UNI 6, ATOM 2.5, "
    "NEAR 1.8, APT 2.4, ARB 0.2, OP 0.3, FIL 1.5, ETC 13, XLM 0.25, AAVE 170, SUI 1.6, TON 1.5, TRX 0.28, BCH 530, "
    "CRV 0.4, HBAR 0.14"
)
_SWAPS = (("BTC", "90000", "0.01"), ("ETH", "3000", "0.1"), ("SOL", "140", "1"), ("XRP", "2.1", "100"))
WITHOUT_CODE = "ODD-USDT"
"""Its `instIdCode` is null: WebSocket operations cannot name it."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument; `codes` are those of the live and of the demo environment, None where there is none yet."""

    inst_id: str
    inst_type: str
    base: str
    quote: str
    price: Decimal
    lot: Decimal
    contract_value: Decimal | None
    codes: tuple[int | None, int | None]

    @property
    def is_difference(self) -> bool:
        """A price of one thing, not of one less another."""
        return False

    @property
    def family(self) -> str:
        """The instrument family of a derivative, "" for spot."""
        return f"{self.base}-{self.quote}" if self.contract_value is not None else ""


class Instruments:
    """The table, by id and by code of this environment."""

    def __init__(self, *, seed: int, demo: bool, extra: int) -> None:
        self._rng = random.Random(f"{seed}/instruments")
        self._demo = demo
        self._next_code = 10_000 + self._rng.randrange(400)
        self._by_id: dict[str, Instrument] = {}
        self._by_code: dict[int, Instrument] = {}
        for listing in _SPOT.split(", "):
            base, price = listing.split(" ")
            self._list_spot(base, price)
        for base, price, contract_value in _SWAPS:
            self._list(f"{base}-USDT-SWAP", "SWAP", base, Decimal(price), Decimal("0.01"), Decimal(contract_value))
        self._add(Instrument(WITHOUT_CODE, "SPOT", "ODD", "USDT", Decimal(1), Decimal("0.0001"), None, (None, None)))
        for number in range(1, extra + 1):
            self._list_spot(f"SIM{number:03}", "10")

    def __iter__(self) -> Iterator[Instrument]:
        return iter(tuple(self._by_id.values()))

    def get(self, inst_id: str) -> Instrument | None:
        """The instrument of this id."""
        return self._by_id.get(inst_id)

    def by_code(self, code: int) -> Instrument | None:
        """The instrument that has this `instIdCode` in this environment."""
        return self._by_code.get(code)

    def code(self, inst_id: str) -> int | None:
        """The `instIdCode` of an instrument in this environment; None if there is no such instrument or it has none."""
        instrument = self._by_id.get(inst_id)
        return instrument.codes[self._demo] if instrument else None

    def relist(self, inst_id: str) -> int:
        """Give an instrument new codes, as a relisting does; the old ones are unknown from now on. Returns the new
        one.
        """
        old = self._by_id[inst_id]
        code = old.codes[self._demo]
        if code is not None:
            del self._by_code[code]
        self._list(inst_id, old.inst_type, old.base, old.price, old.lot, old.contract_value)
        new = self.code(inst_id)
        if new is None:
            raise AssertionError(f"{inst_id} was relisted without a code")
        return new

    def rows(self, inst_type: str, *, for_demo: bool) -> list[JsonObject]:
        """The instruments of one type as OKX lists them, with the codes of the asked environment."""
        return [_row(each, each.codes[for_demo]) for each in self._by_id.values() if each.inst_type == inst_type]

    def _list_spot(self, base: str, price: str) -> None:
        self._list(f"{base}-USDT", "SPOT", base, Decimal(price), Decimal("0.00001"), None)

    def _list(
        self, inst_id: str, inst_type: str, base: str, price: Decimal, lot: Decimal, contract_value: Decimal | None
    ) -> None:
        codes = (self._new_code(), self._new_code())
        self._add(Instrument(inst_id, inst_type, base, "USDT", price, lot, contract_value, codes))

    def _new_code(self) -> int:
        self._next_code += self._rng.randrange(1, 40)
        return self._next_code

    def _add(self, instrument: Instrument) -> None:
        self._by_id[instrument.inst_id] = instrument
        code = instrument.codes[self._demo]
        if code is not None:
            self._by_code[code] = instrument


def _row(instrument: Instrument, code: int | None) -> JsonObject:
    is_swap = instrument.contract_value is not None
    lot = plain(instrument.lot)
    return {
        "alias": "",
        "auctionEndTime": "",
        "baseCcy": "" if is_swap else instrument.base,
        "category": "1",
        "contTdSwTime": "",
        "ctMult": "1" if is_swap else "",
        "ctType": "linear" if is_swap else "",
        "ctVal": plain(instrument.contract_value) if instrument.contract_value is not None else "",
        "ctValCcy": instrument.base if is_swap else "",
        "expTime": "",
        "futureSettlement": False,
        "groupId": "1",
        "instFamily": instrument.family,
        "instId": instrument.inst_id,
        "instIdCode": code,
        "instType": instrument.inst_type,
        "lever": "50" if is_swap else "10",
        "listTime": "1548133413000",
        "lotSz": lot,
        "maxIcebergSz": "99999999999.0000000000000000",
        "maxLmtAmt": "20000000",
        "maxLmtSz": "99999999999",
        "maxMktAmt": "1000000",
        "maxMktSz": "1000000",
        "maxStopSz": "1000000",
        "maxTriggerSz": "99999999999.0000000000000000",
        "maxTwapSz": "99999999999.0000000000000000",
        "minSz": lot,
        "openType": "",
        "optType": "",
        "quoteCcy": "" if is_swap else instrument.quote,
        "ruleType": "normal",
        "settleCcy": instrument.quote if is_swap else "",
        "state": "live",
        "stk": "",
        "tickSz": "0.00001",
        "tradeQuoteCcyList": [] if is_swap else [instrument.quote],
        "uly": instrument.family,
    }
