"""OKX's codes, as far as the simulated venue says them: text, HTTP status, and where in an answer each one may stand.

The table is read off OKX's v5 error-code page. It knows no frames. A code that is not listed can still be said (a
fault may ask for any): it then has no text of its own and stands in the item.
"""

from dataclasses import dataclass
from enum import Enum


class Place(Enum):
    """Where a code stands: with the item (`sCode`), at the top of the answer with no items, or in an `event: error`."""

    ITEM = "item"
    TOP = "top"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Code:
    """One row: the text, the HTTP status that REST gives with it, and the places where it is known to stand."""

    message: str
    status: int = 200
    places: tuple[Place, ...] = (Place.ITEM,)


_TOP = (Place.TOP,)
_BOTH = (Place.ITEM, Place.TOP)
_EVENT = (Place.EVENT,)

CODES: dict[str, Code] = {
    "0": Code(""),
    "50000": Code("Body for POST request can not be empty.", 400, _TOP),
    "50001": Code("Service temporarily unavailable. Try again later.", 503, _TOP),
    "50002": Code("JSON syntax error", 400, _TOP),
    "50004": Code("Endpoint request timeout (does not indicate success or failure of order).", 400, _TOP),
    "50011": Code("Too Many Requests", 429, _BOTH),
    "50013": Code("Systems are busy. Please try again later.", 429, _BOTH),
    "50014": Code("Parameter {} can not be empty", 400, _TOP),
    "50026": Code("System error. Try again later", 500, _TOP),
    "50101": Code("APIKey does not match current environment.", 401, _TOP),
    "50102": Code("Timestamp request expired", 401, _TOP),
    "50103": Code('Request header "OK-ACCESS-KEY" cannot be empty', 401, _TOP),
    "50104": Code('Request header "OK-ACCESS-PASSPHRASE" cannot be empty', 401, _TOP),
    "50105": Code('Request header "OK-ACCESS-PASSPHRASE" incorrect', 401, _TOP),
    "50106": Code('Request header "OK-ACCESS-SIGN" cannot be empty', 401, _TOP),
    "50107": Code('Request header "OK-ACCESS-TIMESTAMP" cannot be empty', 401, _TOP),
    "50111": Code("Invalid OK-ACCESS-KEY", 401, _TOP),
    "50112": Code("Invalid OK-ACCESS-TIMESTAMP", 401, _TOP),
    "50113": Code("Invalid Sign", 401, _TOP),
    "51000": Code("Parameter {} error", 400),
    "51001": Code("Instrument ID, Instrument ID code, or Spread ID doesn't exist."),
    "51003": Code("Either client order ID or order ID is required."),
    "51016": Code("Client order ID already exists."),
    "51071": Code("You've reached the maximum limit for tag level cancel all after timers."),
    "51020": Code("Your order should meet or exceed the minimum order amount."),
    "51103": Code("Order placement failed: the number of pending orders has reached its limit."),
    "51149": Code("Order timed out. Please try again later.", 500),
    "51400": Code("Order cancellation failed as the order has been filled, canceled or does not exist."),
    "51401": Code("Cancellation failed as the order is already canceled."),
    "51402": Code("Cancellation failed as the order is already completed."),
    "51404": Code("Order cancellation unavailable during the second phase of call auction"),
    "51406": Code("Order count exceeds the limit.", 400, _TOP),
    "51408": Code("Pair ID or name does not match the order info."),
    "51410": Code("Cancellation failed as the order is already in canceling status or pending settlement."),
    "51412": Code("Cancellation timed out. Please try again later."),
    "51603": Code("Order does not exist", 200, _TOP),
    "60004": Code("Invalid timestamp", 200, _EVENT),
    "60005": Code("Invalid apiKey", 200, _EVENT),
    "60006": Code("Timestamp request expired", 200, _EVENT),
    "60007": Code("Invalid sign", 200, _EVENT),
    "60009": Code("Login failed.", 200, _EVENT),
    "60011": Code("Please log in", 200, _EVENT),
    "60012": Code("Invalid request: {}", 200, _EVENT),
    "60013": Code("Invalid args", 200, _TOP),
    "60014": Code("Requests too frequent", 200, _EVENT),
    "60018": Code("Wrong URL or {} doesn't exist. Please use the correct URL, channel and parameters.", 200, _EVENT),
    "60019": Code("Invalid op: {}", 200, _EVENT),
    "60024": Code("Wrong passphrase", 200, _EVENT),
    "60028": Code(
        "The current operation is not supported by this URL. Please use the correct WebSocket URL.", 200, _EVENT
    ),
    "60031": Code(
        "The WebSocket endpoint does not support multiple account batch login or repeated login.", 200, _EVENT
    ),
    "64001": Code(
        "This channel has been migrated to the '/business' URL. Please subscribe using the new URL.", 200, _EVENT
    ),
    "64002": Code('This channel is not supported by "/business" URL.', 200, _EVENT),
    "64007": Code("Operation failed due to a WebSocket internal error. Please try again later.", 200, _TOP),
    "64008": Code("The connection will soon be closed for a service upgrade. Please reconnect.", 200, _EVENT),
}


def message(code: str, detail: str = "") -> str:
    """OKX's text for a code, `detail` in its gap if it has one."""
    row = CODES.get(code)
    return row.message.format(detail) if row else "Operation failed."


def status(code: str) -> int:
    """The HTTP status that comes with a code at the top of a REST answer."""
    row = CODES.get(code)
    return row.status if row else 200


def places(code: str) -> tuple[Place, ...]:
    """Where a code may stand in the answer to a WebSocket operation."""
    row = CODES.get(code)
    return row.places if row else (Place.ITEM,)
