"""What Bitget answers to a cancel, from either generation's socket and from REST, and REST's envelope.

It refuses to look past an answer's own words: whether the order is off the book is not in it. On v2 the id of a request
and the order's ids stand in ``arg[0]``, on v3 the id stands at the top and the order's in ``args[0]``; codes come as
number or text. REST says its business errors under HTTP 400, so the body decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from protocols.allowance import allowance_of
from protocols.batching import BatchAnswered
from protocols.errors import Unreadable, VenueRefusal
from protocols.evidence import Allowance, CancelAnswered, Frame, Proof, Remedy
from protocols.fix import ClientOrderId, OrderId, Road, SendId
from protocols.jsonread import Json, as_array, as_object, code, frame_of, optional_text, parse, texts
from protocols.rest import RATE_LIMITED, RestResponse, proves_nothing
from protocols.venues.bitget.codes import ACCEPTED_CODES, row_of

if TYPE_CHECKING:
    from collections.abc import Callable

REMAINING_HEADER: Final = "x-mbx-used-remain-limit"
"""How many more of a call fit, beside its answer (Bitget: REST API / Rate limit)."""


class Envelope(msgspec.Struct, frozen=True):
    """A REST body: ``code``, ``msg`` and ``data``, whatever that is."""

    code: str
    message: str
    data: object

    @property
    def is_accepted(self) -> bool:
        """Whether the call succeeded."""
        return self.code in ACCEPTED_CODES


def read_envelope(response: RestResponse) -> Envelope:
    """Read a REST answer's envelope, or raise `Unreadable` when it is none or the status contradicts it."""
    if proves_nothing(response.status):
        raise Unreadable("status", f"HTTP {response.status}")
    body = as_object(parse(response.body), "body")
    found = code(body)
    if found is None:
        raise Unreadable("code", "missing or empty")
    if found in ACCEPTED_CODES and response.status != 200:
        raise Unreadable("status", f"HTTP {response.status} with code {found}")
    return Envelope(found, texts(body).get("msg", ""), body.get("data"))


def data_of(asked: str, response: RestResponse, hints: dict[str, str] | None = None) -> Json:
    """Read the object in an accepted answer; raise `VenueRefusal` for any other code, `Unreadable` for no answer.

    ``hints`` are words for the operator, by code, that are put behind the venue's own.
    """
    envelope = read_envelope(response)
    if not envelope.is_accepted:
        hint = (hints or {}).get(envelope.code)
        raise VenueRefusal(asked, envelope.code, f"{envelope.message} ({hint})" if hint else envelope.message)
    return as_object(envelope.data, "data")


def socket_item(body: Json) -> Json:
    """Give the part of a trade reply that names the order: ``arg[0]`` (v2), ``args[0]`` (v3), or nothing."""
    for key in ("arg", "args"):
        found = body.get(key)
        if isinstance(found, list) and found and isinstance(found[0], dict):
            return found[0]
        if isinstance(found, dict):
            return found
    return {}


def cancel_answered(send_id: SendId, road: Road, body: Json, frame: Frame) -> CancelAnswered:
    """Read an answer to a single cancel, from either road, or raise `Unreadable`.

    ``fields`` are those of the page, flattened; where an item repeats a field of the whole, the item's stands.
    """
    return _item_answered(send_id, road, body, _rest_item(body) if road is Road.REST else socket_item(body), frame)


def batch_answered(batch: SendId, road: Road, body: Json, rows: list[Json], frame: Frame) -> BatchAnswered:
    """Read an answer to a batch by its rows. Never raises: a row that cannot be read names nobody, and is unknown.

    The top's code is that of success even where every row failed.
    """
    bare = {key: value for key, value in body.items() if key not in {"data", "args", "arg"}}
    try:
        whole = _item_answered(batch, road, bare, {}, frame)
    except Unreadable as error:
        whole = unread_cancel(batch, road, body, str(error), frame)
    return BatchAnswered(batch, whole, tuple(_row_answered(batch, road, row, frame) for row in rows))


def _row_answered(batch: SendId, road: Road, row: Json, frame: Frame) -> CancelAnswered:
    try:
        return _item_answered(batch, road, {}, row, frame)
    except Unreadable as error:
        unread = unread_cancel(batch, road, row, str(error), frame)
        order_id, client_order_id = texts(row).get("orderId"), texts(row).get("clientOid")
        return msgspec.structs.replace(
            unread,
            order_id=OrderId(order_id) if order_id else None,
            client_order_id=ClientOrderId(client_order_id) if client_order_id else None,
        )


def _item_answered(send_id: SendId, road: Road, body: Json, item: Json, frame: Frame) -> CancelAnswered:
    params = item.get("params")
    named = as_object(params, "params") if params is not None else item
    deciding = code(item) or code(body)
    if deciding is None:
        raise Unreadable("code", "missing or empty")
    order_id, client_order_id = optional_text(named, "orderId"), optional_text(named, "clientOid")
    fields = texts(body) | texts(item) | texts(named)
    row = row_of(deciding, road)
    return CancelAnswered(
        send_id,
        road,
        row.proof_on(road),
        deciding,
        fields.get("msg", ""),
        order_id=None if order_id is None else OrderId(order_id),
        client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
        remedy=row.remedy_on(road),
        fields=fields,
        frame=frame,
        allowance=_said_in(body),
    )


def _said_in(body: Json) -> Allowance | None:
    """Read ``rateLimit``, which v3's frames carry: a list of one, ``limit`` and ``remaining`` (Bitget: Changelog 2026).

    Of several, all of which the request would fall under, none is known to be about our rule.
    """
    said = body.get("rateLimit")
    if not isinstance(said, list) or len(said) != 1 or not isinstance(said[0], dict):
        return None
    numbers = texts(said[0])
    return allowance_of(numbers.get("remaining", ""), numbers.get("limit", ""))


def _said_beside(response: RestResponse) -> Allowance | None:
    """Read what remains of a call's quota, from a header (Bitget: REST API / Rate limit)."""
    return allowance_of(response.header(REMAINING_HEADER))


def unread_cancel(send_id: SendId, road: Road, body: Json, why: str, frame: Frame) -> CancelAnswered:
    """Say that a cancel was answered, and that the answer proves nothing since it cannot be read."""
    fields = texts(body)
    top = fields.get("code", "")
    return CancelAnswered(send_id, road, Proof.UNKNOWN, top, f"unreadable: {why}", fields=fields, frame=frame)


def read_rest_cancel(send_id: SendId, response: RestResponse) -> CancelAnswered:
    """Read a REST answer to a single cancel. Never raises. HTTP 5xx proves nothing, whatever the body says."""
    frame = frame_of(response.body)
    body: Json = {}
    try:
        body = as_object(parse(response.body), "body")
        answer = cancel_answered(send_id, Road.REST, body, frame)
    except Unreadable as error:
        answer = unread_cancel(send_id, Road.REST, body, f"HTTP {response.status}, {error}", frame)
        if response.status == RATE_LIMITED:  # the limiter stands before everything that could act
            answer = msgspec.structs.replace(answer, proof=Proof.UNCHANGED_RETRY, remedy=Remedy.BACK_OFF)
    answer = msgspec.structs.replace(answer, allowance=_said_beside(response))
    contradicts = answer.proof is Proof.ACCEPTED and response.status != 200
    if contradicts or proves_nothing(response.status):
        return msgspec.structs.replace(answer, proof=Proof.UNKNOWN)
    return answer


def read_rest_batch(batch: SendId, response: RestResponse, rows_of: Callable[[Json], list[Json]]) -> BatchAnswered:
    """Read a REST answer to a batch, whose rows ``rows_of`` finds or raises `Unreadable`. Never raises.

    A business error comes with HTTP 400 and no rows; whatever else is not HTTP 200 is not believed in its rows.
    """
    frame = frame_of(response.body)
    whole = BatchAnswered(batch, read_rest_cancel(batch, response), ())
    if response.status != 200:
        return whole
    try:
        body = as_object(parse(response.body), "body")
        answer = batch_answered(batch, Road.REST, body, rows_of(body), frame)
        told = msgspec.structs.replace(answer.whole, allowance=_said_beside(response))
        return msgspec.structs.replace(answer, whole=told)
    except Unreadable:
        return whole


def classic_rows(body: Json) -> list[Json]:
    """Give the rows of v2: what was taken first, then failures, whose code stands in ``errorCode``, if anywhere."""
    data = body.get("data")
    if not isinstance(data, dict):
        return []
    taken = [as_object(row, "successList") for row in as_array(data.get("successList") or [], "data.successList")]
    failed = [as_object(row, "failureList") for row in as_array(data.get("failureList") or [], "data.failureList")]
    return [row | {"code": "0"} for row in taken] + [_failure(row) for row in failed]


def _failure(row: Json) -> Json:
    return {_FAILURES.get(key, key): value for key, value in row.items()}


_FAILURES: Final = {"errorCode": "code", "errorMsg": "msg"}


def unified_rows(body: Json) -> list[Json]:
    """Give the rows of v3, each with a code of its own; a list, or a list in ``list``."""
    data = body.get("data")
    if isinstance(data, dict):
        data = data.get("list")
    return [as_object(row, "data") for row in as_array(data or [], "data")]


def _rest_item(body: Json) -> Json:
    """Give ``data``: an object, or null on an error."""
    data = body.get("data")
    if data is None or data == "":
        return {}
    if isinstance(data, list):
        rows = as_array(data, "data")
        if len(rows) > 1:
            raise Unreadable("data", f"one item is expected, not {len(rows)}")
        return as_object(rows[0], "data[0]") if rows else {}
    return as_object(data, "data")
