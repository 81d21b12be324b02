"""What clients ask a BingX for before they trade: currencies, symbols, contracts, balances. Public facts, made up.

BingX: Wallet / Query currency deposit and withdrawal data; Spot and Swap / Market Data. This file knows no orders.
"""

from daemon.sim.venues.bingx.symbols import Symbol, Symbols
from daemon.sim.wire import JsonObject


def currencies(symbols: Symbols) -> list[JsonObject]:
    """The rows of `capital/config/getall`."""
    return [_currency(coin) for coin in ("USDT", *(symbol.base for symbol in symbols))]


def spot_symbols(symbols: Symbols) -> JsonObject:
    """The data of `common/symbols`."""
    return {"symbols": [_symbol(symbol) for symbol in symbols]}


def contracts() -> list[JsonObject]:
    """The rows of the swaps' `quote/contracts`: one, so that a client finds the kind."""
    row: JsonObject = {
        "contractId": "100",
        "symbol": "BTC-USDT",
        "size": "0.0001",
        "quantityPrecision": 4,
        "pricePrecision": 1,
        "feeRate": 0.0005,
        "makerFeeRate": 0.0002,
        "takerFeeRate": 0.0005,
        "tradeMinLimit": 0,
        "tradeMinQuantity": 0.0001,
        "tradeMinUSDT": 2,
        "currency": "USDT",
        "asset": "BTC",
        "status": 1,
        "apiStateOpen": "true",
        "apiStateClose": "true",
        "ensureTrigger": True,
        "triggerFeeRate": "0.00020000",
    }
    return [row]


def coin_contracts() -> list[JsonObject]:
    """The rows of the coin-margined `market/contracts`."""
    row: JsonObject = {
        "symbol": "BTC-USD",
        "pricePrecision": 1,
        "minTickSize": "100",
        "minTradeValue": "100",
        "minQty": "1.00000000",
        "status": 1,
        "timeOnline": 1_713_175_200_000,
    }
    return [row]


def balances() -> JsonObject:
    """The data of `account/balance`: ample."""
    return {
        "balances": [{"asset": asset, "disp": asset, "free": "1000000", "locked": "0"} for asset in ("USDT", "BTC")]
    }


def _symbol(symbol: Symbol) -> JsonObject:
    return {
        "symbol": symbol.name,
        "minQty": symbol.lot,
        "maxQty": 1_000_000,
        "minNotional": 0,
        "maxNotional": 1_000_000_000,
        "status": 1,
        "tickSize": 0.00001,
        "stepSize": symbol.lot,
        "apiStateSell": True,
        "apiStateBuy": True,
        "timeOnline": 0,
        "offTime": 0,
        "maintainTime": 0,
    }


def _currency(coin: str) -> JsonObject:
    network: JsonObject = {
        "name": coin,
        "network": coin,
        "isDefault": True,
        "minConfirm": 2,
        "withdrawEnable": True,
        "depositEnable": True,
        "withdrawFee": "0.0001",
        "withdrawMax": "1000000",
        "withdrawMin": "0.001",
        "depositMin": "0.001",
        "withdrawPrecision": 8,
        "depositPrecision": 8,
        "contractAddress": "",
        "needTagOrMemo": False,
        "displayName": coin,
    }
    return {"coin": coin, "name": coin, "networkList": [network]}
