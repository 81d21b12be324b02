"""Compressed frames: told by their first bytes whatever the opcode, and bounded in what they may say."""

from __future__ import annotations

import gzip

import pytest

from protocols.errors import Unreadable
from protocols.inflate import INFLATED_BYTES_MAX, plain


@pytest.mark.parametrize("raw", ["{}", b"{}", b"", "", b"\x1f", "\x1f\x8b"])
def test_what_is_not_gzip_is_let_through_as_it_is(raw: bytes | str) -> None:
    assert plain(raw) == raw


def test_gzip_is_inflated() -> None:
    assert plain(gzip.compress(b'{"op":"ping"}')) == b'{"op":"ping"}'


@pytest.mark.parametrize("cut", [2, 9, 15, -1])
def test_gzip_that_is_cut_off_is_unreadable(cut: int) -> None:
    with pytest.raises(Unreadable, match="gzip"):
        plain(gzip.compress(b'{"op":"ping"}')[:cut])


def test_garbage_after_the_magic_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="broken gzip"):
        plain(b"\x1f\x8b\x09\x00garbage")


def test_a_frame_that_inflates_without_end_is_not_inflated_to_its_end() -> None:
    with pytest.raises(Unreadable, match="more than"):
        plain(gzip.compress(bytes(INFLATED_BYTES_MAX + 1)))


def test_a_frame_as_long_as_is_allowed_is_read() -> None:
    assert plain(gzip.compress(bytes(INFLATED_BYTES_MAX))) == bytes(INFLATED_BYTES_MAX)
