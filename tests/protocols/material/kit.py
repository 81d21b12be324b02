"""The shape of a venue's material for the contract test, and the ways in which a document is spoilt."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from protocols.dialect import Profile
from protocols.evidence import Absence, Proof
from protocols.rest import RestResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from protocols.dialect import RefusalKind
    from protocols.fix import OrdStatus

Json = dict[str, Any]
SEND_ID = "c0000001"
"""Every answer to a cancel over the WebSocket is an answer to this one."""
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An order as the venue shows it, and what is to be understood."""

    row: Json
    status: OrdStatus
    cum_qty: str | None
    is_final: bool = False


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What a row calls the members that a report cannot do without, and some that it can."""

    order_id: str
    client_order_id: str
    instrument: str
    status: str
    cum_qty: str
    side: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """An answer to a cancel: the same over both roads. ``frame`` None where no socket takes cancels."""

    code: str
    frame: str | None
    response: RestResponse


@dataclass(frozen=True, kw_only=True)
class Material:
    """A venue, or one surface of it.

    ``order_id`` is above 2^53, and it and ``client_order_id`` are those of every row and answer. ``subscribed`` writes
    the acknowledgement of a key; ``subscribe_refusals`` are frames with the key that they name ("" for none). ``push``
    and ``answer`` wrap a row as the venue does, the latter as the answer about one order. The pushed and queried rows
    have ``live``, ``partial``, ``filled``, ``canceled``, ``partly_canceled`` and whatever other states the venue knows.
    ``answers`` has an answer of each proof that the venue can give, ``lacks`` names the others. ``nameless`` are error
    frames that may be about a cancel and name none.
    """

    name: str
    venue: str
    product: str = ""
    instrument: str
    order_id: str
    client_order_id: str
    wrong_order_ids: tuple[str, ...]
    wrong_client_order_ids: tuple[str, ...]
    profile: Profile = field(default_factory=Profile)
    logins: tuple[str, ...]
    login_refusals: tuple[tuple[str, RefusalKind], ...]
    subscribed: Callable[[str], str]
    subscribe_refusals: tuple[tuple[str, str], ...]
    push: Callable[[Json], str]
    pushed: Mapping[str, Seen]
    push_keys: Keys
    answer: Callable[[Json], RestResponse]
    queried: Mapping[str, Seen]
    answer_keys: Keys
    answers: Mapping[Proof, Told]
    unlisted: Told
    nameless: tuple[str, ...]
    not_found: RestResponse
    lacks: frozenset[Proof] = frozenset()
    alias_absence: Absence = Absence.DENIES


STATES = ("live", "partial", "filled", "canceled", "partly_canceled")


def body(document: object, status: int = 200) -> RestResponse:
    """A REST answer with this document."""
    return RestResponse(status, orjson.dumps(document))


def flipped(document: Any) -> Any:
    """The same document with every number written as text, and every text that is a number as one."""
    match document:
        case dict():
            return {key: flipped(value) for key, value in document.items()}
        case list():
            return [flipped(value) for value in document]
        case bool() | None:
            return document
        case int() | float():
            return str(document)
        case str() if _DECIMAL.fullmatch(document):
            return float(document) if "." in document else int(document)
    return document


def flipped_text(raw: str | bytes) -> str:
    """The same for a whole frame or body."""
    return orjson.dumps(flipped(orjson.loads(raw))).decode()


def scalars(row: Json) -> Iterator[str]:
    """The members of a row that are no objects or lists."""
    return (key for key, value in row.items() if not isinstance(value, dict | list))
