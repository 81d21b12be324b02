"""How the answer to a command travels back: as a frame without `op` on the trade socket, or as a REST body.

One shape, two roads: `code`, `message`, `data`; the WebSocket adds the command's `cid` and the budget that is left. A
batch has a top code of 200 and an own code in each item (HTX: WebSocket Trade; Orders). This file decides nothing about
orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.rates import RateRule
from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venue import Drop, Floor, HttpResponse, Respond
from daemon.sim.venues.htx import codes, limits
from daemon.sim.venues.htx.distort import Distorter
from daemon.sim.venues.htx.session import Operation, Sessions
from daemon.sim.wire import JsonObject, dumps

USER = "user"
"""The key of limits that count a user's requests: there is one."""
TEXT = {"Content-Type": "text/plain;charset=UTF-8"}
"""What HTX's answers to orders say that they are."""


@dataclass(frozen=True, slots=True)
class Item:
    """One order's part of an answer."""

    order_id: str
    client_order_id: str
    code: str = codes.OK
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back for one command: an item, several of a batch, or an error's code, with `detail` for its text.

    `echo` is "" for a whole answer, else what ID_ECHO_MISSING leaves out: "ack" or "id", or "error" for a protocol
    error instead. `order_id` names the order for the faults; None where shapes are not to be touched.
    """

    items: Sequence[Item] = ()
    code: str = codes.OK
    detail: str = ""
    is_batch: bool = False
    echo: str = ""
    order_id: str | None = None


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
    """Back over the WebSocket that the command came on."""

    is_socket = True

    def __init__(self, floor: Floor, sessions: Sessions, clock: VenueClock, operation: Operation) -> None:
        self._floor = floor
        self._sessions = sessions
        self._clock = clock
        self._operation = operation
        self._distorter = Distorter(floor.faults)

    def answer(self, answer: Answer, now_us: int) -> None:
        """Send the frame; frames that a fault puts before it go first."""
        connection, cid = self._operation.connection, self._operation.cid
        if answer.echo == "error":
            self._sessions.protocol_error(connection, codes.INVALID_OP, now_us)
            return
        document = body(answer, self._clock, now_us) | {"rate_limit": self._budget(now_us)}
        if answer.echo == "id":
            cid = ""
        if answer.order_id is None:
            self._sessions.send(connection, document | ({"cid": cid} if cid else {}), now_us)
            return
        for written in self._distorter.frames(document, answer.order_id, cid=cid):
            self._sessions.write(connection, written, now_us)

    def cut(self) -> None:
        """Cut the WebSocket."""
        self._sessions.connections.abort(self._operation.connection)

    def silence(self) -> None:
        """Leave the WebSocket open and dead."""
        self._sessions.connections.silence(self._operation.connection)

    def notice(self, seconds: float, now_us: int) -> None:
        """Op close on the WebSocket."""
        self._sessions.notice(self._operation.connection, seconds, now_us)

    def _budget(self, now_us: int) -> JsonObject:
        return {name: str(value) for name, value in budget(self._floor, limits.TRADE, self._clock, now_us).items()}


class CallRoad:
    """Back over the REST call."""

    is_socket = False

    def __init__(self, floor: Floor, clock: VenueClock, request_id: int) -> None:
        self._floor = floor
        self._clock = clock
        self._request_id = request_id
        self._distorter = Distorter(floor.faults)

    def answer(self, answer: Answer, now_us: int) -> None:
        """Send the body; business errors come with HTTP status 200."""
        document = body(answer, self._clock, now_us)
        raw = dumps(document) if answer.order_id is None else self._distorter.body(document, answer.order_id)
        headers = TEXT | budget_headers(self._floor, limits.TRADE, self._clock, now_us)
        self._floor.actions.append(Respond(self._request_id, HttpResponse(http_status(answer.code), raw, headers)))

    def cut(self) -> None:
        """Cut the HTTP connection."""
        self._floor.actions.append(Drop(self._request_id))

    def silence(self) -> None:
        """Nothing: a REST call that is never answered is silent already."""

    def notice(self, seconds: float, now_us: int) -> None:
        """Nothing: notices are for WebSockets."""


def budget(floor: Floor, rule: RateRule, clock: VenueClock, now_us: int) -> dict[str, int]:
    """What is left of a limit (HTX: API Rate Limit)."""
    window_ms = rule.window_us // MILLISECOND_US
    left = floor.rates.left(rule, USER, now_us)
    return {"limit": rule.limit, "interval": window_ms, "remaining": left, "reset": clock.ms(now_us) + window_ms}


def budget_headers(floor: Floor, rule: RateRule, clock: VenueClock, now_us: int) -> dict[str, str]:
    """The same as headers of a REST answer."""
    return {f"ratelimit-{name}": str(value) for name, value in budget(floor, rule, clock, now_us).items()}


def http_status(code: str) -> int:
    """The HTTP status that comes with a code."""
    return {codes.TOO_MANY: 429, "403": 403}.get(code, 200)


def body(answer: Answer, clock: VenueClock, now_us: int) -> JsonObject:
    """The document of an answer."""
    items = [_item(each, is_batch=answer.is_batch, echo=answer.echo) for each in answer.items]
    code, detail, data = answer.code, answer.detail, None
    if answer.is_batch:
        data = items
    elif answer.items:
        code, detail = answer.items[0].code, answer.items[0].detail
    single = items[0] if items and code == codes.OK else None
    return {
        "code": int(code),
        "message": codes.message(code, detail),
        "data": data if answer.is_batch else single,
        "args": None,
        "ts": clock.ms(now_us),
        "unknownException": False,
    }


def missing_echo(floor: Floor, order_id: str, road: Road) -> str:
    """What ID_ECHO_MISSING leaves out of the answer to a cancel of this order, if it fires now."""
    how = floor.faults.fires(Fault.ID_ECHO_MISSING, order_id)
    if how is None:
        return ""
    if not road.is_socket:
        return "ack"
    return how or floor.faults.pick(Fault.ID_ECHO_MISSING, order_id, ("ack", "id", "error"))


def _item(item: Item, *, is_batch: bool, echo: str) -> JsonObject:
    row: JsonObject = {} if echo == "ack" else {"order_id": item.order_id, "client_order_id": item.client_order_id}
    if is_batch:
        row |= {"code": int(item.code), "message": codes.message(item.code, item.detail)}
    return row
