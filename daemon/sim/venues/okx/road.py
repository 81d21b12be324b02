"""How the answer to an operation travels back: as an op frame on a WebSocket, or as a REST body. One shape, two roads.

Items have their own codes; the top code is 0 (all accepted), 1 (none) or 2 (some), or an error's code over no items
(OKX: Trade / WS Cancel order, POST Cancel order). This file decides nothing about orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.venue import Drop, Floor, HttpResponse, Respond
from daemon.sim.venues.okx import codes
from daemon.sim.venues.okx.codes import Place
from daemon.sim.venues.okx.distort import Distorter
from daemon.sim.venues.okx.product import Product
from daemon.sim.venues.okx.session import Operation, Sessions
from daemon.sim.wire import JsonObject, dumps


@dataclass(frozen=True, slots=True)
class Item:
    """One order's part of an answer; `created_us` 0 where no order is known. `tag` only in answers to placements."""

    order_id: str
    client_order_id: str
    code: str
    message: str
    created_us: int = 0
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back for one operation: items, or an error's code at `place`, with `detail` for its text.

    `echo` is "" for a whole answer, else what ID_ECHO_MISSING leaves out: "ack" or "id". `order_id` names the order
    for the faults; None where there is none, or where shapes are not to be touched.
    """

    items: Sequence[Item] = ()
    code: str = ""
    place: Place = Place.TOP
    detail: str = ""
    echo: str = ""
    order_id: str | None = None

    @property
    def top_code(self) -> str:
        """The code at the top."""
        if self.code:
            return self.code
        accepted = sum(item.code == "0" for item in self.items)
        return "0" if accepted == len(self.items) else "2" if accepted else "1"


class Road(Protocol):
    """A way back to whoever asked."""

    is_socket: bool

    def answer(self, answer: Answer, now_us: int) -> None:
        """Send the answer."""

    def cut(self) -> None:
        """Cut the connection that the request came on."""

    def silence(self) -> None:
        """Leave the connection open and dead."""

    def notice(self, seconds: float, now_us: int) -> None:
        """Announce that the connection will be closed."""


class SocketRoad:
    """Back over the WebSocket that the operation came on."""

    is_socket = True

    def __init__(self, floor: Floor, sessions: Sessions, clock: VenueClock, operation: Operation, now_us: int) -> None:
        self._sessions = sessions
        self._clock = clock
        self._operation = operation
        self._in_us = now_us
        self._distorter = Distorter(floor.faults, sessions.product.channel)

    def answer(self, answer: Answer, now_us: int) -> None:
        """Send the op frame, or the `event: error`; frames that a fault puts before it go first."""
        connection = self._operation.connection
        if answer.place is Place.EVENT:
            self._sessions.error(connection, answer.code, now_us, detail=answer.detail)
            return
        document: JsonObject = {} if answer.echo == "id" else {"id": self._operation.frame_id}
        document["op"] = self._operation.op
        has_times = self._sessions.product.answers_have_times
        document |= _body(answer, self._clock, now_us, is_socket=True, has_times=has_times)
        if has_times:
            document |= _gateway_times(self._clock, self._in_us, now_us)
        if answer.order_id is None:
            self._sessions.send(connection, document, now_us)
            return
        shaped, has_huge_id = self._distorter.document(document, answer.order_id)
        frame = dumps(shaped)
        strangers = self._distorter.strangers(frame, answer.order_id, has_huge_id=has_huge_id)
        for payload, is_binary in [*strangers, (frame, False)]:
            self._sessions.connections.send(connection, payload, now_us, is_binary=is_binary)

    def cut(self) -> None:
        """Cut the WebSocket."""
        self._sessions.connections.abort(self._operation.connection)

    def silence(self) -> None:
        """Leave the WebSocket open and dead."""
        self._sessions.connections.silence(self._operation.connection)

    def notice(self, seconds: float, now_us: int) -> None:
        """Notice 64008 on the WebSocket."""
        self._sessions.notice(self._operation.connection, seconds, now_us)


class CallRoad:
    """Back over the REST call."""

    is_socket = False

    def __init__(self, floor: Floor, product: Product, clock: VenueClock, request_id: int, now_us: int) -> None:
        self._floor = floor
        self._clock = clock
        self._request_id = request_id
        self._in_us = now_us
        self._has_times = product.answers_have_times
        self._distorter = Distorter(floor.faults, product.channel)

    def answer(self, answer: Answer, now_us: int) -> None:
        """Send the body, with the HTTP status of the code at its top."""
        document = _body(answer, self._clock, now_us, is_socket=False, has_times=self._has_times)
        if self._has_times:
            document |= _gateway_times(self._clock, self._in_us, now_us)
        body = dumps(document) if answer.order_id is None else self._distorter.body(document, answer.order_id)
        response = HttpResponse(codes.status(answer.code) if answer.code else 200, body)
        self._floor.actions.append(Respond(self._request_id, response))

    def cut(self) -> None:
        """Cut the HTTP connection."""
        self._floor.actions.append(Drop(self._request_id))

    def silence(self) -> None:
        """Nothing: a REST call that is never answered is silent already."""

    def notice(self, seconds: float, now_us: int) -> None:
        """Nothing: notices are for WebSockets."""


def refused(floor: Floor, code: str, order_id: str) -> Place:
    """Where a refusal's code stands this time, drawn where OKX leaves it open."""
    return Place(floor.faults.pick(Fault.REJECT, order_id, [place.value for place in codes.places(code)]))


def _body(answer: Answer, clock: VenueClock, now_us: int, *, is_socket: bool, has_times: bool) -> JsonObject:
    message = codes.message(answer.code, answer.detail) if answer.code else ""
    if not answer.code and not is_socket and answer.top_code == "1":
        message = "All operations failed"
    items = []
    for item in answer.items:
        has_ts = has_times and (is_socket or item.tag is not None)
        items.append(_item(item, answer.echo, clock.ms_text(item.created_us or now_us) if has_ts else None))
    return {"code": answer.top_code, "msg": message, "data": [] if answer.code else items}


def _item(item: Item, echo: str, stamp: str | None) -> JsonObject:
    row: JsonObject = {
        "clOrdId": "" if echo == "ack" else item.client_order_id,
        "ordId": "" if echo == "ack" else item.order_id,
        "sCode": item.code,
        "sMsg": item.message,
    }
    if item.tag is not None:
        row["tag"] = item.tag
    if stamp is not None:
        row["ts"] = stamp
    return row


def _gateway_times(clock: VenueClock, in_us: int, out_us: int) -> JsonObject:
    return {"inTime": str(clock.us(in_us)), "outTime": str(clock.us(out_us))}
