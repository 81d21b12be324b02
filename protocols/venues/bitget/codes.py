"""Bitget's result codes as data: what each proves about the order, and what to mend. One table for both generations,
WebSocket and REST alike, since the families leak across surfaces; and one for the socket's own 30xxx, which REST has
not.

It refuses to say what becomes of an order: no row yields "canceled" or "filled", not even 45134 or 50062, it only says
what to ask. A code that is not listed proves nothing. Codes are compared as text, since the venue writes 0, "0" and
"00000" for one thing; messages decide nothing, since they come in the account's language.

Pages: `ERRORS` is "Bitget: Error codes / RestAPI", of which the classic and the unified chapter each list the other's
family too; `SOCKET` is the socket's own family, which only older pages and other clients list.
"""

from __future__ import annotations

from typing import Final

import msgspec

from protocols.dialect import RefusalKind
from protocols.evidence import Proof, Remedy
from protocols.fix import Road

ERRORS: Final = "Bitget: Error codes / RestAPI"
SOCKET: Final = "Bitget: Error codes / WebSocket (older pages)"

BUSY, BROKEN, CLOCK = RefusalKind.BUSY, RefusalKind.BROKEN, RefusalKind.CLOCK
CREDENTIALS, SEQUENCE = RefusalKind.CREDENTIALS, RefusalKind.SEQUENCE
NONE, ALARM, BACK_OFF, LOG_IN = Remedy.NONE, Remedy.ALARM, Remedy.BACK_OFF, Remedy.LOG_IN
OTHER_ROAD, LEAVE_ROAD, RESYNC_CLOCK = Remedy.OTHER_ROAD, Remedy.LEAVE_ROAD, Remedy.RESYNC_CLOCK


class Row(msgspec.Struct, frozen=True):
    """One code.

    ``refusal`` is what it means for a login, a subscription, or the account's REST calls. ``on_socket`` is the remedy
    when a WebSocket says it, where it then speaks of the socket alone and REST may serve all the same.
    ``may_subscribe`` marks what can refuse a subscription as well.
    """

    proof: Proof
    meaning: str
    remedy: Remedy = NONE
    refusal: RefusalKind | None = None
    on_socket: Remedy | None = None
    may_subscribe: bool = False
    page: str = ERRORS

    def proof_on(self, road: Road) -> Proof:
        """What it proves when it came by a road: what only one road refuses, the other may still do."""
        return Proof.UNCHANGED_RETRY if road is Road.WS and self.on_socket is not None else self.proof

    def remedy_on(self, road: Road) -> Remedy:
        """What to mend when it came by a road."""
        return self.on_socket if road is Road.WS and self.on_socket is not None else self.remedy


Table = dict[str, Row]

UNLISTED: Final = Row(Proof.UNKNOWN, "not in the table", ALARM)
ACCEPTED_CODES: Final = frozenset({"0", "00000"})


def _rows(codes: str, row: Row) -> Table:
    """Give several codes one row."""
    return dict.fromkeys(codes.split(), row)


def _gone(meaning: str) -> Row:
    return Row(Proof.GONE, meaning)


def _unknown(meaning: str) -> Row:
    return Row(Proof.UNKNOWN, meaning)


_PARAMETER: Final = Row(
    Proof.UNCHANGED_FINAL, "a parameter is missing or wrong (41101, 40034: or no such order id)", ALARM,
    on_socket=OTHER_ROAD,
)  # fmt: skip
_NOT_A_CANCEL: Final = Row(Proof.UNKNOWN, "of placing orders, never of cancels", ALARM)
_BARRED: Final = Row(
    Proof.UNCHANGED_FINAL, "no permission, or the function is not open to this key", ALARM, on_socket=LEAVE_ROAD
)

CODES: Final[Table] = {
    **_rows("0 00000", Row(Proof.ACCEPTED, "accepted; the order's state is what a push or a query says")),
    # -- the order is not live here: filled, canceled or never known
    **_rows("22001 31054 43004", _gone("there is no order to cancel")),
    "24056": _gone("not existed (an item of v3 cancel-all)"),
    **_rows("25204 31007 40768 40819 43001 45057", _gone("the order does not exist")),
    "40109": _gone("the data of the order cannot be found (futures detail), here and now"),
    "43020": _gone("the take-profit or stop-loss order does not exist"),
    "43025": _gone("the plan order does not exist"),
    "43026": _gone("the plan order is closed"),
    "43033": _gone("the trailing order does not exist"),
    "45031": _gone("the order is finalised"),
    "45134": _gone("the order is already filled or canceled"),
    "50062": _gone("the order's status is canceled or full-fill"),
    "80011": _gone("the order does not exist (copy trading)"),
    # -- something is under way
    "25113": Row(Proof.IN_PROGRESS, "a cancellation is in progress"),
    "25114": Row(Proof.UNCHANGED_RETRY, "a modification is in progress"),
    "25653": _unknown("the order has just been changed"),
    "45055": _unknown("the current status cannot be canceled: in transition, or ended"),
    "45129": _unknown("an order may be canceled once a second: an earlier cancel counts"),
    **_rows("40846 40847", _unknown("status verification abnormal, or the operation cannot be performed")),
    **_rows("25003 40908", _unknown("concurrent operation")),
    # -- this cancel will not do, here
    "45056": Row(Proof.UNCHANGED_FINAL, "this type of order is not canceled here", ALARM),
    **_rows("45125 45126", Row(Proof.UNCHANGED_FINAL, "an inactive child order: cancel its parent", ALARM)),
    "40912": Row(Proof.UNCHANGED_RETRY, "more than 50 orders in a batch", ALARM),
    **_rows("40017 400172 40020 40034 40402 40409 40924 41101 41103 25200", _PARAMETER),
    **_rows("45110 43027 40774 25202 25203", _NOT_A_CANCEL),
    # -- the venue's own trouble
    "25000": _unknown("system error"),
    **_rows("25001 40910", _unknown("the operation timed out")),
    "40010": _unknown("the request timed out"),
    "40725": _unknown("the service returned an error"),
    "40015": _unknown("the system is abnormal"),
    "40200": _unknown("server upgrade"),
    "45001": _unknown("unknown error"),
    "45024": _unknown("cancel order error"),
    "40808": _unknown("parameter verification exception; in release windows anything"),
    **_rows("41114 25102 25106", Row(Proof.UNCHANGED_RETRY, "the pair is under maintenance or suspended", ALARM)),
    "22067": Row(Proof.UNCHANGED_RETRY, "auto-deleveraging is running on the symbol"),
    # -- limits
    **_rows("429 25004 70228 59044", Row(Proof.UNCHANGED_RETRY, "too many requests", BACK_OFF, BUSY)),
    # -- the key: roads stay closed until it is taken, then a cancel may go again
    **_rows(
        "40006 40009 40011 40012 40037 40018 40036 40038",
        Row(Proof.UNCHANGED_RETRY, "key, signature, passphrase or IP address", ALARM, CREDENTIALS),
    ),
    "40008": Row(Proof.UNCHANGED_RETRY, "the timestamp has expired", RESYNC_CLOCK, CLOCK),
    "22030": Row(Proof.UNCHANGED_RETRY, "the key is for another environment (live or demo)", ALARM, CREDENTIALS),
    **_rows("40014 40301 25620 40919", _BARRED),
    "40085": Row(Proof.UNCHANGED_FINAL, "this is a unified account", ALARM, RefusalKind.ACCOUNT),
    "25245": Row(Proof.UNCHANGED_FINAL, "this is a classic account", ALARM, RefusalKind.ACCOUNT),
}


def _socket(
    proof: Proof, meaning: str, remedy: Remedy = NONE, refusal: RefusalKind = BUSY, *, sub: bool = False
) -> Row:
    return Row(proof, meaning, remedy, refusal, may_subscribe=sub, page=SOCKET)


_RETRY: Final = Proof.UNCHANGED_RETRY

SOCKET_CODES: Final[Table] = {
    "30001": _socket(_RETRY, "the channel does not exist for this product or symbol", OTHER_ROAD, BROKEN, sub=True),
    "30002": _socket(_RETRY, "illegal request", LEAVE_ROAD, BROKEN),
    "30003": _socket(_RETRY, "invalid op", LEAVE_ROAD, BROKEN),
    "30004": _socket(_RETRY, "not logged in", LOG_IN, SEQUENCE, sub=True),
    "30005": _socket(Proof.UNKNOWN, "login failed", ALARM, CREDENTIALS),
    "30006": _socket(_RETRY, "too many requests", BACK_OFF, BUSY, sub=True),
    "30007": _socket(Proof.UNKNOWN, "over the limit, the connection will be closed", BACK_OFF, BUSY),
    "30011": _socket(Proof.UNKNOWN, "invalid key", ALARM, CREDENTIALS),
    "30012": _socket(Proof.UNKNOWN, "invalid passphrase", ALARM, CREDENTIALS),
    "30013": _socket(Proof.UNKNOWN, "invalid timestamp", RESYNC_CLOCK, CLOCK),
    "30014": _socket(Proof.UNKNOWN, "the timestamp has expired", RESYNC_CLOCK, CLOCK),
    "30015": _socket(Proof.UNKNOWN, "invalid sign", ALARM, CREDENTIALS),
    "30016": _socket(_RETRY, "parameter error", OTHER_ROAD, BROKEN, sub=True),
    "30017": _socket(Proof.UNKNOWN, "not documented", ALARM, BUSY),
    "30033": _socket(Proof.UNKNOWN, "service upgrade: this connection closes in about 60 s"),
}
"""Where one of these names a send of ours (it rarely does), 30002 and 30003 say that this socket takes no cancels."""

LOGIN_ONLY: Final = frozenset({"30005", "30011", "30012", "30013", "30014", "30015"})
OVER_LIMIT: Final = "30007"
SERVICE_UPGRADE: Final = "30033"


def row_of(code: str, road: Road = Road.REST) -> Row:
    """Look a code up as it is read on a road; what is unlisted is unknown. REST has another, older 30xxx family."""
    row = CODES.get(code)
    if row is None and road is Road.WS:
        row = SOCKET_CODES.get(code)
    return row or UNLISTED


def account_refusal(code: str) -> RefusalKind | None:
    """Say what a REST code means for the account's credentials, clock and kind; None when nothing."""
    refusal = row_of(code).refusal
    return refusal if refusal in {CREDENTIALS, CLOCK, RefusalKind.ACCOUNT} else None
