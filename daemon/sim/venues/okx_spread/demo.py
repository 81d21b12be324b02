"""The demonstration on OKX spreads: six spreads, and the faults that a bad day there has."""

from daemon.sim.demo_plan import DemoPlan, Placing
from daemon.sim.venues.okx_spread.spreads import Spreads

PLAN = DemoPlan(
    placings=tuple(Placing(spread.inst_id, "5", "1") for spread in Spreads()),
    faults=(
        "ACK_OK_THEN_FILL:0.04,BURST_PUSH:0.04,ACK_OK_NO_PUSH:0.03,PUSH_BEFORE_ACK:0.05,NO_ACK:0.01,NO_ACK(lost)x1,"
        "ACK_LATE(300):0.02,REJECT(51402):0.02,FOREIGN_CANCEL:0.03,RATE_LIMIT:0.01,CANCELING_STATE(0.3):0.02,"
        "ID_ECHO_MISSING:0.02,DUP_PUSH:0.05,REORDER:0.03,DROP_PUSH:0.01,TYPE_FLIP:0.03,BAD_FRAME:0.02,"
        "UNKNOWN_EVENT:0.02,STALE_QUERY(0.3):0.05,QUERY_NOTFOUND:0.02,DISCONNECT(before_ack)x1,NOTICE_CLOSE(1)x1"
    ),
    per_second=8.8,
    orders_max=440,
    why="20 cancels in 2 s for all spreads together, and all of it is to take a minute",
)
