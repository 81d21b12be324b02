"""What OKX answers to a request, read the same way from a WebSocket op and from REST.

It refuses to look past an answer's own words: whether the order is off the book is not in it. Where an item has an
``sCode``, it decides; else the top level's ``code`` does. Messages decide nothing: ``sMsg`` may speak on success too.
"""

from __future__ import annotations

import msgspec

from protocols.batching import BatchAnswered
from protocols.dialect import RefusalKind
from protocols.errors import Unreadable, VenueRefusal
from protocols.evidence import CancelAnswered, Frame, Proof, Remedy
from protocols.fix import ClientOrderId, OrderId, Road, SendId
from protocols.jsonread import Json, as_array, as_object, code, optional_text, parse, texts
from protocols.rest import RATE_LIMITED, RestResponse, proves_nothing
from protocols.venues.okx.codes import ACCEPTED, Row, Table, row_of


class Envelope(msgspec.Struct, frozen=True):
    """A REST body: ``code``, ``msg`` and the rows of ``data``."""

    code: str
    message: str
    rows: list[object]


def read_envelope(response: RestResponse) -> Envelope:
    """Read a REST answer's envelope, or raise `Unreadable` when it is none or the status contradicts it."""
    if proves_nothing(response.status):
        raise Unreadable("status", f"HTTP {response.status}")
    body = as_object(parse(response.body), "body")
    found = code(body)
    if found is None:
        raise Unreadable("code", "missing or empty")
    if found == ACCEPTED and response.status != 200:
        raise Unreadable("status", f"HTTP {response.status} with code 0")
    return Envelope(found, texts(body).get("msg", ""), _rows(body))


def rows_of(asked: str, response: RestResponse) -> list[object]:
    """Read the rows of an answer with code 0; raise `VenueRefusal` for any other code, `Unreadable` for no answer."""
    envelope = read_envelope(response)
    if envelope.code != ACCEPTED:
        raise VenueRefusal(asked, envelope.code, envelope.message)
    return envelope.rows


def first_row(asked: str, response: RestResponse) -> Json:
    """Read the first row of an answer with code 0; raises as `rows_of`, and `Unreadable` where there is none."""
    rows = rows_of(asked, response)
    if not rows:
        raise Unreadable("data", "empty")
    return as_object(rows[0], "data[0]")


def cancel_answered(send_id: SendId, road: Road, body: Json, frame: Frame, table: Table) -> CancelAnswered:
    """Read an answer to a single cancel, from either road, or raise `Unreadable`."""
    return _item_answered(send_id, road, body, _only_item(body), frame, table)


def batch_answered(batch: SendId, road: Road, body: Json, frame: Frame, table: Table) -> BatchAnswered:
    """Read an answer to a batch, from either road. Never raises: a row that cannot be read names nobody, and unknown.

    The top's code says how many were accepted, and decides nothing where there are rows: 0 all, 2 some, 1 none.
    """
    try:
        rows = [as_object(row, "row") for row in _rows(body)]
    except Unreadable as error:
        return BatchAnswered(batch, unread_cancel(batch, road, body, str(error), frame), ())
    try:
        whole = _item_answered(batch, road, body, {}, frame, table)
    except Unreadable as error:
        whole = unread_cancel(batch, road, body, str(error), frame)
    return BatchAnswered(batch, whole, tuple(_row_answered(batch, road, row, frame, table) for row in rows), True)


def _row_answered(batch: SendId, road: Road, row: Json, frame: Frame, table: Table) -> CancelAnswered:
    """Read a row by its own code alone."""
    try:
        return _item_answered(batch, road, {}, row, frame, table)
    except Unreadable as error:
        return unread_cancel(batch, road, row, str(error), frame)


def _item_answered(send_id: SendId, road: Road, body: Json, item: Json, frame: Frame, table: Table) -> CancelAnswered:
    deciding = code(item, "sCode") or code(body)
    if deciding is None:
        raise Unreadable("code", "neither sCode nor code")
    order_id, client_order_id = optional_text(item, "ordId"), optional_text(item, "clOrdId")
    row = row_of(deciding, table)
    fields = texts(_without_rows(body)) | texts(item) if body else texts(item)
    return CancelAnswered(
        send_id,
        road,
        row.proof,
        deciding,
        fields.get("sMsg") or fields.get("msg", ""),
        order_id=None if order_id is None else OrderId(order_id),
        client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
        remedy=row.remedy,
        fields=fields,
        frame=frame,
    )


def unread_cancel(send_id: SendId, road: Road, body: Json, why: str, frame: Frame) -> CancelAnswered:
    """Say that a cancel was answered, and that the answer proves nothing since it cannot be read."""
    fields = texts(body)
    top = fields.get("code", "")
    return CancelAnswered(send_id, road, Proof.UNKNOWN, top, f"unreadable: {why}", fields=fields, frame=frame)


def read_rest_cancel(send_id: SendId, response: RestResponse, frame: Frame, table: Table) -> CancelAnswered:
    """Read a REST answer to a single cancel. Never raises. HTTP 5xx proves nothing, whatever the body says."""
    body: Json = {}
    try:
        body = as_object(parse(response.body), "body")
        answer = cancel_answered(send_id, Road.REST, body, frame, table)
    except Unreadable as error:
        answer = unread_cancel(send_id, Road.REST, body, f"HTTP {response.status}, {error}", frame)
        if response.status == RATE_LIMITED:  # the limiter stands before everything that could act
            answer = msgspec.structs.replace(answer, proof=Proof.UNCHANGED_RETRY, remedy=Remedy.BACK_OFF)
    contradicts = answer.proof is Proof.ACCEPTED and response.status != 200
    if contradicts or proves_nothing(response.status):
        return msgspec.structs.replace(answer, proof=Proof.UNKNOWN)
    return answer


def read_rest_batch(batch: SendId, response: RestResponse, frame: Frame, table: Table) -> BatchAnswered:
    """Read a REST answer to a batch. Never raises. Only HTTP 200 is believed in its rows."""
    whole = BatchAnswered(batch, read_rest_cancel(batch, response, frame, table), ())
    if response.status != 200:
        return whole
    try:
        return batch_answered(batch, Road.REST, as_object(parse(response.body), "body"), frame, table)
    except Unreadable:
        return whole


def login_refusal(row: Row) -> RefusalKind:
    """Say why a login or subscription was refused; an unlisted code is taken for something of ours that is broken."""
    return row.refusal or RefusalKind.BROKEN


def _only_item(body: Json) -> Json:
    """Give the one item of ``data``, or an empty one where there is none (a format error)."""
    rows = _rows(body)
    if len(rows) > 1:
        raise Unreadable("data", f"one item is expected, not {len(rows)}")
    return as_object(rows[0], "data[0]") if rows else {}


def _without_rows(body: Json) -> Json:
    """Give the top of an answer alone, which is nothing but texts and so is read as it stands."""
    top = body.copy()
    top.pop("data", None)
    return top


def _rows(body: Json) -> list[object]:
    data = body.get("data")
    return [] if data is None else as_array(data, "data")
