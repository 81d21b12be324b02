"""Each target over its kept inputs, and over what hypothesis makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import targets

EVERY = pytest.mark.parametrize("name", sorted(targets()))
PIECES = (*(bytes([char]) for char in b'"{}[],:0\x00\xff\n'), b"", b"-1", b"1e999", b"null", b"\\u0000")


@st.composite
def spoilt(draw: st.DrawFn, whole: list[bytes]) -> bytes:
    """An input with up to three places of it cut out, doubled or replaced."""
    data = draw(st.sampled_from(whole))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        until = draw(st.integers(at, min(len(data), at + 40)))
        put = draw(st.sampled_from((*PIECES, data[at:until] * 2)) | st.binary(max_size=8))
        data = data[:at] + put + data[until:]
    return data


@EVERY
def test_every_kept_input_is_read_or_refused(name: str) -> None:
    target = targets()[name]
    for data in (*target.seeds, *target.kept()):
        target.run(data)


@EVERY
def test_nothing_else_is_more_than_read_or_refused(name: str) -> None:
    target = targets()[name]
    whole = [*target.seeds, *target.kept()]

    @settings(max_examples=60)
    @given(spoilt(whole) | st.binary(max_size=64))
    def read(data: bytes) -> None:
        target.run(data)

    read()
