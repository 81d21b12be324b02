"""Wrong documents for the laws of dialects: a right frame or body with wrong values in it, as JSON of any venue."""

from typing import Any

import orjson
from hypothesis import strategies as st

WORDS = ("0", "1", "", "1e999", "\ud800")
STATUSES = st.sampled_from([200, 200, 200, 201, 400, 401, 404, 429, 500, 503])


def values(*words: str) -> st.SearchStrategy[Any]:
    """Any JSON value, and now and then a word that means something to the venue."""
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats()
        | st.text(max_size=5)
        | st.sampled_from((*WORDS, *words))
    )
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner), max_leaves=4
    )


def spell(value: object) -> bytes:
    """Write JSON that orjson would not: long integers, lone surrogates."""
    match value:
        case dict():
            return b"{" + b",".join(spell(str(key)) + b":" + spell(inner) for key, inner in value.items()) + b"}"
        case list():
            return b"[" + b",".join(map(spell, value)) + b"]"
        case bool() | None:
            return orjson.dumps(value)
        case int():
            return str(value).encode()
        case str():
            return b'"' + value.encode("utf-8", "surrogatepass").replace(b"\\", b"").replace(b'"', b"") + b'"'
        case _:
            return orjson.dumps(value)


def paths(value: object, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    found = [here]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths(inner, (*here, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += paths(inner, (*here, index))
    return found


def put(value: Any, path: tuple[Any, ...], new: object) -> Any:
    """The document with something else in one place."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


@st.composite
def mutated(draw: st.DrawFn, whole: tuple[str | bytes, ...], wrong: st.SearchStrategy[Any]) -> bytes:
    """A frame or body with up to three wrong values in it, cut short now and then."""
    document = orjson.loads(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(1, 3))):
        document = put(document, draw(st.sampled_from(paths(document))), draw(wrong))
    raw = spell(document)
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.integers(0, 9)) == 0 else raw
