"""One line of a client turned into a typed call, or into the error that it gets: nothing in between, and no exception.

The envelope is read first, with every member left raw, so that a call's id is known before anything else about it can
be wrong. JSON-RPC: a call without ``id`` is never answered, not even with an error; a line that is no call at all is
answered under the id ``null``.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType, inspect

from protocols.control.methods import METHODS
from protocols.control.params import IN_WORDS, AnyParams
from protocols.control.refusals import Reason, RpcError, error_of, error_of_bad_request
from protocols.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Kind = TypeVar("Kind", bound=inspect.Type)

CALL_ID_BYTES_MAX: Final = 256
"""The longest id of a call, as written: it comes back with the answer, which has to fit a line."""
ECHO_LENGTH_MAX: Final = 128
"""How much of a client's own text an error repeats: the answer has to fit a line too."""
NULL: Final = b"null"


class Call(msgspec.Struct, frozen=True, gc=False):
    """A call that is well formed. ``id`` is as the client wrote it; None: carry it out and do not answer."""

    id: bytes | None
    params: AnyParams


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A line that is no call, or a wrong one. ``id`` None: nobody is to be told."""

    id: bytes | None
    error: RpcError


class _Envelope(msgspec.Struct, gc=False):
    jsonrpc: Raw | UnsetType = UNSET
    method: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET
    params: Raw | UnsetType = UNSET


_envelope = msgspec.json.Decoder(_Envelope)
_scalar = msgspec.json.Decoder(str | int | float | None)
_text = msgspec.json.Decoder(str)
_members = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_decoders: Final[Mapping[str, msgspec.json.Decoder[AnyParams]]] = MappingProxyType(
    {name: msgspec.json.Decoder(method.params) for name, method in METHODS.items()}
)

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_MEMBER = re.compile(r"^Object (?:missing required|contains unknown) field `(?P<member>.*)`$", re.DOTALL)
_IN_A_MEMBER = re.compile(r"^\.(?P<member>\w+)\[\.\.\.\]")
_NAMES = re.compile(r"(?<![\[\w])[a-z_]+")
_ANY_KEY = re.compile(r"\[\.\.\.\].*$", re.DOTALL)


def parse(line: bytes) -> Call | Refused:
    """Read one line (without its line feed), or say what is wrong with it."""
    try:
        line.decode()
        envelope = _envelope.decode(line)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        return _no_object(line, error)
    try:
        call_id = _call_id(envelope)
    except BadRequest as error:
        return Refused(NULL, error_of_bad_request(error))
    try:
        return Call(call_id, _params(_method(envelope), envelope))
    except BadRequest as error:
        is_no_call = error.reason == Reason.INVALID_REQUEST
        return Refused(NULL if is_no_call and call_id is None else call_id, error_of_bad_request(error))


def _no_object(line: bytes, error: Exception) -> Refused:
    """Say why a line is no JSON object: broken text, an array, or another value."""
    if isinstance(error, msgspec.ValidationError):
        try:
            value: object = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError) as broken:
            return _no_object_at_all(broken)
        if isinstance(value, list):
            return Refused(NULL, error_of(Reason.BATCH_UNSUPPORTED, "send one call per line instead of an array"))
        return Refused(NULL, error_of(Reason.INVALID_REQUEST, "a call is a JSON object"))
    return _no_object_at_all(error)


def _no_object_at_all(error: Exception) -> Refused:
    match error:
        case RecursionError():
            what = "nested too deeply"
        case UnicodeDecodeError():
            what = f"not UTF-8 at byte {error.start}"
        case _:
            what = str(error)
    return Refused(NULL, error_of(Reason.PARSE_ERROR, what))


def _call_id(envelope: _Envelope) -> bytes | None:
    if envelope.id is UNSET:
        return None
    written = bytes(envelope.id)
    if len(written) > CALL_ID_BYTES_MAX:
        raise BadRequest(Reason.INVALID_REQUEST, f"{CALL_ID_BYTES_MAX} bytes at most", path="id")
    try:
        _scalar.decode(written)
    except msgspec.DecodeError:
        raise BadRequest(Reason.INVALID_REQUEST, "a string, a number or null is expected", path="id") from None
    return written


def _method(envelope: _Envelope) -> str:
    if envelope.jsonrpc is UNSET or _read_text(envelope.jsonrpc) != "2.0":
        raise BadRequest(Reason.INVALID_REQUEST, '"2.0" is expected', path="jsonrpc")
    name = None if envelope.method is UNSET else _read_text(envelope.method)
    if name is None:
        raise BadRequest(Reason.INVALID_REQUEST, "the name of a method is expected", path="method")
    if name not in METHODS:
        raise BadRequest(Reason.METHOD_NOT_FOUND, f"there is no method {name[:ECHO_LENGTH_MAX]!r}; see rpc.discover")
    return name


def _read_text(raw: Raw) -> str | None:
    try:
        return _text.decode(raw)
    except msgspec.DecodeError:
        return None


def _params(name: str, envelope: _Envelope) -> AnyParams:
    raw = Raw(b"{}") if envelope.params is UNSET else envelope.params
    if not bytes(raw).startswith(b"{"):
        raise BadRequest(Reason.INVALID_PARAMS, "an object is expected", path="params")
    try:
        params = _decoders[name].decode(raw)
    except msgspec.ValidationError as error:
        raise _invalid(name, str(error), lambda member: _index_of_the_bad(name, raw, member)) from None
    except msgspec.DecodeError as error:
        raise BadRequest(Reason.INVALID_PARAMS, str(error), path="params") from None
    params.check()
    return params


def _invalid(name: str, sentence: str, index_of: Callable[[str], int | None]) -> BadRequest:
    """Turn the decoder's "what - at `$.path`" into the path of the member to mend, and what is wrong with it.

    Of an array the decoder does not say which element it means: ``index_of`` does, given the array's name.
    """
    found = _AT.match(sentence)
    what, path = (found["what"], found["path"] or "") if found else (sentence, "")
    member = _MEMBER.match(what)
    if member:
        path = f"{path}.{member['member']}"
        what = "this member is needed" if what.startswith("Object missing") else "there is no such member"
    inside = _IN_A_MEMBER.match(path)
    index = index_of(inside["member"]) if inside else None
    if inside and index is not None:
        path = f".{inside['member']}[{index}]{path[inside.end() :]}"
    for pattern, words in IN_WORDS.items():
        if what.endswith(f"matching regex {pattern!r}"):
            what = f"expected {words}"
    path = _ANY_KEY.sub("", path).removeprefix(".")[:ECHO_LENGTH_MAX]
    what = what[:1].lower() + what[1:ECHO_LENGTH_MAX]
    if what.startswith("invalid enum value"):
        what += f"; known are {', '.join(_words_of(METHODS[name].params, path))}"
    return BadRequest(Reason.INVALID_PARAMS, what, path=path or "params")


def _words_of(params: type[AnyParams], path: str) -> list[str]:
    """List the words that the member at a path may be."""
    kind: inspect.Type = inspect.type_info(params)
    for member in _NAMES.findall(path):
        fields = [field for struct in _within(kind, inspect.StructType) for field in struct.fields]
        kind = next((field.type for field in fields if field.encode_name == member), inspect.AnyType())
    return [str(word.value) for enum in _within(kind, inspect.EnumType) for word in enum.cls]


def _within(kind: inspect.Type, wanted: type[Kind]) -> Iterator[Kind]:
    """Find what a type may be: itself, one of a union, what an array holds."""
    match kind:
        case inspect.UnionType(types=kinds):
            for each in kinds:
                yield from _within(each, wanted)
        case inspect.ListType(item_type=inner) | inspect.VarTupleType(item_type=inner):
            yield from _within(inner, wanted)
        case _ if isinstance(kind, wanted):
            yield kind


def _index_of_the_bad(name: str, raw: Raw, member: str) -> int | None:
    """Find the first element of an array that the params of a method cannot have; None if the member is no array."""
    members = _members.decode(raw)
    try:
        elements = _array.decode(members[member])
    except msgspec.DecodeError:
        return None
    low, high = 0, len(elements) - 1
    while low < high:  # those before low are good, the one at high or one before it is not
        middle = (low + high) // 2
        if _is_good(name, members | {member: Raw(msgspec.json.encode(elements[low : middle + 1]))}):
            low = middle + 1
        else:
            high = middle
    return low


def _is_good(name: str, members: dict[str, Raw]) -> bool:
    try:
        _decoders[name].decode(msgspec.json.encode(members))
    except msgspec.DecodeError:
        return False
    return True
