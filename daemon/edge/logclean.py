"""Making an event fit to be written: no secrets, no raw bytes, no endless text, nothing that JSON cannot hold.

What comes in is whatever somebody bound; what goes out is texts, numbers, true, false, null, lists and objects, bounded
in depth, length and width. It raises for nothing: a log line must not be what stops a daemon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

import orjson

from protocols.secret import Secret

if TYPE_CHECKING:
    from structlog.typing import EventDict

TEXT_CHARS_MAX: Final = 8192  # a long traceback; journald takes lines of 48 kB
ITEMS_MAX: Final = 64  # of a list or an object
DEPTH_MAX: Final = 6
INTEGER_BITS_MAX: Final = 63  # what every JSON reader takes
DOTS: Final = repr(Secret(""))

_TELLING: Final = r"(?:api|access|secret|listen)?[-_]?(?:key(?:id)?|secret|passphrase|sign(?:ature)?|password)"
_SECRET_NAME: Final = re.compile(rf"(?:[a-z]+[-_])*{_TELLING}", re.IGNORECASE)
# name=value, name: value, "name": "value", as in an address, a header or a frame that an error quotes
_SECRET_IN_TEXT: Final = re.compile(
    rf"(?P<name>(?<![A-Za-z]){_TELLING}[\"']?\s*[=:]\s*)(?P<value>\"[^\"]*\"?|'[^']*'?|[^\s&,;\"'}})\]]+)",
    re.IGNORECASE,
)
_NOTHING_STRANGE: Final = (
    orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
)
_LONG_NUMBER: Final = re.compile(rb":-?\d{19}")
"""It may have more bits than every JSON reader takes."""
_MASKED: Final = rf"\g<name>{DOTS}"


def as_it_is(event: EventDict) -> str | None:
    """Give the event as JSON where nothing of it is to be cleaned, else None: then `clean` it.

    Nearly every line of a busy log is so, and it is cheaper to see that of the whole line than of each of its values:
    it is short, of plain characters, without a list or an object within, and has a colon behind each name alone.
    """
    if not _are_plain(tuple(event)):
        return None
    try:
        line = orjson.dumps(event, option=_NOTHING_STRANGE)
    except TypeError:
        return None
    if len(line) > TEXT_CHARS_MAX or line.count(b":") != len(event) or line.count(b"{") > 1 or not line.isascii():
        return None
    return None if b"=" in line or b"[" in line or _LONG_NUMBER.search(line) else line.decode()


def clean(event: EventDict, *, for_terminal: bool) -> EventDict:
    """Give the event with clean values; for a terminal also without control characters, which could draw on it."""
    cleaned = {str(name): _value(str(name), value, DEPTH_MAX) for name, value in event.items()}
    if for_terminal:
        for name, value in cleaned.items():
            if isinstance(value, str):
                cleaned[name] = _printable(value, lines=name == "exception")
    return cleaned


def without_secrets(text: str) -> str:
    """Dot out what looks like a secret in a text: the value behind a telling name."""
    # Without either sign there is none by the pattern, which costs ten times as much as to look for them.
    return _SECRET_IN_TEXT.sub(_MASKED, text) if "=" in text or ":" in text else text


def _value(name: str, value: object, depth: int) -> object:
    if value is None:
        return None
    if _is_telling(name):
        return DOTS
    if type(value) is str:  # nearly all of them: each line of a busy log has a dozen
        is_plain = len(value) <= TEXT_CHARS_MAX and "=" not in value and ":" not in value and value.isascii()
        return value if is_plain else _text(value)
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= INTEGER_BITS_MAX else hex(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _items(value, depth - 1) if depth else "…"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    return _text(_shown(value))


@lru_cache(maxsize=1024)
def _are_plain(names: tuple[str, ...]) -> bool:
    """Whether no value of these names is a secret or a traceback yet to be written."""
    return "exc_info" not in names and all(type(name) is str and not _is_telling(name) for name in names)


@lru_cache(maxsize=1024)
def _is_telling(name: str) -> bool:
    """Whether a value of this name is a secret. Events have few names, again and again."""
    return _SECRET_NAME.fullmatch(name) is not None


def _items(value: Mapping[object, object] | Iterable[object], depth: int) -> object:
    if isinstance(value, Mapping):
        pairs = [(_shown(key), item) for key, item in islice(value.items(), ITEMS_MAX)]
        return {_text(key): _value(key, item, depth) for key, item in pairs}
    return [_value("", item, depth) for item in islice(value, ITEMS_MAX)]


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's __str__ raises, the line is to be written
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _text(text: str) -> str:
    """Cut a text in its middle, scrub what looks like a secret in it, and make it encodable."""
    if len(text) > TEXT_CHARS_MAX:
        half = TEXT_CHARS_MAX // 2
        text = f"{text[:half]} … {text[-half:]}"
    scrubbed = without_secrets(text)
    return scrubbed if scrubbed.isascii() else scrubbed.encode("utf-8", "backslashreplace").decode("utf-8")


def _printable(text: str, *, lines: bool) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or (lines and char == "\n") else char.encode("unicode_escape").decode()
        for char in text
    )
