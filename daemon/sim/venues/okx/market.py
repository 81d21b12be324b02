"""The calls that clients of OKX make before they trade, whatever they trade: time, instruments, account, currencies.

This file knows no orders.
"""

from daemon.sim.clock import VenueClock
from daemon.sim.venues.okx import limits
from daemon.sim.venues.okx.auth import Gate
from daemon.sim.venues.okx.front import Call, Front, Route, Routes
from daemon.sim.venues.okx.instruments import Instruments
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.queries import QueryRefused
from daemon.sim.wire import JsonObject

CURRENCY_CHAINS = {"USDT": ("USDT-TRC20", "USDT-ERC20"), "BTC": ("BTC-Bitcoin",), "ETH": ("ETH-ERC20",)}


class Market:
    """Answers them; `routes` is their table."""

    def __init__(
        self, front: Front, options: OkxOptions, instruments: Instruments, gate: Gate, clock: VenueClock
    ) -> None:
        self._front = front
        self._options = options
        self._instruments = instruments
        self._gate = gate
        self._clock = clock

    def routes(self) -> Routes:
        """The table."""
        return {
            "GET /public/time": Route(self._time, limits.PUBLIC_TIME, is_private=False),
            "GET /public/instruments": Route(
                self._list_instruments, limits.PUBLIC_INSTRUMENTS, ("instType",), is_private=False
            ),
            "GET /account/instruments": Route(self._list_instruments, limits.ACCOUNT_INSTRUMENTS, ("instType",)),
            "GET /account/config": Route(self._config, limits.ACCOUNT_CONFIG),
            "GET /account/balance": Route(self._balance, limits.ACCOUNT_BALANCE),
            "GET /asset/currencies": Route(self._currencies, limits.CURRENCIES),
        }

    def _time(self, call: Call) -> None:
        stamp = self._clock.checked_ms(call.now_us)
        self._front.data(call, [{"ts": str(stamp)}])

    def _list_instruments(self, call: Call) -> None:
        inst_type = call.query.get("instType", "")
        if not inst_type:
            raise QueryRefused("50014", "instType")
        rows = self._instruments.rows(inst_type, for_demo=self._gate.asks_for_demo(call.request))
        wanted = call.query.get("instId")
        self._front.data(call, [row for row in rows if not wanted or row["instId"] == wanted])

    def _config(self, call: Call) -> None:
        uid = self._options.uid
        row: JsonObject = {"uid": uid, "mainUid": uid, "acctLv": "2", "posMode": "net_mode", "perm": "read_only,trade"}
        self._front.data(call, [row])

    def _balance(self, call: Call) -> None:
        stamp = self._clock.ms_text(call.now_us)
        details = [_balance_row(ccy, stamp) for ccy in ("USDT", "BTC", "ETH")]
        self._front.data(call, [{"uTime": stamp, "totalEq": "1000000", "details": details}])

    def _currencies(self, call: Call) -> None:
        bases = {instrument.base: () for instrument in self._instruments}
        chains = {ccy: CURRENCY_CHAINS.get(ccy, (f"{ccy}-{ccy}",)) for ccy in (*CURRENCY_CHAINS, *bases)}
        self._front.data(call, [_currency_row(ccy, chain) for ccy, each in chains.items() for chain in each])


def _balance_row(ccy: str, stamp: str) -> JsonObject:
    ample = dict.fromkeys(("availBal", "availEq", "cashBal", "eq"), "1000000")
    return {"ccy": ccy, **ample, "frozenBal": "0", "ordFrozen": "0", "uTime": stamp}


def _currency_row(ccy: str, chain: str) -> JsonObject:
    row: JsonObject = {"ccy": ccy, "name": ccy, "chain": chain, "fee": "1", "minFee": "1", "maxFee": "2", "minWd": "1"}
    return row | {
        "canDep": True,
        "canInternal": False,
        "canWd": True,
        "mainNet": True,
        "maxWd": "1000000",
        "minDep": "0.0001",
        "wdTickSz": "8",
    }
