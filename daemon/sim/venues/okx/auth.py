"""Who may speak to a simulated OKX: signatures of the WebSocket login and of REST calls, timestamps, environment.

The signatures are computed here from OKX's text alone (Overview / REST Authentication; WebSocket / Login), not shared
with anybody who signs. This file knows no orders.
"""

import base64
import hmac
import re
from datetime import UTC, datetime, timedelta

from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.timers import SECOND_US, seconds_us
from daemon.sim.venue import HttpRequest
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.wire import JsonObject, text

LOGIN_TEXT = "GET/users/self/verify"
TOLERANCE_US = 30 * SECOND_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO_MS = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
_SECONDS = re.compile(r"\d{9,11}(\.\d{1,6})?")


def sign(secret: str, prehash: str | bytes) -> str:
    """Base64 of HMAC-SHA256 of the prehash."""
    data = prehash.encode() if isinstance(prehash, str) else prehash
    return base64.b64encode(hmac.digest(secret.encode(), data, "sha256")).decode()


def rest_prehash(timestamp: str, method: str, target: str, body: bytes) -> bytes:
    """What a REST call signs: the timestamp as sent, method, path with query, body."""
    return f"{timestamp}{method}{target}".encode() + body


class Gate:
    """Checks credentials. Each check returns the code of the refusal, or None."""

    def __init__(self, options: OkxOptions, faults: FaultEngine, clock: VenueClock) -> None:
        self._options = options
        self._faults = faults
        self._clock = clock

    def login_problem(self, arg: JsonObject, now_us: int) -> str | None:
        """The arg of a login (OKX: WebSocket / Login)."""
        if self._faults.fires(Fault.AUTH_FAIL, only=("login", "any")) is not None:
            return "60009"
        credentials = self._options.credentials
        timestamp = text(arg, "timestamp")
        if text(arg, "apiKey") != credentials.key:
            return "60005"
        if not _SECONDS.fullmatch(timestamp):
            return "60004"
        if abs(self._clock.checked_us(now_us) - seconds_us(timestamp)) > TOLERANCE_US:
            return "60006"
        if text(arg, "passphrase") != credentials.passphrase:
            return "60024"
        wanted = sign(credentials.secret, timestamp + LOGIN_TEXT)
        return None if hmac.compare_digest(wanted, text(arg, "sign")) else "60007"

    def call_problem(self, request: HttpRequest, now_us: int) -> str | None:
        """The headers of a signed REST call (OKX: Overview / REST Authentication)."""
        for header, code in _HEADERS:
            if not request.headers.get(header):
                return code
        if self._faults.fires(Fault.AUTH_FAIL, only=("rest", "any")) is not None:
            return "50113"
        credentials = self._options.credentials
        if request.headers["ok-access-key"] != credentials.key:
            return "50111"
        if self.asks_for_demo(request) != self._options.demo:
            return "50101"
        stamp_problem = self._stamp_problem(request.headers["ok-access-timestamp"], now_us)
        if stamp_problem is not None:
            return stamp_problem
        if request.headers["ok-access-passphrase"] != credentials.passphrase:
            return "50105"
        timestamp = request.headers["ok-access-timestamp"]
        wanted = sign(credentials.secret, rest_prehash(timestamp, request.method, request.target, request.body))
        return None if hmac.compare_digest(wanted, request.headers["ok-access-sign"]) else "50113"

    def asks_for_demo(self, request: HttpRequest) -> bool:
        """Whether the call means the demo environment."""
        return request.headers.get("x-simulated-trading") == "1"

    def _stamp_problem(self, stamp: str, now_us: int) -> str | None:
        if not _ISO_MS.fullmatch(stamp):
            return "50112"
        try:
            sent = datetime.fromisoformat(stamp)
        except ValueError:
            return "50112"
        sent_us = (sent - _EPOCH) // timedelta(microseconds=1)
        return "50102" if abs(self._clock.checked_us(now_us) - sent_us) > TOLERANCE_US else None


_HEADERS = (
    ("ok-access-key", "50103"),
    ("ok-access-passphrase", "50104"),
    ("ok-access-sign", "50106"),
    ("ok-access-timestamp", "50107"),
)
