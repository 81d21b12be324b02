"""What each primitive of the fault catalogue means on HTX futures, and what its occasions are.

A cancel's fate: the first of these that fires, in this order, on each cancel of a live order (WebSocket, REST, or item
of a batch).

    RATE_LIMIT               refused with 1032 although below the limit; the order is unchanged
    REJECT(code)             refused with `code` (1061). For 1063 the order fills first, for 1071 somebody else cancels
                             it first, for 1017 and 1061 one of the two, drawn. For every other code it is unchanged
    FOREIGN_CANCEL(reason)   somebody else cancels just before: push with that reason (`system`, `timeout`, `stp`;
                             drawn), ours is refused with 1071
    CANCELING_STATE(seconds) accepted, takes effect so much later (2); cancels meanwhile are refused with 1062
    ACK_OK_THEN_FILL         accepted, but the order fills completely instead, in two trades where it can: the first
                             push says `filled` already, with less than the whole `trade_volume`
    BURST_PUSH(fills)        accepted; that many fills (2) come first, then the cancel; all pushes at one instant
    ACK_OK_NO_PUSH           accepted and cancelled, never pushed

How the answer to a cancel travels: once a frame or call, so once a batch.

    HALF_OPEN                WebSocket only: the frame is not processed; the socket stays open, nothing moves on it
                             any more
    DISCONNECT(at)           the connection is cut: before_process (not processed), before_ack (default) or after_ack
                             (before the push); pushes go over another socket, which stays
    NO_ACK(lost)             never answered; processed, or with `lost` not processed
    ACK_LATE(ms)             answered so much later (2000); processed and pushed now
    PUSH_BEFORE_ACK(ms)      pushed now, answered so much later (5)
    ID_ECHO_MISSING(how)     ack: an answer without order_id and client_order_id; id: one without its cid; error: a
                             protocol error (2001) without cid, not processed; drawn. REST: always ack
    PARTIAL_BATCH(how)       batches of two and more: one item, drawn, is not processed, and is missing from the
                             answer, or refused with the code that is given; `reorder` turns the answer round instead
    NOTICE_CLOSE(seconds)    WebSocket: op close on that connection before the answer; closed so much later (2)

Pushes: once for each change of an order, before anything is sent. A first `new` push is no occasion for REORDER.

    DROP_PUSH(n)             this push and the next n-1, whatever their orders, go to nobody (1)
    REORDER                  a terminal push is followed by a replay of the state before; a fill's push waits for the
                             order's next one and comes after it
    DUP_PUSH                 sent twice, the second time with an updated_time one millisecond later
    ZOMBIE                   a connection that this push would go to gets no push any more; pings go on

Shapes: of each push, answer to a cancel, and answer of the order query.

    TYPE_FLIP                sizes, prices, times as JSON numbers; codes as texts; reduce_only as text
    BIG_INT(how)             number: ids as bare JSON integers; huge: a copy with an order_id above 2^64 comes before
                             (REST: number); drawn
    BAD_FRAME(how)           a frame comes before that is text (broken JSON), binary (garbage) or truncated (half of
                             the true one, its gzip cut); drawn. REST: the body is truncated
    UNKNOWN_EVENT            WebSocket only: a frame with an unknown op, topic, shape or order state comes before

Queries.

    STALE_QUERY(seconds)     order, open orders, history, fills answer with the state of so long ago (20)
    QUERY_NOTFOUND           the order query of an existing order answers 1061
    QUERY_OPEN_ONLY          order query, history: orders that have ended are not there

Credentials and clocks.

    AUTH_FAIL(where)         login is refused with 2003, a REST call with 403 (`login`, `rest`, default any)
    AUTH_SLOW(seconds)       login is answered so much later (2); until then the connection is not logged in
    SKEW(seconds)            the venue's clock differs by so much (400), from the rule until it is deleted; counted at
                             each login, signed call and time query

"now": true lets DISCONNECT, HALF_OPEN, ZOMBIE, NOTICE_CLOSE, UNKNOWN_EVENT and BAD_FRAME happen at once on every
connection that is logged in. KEY_EXPIRE (there is no listen key) and RESTART (the daemon's own) have no meaning here
and are refused.
"""

from daemon.sim.faults import NUMBER, SIGNED_NUMBER, Fault, Meaning
from daemon.sim.losses import REORDER
from daemon.sim.meanings import EVERYWHERE

CODE = r"\d{3,5}"

MEANINGS: dict[Fault, Meaning] = {
    **EVERYWHERE,
    Fault.REJECT: Meaning(CODE, "1061"),
    Fault.FOREIGN_CANCEL: Meaning("system|timeout|stp"),
    Fault.ID_ECHO_MISSING: Meaning("ack|id|error"),
    Fault.PARTIAL_BATCH: Meaning(f"{CODE}|{REORDER}"),
    Fault.NOTICE_CLOSE: Meaning(NUMBER, "2", at_once=True),
    Fault.BIG_INT: Meaning("number|huge"),
    Fault.AUTH_FAIL: Meaning("login|rest|any", "any"),
    Fault.SKEW: Meaning(SIGNED_NUMBER, "400", standing=True),
}

BY_THE_CLIENT = "Limit order cancelation by the client"
FOREIGN_REASONS = {
    "system": "Order cancelation by system",
    "timeout": "Order cancelation due to API timeout",
    "stp": " Self trading prevention",
}
"""`cancel_reason` of a cancel that the user did not ask for: management, cancel-after, self-trade prevention."""
