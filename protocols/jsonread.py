"""Strict, typed reads of untrusted JSON: the last place where a value's type is open.

Ids come out as text, quantities as Decimal, and each error names the member. A venue may flip a number to a string and
back (codes do, all the time), so scalars are read by meaning: `text` takes a string or an integer, `decimal` a string
or a number, `code` either. A float where an id stands is an error, since orjson makes a float of every integer past
2^64-1 and the digits are gone.
"""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import orjson

from protocols.errors import Unreadable
from protocols.evidence import RAW_BYTES_MAX, Frame

Json = dict[str, Any]
DECIMAL_TEXT_MAX = 64
"""No quantity has more digits, written out; a longer one is none."""
ROWS_MAX = 20_000
"""The longest list of a venue's has a few thousand instruments. A million rows in one frame would hold the loop up."""
NUMBERS_MAX: Final = 4096
"""Numbers remembered as they were written: people trade in round ones, so that most of a frame's were read before."""
_TEXT_ALONE: Final = {str}
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
"""A JSON number or its like. `Decimal` alone would take ``1_000``, blanks, other scripts' digits and ``Infinity``."""


def parse(raw: bytes | str) -> Any:  # noqa: ANN401 - the one door through which untyped JSON comes in
    """Parse one JSON document, or raise `Unreadable`."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unreadable("frame", f"not JSON ({error.msg} at {error.pos})") from None


def parse_exactly(raw: bytes | str) -> Any:  # noqa: ANN401 - the same door, for venues that write quantities as numbers
    """Parse one JSON document with fractions as Decimal, digit by digit, or raise `Unreadable`.

    A float holds seventeen digits, and a quantity may have more. Slower than `parse`, which is asked first, since it is
    the stricter one; integers are exact at any length.
    """
    parse(raw)
    try:
        return json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise Unreadable("frame", f"not JSON that can be read exactly ({type(error).__name__})") from None


def as_object(value: object, path: str) -> Json:
    """Check that ``value`` is a JSON object."""
    if not isinstance(value, dict):
        raise Unreadable(path, f"an object is expected, not {_kind(value)}")
    return value


def as_array(value: object, path: str) -> list[Any]:
    """Check that ``value`` is a JSON array of at most `ROWS_MAX` elements."""
    if not isinstance(value, list):
        raise Unreadable(path, f"an array is expected, not {_kind(value)}")
    if len(value) > ROWS_MAX:
        raise Unreadable(path, f"an array of more than {ROWS_MAX} elements")
    return value


def text(source: Json, key: str, path: str = "") -> str:
    """Read a required, non-empty id or word as text."""
    value = source.get(key)
    if isinstance(value, str) and value:  # as nearly always
        return value
    found = optional_text(source, key, path)
    if found is None:
        raise Unreadable(_join(path, key), "missing or empty")
    return found


def optional_text(source: Json, key: str, path: str = "") -> str | None:
    """Read an id or word as text; absent, null and "" are None."""
    value = source.get(key)
    if isinstance(value, str):
        return value or None
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Unreadable(_join(path, key), f"text is expected, not {_kind(value)}")


def code(source: Json, key: str = "code", path: str = "") -> str | None:
    """Read a result code as text, whether the venue sent a string or a number; None when absent."""
    return optional_text(source, key, path)


def decimal(source: Json, key: str, path: str = "") -> Decimal | None:
    """Read a quantity or price; absent, null and "" are None, never zero."""
    value = source.get(key)
    if isinstance(value, str):
        written = value
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        written = _written(value)
    elif value is None:
        return None
    else:
        raise Unreadable(_join(path, key), f"a quantity is expected, not {_kind(value)}")
    try:
        return _number(written) if written else None
    except ValueError as error:
        raise Unreadable(_join(path, key), str(error)) from None


@lru_cache(maxsize=NUMBERS_MAX)
def _number(written: str) -> Decimal:
    """Read a number by its digits, or raise `ValueError` with what is wrong. A value is made once for all who say it.

    What is refused is not remembered, so that nothing long is.
    """
    if len(written) > DECIMAL_TEXT_MAX:
        raise ValueError("a quantity of that many digits is not one")
    if _NUMBER.fullmatch(written) is None:
        raise ValueError("not a number")
    number = Decimal(written)
    if abs(number.adjusted()) > DECIMAL_TEXT_MAX:
        raise ValueError("a quantity of that many digits is not one")
    return number


def quantity(source: Json, key: str, path: str = "") -> Decimal | None:
    """Read a quantity that cannot be negative."""
    number = decimal(source, key, path)
    if number is not None and number < 0:
        raise Unreadable(_join(path, key), "a quantity cannot be negative")
    return number


def millis(source: Json, key: str, path: str = "") -> int | None:
    """Read a time in milliseconds since the epoch, text or number; absent, null, "" and "0" are None."""
    value = source.get(key)
    found = value if isinstance(value, str) else optional_text(source, key, path)
    if not found or found == "0":
        return None
    if not (found.isascii() and found.isdigit()) or len(found) > 15:  # the year 33658
        raise Unreadable(_join(path, key), "milliseconds since the epoch are expected")
    return int(found)


def texts(source: Json) -> dict[str, str]:
    """Flatten an object's scalars into text, field by field, as a venue answered them; a null is no answer."""
    if set(map(type, source.values())) == _TEXT_ALONE:  # as most answers are, and five times as fast
        return source.copy()
    return {
        key: value if isinstance(value, str) else _scalar(value)
        for key, value in source.items()
        if isinstance(value, str) or not (value is None or isinstance(value, dict | list))
    }


def _scalar(value: float | bool | Decimal) -> str:
    return orjson.dumps(value).decode() if isinstance(value, bool) else _written(value)


def words(source: Json, key: str) -> tuple[str, ...]:
    """Read words that are only shown: a list of them, or a text with commas. Whatever else stands there is none."""
    value = source.get(key)
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(part.strip() for part in parts if isinstance(part, str) and part.strip())


def frame_of(raw: bytes | str) -> Frame:
    """Name the bytes that facts are read from."""
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    return Frame(hashlib.blake2b(data, digest_size=16).hexdigest(), data[:RAW_BYTES_MAX])


def _written(value: str | float | Decimal) -> str:
    """Write a scalar as JSON would; an integer may be longer than sixty-four bits."""
    return str(value) if isinstance(value, str | Decimal) else repr(value)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean", int: "a number", float: "a float"}
    if isinstance(value, Decimal):
        return "a fraction"
    return names.get(type(value), "null")
