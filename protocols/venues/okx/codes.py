"""OKX's result codes as data: what each proves about the order, and what to mend. One table for WebSocket and REST.

It refuses to say what becomes of an order: no row yields "canceled" or "filled", not even 51401 and 51402, it only says
what to ask. A code that is not listed proves nothing. The meanings are the venue's (OKX: Error Code, in the sections
that are named below); the reading of what they prove is ours, and leans to "unknown" where the page leaves a doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from protocols.dialect import RefusalKind
from protocols.evidence import Proof, Remedy

BROKEN, BUSY, CLOCK = RefusalKind.BROKEN, RefusalKind.BUSY, RefusalKind.CLOCK
CREDENTIALS, SEQUENCE = RefusalKind.CREDENTIALS, RefusalKind.SEQUENCE
NONE, ALARM, BACK_OFF, OTHER_ROAD = Remedy.NONE, Remedy.ALARM, Remedy.BACK_OFF, Remedy.OTHER_ROAD


class Row(msgspec.Struct, frozen=True):
    """One code.

    ``where`` it is seen: ``W`` top level of a WebSocket answer, ``S`` sCode of an item, ``R`` top level of a REST
    answer, ``E`` an error event that answers an op without naming it, ``L`` a login, ``C`` a subscription. ``refusal``
    is what it means for a login, a subscription, or the account's REST calls.
    """

    proof: Proof
    meaning: str
    where: str
    remedy: Remedy = NONE
    refusal: RefusalKind | None = None

    @property
    def is_of_login_only(self) -> bool:
        """Whether an error event with this code can answer nothing but a login."""
        return "L" in self.where and not self.may_answer_an_op

    @property
    def is_of_subscribing(self) -> bool:
        """Whether an error event with this code may answer a subscription."""
        return "C" in self.where and "E" not in self.where and "L" not in self.where

    @property
    def may_answer_an_op(self) -> bool:
        """Whether a send of ours may be what an error event with this code answers."""
        return "W" in self.where or "E" in self.where


Table = Mapping[str, Row]

UNLISTED: Final = Row(Proof.UNKNOWN, "not in the table", "", ALARM)


def row_of(code: str, table: Table) -> Row:
    """Look a code up; ``51008_1000`` is read as 51008 where it has no row of its own. What is unlisted is unknown."""
    return table.get(code) or table.get(code.partition("_")[0], UNLISTED)


def _rows(codes: str, row: Row) -> dict[str, Row]:
    """Give several codes one row."""
    return dict.fromkeys(codes.split(), row)


_OURS = "our request is malformed"

CODES: Final[Table] = {
    # -- envelopes
    "0": Row(Proof.ACCEPTED, "accepted; the order's state is what the orders channel or a query says", "WSR"),
    "1": Row(Proof.UNKNOWN, "all items failed: each sCode says why", "WR"),
    "2": Row(Proof.UNKNOWN, "some items failed: each sCode says which", "WR"),
    # -- the order ("Error Code / Trade class")
    "51400": Row(Proof.GONE, "filled, canceled or does not exist (spreads: does not exist)", "SR"),
    "51401": Row(Proof.GONE, "already canceled (spreads only)", "S"),
    "51402": Row(Proof.GONE, "already completed (spreads only)", "S"),
    "51405": Row(Proof.GONE, "no pending orders", "S"),
    **_rows("51063 51603", Row(Proof.GONE, "the order does not exist, here and now", "SR")),
    "51503": Row(Proof.GONE, "amend: filled, canceled or does not exist", "S"),
    "51509": Row(Proof.GONE, "amend: already canceled", "S"),
    "51510": Row(Proof.GONE, "amend: already completed", "S"),
    "51410": Row(Proof.IN_PROGRESS, "already being canceled, or its settlement is pending", "S"),
    "51412": Row(Proof.UNKNOWN, "cancellation timed out; the number also says: triggered, cannot be canceled", "S"),
    "51149": Row(Proof.UNKNOWN, "timed out, outcome unknown", "S"),
    **_rows("51403 51413", Row(Proof.UNCHANGED_FINAL, "this type of order is not canceled here", "S", ALARM)),
    "51416": Row(Proof.UNCHANGED_FINAL, "triggered, cannot be canceled", "S"),
    "51404": Row(Proof.UNCHANGED_RETRY, "not during the second phase of a call auction", "S"),
    "51406": Row(Proof.UNCHANGED_RETRY, "more orders than one request takes", "SR", ALARM),
    **_rows("51407 51003", Row(Proof.UNCHANGED_FINAL, "neither ordId nor clOrdId given", "SR", ALARM)),
    "51411": Row(Proof.UNCHANGED_FINAL, "no permission for mass cancellation", "S", ALARM),
    "51000": Row(Proof.UNCHANGED_FINAL, "parameter error", "SR", ALARM),
    "51001": Row(
        Proof.UNCHANGED_RETRY, "unknown instrument, instIdCode or spread; the order may live", "SR",
        Remedy.REFRESH_REFERENCE,
    ),
    **_rows("51015 51408", Row(Proof.UNCHANGED_FINAL, "the instrument does not match the order or type", "SR", ALARM)),
    "51022": Row(Proof.UNCHANGED_RETRY, "the contract is suspended", "S", ALARM),
    "51029": Row(Proof.UNCHANGED_RETRY, "the contract is being settled", "S", ALARM),
    "51030": Row(Proof.UNCHANGED_RETRY, "the funding fee is being settled", "S", ALARM),
    "54048": Row(Proof.UNCHANGED_RETRY, "in the speed bump of an ELP or RPI order, for milliseconds", "S"),
    # -- the venue's own trouble ("Error Code / General class")
    "50001": Row(Proof.UNKNOWN, "service unavailable (HTTP 503)", "WSR"),
    "50004": Row(Proof.UNKNOWN, "endpoint timed out: neither success nor failure", "WSR"),
    "50005": Row(Proof.UNKNOWN, "the API is offline or unavailable", "WSR"),
    "50026": Row(Proof.UNKNOWN, "system error (HTTP 500)", "WSR"),
    "50013": Row(Proof.UNKNOWN, "systems are busy (HTTP 429)", "WSR", BACK_OFF),
    "50042": Row(Proof.UNKNOWN, "repeated request: an earlier copy may be in process", "R"),
    # -- limits
    **_rows("50011 50040", Row(Proof.UNCHANGED_RETRY, "rate limit", "WSR", BACK_OFF)),
    "60014": Row(Proof.UNCHANGED_RETRY, "requests too frequent", "WRELC", BACK_OFF, BUSY),
    "50061": Row(Proof.UNCHANGED_RETRY, "the sub-account's order limit; the page exempts cancels", "S", BACK_OFF),
    # -- of calls that are not made here; none of them answers a cancel
    "51071": Row(Proof.UNKNOWN, "cancel-all-after: too many tags have a timer", "R", ALARM),
    "54008": Row(Proof.UNKNOWN, "placing: the family's market maker orders are locked after a mass cancel", "S", ALARM),
    # -- our own mistakes
    "50014": Row(Proof.UNCHANGED_RETRY, "a parameter is empty; REST needs no instIdCode", "WR", OTHER_ROAD),
    **_rows("50000 50002 50006 50015 50016", Row(Proof.UNCHANGED_FINAL, _OURS, "WR", ALARM)),
    # -- accounts and positions: frozen for a while, or barred
    **_rows(
        "50017 50018 50019 50020 50021 50022",
        Row(Proof.UNCHANGED_RETRY, "position, currency or account frozen by deleveraging or liquidation", "SR", ALARM),
    ),
    "50023": Row(Proof.UNCHANGED_RETRY, "frozen while the funding fee is settled", "SR", ALARM),
    "50009": Row(Proof.UNCHANGED_RETRY, "account suspended by an ongoing liquidation", "SR", ALARM),
    "50007": Row(Proof.UNCHANGED_FINAL, "account blocked", "SR", ALARM),
    "50012": Row(Proof.UNCHANGED_FINAL, "account status invalid", "SR", ALARM),
    "50027": Row(Proof.UNCHANGED_FINAL, "account restricted from trading", "SR", ALARM),
    "50029": Row(Proof.UNCHANGED_FINAL, "restricted by risk control", "SR", ALARM),
    "50030": Row(Proof.UNCHANGED_FINAL, "no permission for this endpoint", "SR", ALARM),
    "51024": Row(Proof.UNCHANGED_FINAL, "trading account blocked", "SR", ALARM),
    # -- the API key ("Error Code / API class"): roads stay closed until it is taken, then a cancel may go again
    "50100": Row(Proof.UNCHANGED_RETRY, "API frozen", "RL", ALARM, CREDENTIALS),
    "50101": Row(Proof.UNCHANGED_RETRY, "the key is for another environment (live or demo)", "RL", ALARM, CREDENTIALS),
    "50102": Row(Proof.UNCHANGED_RETRY, "timestamp more than 30 s off", "RL", Remedy.RESYNC_CLOCK, CLOCK),
    **_rows("50103 50104 50106", Row(Proof.UNCHANGED_RETRY, "a credentials header is empty", "RL", ALARM, CREDENTIALS)),
    "50105": Row(Proof.UNCHANGED_RETRY, "wrong passphrase", "RL", ALARM, CREDENTIALS),
    "50107": Row(Proof.UNCHANGED_FINAL, "the timestamp header is empty", "R", ALARM),
    **_rows("50108 50109", Row(Proof.UNCHANGED_FINAL, "exchange id or domain does not exist", "R", ALARM)),
    "50110": Row(Proof.UNCHANGED_RETRY, "this IP address is not on the key's list", "RL", ALARM, CREDENTIALS),
    "50111": Row(Proof.UNCHANGED_RETRY, "invalid key", "RL", ALARM, CREDENTIALS),
    "50112": Row(Proof.UNCHANGED_RETRY, "invalid timestamp", "RL", Remedy.RESYNC_CLOCK, CLOCK),
    "50113": Row(Proof.UNCHANGED_RETRY, "invalid signature", "RL", ALARM, CREDENTIALS),
    "50114": Row(Proof.UNCHANGED_RETRY, "invalid authorization", "RL", ALARM, CREDENTIALS),
    "50119": Row(Proof.UNCHANGED_RETRY, "the key does not exist, or not in this region", "RL", ALARM, CREDENTIALS),
    "50120": Row(Proof.UNCHANGED_RETRY, "the key lacks the permission", "RL", ALARM, CREDENTIALS),
    # -- login ("WebSocket / Login"); none of them answers a cancel, so none proves anything about one
    **_rows("60001 60002 60003", Row(Proof.UNKNOWN, "key, sign or passphrase is empty", "L", ALARM, CREDENTIALS)),
    "60004": Row(Proof.UNKNOWN, "invalid timestamp", "L", ALARM, BROKEN),
    "60005": Row(Proof.UNKNOWN, "invalid key", "L", ALARM, CREDENTIALS),
    "60006": Row(Proof.UNKNOWN, "timestamp expired", "L", Remedy.RESYNC_CLOCK, CLOCK),
    "60007": Row(Proof.UNKNOWN, "invalid sign", "L", ALARM, CREDENTIALS),
    "60009": Row(Proof.UNKNOWN, "login failed", "L", ALARM, CREDENTIALS),
    "60023": Row(Proof.UNKNOWN, "bulk login requests too frequent", "L", BACK_OFF, BUSY),
    "60024": Row(Proof.UNKNOWN, "wrong passphrase", "L", ALARM, CREDENTIALS),
    "60026": Row(Proof.UNKNOWN, "login by key and token mixed", "L", ALARM, BROKEN),
    "60031": Row(Proof.UNKNOWN, "repeated login on this connection", "L", NONE, SEQUENCE),
    "60032": Row(Proof.UNKNOWN, "the key does not exist, or not in this region", "L", ALARM, CREDENTIALS),
    "63999": Row(Proof.UNKNOWN, "login failed by an internal error", "L", NONE, BUSY),
    # -- the socket's own refusals ("Error Code / WebSocket / Public"): a malformed frame says nothing about REST
    "60011": Row(Proof.UNCHANGED_RETRY, "not logged in", "WELC", Remedy.LOG_IN, SEQUENCE),
    "60012": Row(Proof.UNCHANGED_RETRY, _OURS, "WEC", OTHER_ROAD, BROKEN),
    "60013": Row(Proof.UNCHANGED_RETRY, "invalid args", "WC", OTHER_ROAD, BROKEN),
    "60019": Row(Proof.UNCHANGED_RETRY, "unknown op", "WE", OTHER_ROAD),
    "60027": Row(Proof.UNCHANGED_RETRY, "a parameter is empty", "WC", OTHER_ROAD, BROKEN),
    "60028": Row(Proof.UNCHANGED_RETRY, "this URL does not serve this op", "WE", OTHER_ROAD),
    "60033": Row(Proof.UNCHANGED_RETRY, "parameter error", "WC", OTHER_ROAD, BROKEN),
    "64007": Row(Proof.UNKNOWN, "internal error", "WSRC", NONE, BUSY),
    "64008": Row(Proof.UNKNOWN, "notice: this connection closes in 60 s", "E"),
    # -- subscriptions ("WebSocket / Subscribe"); none of them answers a cancel
    "60018": Row(Proof.UNKNOWN, "unknown channel, or not at this URL", "C", ALARM, BROKEN),
    "64000": Row(Proof.UNKNOWN, "uly is no longer taken", "C", ALARM, BROKEN),
    "64001": Row(Proof.UNKNOWN, "the channel moved to the business URL", "C", ALARM, BROKEN),
    "64002": Row(Proof.UNKNOWN, "the channel is not at the business URL", "C", ALARM, BROKEN),
    "64003": Row(Proof.UNKNOWN, "the fee tier does not permit this channel", "C", ALARM, BROKEN),
}  # fmt: skip

ACCEPTED: Final = "0"
CLOSING_SOON: Final = "64008"


def account_refusal(code: str, table: Table) -> RefusalKind | None:
    """Say what a REST code means for the account's credentials and clock; None when nothing."""
    row = row_of(code, table)
    return row.refusal if "R" in row.where and row.refusal in {CREDENTIALS, CLOCK} else None
