"""Each venue's signature as a pure function of the secret, the bytes that are signed, and a given time.

Who connects, and what time the venue thinks it is, is no matter here: times come in as integer microseconds since the
epoch by the venue's clock. A secret is revealed where a digest is made and nowhere else; what comes out is a
signature, which belongs in a header or a login frame and in no log.
"""

from __future__ import annotations

import base64
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protocols.rest import Pairs
    from protocols.secret import Secret

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]*")
"""What stands in a query as it is (RFC 3986, section 2.3)."""
OKX_LOGIN_PREHASH: Final = "GET/users/self/verify"
"""What an OKX login signs after its timestamp: constants, whatever the socket's path."""
BITGET_LOGIN_PREHASH: Final = "GET/user/verify"
"""What a Bitget login signs after its timestamp, on either generation's socket."""


def iso_millis(now_us: int) -> str:
    """Write a time as ISO 8601 in UTC with milliseconds, ``2020-12-08T09:08:57.715Z``; microseconds are cut off."""
    moment = EPOCH + timedelta(milliseconds=now_us // 1000)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def iso_seconds(now_us: int) -> str:
    """Write a time in UTC to the second, without a zone, ``2026-09-18T10:00:00``; fractions are cut off."""
    return (EPOCH + timedelta(seconds=now_us // 1_000_000)).replace(tzinfo=None).isoformat(timespec="seconds")


def epoch_seconds(now_us: int) -> str:
    """Write a time as whole seconds since the epoch, cut off."""
    return str(now_us // 1_000_000)


def epoch_millis(now_us: int) -> str:
    """Write a time as whole milliseconds since the epoch, cut off."""
    return str(now_us // 1000)


def hmac_sha256_base64(secret: Secret, prehash: bytes) -> str:
    """Sign by HMAC-SHA256 and write it in standard Base64 with padding."""
    digest = hmac.digest(secret.reveal().encode(), prehash, "sha256")
    return base64.b64encode(digest).decode()


def okx_login(secret: Secret, timestamp_s: str) -> str:
    """Sign a WebSocket login. ``timestamp_s`` is the same text as in the frame (OKX: WebSocket / Login)."""
    return hmac_sha256_base64(secret, (timestamp_s + OKX_LOGIN_PREHASH).encode())


def okx_rest(secret: Secret, timestamp: str, method: str, target: str, body: bytes) -> str:
    """Sign a REST request (OKX: Overview / REST authentication / Signature).

    ``timestamp`` is the text of the header `iso_millis`; ``target`` the path with its encoded query, exactly as it is
    sent; ``body`` the exact bytes (empty for GET).
    """
    return hmac_sha256_base64(secret, (timestamp + method.upper() + target).encode() + body)


def encoded(written: str) -> str:
    """Percent-encode in UTF-8, with capital hexadecimal digits, what is not `UNRESERVED`.

    Most of what is sent is, and `quote` takes long to find that out.
    """
    return written if UNRESERVED.fullmatch(written) else quote(written, safe="")


def encoded_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Write a query in this order, percent-encoded."""
    return "&".join([f"{encoded(name)}={encoded(value)}" for name, value in pairs])


def sorted_query(pairs: Pairs) -> str:
    """Write a query with its names in ASCII order, percent-encoded."""
    return encoded_query(sorted(pairs))


def htx(secret: Secret, method: str, host: str, path: str, query: str) -> str:
    """Sign a REST call or a login (HTX: Access and Usage / Signature Authentication, version 2).

    ``host`` is the one that is dialed, in small letters; ``query`` is `sorted_query` of all that is signed. A login is
    signed as a GET of its socket's path. A POST's body is not signed.
    """
    return hmac_sha256_base64(secret, "\n".join((method, host, path, query)).encode())


def bitget_login(secret: Secret, timestamp_s: str) -> str:
    """Sign a WebSocket login. ``timestamp_s`` is the same text as in the frame (Bitget: WebSocket / Login)."""
    return hmac_sha256_base64(secret, (timestamp_s + BITGET_LOGIN_PREHASH).encode())


def bitget_rest(secret: Secret, timestamp_ms: str, method: str, target: str, body: bytes) -> str:
    """Sign a REST request (Bitget: Common / Signature, HMAC).

    ``timestamp_ms`` is the text of its header; ``target`` the path with its query, in plain text; ``body`` the exact
    bytes (empty for GET).
    """
    return hmac_sha256_base64(secret, (timestamp_ms + method.upper() + target).encode() + body)


def raw_query(pairs: Pairs) -> str:
    """Write a query with its names in ASCII order and nothing encoded."""
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def bingx(secret: Secret, query: str) -> str:
    """Sign a REST call in small hexadecimal digits (BingX: Basic Information / Signature).

    ``query`` is `raw_query` of all parameters, ``timestamp`` among them: what is signed is not encoded, what is sent
    is.
    """
    return hmac.digest(secret.reveal().encode(), query.encode(), "sha256").hex()
