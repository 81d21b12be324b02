"""What BingX answers to a REST call: the envelope, and the answers of its two calls that cancel.

It refuses to look past an answer's own words: whether the order is off the book is not in it, though its ``status``
may say so. Errors come with HTTP 200 and, from the gateway, in a shape of their own; content types lie.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.allowance import allowance_of
from protocols.batching import BatchAnswered
from protocols.errors import Unreadable, VenueRefusal
from protocols.evidence import CancelAnswered, Frame, Proof, Remedy
from protocols.fix import ClientOrderId, OrderId, Road
from protocols.jsonread import Json, as_array, as_object, code, frame_of, optional_text, parse_exactly, texts
from protocols.rest import RestResponse, proves_nothing
from protocols.venues.bingx import rates
from protocols.venues.bingx.codes import ACCEPTED, STATUS_HOLDS, Row, row_of, unblocked_at_ms
from protocols.venues.bingx.orders import client_id_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.asks import WireCancel

_ENDED: Final = re.compile(r"\b(filled|cancell?ed|failed|expired)\b", re.IGNORECASE)
_PARTLY: Final = re.compile(r"partially[_ ]filled", re.IGNORECASE)
_NOT_THERE: Final = re.compile(r"not exist|not a valid order", re.IGNORECASE)

REMAIN_HEADER: Final = "x-ratelimit-requests-remain"
EXPIRE_HEADER: Final = "x-ratelimit-requests-expire"
"""How many more of a call fit, and until when, in milliseconds (BingX: Basic Information / Rate limit)."""


class Envelope(msgspec.Struct, frozen=True):
    """A REST body: ``code``, ``msg``, and ``data`` as it came."""

    code: str
    message: str
    data: object

    @property
    def row(self) -> Row:
        """What the code means, with its message."""
        return row_of(self.code, self.message)


class Hold(msgspec.Struct, frozen=True):
    """For how long the venue wants no more of a call: from now, or until a time by its clock."""

    ms: int = 0
    until_ms: int | None = None


def read_envelope(response: RestResponse) -> Envelope:
    """Read a REST answer's envelope, or raise `Unreadable` when it is none or the status contradicts it."""
    if proves_nothing(response.status):
        raise Unreadable("status", f"HTTP {response.status}")
    body = as_object(parse_exactly(response.body), "body")
    found = code(body)
    if found is None:
        raise Unreadable("code", "missing or empty")
    if found == ACCEPTED and response.status != 200:
        raise Unreadable("status", f"HTTP {response.status} with code 0")
    return Envelope(found, texts(body).get("msg", ""), body.get("data"))


def accepted_data(asked: str, response: RestResponse) -> Json:
    """Read the data of an answer with code 0; raise `VenueRefusal` for any other code, `Unreadable` for no answer."""
    envelope = read_envelope(response)
    if envelope.code != ACCEPTED:
        raise VenueRefusal(asked, envelope.code, envelope.message)
    return as_object(envelope.data, "data")


def hold_of(response: RestResponse, remedy: Remedy, message: str) -> Hold:
    """Say how long to wait: until the time in a ban's text, or as long as the HTTP status is known to mean."""
    if remedy is not Remedy.BACK_OFF:
        return Hold()
    return Hold(STATUS_HOLDS.get(response.status, 0), unblocked_at_ms(message))


# ---------------------------------------------------------------- cancels


def read_cancel(wire: WireCancel, response: RestResponse) -> CancelAnswered:
    """Read the answer to either call that cancels. Never raises. HTTP 5xx proves nothing, whatever the body says."""
    frame = frame_of(response.body)
    body: Json = {}
    try:
        body = as_object(parse_exactly(response.body), "body")
        answer = _answered(wire, body, frame)
    except Unreadable as error:
        fields = texts(body)
        answer = CancelAnswered(
            wire.send_id, Road.REST, Proof.UNKNOWN, fields.get("code", ""),
            f"unreadable: HTTP {response.status}, {error}", fields=fields, frame=frame,
        )  # fmt: skip
        if response.status in STATUS_HOLDS:  # what stands before everything that could act
            answer = msgspec.structs.replace(answer, proof=Proof.UNCHANGED_RETRY, remedy=Remedy.BACK_OFF)
    contradicts = answer.proof is Proof.ACCEPTED and response.status != 200
    if contradicts or proves_nothing(response.status):
        answer = msgspec.structs.replace(answer, proof=Proof.UNKNOWN)
    hold = hold_of(response, answer.remedy, answer.message)
    told = allowance_of(response.header(REMAIN_HEADER), reset_ms=response.header(EXPIRE_HEADER))
    return msgspec.structs.replace(answer, hold_ms=hold.ms, hold_until_ms=hold.until_ms, allowance=told)


def read_batch(wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
    """Read the answer to a list of several. Never raises.

    BingX: Spot / Cancel multiple orders, ``process`` 1. Rows of what was canceled come first, then those of failures,
    which name an order by text, and its state.
    """
    # As a whole it is read like that of a single cancel: then it is an error, or is not about anybody in particular.
    whole = read_cancel(msgspec.structs.replace(wires[0], operation=""), response)
    try:
        data = accepted_data("a batch", response)
        orders = [as_object(row, "data.orders") for row in _rows(data, "orders")]
        fails = [as_object(row, "data.fails") for row in _rows(data, "fails")]
    except (Unreadable, VenueRefusal):
        return BatchAnswered(wires[0].send_id, whole, ())
    items = [_row_of_canceled(wires[0], row, whole) for row in orders]
    items += [_row_of_failed(wires, row, whole) for row in fails]
    return BatchAnswered(wires[0].send_id, whole, tuple(items))


def _row_of_canceled(wire: WireCancel, row: Json, whole: CancelAnswered) -> CancelAnswered:
    order_id, client_order_id = optional_text(row, "orderId"), client_id_of(row)
    return CancelAnswered(
        wire.send_id, Road.REST, Proof.ACCEPTED, ACCEPTED, "",
        None if order_id is None else OrderId(order_id),
        None if client_order_id is None else ClientOrderId(client_order_id),
        fields=texts(row), frame=whole.frame,
    )  # fmt: skip


def _row_of_failed(wires: Sequence[WireCancel], row: Json, whole: CancelAnswered) -> CancelAnswered:
    """Read a failure. Its one id is the one that was sent, of either kind; "0" stands where the venue has none."""
    named, said = optional_text(row, "orderId"), optional_text(row, "error") or ""
    is_alias = named is not None and named in {wire.client_order_id for wire in wires if wire.order_id is None}
    return CancelAnswered(
        wires[0].send_id, Road.REST, _proof_of_failure(said), ACCEPTED, said,
        OrderId(named) if named is not None and named != "0" and not is_alias else None,
        ClientOrderId(named) if named is not None and is_alias else None,
        fields=texts(row), frame=whole.frame,
    )  # fmt: skip


def _answered(wire: WireCancel, body: Json, frame: Frame) -> CancelAnswered:
    found = code(body)
    if found is None:
        raise Unreadable("code", "missing or empty")
    fields = texts(body)
    if found != ACCEPTED:
        message = fields.get("msg", "")
        row = row_of(found, message)
        return CancelAnswered(
            wire.send_id, Road.REST, row.proof, found, message, remedy=row.remedy, fields=fields, frame=frame,
            counts_as_error=True,
        )  # fmt: skip
    data = as_object(body.get("data"), "data")
    if wire.operation == rates.CANCEL_ORDERS:
        return _answered_in_lists(wire, fields, data, frame)
    return _accepted(wire, fields, data, frame)


def _accepted(wire: WireCancel, fields: dict[str, str], row: Json, frame: Frame) -> CancelAnswered:
    """Read a row about the order (BingX: Spot / Cancel Order). About another order it is no answer to ours."""
    order_id, client_order_id = optional_text(row, "orderId"), client_id_of(row)
    if wire.order_id is not None and order_id not in {None, wire.order_id}:
        raise Unreadable("data.orderId", f"about another order, {order_id}")
    if wire.order_id is None and client_order_id not in {None, wire.client_order_id}:
        raise Unreadable("data.clientOrderID", f"about another order, {client_order_id}")
    return CancelAnswered(
        wire.send_id,
        Road.REST,
        Proof.ACCEPTED,
        ACCEPTED,
        fields.get("msg", ""),
        order_id=None if order_id is None else OrderId(order_id),
        client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
        fields=fields | texts(row),
        frame=frame,
    )


def _answered_in_lists(wire: WireCancel, fields: dict[str, str], data: Json, frame: Frame) -> CancelAnswered:
    """Find the one order that was asked for among the canceled and the failed; in neither, nothing is known of it.

    BingX: Spot / Cancel multiple orders, ``process`` 1. Ids are numbers in one list and text in the other; the text of
    a failure names the order's state.
    """
    orders = [as_object(row, "data.orders") for row in _rows(data, "orders")]
    fails = [as_object(row, "data.fails") for row in _rows(data, "fails")]
    if len(orders) == 1 and not fails:
        return _accepted(wire, fields, orders[0], frame)
    if len(fails) != 1 or orders:
        raise Unreadable("data", f"one order was asked for, {len(orders)} canceled and {len(fails)} failed ones came")
    named = optional_text(fails[0], "orderId")
    if named is not None and named not in {wire.order_id, wire.client_order_id, "0"}:
        raise Unreadable("data.fails.orderId", f"about another order, {named}")
    said = optional_text(fails[0], "error") or ""
    return CancelAnswered(
        wire.send_id, Road.REST, _proof_of_failure(said), ACCEPTED, said, fields=fields | texts(fails[0]), frame=frame
    )


def _proof_of_failure(said: str) -> Proof:
    is_over = _ENDED.search(_PARTLY.sub("", said)) or _NOT_THERE.search(said)
    return Proof.GONE if is_over else Proof.UNKNOWN


def _rows(data: Json, key: str) -> list[object]:
    rows = data.get(key)
    return [] if rows is None else as_array(rows, f"data.{key}")
