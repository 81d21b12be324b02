"""BingX's result codes as data: what each proves about the order, and what to mend; by text where one is overloaded.

It refuses to say what becomes of an order: no row yields "canceled" or "filled", not even the texts that say so, it
only says what to ask. A code that is not listed proves nothing. One code may have several rows: the first whose text
stands in the message decides, letters' case aside, and a row without texts takes the rest. The message is never parsed:
it may hold JSON that is none.

Numbers of the swap family stand here too, since the gateway is one and codes were renumbered on 16 October 2025 (BingX:
Change log): whichever of the two comes is understood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from protocols.dialect import RefusalKind
from protocols.evidence import Proof, Remedy

ALARM, BACK_OFF, NONE, RESYNC = Remedy.ALARM, Remedy.BACK_OFF, Remedy.NONE, Remedy.RESYNC_CLOCK


class Row(msgspec.Struct, frozen=True):
    """One meaning of one code.

    ``page`` is where BingX says so. ``refusal`` is what it means for the account's key and clock, or for a
    subscription. ``texts`` are lower-case parts of the message, any of which picks this row; none: any message.
    """

    proof: Proof
    meaning: str
    page: str = "Spot / Error codes"
    remedy: Remedy = NONE
    refusal: RefusalKind | None = None
    texts: tuple[str, ...] = ()


Table = Mapping[str, tuple[Row, ...]]

UNLISTED: Final = Row(Proof.UNKNOWN, "not in the table", "", ALARM)

_NOT_THERE: Final = ("not exist", "doesn't exist")
_ENDED: Final = ("filled", "cancelled", "canceled")
_NOT_LIVE: Final = (*_NOT_THERE, "filled or cancelled", "filled or canceled", "not a valid order id")
_TIMESTAMP: Final = ("timestamp",)
_SWAP: Final = "Swap / Error codes"
_RENUMBERED: Final = "Change log, 2025-10-16"


def _gone(page: str = "Spot / Error codes") -> Row:
    return Row(Proof.GONE, "filled, canceled, never known, or of another symbol", page, texts=_NOT_LIVE)


def _clock(page: str = "Spot / Error codes") -> Row:
    return Row(
        Proof.UNCHANGED_RETRY, "the timestamp is missing or too old", page, RESYNC, RefusalKind.CLOCK, _TIMESTAMP
    )


def _swap(proof: Proof, meaning: str, remedy: Remedy = NONE, page: str = _SWAP) -> tuple[Row, ...]:
    return (Row(proof, meaning, page, remedy),)


def _refused(meaning: str, refusal: RefusalKind | None = None, page: str = "Spot / Error codes") -> tuple[Row, ...]:
    # Roads stay closed until the venue takes the credentials; then a refused cancel may go again.
    proof = Proof.UNCHANGED_RETRY if refusal is RefusalKind.CREDENTIALS else Proof.UNCHANGED_FINAL
    return (Row(proof, meaning, page, ALARM, refusal),)


_CREDENTIALS: Final = RefusalKind.CREDENTIALS

CODES: Final[Table] = {
    "0": (Row(Proof.ACCEPTED, "accepted; the order's state is what a push or a query says", "Spot / Cancel Order"),),
    # -- the order
    "100404": (
        _gone(),
        Row(Proof.UNKNOWN, "the gateway knows no such path or verb", "Basic Information", ALARM),
    ),
    "100400": (
        Row(Proof.UNKNOWN, "once a second for one order: an earlier cancel is in flight", "Change log, 2023-10-12",
            texts=("once per second",)),
        _gone(),
        Row(Proof.UNCHANGED_FINAL, "a parameter is wrong", remedy=ALARM),
    ),
    "100421": (
        _gone(),
        _clock(),
        Row(Proof.UNCHANGED_FINAL, "the pair is not open to the API, or too many orders rest", remedy=ALARM),
    ),
    "100490": (Row(Proof.UNKNOWN, "the pair is offline: the venue may have canceled the order", remedy=ALARM),),
    "100204": (Row(Proof.UNKNOWN, "no data found"),),
    # -- limits
    "100410": (
        Row(Proof.UNKNOWN, "the system is busy", remedy=BACK_OFF, texts=("busy",)),
        Row(Proof.UNCHANGED_RETRY, "rate limit, or this call is banned for a while", remedy=BACK_OFF),
    ),
    "100409": _swap(Proof.UNCHANGED_RETRY, "rate limit", BACK_OFF),
    "109429": _swap(Proof.UNCHANGED_RETRY, "rate limit, or too many invalid requests", BACK_OFF, _RENUMBERED),
    "109403": _swap(Proof.UNCHANGED_FINAL, "risk control, too many cancels among its reasons", ALARM, _RENUMBERED),
    "80020": _swap(Proof.UNCHANGED_FINAL, "risk control, too many cancels among its reasons", ALARM),
    "40029": _swap(Proof.UNCHANGED_FINAL, "risk control", ALARM),
    # -- the key
    "100001": _refused("the signature does not verify", _CREDENTIALS),
    "100412": _refused("the signature is missing", RefusalKind.BROKEN),
    "100413": _refused("the key is wrong, missing or deleted", _CREDENTIALS),
    "100004": _refused("the key lacks the permission", _CREDENTIALS),
    "100419": _refused("this IP address is not on the key's list", _CREDENTIALS),
    "100403": _refused("not authorised, or for the main account only", page="Account / Error codes"),
    "100414": _refused("the account is under risk control"),
    "100441": _refused("the account is abnormal, or not verified"),
    # -- the venue's own trouble
    "100500": (Row(Proof.UNKNOWN, "internal error"),),
    "100503": (Row(Proof.UNKNOWN, "the server is busy"),),
    "101500": _swap(Proof.UNKNOWN, "timed out inside"),
    "80012": _swap(Proof.UNKNOWN, "service unavailable"),
    "109500": _swap(Proof.UNKNOWN, "service unavailable, or a system error", page=_RENUMBERED),
    "110500": _swap(Proof.UNKNOWN, "the order system is busy"),
    "109701": _swap(Proof.UNKNOWN, "network exception"),
    # -- of placing an order; none of them answers a cancel
    "100202": (Row(Proof.UNKNOWN, "insufficient balance"),),
    "100440": (Row(Proof.UNKNOWN, "the price deviates too far"),),
    "80013": _swap(Proof.UNKNOWN, "too many open orders"),
    "101419": _swap(Proof.UNKNOWN, "too many open orders"),
    # -- the swap family
    "80001": (_gone(_SWAP), Row(Proof.UNKNOWN, "service has some errors", _SWAP)),
    "80014": (_clock(_SWAP), Row(Proof.UNCHANGED_FINAL, "a parameter is wrong", _SWAP, ALARM)),
    "109414": (_gone(_SWAP), Row(Proof.UNKNOWN, "the request failed", _SWAP)),
    "109400": (
        _gone(_RENUMBERED),
        _clock(_RENUMBERED),
        Row(Proof.UNKNOWN, "a wrong parameter, or service has some errors", _RENUMBERED),
    ),
    "80016": _swap(Proof.GONE, "the order does not exist"),
    "109421": _swap(Proof.GONE, "the order does not exist", page=_RENUMBERED),
    "80018": _swap(Proof.GONE, "the order is filled already, or does not exist"),
    "109422": _swap(Proof.GONE, "the order's status is illegal, or it does not exist", page=_RENUMBERED),
    "80019": _swap(Proof.UNKNOWN, "the order is being processed"),
    "109423": _swap(Proof.UNKNOWN, "the order is being processed", page=_RENUMBERED),
    "109424": _swap(Proof.UNKNOWN, "the margin is being changed", page=_RENUMBERED),
    "109201": _swap(Proof.UNKNOWN, "the same order at most once a second: an earlier cancel is in flight"),
    "80017": _swap(Proof.UNKNOWN, "the position does not exist"),
    "109420": _swap(Proof.UNKNOWN, "the position does not exist", page=_RENUMBERED),
    "109425": _swap(Proof.UNKNOWN, "the symbol is not known", page=_RENUMBERED),
    "109415": _swap(Proof.UNKNOWN, "the symbol is paused"),
    "109418": _swap(Proof.UNKNOWN, "the symbol is offline"),
}  # fmt: skip

SOCKET_CODES: Final[Mapping[str, RefusalKind]] = {
    "100204": RefusalKind.BROKEN,  # no content
    "100205": RefusalKind.BROKEN,  # repeated request
    "100400": RefusalKind.BROKEN,  # bad argument
    "100401": RefusalKind.SEQUENCE,  # authentication failed: the listen key is over, and a new one is another socket
    "100403": RefusalKind.BROKEN,  # not authorised
    "100410": RefusalKind.BUSY,  # too frequent
    "100416": RefusalKind.BROKEN,  # more than 200 topics on a socket
    "100419": RefusalKind.BUSY,  # more than 60 sockets of one address
    "100500": RefusalKind.BUSY,  # server error
    "100503": RefusalKind.BUSY,  # server busy
    "80015": RefusalKind.BROKEN,  # dataType not supported
    "80403": RefusalKind.BROKEN,  # swap: more than 200 topics on a socket
    "403": RefusalKind.BUSY,  # internal call failed
    "1006": RefusalKind.BUSY,  # internal call failed
}
"""Refusals of a subscription (BingX: Websocket / Error codes). They answer no cancel and prove nothing about one."""

ACCEPTED: Final = "0"
FIREWALL_HOLD_MS: Final = 60_000
"""After HTTP 403 (web firewall) or 418 (address banned). The pages say about 5 min; a blocked cancel tries sooner."""
LIMIT_HOLD_MS: Final = 10_000
"""After HTTP 429 that does not say more: the window of the limits per address."""
STATUS_HOLDS: Final = {403: FIREWALL_HOLD_MS, 418: FIREWALL_HOLD_MS, 429: LIMIT_HOLD_MS}
"""HTTP statuses of what stands before everything that could act (BingX: Basic Information / FAQ)."""

_UNBLOCKED_AT: Final = re.compile(r"(?<!\d)(\d{13})(?!\d)")


def row_of(code: str, message: str) -> Row:
    """Look a code up, by its message where it means several things. What is unlisted is unknown."""
    said = message.strip().lower()
    for row in CODES.get(code, ()):
        if not row.texts or any(part in said for part in row.texts):
            return row
    return UNLISTED


def says_not_there(message: str) -> bool:
    """Whether a message says of an order that it does not exist, and not that it may have ended."""
    said = message.strip().lower()
    return any(part in said for part in _NOT_THERE) and not any(part in said for part in _ENDED)


def unblocked_at_ms(message: str) -> int | None:
    """Read from a ban's text until when it holds, by the venue's clock (BingX: Error codes, 100410)."""
    found = _UNBLOCKED_AT.search(message)
    return None if found is None else int(found.group(1))


def account_refusal(code: str) -> RefusalKind | None:
    """Say what a REST code means for the account's key and clock; None when nothing."""
    kinds = {row.refusal for row in CODES.get(code, ())} & {RefusalKind.CREDENTIALS, RefusalKind.CLOCK}
    return kinds.pop() if len(kinds) == 1 else None
