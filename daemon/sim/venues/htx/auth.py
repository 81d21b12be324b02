"""Who may speak to a simulated HTX: the signature of REST calls and of WebSocket logins, timestamps, hosts.

The signature is computed here from HTX's text alone (Access and Usage / Signature Authentication), not shared with
anybody who signs. The signed host is the one that the request was dialed at, as its Host header has it, with or without
the port. This file knows no orders.
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.timers import SECOND_US
from daemon.sim.venue import HttpRequest
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.wire import JsonObject, query_pairs, text

TOLERANCE_US = 300 * SECOND_US
SIGNED_KEYS = ("AccessKeyId", "SignatureMethod", "SignatureVersion", "Timestamp")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")
"""What is written as it is in a query; `quote` would find that out in ten steps."""
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}")


def signature(secret: str, method: str, host: str, path: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Base64 of HMAC-SHA256 of the four lines: method, host, path, and the parameters in ASCII order."""
    query = "&".join([f"{_encoded(key)}={_encoded(value)}" for key, value in sorted(pairs)])
    lines = f"{method}\n{host}\n{path}\n{query}"
    return base64.b64encode(hmac.digest(secret.encode(), lines.encode(), "sha256")).decode()


def _encoded(written: str) -> str:
    return written if _PLAIN.fullmatch(written) else quote(written, safe="")


class Gate:
    """Checks credentials. Each check returns the code of the refusal, or None."""

    def __init__(self, options: HtxOptions, faults: FaultEngine, clock: VenueClock) -> None:
        self._options = options
        self._faults = faults
        self._clock = clock

    def login_problem(self, frame: JsonObject, path: str, host: str, now_us: int) -> str | None:
        """The `auth` frame of a socket at `path` (HTX: Private WebSocket / Authentication)."""
        if self._faults.fires(Fault.AUTH_FAIL, only=("login", "any")) is not None:
            return "2003"
        if frame.get("type") != "api":
            return "2013"
        signed = {key: text(frame, key) for key in SIGNED_KEYS}
        if not all(signed.values()) or not text(frame, "Signature"):
            return "2001"
        problem = self._problem(signed, "GET", path, host, text(frame, "Signature"), list(signed.items()), now_us)
        return None if problem is None else "2003"

    def call_problem(self, request: HttpRequest, now_us: int) -> str | None:
        """The query of a signed REST call (HTX: Signature Authentication)."""
        path, _, query = request.target.partition("?")
        pairs = query_pairs(query)
        given = dict(pairs)
        if self._faults.fires(Fault.AUTH_FAIL, only=("rest", "any")) is not None:
            return "403"
        host = request.headers.get("host", "")
        signed = [pair for pair in pairs if pair[0] != "Signature"]
        return self._problem(given, request.method, path, host, given.get("Signature", ""), signed, now_us)

    def _problem(
        self,
        given: Mapping[str, str],
        method: str,
        path: str,
        host: str,
        sign: str,
        signed: Sequence[tuple[str, str]],
        now_us: int,
    ) -> str | None:
        credentials = self._options.credentials
        if given.get("AccessKeyId") != credentials.key:
            return "12007"
        if given.get("SignatureVersion") != "2":
            return "12002"
        if given.get("SignatureMethod") != "HmacSHA256":
            return "12003"
        stamp_problem = self._stamp_problem(given.get("Timestamp", ""), now_us)
        if stamp_problem is not None:
            return stamp_problem
        hosts = dict.fromkeys((host.lower(), host.lower().rpartition(":")[0]))
        wanted = (signature(credentials.secret, method, each, path, signed) for each in hosts)
        return None if any(hmac.compare_digest(each, sign) for each in wanted) else "12008"

    def _stamp_problem(self, stamp: str, now_us: int) -> str | None:
        if not stamp:
            return "12006"
        if not _STAMP.fullmatch(stamp):
            return "12001"
        try:
            sent = datetime.fromisoformat(stamp + "+00:00")
        except ValueError:
            return "12001"
        sent_us = (sent - _EPOCH) // timedelta(microseconds=1)
        return "12001" if abs(self._clock.checked_us(now_us) - sent_us) > TOLERANCE_US else None
