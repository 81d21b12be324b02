"""What each primitive of the fault catalogue means on Bitget, and what its occasions are. Both generations alike.

A cancel's fate: the first of these that fires, in this order, on each cancel of a live order, WebSocket or REST.

    RATE_LIMIT               refused with 429 although below the limit; the order is unchanged
    REJECT(code)             refused with `code` (43001 on classic, 25204 on unified accounts). Where the code says that
                             the order is gone, it ends first: filled, or cancelled by somebody else, drawn. For every
                             other code it is unchanged. 30002, 30003 and other codes of the session name nobody
    FOREIGN_CANCEL(reason)   somebody else cancels just before: push with that cancelReason (drawn from stp_cancel,
                             adl_cancel, delegated_risk_order_cancel), ours is refused as for an order that is gone
    CANCELING_STATE(seconds) accepted, takes effect so much later (2); cancels meanwhile are refused with 25113
    ACK_OK_THEN_FILL         accepted, but the order fills completely instead
    BURST_PUSH(fills)        accepted; that many fills (2) come first, then the cancel; all pushes at one instant, in
                             one frame or one each, drawn
    ACK_OK_NO_PUSH           accepted and cancelled, never pushed

How the answer to a cancel travels: once a frame or call.

    HALF_OPEN                WebSocket only: the frame is not processed; the socket stays open, nothing moves on it
                             any more
    DISCONNECT(at)           the connection is cut: before_process (not processed), before_ack (default) or after_ack
                             (before the push)
    NO_ACK(lost)             never answered; processed, or with `lost` not processed
    ACK_LATE(ms)             answered so much later (2000); processed and pushed now
    PUSH_BEFORE_ACK(ms)      pushed now, answered so much later (5)
    ID_ECHO_MISSING(how)     ack: answer without the order's ids; id: answer without the request's id; error: an error
                             of the session (30016) that names nobody, not processed; drawn. REST: always ack
    NOTICE_CLOSE(seconds)    WebSocket: error 30033 on that connection before the answer; closed so much later (60)

Pushes: once for each change of an order, before anything is sent. A first `live` push is no occasion for REORDER.

    DROP_PUSH(n)             this push and the next n-1, whatever their orders, go to nobody (1)
    REORDER                  a terminal push is followed by a replay of the state before; a fill's push waits for the
                             order's next one and comes after it
    DUP_PUSH                 sent twice, alike
    ZOMBIE                   a connection that this push would go to gets no push any more; pongs and acks go on

Shapes: of each push, answer to a cancel, and answer of the order query.

    TYPE_FLIP                codes and times as texts where they are numbers and the other way about; sizes and prices
                             as numbers
    BIG_INT(how)             number: orderId and tradeId as bare JSON integers; huge: a copy with an orderId above 2^64
                             comes before (REST: number); drawn
    BAD_FRAME(how)           a frame comes before that is text (broken JSON), binary (garbage) or truncated (half of
                             the true one); drawn. REST: the body is truncated
    UNKNOWN_EVENT            WebSocket only: a frame with an unknown event, channel or order status comes before

Queries.

    STALE_QUERY(seconds)     the order, what is open and history answer with the state of so long ago (20)
    QUERY_NOTFOUND           the query of an existing order says that there is none
    QUERY_OPEN_ONLY          the query of an order, and history: orders that have ended are not there

Credentials and clocks.

    PARTIAL_BATCH(how)       batches of two and more: one item, drawn, is not processed, and is missing from the
                             answer, or has the code that is given; `reorder` turns the answer round instead

    AUTH_FAIL(where)         login is refused with 30005, a REST call with 40009 (`login`, `rest`, default any)
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


def meanings(gone: str) -> dict[Fault, Meaning]:
    """The table; `gone` is the generation's code for an order that is not on the book."""
    return {
        **EVERYWHERE,
        Fault.REJECT: Meaning(r"\d{3,6}", gone),
        Fault.FOREIGN_CANCEL: Meaning(r"[a-z_]{3,40}"),
        Fault.ID_ECHO_MISSING: Meaning("ack|id|error"),
        Fault.PARTIAL_BATCH: Meaning(rf"\d{{3,6}}|{REORDER}"),
        Fault.NOTICE_CLOSE: Meaning(NUMBER, "60", at_once=True),
        Fault.BIG_INT: Meaning("number|huge"),
        Fault.AUTH_FAIL: Meaning("login|rest|any", "any"),
        Fault.SKEW: Meaning(SIGNED_NUMBER, "40", standing=True),
    }


FOREIGN_REASONS = ("stp_cancel", "adl_cancel", "delegated_risk_order_cancel")
"""Values of `cancelReason` for a cancel that the user did not ask for."""
