"""The calls that clients of Bitget make before they trade: time, coins, symbols, account. It knows no orders."""

from daemon.sim.clock import VenueClock
from daemon.sim.venues.bitget import limits
from daemon.sim.venues.bitget.front import Call, Front, Route
from daemon.sim.venues.bitget.instruments import (
    FUTURES,
    SPOT,
    UNIFIED_PRODUCTS,
    Instruments,
    contract_row,
    spot_row,
    unified_row,
)
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.wire import JsonObject

_CHAINS = {"USDT": ("TRC20", "ERC20"), "BTC": ("BTC",), "ETH": ("ERC20",)}


class Market:
    """Answers them; `routes` is their table."""

    def __init__(self, front: Front, options: BitgetOptions, clock: VenueClock) -> None:
        self._front = front
        self._options = options
        self._clock = clock
        self._all = Instruments(UNIFIED_PRODUCTS)

    def routes(self) -> dict[str, Route]:
        """The table; private ones serve the account's own generation only."""
        public = {
            "GET /api/v2/public/time": Route(self._time, limits.TIME, is_private=False),
            "GET /api/v2/spot/public/coins": Route(self._coins, limits.PUBLIC, is_private=False),
            "GET /api/v2/spot/public/symbols": Route(self._symbols, limits.PUBLIC, is_private=False),
            "GET /api/v2/margin/currencies": Route(self._margin, limits.PUBLIC, is_private=False),
            "GET /api/v2/mix/market/contracts": Route(self._contracts, limits.PUBLIC, is_private=False),
            "GET /api/v3/market/instruments": Route(self._instruments, limits.PUBLIC, is_private=False),
        }
        if self._options.is_unified:
            return public | {"GET /api/v3/account/settings": Route(self._settings, limits.UTA_SETTINGS)}
        return public | {"GET /api/v2/spot/account/info": Route(self._account, limits.SPOT_ACCOUNT)}

    def _time(self, call: Call) -> None:
        stamp = self._clock.checked_ms(call.now_us)
        self._front.data(call, {"serverTime": str(stamp)})

    def _coins(self, call: Call) -> None:
        bases = dict.fromkeys(each.base for each in self._all)
        self._front.data(call, [_coin(coin) for coin in (*_CHAINS, *(base for base in bases if base not in _CHAINS))])

    def _symbols(self, call: Call) -> None:
        self._front.data(call, [spot_row(each) for each in self._all.of(SPOT)])

    def _margin(self, call: Call) -> None:
        self._front.data(call, [])

    def _contracts(self, call: Call) -> None:
        product = call.query.get("productType", "").upper()
        self._front.data(call, [contract_row(each) for each in self._all.of(product)] if product in FUTURES else [])

    def _instruments(self, call: Call) -> None:
        category = call.query.get("category", "").upper()
        self._front.data(call, [unified_row(each) for each in self._all.of(category)])

    def _account(self, call: Call) -> None:
        uid = self._options.uid
        self._front.data(call, {"userId": uid, "inviterId": "", "authorities": ["coow", "stow"], "parentId": uid})

    def _settings(self, call: Call) -> None:
        self._front.data(
            call,
            {
                "uid": self._options.uid,
                "accountMode": "unified",
                "assetMode": "multi_assets",
                "holdMode": "one_way_mode",
                "stpMode": "none",
                "symbolConfigList": [],
                "coinConfigList": [],
            },
        )


def _coin(coin: str) -> JsonObject:
    chains = [
        {
            "chain": chain,
            "needTag": "false",
            "withdrawable": "true",
            "rechargeable": "true",
            "withdrawFee": "1",
            "extraWithdrawFee": "0",
            "depositConfirm": "1",
            "withdrawConfirm": "1",
            "minDepositAmount": "0.0001",
            "minWithdrawAmount": "1",
            "withdrawMinScale": "8",
            "congestion": "normal",
        }
        for chain in _CHAINS.get(coin, (coin,))
    ]
    return {"coinId": "1", "coin": coin, "transfer": "true", "chains": chains}
