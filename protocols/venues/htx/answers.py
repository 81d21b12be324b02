"""What HTX answers to a request, read the same way from the WebSocket and from REST.

It refuses to look past an answer's own words: whether the order is off the book is not in it. A result is a ``code``
with a ``message`` (older pages: ``msg``); gateways before v5's own answer in the old shape, ``err_code`` with
``err_msg``, or like a control frame, ``err-code`` with ``err-msg``. Where an item has a code of its own, it decides.
HTTP statuses say nothing of a request that was understood, and content types lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from protocols.allowance import allowance_of, whole_number
from protocols.batching import BatchAnswered
from protocols.errors import Unreadable, VenueRefusal
from protocols.evidence import Allowance, CancelAnswered, Frame, Proof, Remedy
from protocols.fix import OrderId, Road, SendId
from protocols.jsonread import Json, as_array, as_object, code, millis, optional_text, parse, texts
from protocols.rest import RATE_LIMITED, RestResponse, proves_nothing
from protocols.venues.htx.codes import ACCEPTED, Row, control_of, row_of
from protocols.venues.htx.orders import own_client_id
from protocols.venues.htx.rates import WINDOW_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGES: Final = ("message", "msg", "err_msg", "err-msg")
FORBIDDEN: Final = 403
LIMIT_HEADERS: Final = "ratelimit-"
"""Before limit, interval, remaining and reset, in milliseconds (HTX: Access and Usage / API Rate Limit)."""
OK: Final = "ok"
_IDS: Final = {"orderId": "order_id", "clientOrderId": "client_order_id"}
"""A sample of "Orders / Cancel multiple orders" spells the ids so; its table and live answers do not."""


class Envelope(msgspec.Struct, frozen=True):
    """A REST body: its result code, its text and its ``data``."""

    code: str
    message: str
    data: object


def read_envelope(response: RestResponse) -> Envelope:
    """Read a REST answer's envelope, or raise `Unreadable` when it is none or the status contradicts it."""
    if proves_nothing(response.status):
        raise Unreadable("status", f"HTTP {response.status}")
    body = as_object(parse(response.body), "body")
    found = result_code(body)
    if found is None and body.get("status") == OK:
        found = ACCEPTED
    if found is None:
        raise Unreadable("code", "missing or empty")
    if found == ACCEPTED and response.status != 200:
        raise Unreadable("status", f"HTTP {response.status} with code {found}")
    return Envelope(found, message_of(texts(body)), body.get("data"))


def accepted(asked: str, response: RestResponse) -> Json:
    """Read the body of an answer that says yes; raise `VenueRefusal` for any other, `Unreadable` for no answer."""
    envelope = read_envelope(response)
    if envelope.code != ACCEPTED:
        raise VenueRefusal(asked, envelope.code, envelope.message)
    return as_object(parse(response.body), "body")


def rows_of(data: object) -> list[object]:
    """Give the rows of ``data``: a list, one object, or nothing (null, or the empty text of some answers)."""
    if data is None or data == "":
        return []
    return [data] if isinstance(data, dict) else as_array(data, "data")


def result_code(body: Json) -> str | None:
    """Give a body's result code in any of the shapes but a control frame's; None where it has none."""
    return code(body) or code(body, "err_code")


def message_of(fields: dict[str, str]) -> str:
    """Give the text that goes with a code."""
    return next((fields[name] for name in MESSAGES if fields.get(name)), "")


def cancel_answered(send_id: SendId, road: Road, body: Json, frame: Frame) -> CancelAnswered:
    """Read an answer to a single cancel, from either road, or raise `Unreadable`."""
    return _item_answered(send_id, road, body, _only_item(body), frame)


def batch_answered(batch: SendId, road: Road, body: Json, frame: Frame) -> BatchAnswered:
    """Read an answer to a batch, from either road: its rows come in any order, each with a code of its own.

    Never raises: a row that cannot be read names nobody, and is unknown.
    """
    try:
        rows = [_spelled(as_object(row, "row")) for row in rows_of(body.get("data"))]
        whole = _item_answered(batch, road, {key: value for key, value in body.items() if key != "data"}, {}, frame)
    except Unreadable as error:
        return BatchAnswered(batch, unread_cancel(batch, road, body, str(error), frame), ())
    return BatchAnswered(batch, whole, tuple(_row_answered(batch, road, row, frame) for row in rows))


def _row_answered(batch: SendId, road: Road, row: Json, frame: Frame) -> CancelAnswered:
    try:
        return _item_answered(batch, road, {}, row, frame)
    except Unreadable as error:
        return unread_cancel(batch, road, row, str(error), frame)


def _item_answered(send_id: SendId, road: Road, body: Json, item: Json, frame: Frame) -> CancelAnswered:
    deciding = result_code(item) or result_code(body)
    control = code(body, "err-code")
    if deciding is not None:
        row = row_of(deciding)
        proof, remedy = row.proof, row.remedy
    elif control is not None:
        deciding, proof, remedy = control, control_of(control).proof, control_of(control).remedy
    else:
        raise Unreadable("code", "missing or empty")
    order_id = optional_text(item, "order_id")
    fields = texts(body) | texts(item)
    hold_until_ms = reset_ms(body) if remedy is Remedy.BACK_OFF else None
    return CancelAnswered(
        send_id,
        road,
        proof,
        deciding,
        message_of(texts(item)) or message_of(fields),
        order_id=None if order_id is None else OrderId(order_id),
        client_order_id=own_client_id(order_id, optional_text(item, "client_order_id")),
        remedy=remedy,
        fields=fields,
        frame=frame,
        hold_until_ms=hold_until_ms,
        allowance=_allowance(texts(said)) if isinstance(said := body.get("rate_limit"), dict) else None,
    )


def _allowance(said: Mapping[str, str]) -> Allowance | None:
    """Read what is left of the limit (HTX: Access and Usage / API Rate Limit): the same words in frames and headers."""
    is_of_the_rule = said.get("interval") == str(WINDOW_MS)
    return allowance_of(
        said.get("remaining", ""), said.get("limit", "") if is_of_the_rule else "", said.get("reset", "")
    )


def reset_ms(body: Json) -> int | None:
    """Say when the venue's window is over, by its clock, where an answer on the socket says it in ``rate_limit``."""
    said = body.get("rate_limit")
    try:
        return millis(said, "reset", "rate_limit") if isinstance(said, dict) else None
    except Unreadable:
        return None


def unread_cancel(send_id: SendId, road: Road, body: Json, why: str, frame: Frame) -> CancelAnswered:
    """Say that a cancel was answered, and that the answer proves nothing since it cannot be read."""
    fields = texts(body)
    return CancelAnswered(
        send_id, road, Proof.UNKNOWN, fields.get("code", ""), f"unreadable: {why}", fields=fields, frame=frame
    )


def read_rest_cancel(send_id: SendId, response: RestResponse, frame: Frame) -> CancelAnswered:
    """Read a REST answer to a single cancel. Never raises. HTTP 5xx proves nothing, whatever the body says."""
    body: Json = {}
    try:
        body = as_object(parse(response.body), "body")
        answer = cancel_answered(send_id, Road.REST, body, frame)
    except Unreadable as error:
        answer = unread_cancel(send_id, Road.REST, body, f"HTTP {response.status}, {error}", frame)
        answer = _by_status(answer, response.status)
    said = {name.removeprefix(LIMIT_HEADERS): value for name, value in response.headers}
    answer = msgspec.structs.replace(answer, allowance=_allowance(said))
    if answer.remedy is Remedy.BACK_OFF:
        answer = msgspec.structs.replace(answer, hold_until_ms=whole_number(said.get("reset", "")))
    contradicts = answer.proof is Proof.ACCEPTED and response.status != 200
    if contradicts or proves_nothing(response.status):
        return msgspec.structs.replace(answer, proof=Proof.UNKNOWN)
    return answer


def read_rest_batch(batch: SendId, response: RestResponse, frame: Frame) -> BatchAnswered:
    """Read a REST answer to a batch. Never raises. Only HTTP 200 is believed in its rows."""
    whole = BatchAnswered(batch, read_rest_cancel(batch, response, frame), ())
    if response.status != 200:
        return whole
    try:
        answer = batch_answered(batch, Road.REST, as_object(parse(response.body), "body"), frame)
        told = msgspec.structs.replace(answer.whole, allowance=whole.whole.allowance)
        return msgspec.structs.replace(answer, whole=told)
    except Unreadable:
        return whole


def _by_status(answer: CancelAnswered, status: int) -> CancelAnswered:
    """Let the status speak where the body cannot: limiter and doorkeeper stand before everything that could act."""
    if status == RATE_LIMITED:
        return msgspec.structs.replace(answer, proof=Proof.UNCHANGED_RETRY, remedy=Remedy.BACK_OFF)
    if status == FORBIDDEN:
        row: Row = row_of(str(FORBIDDEN))
        return msgspec.structs.replace(answer, code=str(FORBIDDEN), proof=row.proof, remedy=row.remedy)
    return answer


def _only_item(body: Json) -> Json:
    """Give the one item of ``data``, its ids spelled one way; an empty one where there is none (an error)."""
    rows = rows_of(body.get("data"))
    if len(rows) > 1:
        raise Unreadable("data", f"one item is expected, not {len(rows)}")
    return _spelled(as_object(rows[0], "data[0]")) if rows else {}


def _spelled(item: Json) -> Json:
    return {_IDS.get(key, key): value for key, value in item.items()}
