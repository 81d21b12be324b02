"""What each primitive of the fault catalogue means on OKX trade, and what its occasions are.

A cancel's fate: the first of these that fires, in this order, on each cancel of a live order (WebSocket, REST, or item
of a batch).

    RATE_LIMIT               refused with 50011 although below the limit; the order is unchanged
    REJECT(code)             refused with `code` (51400). For 51400 the order ends first: filled, or cancelled by
                             somebody else, drawn. For every other code it is unchanged. The code stands where OKX is
                             known to put it: sCode, top, or event: error
    FOREIGN_CANCEL(source)   somebody else cancels just before: push with that cancelSource (drawn from 3, 20, 32),
                             ours is refused with 51400
    CANCELING_STATE(seconds) accepted, takes effect so much later (2); cancels meanwhile are refused with 51410
    ACK_OK_THEN_FILL         accepted, but the order fills completely instead
    BURST_PUSH(fills)        accepted; that many fills (2) come first, then the cancel; all pushes at one instant, in
                             one frame or one each, drawn
    ACK_OK_NO_PUSH           accepted and cancelled, never pushed

How the answer to a cancel travels: once a frame or call, so once a batch.

    HALF_OPEN                WebSocket only: the frame is not processed; the socket stays open, nothing moves on it
                             any more
    DISCONNECT(at)           the connection is cut: before_process (not processed), before_ack (default) or after_ack
                             (before the push)
    NO_ACK(lost)             never answered; processed, or with `lost` not processed
    ACK_LATE(ms)             answered so much later (2000); processed and pushed now
    PUSH_BEFORE_ACK(ms)      pushed now, answered so much later (5)
    ID_ECHO_MISSING(how)     ack: item without ordId and clOrdId; id: answer without its id; error: event: error
                             without id (60012), not processed; drawn. REST: always ack
    PARTIAL_BATCH(how)       batches of two and more: one item, drawn, is not processed, and is missing from the
                             answer, or refused with the code that is given; `reorder` turns the answer round instead
    NOTICE_CLOSE(seconds)    WebSocket: notice 64008 on that connection before the answer; closed so much later (60)

Pushes: once for each change of an order, before anything is sent. A first `live` push is no occasion for REORDER.

    DROP_PUSH(n)             this push and the next n-1, whatever their orders, go to nobody (1)
    REORDER                  a terminal push is followed by a replay of the state before; a fill's push waits for the
                             order's next one and comes after it
    DUP_PUSH                 sent twice, the second time with a uTime one millisecond later
    ZOMBIE                   a connection that this push would go to gets no push any more; pongs and acks go on

Shapes: of each push, answer to a cancel, and answer of the order query.

    TYPE_FLIP                codes, sizes, prices, times as JSON numbers; reduceOnly and isTpLimit as booleans
    BIG_INT(how)             number: ordId and tradeId as bare JSON integers; huge: a copy with an ordId above 2^64
                             comes before (REST: number); drawn
    BAD_FRAME(how)           a frame comes before that is text (broken JSON), binary (garbage) or truncated (half of
                             the true one); drawn. REST: the body is truncated
    UNKNOWN_EVENT            WebSocket only: a frame with an unknown event, op, channel or order state comes before

Queries.

    STALE_QUERY(seconds)     GET order, pending, history, fills answer with the state of so long ago (20)
    QUERY_NOTFOUND           GET order of an existing order answers 51603
    QUERY_OPEN_ONLY          GET order, history: orders that have ended are not there

Credentials and clocks.

    AUTH_FAIL(where)         login is refused with 60009, a REST call with 50113 (`login`, `rest`, default any)
    AUTH_SLOW(seconds)       login is answered so much later (2); until then the connection is not logged in
    SKEW(seconds)            the venue's clock differs by so much (40), from the rule until it is deleted; counted at
                             each login, signed call and time query

"now": true lets DISCONNECT, HALF_OPEN, ZOMBIE, NOTICE_CLOSE, UNKNOWN_EVENT and BAD_FRAME happen at once on every
connection that is logged in. KEY_EXPIRE (there is no listen key) and RESTART (the daemon's own) have no meaning here
and are refused.
"""

from daemon.sim.faults import NUMBER, SIGNED_NUMBER, Fault, Meaning
from daemon.sim.losses import REORDER
from daemon.sim.meanings import EVERYWHERE

CODE = r"\d{5}(_\d{1,5})?"

MEANINGS: dict[Fault, Meaning] = {
    **EVERYWHERE,
    Fault.REJECT: Meaning(CODE, "51400"),
    Fault.FOREIGN_CANCEL: Meaning(r"\d{1,2}"),
    Fault.ID_ECHO_MISSING: Meaning("ack|id|error"),
    Fault.PARTIAL_BATCH: Meaning(f"{CODE}|{REORDER}"),
    Fault.NOTICE_CLOSE: Meaning(NUMBER, "60", at_once=True),
    Fault.BIG_INT: Meaning("number|huge"),
    Fault.AUTH_FAIL: Meaning("login|rest|any", "any"),
    Fault.SKEW: Meaning(SIGNED_NUMBER, "40", standing=True),
}

FOREIGN_SOURCES = ("3", "20", "32")
"""Codes of `cancelSource` for a cancel that the user did not ask for: risk, cancel-all-after, self-trade prevention."""
