"""BingX's WebSockets: the listen key in the address, subscriptions, the server's own pings, gzip.

Rules from BingX: Spot / Websocket account data, Listen Key, Websocket / Limits. A socket with a key that is over or
wrong is let in and refused its account topics, since no page says what else happens. This file knows no orders.
"""

from collections.abc import Iterator
from functools import partial
from urllib.parse import parse_qs

from daemon.sim import wire
from daemon.sim.clock import VenueClock
from daemon.sim.venue import Connection, Connections, Floor
from daemon.sim.venues.bingx import limits
from daemon.sim.venues.bingx.encode import dumps, packed
from daemon.sim.venues.bingx.keys import ListenKeys
from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.wire import BadJsonError, JsonObject, text

PATH = "/market"
ORDERS = "spot.executionReport"
BALANCES = "ACCOUNT_UPDATE"
_ACCOUNT_TOPICS = frozenset({ORDERS, BALANCES})


class BingxConnection(Connection):
    """One WebSocket. `pinged_us` is when the oldest ping went out that is not answered; 0 if none is."""

    def __init__(self, conn_id: int, key: str, now_us: int) -> None:
        super().__init__(conn_id, now_us)
        self.key = key
        self.topics: set[str] = set()
        self.pinged_us = 0
        self.pings = 0


class Sessions:
    """All connections of one simulated BingX."""

    def __init__(self, floor: Floor, options: BingxOptions, keys: ListenKeys, clock: VenueClock) -> None:
        self._floor = floor
        self._rates = floor.rates
        self._options = options
        self._keys = keys
        self._clock = clock
        self.connections: Connections[BingxConnection] = Connections(floor.actions)

    def open(self, conn_id: int, target: str, now_us: int) -> None:
        """A WebSocket was opened (BingX: at most sixty of one address)."""
        keys = parse_qs(target.partition("?")[2]).get("listenKey", [""])
        connection = BingxConnection(conn_id, keys[0], now_us)
        self.connections.add(connection)
        if len(list(self.connections)) > self._options.sockets_max:
            self.send(
                connection, {"code": 100419, "msg": "over the connection limit", "timestamp": self._ms(now_us)}, now_us
            )
            self.connections.close(connection, 1008, "too many connections")
            return
        self._floor.timers.at(now_us + self._options.ping_every_us, partial(self._ping, connection))
        self._watch_key(connection, now_us)

    def closed(self, conn_id: int) -> None:
        """A WebSocket is gone."""
        connection = self.connections.get(conn_id)
        if connection is not None:
            self.connections.forget(connection)
            self._rates.forget(str(conn_id))

    def frame(self, connection: BingxConnection, data: str | bytes, now_us: int) -> None:
        """Read one message: a pong, or a subscription."""
        connection.active_us = now_us
        if data in ("Pong", b"Pong"):
            connection.pinged_us = 0
            return
        try:
            document = wire.parse_object(data)
        except BadJsonError:
            self._refuse(connection, "", 100400, now_us)
            return
        if "pong" in document:
            connection.pinged_us = 0
        elif text(document, "reqType") == "unsub":
            connection.topics.discard(text(document, "dataType"))
            self.send(connection, {"id": text(document, "id"), "code": 0, "msg": ""}, now_us)
        else:
            self._subscribe(connection, text(document, "id"), text(document, "dataType"), now_us)

    def send(self, connection: BingxConnection, document: JsonObject, now_us: int) -> None:
        """Send one document, packed."""
        self.connections.send(connection, packed(dumps(document)), now_us, is_binary=True)

    def subscribed(self) -> list[BingxConnection]:
        """The connections that asked for orders."""
        return [connection for connection in self.connections if ORDERS in connection.topics]

    def listeners(self, now_us: int) -> Iterator[BingxConnection]:
        """Those of them that get pushes: the key counts."""
        return (each for each in self.subscribed() if self._keys.is_good(each.key, now_us))

    def end_key(self, connection: BingxConnection, now_us: int, *, is_told: bool) -> None:
        """A listen key is over: the connection lives on, and gets nothing any more."""
        self._keys.end(connection.key)
        if is_told:
            self.send(connection, {"e": "listenKeyExpired", "E": self._ms(now_us), "listenKey": connection.key}, now_us)

    def _subscribe(self, connection: BingxConnection, frame_id: str, topic: str, now_us: int) -> None:
        if not self._rates.take(limits.SUBSCRIBE, str(connection.conn_id), now_us):
            self._refuse(connection, frame_id, 100410, now_us)
        elif topic not in _ACCOUNT_TOPICS:
            self._refuse(connection, frame_id, 80015, now_us)
        elif not self._keys.is_good(connection.key, now_us):
            self._refuse(connection, frame_id, 100401, now_us)
        elif topic in connection.topics:
            self._refuse(connection, frame_id, 100205, now_us)
        elif len(connection.topics) >= limits.TOPICS_MAX:
            self._refuse(connection, frame_id, 100416, now_us)
        else:
            connection.topics.add(topic)
            self._acknowledge(connection, frame_id, topic, now_us)

    def _acknowledge(self, connection: BingxConnection, frame_id: str, topic: str, now_us: int) -> None:
        """Two of the three shapes that were seen; and for balances the snapshot that comes at once."""
        if topic == ORDERS:
            self.send(connection, {"code": 0, "id": frame_id, "msg": "SUCCESS", "timestamp": self._ms(now_us)}, now_us)
            return
        self.send(connection, {"id": frame_id, "code": 0, "msg": "", "dataType": "", "data": None}, now_us)
        stamp = self._ms(now_us)
        balances = [{"a": "USDT", "wb": "1000000", "cw": "1000000", "bc": "0", "lk": "0"}]
        self.send(connection, {"e": BALANCES, "E": stamp, "T": stamp, "a": {"m": "INIT", "B": balances}}, now_us)

    def _refuse(self, connection: BingxConnection, frame_id: str, code: int, now_us: int) -> None:
        named: JsonObject = {"id": frame_id} if frame_id else {}
        self.send(connection, {"code": code, **named, "msg": "", "timestamp": self._ms(now_us)}, now_us)

    def _ping(self, connection: BingxConnection, now_us: int) -> None:
        if not self.connections.has(connection):
            return
        if connection.pinged_us and now_us - connection.pinged_us >= self._options.pong_wait_us:
            self.connections.close(connection, 1000, "no pong")
            return
        connection.pings += 1
        connection.pinged_us = connection.pinged_us or now_us
        name = f"{connection.conn_id:016x}{connection.pings:016x}"
        self.send(connection, {"ping": name, "time": str(self._ms(now_us))}, now_us)
        self._floor.timers.at(now_us + self._options.ping_every_us, partial(self._ping, connection))

    def _watch_key(self, connection: BingxConnection, now_us: int) -> None:
        """Say when the key's hour is over."""
        until_us = self._keys.until_us(connection.key)
        if not until_us or not self.connections.has(connection):
            return
        if now_us >= until_us:
            self.end_key(connection, now_us, is_told=True)
        else:
            self._floor.timers.at(until_us, partial(self._watch_key, connection))

    def _ms(self, now_us: int) -> int:
        return self._clock.ms(now_us)
