"""JSON as a simulated venue reads and writes it: untrusted values in, narrowed by hand; bytes out.

It knows no venue. Reading is strict about shapes and lenient about nothing: a field of another type reads as absent
or raises, as the caller chooses.
"""

from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

import orjson

JsonObject = dict[str, object]
DIGITS_MAX = 64
"""Of a quantity or price. One with more is none: "1E99999999" would be printed with all its zeros."""


class BadJsonError(ValueError):
    """The bytes are no JSON document of the shape that was asked for; the sentence says what is wrong."""


def parse(data: bytes | str) -> object:
    """The document in `data`; raises BadJsonError."""
    try:
        document: object = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadJsonError(f"not JSON: {error}") from None
    return document


def parse_object(data: bytes | str) -> JsonObject:
    """The JSON object in `data`; raises BadJsonError."""
    return as_object(parse(data), "the document")


def as_object(value: object, what: str) -> JsonObject:
    """`value` as an object; raises BadJsonError naming `what`."""
    if not isinstance(value, dict):
        raise BadJsonError(f"{what} is not a JSON object")
    return value


def text(source: JsonObject, key: str) -> str:
    """The text at `key`, or "" where it is absent, null, or not a text."""
    value = source.get(key)
    return value if isinstance(value, str) else ""


def decimal_text(value: object) -> Decimal | None:
    """A finite decimal of at most `DIGITS_MAX` digits, from a JSON text or number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):  # ValueError: an integer of thousands of digits
        return None
    is_written_out = number.is_finite() and len(number.as_tuple().digits) <= DIGITS_MAX
    return number if is_written_out and abs(number.adjusted()) <= DIGITS_MAX else None


def plain(number: Decimal) -> str:
    """A decimal as venues print it: no exponent."""
    written = str(number)
    return format(number, "f") if "E" in written else written


def query_pairs(query: str) -> list[tuple[str, str]]:
    """The pairs of a query in its order, decoded as HTML forms are; a name without a value has ""."""
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True)
    return [(name, value) for name, _, value in (each.partition("=") for each in query.split("&") if each)]


def dumps(document: object) -> bytes:
    """`document` as compact JSON."""
    return orjson.dumps(document)
