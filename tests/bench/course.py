"""A fixed course through the daemon's own parts: lines in, frames out, pushes in, lines out, and nothing of a machine.

From a client's bytes to the bytes that answer them all is the product's: connection, desk, correlator, driver, gateway,
session, dialect, the journal's rows, the notes of what left and the log's lines. Sockets, disk and threads are left
out; the venue's answers are written from templates; time is virtual. So the same course runs the same instructions
wherever it runs, and can be counted (`tests.bench.steps`) or profiled.
"""

from __future__ import annotations

import itertools
import socket
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
import structlog

from daemon.config.model import AccountConfig
from daemon.config.settings import Environment, OnJournalFailure
from daemon.core.departures import Departures
from daemon.core.ids import Ids
from daemon.edge.access import Access
from daemon.edge.account import Account
from daemon.edge.carrier import Carrier
from daemon.edge.clock import Clock
from daemon.edge.desk import ConnectionId
from daemon.edge.frontdesk import FrontDesk
from daemon.edge.journal import JournalState
from daemon.edge.journal.rows import rows_of
from daemon.edge.logs import _finishing
from daemon.edge.publisher import Publisher
from daemon.edge.sent import open_sent
from daemon.edge.server_conn import Connection, Limits, Room
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.ways import VirtualTime
from protocols.dialect import Endpoints, Profile
from protocols.fix import AccountName, OrderEntry
from protocols.rest import RestResponse
from protocols.secret import Credentials, Secret
from protocols.venues.registry import dialect_for

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator, Sequence

    from daemon.core.records import Record
    from daemon.edge.journal.backlog import Verdict
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Flight, Link, Outside
    from protocols.rest import SignedCall
    from protocols.session import Event, Session

START_US: Final = 1_763_600_000_000_000
WAY_US: Final = 100
COMMIT_US: Final = 300
REQUEST_US: Final = 2_000
BULK_US: Final = 40_000_000
"""Time enough for the listing at the end, a replica lag after the last outcome."""
NAME: Final = AccountName("course")
INSTRUMENTS: Final = 500
KEYS: Final = Credentials(Secret("sim-key"), Secret("sim-secret"), Secret("sim-pass"))
ACK: Final = (
    '{"id":"%s","op":"cancel-order","code":"0","msg":"","data":[{"clOrdId":"","ordId":"%s","sCode":"0","sMsg":"",'
    '"ts":"1763600000000"}],"inTime":"1763600000000000","outTime":"1763600000000000"}'
)
BATCH_ITEM: Final = '{"clOrdId":"","ordId":"%s","sCode":"0","sMsg":"","ts":"1763600000000"}'
BATCH_ACK: Final = (
    '{"id":"%s","op":"batch-cancel-orders","code":"0","msg":"","data":[%s],"inTime":"1763600000000000",'
    '"outTime":"1763600000000000"}'
)
PUSH: Final = (
    '{"arg":{"channel":"orders","instType":"ANY","uid":"614488474791936"},"data":[{"accFillSz":"0","algoClOrdId":"",'
    '"algoId":"","attachAlgoClOrdId":"","attachAlgoOrds":[],"cTime":"1763599999000","cancelSource":"%s","category":'
    '"normal","ccy":"","clOrdId":"","fee":"0","feeCcy":"BTC","instId":"%s","instType":"SPOT","isTpLimit":"false",'
    '"lever":"0","linkedAlgoOrd":{"algoId":""},"ordId":"%s","ordType":"limit","pnl":"0","posSide":"","px":"10",'
    '"pxType":"","pxUsd":"","pxVol":"","quickMgnType":"","rebate":"0","rebateCcy":"USDT","reduceOnly":"false",'
    '"side":"buy","slOrdPx":"","slTriggerPx":"","slTriggerPxType":"","source":"","state":"%s","stpId":"",'
    '"stpMode":"cancel_maker","sz":"2","tag":"","tdMode":"cash","tgtCcy":"","tpOrdPx":"","tpTriggerPx":"",'
    '"tpTriggerPxType":"","tradeQuoteCcy":"USDT","uTime":"1763600000000","amendResult":"","amendSource":"",'
    '"avgPx":"0","code":"0","execType":"","fillFee":"0","fillFeeCcy":"","fillFwdPx":"","fillIdxPx":"","fillMarkPx":"",'
    '"fillMarkVol":"","fillNotionalUsd":"","fillPnl":"0","fillPx":"","fillPxUsd":"","fillPxVol":"","fillSz":"0",'
    '"fillTime":"","lastPx":"10","msg":"","notionalUsd":"20","reqId":"","tradeId":""}]}'
)
BULK_LINE: Final = b'{"jsonrpc":"2.0","id":8,"method":"cancel_all","params":{"account":"course"}}\n'


def instrument_of(number: int) -> str:
    return f"SIM{number % INSTRUMENTS:03}-USDT"


class Pool:
    """The venue's REST, as far as a start asks for it."""

    def __init__(self) -> None:
        listed = [{"instId": instrument_of(n), "instIdCode": 10_000 + n} for n in range(INSTRUMENTS)]
        self._data: dict[str, list[dict[str, Any]]] = {
            "/api/v5/public/time": [{"ts": str(START_US // 1000)}],
            "/api/v5/account/config": [{"uid": "614488474791936", "perm": "read_only,trade"}],
            "/api/v5/public/instruments?instType=SPOT": listed,
        }

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def call(self, signed: SignedCall, total_s: float, flight: Flight | None = None) -> RestResponse:
        body = {"code": "0", "msg": "", "data": self._data.get(signed.target, [])}
        return RestResponse(200, orjson.dumps(body))


class Wire(Carrier):
    """A link whose venue answers from templates, `WAY_US` later."""

    has_opened = True

    def __init__(self, course: Course, session: Session, report: Callable[[Link, Sequence[Event]], None]) -> None:
        super().__init__(session, course.clock, partial(report, self), course.scope.after_s)
        self._course = course

    _can_write = True

    async def open(self, url: str) -> None:
        self.session.opened(self._clock.now(), self._clock.now())
        self._flush()

    def close(self, why: str) -> None:
        self.session.closed(self._clock.now(), why)
        self._flush()

    abort = close

    def hear(self, *frames: str) -> None:
        for frame in frames:
            self.session.received(frame, self._clock.now())
        self._flush()

    def _write(self, frames: Sequence[str]) -> None:
        for frame in frames:
            asked: dict[str, Any] = orjson.loads(frame) if frame.startswith("{") else {"op": frame}
            match asked["op"]:
                case "cancel-order":
                    order_id = str(asked["args"][0]["ordId"])
                    number = int(order_id) % INSTRUMENTS
                    push = PUSH % ("1", instrument_of(number), order_id, "canceled")
                    self._answer(ACK % (asked["id"], order_id), push)
                case "batch-cancel-orders":
                    self._answer(*_batch_answered(asked))
                case "login":
                    self._answer('{"event":"login","code":"0","msg":"","connId":"a4d3ae55"}')
                case "subscribe":
                    self._answer(
                        '{"event":"subscribe","arg":{"channel":"orders","instType":"ANY"},"connId":"a4d3ae55"}'
                    )
                case _:
                    self._answer("pong")

    def _answer(self, *frames: str) -> None:
        self._course.scope.kernel.after(WAY_US, partial(self.hear, *frames))


class Way(VirtualTime):
    """What the gateway reaches the venue by."""

    def __init__(self, course: Course) -> None:
        super().__init__(course.scope, Random(0))
        self._course = course

    def pool(self) -> Pool:
        return Pool()

    def link(
        self, session: Session, venue_now: Callable[[], int], report: Callable[[Link, Sequence[Event]], None]
    ) -> Wire:
        self._course.wire = Wire(self._course, session, report)
        return self._course.wire


class Rows:
    """A journal that works out what it would write, and says `COMMIT_US` later that it was written."""

    boot = 1
    state = JournalState.OK
    why = ""
    has_receipts_under_way = False

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._seq = itertools.count(1)
        self._step = 1

    def append(self, records: Sequence[Record], on_commit: Verdict | None = None) -> None:
        rows_of(records, self._step)
        self._step += len(records)
        if on_commit is not None:
            self._scope.kernel.after(COMMIT_US, partial(on_commit, True))

    def next_seq(self) -> int:
        return next(self._seq)

    def bound_user(self, account: AccountName) -> None:
        return None

    async def bind_user(self, account: AccountName, venue: str, environment: str, venue_user_id: str) -> None:
        pass


class Client:
    """The transport under a client's connection: it counts the lines that leave."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.lines: list[bytes] = []

    def get_extra_info(self, name: str) -> socket.socket:
        return self._sock

    def write(self, line: bytes) -> None:
        self.lines.append(line)

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


class Course:
    """A daemon on it, with one client; make it by `course`."""

    wire: Wire

    def __init__(self, sock: socket.socket, folder: Path) -> None:
        self.kernel = Kernel(START_US)
        self.scope = Scope(self.kernel)
        self.clock = Clock(lambda: self.kernel.now_us * 1000, lambda: self.kernel.now_us * 1000)
        self.log_lines: list[str] = []
        journal = cast("Ledger", Rows(self.scope))
        outside = Way(self)
        ids = Ids(1)
        publisher = Publisher(self._no_page, 1, outside)
        account = Account(
            _config(), dialect_for("okx", Profile()), KEYS, "", journal, publisher, self.clock, ids,
            is_strict=False, outside=cast("Outside", outside), logger=self._logger(),
            departures=self._departures(folder),
        )  # fmt: skip
        self.account = account
        self.desk = FrontDesk(
            {NAME: account}, journal, publisher, Access(()), self.clock, ids, version="0",
            on_journal_failure=OnJournalFailure.SERVE, known_names=set(), time=outside,
        )  # fmt: skip
        self.scope.spawn(account.run())
        self._pass(5_000_000)
        room = Room(
            self.desk,
            self.clock.now,
            "0",
            Limits(),
            lambda _: None,
            lambda _: None,
            lambda: 1,
            Counter(),
            outside.soon,
        )  # fmt: skip
        self.client = Client(sock)
        self._connection = Connection(room, ConnectionId(1))
        self._connection.connection_made(cast("asyncio.BaseTransport", self.client))
        self._orders = itertools.count(2_900_000_000_000_000_000)

    def cancel(self, count: int) -> None:
        """Let the client cancel so many orders, one after the other; each ends canceled."""
        before = len(self.client.lines)
        for order in itertools.islice(self._orders, count):
            self._connection.data_received(_line(order))
            self._pass(REQUEST_US)
        said = self.client.lines[before:]
        if len(said) != count or not all(b'"outcome":"canceled"' in line for line in said):
            raise AssertionError(f"{len(said)} answers to {count} cancels: {said[:1]}")

    def rest(self, count: int) -> None:
        """Let so many orders rest, and be pushed."""
        for order in itertools.islice(self._orders, count):
            self.wire.hear(PUSH % ("", instrument_of(order), str(order), "live"))

    def flatten(self, count: int) -> None:
        """Let the client cancel all that rests, which are so many; each ends canceled."""
        before = len(self.client.lines)
        self._connection.data_received(BULK_LINE)
        self._pass(BULK_US)
        said = b"".join(self.client.lines[before:])
        told = said.count(b'"method":"outcome"')
        if told != count or b'"counts":{"canceled":%d' % count not in said:
            raise AssertionError(f"{told} outcomes of a flatten of {count}: {said[-200:]!r}")

    def push(self, count: int) -> None:
        """Let the venue push so many orders of somebody else's, live and then canceled."""
        for number, order in enumerate(itertools.islice(self._orders, count)):
            state = "live" if number % 2 else "canceled"
            self.wire.hear(PUSH % ("", instrument_of(order), str(order - number % 2), state))

    def _pass(self, us: int) -> None:
        self.kernel.run(self.kernel.now_us + us)

    def _departures(self, folder: Path) -> Departures:
        sent = open_sent(folder / "journal", self.clock.now(), lambda: self.kernel.now_us * 1000)
        return Departures(sent, self.clock.now())

    def _logger(self) -> structlog.typing.FilteringBoundLogger:
        finish = _finishing(is_human=False, has_priorities=False)
        return cast(
            "structlog.typing.FilteringBoundLogger",
            structlog.wrap_logger(
                _Lines(self.log_lines),
                processors=[lambda _, method, event: finish(method, event)],
                wrapper_class=structlog.make_filtering_bound_logger("info"),
            ),
        )

    async def _no_page(self, from_seq: int, limit: int) -> tuple[list[Any], int]:
        return [], from_seq


class _Lines:
    def __init__(self, lines: list[str]) -> None:
        self.info = self.warning = self.error = lines.append


@contextmanager
def course() -> Iterator[Course]:
    """Set a daemon on the course, ready to cancel."""
    ours, theirs = socket.socketpair()
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    try:
        with ours, theirs, TemporaryDirectory() as folder:
            yield Course(ours, Path(folder))
    finally:
        structlog.configure(**before)


def _batch_answered(asked: dict[str, Any]) -> Iterator[str]:
    """Give the answer to a batch, and the pushes that follow."""
    ids = [str(arg["ordId"]) for arg in asked["args"]]
    items = ",".join(BATCH_ITEM % order_id for order_id in ids)
    yield BATCH_ACK % (asked["id"], items)
    for order_id in ids:
        yield PUSH % ("1", instrument_of(int(order_id)), order_id, "canceled")


def _line(order: int) -> bytes:
    return (
        f'{{"jsonrpc":"2.0","id":7,"method":"cancel","params":{{"account":"{NAME}","instrument":"{instrument_of(order)}",'
        f'"order_id":"{order}","deadline_ms":500}}}}\n'
    ).encode()


def _config() -> AccountConfig:
    return AccountConfig(
        name=NAME,
        venue="okx",
        environment=Environment.LIVE,
        credentials="",
        order_entry=OrderEntry.WS_THEN_REST,
        products=(),
        takes_passphrase=True,
        endpoints=Endpoints(rest="http://127.0.0.1", ws="ws://127.0.0.1"),
        ca_file=None,
        proxy=None,
        source_address=None,
        timings=dialect_for("okx", Profile()).traits.timings,
        correction_window_h=24,
        request_retention_h=72,
        cases_max=16_384,
        orders_max=65_536,
    )
