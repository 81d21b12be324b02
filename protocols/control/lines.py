"""A stream of bytes cut into lines: halves wait for their other half, and a line past the limit ends the stream.

It knows nothing of what a line says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_BYTES_MAX: Final = 64 * 1024
"""The longest line, in both directions, its line feed not counted: what one cancel needs a hundred times over."""


class LineTooLong(Exception):
    """A line went past `LINE_BYTES_MAX`: where the next one starts cannot be told, so the stream is over."""


class LineSplitter:
    """Collects bytes and gives whole lines, without their line feed (and without a carriage return before it)."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give each line that ``data`` completes; raises `LineTooLong` after the lines before the long one.

        Exhaust the iterator before feeding again.
        """
        *whole, rest = data.split(b"\n")
        for index, part in enumerate(whole):
            line = self._completed(part) if index == 0 else part
            if len(line) > LINE_BYTES_MAX:
                raise LineTooLong
            yield line.removesuffix(b"\r")
        if len(self._half) + len(rest) > LINE_BYTES_MAX:
            raise LineTooLong
        self._half += rest

    def rest(self) -> bytes:
        """Give, once, what stands after the last line feed: a last line whose sender ended the stream instead."""
        line = bytes(self._half)
        self._half.clear()
        return line

    def _completed(self, part: bytes) -> bytes:
        if not self._half:
            return part
        line = bytes(self._half) + part
        self._half.clear()
        return line
