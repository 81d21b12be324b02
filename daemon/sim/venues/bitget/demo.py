"""The demonstrations on Bitget: futures of three margins and spot (and margin, on a unified account), and a bad day."""

from daemon.sim.demo_plan import DemoPlan, Placing
from daemon.sim.venues.bitget.instruments import COIN_FUTURES, MARGIN, SPOT, USDC_FUTURES, USDT_FUTURES

_USDT = "BTC 60000, ETH 2000, SOL 90, XRP 1.4, DOGE 0.1, ADA 0.3, LTC 60, LINK 9, DOT 1.5, AVAX 9, UNI 4, ATOM 1.7"


def _pairs(product: str) -> list[Placing]:
    pairs = (pair.split(" ") for pair in _USDT.split(", "))
    return [Placing(f"{base}USDT", price, "1", product) for base, price in pairs]


_CLASSIC = (
    *_pairs(USDT_FUTURES),
    *_pairs(SPOT),
    Placing("BTCUSD", "60000", "1", COIN_FUTURES),
    Placing("ETHUSD", "2000", "1", COIN_FUTURES),
    Placing("BTCPERP", "60000", "1", USDC_FUTURES),
    Placing("ETHPERP", "2000", "1", USDC_FUTURES),
)
_FAULTS = (
    "ACK_OK_THEN_FILL:0.04,BURST_PUSH:0.04,ACK_OK_NO_PUSH:0.03,PUSH_BEFORE_ACK:0.05,NO_ACK:0.01,NO_ACK(lost)x1,"
    "ACK_LATE(300):0.02,REJECT:0.02,FOREIGN_CANCEL:0.02,RATE_LIMIT:0.01,CANCELING_STATE(0.3):0.02,"
    "ID_ECHO_MISSING:0.02,DUP_PUSH:0.05,REORDER:0.03,DROP_PUSH:0.01,TYPE_FLIP:0.03,BAD_FRAME:0.02,"
    "UNKNOWN_EVENT:0.02,STALE_QUERY(0.3):0.05,QUERY_NOTFOUND:0.02,DISCONNECT(before_ack)x1,NOTICE_CLOSE(1)x1"
)
_PER_SECOND = 7.0
_WHY = "10 frames a second on its socket, of which cancels take 8, and all of it is to take a minute"

CLASSIC_PLAN = DemoPlan(_CLASSIC, _FAULTS, _PER_SECOND, 350, _WHY)
UNIFIED_PLAN = DemoPlan((*_CLASSIC, *_pairs(MARGIN)), _FAULTS, _PER_SECOND, 350, _WHY)
