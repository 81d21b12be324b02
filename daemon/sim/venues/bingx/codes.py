"""BingX's codes and texts, as far as the simulated venue says them. It knows no frames.

Texts are those that were seen (Spot / Error codes). Several codes have several texts; which one is said is drawn where
they mean the same thing, and follows from the order's fate where they do not. A code that is not listed can still be
said (a fault may ask for any): it then has no text of its own.
"""

NOT_LIVE = ("100404", "100400", "100421")
"""Any of them may say that an order is not there; the last two say other things as well."""
NOT_LIVE_TEXTS = {
    "100404": (
        " order not exist",
        "the order you want to cancel is FILLED or CANCELLED already, or is not a valid order id ,please verify",
        "the order is FILLED or CANCELLED already before, please verify",
    ),
    "100400": (" order not exist",),
    "100421": ("cancel fail,  order not exist",),
}
ONCE_PER_SECOND = "The same order can only be submitted once per second."
STAMP = "Null timestamp or timestamp mismatch"

TEXTS = {
    "80014": "timestamp is invalid",
    "100001": "Signature verification failed due to signature mismatch",
    "100004": "Permission denied as the API key was created without the permission",
    "100202": "Insufficient balance",
    "100204": "no data found",
    "100400": "Invalid parameters, err:Field validation for '{}' failed",
    "100401": "authentication failed",
    "100404": " order not exist",
    "100410": "rate limited",
    "100412": "Null signature",
    "100413": "Incorrect apiKey",
    "100419": "your current request IP does not match IP whitelist",
    "100421": STAMP,
    "100490": "spot symbol is offline",
    "100500": "Internal system error",
    "100503": "Server busy",
    "109400": "timestamp is invalid",
    "109421": "order does not exist",
    "109429": "too many requests",
}
CANNOT_DELETE = "the  orderId:{} order status :{},can not delete, please verify and retry later"


def text(code: str, detail: str = "") -> str:
    """The text of a code, `detail` in its gap if it has one."""
    return TEXTS.get(code, "").format(detail)


def banned(until_ms: int) -> str:
    """The text of a ban: error answers were too many."""
    return f"over 20 error code:100404 requests within 480000 ms for this api, it can retry after time: {until_ms}"
