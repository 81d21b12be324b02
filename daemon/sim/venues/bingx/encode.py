"""JSON as BingX writes it: quantities as bare numbers, digit by digit, where a page's samples have them so.

It knows no documents. `wire` reads; this file writes.
"""

import gzip

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def dumps(document: object) -> bytes:
    """`document` as compact JSON; a Decimal is a number of as many digits."""
    return _ENCODER.encode(document)


def packed(payload: bytes) -> bytes:
    """A frame as BingX sends it: gzip, the same bytes for the same payload."""
    return gzip.compress(payload, compresslevel=1, mtime=0)
