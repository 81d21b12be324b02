"""A desk that does what a test tells it, and a server that puts it on a socket.

For the tests of the socket, of its client library and of `cancelctl`.
"""

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from daemon.core.records import EvidenceRef, Previous, Report, Times
from daemon.edge.desk import (
    BulkSink,
    ConnectionId,
    HistoryRows,
    Listener,
    OrderRows,
    Peer,
    Sink,
    Story,
    Subscription,
)
from daemon.edge.listening import Listening
from daemon.edge.server import Server
from daemon.edge.server_conn import Limits
from protocols.control import params as asked
from protocols.control.results import AccountStatus, AlarmSeen, JournalStatus, Status, Welcome
from protocols.errors import BadRequest
from protocols.fix import AccountName, EndedBy, OrderId, OrdStatus, Outcome, RequestId

NOW_US = 1_700_000_000_000_000

REPORT = Report(
    request_id=RequestId("mm1-000042"),
    account=AccountName("okx-main"),
    venue="okx",
    product=None,
    instrument="BTC-USDT",
    order_id=OrderId("590908157585625111"),
    client_order_id=None,
    outcome=Outcome.CANCELED,
    ord_status=OrdStatus.CANCELED,
    cxl_rej_reason=None,
    order_qty=Decimal(1),
    cum_qty=Decimal("1E-8"),
    cum_qty_final=True,
    leaves_qty=Decimal(0),
    avg_px=Decimal("30000.10"),
    ended_by=EndedBy.US,
    cancel_reason=None,
    successor_order_id=None,
    venue_response={"sCode": "0", "ordId": "590908157585625111"},
    venue_code="0",
    venue_message="",
    evidence=EvidenceRef("push", "orders", "1700000000001", "ab" * 16),
    times=Times(NOW_US, NOW_US + 900, NOW_US + 100, NOW_US + 2000, NOW_US + 2500, NOW_US + 2600),
    durable=True,
    seq=1841,
)


def report(**changes: object) -> Report:
    """A canceled order, and what the test wants otherwise."""
    return msgspec.structs.replace(REPORT, **changes)


def report_for(request: asked.CancelParams, **changes: object) -> Report:
    """The same for what was asked."""
    named = {"request_id": request.request_id or "made-1", "account": request.account, "instrument": request.instrument}
    return report(order_id=request.order_id, client_order_id=request.client_order_id, **(named | changes))


STATUS = Status(
    server="canceld",
    boot_id="boot-1",
    uptime_s=61,
    journal=JournalStatus("ok"),
    accounts={
        "okx-main": AccountStatus(
            venue="okx",
            state="ready",
            order_entry="ws",
            drop_copy="live",
            cancel_ready=True,
            budget_wait_ms=0,
            in_flight=0,
            in_doubt=1,
            oldest_ms=None,
            clock_offset_ms=-1.5,
            alarms=[AlarmSeen("drop_copy_blind", NOW_US, "no pushes")],
        )
    },
)


class Taken(msgspec.Struct):
    """A cancel that reached the desk."""

    request: asked.CancelParams
    peer: Peer
    received_us: int
    sink: Sink


class TakenBulk(msgspec.Struct):
    """A bulk cancel that reached the desk."""

    request: asked.CancelBatchParams | asked.CancelAllParams
    peer: Peer
    sink: BulkSink


class FakeDesk:
    """Keeps what it is asked. Replace a `when_...` to have it done; `until` waits for what the socket does."""

    def __init__(self) -> None:
        self.cancels: list[Taken] = []
        self.dropped: list[ConnectionId] = []
        self.greeted: list[Peer] = []
        self.tracked: list[asked.TrackedOrder] = []
        self.listeners: list[Listener] = []
        self.subscribed: list[asked.SubscribeParams] = []
        self.ended: list[Listener] = []
        self.read: list[object] = []
        self.reads_canceled = 0
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.refusal: Exception | None = None
        self.order_rows = OrderRows((), complete=True)
        self.history_of: Callable[[asked.HistoryParams], HistoryRows] = lambda _: HistoryRows((), 0)
        self.story = Story(None, ())
        self.status_now = STATUS
        self.when_canceled: Callable[[Taken], None] = lambda _: None
        self.bulks: list[TakenBulk] = []
        self.bound: list[tuple[asked.BindParams, Callable[[str, bool], None]]] = []
        self.heartbeats: list[ConnectionId] = []
        self.holds: list[str] = []
        self.goodbyes: list[ConnectionId] = []
        self.when_bulk: Callable[[TakenBulk], None] = lambda _: None
        self.when_subscribed: Callable[[Listener, asked.SubscribeParams], None] = lambda *_: None
        self._changed = asyncio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds that only a call to this desk can bring about."""
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    def hello(self, peer: Peer) -> Welcome:
        self._note()
        self.greeted.append(peer)
        return Welcome(server="canceld", version="0.1.0", boot_id="boot-1", accounts={"okx-main": "okx"})

    def cancel(self, request: asked.CancelParams, peer: Peer, received_us: int, sink: Sink) -> RequestId:
        self._note()
        taken = Taken(request, peer, received_us, sink)
        self.cancels.append(taken)
        self.when_canceled(taken)
        return request.request_id or RequestId("made-1")

    def cancel_batch(self, request: asked.CancelBatchParams, peer: Peer, received_us: int, sink: BulkSink) -> RequestId:
        return self._take_bulk(request, peer, sink)

    def cancel_all(self, request: asked.CancelAllParams, peer: Peer, received_us: int, sink: BulkSink) -> RequestId:
        return self._take_bulk(request, peer, sink)

    def _take_bulk(
        self, request: asked.CancelBatchParams | asked.CancelAllParams, peer: Peer, sink: BulkSink
    ) -> RequestId:
        self._note()
        taken = TakenBulk(request, peer, sink)
        self.bulks.append(taken)
        self.when_bulk(taken)
        return request.request_id or RequestId("made-1")

    def track(self, request: asked.TrackParams, peer: Peer) -> int:
        self._note()
        self.tracked.extend(request.orders)
        return len(request.orders)

    def orders(self, request: asked.OrdersParams, peer: Peer) -> OrderRows:
        self._note()
        return self.order_rows

    def status(self, peer: Peer) -> Status:
        self._note()
        return self.status_now

    async def history(self, request: asked.HistoryParams, peer: Peer) -> HistoryRows:
        await self._reading(request)
        return self.history_of(request)

    async def explain(self, request: asked.ExplainParams, peer: Peer) -> Story:
        await self._reading(request)
        return self.story

    def subscribe(self, request: asked.SubscribeParams, peer: Peer, listener: Listener) -> Subscription:
        self._note()
        self.subscribed.append(request)
        self.listeners.append(listener)
        self.when_subscribed(listener, request)
        return Subscription(request.from_seq or 100, lambda: self.ended.append(listener))

    def bind(self, request: asked.BindParams, peer: Peer, on_bound: Callable[[str, bool], None]) -> None:
        self._note()
        self.bound.append((request, on_bound))

    def heard(self, connection: ConnectionId) -> list[str]:
        self.heartbeats.append(connection)
        return self.holds

    def goodbye(self, connection: ConnectionId) -> None:
        self.goodbyes.append(connection)

    def drop(self, connection: ConnectionId) -> None:
        self._changed.set()
        self.dropped.append(connection)

    async def _reading(self, request: object) -> None:
        self._note()
        self.read.append(request)
        try:
            await self.may_read.wait()
        except asyncio.CancelledError:
            self.reads_canceled += 1
            self._changed.set()
            raise

    def _note(self) -> None:
        self._changed.set()
        if self.refusal is not None:
            raise self.refusal


def answer_with(**changes: object) -> Callable[[Taken], None]:
    """Answer each cancel at once with a report for it."""
    return lambda taken: taken.sink.result(report_for(taken.request, **changes))


def refuse_with(reason: str, what: str, *, path: str | None = None, **data: object) -> Callable[[object], None]:
    """Refuse each cancel, a bulk one too."""

    def refuse(_: object) -> None:
        raise BadRequest(reason, what, path=path, **data)

    return refuse


def correct(first: Report, **changes: object) -> tuple[Report, Previous]:
    """A correction of a report, and what was said before."""
    changed = msgspec.structs.replace(first, revision=first.revision + 1, seq=first.seq + 1, **changes)
    return changed, Previous(first.outcome, first.cum_qty)


@contextlib.contextmanager
def a_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="cd") as name:
        yield Path(name)


@contextlib.asynccontextmanager
async def serving(desk: FakeDesk, path: Path, limits: Limits | None = None) -> AsyncIterator[Server]:
    """A server for the desk, on this loop."""
    server = Server(desk, now_us=lambda: NOW_US, version="0.1.0", limits=limits)
    await server.start(Listening.bind(path))
    try:
        yield server
    finally:
        await server.stop(grace_s=0)


class Elsewhere:
    """A server for a desk on a loop of its own in another thread: for clients that block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self, desk: FakeDesk) -> None:
        """Serve; returns when clients can connect."""
        up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(desk, up)))
        self._thread.start()
        up.wait()

    def stop(self) -> None:
        """Stop as a daemon does that is killed: without a word."""
        if self._thread is not None and self._loop is not None and self._over is not None:
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()
        self._thread = None

    def do(self, what: Callable[[], object]) -> None:
        """Do something on the server's loop, now."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(what)

    async def _serve(self, desk: FakeDesk, up: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with serving(desk, self.path):
            up.set()
            await self._over.wait()


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as path:
        yield path


@pytest.fixture
def elsewhere(folder: Path) -> Iterator[Elsewhere]:
    served = Elsewhere(folder / "s")
    with capture_logs():  # its stdout is the test's
        yield served
        served.stop()
