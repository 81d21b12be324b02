"""Plain frames out of compressed ones: gzip where a venue compresses, told by the first two bytes.

It refuses to know what is inside, and to be flooded: what a frame may inflate to is bounded, since a few bytes can say
a gigabyte. The opcode of a frame says nothing here: venues have sent gzip as text and text as binary.
"""

from __future__ import annotations

import zlib
from typing import Final

from protocols.errors import Unreadable

GZIP_MAGIC: Final = b"\x1f\x8b"
INFLATED_BYTES_MAX: Final = 4_194_304
"""Four times the longest frame that a socket takes: orders compress to a fifth, and one of them has a kilobyte."""
_GZIP: Final = 16 + zlib.MAX_WBITS


def plain(raw: bytes | str) -> bytes | str:
    """Give a frame as it was before compression; raise `Unreadable` for gzip that is broken or says too much."""
    if not isinstance(raw, bytes) or not raw.startswith(GZIP_MAGIC):
        return raw
    inflater = zlib.decompressobj(_GZIP)
    try:
        inflated = inflater.decompress(raw, INFLATED_BYTES_MAX)
    except zlib.error:
        raise Unreadable("frame", "broken gzip") from None
    if inflater.unconsumed_tail:
        raise Unreadable("frame", f"gzip of more than {INFLATED_BYTES_MAX} bytes")
    if not inflater.eof:
        raise Unreadable("frame", "gzip that is cut off")
    return inflated
