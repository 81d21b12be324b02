"""Records, reports and requests as the journal's columns, and back. It knows no connection and no thread.

Writing is exact: ids and quantities are JSON strings. Reading is tolerant of what an older canceld wrote: a member that
did not exist then reads as null where null is a legal value ("not known"), and a member that no longer exists is passed
over. What still cannot be read raises `Undecodable`; its reader sets the row aside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec
from msgspec import inspect
from msgspec.structs import replace

from daemon.core.bindings import Tie
from daemon.core.records import (
    Asked,
    Bound,
    BulkIntent,
    BulkReport,
    Caller,
    CancelRequest,
    CaseId,
    Concluded,
    Observed,
    Previous,
    Record,
    Report,
    RequestKey,
    RequestOpened,
    SendAnswered,
    SendForwarded,
    SendMade,
    Told,
    frame_of,
)
from protocols.evidence import RAW_BYTES_MAX, Frame
from protocols.fix import AccountName, ClientOrderId, OrderId, Priority, RequestId

if TYPE_CHECKING:
    import sqlite3

Read = TypeVar("Read")

KINDS: Final = {
    kind: "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_") for kind in Record.__args__
}
"""How ``steps.kind`` names a record."""


class Undecodable(ValueError):
    """A row that cannot be read: ``where`` names it, ``what`` is the trouble."""

    def __init__(self, where: str, what: object) -> None:
        self.where = where
        self.what = what
        super().__init__(f"{where}: {what}")


class StepRow(NamedTuple):
    """A record as a row of ``steps``, without its number."""

    case: str
    t: int
    kind: str
    order_id: str | None
    digest: str | None
    body: str
    frame: bytes | None


class _ConcludedRow(msgspec.Struct, frozen=True, gc=False, tag="Concluded"):
    """A `Concluded` whose report is written already."""

    t: int
    case: CaseId
    key: RequestKey
    report: msgspec.Raw
    previous: Previous | None


def concluded_row(record: Concluded, report: bytes) -> StepRow:
    """Write an outcome or a correction around its report, which is written twice and need be encoded but once."""
    body = _ConcludedRow(record.t, record.case, record.key, msgspec.Raw(report), record.previous)
    return StepRow(record.case, record.t, KINDS[Concluded], record.report.order_id, None, to_json(body), None)


def step_row(record: Record) -> StepRow:
    """Write a record; the raw frame goes into a column of its own, so that the body stays readable.

    The digest stands alone where there are no bytes, and where the beginning of a long frame, which is all that there
    is of it, does not name the order: a page of a history is read into a hundred records.
    """
    order_id, frame, bare = _parts(record)
    body = _encode(bare).decode()
    if frame is None:
        return StepRow(record.case, record.t, KINDS[type(record)], order_id, None, body, None)
    raw = frame.raw
    if len(raw) >= RAW_BYTES_MAX and order_id is not None and order_id.encode() not in raw:
        raw = b""
    return StepRow(record.case, record.t, KINDS[type(record)], order_id, frame.digest, body, raw or None)


def read_record(body: str, raw: bytes | None = None) -> Record:
    """Read a record back, with its frame's bytes if they are given. Raises `Undecodable`."""
    record = _read(_RECORDS, body, "record")
    frame = None if raw is None else frame_of(record)
    return record if frame is None or raw is None else _with_frame(record, Frame(frame.digest, raw))


def read_records(body: str) -> list[Record]:
    """Read records back that were written together. Raises `Undecodable`."""
    return [read_record(bytes(record).decode()) for record in _read(_GROUPS, body, "records")]


def read_report(body: str) -> Report:
    """Read a report back. It is durable, since it stands here. Raises `Undecodable`."""
    return replace(_read(_REPORTS, body, "report"), durable=True)


def read_intent(body: str) -> BulkIntent:
    """Read what a bulk cancel is of. Raises `Undecodable`."""
    return _read(_INTENTS, body, "intent")


def read_bulk_report(body: str) -> BulkReport:
    """Read what became of a bulk cancel. Raises `Undecodable`."""
    return _read(_BULK_REPORTS, body, "report")


def read_tie(body: str) -> Tie:
    """Read what is bound to a client's life. Raises `Undecodable`."""
    return _read(_TIES, body, "tie")


def read_previous(body: str | None) -> Previous | None:
    """Read what was said before a correction. Raises `Undecodable`."""
    return None if body is None else _read(_PREVIOUS, body, "previous")


def read_request(row: sqlite3.Row) -> CancelRequest:
    """Read a row of ``requests``. Raises `Undecodable`."""
    key = RequestKey(row["uid"], AccountName(row["account"]), RequestId(row["request_id"]))
    try:
        priority = Priority(row["priority"])
    except ValueError as trouble:
        raise Undecodable("priority", trouble) from trouble
    return CancelRequest(
        key=key,
        caller=Caller(row["uid"], row["gid"], row["pid"], row["client"]),
        product=row["product"],
        instrument=row["instrument"],
        order_id=None if row["order_id"] is None else OrderId(row["order_id"]),
        client_order_id=None if row["client_order_id"] is None else ClientOrderId(row["client_order_id"]),
        received_us=row["received_us"],
        deadline_us=row["deadline_us"],
        priority=priority,
        venue_params=_read(_PARAMS, row["venue_params"], "venue_params"),
    )


def to_json(value: object) -> str:
    """Write a value as JSON text."""
    return _encode(value).decode()


def encoded(report: Report) -> bytes:
    """Write a report as JSON."""
    return _encode(report)


_encode: Final = msgspec.json.Encoder().encode
_RECORDS: Final[msgspec.json.Decoder[Record]] = msgspec.json.Decoder(Record)
_GROUPS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_REPORTS: Final = msgspec.json.Decoder(Report)
_INTENTS: Final = msgspec.json.Decoder(BulkIntent)
_BULK_REPORTS: Final = msgspec.json.Decoder(BulkReport)
_TIES: Final = msgspec.json.Decoder(Tie)
_PREVIOUS: Final = msgspec.json.Decoder(Previous)
_PARAMS: Final = msgspec.json.Decoder(dict[str, str])


def _with_frame(record: Record, frame: Frame) -> Record:
    if isinstance(record, Observed):
        return replace(record, report=replace(record.report, frame=frame))
    if isinstance(record, SendAnswered):
        return replace(record, what=replace(record.what, frame=frame))
    if isinstance(record, Told):
        return replace(record, what=replace(record.what, frame=frame))
    return record


def _parts(record: Record) -> tuple[str | None, Frame | None, Record]:
    """Give a record's order and its frame, and what it is without the frame's bytes."""
    if isinstance(record, SendForwarded):  # one in six, and it would go through all that is asked below
        return None, None, record
    order_id: str | None = None
    frame: Frame | None = None
    if isinstance(record, Observed):  # the most frequent first; `match` takes three times as long
        order_id, frame = record.report.order_id, record.report.frame
    elif isinstance(record, SendAnswered):
        order_id, frame = record.what.order_id, record.what.frame
    elif isinstance(record, SendMade):
        order_id = record.wire.order_id
    elif isinstance(record, RequestOpened):
        order_id = record.request.order_id
    elif isinstance(record, Told):
        frame = record.what.frame
    elif isinstance(record, Asked):
        order_id = record.question.order_id
    elif isinstance(record, Bound):
        order_id = record.order_id
    if frame is not None and frame.raw:
        return order_id, frame, _with_frame(record, Frame(frame.digest, b""))
    return order_id, frame, record


def _read(decoder: msgspec.json.Decoder[Read], body: object, where: str) -> Read:
    if not isinstance(body, str):
        raise Undecodable(where, "text is expected")
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, ValueError) as first:
        try:
            filled = _with_nulls(msgspec.json.decode(body), inspect.type_info(decoder.type))
            return decoder.decode(msgspec.json.encode(filled))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise Undecodable(where, first) from first


def _with_nulls(value: object, expected: inspect.Type) -> object:
    """Put null where a required member is missing that may be null."""
    if not isinstance(value, dict):
        return value
    struct = _struct_for(value, expected)
    if struct is None:
        return value
    filled = dict(value)
    for field in struct.fields:
        if field.encode_name in value:
            filled[field.encode_name] = _with_nulls(value[field.encode_name], field.type)
        elif field.required and _may_be_null(field.type):
            filled[field.encode_name] = None
    return filled


def _struct_for(value: dict[object, object], expected: inspect.Type) -> inspect.StructType | None:
    kinds = expected.types if isinstance(expected, inspect.UnionType) else (expected,)
    structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
    for struct in structs:
        if struct.tag_field is not None and value.get(struct.tag_field) == struct.tag:
            return struct
    return structs[0] if len(structs) == 1 else None


def _may_be_null(expected: inspect.Type) -> bool:
    return isinstance(expected, inspect.UnionType) and expected.includes_none
