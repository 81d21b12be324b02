"""One client's connection: its lines become calls to the desk, in the loop turn in which they were read.

A cancel makes no task: it is parsed and handed over at once, and its `Sink` answers later. Only `history` and
`explain`, which wait for the journal, run as tasks, a few at a time. What a client does wrong hurts itself alone: a bad
line gets its error and the connection lives, a line without an end gets its error and the connection is closed.

A client may end its writing half (as ``socat`` does): what is in flight is still answered, then the connection closes.
"""

from __future__ import annotations

import asyncio
import select
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, assert_never, cast

import msgspec
import structlog

from daemon.edge import words
from daemon.edge.desk import Desk
from daemon.edge.line_pace import LinePace
from daemon.edge.outbox import ANSWER_BYTES_MAX, NOTIFY_BYTES_MAX, Outbox
from daemon.edge.peer import peer_of
from daemon.edge.telling import Answer, BulkAnswer, Telling, Voice
from protocols.control import params as asked
from protocols.control import results
from protocols.control.calls import NULL, Refused, parse
from protocols.control.encode import encoded, refusal, reply
from protocols.control.lines import LINE_BYTES_MAX, LineSplitter, LineTooLong
from protocols.control.openrpc import document
from protocols.control.refusals import Reason, RpcError, error_of, error_of_bad_request
from protocols.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from daemon.edge.desk import ConnectionId, Peer, Subscription

LINES_PER_TURN: Final = 16
"""Of one client in one turn of the loop, at some tens of microseconds each: a flood slows the others by little."""
CLOSE_GRACE_S: Final = 5.0
"""How long a closing connection may take to have its last lines read before it is aborted."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of the socket; ``hello`` tells them.

    ``connections_per_uid_max`` is half of all, so that one user's runaway script leaves room for another's.
    ``in_flight_max``: cancels without an outcome per connection, more than a venue's open orders on one instrument.
    ``lines_per_s_max``: lines that a connection may say in a second, far above what any of them needs.
    ``reads_max``: journal reads at a time per connection, since they share the journal's thread with everyone. The
    bytes are explained in `outbox`.
    """

    connections_max: int = 256
    connections_per_uid_max: int = 128
    in_flight_max: int = 1024
    lines_per_s_max: int = 10_000
    reads_max: int = 4
    line_bytes_max: int = LINE_BYTES_MAX
    notify_bytes_max: int = NOTIFY_BYTES_MAX
    answer_bytes_max: int = ANSWER_BYTES_MAX


class Room(msgspec.Struct, frozen=True):
    """What all connections of a server share.

    ``now_us`` is the daemon's clock, microseconds since the epoch. ``enter`` says why a connection is turned away, or
    None and takes it in; ``leave`` is for one that was taken in; ``clients`` counts them. ``refusals`` counts errors by
    their reason. ``soon`` calls something when this turn of the loop is over.
    """

    desk: Desk
    now_us: Callable[[], int]
    version: str
    limits: Limits
    enter: Callable[[Connection], RpcError | None]
    leave: Callable[[Connection], None]
    clients: Callable[[], int]
    refusals: Counter[str]
    soon: Callable[[Callable[[], None]], object]


class Connection(asyncio.Protocol):
    """One client, from its connect to its last word."""

    peer: Peer
    _transport: asyncio.Transport
    _outbox: Outbox
    _voice: Voice
    _log: structlog.stdlib.BoundLogger

    def __init__(self, room: Room, name: ConnectionId) -> None:
        self._room = room
        self._name = name
        self._lines = LineSplitter()
        self._reads: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._pace = LinePace(room.limits.lines_per_s_max, room.now_us())
        self._subscription: Subscription | None = None
        self._telling: Telling | None = None
        self._arrived: Iterator[bytes] = iter(())
        self._arrived_us = 0
        self._is_paused = False
        self._is_in = False
        self._is_ending = False
        self._grace: asyncio.TimerHandle | None = None

    # ---------------------------------------------------------------- what the transport says

    def connection_made(self, given: asyncio.BaseTransport) -> None:
        """Look who it is, and turn away who may not talk."""
        transport = cast("asyncio.Transport", given)  # uvloop's are no subclass of asyncio's, but do the same
        limits = self._room.limits
        self._transport = transport
        self.peer = peer_of(transport.get_extra_info("socket"), self._name)
        caller = self.peer.caller
        self._log = log.bind(connection=self._name, uid=caller.uid, pid=caller.pid)
        self._outbox = Outbox(
            transport, self._room.soon, self._overflowed, limits.notify_bytes_max, limits.answer_bytes_max
        )
        self._voice = Voice(self._name, self._outbox, self._one_answered)
        error = self._room.enter(self)
        self._is_in = error is None
        if error is None:
            self._log.debug("client_connected")
        else:
            self._log.warning("client_turned_away", why=error.message)
            self._say_last(error)

    def data_received(self, data: bytes) -> None:
        """Carry out every whole line, now; of many the first few, and the rest when others have had their turn."""
        if not self._is_ending:
            self._take_some(None)  # what arrived before comes before
            self._arrived = self._lines.feed(data)
            self._arrived_us = self._room.now_us()
            self._take_some(LINES_PER_TURN)

    def eof_received(self) -> bool:
        """Take the last line, and stay for what is in flight if the client still listens."""
        self._take_some(None)
        if not self._is_ending:
            self._take(self._lines.rest(), self._room.now_us())
            self._is_ending = True
        if self._is_idle or self._is_peer_gone():
            self.close()
            return False
        return True

    def pause_writing(self) -> None:
        """The client does not read: notifications stop."""
        self._log.info("client_lags")
        self._outbox.pause()

    def resume_writing(self) -> None:
        """It has read on."""
        self._outbox.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client; its requests go on, those too whose turn had not come."""
        self._take_some(None)
        if self._grace is not None:
            self._grace.cancel()
        self._is_ending = True
        self._outbox.end()
        for read in self._reads:
            read.cancel()
        if self._telling is not None:
            self._telling.end()
        if self._is_in:
            self._room.leave(self)
            self._room.desk.drop(self._name)
            self._log.debug("client_gone", in_flight=self._in_flight)

    # ---------------------------------------------------------------- what the server says

    def close(self) -> None:
        """Take no more calls, and close once what was said is read, or after `CLOSE_GRACE_S`."""
        self._is_ending = True
        if self._grace is None and not self._transport.is_closing():
            self._outbox.close()
            self._grace = asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self._transport.abort)

    def abort(self) -> None:
        """Close at once; what was not read is lost (and in the journal)."""
        self._is_ending = True
        self._transport.abort()

    # ---------------------------------------------------------------- calls

    def _take_some(self, at_most: int | None) -> None:
        """Take lines that have arrived, up to so many; while some are left, nothing is read and the loop comes back."""
        try:
            for line in islice(self._arrived, at_most):
                if self._is_ending:  # by the line before
                    return
                is_long = self._take(line, self._arrived_us)
                if at_most is not None:
                    at_most = 0 if is_long and self._has_more() else at_most - 1
                    if not at_most:
                        break
        except LineTooLong:
            self._log.warning("line_too_long", line_bytes_max=LINE_BYTES_MAX)
            self._say_last(error_of(Reason.LINE_TOO_LONG, f"a line has at most {LINE_BYTES_MAX} bytes"))
            return
        is_full = at_most == 0
        if is_full and not self._is_ending:
            self._room.soon(partial(self._take_some, LINES_PER_TURN))
        if is_full is not self._is_paused and not self._transport.is_closing():
            self._is_paused = is_full
            (self._transport.pause_reading if is_full else self._transport.resume_reading)()

    def _has_more(self) -> bool:
        """Whether another line has arrived."""
        for line in self._arrived:
            self._arrived = chain((line,), self._arrived)
            return True
        return False

    def _take(self, line: bytes, received_us: int) -> bool:
        """Carry out one line; says whether that was as long work as many lines."""
        if not line.strip():
            return False
        call = parse(line)
        if isinstance(call, Refused):
            self._refuse(call.id, call.error)
            return False
        if not self._pace.lets_pass(received_us) and not isinstance(call.params, asked.ByeParams):
            self._refuse(call.id, self._too_fast())
            return False
        if isinstance(call.params, asked.CancelParams):  # nearly all, in no time lost to the others' patterns
            self._cancel(call.id, call.params, received_us)
            return False
        if isinstance(call.params, asked.CancelAllParams | asked.CancelBatchParams):
            self._cancel(call.id, call.params, received_us)
            return True
        self._take_other(call.id, call.params)
        return False

    def _take_other(self, call_id: bytes | None, params: Other) -> None:
        match params:
            case asked.HistoryParams() | asked.ExplainParams():
                self._start_read(call_id, params)
            case asked.BindParams():
                self._bind(call_id, params, encoded)
            case asked.HelloParams(bind=asked.BindParams() as wish):
                self._introduce(params)
                self._bind(call_id, wish, lambda bound: self._welcome(bound.binding_id))
            case _:
                self._answer_at_once(call_id, params)

    def _cancel(self, call_id: bytes | None, params: Canceling, received_us: int) -> None:
        if self._in_flight >= self._room.limits.in_flight_max:
            self._refuse(call_id, self._too_many("cancels", self._room.limits.in_flight_max))
            return
        forget, take_up = self._cancel_of(call_id, params, received_us)
        self._in_flight += 1
        try:
            take_up()
        except BadRequest as error:
            forget()
            self._in_flight -= 1
            self._refuse(call_id, error_of_bad_request(error))
        except Exception:  # noqa: BLE001 - whatever it is, an error would claim that nothing was sent: nobody knows
            self._log.exception("cancel_failed_inside", request_id=params.request_id)
            self.abort()

    def _bind(
        self, call_id: bytes | None, params: asked.BindParams, answer: Callable[[results.BoundSeen], bytes]
    ) -> None:
        """Bind; it is answered once it is written down."""

        def bound(binding_id: str, is_durable: bool) -> None:
            self._answer(call_id, answer(results.BoundSeen(binding_id, is_durable)))
            self._one_answered()

        self._in_flight += 1
        try:
            self._room.desk.bind(params, self.peer, bound)
        except BadRequest as error:
            self._in_flight -= 1
            self._refuse(call_id, error_of_bad_request(error))

    def _cancel_of(
        self, call_id: bytes | None, params: Canceling, received_us: int
    ) -> tuple[Callable[[], None], Callable[[], object]]:
        """Give two things to do with a call: have it answered by its refusal alone, and have it taken up."""
        desk, peer = self._room.desk, self.peer
        match params:
            case asked.CancelParams():
                sink = Answer(self._voice, call_id, wants_progress=params.progress)
                return sink.forget, partial(desk.cancel, params, peer, received_us, sink)
            case asked.CancelBatchParams():
                loud = frozenset(str(number) for number, item in enumerate(params.items) if item.progress)
                batch = BulkAnswer(self._voice, call_id, loud)
                return batch.forget, partial(desk.cancel_batch, params, peer, received_us, batch)
            case asked.CancelAllParams():
                whole = BulkAnswer(self._voice, call_id)
                return whole.forget, partial(desk.cancel_all, params, peer, received_us, whole)
            case _:
                assert_never(params)

    def _start_read(self, call_id: bytes | None, params: asked.HistoryParams | asked.ExplainParams) -> None:
        if len(self._reads) >= self._room.limits.reads_max:
            self._refuse(call_id, self._too_many("reads", self._room.limits.reads_max))
            return
        task = asyncio.get_running_loop().create_task(self._read(call_id, params))
        self._reads.add(task)
        task.add_done_callback(self._read_done)

    async def _read(self, call_id: bytes | None, params: asked.HistoryParams | asked.ExplainParams) -> None:
        try:
            body = await self._read_body(params)
        except BadRequest as error:
            self._refuse(call_id, error_of_bad_request(error))
        except Exception:  # noqa: BLE001 - a bug in one answer must not end the others; the client is told
            self._refuse(call_id, self._internal_error())
        else:
            self._answer(call_id, body)

    def _read_body(self, params: asked.HistoryParams | asked.ExplainParams) -> Awaitable[bytes]:
        match params:
            case asked.HistoryParams():
                return self._history(params)
            case asked.ExplainParams():
                return self._explain(params)
            case _:
                assert_never(params)

    async def _history(self, params: asked.HistoryParams) -> bytes:
        return words.history_page(await self._room.desk.history(params, self.peer))

    async def _explain(self, params: asked.ExplainParams) -> bytes:
        return words.story_page(await self._room.desk.explain(params, self.peer), params.from_step)

    def _read_done(self, task: asyncio.Task[None]) -> None:
        self._reads.discard(task)
        self._close_if_done()

    def _answer_at_once(self, call_id: bytes | None, params: AtOnce) -> None:
        try:
            body = self._body(params)
        except BadRequest as error:
            self._refuse(call_id, error_of_bad_request(error))
        except Exception:  # noqa: BLE001 - a bug in one answer must not end the others; the client is told
            self._refuse(call_id, self._internal_error())
        else:
            self._answer(call_id, body)
            self._close_if_done()

    def _body(self, params: AtOnce) -> bytes:
        desk, peer = self._room.desk, self.peer
        match params:
            case asked.PingParams():
                return encoded(results.Pong(self._room.now_us(), desk.heard(self._name)))
            case asked.HelloParams():
                self._introduce(params)
                return self._welcome()
            case asked.StatusParams():
                return encoded(msgspec.structs.replace(desk.status(peer), clients=self._room.clients()))
            case asked.OrdersParams():
                return words.orders_page(desk.orders(params, peer), params.after)
            case asked.TrackParams():
                return encoded(results.Tracked(desk.track(params, peer)))
            case asked.SubscribeParams():
                return self._subscribe(params)
            case asked.DiscoverParams():
                return encoded(document(self._room.version))
            case asked.ByeParams():
                desk.goodbye(self._name)
                self._is_ending = True
                return encoded(results.Nothing())
            case _:
                assert_never(params)

    def _introduce(self, params: asked.HelloParams) -> None:
        named = msgspec.structs.replace(self.peer.caller, client=f"{params.client} {params.version}")
        self.peer = msgspec.structs.replace(self.peer, caller=named)

    def _welcome(self, binding_id: str | None = None) -> bytes:
        limits: dict[str, int] = msgspec.structs.asdict(self._room.limits)
        welcome = self._room.desk.hello(self.peer)
        return encoded(msgspec.structs.replace(welcome, limits=limits, binding_id=binding_id))

    def _subscribe(self, params: asked.SubscribeParams) -> bytes:
        topics = frozenset(params.topics)
        telling = Telling(self._voice, topics)
        subscription = self._room.desk.subscribe(params, self.peer, telling)
        if self._subscription is not None:
            self._subscription.end()
        if self._telling is not None:
            self._telling.end()
        self._subscription, self._telling, self._voice.topics = subscription, telling, topics
        return encoded(results.Subscribed(sorted(topics), subscription.next_seq))

    # ---------------------------------------------------------------- answers

    def _answer(self, call_id: bytes | None, body: bytes) -> None:
        if call_id is None:
            return
        line = reply(call_id, body)
        if len(line) > LINE_BYTES_MAX + 1:
            self._refuse(call_id, error_of(Reason.ANSWER_TOO_LONG, f"the answer is past {LINE_BYTES_MAX} bytes"))
            return
        self._outbox.answer(line)

    def _refuse(self, call_id: bytes | None, error: RpcError) -> None:
        self._room.refusals[str(error.data["reason"])] += 1
        self._log.debug("refused", reason=error.data["reason"], why=error.message)
        if call_id is not None:
            self._outbox.answer(refusal(call_id, error))

    def _say_last(self, error: RpcError) -> None:
        self._room.refusals[str(error.data["reason"])] += 1
        self._outbox.answer(refusal(NULL, error))
        self.close()

    def _too_many(self, what: str, at_most: int) -> RpcError:
        return error_of(
            Reason.TOO_MANY_IN_FLIGHT, f"{at_most} {what} of this connection are in flight; wait for one to be answered"
        )

    def _too_fast(self) -> RpcError:
        at_most = self._room.limits.lines_per_s_max
        return error_of(Reason.TOO_FAST, f"this connection says more than {at_most} lines in a second; ask again later")

    def _internal_error(self) -> RpcError:
        self._log.exception("internal_error")
        return error_of(Reason.INTERNAL_ERROR, "this failed inside the daemon; its log says more")

    # ---------------------------------------------------------------- ends

    @property
    def _is_idle(self) -> bool:
        return self._in_flight == 0 and not self._reads

    def _one_answered(self) -> None:
        self._in_flight -= 1
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._is_ending and self._is_idle:
            self.close()

    def _overflowed(self) -> None:
        self._is_ending = True
        self._log.warning("client_does_not_read", in_flight=self._in_flight)

    def _is_peer_gone(self) -> bool:
        """Whether the peer closed both halves, so that nobody would read an answer."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))


Canceling = asked.CancelParams | asked.CancelBatchParams | asked.CancelAllParams
AtOnce = (
    asked.PingParams
    | asked.HelloParams
    | asked.StatusParams
    | asked.OrdersParams
    | asked.TrackParams
    | asked.SubscribeParams
    | asked.DiscoverParams
    | asked.ByeParams
)
Other = asked.HistoryParams | asked.ExplainParams | asked.BindParams | AtOnce
"""What `Connection` takes beside what cancels."""
