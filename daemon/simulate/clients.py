"""Those who call: they ask, lose their connection, come back and ask again under the same name, and watch the others.

A client knows what it wished for and what it heard, and nothing of the daemon's inside. What is on its way to a client
when the daemon dies still arrives; what is on its way when the client leaves does not.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from protocols.control.params import (
    CancelAllParams,
    CancelBatchParams,
    CancelParams,
    SubscribeParams,
    Topic,
    TrackedOrder,
    TrackParams,
)
from protocols.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from daemon.core.records import BulkReport, Previous, Report
    from daemon.edge.desk import ConnectionId, OrderRow, Peer, Preview, Reattached, SessionRow
    from daemon.simulate.kernel import Kernel
    from daemon.simulate.life import Life
    from daemon.simulate.plan import ClientPlan
    from protocols.fix import RequestId, RequestState

WAY_US: Final = 150
"""At most so long takes a line through a Unix socket."""
AGAIN_US: Final = 700_000
AGAIN_MAX_US: Final = 60_000_000
"""Between two tries of a request that was refused at the door: ever longer, up to a minute."""


Wanted = CancelParams | CancelBatchParams | CancelAllParams
"""What a client may ask for."""


class Hearer(Protocol):
    """Who keeps what clients ask and hear."""

    def asked(self, name: str, sink: int, received_us: int, at_us: int) -> None:
        """A request was handed in, ``received_us`` by the daemon's clock."""

    def tracked(self, orders: Sequence[TrackedOrder], at_us: int) -> None:
        """Orders were named under their client ids."""

    def refused(self, name: str, why: BadRequest, at_us: int) -> None:
        """It was refused at the door, or later by its name."""

    def asked_bulk(self, name: str, at_us: int) -> None:
        """A bulk cancel was handed in."""

    def bulk_word(self, name: str, report: Report, at_us: int) -> None:
        """One order of it has its outcome, or a correction of it."""

    def bulk_result(self, name: str, sink: int, report: BulkReport, at_us: int) -> None:
        """It has its answer."""

    def bulk_corrected(self, name: str, report: BulkReport, at_us: int) -> None:
        """It has another one."""

    def progress(self, name: str, sink: int, state: RequestState, at_us: int) -> None:
        """It got on."""

    def result(self, name: str, sink: int, report: Report, history: Reattached | None, at_us: int) -> None:
        """It has its outcome."""

    def correction(self, name: str, sink: int, report: Report, previous: Previous, at_us: int) -> None:
        """Its outcome was revised."""

    def published(self, listener: int, report: Report, at_us: int) -> None:
        """A subscriber heard a word."""


class Office:
    """What all clients share: the daemon, if there is one, and the time."""

    def __init__(self, kernel: Kernel, hearer: Hearer, rng: Random) -> None:
        self.kernel = kernel
        self.hearer = hearer
        self.life: Life | None = None
        self._rng = rng
        self._numbers = 0

    def number(self) -> int:
        """Number a sink or a listener, uniquely in this world."""
        self._numbers += 1
        return self._numbers

    def way_us(self) -> int:
        """Draw how long a line takes."""
        return self._rng.randint(10, WAY_US)


class Client:
    """One client, with one connection at a time."""

    def __init__(self, office: Office, plan: ClientPlan) -> None:
        self.plan = plan
        self.peer: Peer | None = None
        self._office = office
        self._wanted: dict[str, Wanted] = {}
        self._tracked: dict[str, TrackedOrder] = {}
        self._asked: set[str] = set()
        self._answered: set[str] = set()
        self._refusals: Counter[str] = Counter()
        self._is_away = False
        self._heard_until_us = 0

    @property
    def is_connected(self) -> bool:
        """Whether a daemon is at the other end."""
        return self.peer is not None

    @property
    def is_content(self) -> bool:
        """Whether everything was answered that it will ask for, or ask for again, by itself."""
        unanswered = self._wanted.keys() - self._answered
        return unanswered <= self._asked if self.plan.is_patient else not unanswered

    # ------------------------------------------------------------ connecting

    def connect(self) -> None:
        """Come in, subscribe, name its orders, and ask again for what was not answered."""
        life = self._office.life
        if life is None or self._is_away or self.peer is not None:
            return
        self.peer = life.connect(self.plan.uid)
        watch = SubscribeParams(topics=[Topic.OUTCOMES, Topic.CORRECTIONS])
        life.desk.subscribe(watch, self.peer, Watcher(self, self.peer.connection, self._office.number()))
        if self._tracked:
            self._tell_of(tuple(self._tracked.values()), self.peer.connection)
        for name in self._wanted:
            if name not in self._answered and not (self.plan.is_patient and name in self._asked):
                self._send(name)

    def lost(self) -> None:
        """The daemon died: what it had written still arrives."""
        self.peer = None

    def leave(self) -> None:
        """Close the connection: what is under way is not heard any more."""
        self._is_away = True
        peer, self.peer = self.peer, None
        if peer is not None and self._office.life is not None:
            self._office.life.desk.drop(peer.connection)

    def come_back(self) -> None:
        """Be there again."""
        self._is_away = False
        self.connect()

    # ------------------------------------------------------------ asking

    def wish(self, name: str, params: Wanted) -> None:
        """Ask for a cancel, now or as soon as there is a daemon."""
        self._wanted[name] = params
        if self.peer is not None:
            self._send(name)

    def track(self, order: TrackedOrder) -> None:
        """Name an order under its client id, now and to each further daemon."""
        self._tracked[order.client_order_id] = order
        if self.peer is not None:
            tell = partial(self._tell_of, (order,), self.peer.connection)
            self._office.kernel.after(self._office.way_us(), tell)

    def _tell_of(self, orders: tuple[TrackedOrder, ...], connection: ConnectionId) -> None:
        life, peer = self._office.life, self.peer
        if life is not None and peer is not None and peer.connection == connection:
            life.desk.track(TrackParams(orders=list(orders)), peer)
            self._office.hearer.tracked(orders, self._office.kernel.now_us)

    def ask_again(self) -> None:
        """Ask for everything once more, answered or not."""
        for name in self._wanted:
            self._send(name)

    def _send(self, name: str) -> None:
        if self.peer is not None:
            connection = self.peer.connection
            self._office.kernel.after(self._office.way_us(), partial(self._arrived, name, connection))

    def _arrived(self, name: str, connection: ConnectionId) -> None:
        life, peer = self._office.life, self.peer
        if life is None or peer is None or peer.connection != connection:
            return
        self._asked.add(name)
        try:
            self._hand_in(name, life, peer)
        except BadRequest as why:
            self.refused(name, why)

    def _hand_in(self, name: str, life: Life, peer: Peer) -> None:
        received_us, now_us, number = life.clock.now(), self._office.kernel.now_us, self._office.number()
        wanted = self._wanted[name]
        if isinstance(wanted, CancelParams):
            self._office.hearer.asked(name, number, received_us, now_us)
            life.desk.cancel(wanted, peer, received_us, ClientSink(self, name, peer.connection, number))
            return
        self._office.hearer.asked_bulk(name, now_us)
        sink = ClientBulkSink(self, name, peer.connection, number)
        if isinstance(wanted, CancelBatchParams):
            life.desk.cancel_batch(wanted, peer, received_us, sink)
        else:
            life.desk.cancel_all(wanted, peer, received_us, sink)

    def refused(self, name: str, why: BadRequest) -> None:
        """Hear that there is no such request, and try again in a while."""
        self._asked.discard(name)
        self._office.hearer.refused(name, why, self._office.kernel.now_us)
        self._refusals[name] += 1
        again_us = min(AGAIN_US << min(self._refusals[name] // 4, 16), AGAIN_MAX_US)
        self._office.kernel.after(again_us, partial(self._try_again, name))

    def _try_again(self, name: str) -> None:
        if name not in self._answered:
            self._send(name)

    # ------------------------------------------------------------ hearing

    def arrives_us(self) -> int:
        """Draw when a line that is written now is read: lines keep their order."""
        self._heard_until_us = max(self._heard_until_us, self._office.kernel.now_us + self._office.way_us())
        return self._heard_until_us

    def hears(self, connection: ConnectionId) -> bool:
        """Whether a line of a connection still reaches this client: not if it closed it itself."""
        return not self._is_away or (self.peer is not None and self.peer.connection == connection)

    @property
    def office(self) -> Office:
        """What it shares with the others."""
        return self._office

    def answered(self, name: str) -> None:
        """Note that a request has its outcome."""
        self._answered.add(name)


class ClientSink:
    """Where one call is answered; see `daemon.edge.desk.Sink`."""

    wants_progress = True

    def __init__(self, client: Client, name: str, connection: ConnectionId, number: int) -> None:
        self.number = number
        self._client = client
        self._name = name
        self._connection = connection

    @property
    def connection(self) -> ConnectionId:
        """The client's connection."""
        return self._connection

    def progress(self, request_id: RequestId, state: RequestState) -> None:
        """Hear how far the request has come."""
        self._later(lambda at_us: self._hearer.progress(self._name, self.number, state, at_us))

    def result(self, report: Report, history: Reattached | None = None) -> None:
        """Hear the outcome."""

        def heard(at_us: int) -> None:
            self._client.answered(self._name)
            self._hearer.result(self._name, self.number, report, history, at_us)

        self._later(heard)

    def refuse(self, why: BadRequest) -> None:
        """Hear that the name is taken."""
        self._later(lambda _: self._client.refused(self._name, why))

    def correction(self, report: Report, previous: Previous) -> None:
        """Hear a revision."""
        self._later(lambda at_us: self._hearer.correction(self._name, self.number, report, previous, at_us))

    @property
    def _hearer(self) -> Hearer:
        return self._client.office.hearer

    def _later(self, hear: Hear) -> None:
        _deliver(self._client, self._connection, hear)


class ClientBulkSink:
    """Where one call of a bulk cancel is answered; see `daemon.edge.desk.BulkSink`."""

    wants_progress = False

    def __init__(self, client: Client, name: str, connection: ConnectionId, number: int) -> None:
        self.number = number
        self._client = client
        self._name = name
        self._connection = connection

    @property
    def connection(self) -> ConnectionId:
        """The client's connection."""
        return self._connection

    def progress(self, request_id: RequestId, state: RequestState) -> None:
        """Not asked for."""

    def outcome(self, report: Report) -> None:
        """Hear what became of one of the orders."""
        self._later(lambda at_us: self._client.office.hearer.bulk_word(self._name, report, at_us))

    def correction(self, report: Report, previous: Previous) -> None:
        """Hear a revision of it."""
        self.outcome(report)

    def result(self, report: BulkReport, *, is_durable: bool) -> None:
        """Hear the answer."""

        def heard(at_us: int) -> None:
            self._client.answered(self._name)
            self._client.office.hearer.bulk_result(self._name, self.number, report, at_us)

        self._later(heard)

    def bulk_correction(self, report: BulkReport, previous: BulkReport, *, is_durable: bool) -> None:
        """Hear that the answer was not so, or is not so any more."""
        self._later(lambda at_us: self._client.office.hearer.bulk_corrected(self._name, report, at_us))

    def preview(self, found: Preview) -> None:
        """Nobody asks for a dry run."""

    def refuse(self, why: BadRequest) -> None:
        """Hear that the name is taken."""
        self._later(lambda _: self._client.refused(self._name, why))

    def _later(self, hear: Hear) -> None:
        _deliver(self._client, self._connection, hear)


class Watcher:
    """A subscription of outcomes and corrections; see `daemon.edge.desk.Listener`."""

    def __init__(self, client: Client, connection: ConnectionId, number: int) -> None:
        self._client = client
        self._connection = connection
        self._number = number

    @property
    def connection(self) -> ConnectionId:
        """The client's connection."""
        return self._connection

    def outcome(self, report: Report) -> None:
        """Hear an outcome."""
        self._later(report)

    def correction(self, report: Report, previous: Previous) -> None:
        """Hear a correction."""
        self._later(report)

    def order(self, row: OrderRow, seq: int) -> None:
        """Not asked for."""

    def session(self, row: SessionRow, seq: int) -> None:
        """Not asked for."""

    def gap(self, topic: Topic, from_seq: int, to_seq: int) -> None:
        """No replay was asked for, so there is none."""

    async def drained(self) -> bool:
        """Always read at once."""
        return True

    def _later(self, report: Report) -> None:
        hearer = self._client.office.hearer
        _deliver(self._client, self._connection, lambda at_us: hearer.published(self._number, report, at_us))


class Hear(Protocol):
    """What a client does with a line."""

    def __call__(self, at_us: int, /) -> None:
        """Hear it."""


def _deliver(client: Client, connection: ConnectionId, hear: Hear) -> None:
    kernel = client.office.kernel
    at_us = client.arrives_us()

    def arrive() -> None:
        if client.hears(connection):
            hear(at_us)

    kernel.at(at_us, arrive)
