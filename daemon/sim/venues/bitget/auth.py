"""Who may speak to a simulated Bitget: signatures of the WebSocket login and of REST calls, timestamps, environment.

The signatures are computed here from Bitget's text alone (Common / Signature; WebSocket / Login), not shared with
anybody who signs. This file knows no orders.
"""

import base64
import hmac
import re
from urllib.parse import unquote

from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.timers import MILLISECOND_US, SECOND_US
from daemon.sim.venue import HttpRequest
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.wire import JsonObject, text

LOGIN_TEXT = "GET/user/verify"
TOLERANCE_US = 30 * SECOND_US
_SECONDS = re.compile(r"\d{9,10}")
_MILLIS = re.compile(r"\d{12,13}")


def sign(secret: str, prehash: str | bytes) -> str:
    """Base64 of HMAC-SHA256 of the prehash."""
    data = prehash.encode() if isinstance(prehash, str) else prehash
    return base64.b64encode(hmac.digest(secret.encode(), data, "sha256")).decode()


def rest_prehash(timestamp: str, method: str, target: str, body: bytes) -> bytes:
    """What a REST call signs: the timestamp as sent, method, path with query, body."""
    return f"{timestamp}{method}{target}".encode() + body


class Gate:
    """Checks credentials. Each check returns the code of the refusal, or None."""

    def __init__(self, options: BitgetOptions, faults: FaultEngine, clock: VenueClock) -> None:
        self._options = options
        self._faults = faults
        self._clock = clock

    def login_problem(self, arg: JsonObject, now_us: int) -> str | None:
        """The arg of a login (Bitget: WebSocket / Login). Seconds and milliseconds are both taken."""
        if self._faults.fires(Fault.AUTH_FAIL, only=("login", "any")) is not None:
            return "30005"
        credentials = self._options.credentials
        timestamp = text(arg, "timestamp")
        if text(arg, "apiKey") != credentials.key:
            return "30011"
        sent_us = _login_us(timestamp)
        if sent_us is None:
            return "30013"
        if abs(self._clock.checked_us(now_us) - sent_us) > TOLERANCE_US:
            return "30014"
        if text(arg, "passphrase") != credentials.passphrase:
            return "30012"
        wanted = sign(credentials.secret, timestamp + LOGIN_TEXT)
        return None if hmac.compare_digest(wanted, text(arg, "sign")) else "30015"

    def call_problem(self, request: HttpRequest, now_us: int) -> str | None:
        """The headers of a signed REST call (Bitget: Common / Signature). No page says whether the query is signed as
        it is sent or in plain text; clients do both, and both are taken.
        """
        if self._faults.fires(Fault.AUTH_FAIL, only=("rest", "any")) is not None:
            return "40009"
        credentials = self._options.credentials
        headers = request.headers
        if headers.get("access-key", "") != credentials.key:
            return "40006"
        if (headers.get("paptrading") == "1") != self._options.demo:
            return "22030"
        targets = {request.target, unquote(request.target)}
        timestamp = headers.get("access-timestamp", "")
        is_stamp = _MILLIS.fullmatch(timestamp) is not None
        if not is_stamp or abs(self._clock.checked_us(now_us) - int(timestamp) * MILLISECOND_US) > TOLERANCE_US:
            return "40008"
        if headers.get("access-passphrase", "") != credentials.passphrase:
            return "40012"
        signed = headers.get("access-sign", "")
        wanted = [sign(credentials.secret, rest_prehash(timestamp, request.method, t, request.body)) for t in targets]
        return None if any(hmac.compare_digest(each, signed) for each in wanted) else "40009"


def _login_us(timestamp: str) -> int | None:
    if _SECONDS.fullmatch(timestamp):
        return int(timestamp) * SECOND_US
    return int(timestamp) * MILLISECOND_US if _MILLIS.fullmatch(timestamp) else None
