"""The frame of every simulated venue: bytes and `now` in, actions and the next deadline out.

A venue never touches a socket or a clock. Whoever drives it (the server in `shell`, or a simulation in virtual time)
tells it what arrived and when, then carries out the actions that `drain` returns, in order, and calls `tick` no later
than `deadline`. All times are integers: microseconds since the epoch. What is common to venues stands here and in the
files beside it (book, clock, pushing, faults, ...); what a venue's frames and paths look like stands in `venues/`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

from daemon.sim.book import Book, BookError, EndedBy, Fill, NewOrder, Order
from daemon.sim.faults import FaultEngine, FaultRule
from daemon.sim.rates import RateBook
from daemon.sim.timers import Action as LateAction
from daemon.sim.timers import Timers
from daemon.sim.wire import JsonObject


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a simulated venue accepts; the defaults are published."""

    key: str = "sim-key"
    secret: str = field(default="sim-secret", repr=False)
    passphrase: str = field(default="sim-pass", repr=False)


class HttpRequest(msgspec.Struct, frozen=True):
    """A request as it arrived: `target` is path and query exactly as sent; header names are lower case, `host` among
    them.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


class HttpResponse(msgspec.Struct, frozen=True):
    """An answer; the body is JSON unless `headers` say otherwise."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class Send(msgspec.Struct, frozen=True):
    """Write one WebSocket message."""

    conn_id: int
    payload: bytes
    is_binary: bool = False


class Close(msgspec.Struct, frozen=True):
    """Close a WebSocket politely."""

    conn_id: int
    code: int
    reason: str


class Abort(msgspec.Struct, frozen=True):
    """Cut a WebSocket's connection without a close frame."""

    conn_id: int


class Silence(msgspec.Struct, frozen=True):
    """Keep a WebSocket's connection open, but read nothing and write nothing any more."""

    conn_id: int


class Respond(msgspec.Struct, frozen=True):
    """Answer an HTTP request."""

    request_id: int
    response: HttpResponse


class Drop(msgspec.Struct, frozen=True):
    """Cut an HTTP request's connection unanswered."""

    request_id: int


Action = Send | Close | Abort | Silence | Respond | Drop


class Connection:
    """What the frame remembers of one WebSocket; a venue adds its own by inheritance."""

    def __init__(self, conn_id: int, now_us: int) -> None:
        self.conn_id = conn_id
        self.active_us = now_us
        self.is_zombie = False


C = TypeVar("C", bound=Connection)


class Connections(Generic[C]):
    """The open WebSockets of a venue, and the actions towards them. A connection that was closed, cut or silenced is
    forgotten at once.
    """

    def __init__(self, actions: list[Action]) -> None:
        self._actions = actions
        self._open: dict[int, C] = {}

    def add(self, connection: C) -> None:
        """Take a new connection in."""
        self._open[connection.conn_id] = connection

    def get(self, conn_id: int) -> C | None:
        """The open connection of this id, if any."""
        return self._open.get(conn_id)

    def has(self, connection: C) -> bool:
        """Whether it is still open, for what was put off until later."""
        return connection.conn_id in self._open

    def __iter__(self) -> Iterator[C]:
        """The open connections, as they are now, oldest first."""
        return iter(tuple(self._open.values()))

    def send(self, connection: C, payload: bytes, now_us: int, *, is_binary: bool = False) -> None:
        """Write a message, unless the connection is gone."""
        if self.has(connection):
            connection.active_us = now_us
            self._actions.append(Send(connection.conn_id, payload, is_binary))

    def close(self, connection: C, code: int, reason: str) -> None:
        """Close politely."""
        if self.forget(connection):
            self._actions.append(Close(connection.conn_id, code, reason))

    def abort(self, connection: C) -> None:
        """Cut."""
        if self.forget(connection):
            self._actions.append(Abort(connection.conn_id))

    def silence(self, connection: C) -> None:
        """Leave it open and dead."""
        if self.forget(connection):
            self._actions.append(Silence(connection.conn_id))

    def forget(self, connection: C) -> bool:
        """Drop it from the books; whether it was there."""
        return self._open.pop(connection.conn_id, None) is not None


@dataclass(slots=True)
class Stats:
    """What arrived: frames, REST calls, and cancels by the order that they named."""

    frames_in: int = 0
    rest_calls: int = 0
    cancels: dict[str, int] = field(default_factory=dict)

    def cancel(self, order_id: str) -> None:
        """Count one cancel that named this order, whatever becomes of it."""
        self.cancels[order_id] = self.cancels.get(order_id, 0) + 1


@dataclass(slots=True)
class Floor:
    """What all parts of one simulated venue share."""

    book: Book
    faults: FaultEngine
    rates: RateBook = field(default_factory=RateBook)
    timers: Timers = field(default_factory=Timers)
    stats: Stats = field(default_factory=Stats)
    actions: list[Action] = field(default_factory=list)
    reports: dict[str, Callable[[], JsonObject]] = field(default_factory=dict)
    """What parts of one venue alone have to show at the control door, by their names there."""

    def later(self, delay_us: int, now_us: int, action: LateAction) -> None:
        """Run `action` after a delay, or at once if there is none."""
        if delay_us > 0:
            self.timers.at(now_us + delay_us, action)
        else:
            action(now_us)


class SimVenue(ABC):
    """One simulated venue. The four inputs (open, frame, closed, http), time (deadline, tick), and the actions out
    (drain).
    """

    name: str
    answers_protocol_pings: bool = True
    """Whether the server answers WebSocket ping frames, as RFC 6455 asks; a venue may differ."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor

    @property
    def book(self) -> Book:
        """The venue's truth."""
        return self.floor.book

    @property
    def faults(self) -> FaultEngine:
        """The venue's faults."""
        return self.floor.faults

    def deadline(self) -> int | None:
        """When `tick` must be called next; None if nothing waits."""
        return self.floor.timers.due()

    def tick(self, now_us: int) -> None:
        """Do what is due."""
        self.floor.timers.run(now_us)

    def drain(self) -> list[Action]:
        """The actions since the last call, to be carried out in this order."""
        actions = self.floor.actions[:]
        self.floor.actions.clear()
        return actions

    @abstractmethod
    def is_socket_path(self, target: str) -> bool:
        """Whether a WebSocket may be opened at this path and query."""

    @abstractmethod
    def open(self, conn_id: int, target: str, headers: Mapping[str, str], now_us: int) -> None:
        """A WebSocket was opened; `conn_id` is new and is never used again."""

    @abstractmethod
    def frame(self, conn_id: int, data: str | bytes, now_us: int) -> None:
        """A message arrived: text as str, binary as bytes. One for a forgotten connection is ignored."""

    @abstractmethod
    def closed(self, conn_id: int, now_us: int) -> None:
        """A WebSocket is gone, whoever ended it."""

    @abstractmethod
    def http(self, request_id: int, request: HttpRequest, now_us: int) -> None:
        """A REST call arrived; it is answered by a Respond or Drop with this id, at once, later, or never."""

    @abstractmethod
    def placing_problem(self, new: NewOrder) -> str | None:
        """Why the control door may not place this order here; None if it may."""

    @abstractmethod
    def announce(self, order: Order, fill: Fill | None, now_us: int) -> None:
        """An order changed through the control door: tell those who listen."""

    def rest(self, new: NewOrder, now_us: int) -> Order:
        """The control door lets an order rest. Raises CapReached."""
        order = self.book.place(new, now_us)
        self.announce(order, None, now_us)
        return order

    def trade(self, order_id: str, qty: Decimal | None, now_us: int) -> Order:
        """The control door lets an order trade `qty`, or all that is left. Raises UnknownOrder, OrderEnded, BadFill."""
        order = self.book.fill(order_id, qty, now_us)
        self.announce(order, order.fills[-1], now_us)
        return order

    def take_off(self, order_id: str, now_us: int) -> Order:
        """The control door lets somebody else cancel an order. Raises UnknownOrder, OrderEnded."""
        order = self.book.cancel(order_id, EndedBy.OTHER, now_us, self.foreign_cancel_source())
        self.announce(order, None, now_us)
        return order

    def lapse(self, order: Order, now_us: int) -> None:
        """The account's dead-man switch takes an order off. One that has ended meanwhile, or is about to, stays so."""
        with suppress(BookError):
            self.take_off(order.order_id, now_us)

    @abstractmethod
    def foreign_cancel_source(self) -> str:
        """The venue's code for an order that somebody else took off the book."""

    @abstractmethod
    def fault_at_once(self, rule: FaultRule, now_us: int) -> None:
        """Let a fault happen now, on every open connection."""
