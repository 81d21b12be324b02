"""The demonstration on BingX: 24 spot pairs, and the faults that a bad day there has.

Error answers are kept few, as the venue wants them: it bans a call that answers more than twenty in eight minutes.
"""

from daemon.sim.demo_plan import DemoPlan, Placing

_SPOT = (
    "BTC 60000, ETH 2000, SOL 90, XRP 1.4, DOGE 0.1, ADA 0.3, LTC 60, LINK 9, DOT 1.5, AVAX 9, UNI 4, ATOM 1.7, "
    "NEAR 1.2, APT 1.6, ARB 0.13, OP 0.2, FIL 1, ETC 9, XLM 0.17, AAVE 110, SUI 1.1, TON 1, TRX 0.19, OTHR#99961 0.4"
)
PLAN = DemoPlan(
    placings=tuple(
        Placing(f"{base}-USDT", price, "1") for base, price in (pair.split(" ") for pair in _SPOT.split(", "))
    ),
    faults=(
        "ACK_OK_THEN_FILL:0.04,BURST_PUSH:0.04,ACK_OK_NO_PUSH:0.03,PUSH_BEFORE_ACK:0.05,NO_ACK:0.01,NO_ACK(lost)x1,"
        "ACK_LATE(300):0.02,REJECT(100404):0.02,FOREIGN_CANCEL:0.02,RATE_LIMIT:0.01,CANCELING_STATE(0.3):0.02,"
        "ID_ECHO_MISSING:0.02,DUP_PUSH:0.05,REORDER:0.03,DROP_PUSH:0.01,TYPE_FLIP:0.03,BAD_FRAME:0.02,BIG_INT:0.03,"
        "UNKNOWN_EVENT:0.02,STALE_QUERY(0.3):0.03,QUERY_NOTFOUND:0.02,DISCONNECT(before_ack)x1,KEY_EXPIRE(told)x1"
    ),
    per_second=4.4,
    orders_max=220,
    why="5 cancels in a second, and all of it is to take a minute",
    share_with_faults=0.45,  # past half of its error budget, cancels go by a call that is allowed twice in a second
)
