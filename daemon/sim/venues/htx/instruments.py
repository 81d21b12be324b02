"""The contracts of a simulated HTX, and the lists that clients load before anything else.

Perpetual contracts, two deliveries, and one entry each of HTX's spot and coin-margined markets, which are listed but
not traded here. Orders that come through the control door are margined `cross`, on some contracts `isolated`, so that
both modes are met. This file knows no orders.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from daemon.sim.wire import JsonObject

_PERPETUALS = (
    "BTC 0.001, ETH 0.01, SOL 1, XRP 10, DOGE 100, ADA 10, LTC 0.1, LINK 0.1, DOT 1, AVAX 1, UNI 1, ATOM 1, NEAR 10, "
    "APT 1, ARB 10, OP 1, FIL 0.1, ETC 0.1, XLM 10, AAVE 0.1, SUI 1, TON 1, TRX 100, BCH 0.01, CRV 10, HBAR 100"
)
_ISOLATED = frozenset({"ETH-USDT", "LTC-USDT", "DOT-USDT", "NEAR-USDT"})
_DELIVERIES = (("BTC-USDT-270326", "quarter"), ("ETH-USDT-270326", "quarter"))
_DELIVERY_DATE, _DELIVERY_MS = "20270326", "1806048000000"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One contract; `face` is what one contract is worth in its base currency. Volumes are whole contracts."""

    code: str
    base: str
    face: str
    contract_type: str
    margin_mode: str

    @property
    def pair(self) -> str:
        """The pair of currencies."""
        return f"{self.base}-USDT"


class Instruments:
    """The table, by code."""

    def __init__(self, *, extra: int) -> None:
        faces = {base: face for base, _, face in (each.partition(" ") for each in _PERPETUALS.split(", "))}
        faces |= {f"SIM{number:03}": "1" for number in range(1, extra + 1)}
        swaps = [Instrument(f"{base}-USDT", base, face, "swap", _mode(f"{base}-USDT")) for base, face in faces.items()]
        futures = [
            Instrument(code, code.partition("-")[0], faces[code.partition("-")[0]], kind, "cross")
            for code, kind in _DELIVERIES
        ]
        self._by_code = {each.code: each for each in (*swaps, *futures)}

    def __iter__(self) -> Iterator[Instrument]:
        return iter(tuple(self._by_code.values()))

    def get(self, code: str) -> Instrument | None:
        """The contract of this code, however it is written (HTX: codes are case-insensitive)."""
        return self._by_code.get(code.upper())

    def rows(self) -> list[JsonObject]:
        """The contracts as HTX lists them (HTX: Market Data / Query Swap Info)."""
        return [_contract_row(each) for each in self._by_code.values()]


def spot_rows() -> list[JsonObject]:
    """HTX: Spot / Get all supported trading symbols."""
    return [
        {
            "symbol": "btcusdt",
            "base-currency": "btc",
            "quote-currency": "usdt",
            "price-precision": 2,
            "amount-precision": 6,
            "value-precision": 8,
            "symbol-partition": "main",
            "state": "online",
            "min-order-amt": 0.00001,
            "max-order-amt": 1000,
            "min-order-value": 5,
            "leverage-ratio": 5,
            "api-trading": "enabled",
        }
    ]


def currency_rows(instruments: Instruments) -> list[JsonObject]:
    """HTX: Spot / APIv2 currency and chains."""
    names = dict.fromkeys(["usdt", *(each.base.lower() for each in instruments)])
    return [{"currency": name, "assetType": 1, "instStatus": "normal", "chains": [_chain(name)]} for name in names]


def coin_swap_rows() -> list[JsonObject]:
    """HTX: Coin-M Swaps / Query Swap Info."""
    row: JsonObject = {"symbol": "BTC", "contract_code": "BTC-USD", "contract_size": 100.0, "price_tick": 0.1}
    return [row | {"delivery_time": "", "create_date": "20200325", "contract_status": 1, "settlement_date": "0"}]


def coin_future_rows() -> list[JsonObject]:
    """HTX: Coin-M Futures / Get Contract Info."""
    row: JsonObject = {
        "symbol": "BTC",
        "contract_code": "BTC270326",
        "contract_type": "quarter",
        "contract_size": 100.0,
    }
    dates: JsonObject = {"delivery_date": _DELIVERY_DATE, "delivery_time": _DELIVERY_MS, "create_date": "20260918"}
    return [row | dates | {"price_tick": 0.01, "contract_status": 1, "settlement_time": "0"}]


def _mode(code: str) -> str:
    return "isolated" if code in _ISOLATED else "cross"


def _contract_row(instrument: Instrument) -> JsonObject:
    row: JsonObject = {
        "symbol": instrument.base,
        "contract_code": instrument.code,
        "contract_size": float(instrument.face),
        "price_tick": 0.0001,
        "create_date": "20201021",
        "contract_status": 1,
        "settlement_date": "0",
        "support_margin_mode": "all",
        "business_type": "swap",
        "pair": instrument.pair,
        "contract_type": instrument.contract_type,
        "trade_partition": "USDT",
    }
    if instrument.contract_type != "swap":
        row |= {"business_type": "futures", "delivery_date": _DELIVERY_DATE, "delivery_time": _DELIVERY_MS}
    return row


def _chain(name: str) -> JsonObject:
    return {
        "chain": name,
        "displayName": name.upper(),
        "depositStatus": "allowed",
        "withdrawStatus": "allowed",
        "minDepositAmt": "1",
        "minWithdrawAmt": "1",
        "maxWithdrawAmt": "1000000",
        "withdrawPrecision": 8,
        "transactFeeWithdraw": "1",
    }
