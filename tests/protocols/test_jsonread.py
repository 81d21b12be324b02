"""Untrusted JSON comes in typed or not at all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import Unreadable
from protocols.evidence import RAW_BYTES_MAX
from protocols.jsonread import (
    Json,
    as_array,
    as_object,
    code,
    decimal,
    frame_of,
    millis,
    optional_text,
    parse,
    parse_exactly,
    quantity,
    text,
    texts,
    words,
)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def test_an_id_beyond_2_to_the_53_keeps_its_digits() -> None:
    row = as_object(parse(b'{"number":9007199254740993,"text":"18446744073709551616"}'), "row")
    assert (text(row, "number"), text(row, "text")) == ("9007199254740993", "18446744073709551616")


def test_an_id_whose_digits_were_lost_is_an_error() -> None:
    row = as_object(parse(b'{"ordId":18446744073709551616}'), "row")
    with pytest.raises(Unreadable, match=r"row\.ordId: text is expected, not a float"):
        text(row, "ordId", "row")


def test_a_fraction_keeps_every_digit_where_it_is_read_exactly() -> None:
    row = as_object(parse_exactly(b'{"q":0.12345678901234567890123,"n":-8.02e-5,"i":18446744073709551616}'), "row")
    assert decimal(row, "q") == Decimal("0.12345678901234567890123")
    assert decimal(row, "n") == Decimal("-0.0000802")
    assert text(row, "i") == "18446744073709551616"
    assert texts(row) == {"q": "0.12345678901234567890123", "n": "-0.0000802", "i": "18446744073709551616"}
    with pytest.raises(Unreadable, match="q: text is expected, not a fraction"):
        text(row, "q")


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff", b'{"q":NaN}', b'{"q":1e99999999999999999999}', b'"\\ud800"', b"[" * 100_000, b"1" * 5000],
    ids=lambda raw: repr(raw[:12]),
)
def test_what_cannot_be_read_exactly_is_not_read(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_exactly(raw)


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_member_is_none_and_never_zero(value: str | None) -> None:
    row: Json = {"a": value}
    assert optional_text(row, "a") is None
    assert decimal(row, "a") is None
    assert millis(row, "a") is None
    assert code(row, "a") is None
    assert optional_text(row, "missing") is None
    with pytest.raises(Unreadable, match="a: missing or empty"):
        text(row, "a")


@pytest.mark.parametrize("value", [0, "0"])
def test_a_code_is_the_same_as_text_and_as_number(value: object) -> None:
    assert code({"code": value}) == "0"


@pytest.mark.parametrize("value", [True, [], {}, 1.5])
def test_what_is_neither_text_nor_integer_is_no_text(value: object) -> None:
    with pytest.raises(Unreadable):
        optional_text({"a": value}, "a")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0.0000032", "0.0000032"),
        ("-1.5", "-1.5"),
        (7, "7"),
        (0.1, "0.1"),
        (1e-05, "0.00001"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("5.", "5"),
    ],
)
def test_a_quantity_is_exact_whether_text_or_number(value: object, number: str) -> None:
    assert decimal({"a": value}, "a") == Decimal(number)


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "-inf", "1_000", " 1", "1\n", "٣", "1,5", "0x10", "abc", "1e999", "1e-65", "0e70", "1" * 65],
)
def test_what_only_looks_like_a_number_is_none(value: str) -> None:
    with pytest.raises(Unreadable):
        decimal({"a": value}, "a")


def test_a_quantity_is_never_negative() -> None:
    assert quantity({"a": "0"}, "a") == 0
    with pytest.raises(Unreadable, match="a: a quantity cannot be negative"):
        quantity({"a": "-0.1"}, "a")


@pytest.mark.parametrize(
    ("value", "found"), [("1763600000100", 1763600000100), (5, 5), ("0", None), (0, None), (None, None)]
)
def test_a_time_is_milliseconds_or_nothing(value: object, found: int | None) -> None:
    assert millis({"t": value}, "t") == found


@pytest.mark.parametrize("value", ["-5", "1.5", "٣", "1" * 16, "soon"])
def test_what_is_no_time_is_an_error(value: str) -> None:
    with pytest.raises(Unreadable, match="milliseconds"):
        millis({"t": value}, "t")


def test_an_answer_is_flattened_field_by_field_without_what_was_not_said() -> None:
    row: Json = {"code": 0, "msg": "", "ok": True, "none": None, "data": [1], "more": {}}
    assert texts(row) == {"code": "0", "msg": "", "ok": "true"}


def test_a_frame_is_named_by_its_bytes_and_kept_to_a_bound() -> None:
    long = "x" * (RAW_BYTES_MAX + 1)
    assert len(frame_of(long).raw) == RAW_BYTES_MAX
    assert frame_of(long).digest != frame_of(long + "x").digest
    assert frame_of("é") == frame_of("é".encode())
    assert len(frame_of(b"").digest) == 32
    assert frame_of("\ud800").raw


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"nul", '"\ud800"', b"[" * 5000])
def test_what_is_not_json_is_an_error_of_its_own(raw: bytes | str) -> None:
    with pytest.raises(Unreadable, match="not JSON"):
        parse(raw)


def test_a_shape_is_checked_by_name() -> None:
    with pytest.raises(Unreadable, match="body: an object is expected, not an array"):
        as_object([], "body")
    with pytest.raises(Unreadable, match="data: an array is expected, not null"):
        as_array(None, "data")


@given(ANYTHING)
def test_nothing_but_unreadable_is_ever_raised(value: object) -> None:
    for read in (text, optional_text, code, decimal, quantity, millis):
        try:
            read({"a": value}, "a")
        except Unreadable as error:
            assert error.path == "a"  # noqa: PT017 - raising is optional here


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("read_only, trade", ("read_only", "trade")),
        (["coow", "stow", 7, None, " "], ("coow", "stow")),
        ("", ()),
        (None, ()),
        (7, ()),
        ({"a": 1}, ()),
    ],
)
def test_words_for_display_come_as_a_list_or_with_commas_and_are_never_an_error(
    value: object, expected: tuple[str, ...]
) -> None:
    assert words({"perm": value}, "perm") == expected
    assert words({}, "perm") == ()
