"""Bitget's codes, as far as the simulated venue says them: text and HTTP status.

Business errors come with HTTP 400. A code that is not listed can still be said (a fault may ask for any): it then has a
text of its own that says nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One row: the text, with a gap for a detail if it has one, and the HTTP status that REST gives with it."""

    message: str
    status: int = 400


ACCEPTED = "00000"

CODES: dict[str, Code] = {
    "00000": Code("success", 200),
    "22001": Code("No order to cancel"),
    "22030": Code("This API key is not of this environment"),
    "25000": Code("System error", 500),
    "25001": Code("The operation timed out"),
    "25003": Code("Concurrent operation"),
    "25004": Code("Too many requests", 429),
    "25113": Code("A cancellation is in progress"),
    "25204": Code("Order does not exist"),
    "25245": Code("The account is not in unified mode"),
    "30001": Code("{} doesn't exist"),
    "30002": Code("Unrecognized request:{}"),
    "30003": Code("Invalid op"),
    "30004": Code("User not logged in / User must be logged in"),
    "30005": Code("Login failed"),
    "30006": Code("Request too many"),
    "30007": Code("Request over limit, connection close"),
    "30011": Code("Invalid ACCESS_KEY"),
    "30012": Code("Invalid ACCESS_PASSPHRASE"),
    "30013": Code("Invalid ACCESS_TIMESTAMP"),
    "30014": Code("Request timestamp expired"),
    "30015": Code("Invalid sign"),
    "30016": Code("Param error"),
    "30033": Code("Service upgrade, the connection will be closed"),
    "40006": Code("Invalid ACCESS_KEY"),
    "40008": Code("Request timestamp expired"),
    "40009": Code("sign signature error"),
    "40010": Code("Request timed out"),
    "40012": Code("apikey/password is incorrect"),
    "40014": Code("Incorrect permissions"),
    "40015": Code("System is abnormal, please try again later"),
    "40034": Code("Parameter {} does not exist"),
    "40085": Code("You are in Unified Account mode, and the Classic Account API is not supported at this time"),
    "40109": Code("The data of the order cannot be found, please confirm the order number"),
    "40409": Code("wrong format"),
    "40725": Code("service return an error"),
    "40768": Code("Order does not exist"),
    "40808": Code("Parameter verification exception {}"),
    "40912": Code("Batch processing orders can only process up to 50"),
    "41101": Code("Param {} error"),
    "43001": Code("The order does not exist"),
    "45001": Code("Unknown error"),
    "45024": Code("Cancel order error"),
    "45110": Code("less than the minimum amount"),
    "45129": Code("The same order can be cancelled only once per second"),
    "45134": Code("The order has been filled or cancelled"),
    "429": Code("Too Many Requests", 429),
    "45117": Code("The number of open orders has reached its limit"),
    "40786": Code("Duplicate clientOid"),
}

GONE = frozenset("22001 24056 25204 31007 31054 40109 40768 43001 43004 45031 45057 45134 50062".split())
"""Refusals that say that the order is not on the book: the truth is made to fit them first."""


def message(code: str, detail: str = "") -> str:
    """Bitget's text for a code, `detail` in its gap if it has one."""
    row = CODES.get(code)
    return row.message.format(detail) if row else "Operation failed"


def status(code: str) -> int:
    """The HTTP status that comes with a code."""
    row = CODES.get(code)
    return row.status if row else 400
