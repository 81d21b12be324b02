"""How the desk's words reach one client: a `Sink` for each cancel, and a `Listener` for the subscription.

They turn values into lines and hand them to the connection's outbox, which may leave notifications out. Which request
gets which outcome, and when, was decided before.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from daemon.edge import bulk_words, words
from protocols.control.encode import encoded, notification, refusal, reply
from protocols.control.params import Topic
from protocols.control.refusals import error_of_bad_request
from protocols.control.results import ProgressMade

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.core.records import BulkReport, Previous, Report
    from daemon.edge.desk import ConnectionId, OrderRow, Preview, Reattached, SessionRow
    from daemon.edge.outbox import Outbox
    from protocols.errors import BadRequest
    from protocols.fix import RequestId, RequestState

CORRECTIONS_REMEMBERED: Final = 256
"""How many corrections are known to have been told, so that a request that was asked twice is corrected once."""


class Voice:
    """What the sinks and the listener of one connection share. ``answered`` is called for each cancel that ended."""

    def __init__(self, connection: ConnectionId, outbox: Outbox, answered: Callable[[], None]) -> None:
        self.connection = connection
        self.outbox = outbox
        self.answered = answered
        self.topics: frozenset[Topic] = frozenset()
        self._corrected: deque[int] = deque(maxlen=CORRECTIONS_REMEMBERED)

    def correct_asker(self, report: Report, previous: Previous) -> None:
        """Tell a correction unasked, unless the client has it already or subscribes to all of them."""
        if Topic.CORRECTIONS in self.topics or report.seq in self._corrected:
            return
        self._corrected.append(report.seq)
        self.correct(report, previous)

    def correct(self, report: Report, previous: Previous) -> None:
        """Tell a correction."""
        line = notification("correction", words.correction(report, previous))
        self.outbox.notify(Topic.CORRECTIONS, report.seq, line)


class Answer:
    """The `Sink` of one cancel. A call without an id (``call_id`` None) is told nothing."""

    __slots__ = ("_call_id", "_is_done", "_told", "_voice", "wants_progress")

    def __init__(self, voice: Voice, call_id: bytes | None, *, wants_progress: bool) -> None:
        self._voice = voice
        self._call_id = call_id
        self.wants_progress = wants_progress and call_id is not None
        self._told: set[RequestState] = set()
        self._is_done = False

    @property
    def connection(self) -> ConnectionId:
        """The client's connection."""
        return self._voice.connection

    def progress(self, request_id: RequestId, state: RequestState) -> None:
        """Tell a state once, if it was asked for, and not after the result."""
        if self.wants_progress and not self._is_done and state not in self._told:
            self._told.add(state)
            self._voice.outbox.mention(notification("progress", encoded(ProgressMade(request_id, state))))

    def result(self, report: Report, history: Reattached | None = None) -> None:
        """Answer the call, once."""
        if self._is_done:
            return
        self._is_done = True
        if self._call_id is not None:
            body = words.result(report) if history is None else words.reattached(report, history)
            self._voice.outbox.answer(reply(self._call_id, body))
        self._voice.answered()

    def correction(self, report: Report, previous: Previous) -> None:
        """Tell a correction of what was answered."""
        if self._call_id is not None:
            self._voice.correct_asker(report, previous)

    def refuse(self, why: BadRequest) -> None:
        """Answer the call with an error, once: it turned out late that no request came of it."""
        if self._is_done:
            return
        self._is_done = True
        if self._call_id is not None:
            self._voice.outbox.answer(refusal(self._call_id, error_of_bad_request(why)))
        self._voice.answered()

    def forget(self) -> None:
        """The call was refused: nothing will be told any more, and it does not count as answered here."""
        self._is_done = True
        self._call_id = None


class BulkAnswer:
    """The `BulkSink` of one call. A call without an id (``call_id`` None) is told nothing.

    ``wants_progress_of`` are the numbers of the orders whose progress was asked for.
    """

    __slots__ = ("_call_id", "_is_done", "_voice", "_wants_progress_of", "wants_progress")

    def __init__(self, voice: Voice, call_id: bytes | None, wants_progress_of: frozenset[str] = frozenset()) -> None:
        self._voice = voice
        self._call_id = call_id
        self._wants_progress_of = wants_progress_of
        self.wants_progress = bool(wants_progress_of) and call_id is not None
        self._is_done = False

    @property
    def connection(self) -> ConnectionId:
        """The client's connection."""
        return self._voice.connection

    def progress(self, request_id: RequestId, state: RequestState) -> None:
        """Tell a state of one order's request, if that was asked for."""
        if self.wants_progress and not self._is_done and request_id.rpartition("/")[2] in self._wants_progress_of:
            self._voice.outbox.mention(notification("progress", encoded(ProgressMade(request_id, state))))

    def outcome(self, report: Report) -> None:
        """Tell what became of an order, unless the client subscribes to all outcomes."""
        if self._call_id is not None and not self._is_done and Topic.OUTCOMES not in self._voice.topics:
            line = notification("outcome", words.result(report))
            self._voice.outbox.notify(Topic.OUTCOMES, report.seq, line)

    def correction(self, report: Report, previous: Previous) -> None:
        """Tell a correction of what became of an order."""
        if self._call_id is not None:
            self._voice.correct_asker(report, previous)

    def result(self, report: BulkReport, *, is_durable: bool) -> None:
        """Answer the call, once."""
        self._answer(lambda call_id: reply(call_id, bulk_words.result(report, is_durable=is_durable)))

    def bulk_correction(self, report: BulkReport, previous: BulkReport, *, is_durable: bool) -> None:
        """Tell a correction of the answer, if that was told."""
        if self._call_id is not None and self._is_done:
            said = bulk_words.correction(report, previous, is_durable=is_durable)
            self._voice.outbox.answer(notification("bulk_correction", said))

    def preview(self, found: Preview) -> None:
        """Answer a dry run, once."""
        self._answer(lambda call_id: reply(call_id, bulk_words.preview(found)))

    def refuse(self, why: BadRequest) -> None:
        """Answer the call with an error, once."""
        self._answer(lambda call_id: refusal(call_id, error_of_bad_request(why)))

    def _answer(self, write: Callable[[bytes], bytes]) -> None:
        if self._is_done:
            return
        self._is_done = True
        if self._call_id is not None:
            self._voice.outbox.answer(write(self._call_id))
        self._voice.answered()

    def forget(self) -> None:
        """The call was refused: nothing will be told any more, and it does not count as answered here."""
        self._is_done = True
        self._call_id = None


class Telling:
    """The `Listener` of one subscription. After `end` it is silent."""

    __slots__ = ("_is_over", "_topics", "_voice")

    def __init__(self, voice: Voice, topics: frozenset[Topic]) -> None:
        self._voice = voice
        self._topics = topics
        self._is_over = False

    @property
    def connection(self) -> ConnectionId:
        """The client's connection."""
        return self._voice.connection

    def outcome(self, report: Report) -> None:
        """Tell an outcome."""
        if self._wants(Topic.OUTCOMES):
            self._voice.outbox.notify(Topic.OUTCOMES, report.seq, notification("outcome", words.result(report)))

    def correction(self, report: Report, previous: Previous) -> None:
        """Tell a correction."""
        if self._wants(Topic.CORRECTIONS):
            self._voice.correct(report, previous)

    def order(self, row: OrderRow, seq: int) -> None:
        """Tell that an order changed."""
        if self._wants(Topic.ORDERS):
            self._voice.outbox.notify(Topic.ORDERS, seq, notification("order", words.order_moved(row, seq)))

    def session(self, row: SessionRow, seq: int) -> None:
        """Tell that a channel came or went."""
        if self._wants(Topic.SESSIONS):
            self._voice.outbox.notify(Topic.SESSIONS, seq, notification("session", words.session_moved(row, seq)))

    def gap(self, topic: Topic, from_seq: int, to_seq: int) -> None:
        """Tell what cannot be told any more."""
        if self._wants(topic):
            self._voice.outbox.skip(topic, from_seq, to_seq)

    async def drained(self) -> bool:
        """Wait until the client has read on; False if it is gone or has subscribed anew."""
        return await self._voice.outbox.drained() and not self._is_over

    def end(self) -> None:
        """Be silent from now on."""
        self._is_over = True

    def _wants(self, topic: Topic) -> bool:
        return topic in self._topics and not self._is_over
