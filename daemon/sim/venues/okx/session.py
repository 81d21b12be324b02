"""OKX's WebSocket sessions: paths, login, subscriptions, the text ping, idle closing, notices.

One connection logs in once, then subscribes; operations on orders are handed on. Rules from OKX: WebSocket /
Overview, Login, Subscribe, Notification, Connection count limit. This file knows no orders.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from daemon.sim import wire
from daemon.sim.faults import Fault
from daemon.sim.timers import SECOND_US, seconds_us
from daemon.sim.venue import Connection, Connections, Floor
from daemon.sim.venues.okx import codes, limits
from daemon.sim.venues.okx.auth import Gate
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.product import Filters, Product
from daemon.sim.wire import BadJsonError, JsonObject, text

SUBSCRIBE_BYTES_MAX = 64 * 1024
_ID = re.compile(r"[A-Za-z0-9]{1,32}")


@dataclass(frozen=True, slots=True)
class Subscription:
    """One accepted arg of the orders channel; `arg_json` is what each push repeats, `uid` included."""

    filters: Filters
    arg_json: bytes = field(compare=False)

    def covers(self, facts: Filters) -> bool:
        """Whether an order of which these facts are true is pushed to it."""
        return all(facts.get(name) == value for name, value in self.filters.items())


class OkxConnection(Connection):
    """One WebSocket; `token` is OKX's connId. `is_blind`: over the channel's connection limit, so its subscriptions
    are dead.
    """

    def __init__(self, conn_id: int, target: str, now_us: int, token: str) -> None:
        super().__init__(conn_id, now_us)
        self.path = target.partition("?")[0]
        self.token = token
        self.is_logged_in = False
        self.has_tried_login = False
        self.is_blind = False
        self.subscriptions: list[Subscription] = []


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on orders, as it arrived on a logged-in connection of its URL."""

    connection: OkxConnection
    op: str
    frame_id: str
    args: list[object]


Operate = Callable[[Operation, int], None]
Arrived = Callable[[str, list[object]], None]
"""Told of every operation that arrives, before anything is checked: its name and its args."""


class Sessions:
    """All connections of one simulated OKX."""

    def __init__(
        self,
        floor: Floor,
        options: OkxOptions,
        product: Product,
        gate: Gate,
        *,
        operations: dict[str, Operate],
        arrived: Arrived,
    ) -> None:
        self.product = product
        self._floor = floor
        self._options = options
        self._gate = gate
        self._operations = operations
        self._arrived = arrived
        self.connections: Connections[OkxConnection] = Connections(floor.actions)

    def open(self, conn_id: int, target: str, now_us: int) -> None:
        """A connection was opened; its idle time starts."""
        self._floor.rates.take(limits.CONNECT, "ip", now_us)
        connection = OkxConnection(conn_id, target, now_us, f"{0xA4D3AE55 ^ (conn_id * 0x9E3779B1) & 0xFFFFFFFF:08x}")
        self.connections.add(connection)
        self._watch_idle(connection, now_us)

    def closed(self, conn_id: int) -> None:
        """A connection is gone."""
        connection = self.connections.get(conn_id)
        if connection is not None:
            self.connections.forget(connection)
        self._floor.rates.forget(str(conn_id))

    def frame(self, connection: OkxConnection, data: str | bytes, now_us: int) -> None:
        """A message arrived."""
        connection.active_us = now_us
        if data == "ping":
            self.connections.send(connection, b"pong", now_us)
            return
        try:
            document = wire.parse_object(data)
        except BadJsonError:
            shown = data if isinstance(data, str) else data.decode("ascii", "replace")
            self.error(connection, "60012", now_us, detail=shown[:200])
            return
        if not self._is_too_long(connection, document, data):
            self._dispatch(connection, document, now_us)

    def error(self, connection: OkxConnection, code: str, now_us: int, *, frame_id: str = "", detail: str = "") -> None:
        """Send an `event: error`, with the frame's id if there is one."""
        frame: JsonObject = {"id": frame_id} if frame_id else {}
        frame |= {"event": "error", "code": code, "msg": codes.message(code, detail), "connId": connection.token}
        self.send(connection, frame, now_us)

    def send(self, connection: OkxConnection, document: JsonObject, now_us: int) -> None:
        """Send one JSON frame."""
        self.connections.send(connection, wire.dumps(document), now_us)

    def listeners(self, facts: Filters) -> Iterator[tuple[OkxConnection, Subscription]]:
        """Who is to get the pushes of an order of which these facts are true."""
        for connection in self.connections:
            if not connection.is_blind:
                for subscription in connection.subscriptions:
                    if subscription.covers(facts):
                        yield connection, subscription

    def logged_in(self) -> list[OkxConnection]:
        """The connections that are logged in."""
        return [connection for connection in self.connections if connection.is_logged_in]

    def notice(self, connection: OkxConnection, seconds: float, now_us: int) -> None:
        """Announce that the connection will be closed, and close it then (OKX: WebSocket / Notification)."""
        self.send(
            connection,
            {"event": "notice", "code": "64008", "msg": codes.message("64008"), "connId": connection.token},
            now_us,
        )
        self._floor.timers.at(
            now_us + round(seconds * SECOND_US),
            lambda _: self.connections.close(connection, 1001, "service upgrade"),
        )

    def _is_too_long(self, connection: OkxConnection, document: JsonObject, data: str | bytes) -> bool:
        if document.get("op") not in ("subscribe", "unsubscribe") or len(data) <= SUBSCRIBE_BYTES_MAX:
            return False
        self.connections.close(connection, 1009, "frame too long")
        return True

    def _dispatch(self, connection: OkxConnection, document: JsonObject, now_us: int) -> None:
        op, args, frame_id = text(document, "op"), document.get("args"), text(document, "id")
        if not isinstance(args, list) or not args:
            self.error(connection, "60012", now_us, frame_id=frame_id, detail=wire.dumps(document).decode()[:200])
        elif op == "login":
            self._login(connection, args, now_us)
        elif op == "subscribe":
            self._subscribe(connection, args, frame_id, now_us)
        elif op == "unsubscribe":
            self._unsubscribe(connection, args, frame_id, now_us)
        elif op in self._operations:
            self._arrived(op, args)
            self._operate(Operation(connection, op, frame_id, args), now_us)
        else:
            self.error(connection, "60019", now_us, frame_id=frame_id, detail=op)

    def _operate(self, operation: Operation, now_us: int) -> None:
        connection, frame_id = operation.connection, operation.frame_id
        if connection.path != self.product.path:
            self.error(connection, "60028", now_us, frame_id=frame_id)
        elif not connection.is_logged_in:
            self.error(connection, "60011", now_us)
        elif not _ID.fullmatch(frame_id):
            self.error(connection, "60012", now_us, detail=f"id {frame_id[:64]!r}")
        else:
            self._operations[operation.op](operation, now_us)

    def _may_manage(self, connection: OkxConnection, frame_id: str, now_us: int) -> bool:
        if self._floor.rates.take(limits.LOGIN_AND_SUBSCRIBE, str(connection.conn_id), now_us):
            return True
        self.error(connection, "60014", now_us, frame_id=frame_id)
        return False

    def _login(self, connection: OkxConnection, args: list[object], now_us: int) -> None:
        if not self._may_manage(connection, "", now_us):
            return
        arg = args[0]
        if connection.is_logged_in or connection.has_tried_login or len(args) > 1:
            self.error(connection, "60031", now_us)
            return
        if not isinstance(arg, dict):
            self.error(connection, "60012", now_us, detail="login")
            return
        connection.has_tried_login = True
        problem = self._gate.login_problem(arg, now_us)
        slow = self._floor.faults.fires(Fault.AUTH_SLOW)
        delay_us = seconds_us(slow) if slow is not None else 0
        self._floor.later(delay_us, now_us, partial(self._answer_login, connection, problem))

    def _answer_login(self, connection: OkxConnection, problem: str | None, now_us: int) -> None:
        if problem is not None:
            connection.has_tried_login = False
            self.error(connection, problem, now_us)
            return
        connection.is_logged_in = True
        self.send(connection, {"event": "login", "code": "0", "msg": "", "connId": connection.token}, now_us)

    def _subscribe(self, connection: OkxConnection, args: list[object], frame_id: str, now_us: int) -> None:
        if not self._may_manage(connection, frame_id, now_us):
            return
        for arg in args:
            subscription = self._accepted(connection, arg, frame_id, now_us)
            if subscription is not None and isinstance(arg, dict):
                if subscription not in connection.subscriptions:
                    connection.subscriptions.append(subscription)
                self._acknowledge(connection, "subscribe", arg, frame_id, now_us)
                self._count_connections(connection, now_us)

    def _accepted(self, connection: OkxConnection, arg: object, frame_id: str, now_us: int) -> Subscription | None:
        problem, subscription = self._judge(connection, arg)
        if problem is not None:
            channel = text(arg, "channel") if isinstance(arg, dict) else ""
            self.error(connection, problem, now_us, frame_id=frame_id, detail=f"channel:{channel}")
        return subscription

    def _judge(self, connection: OkxConnection, arg: object) -> tuple[str | None, Subscription | None]:
        if not isinstance(arg, dict):
            return "60012", None
        channel = text(arg, "channel")
        if channel != self.product.channel:
            return self.product.elsewhere.get(channel, "60018"), None
        if connection.path != self.product.path:
            return self.product.astray.get(connection.path, "60018"), None
        if not connection.is_logged_in:
            return "60011", None
        filters = self.product.filters(arg)
        if filters is None:
            return "60013", None
        return None, Subscription(filters, wire.dumps({**arg, "uid": self._options.uid}))

    def _unsubscribe(self, connection: OkxConnection, args: list[object], frame_id: str, now_us: int) -> None:
        if not self._may_manage(connection, frame_id, now_us):
            return
        for arg in args:
            subscription = self._accepted(connection, arg, frame_id, now_us)
            if subscription is not None and isinstance(arg, dict):
                if subscription in connection.subscriptions:
                    connection.subscriptions.remove(subscription)
                self._acknowledge(connection, "unsubscribe", arg, frame_id, now_us)

    def _acknowledge(self, connection: OkxConnection, event: str, arg: JsonObject, frame_id: str, now_us: int) -> None:
        frame: JsonObject = {"id": frame_id} if frame_id else {}
        self.send(connection, frame | {"event": event, "arg": arg, "connId": connection.token}, now_us)

    def _count_connections(self, connection: OkxConnection, now_us: int) -> None:
        """Tell the count, or that this connection's subscription is dead (OKX: WebSocket / Connection count limit)."""
        if not self.product.counts_connections:
            return
        count = sum(1 for each in self.connections if each.subscriptions and not each.is_blind)
        is_over = count > self._options.orders_connections_max
        connection.is_blind = is_over
        frame = {
            "event": "channel-conn-count-error" if is_over else "channel-conn-count",
            "channel": self.product.channel,
            "connCount": str(min(count, self._options.orders_connections_max)),
            "connId": connection.token,
        }
        self.send(connection, dict(frame), now_us)

    def _watch_idle(self, connection: OkxConnection, now_us: int) -> None:
        if not self.connections.has(connection):
            return
        due_us = connection.active_us + self._options.idle_close_us
        if now_us >= due_us:
            self.connections.close(connection, 4004, "No data received in 30s.")
        else:
            self._floor.timers.at(due_us, partial(self._watch_idle, connection))
