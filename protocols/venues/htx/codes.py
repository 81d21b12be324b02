"""HTX's result codes as data: what each proves about the order, and what to mend.

Two tables, since the same number means two things: `CODES` for results (v5 ``code`` of WebSocket and REST, an item's
``code``, ``err_code`` of the old shape), `CONTROL` for ``err-code`` of a WebSocket's control frames. No row yields
"canceled" or "filled", not even 1063 and 1071, it only says what to ask. A code that is not listed proves nothing. The
meanings are the venue's (HTX: USDT-M Futures / Error Code, and Private WebSocket / Error Code); the reading of what
they prove is ours, and leans to "unknown" where the page leaves a doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from protocols.dialect import RefusalKind
from protocols.evidence import Absence, Proof, Remedy

if TYPE_CHECKING:
    from collections.abc import Mapping

NONE, ALARM, BACK_OFF, LOG_IN = Remedy.NONE, Remedy.ALARM, Remedy.BACK_OFF, Remedy.LOG_IN
BROKEN, BUSY, CLOCK = RefusalKind.BROKEN, RefusalKind.BUSY, RefusalKind.CLOCK
CREDENTIALS, SEQUENCE = RefusalKind.CREDENTIALS, RefusalKind.SEQUENCE


class Row(msgspec.Struct, frozen=True):
    """One result code. ``refusal`` is what it means for the account; ``absence`` what it is worth in an order query."""

    proof: Proof
    meaning: str
    remedy: Remedy = NONE
    refusal: RefusalKind | None = None
    absence: Absence | None = None


UNLISTED: Final = Row(Proof.UNKNOWN, "not in the table", ALARM)


def row_of(code: str) -> Row:
    """Look a result code up; what is unlisted is unknown."""
    return CODES.get(code, UNLISTED)


def _rows(codes: str, row: Row) -> dict[str, Row]:
    """Give several codes one row."""
    return dict.fromkeys(codes.split(), row)


_OURS = "our request is malformed"

CODES: Final[Mapping[str, Row]] = {
    "200": Row(Proof.ACCEPTED, "the command was accepted; the order's state is what the orders topic or a query says"),
    # -- the order
    **_rows(
        "1017 1061",
        Row(Proof.GONE, "no such order: never, no longer, or not by this client id", absence=Absence.DENIES),
    ),
    "1051": Row(Proof.GONE, "no cancellable orders"),
    "1063": Row(Proof.GONE, "the order has been executed"),
    "1071": Row(Proof.GONE, "repeated cancellation, the order has been canceled"),
    "1062": Row(Proof.IN_PROGRESS, "the order is being canceled"),
    "1408": Row(Proof.UNCHANGED_FINAL, "a take-profit or stop-loss order that is not in effect yet", ALARM),
    "1083": Row(Proof.UNKNOWN, "the position is being liquidated, which cancels its orders"),
    # -- our own mistakes: nothing was done
    "1052": Row(Proof.UNCHANGED_RETRY, "more orders than one request takes", ALARM),
    **_rows("1030 1031", Row(Proof.UNCHANGED_FINAL, _OURS, ALARM)),
    "1065": Row(Proof.UNCHANGED_FINAL, "the client order id is not an integer", ALARM),
    **_rows("1066 1067", Row(Proof.UNCHANGED_FINAL, "a field is empty or illegal", ALARM)),
    **_rows("1013 1014 1332", Row(Proof.UNCHANGED_FINAL, "no such contract", ALARM, absence=Absence.BLIND)),
    # -- limits
    **_rows("1032 429", Row(Proof.UNCHANGED_RETRY, "too many requests", BACK_OFF)),
    "1084": Row(Proof.UNCHANGED_RETRY, "the API may not place for a while (cancel ratio); it may cancel", ALARM),
    # -- the venue's own trouble
    **_rows("1000 1001 1002 1003 1108", Row(Proof.UNKNOWN, "system error, or not ready")),
    **_rows("1004 1005", Row(Proof.UNKNOWN, "the system is busy, or a query timed out: ask before any repetition")),
    "1431": Row(Proof.UNKNOWN, "maintenance", ALARM),
    "1047": Row(Proof.UNKNOWN, "of placing orders, never of cancels: too little margin", ALARM),
    # -- times at which nobody may cancel
    "1056": Row(Proof.UNCHANGED_RETRY, "settlement: no placing, no canceling"),
    "1059": Row(Proof.UNCHANGED_RETRY, "delivery: the orders are about to be canceled"),
    **_rows("1057 1058 1060", Row(Proof.UNKNOWN, "halted, or not in trading hours (stated for placing)")),
    **_rows("1077 1078 1079 1080", Row(Proof.UNKNOWN, "settlement: funds and positions cannot be asked for")),
    "1411": Row(Proof.UNKNOWN, "settlement: orders cannot be asked for"),
    "1088": Row(Proof.UNCHANGED_FINAL, "this contract is not to be canceled by this terminal", ALARM),
    # -- the account
    **_rows(
        "1113 1205 1220 1228",
        Row(Proof.UNCHANGED_RETRY, "no permission, or futures are not activated", ALARM, CREDENTIALS),
    ),
    **_rows(
        "1510 4002 4003 4004 4005 6002 6023",
        Row(Proof.UNCHANGED_FINAL, "the API and the account's mode do not fit (v5 wants multi-assets)", ALARM),
    ),
    # -- the API key: roads stay closed until it is taken, then a cancel may go again
    "12001": Row(Proof.UNCHANGED_RETRY, "the timestamp is more than 5 minutes off", Remedy.RESYNC_CLOCK, CLOCK),
    **_rows("403 1253 12008", Row(Proof.UNCHANGED_RETRY, "signature not verified", ALARM, CREDENTIALS)),
    **_rows("12002 12003", Row(Proof.UNCHANGED_RETRY, "wrong signature version or method", ALARM, CREDENTIALS)),
    "12004": Row(Proof.UNCHANGED_RETRY, "wrong signature method, or the key has expired", ALARM, CREDENTIALS),
    "12005": Row(Proof.UNCHANGED_RETRY, "this IP address is not on the key's list", ALARM, CREDENTIALS),
    "12006": Row(Proof.UNCHANGED_RETRY, "the timestamp is missing", ALARM, CREDENTIALS),
    "12007": Row(Proof.UNCHANGED_RETRY, "invalid key", ALARM, CREDENTIALS),
    "12009": Row(Proof.UNCHANGED_RETRY, "the user is locked or does not exist", ALARM, CREDENTIALS),
}


class Control(msgspec.Struct, frozen=True):
    """One ``err-code`` of a control frame: why a login or subscription was refused (None: it was not).

    ``proof`` and ``remedy`` hold where it answers a command of ours.
    """

    meaning: str
    refusal: RefusalKind | None
    proof: Proof = Proof.UNKNOWN
    remedy: Remedy = NONE


UNLISTED_CONTROL: Final = Control("not in the table", BROKEN)

CONTROL: Final[Mapping[str, Control]] = {
    "0": Control("accepted", None),
    "2001": Control("invalid authentication, JSON, op or channel", BROKEN, Proof.UNCHANGED_RETRY, Remedy.OTHER_ROAD),
    "2002": Control("authentication required", SEQUENCE, Proof.UNCHANGED_RETRY, LOG_IN),
    "2003": Control("authentication failed: key, signature, address or clock", CREDENTIALS),
    "2004": Control("too many visits", BUSY, Proof.UNCHANGED_RETRY, BACK_OFF),
    "2005": Control("this connection is authenticated already", None),
    "2007": Control("futures are not activated on this account", CREDENTIALS),
    "2010": Control("no such topic", BROKEN),
    "2011": Control("no such contract", BROKEN),
    "2012": Control("the topic is not subscribed", BROKEN),
    "2013": Control("no such type of authentication", BROKEN),
    "2014": Control("subscribed already", None),
    "2020": Control("no cross margin on this contract", BROKEN),
    "2021": Control("illegal margin account", BROKEN),
    "2030": Control("too many connections of this user", BUSY),
    "2040": Control("a required parameter is missing", BROKEN),
}

ACCEPTED: Final = "200"
AUTHENTICATION_REQUIRED: Final = "2002"


def control_of(code: str) -> Control:
    """Look an ``err-code`` up; what is unlisted is taken for something of ours that is broken."""
    return CONTROL.get(code, UNLISTED_CONTROL)
