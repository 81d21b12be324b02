"""Bitget's WebSocket sessions: paths, login, subscriptions, the text ping, the limits of a connection, notices.

One connection logs in, then subscribes; trades are handed on. Bitget: WebSocket / Connect, Login, Subscribe. Errors of
the session are `event: error` with a number as code and no id. What a subscription and a trade look like is the
generation's. This file knows no orders.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from daemon.sim import wire
from daemon.sim.faults import Fault
from daemon.sim.timers import SECOND_US, seconds_us
from daemon.sim.venue import Connection, Connections, Floor
from daemon.sim.venues.bitget import codes, limits
from daemon.sim.venues.bitget.auth import Gate
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.wire import BadJsonError, JsonObject, text

PATHS = ("/v2/ws/public", "/v2/ws/private", "/v3/ws/public", "/v3/ws/private")
SUBSCRIBE_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Subscription:
    """One accepted arg of the orders channel: which product ("" any) and symbol ("" any) it covers."""

    product: str
    symbol: str
    arg_json: bytes

    def covers(self, product: str, symbol: str) -> bool:
        """Whether orders of this symbol are pushed to it."""
        return self.product in ("", product) and self.symbol in ("", symbol)


class BitgetConnection(Connection):
    """One WebSocket."""

    def __init__(self, conn_id: int, target: str, now_us: int) -> None:
        super().__init__(conn_id, now_us)
        self.path = target.partition("?")[0]
        self.token = f"{conn_id:016x}"
        self.pinged_us = now_us
        self.is_logged_in = False
        self.subscriptions: list[Subscription] = []


class Speech(Protocol):
    """How a generation reads args and prints the session's own frames."""

    path: str

    def subscription(self, arg: JsonObject) -> Subscription | None:
        """What an arg subscribes to; None for what does not exist."""

    def extras(self, connection: BitgetConnection) -> JsonObject:
        """What a login's and a subscription's answer have beside the common fields."""


Operate = Callable[[BitgetConnection, JsonObject, int], None]


class Sessions:
    """All connections of one simulated Bitget. `operate` takes the frames of trades."""

    def __init__(self, floor: Floor, options: BitgetOptions, gate: Gate, speech: Speech) -> None:
        self._floor = floor
        self._options = options
        self._gate = gate
        self._speech = speech
        self.operate: Operate | None = None
        self.connections: Connections[BitgetConnection] = Connections(floor.actions)

    def open(self, conn_id: int, target: str, now_us: int) -> None:
        """A connection was opened; its idle time and its age start."""
        self._floor.rates.take(limits.CONNECT, "ip", now_us)
        connection = BitgetConnection(conn_id, target, now_us)
        self.connections.add(connection)
        self._watch_idle(connection, now_us)
        self._floor.timers.at(
            now_us + self._options.age_max_us, lambda _: self.connections.close(connection, 1001, "24 hours")
        )

    def closed(self, conn_id: int) -> None:
        """A connection is gone."""
        connection = self.connections.get(conn_id)
        if connection is not None:
            self.connections.forget(connection)
        self._floor.rates.forget(str(conn_id))

    def frame(self, connection: BitgetConnection, data: str | bytes, now_us: int) -> None:
        """A message arrived."""
        if not self._floor.rates.take(limits.FRAMES, str(connection.conn_id), now_us):
            self.error(connection, "30007", now_us)
            self.connections.close(connection, 1008, "too many messages")
            return
        if data == "ping":
            connection.pinged_us = now_us
            self.connections.send(connection, b"pong", now_us)
            return
        try:
            document = wire.parse_object(data)
        except BadJsonError:
            shown = data if isinstance(data, str) else data.decode("ascii", "replace")
            self.error(connection, "30002", now_us, detail=shown[:100])
            return
        self._dispatch(connection, document, data, now_us)

    def error(self, connection: BitgetConnection, code: str, now_us: int, *, detail: str = "") -> None:
        """Send an error of the session: a number as code, and nothing that says what it is about."""
        self.send(connection, {"event": "error", "code": int(code), "msg": codes.message(code, detail)}, now_us)

    def send(self, connection: BitgetConnection, document: JsonObject, now_us: int) -> None:
        """Send one JSON frame."""
        self.connections.send(connection, wire.dumps(document), now_us)

    def listeners(self, product: str, symbol: str) -> Iterator[tuple[BitgetConnection, Subscription]]:
        """Who is to get the pushes of a symbol's orders."""
        for connection in self.connections:
            for subscription in connection.subscriptions:
                if subscription.covers(product, symbol):
                    yield connection, subscription

    def logged_in(self) -> list[BitgetConnection]:
        """The connections that are logged in."""
        return [connection for connection in self.connections if connection.is_logged_in]

    def notice(self, connection: BitgetConnection, seconds: float, now_us: int) -> None:
        """Announce a service upgrade, and close the connection then."""
        self.error(connection, "30033", now_us)
        self._floor.timers.at(
            now_us + round(seconds * SECOND_US),
            lambda _: self.connections.close(connection, 1001, "service upgrade"),
        )

    def _dispatch(self, connection: BitgetConnection, document: JsonObject, data: str | bytes, now_us: int) -> None:
        args = document.get("args")
        op = text(document, "op")
        if not isinstance(args, list) or not args:
            self.error(connection, "30002", now_us, detail=wire.dumps(document).decode()[:100])
        elif op == "login":
            self._login(connection, args, now_us)
        elif op in ("subscribe", "unsubscribe"):
            if len(data) > SUBSCRIBE_BYTES_MAX or not self._may_subscribe(connection, now_us):
                self.error(connection, "30006", now_us)
                return
            for arg in args:
                self._subscribe(connection, op, arg, now_us)
        elif op == "trade" and not connection.is_logged_in:
            self.error(connection, "30004", now_us)
        elif op == "trade" and self.operate is not None:
            self.operate(connection, document, now_us)
        else:
            self.error(connection, "30003", now_us)

    def _may_subscribe(self, connection: BitgetConnection, now_us: int) -> bool:
        return self._floor.rates.take(limits.SUBSCRIBE, str(connection.conn_id), now_us)

    def _login(self, connection: BitgetConnection, args: list[object], now_us: int) -> None:
        arg = args[0]
        problem = self._gate.login_problem(arg, now_us) if isinstance(arg, dict) else "30016"
        slow = self._floor.faults.fires(Fault.AUTH_SLOW)
        delay_us = seconds_us(slow) if slow is not None else 0
        self._floor.later(delay_us, now_us, partial(self._answer_login, connection, problem))

    def _answer_login(self, connection: BitgetConnection, problem: str | None, now_us: int) -> None:
        """Answer a login; after a refusal the connection stays open, as was seen live."""
        if problem is not None:
            self.error(connection, problem, now_us)
            return
        connection.is_logged_in = True
        self.send(connection, {"event": "login", "code": 0} | self._speech.extras(connection), now_us)

    def _subscribe(self, connection: BitgetConnection, op: str, arg: object, now_us: int) -> None:
        if not connection.is_logged_in:
            self.error(connection, "30004", now_us)
            return
        is_here = connection.path == self._speech.path
        subscription = self._speech.subscription(arg) if isinstance(arg, dict) and is_here else None
        if subscription is None or not isinstance(arg, dict):
            named = ",".join(f"{key}:{value}" for key, value in arg.items()) if isinstance(arg, dict) else ""
            self.error(connection, "30001", now_us, detail=named)
            return
        if op == "subscribe" and subscription not in connection.subscriptions:
            connection.subscriptions.append(subscription)
        elif op == "unsubscribe" and subscription in connection.subscriptions:
            connection.subscriptions.remove(subscription)
        self.send(connection, {"event": op, "arg": arg} | self._speech.extras(connection), now_us)

    def _watch_idle(self, connection: BitgetConnection, now_us: int) -> None:
        """Cut a connection that has not pinged for two minutes, however much went over it."""
        if not self.connections.has(connection):
            return
        due_us = connection.pinged_us + self._options.idle_close_us
        if now_us >= due_us:
            self.connections.close(connection, 1000, "no ping")
            return
        self._floor.timers.at(due_us, lambda at_us: self._watch_idle(connection, at_us))
