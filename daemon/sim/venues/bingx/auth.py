"""Who may call a simulated BingX: key, signature and timestamp of a REST call.

The signature is computed here from BingX's text alone (Basic Information / Signature): HMAC-SHA256 in small hexadecimal
digits over `name=value&...`, values as they are before encoding, `signature` left out; in the order in which they are
sent, or sorted, either will do. This file knows no orders.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.venue import HttpRequest
from daemon.sim.venues.bingx.options import BingxOptions

WINDOW_MS = 5_000
WINDOW_MAX_MS = 60_000

Pairs = list[tuple[str, str]]


def read_query(query: str) -> Pairs:
    """The pairs of a query, decoded; a plus sign is a plus sign."""
    return [
        (unquote(name), unquote(value)) for name, _, value in (each.partition("=") for each in query.split("&") if each)
    ]


def sign(secret: str, pairs: Pairs) -> str:
    """The signature of pairs in this order."""
    signed = "&".join(f"{name}={value}" for name, value in pairs)
    return hmac.digest(secret.encode(), signed.encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Gate:
    """Checks credentials."""

    options: BingxOptions
    faults: FaultEngine
    clock: VenueClock

    def problem(self, request: HttpRequest, pairs: Pairs, now_us: int, *, asks_for_key: bool) -> str:
        """The code that refuses a signed call; "" if there is none. `asks_for_key`: it is one about listen keys."""
        credentials = self.options.credentials
        if request.headers.get("x-bx-apikey", "") != credentials.key:
            return "100413"
        where = ("key", "any") if asks_for_key else ("rest", "any")
        if self.faults.fires(Fault.AUTH_FAIL, only=where) is not None:
            return "100413"
        given = dict(pairs)
        if not given.get("signature"):
            return "100412"
        if self._is_stale(given, now_us):
            return "100421"
        unsigned = [pair for pair in pairs if pair[0] != "signature"]
        good = (sign(credentials.secret, each) for each in (unsigned, sorted(unsigned)))
        return "" if any(hmac.compare_digest(each, given["signature"]) for each in good) else "100001"

    def _is_stale(self, given: Mapping[str, str], now_us: int) -> bool:
        stamp = given.get("timestamp", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 15):
            return True
        return abs(self.clock.checked_ms(now_us) - int(stamp)) > _window(given.get("recvWindow", ""))


def _window(asked: str) -> float:
    try:
        return min(float(asked), WINDOW_MAX_MS) if asked else WINDOW_MS
    except ValueError:
        return WINDOW_MS
