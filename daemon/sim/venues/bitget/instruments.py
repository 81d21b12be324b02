"""The symbols of a simulated Bitget, by product line: futures of three margins, spot, and margin on unified accounts.

One name may be a symbol of several products, so an order's instrument is the pair. This file knows no orders.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from daemon.sim.wire import JsonObject, plain

USDT_FUTURES, COIN_FUTURES, USDC_FUTURES = "USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES"
SPOT, MARGIN = "SPOT", "MARGIN"
FUTURES = (USDT_FUTURES, COIN_FUTURES, USDC_FUTURES)
CLASSIC_PRODUCTS = (*FUTURES, SPOT)
UNIFIED_PRODUCTS = (*FUTURES, SPOT, MARGIN)
_PRICES = (
    "BTC 90000, ETH 3000, SOL 140, XRP 2.1, DOGE 0.15, ADA 0.42, LTC 85, LINK 13, DOT 2.3, AVAX 14, UNI 6, ATOM 2.5, "
    "NEAR 1.8, APT 2.4, ARB 0.2, OP 0.3, FIL 1.5, ETC 13, XLM 0.25, AAVE 170"
)
LOT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol of one product. `margin_coin` is "" for spot."""

    product: str
    symbol: str
    base: str
    quote: str
    price: Decimal
    margin_coin: str = ""

    @property
    def is_futures(self) -> bool:
        """Whether it is a contract."""
        return self.product in FUTURES


class Instruments:
    """The table, by product and symbol."""

    def __init__(self, products: tuple[str, ...]) -> None:
        self.products = products
        self._table: dict[tuple[str, str], Instrument] = {}
        for listing in _PRICES.split(", "):
            base, price = listing.split(" ")
            self._list(base, Decimal(price), products)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(tuple(self._table.values()))

    def get(self, product: str | None, symbol: str) -> Instrument | None:
        """The symbol of a product."""
        return self._table.get((product or "", symbol.upper()))

    def of(self, product: str) -> list[Instrument]:
        """All symbols of a product."""
        return [each for each in self._table.values() if each.product == product]

    def _list(self, base: str, price: Decimal, products: tuple[str, ...]) -> None:
        for product in products:
            if product in (SPOT, MARGIN):
                self._add(Instrument(product, f"{base}USDT", base, "USDT", price))
            elif product == USDT_FUTURES:
                self._add(Instrument(product, f"{base}USDT", base, "USDT", price, "USDT"))
            elif product == USDC_FUTURES and base in ("BTC", "ETH"):
                self._add(Instrument(product, f"{base}PERP", base, "USDC", price, "USDC"))
            elif product == COIN_FUTURES and base in ("BTC", "ETH"):
                self._add(Instrument(product, f"{base}USD", base, "USD", price, base))

    def _add(self, instrument: Instrument) -> None:
        self._table[instrument.product, instrument.symbol] = instrument


def spot_row(instrument: Instrument) -> JsonObject:
    """A symbol as v2 lists it (Spot / Market / Get symbol info)."""
    return {
        "symbol": instrument.symbol,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "minTradeAmount": "0",
        "maxTradeAmount": "10000000000",
        "takerFeeRate": "0.002",
        "makerFeeRate": "0.002",
        "pricePrecision": "4",
        "quantityPrecision": "4",
        "quotePrecision": "6",
        "status": "online",
        "minTradeUSDT": "1",
        "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05",
    }


def contract_row(instrument: Instrument) -> JsonObject:
    """A contract as v2 lists it (Contract / Market / Get contract config)."""
    return {
        "symbol": instrument.symbol,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "buyLimitPriceRatio": "0.01",
        "sellLimitPriceRatio": "0.01",
        "feeRateUpRatio": "0.005",
        "makerFeeRate": "0.0002",
        "takerFeeRate": "0.0006",
        "openCostUpRatio": "0.01",
        "supportMarginCoins": [instrument.margin_coin],
        "minTradeNum": plain(LOT),
        "priceEndStep": "1",
        "volumePlace": "4",
        "pricePlace": "4",
        "sizeMultiplier": plain(LOT),
        "symbolType": "perpetual",
        "minTradeUSDT": "5",
        "maxSymbolOrderNum": "200",
        "maxProductOrderNum": "400",
        "maxPositionNum": "150",
        "symbolStatus": "normal",
        "offTime": "-1",
        "limitOpenTime": "-1",
        "deliveryTime": "",
        "launchTime": "",
        "fundInterval": "8",
        "minLever": "1",
        "maxLever": "125",
        "posLimit": "0.1",
        "maintainTime": "",
    }


def unified_row(instrument: Instrument) -> JsonObject:
    """A symbol as v3 lists it (Unified account / Public / Get instruments)."""
    row: JsonObject = {
        "symbol": instrument.symbol,
        "category": instrument.product,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05",
        "minOrderQty": plain(LOT),
        "maxOrderQty": "0",
        "pricePrecision": "4",
        "quantityPrecision": "4",
        "quotePrecision": "6",
        "minOrderAmount": "1",
        "maxSymbolOrderNum": "400",
        "maxProductOrderNum": "400",
        "status": "online",
        "maintainTime": "",
    }
    if instrument.is_futures:
        row |= {"type": "perpetual", "makerFeeRate": "0.0002", "takerFeeRate": "0.0006", "fundInterval": "8"}
        row |= {"minLeverage": "1", "maxLeverage": "125", "priceMultiplier": "0.0001", "quantityMultiplier": plain(LOT)}
    return row
