"""What happened, in order: as a hash that is equal on every machine, and on demand as a story that can be read.

What is hashed are frames as their reader sees them (inflated, since two compressors may differ in their bytes) and
words as clients hear them, each with its moment. It knows nothing of what they mean.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from protocols.errors import Unreadable
from protocols.inflate import plain

if TYPE_CHECKING:
    from collections.abc import Callable

US_PER_S = 1_000_000
UNREADABLE = "(cannot be read)"
"""In place of what was compressed and is damaged: its bytes depend on who compressed it."""
SHOWN_MAX = 2_000
"""Of one frame in a story: a listing of instruments says no more after that."""


class Trace:
    """One seed's. ``tell`` gets each line of the story; without it nothing but the hash is kept."""

    def __init__(self, start_us: int, tell: Callable[[str], None] | None = None) -> None:
        self._start_us = start_us
        self._tell = tell
        self._hash = blake2b(digest_size=16)

    def frame(self, at_us: int, where: str, payload: bytes | str) -> str:
        """A frame or a call arrived; gives it as its reader sees it."""
        text = readable(payload)
        self.note(at_us, where, text)
        return text

    def note(self, at_us: int, where: str, text: str) -> None:
        """Something else happened that belongs to the story."""
        update = self._hash.update
        update(f"{at_us}|{where}|".encode())
        update(text.encode())
        update(b"\n")
        if self._tell is not None:
            after_s = (at_us - self._start_us) / US_PER_S
            shown = text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + " …"
            self._tell(f"{after_s:12.6f}  {where:<24} {' '.join(shown.splitlines())}")

    def digest(self) -> str:
        """The hash so far, 32 hex digits."""
        return self._hash.hexdigest()


def readable(payload: bytes | str) -> str:
    """A payload as its reader sees it: inflated where it was compressed, and nothing where it cannot be read."""
    try:
        shown = plain(payload)
        return shown if isinstance(shown, str) else shown.decode()
    except (Unreadable, UnicodeDecodeError):
        return UNREADABLE
