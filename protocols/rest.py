"""REST requests and responses as values, and which failures of a call prove nothing.

A dialect writes a `RestCall`, signs it, and reads a `RestResponse`. Who dials, pools and times out is no matter here.
"""

from __future__ import annotations

from typing import Final

import msgspec

Pairs = tuple[tuple[str, str], ...]


class RestCall(msgspec.Struct, frozen=True):
    """A request before it is signed.

    ``operation`` names the venue's rate rule (see `dialect.RateRule`); ``query`` holds raw, unencoded pairs in the
    order in which they are sent; ``body`` are the exact bytes. ``signed`` is False for public calls.
    """

    operation: str
    method: str
    path: str
    query: Pairs = ()
    body: bytes = b""
    signed: bool = True
    instrument: str = ""


class SignedCall(msgspec.Struct, frozen=True):
    """A request ready to leave. ``target`` is the path with its encoded query; the base address is the account's.

    Its repr shows no header, since the headers hold the key and the signature.
    """

    method: str
    target: str
    headers: Pairs
    body: bytes = b""

    def __repr__(self) -> str:
        """Name the call; its target may carry a signature, so only the path is shown."""
        return f"SignedCall({self.method} {self.target.partition('?')[0]})"


class RestResponse(msgspec.Struct, frozen=True):
    """A venue's answer: HTTP ``status``, raw ``body`` (content types lie), and the headers that a dialect asked for."""

    status: int
    body: bytes
    headers: Pairs = ()

    def header(self, name: str) -> str:
        """Give a header by its name in small letters; "" where there is none."""
        return next((value for key, value in self.headers if key == name), "")


UNPROVEN_STATUSES: Final = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 527, 530})
"""HTTP statuses of gateways and proxies: whether the venue acted is unknown unless the body says so."""

RATE_LIMITED: Final = 429


def proves_nothing(status: int) -> bool:
    """Whether an HTTP status alone leaves open if the request took effect."""
    return status in UNPROVEN_STATUSES or status >= 500
