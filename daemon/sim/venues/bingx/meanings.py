"""What each primitive of the fault catalogue means on BingX spot, and what its occasions are.

A cancel's fate: the first of these that fires, in this order, on each cancel of a live order, single or in a list. In a
list (`cancelOrders`) a refusal is a row of `fails`, and no error answer.

    RATE_LIMIT               refused with 100410 although below the limit; the order is unchanged
    REJECT(code)             refused with `code` (100404). For 100404 the order ends first: filled, or cancelled by
                             somebody else, drawn. 100400 and 100421 are overloaded: drawn whether they say so too, or
                             say that a parameter or the timestamp is wrong. Else the order is unchanged
    FOREIGN_CANCEL           somebody else cancels just before: a push, and ours is refused with 100404
    CANCELING_STATE(seconds) accepted with the old status, takes effect so much later (2); queries say PENDING_CANCEL
    ACK_OK_THEN_FILL         accepted, but the order fills completely instead
    BURST_PUSH(fills)        accepted; that many fills (2) come first, then the cancel; all pushes at one instant
    ACK_OK_NO_PUSH           accepted and cancelled, never pushed

How the answer to a cancel travels: once a call.

    DISCONNECT(at)           before_process (not processed) or before_ack (default): the call's connection is cut;
                             after_ack: answered, and every WebSocket is cut before the push
    HALF_OPEN                the WebSockets stay open, and nothing moves on them any more; the call goes on
    NO_ACK(lost)             never answered; processed, or with `lost` not processed
    ACK_LATE(ms)             answered so much later (2000); processed and pushed now
    PUSH_BEFORE_ACK(ms)      pushed now, answered so much later (5)
    ID_ECHO_MISSING          the answer lacks orderId and clientOrderID
    PARTIAL_BATCH(reorder)   lists of two and more: one order, drawn, is not processed, and is in neither list;
                             `reorder` turns both lists round instead

Pushes: once for each change of an order, before anything is sent. A first push of a new order is no occasion for
REORDER.

    DROP_PUSH(n)             this push and the next n-1, whatever their orders, go to nobody (1)
    REORDER                  a terminal push is followed by a replay of the state before; a fill's push waits for the
                             order's next one and comes after it
    DUP_PUSH                 sent twice, the second time with an event time one millisecond later
    ZOMBIE                   a connection that this push would go to gets no push any more; pings go on
    KEY_EXPIRE(how)          the listen key of a connection that this push would go to is over: told (default) by
                             listenKeyExpired, or silent. The connection lives on without pushes; extending the key is
                             answered with HTTP 404

Shapes: of each push, answer to a cancel, and answer of the order query.

    TYPE_FLIP                numbers as texts, texts as numbers, the code as text
    BIG_INT(how)             text: ids as texts; huge: a copy with an order id above 2^64 comes before (REST: text);
                             drawn
    BAD_FRAME(how)           a frame comes before that is text (broken JSON), binary (gzip that is none) or truncated
                             (half of the true one); drawn. REST: the body is truncated
    UNKNOWN_EVENT            WebSocket only: a frame with an unknown event, data type or status comes before

Queries.

    STALE_QUERY(seconds)     query, openOrders, historyOrders, myTrades answer with the state of so long ago (20)
    QUERY_NOTFOUND           query of an existing order answers 100404
    QUERY_OPEN_ONLY          query, historyOrders: orders that have ended are not there

Credentials and clocks.

    AUTH_FAIL(where)         refused with 100413: a call about listen keys (`key`), any other one (`rest`), default any
    AUTH_SLOW(seconds)       a listen key is given so much later (2)
    SKEW(seconds)            the venue's clock differs by so much (40), from the rule until it is deleted; counted at
                             each signed call and time query

"now": true lets DISCONNECT, HALF_OPEN, ZOMBIE, KEY_EXPIRE, UNKNOWN_EVENT and BAD_FRAME happen at once on every
connection that is subscribed to orders. NOTICE_CLOSE (the venue announces nothing) and RESTART (the daemon's own) have
no meaning here and are refused.
"""

from daemon.sim.faults import SIGNED_NUMBER, Fault, Meaning
from daemon.sim.losses import REORDER
from daemon.sim.meanings import EVERYWHERE

CODE = r"\d{5,6}"

MEANINGS: dict[Fault, Meaning] = {
    **EVERYWHERE,
    Fault.REJECT: Meaning(CODE, "100404"),
    Fault.FOREIGN_CANCEL: Meaning(),
    Fault.ID_ECHO_MISSING: Meaning(),
    Fault.PARTIAL_BATCH: Meaning(REORDER),
    Fault.KEY_EXPIRE: Meaning("told|silent", "told", at_once=True),
    Fault.BIG_INT: Meaning("text|huge"),
    Fault.AUTH_FAIL: Meaning("key|rest|any", "any"),
    Fault.SKEW: Meaning(SIGNED_NUMBER, "40", standing=True),
}
