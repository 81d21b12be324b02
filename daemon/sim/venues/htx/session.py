"""HTX's private WebSockets: two paths, login, subscriptions, the venue's own pings, notices.

`/linear-swap-trade` takes commands and speaks gzip in binary frames; `/ws/v5/notification` takes subscriptions and
pushes plain text. Both ping every five seconds and hang up on who does not answer. Commands are handed on. Rules from
HTX: USDT-M Futures / Private WebSocket and WebSocket Trade. This file knows no orders.
"""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from daemon.sim import wire
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.timers import SECOND_US, seconds_us
from daemon.sim.venue import Connection, Connections, Floor
from daemon.sim.venues.htx import codes, limits
from daemon.sim.venues.htx.auth import Gate
from daemon.sim.venues.htx.distort import Written
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.wire import BadJsonError, JsonObject, text

TRADE = "/linear-swap-trade"
NOTIFICATION = "/ws/v5/notification"
PATHS = (TRADE, NOTIFICATION)
ORDERS, MATCH_ORDERS = "orders", "match_orders"
TOPICS = frozenset({ORDERS, MATCH_ORDERS, "trade", "trade_detail", "positions", "algo_orders", "account"})
EVERYTHING = "*"


class HtxConnection(Connection):
    """One WebSocket; `host` is the one that it was dialed at. `subscriptions` are pairs of a topic and a contract."""

    def __init__(self, conn_id: int, target: str, host: str, now_us: int) -> None:
        super().__init__(conn_id, now_us)
        self.path = target.partition("?")[0]
        self.host = host
        self.is_logged_in = False
        self.is_logging_in = False
        self.unanswered_pings = 0
        self.subscriptions: set[tuple[str, str]] = set()

    def hears(self, topic: str, contract_code: str) -> bool:
        """Whether pushes of this topic about this contract go to it."""
        return (topic, EVERYTHING) in self.subscriptions or (topic, contract_code) in self.subscriptions


@dataclass(frozen=True, slots=True)
class Operation:
    """A command, as it arrived on a logged-in trade connection; `data` is whatever stood there."""

    connection: HtxConnection
    op: str
    cid: str
    data: object


Operate = Callable[[Operation, int], None]
Arrived = Callable[[str, object], None]
"""Told of every command that arrives, before anything is checked: its name and its data."""


class Sessions:
    """All connections of one simulated HTX."""

    def __init__(
        self,
        floor: Floor,
        options: HtxOptions,
        gate: Gate,
        clock: VenueClock,
        operations: dict[str, Operate],
        arrived: Arrived,
    ) -> None:
        self._floor = floor
        self._options = options
        self._gate = gate
        self._clock = clock
        self._operations = operations
        self._arrived = arrived
        self.connections: Connections[HtxConnection] = Connections(floor.actions)

    def open(self, conn_id: int, target: str, host: str, now_us: int) -> None:
        """A connection was opened; the venue begins to ping it."""
        connection = HtxConnection(conn_id, target, host, now_us)
        self.connections.add(connection)
        self._floor.timers.at(now_us + self._options.ping_every_us, partial(self._ping, connection))

    def closed(self, conn_id: int) -> None:
        """A connection is gone."""
        connection = self.connections.get(conn_id)
        if connection is not None:
            self.connections.forget(connection)
        self._floor.rates.forget(str(conn_id))

    def frame(self, connection: HtxConnection, data: str | bytes, now_us: int) -> None:
        """A message arrived."""
        try:
            document = wire.parse_object(data)
        except BadJsonError:
            self.protocol_error(connection, codes.INVALID_JSON, now_us)
            return
        if text(document, "op") == "pong":
            connection.unanswered_pings = 0
            return
        if connection.path == NOTIFICATION and not self._may_ask(connection, now_us):
            self._control(connection, document, "2004", now_us)
            return
        self._dispatch(connection, document, now_us)

    def send(self, connection: HtxConnection, document: JsonObject, now_us: int) -> None:
        """Send one JSON frame the socket's way."""
        self.write(connection, Written(wire.dumps(document)), now_us)

    def write(self, connection: HtxConnection, written: Written, now_us: int) -> None:
        """Send one frame: gzip and binary on the trade socket, plain text on the other; raw ones as they are."""
        is_binary = written.is_raw or connection.path == TRADE
        payload = written.payload
        if connection.path == TRADE and not written.is_raw:
            payload = gzip.compress(payload, compresslevel=1, mtime=0)
        if written.is_cut:
            payload = payload[: len(payload) // 2]
        self.connections.send(connection, payload, now_us, is_binary=is_binary)

    def protocol_error(self, connection: HtxConnection, what: str, now_us: int, code: str = "2001") -> None:
        """Say that a frame was not understood: nobody can tell which."""
        stamp = self._clock.ms(now_us)
        if connection.path == TRADE:
            self.send(connection, {"ts": stamp, "err-code": int(code), "err-msg": what}, now_us)
        else:
            self.send(connection, {"op": "error", "ts": stamp}, now_us)

    def listeners(self, topic: str, contract_code: str) -> Iterator[HtxConnection]:
        """Who is to get the pushes of a topic about a contract."""
        return (each for each in self.connections if each.hears(topic, contract_code))

    def logged_in(self) -> list[HtxConnection]:
        """The connections that are logged in."""
        return [connection for connection in self.connections if connection.is_logged_in]

    def notice(self, connection: HtxConnection, seconds: float, now_us: int) -> None:
        """Announce that the connection will be closed, and close it then."""
        self.send(connection, {"op": "close", "ts": self._clock.ms(now_us)}, now_us)
        self._floor.timers.at(
            now_us + round(seconds * SECOND_US), lambda _: self.connections.close(connection, 1001, "going away")
        )

    def _ping(self, connection: HtxConnection, now_us: int) -> None:
        if not self.connections.has(connection):
            return
        if connection.unanswered_pings >= self._options.pings_missed_max:
            self.connections.close(connection, 1002, "ping timeout")
            return
        connection.unanswered_pings += 1
        self.send(connection, {"op": "ping", "ts": str(self._clock.ms(now_us))}, now_us)
        self._floor.timers.at(now_us + self._options.ping_every_us, partial(self._ping, connection))

    def _may_ask(self, connection: HtxConnection, now_us: int) -> bool:
        fits = self._floor.rates.take(limits.CONNECTION_REQUESTS, str(connection.conn_id), now_us)
        return self._floor.rates.take(limits.ADDRESS_REQUESTS, "ip", now_us) and fits

    def _dispatch(self, connection: HtxConnection, document: JsonObject, now_us: int) -> None:
        op = text(document, "op")
        if op == "auth":
            self._login(connection, document, now_us)
        elif connection.path == NOTIFICATION and op in ("sub", "unsub"):
            self._subscription(connection, document, now_us)
        elif connection.path == TRADE and op in self._operations:
            self._arrived(op, document.get("data"))
            self._operate(Operation(connection, op, text(document, "cid"), document.get("data")), now_us)
        else:
            self.protocol_error(connection, codes.INVALID_OP, now_us)

    def _operate(self, operation: Operation, now_us: int) -> None:
        if operation.connection.is_logged_in:
            self._operations[operation.op](operation, now_us)
        else:
            self.protocol_error(operation.connection, codes.CONTROL["2002"], now_us, "2002")

    # ------------------------------------------------------------ login

    def _login(self, connection: HtxConnection, frame: JsonObject, now_us: int) -> None:
        if connection.is_logged_in or connection.is_logging_in:
            self._control(connection, frame, "2005", now_us)
            return
        connection.is_logging_in = True
        problem = self._gate.login_problem(frame, connection.path, connection.host, now_us)
        pushing = sum(each.is_logged_in and each.path == NOTIFICATION for each in self.connections)
        if problem is None and connection.path == NOTIFICATION and pushing >= self._options.push_connections_max:
            problem = "2030"
        slow = self._floor.faults.fires(Fault.AUTH_SLOW)
        delay_us = seconds_us(slow) if slow is not None else 0
        self._floor.later(delay_us, now_us, partial(self._answer_login, connection, frame, problem))

    def _answer_login(self, connection: HtxConnection, frame: JsonObject, problem: str | None, now_us: int) -> None:
        connection.is_logging_in = False
        if problem is not None:
            self._control(connection, frame, problem, now_us)
            return
        connection.is_logged_in = True
        accepted: JsonObject = {"op": "auth", "type": "api"} | _echo(frame)
        data: JsonObject = {"data": {"user-id": self._options.uid}}
        done: JsonObject = {"err-code": 0, "ts": self._clock.ms(now_us)}
        self.send(connection, accepted | (done | data if connection.path == TRADE else data | done), now_us)

    # ------------------------------------------------------------ subscriptions

    def _subscription(self, connection: HtxConnection, frame: JsonObject, now_us: int) -> None:
        topic, contract_code = text(frame, "topic"), text(frame, "contract_code").upper()
        is_wanted = text(frame, "op") == "sub"
        problem = self._topic_problem(connection, topic, contract_code, now_us, is_wanted=is_wanted)
        if problem is not None:
            self._control(connection, frame, problem, now_us)
            return
        if is_wanted:
            connection.subscriptions.add((topic, contract_code))
        else:
            connection.subscriptions.remove((topic, contract_code))
        answer: JsonObject = {"op": text(frame, "op")} | _echo(frame)
        answer |= {"topic": topic, "ts": self._clock.ms(now_us), "err-code": 0}
        if contract_code:
            answer["contract_code"] = frame["contract_code"]
        self.send(connection, answer, now_us)

    def _topic_problem(
        self, connection: HtxConnection, topic: str, contract_code: str, now_us: int, *, is_wanted: bool
    ) -> str | None:
        if not connection.is_logged_in:
            return "2002"
        if not self._floor.rates.take(limits.SUBSCRIPTIONS, str(connection.conn_id), now_us):
            return "2004"
        if topic not in TOPICS:
            return "2010"
        if not contract_code and topic != "account":
            return "2040"
        is_there = (topic, contract_code) in connection.subscriptions
        if is_there and is_wanted:
            return "2014"
        return None if is_there or is_wanted else "2012"

    def _control(self, connection: HtxConnection, frame: JsonObject, code: str, now_us: int) -> None:
        """Refuse a control frame."""
        answer: JsonObject = {"op": text(frame, "op")} | _echo(frame)
        if text(frame, "op") == "auth":
            answer["type"] = "api"
        elif text(frame, "topic"):
            answer["topic"] = text(frame, "topic")
        message = codes.CONTROL.get(code, "Operation failed.")
        self.send(
            connection, answer | {"ts": self._clock.ms(now_us), "err-code": int(code), "err-msg": message}, now_us
        )


def _echo(frame: JsonObject) -> JsonObject:
    """The `cid` of a frame, where it has one."""
    return {"cid": frame["cid"]} if text(frame, "cid") else {}
